"""Classification: whether a response was a success.

*Source:* linkerd2-proxy ``app/core/src/classify.rs``, ``service-profiles/src/http.rs``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from mesh.grpc import FAILURES

__all__ = [
    "FAILURES",
    "Classifier",
    "InvalidResponseClass",
    "default",
    "grpc_success",
    "http_success",
    "profile",
]

# (the request is gRPC, HTTP status, gRPC status or None) -> success
Classifier: TypeAlias = Callable[[bool, int, int | None], bool]
Matcher: TypeAlias = Callable[[int], bool]


class InvalidResponseClass(Exception):
    """A response class of a ServiceProfile that says nothing, or something unknown."""


def http_success(status: int) -> bool:
    """Anything but 500 to 599."""
    return not 500 <= status <= 599


def grpc_success(code: int | None) -> bool:
    """By gRPC status. None anywhere counts as success, and the HTTP status is not looked at."""
    return code not in FAILURES


def default(grpc: bool, status: int, code: int | None) -> bool:
    """The classifier of every request that no profile says otherwise about."""
    return code not in FAILURES if grpc else not 500 <= status <= 599


def profile(classes: Sequence[Mapping[str, Any]]) -> Classifier:
    """The classifier of a ServiceProfile route's ``responseClasses``: the first that matches decides.

    None matching: a gRPC status if there is one, else the HTTP status. An empty list is the default one.

    Raises:
        InvalidResponseClass: a condition is not one of ``status``, ``all``, ``any``, ``not``.
    """
    if not classes:
        return default
    rules = [(_matcher(entry.get("condition") or {}), not entry.get("isFailure", False)) for entry in classes]

    def classify(grpc: bool, status: int, code: int | None) -> bool:
        for matches, success in rules:
            if matches(status):
                return success
        return code not in FAILURES if code is not None or grpc else not 500 <= status <= 599

    return classify


def _matcher(condition: Mapping[str, Any]) -> Matcher:
    """A condition as a function of the status; its fields are joined by "and"."""
    parts: list[Matcher] = []
    for field, value in condition.items():
        if field == "status":
            parts.append(_status(value))
        elif field == "not":
            parts.append(_negation(_matcher(value)))
        elif field in ("all", "any"):
            parts.append(_several(all if field == "all" else any, [_matcher(one) for one in value]))
        else:
            raise InvalidResponseClass(
                f"response class condition {field!r}: expected status, all, any or not"
            )
    if not parts:
        raise InvalidResponseClass("response class without a condition")
    return _several(all, parts)


def _status(bounds: Mapping[str, Any]) -> Matcher:
    """A status range; a lone bound is both."""
    low = bounds.get("min") or bounds.get("max")
    high = bounds.get("max") or low
    if low is None or high is None:
        raise InvalidResponseClass("response class status range without min and max")
    return lambda status: low <= status <= high


def _negation(inner: Matcher) -> Matcher:
    return lambda status: not inner(status)


def _several(quantifier: Callable[[list[bool]], bool], parts: list[Matcher]) -> Matcher:
    return lambda status: quantifier([part(status) for part in parts])
