"""Durations and quantities as scenarios write them."""

import re
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["Duration", "parse_duration"]

UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|m|h|d)\s*")


def parse_duration(value: object) -> float:
    """Seconds of ``250ms``, ``10s``, ``1.5m``, ``1h``; a bare 0 is allowed.

    Raises:
        ValueError: anything else, a number without a unit included.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    match = PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a duration such as 250ms, 10s or 1m, not {value!r}")
    return float(match[1]) * UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(parse_duration)]
