"""HTTPRoutes and GRPCRoutes: their rules as proxies read them.

*Source:* policy-controller/k8s/index/src/routes/{http,grpc}.rs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from mesh.control.policy.objects import Obj, meta, spec
from mesh.messages import HeaderFilter, PolicyRef, RedirectFilter, RouteFilter, RouteMatch, ValueMatch

__all__ = ["ROUTES", "InvalidRoute", "filters", "group_of", "hosts", "matches", "parents", "route_ref"]

# gRPC routes win over HTTP routes on one parent.
ROUTES = ("GRPCRoute", "HTTPRoute")
PATHS = {"Exact": "exact", "PathPrefix": "prefix", "RegularExpression": "regex"}
CORE = ("", "core")


class InvalidRoute(Exception):
    """A part of a route that no proxy could obey."""


def group_of(obj: Obj) -> str:
    """The API group of an object."""
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def route_ref(route: Obj) -> PolicyRef:
    """A route as labels name it."""
    found = meta(route)
    return PolicyRef(
        group_of(route), route.get("kind", ""), found.get("name", ""), found.get("namespace", "")
    )


def parents(route: Obj) -> Iterator[tuple[str, str, str, int | None]]:
    """Kind, namespace, name and port of what a route is attached to."""
    own = meta(route).get("namespace", "")
    for each in spec(route).get("parentRefs") or ():
        yield (
            each.get("kind", "Gateway"),
            each.get("namespace") or own,
            each.get("name", ""),
            each.get("port"),
        )


def hosts(route: Obj) -> tuple[str, ...]:
    """The hosts a route is for; empty for any."""
    return tuple(spec(route).get("hostnames") or ())


def matches(rule: Mapping[str, Any], *, grpc: bool) -> tuple[RouteMatch, ...]:
    """The matches of a rule; one that takes everything when there is none."""
    found = tuple(_grpc(each) if grpc else _http(each) for each in rule.get("matches") or ())
    return found or (RouteMatch(),)


def _http(match: Mapping[str, Any]) -> RouteMatch:
    path = match.get("path") or {}
    kind = PATHS.get(path.get("type", "PathPrefix"))
    if kind is None:
        raise InvalidRoute(f"path type {path.get('type')!r}: expected {', '.join(PATHS)}")
    return RouteMatch(
        path.get("value") or "/",
        kind,
        tuple(_value(each, lower=True) for each in match.get("headers") or ()),
        tuple(_value(each) for each in match.get("queryParams") or ()),
        match.get("method"),
    )


def _grpc(match: Mapping[str, Any]) -> RouteMatch:
    method = match.get("method") or {}
    if method.get("type", "Exact") != "Exact":
        raise InvalidRoute("gRPC methods match exactly only")
    return RouteMatch(
        headers=tuple(_value(each, lower=True) for each in match.get("headers") or ()),
        method=method.get("method") or "",
        service=method.get("service") or "",
    )


def _value(match: Mapping[str, Any], *, lower: bool = False) -> ValueMatch:
    name = str(match.get("name", ""))
    kind = "regex" if match.get("type") == "RegularExpression" else "exact"
    return ValueMatch(name.lower() if lower else name, str(match.get("value", "")), kind)


def filters(entries: Any, *, responses: bool = True) -> tuple[RouteFilter, ...]:
    """The filters of a rule or backend.

    Args:
        responses: whether response headers may be changed; where not, they are taken for the request's, as
            upstream does for its own HTTPRoutes.

    Raises:
        InvalidRoute: a kind of filter that is not supported.
    """
    return tuple(_filter(each, responses) for each in entries or ())


def _filter(entry: Mapping[str, Any], responses: bool) -> RouteFilter:
    kind = entry.get("type")
    if kind == "RequestHeaderModifier":
        return _headers(entry.get("requestHeaderModifier") or {}, response=False)
    if kind == "ResponseHeaderModifier":
        return _headers(entry.get("responseHeaderModifier") or {}, response=responses)
    if kind == "RequestRedirect":
        return _redirect(entry.get("requestRedirect") or {})
    raise InvalidRoute(f"filter {kind!r} is not supported")


def _headers(change: Mapping[str, Any], *, response: bool) -> HeaderFilter:
    def pairs(name: Literal["add", "set"]) -> tuple[tuple[str, str], ...]:
        return tuple((each["name"].lower(), str(each["value"])) for each in change.get(name) or ())

    removed = tuple(name.lower() for name in change.get("remove") or ())
    return HeaderFilter(pairs("add"), pairs("set"), removed, response)


def _redirect(rule: Mapping[str, Any]) -> RedirectFilter:
    path = rule.get("path") or {}
    prefix = path.get("type") == "ReplacePrefixMatch"
    return RedirectFilter(
        int(rule.get("statusCode") or 301),
        rule.get("scheme"),
        rule.get("hostname"),
        rule.get("port"),
        path.get("replacePrefixMatch") if prefix else path.get("replaceFullPath"),
        "prefix" if prefix else "full",
    )
