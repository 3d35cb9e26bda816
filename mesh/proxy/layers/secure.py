"""Secure: what the caller demands of the server's identity.

*Source:* linkerd2-proxy app/outbound/src/http/require_id_header.rs. The handshake itself is the driver's: it
finds the name to expect in ``endpoint.address.identity`` and answers ``tls`` when it is not met.
"""

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import refuse

__all__ = ["REQUIRE_ID", "Secure"]

REQUIRE_ID = "l5d-require-id"


class Secure:
    """Refuses requests whose ``l5d-require-id`` is not the identity that discovery gave the endpoint.

    Sits above the metrics: a refusal never reached the endpoint.
    """

    __slots__ = ("identity", "next")

    def __init__(self, following: Layer, identity: str | None) -> None:
        self.next = following
        self.identity = identity

    def __call__(self, request: Request, deadline: float) -> Flow:
        headers = request.headers
        if headers is not None and REQUIRE_ID in headers:
            if headers[REQUIRE_ID] != self.identity:
                return refuse("identity required")
            request.headers = {name: value for name, value in headers.items() if name != REQUIRE_ID}
        return self.next(request, deadline)
