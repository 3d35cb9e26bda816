"""Identify: tells the application who its client is, and lets no client say so itself.

*Source:* linkerd2-proxy app/inbound/src/http/set_identity_header.rs.
"""

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer

__all__ = ["CLIENT_ID", "Identify"]

CLIENT_ID = "l5d-client-id"


class Identify:
    """Sets ``l5d-client-id`` on requests that came over mesh TLS and removes it from the others.

    The request's headers are replaced, never changed: the sender may still hold them.
    """

    __slots__ = ("client_id", "headers", "next")

    def __init__(self, following: Layer, client_id: str | None) -> None:
        self.next = following
        self.client_id = client_id or None  # mesh TLS without a certificate names nobody
        # One object for all requests that carry no headers of their own; nobody may change it.
        self.headers = {CLIENT_ID: client_id} if client_id else None

    def __call__(self, request: Request, deadline: float) -> Flow:
        headers = request.headers
        if not headers:
            request.headers = self.headers
        elif self.client_id is not None:
            request.headers = {**headers, CLIENT_ID: self.client_id}
        elif CLIENT_ID in headers:
            request.headers = {name: value for name, value in headers.items() if name != CLIENT_ID}
        return self.next(request, deadline)
