"""Dates of simulated time: t = 0 has a date, and ages, certificates and timestamps derive from it."""

from datetime import UTC, datetime, timedelta

__all__ = ["Calendar"]

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Calendar:
    """Maps seconds since the start of a run to dates and back.

    Args:
        start: the date of t = 0, RFC 3339 in UTC (``2020-07-15T09:00:00Z``).

    Raises:
        ValueError: ``start`` is not such a date.
    """

    def __init__(self, start: str) -> None:
        self.start = datetime.strptime(start, FORMAT).replace(tzinfo=UTC)
        self.epoch = self.start.timestamp()

    def date(self, seconds: float) -> datetime:
        """The date ``seconds`` after the start."""
        return self.start + timedelta(seconds=seconds)

    def timestamp(self, seconds: float) -> str:
        """The RFC 3339 text, whole seconds, as Kubernetes writes it."""
        return self.date(seconds).strftime(FORMAT)

    def seconds(self, timestamp: str) -> float:
        """Seconds since the start of an RFC 3339 text; negative before it."""
        return datetime.strptime(timestamp, FORMAT).replace(tzinfo=UTC).timestamp() - self.epoch
