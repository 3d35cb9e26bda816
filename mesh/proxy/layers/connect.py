"""Connect: waits, for a while, until the application can be reached.

*Source:* linkerd2-proxy app/inbound/src/http/router.rs: queue and fail-fast in front of the local client.
"""

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.endpoint import Local
from mesh.proxy.layers import Layer

__all__ = ["Connect"]


class Connect:
    """Passes requests straight on while the connection stands, else through the queue.

    Args:
        following: the endpoint's stack.
        waiting: the queue, which calls the same stack in the end.
    """

    __slots__ = ("local", "next", "waiting")

    def __init__(self, following: Layer, waiting: Layer, local: Local) -> None:
        self.next = following
        self.waiting = waiting
        self.local = local

    def __call__(self, request: Request, deadline: float) -> Flow:
        if self.local.connected:
            return self.next(request, deadline)
        return self.waiting(request, deadline)
