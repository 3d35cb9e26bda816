"""Canonical: tells the server's proxy which service a request is for.

*Source:* linkerd2-proxy app/outbound/src/http/logical/profile.rs, app/core/src/lib.rs. *Differs:* only for
services whose profile has routes; without them the server's proxy has no use for the name.
"""

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer

__all__ = ["CANONICAL", "Canonical"]

CANONICAL = "l5d-dst-canonical"


class Canonical:
    """Sets the header to the fully qualified name; without one it does nothing."""

    __slots__ = ("name", "next")

    def __init__(self, following: Layer, name: str) -> None:
        self.next = following
        self.name = name

    def __call__(self, request: Request, deadline: float) -> Flow:
        if self.name:
            request.headers = {**(request.headers or {}), CANONICAL: self.name}
        return self.next(request, deadline)
