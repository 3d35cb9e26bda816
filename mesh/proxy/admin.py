"""The admin server's answers.

*Source:* linkerd2-proxy app/admin/src/{server,server/log/level}.rs.
"""

import gzip
import json
import re
from collections.abc import Callable
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from mesh.messages import Peer, Request, Response

if TYPE_CHECKING:
    from mesh.proxy.proxy import Proxy

__all__ = ["answer"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# One directive of a log filter: a level, a target, or both; spans in brackets.
LEVEL = "(?:trace|debug|info|warn|error|off)"
DIRECTIVE = re.compile(rf"{LEVEL}|[\w:]*(?:\[[^\]]*\])?(?:={LEVEL})?", re.IGNORECASE)
Handler: TypeAlias = Callable[["Proxy", Request, Peer], Response]


def answer(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    """The answer to a request of ``peer`` on the admin port."""
    handler = PATHS.get(request.path.partition("?")[0])
    return Response(404) if handler is None else handler(proxy, request, peer)


def _live(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    return _reading(request) or _text(200, "live\n")


def _ready(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    """Means only that an identity was certified once; it says nothing of the application."""
    ready = proxy.certified
    return _reading(request) or (_text(200, "ready\n") if ready else _text(503, "not ready\n"))


def _metrics(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    """The registry as text. What has been idle for too long is printed once more and dropped."""
    refused = _reading(request)
    if refused is not None:
        return refused
    response = _text(200, proxy.registry.expose(), METRICS_TYPE)
    proxy.scraped()
    if _accepts_gzip(request):
        packed = gzip.compress(response.body.encode(), mtime=0)
        headers = {**(response.headers or {}), "content-encoding": "gzip"}
        return Response(200, headers=headers, body=packed, size=len(packed))
    return response


def _log_level(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    if not _local(peer):
        return _forbidden()
    if request.method == "GET":
        return _text(200, proxy.log_level + "\n")
    if request.method != "PUT":
        return Response(405, headers={"allow": "GET, PUT"})
    body = request.body
    level = (body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")).strip()
    parts = [part.strip() for part in level.split(",")]
    if not all(part and DIRECTIVE.fullmatch(part) for part in parts):
        return _text(400, f"invalid log level: {level!r}\n")
    proxy.log_level = level
    return Response(204)


def _env(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    """The environment; after a question mark, names of the variables wanted. Those not set are null."""
    if request.method != "GET":
        return Response(405, headers={"allow": "GET"})
    env = proxy.config.env
    names = [unquote(name) for name in request.path.partition("?")[2].split("&") if name]
    if any("=" in name for name in names):
        return _text(400, "variables are named without a value\n")
    shown = {name: env.get(name) for name in names} if names else dict(env)
    return _text(200, json.dumps(shown, sort_keys=True), "application/json")


def _shutdown(proxy: "Proxy", request: Request, peer: Peer) -> Response:
    if request.method != "POST":
        return Response(405, headers={"allow": "POST"})
    if not _local(peer):
        return _forbidden()
    if not proxy.config.shutdown_endpoint:
        return Response(404)
    proxy.drain.begin()
    return _text(200, "shutdown\n")


PATHS: MappingProxyType[str, Handler] = MappingProxyType(
    {
        "/live": _live,
        "/ready": _ready,
        "/metrics": _metrics,
        "/proxy-log-level": _log_level,
        "/env.json": _env,
        "/shutdown": _shutdown,
    }
)


def _reading(request: Request) -> Response | None:
    """What refuses a request that does not just read; None for one that does."""
    if request.method in ("GET", "HEAD"):
        return None
    return Response(405, headers={"allow": "GET, HEAD"})


def _local(peer: Peer) -> bool:
    """Whether the client is on the proxy's own host."""
    return ip_address(peer.ip).is_loopback


def _forbidden() -> Response:
    return _text(403, "only local clients may do that\n")


def _accepts_gzip(request: Request) -> bool:
    accepted = (request.headers or {}).get("accept-encoding", "")
    for part in accepted.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _text(status: int, text: str, content_type: str = "text/plain") -> Response:
    return Response(status, headers={"content-type": content_type}, body=text, size=len(text.encode()))
