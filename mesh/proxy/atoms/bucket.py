"""A token bucket kept as one time stamp: GCRA.

*Source:* the ``governor`` crate as linkerd2-proxy's ``local_rate_limit.rs`` uses it.
"""

__all__ = ["Bucket"]

NANOS = 1_000_000_000


class Bucket:
    """Lets ``rps`` requests through at once when fresh, then one each 1/rps seconds.

    Refused requests cost nothing.
    """

    __slots__ = ("_arrival", "_interval", "_tolerance", "rps")

    def __init__(self, rps: int) -> None:
        self.rps = rps
        self._interval = NANOS // rps
        self._tolerance = self._interval * (rps - 1)
        self._arrival: int | None = None  # theoretical arrival time of the next request, ns

    def admit(self, now: float) -> bool:
        """Whether a request at ``now`` (seconds) may pass; if so it is counted."""
        stamp = round(now * NANOS)
        arrival = stamp if self._arrival is None else self._arrival
        if stamp < arrival - self._tolerance:
            return False
        self._arrival = max(arrival, stamp) + self._interval
        return True
