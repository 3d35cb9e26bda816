"""Matching: whether one match, or one host, takes a request, and how specific it was.

A specificity is a tuple that compares as the routes do: the greater one wins.

*Source:* linkerd2-proxy http/route/src/{http,grpc}, http/match/src.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import unquote_plus

from mesh.messages import RouteMatch, ValueMatch

__all__ = ["InvalidMatch", "Specificity", "grpc_match", "host_match", "http_match", "path_length"]

Specificity: TypeAlias = tuple[int, ...]
Match: TypeAlias = Callable[[str, str, Mapping[str, str] | None], Specificity | None]

ANY_HOST = (0, 0)


class InvalidMatch(Exception):
    """A match that cannot be understood: an expression that is none, a kind that does not exist."""


def host_match(patterns: tuple[str, ...], host: str) -> Specificity | None:
    """How specifically the best of ``patterns`` takes ``host``; (0, 0) when there is no pattern at all.

    Exact beats suffix beats none, then the longer pattern. Case does not matter; a dot at the end of the
    request's host is dropped unless the pattern has one; ``*.`` stands for at least one label.
    """
    if not patterns:
        return ANY_HOST
    return max((found for pattern in patterns if (found := _one_host(pattern, host))), default=None)


def _one_host(pattern: str, host: str) -> Specificity | None:
    pattern, host = pattern.lower(), host.lower()
    if not pattern.endswith("."):
        host = host.removesuffix(".")
    if pattern.startswith("*."):
        suffix = pattern[1:]
        return (1, len(suffix)) if host.endswith(suffix) and len(host) > len(suffix) else None
    return (2, len(pattern)) if pattern == host else None


def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidMatch(f"{text!r} is no regular expression: {error}") from None


def _covers(expression: re.Pattern[str], value: str) -> bool:
    """Whether the leftmost match is the whole value."""
    found = expression.search(value)
    return found is not None and found.span() == (0, len(value))


def path_length(kind: str, pattern: str) -> Callable[[str], int | None]:
    """How many characters of a path a pattern takes; None when it does not match.

    Raises:
        InvalidMatch: for an unknown kind or an expression that is none.
    """
    if kind == "exact":
        return lambda path: len(pattern) if path == pattern else None
    if kind == "regex":
        expression = _expression(pattern)
        return lambda path: len(path) if _covers(expression, path) else None
    if kind != "prefix":
        raise InvalidMatch(f"path kind {kind!r}: expected prefix, exact or regex")
    stem = pattern.rstrip("/")
    if not stem:
        return lambda path: 1
    below = stem + "/"
    return lambda path: len(stem) if path == stem or path.startswith(below) else None


def _value(match: ValueMatch) -> Callable[[str], bool]:
    if match.kind == "exact":
        return lambda value: value == match.value
    if match.kind != "regex":
        raise InvalidMatch(f"value kind {match.kind!r}: expected exact or regex")
    expression = _expression(match.value)
    return lambda value: _covers(expression, value)


def _headers(matches: tuple[ValueMatch, ...]) -> Callable[[Mapping[str, str] | None], bool]:
    """Whether all are there. A header of several values, one a line, matches by any of them."""
    tests = [(match.name.lower(), _value(match)) for match in matches]

    def matched(headers: Mapping[str, str] | None) -> bool:
        return all(
            headers is not None
            and name in headers
            and any(test(value) for value in headers[name].split("\n"))
            for name, test in tests
        )

    return matched


def _query(matches: tuple[ValueMatch, ...]) -> Callable[[str], bool]:
    """Whether each is met by some parameter; one without ``=`` is the empty text."""
    tests = [(match.name, _value(match)) for match in matches]

    def matched(query: str) -> bool:
        pairs = [part.partition("=") for part in query.split("&") if part]
        values = [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
        return all(any(key == name and test(value) for key, value in values) for name, test in tests)

    return matched


def http_match(match: RouteMatch) -> Match:
    """A test of (method, path with query, headers) for an HTTP match.

    The specificity is (path length, headers, query parameters, method); the kind of path is not
    compared.

    Raises:
        InvalidMatch: as `path_length`.
    """
    length = path_length(match.path_kind, match.path)
    headers, query = _headers(match.headers), _query(match.query)
    rest = (len(match.headers), len(match.query), int(match.method is not None))

    def matched(method: str, path: str, given: Mapping[str, str] | None) -> Specificity | None:
        bare, _, parameters = path.partition("?")
        if match.method is not None and match.method != method:
            return None
        taken = length(bare)
        if taken is None or not headers(given) or not query(parameters):
            return None
        return (taken, *rest)

    return matched


def grpc_match(match: RouteMatch) -> Match:
    """The same for a gRPC match, which takes only POSTs of ``/service/method``.

    The specificity is (service length, method length, headers).

    Raises:
        InvalidMatch: a header's expression is none.
    """
    headers = _headers(match.headers)
    wanted = match.method or ""
    found = (len(match.service), len(wanted), len(match.headers))

    def matched(method: str, path: str, given: Mapping[str, str] | None) -> Specificity | None:
        parts = path.partition("?")[0].split("/")
        if method != "POST" or len(parts) != 3 or parts[0] or not parts[1] or not parts[2]:
            return None
        if (match.service and match.service != parts[1]) or (wanted and wanted != parts[2]):
            return None
        return found if headers(given) else None

    return matched
