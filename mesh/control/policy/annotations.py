"""Annotations of Services and routes: retries, timeouts, breakers, penalties.

*Source:* policy-controller/k8s/index/src/outbound/index{,/http,/grpc}.rs.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from mesh.messages import FailureAccrual, PenaltyRule, RetryRule, StreamTimeouts

__all__ = ["InvalidAnnotation", "accrual", "duration", "penalty", "retry", "timeouts"]

T = TypeVar("T")
Marks: TypeAlias = Mapping[str, str]

INFINITY = float("inf")
RETRY, TIMEOUT = "retry.linkerd.io/", "timeout.linkerd.io/"
ACCRUAL = "balancer.linkerd.io/failure-accrual"
ALPHA = "balancer.alpha.linkerd.io/"

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"([0-9]+)([a-z]*)", re.ASCII)
STATUSES = re.compile(r"([0-9]{3})(?:-([0-9]{3}))?", re.ASCII)
CONDITIONS = {"5xx": (500, 599), "gateway-error": (502, 504)}
GRPC = {"cancelled": 1, "deadline-exceeded": 4, "resource-exhausted": 8, "internal": 13, "unavailable": 14}
MOST_REQUESTS = 1_000_000


class InvalidAnnotation(Exception):
    """A value that says nothing; the message names the annotation."""


def duration(text: str) -> float:
    """Seconds of ``250ms``, ``10s``, ``1m``; a bare number only when it is 0.

    Raises:
        InvalidAnnotation: anything else.
    """
    match = DURATION.fullmatch(text.strip())
    if match:
        number, unit = match.groups()
        if unit in UNITS:
            return int(number) * UNITS[unit]
        if not unit and int(number) == 0:
            return 0.0
    raise InvalidAnnotation(f"{text!r} is not a duration: expected digits and one of {', '.join(UNITS)}")


def _read(marks: Marks, key: str, parse: Callable[[str], T], default: T) -> T:
    text = marks.get(key)
    if text is None:
        return default
    try:
        return parse(text)
    except (InvalidAnnotation, ValueError) as error:
        raise InvalidAnnotation(f"{key}: {error}") from None


def timeouts(marks: Marks) -> StreamTimeouts | None:
    """What ``timeout.linkerd.io/*`` says; None without any of them. ``0`` is no timeout.

    Raises:
        InvalidAnnotation: a value cannot be read.
    """
    if not any(key.startswith(TIMEOUT) for key in marks):
        return None
    request, response, idle = (
        _read(marks, TIMEOUT + name, duration, 0.0) or INFINITY for name in ("request", "response", "idle")
    )
    return StreamTimeouts(request, response, idle)


def retry(marks: Marks) -> RetryRule | None:
    """What ``retry.linkerd.io/*`` says; None without any of them. A limit of 0 counts as unset.

    Raises:
        InvalidAnnotation: a value cannot be read; one unknown condition makes all of it invalid.
    """
    if not any(key.startswith(RETRY) for key in marks):
        return None
    return RetryRule(
        _read(marks, RETRY + "http", _http_conditions, ()),
        _read(marks, RETRY + "grpc", _grpc_conditions, frozenset()),
        _read(marks, RETRY + "limit", int, 0) or 1,
        _read(marks, RETRY + "timeout", duration, 0.0) or INFINITY,
    )


def _http_conditions(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(_statuses(part.strip()) for part in text.split(","))


def _statuses(text: str) -> tuple[int, int]:
    if text.lower() in CONDITIONS:
        return CONDITIONS[text.lower()]
    match = STATUSES.fullmatch(text)
    if match:
        low, high = int(match[1]), int(match[2] or match[1])
        if 100 <= low <= high <= 599:
            return low, high
    raise InvalidAnnotation(f"{text!r}: expected 5xx, gateway-error, a status or a range of statuses")


def _grpc_conditions(text: str) -> frozenset[int]:
    names = [part.strip().lower() for part in text.split(",")]
    for name in names:
        if name not in GRPC:
            raise InvalidAnnotation(f"{name!r}: expected one of {', '.join(GRPC)}")
    return frozenset(GRPC[name] for name in names)


def accrual(marks: Marks) -> FailureAccrual | None:
    """What ``balancer.linkerd.io/failure-accrual*`` says; None when there is no breaker.

    Raises:
        InvalidAnnotation: the mode is unknown, or a value out of range.
    """
    mode = marks.get(ACCRUAL)
    if mode is None:
        return None
    if mode not in ("consecutive", "unified"):
        raise InvalidAnnotation(f"{ACCRUAL}: {mode!r}: expected consecutive or unified")
    base, rate = ACCRUAL + "-consecutive-", ALPHA + "failure-accrual-success-rate-"
    found = FailureAccrual(
        mode,
        _read(marks, base + "max-failures", _count, 7),
        _read(marks, base + "min-penalty", duration, 1.0),
        _read(marks, base + "max-penalty", duration, 60.0),
        _read(marks, base + "jitter-ratio", _ratio(100.0), 0.5),
        _read(marks, rate + "threshold", _ratio(1.0), 0.8),
        _read(marks, rate + "window", duration, 10.0),
        _read(marks, rate + "min-requests", _count, 5),
    )
    if not 0 < found.min_penalty <= found.max_penalty:
        raise InvalidAnnotation(f"{base}min-penalty: expected more than 0 and at most the max-penalty")
    if found.max_failures < 1 and mode == "consecutive":
        raise InvalidAnnotation(f"{base}max-failures: expected at least 1")
    if found.min_requests > MOST_REQUESTS:
        raise InvalidAnnotation(f"{rate}min-requests: expected at most {MOST_REQUESTS}")
    return found


def penalty(marks: Marks) -> PenaltyRule | None:
    """What ``balancer.alpha.linkerd.io/penalize-failures`` and its like say; None when they are off.

    Raises:
        InvalidAnnotation: a value cannot be read.
    """
    if marks.get(ALPHA + "penalize-failures", "").lower() != "true":
        return None
    return PenaltyRule(
        _read(marks, ALPHA + "load-biaser-penalty", duration, 5.0),
        _read(marks, ALPHA + "load-biaser-max-retry-after", duration, 300.0),
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise InvalidAnnotation(f"{text!r}: expected a number that is not negative")
    return number


def _ratio(most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = float(text)
        if math.isnan(number) or not 0.0 <= number <= most:
            raise InvalidAnnotation(f"{text!r}: expected 0 to {most:g}")
        return number

    return parse
