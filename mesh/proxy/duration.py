"""Durations as Linkerd and Go write them."""

import re

__all__ = ["InvalidDuration", "go_duration", "proxy_duration"]

# Seconds in each unit.
PROXY_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
GO_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

PROXY_FORM = re.compile(r"\s*([0-9]+)([a-z]*)\s*", re.ASCII)
GO_FORM = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")


class InvalidDuration(Exception):
    """A text that is no duration."""


def proxy_duration(text: str) -> float:
    """Seconds of a proxy's environment variable: ``23ms``, ``1m``, ``0``.

    Optional blanks around digits with one unit of ms, s, m, h, d; no fractions, no blank before the unit; a
    bare number only when it is 0. *Source:* linkerd2-proxy app/src/env/types.rs.

    Raises:
        InvalidDuration: anything else.
    """
    match = PROXY_FORM.fullmatch(text)
    if match:
        number, unit = match.groups()
        if unit in PROXY_UNITS:
            return int(number) * PROXY_UNITS[unit]
        if not unit and int(number) == 0:
            return 0.0
    raise InvalidDuration(f"{text!r} is not a duration: expected digits and one of {', '.join(PROXY_UNITS)}")


def go_duration(text: str) -> float:
    """Seconds of a Kubernetes resource's duration: ``300ms``, ``1m30s``, ``1.5h``, ``0``.

    Raises:
        InvalidDuration: it is not what Go's ``time.ParseDuration`` takes, or is negative.
    """
    if text == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(text):
        match = GO_FORM.match(text, position)
        if match is None:
            break
        total += float(match[1]) * GO_UNITS[match[2]]
        position = match.end()
    if not text or position < len(text):
        raise InvalidDuration(f"{text!r} is not a duration: expected for instance 300ms, 10s or 1m30s")
    return total
