"""Environment variables as Go programs read them."""

import re

__all__ = ["go_duration", "go_float", "go_int"]

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def go_duration(text: str, default: float = 0.0) -> float:
    """Seconds of a Go duration (``1m30s``, ``250ms``); ``default`` when it is none."""
    total, position = 0.0, 0
    while match := PART.match(text, position):
        total += float(match[1]) * UNITS[match[2]]
        position = match.end()
    return total if text and position == len(text) else default


def go_float(text: str) -> float:
    """A float; 0 when unparsable, as strconv's callers in emojivoto take it."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def go_int(text: str, default: int) -> int:
    """An integer; ``default`` when unparsable."""
    try:
        return int(text)
    except ValueError:
        return default
