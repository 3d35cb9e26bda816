"""Columns of text as Go's tabwriter aligns them, and durations as kubectl writes them."""

from datetime import UTC, datetime

__all__ = ["age", "align", "human_duration", "instant", "long_date", "rows"]

MINUTE = 60
HOUR = 3600
DAY = 86_400
YEAR = 365 * DAY


def align(text: str, *, minimum: int = 0, padding: int = 2) -> str:
    """``text`` with its tab-terminated cells padded to columns.

    A column is a run of consecutive lines that have a cell at that place; the last cell of a line belongs
    to no column. *Source:* Go's text/tabwriter with spaces for padding, as kubectl uses it.

    Args:
        minimum: least width of a column, padding included.
        padding: spaces after the longest cell of a column.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    _pad(lines, 0, len(lines), 0, minimum, padding)
    return "\n".join("".join(cells) for cells in lines)


def _pad(lines: list[list[str]], start: int, end: int, column: int, minimum: int, padding: int) -> None:
    """Pad ``column`` of the runs of lines in [start, end) that have it, then what stands right of it."""
    row = start
    while row < end:
        if len(lines[row]) <= column + 1:
            row += 1
            continue
        stop = row
        while stop < end and len(lines[stop]) > column + 1:
            stop += 1
        width = max(minimum, padding + max(len(lines[r][column]) for r in range(row, stop)))
        # The run must be padded from the right: deeper columns see whole runs, and widths are of bare text.
        _pad(lines, row, stop, column + 1, minimum, padding)
        for r in range(row, stop):
            lines[r][column] = lines[r][column].ljust(width)
        row = stop


def rows(table: list[list[str]]) -> str:
    """Lines of a table as ``kubectl get`` prints them: three spaces between columns, none at the end."""
    return align("\n".join("\t".join(cells) for cells in table), minimum=6, padding=3)


def instant(timestamp: str) -> float:
    """Unix seconds of an RFC 3339 time in UTC, with or without a fraction.

    Raises:
        ValueError: it is not one.
    """
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def age(timestamp: object, now: float) -> str:
    """How long ago ``timestamp`` was, ``<unknown>`` when there is none."""
    if not isinstance(timestamp, str) or not timestamp:
        return "<unknown>"
    return human_duration(now - instant(timestamp))


def human_duration(seconds: float) -> str:
    """A length of time in at most two units, coarser as it grows.

    *Source:* apimachinery's duration.HumanDuration.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 10 * MINUTE:
        return _two(whole, MINUTE, "m", 1, "s")
    if whole < 3 * HOUR:
        return f"{whole // MINUTE}m"
    if whole < 8 * HOUR:
        return _two(whole, HOUR, "h", MINUTE, "m")
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    if whole < 8 * DAY:
        return _two(whole, DAY, "d", HOUR, "h")
    if whole < 2 * YEAR:
        return f"{whole // DAY}d"
    if whole < 8 * YEAR:
        return _two(whole, YEAR, "y", DAY, "d")
    return f"{whole // YEAR}y"


def _two(whole: int, unit: int, name: str, lesser: int, lesser_name: str) -> str:
    """``3m14s``; the lesser unit only when it is not zero."""
    rest = whole % unit // lesser
    return f"{whole // unit}{name}{rest}{lesser_name}" if rest else f"{whole // unit}{name}"


def long_date(timestamp: str) -> str:
    """``Wed, 15 Jul 2020 09:00:00 +0000``, the form of ``kubectl describe``."""
    return datetime.fromtimestamp(instant(timestamp), UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
