"""Cron schedules of five fields, and when they are next due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

__all__ = ["BadSchedule", "Schedule"]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SHORTHANDS: Mapping[str, str] = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
YEARS_AHEAD = 5  # a schedule that is not due within five years (30 February) never is


class BadSchedule(ValueError):
    """The text is not a cron schedule."""


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + first
    return int(text)


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The values of one field: ``*``, ``?``, lists, ranges, steps, names."""
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        try:
            stride = int(step) if step else 1
            if span in ("*", "?"):
                begin, end = low, high
            elif "-" in span:
                begin, end = (_number(edge, names, low) for edge in span.split("-"))
            else:
                begin = _number(span, names, low)
                end = high if step else begin
        except ValueError:
            raise BadSchedule(f"{part!r} is no field of a schedule") from None
        if not low <= begin <= end <= high or stride < 1:
            raise BadSchedule(f"{part!r} lies outside {low}-{high}")
        values.update(range(begin, end + 1, stride))
    return frozenset(values)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule; times are UTC, Sunday is 0 (and, as in Kubernetes, never 7).

    Attributes:
        day_free, weekday_free: the field is a star. With neither, a day suffices that either field names.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    day_free: bool
    weekday_free: bool

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Parse ``*/5 9-17 * * mon-fri`` and the shorthands (``@hourly``).

        Raises:
            BadSchedule: it is neither.
        """
        parts = SHORTHANDS.get(text.strip(), text).split()
        if len(parts) != 5:
            raise BadSchedule(f"expected exactly 5 fields, found {len(parts)}: {text!r}")
        return cls(
            minutes=_field(parts[0], 0, 59),
            hours=_field(parts[1], 0, 23),
            days=_field(parts[2], 1, 31),
            months=_field(parts[3], 1, 12, MONTHS),
            weekdays=_field(parts[4], 0, 6, DAYS),
            day_free=parts[2][0] in "*?",
            weekday_free=parts[4][0] in "*?",
        )

    def _day_matches(self, date: datetime) -> bool:
        """Both day fields if one is a star, else either. *Source:* crontab(5)."""
        by_day = date.day in self.days
        by_weekday = (date.weekday() + 1) % 7 in self.weekdays
        return by_day and by_weekday if self.day_free or self.weekday_free else by_day or by_weekday

    def next_after(self, date: datetime) -> datetime | None:
        """The first due minute after ``date``; None if there is none within five years."""
        due = date.replace(second=0, microsecond=0) + timedelta(minutes=1)
        limit = due + timedelta(days=366 * YEARS_AHEAD)
        while due < limit:
            if due.month not in self.months:
                due = (due.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
            elif not self._day_matches(due):
                due = due.replace(hour=0, minute=0) + timedelta(days=1)
            elif due.hour not in self.hours:
                due = due.replace(minute=0) + timedelta(hours=1)
            elif due.minute not in self.minutes:
                due += timedelta(minutes=1)
            else:
                return due
        return None
