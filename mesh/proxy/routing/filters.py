"""Filters: what a rule or backend does to requests and responses by itself.

*Source:* linkerd2-proxy http/route/src/{http,grpc}/filter.
"""

import random
from collections.abc import Sequence
from urllib.parse import urlsplit

from mesh.messages import (
    HeaderFilter,
    InjectFilter,
    RedirectFilter,
    Request,
    Response,
    RouteFilter,
    RouteMatch,
)
from mesh.proxy.routing.table import host_of

__all__ = ["INVALID_REDIRECT", "apply", "apply_response", "redirect"]

INVALID_REDIRECT = "invalid redirect"
DEFAULT_PORTS = {"http": 80, "https": 443}


def apply(
    filters: Sequence[RouteFilter], request: Request, match: RouteMatch, rng: random.Random
) -> Response | str | None:
    """Run request filters in order.

    Returns:
        None to go on, the request's headers changed; a response that a filter gave instead; or an error of
        `mesh.proxy.layers.rescue`.
    """
    for each in filters:
        if isinstance(each, HeaderFilter):
            if not each.response:
                request.headers = _changed(request.headers, each)
        elif isinstance(each, RedirectFilter):
            answer = redirect(each, f"http://{request.authority}{request.path}", match)
            if answer is not None:
                return answer
        elif each.numerator >= each.denominator or rng.randrange(each.denominator) < each.numerator:
            return _injected(each, request)
    return None


def apply_response(filters: Sequence[RouteFilter], response: Response) -> None:
    """Run response filters in order."""
    for each in filters:
        if isinstance(each, HeaderFilter) and each.response:
            response.headers = _changed(response.headers, each)


def _changed(headers: dict[str, str] | None, change: HeaderFilter) -> dict[str, str]:
    """A copy with the change: adds, then sets, then removes. Several values of a name stand one a line."""
    made = dict(headers or {})
    for name, value in change.add:
        made[name] = f"{made[name]}\n{value}" if name in made else value
    made.update(change.set)
    for name in change.remove:
        made.pop(name, None)
    return made


def redirect(rule: RedirectFilter, url: str, match: RouteMatch) -> Response | str | None:
    """The answer of a redirect; None if it leads back to the same URL, an error if it cannot be built."""
    parts = urlsplit(url)
    scheme = rule.scheme or parts.scheme
    port = rule.port if rule.port is not None else parts.port
    if rule.port is None and rule.scheme is not None and parts.port is None:
        port = None
    host = rule.host if rule.host is not None else host_of(parts.netloc)
    authority = host if port is None or port == DEFAULT_PORTS.get(scheme) else f"{host}:{port}"
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if rule.path is not None and rule.path_kind == "full":
        path = rule.path
    elif rule.path is not None:
        if match.path_kind != "prefix":
            return INVALID_REDIRECT
        path = rule.path.rstrip("/") + path[len(match.path.rstrip("/")) :]
    location = f"{scheme}://{authority}{path}"
    if location == url:
        return None
    return Response(rule.status, headers={"location": location, "content-length": "0"})


def _injected(rule: InjectFilter, request: Request) -> Response:
    headers = {"content-length": "0", "l5d-proxy-error": rule.message}
    if request.grpc:
        headers["content-type"] = "application/grpc"
        return Response(200, headers=headers, grpc_status=rule.grpc, grpc_message=rule.message)
    return Response(rule.status, headers=headers)
