"""The admin server's answers.

*Source:* linkerd2-proxy app/admin/src/server.rs.
"""

from typing import TYPE_CHECKING

from mesh.messages import Request, Response

if TYPE_CHECKING:
    from mesh.proxy.proxy import Proxy

__all__ = ["answer"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def answer(proxy: "Proxy", request: Request) -> Response:
    """The answer to a request on the admin port.

    ``/ready`` means only that an identity was certified once; it says nothing of the application.
    """
    path = request.path.partition("?")[0]
    if path not in ("/live", "/ready", "/metrics"):
        return Response(404)
    if request.method not in ("GET", "HEAD"):
        return Response(405, headers={"allow": "GET, HEAD"})
    if path == "/live":
        return _text(200, "live\n")
    if path == "/ready":
        return _text(200, "ready\n") if proxy.certified else _text(503, "not ready\n")
    return _text(200, proxy.registry.expose(), METRICS_TYPE)


def _text(status: int, text: str, content_type: str = "text/plain") -> Response:
    return Response(status, headers={"content-type": content_type}, body=text, size=len(text))
