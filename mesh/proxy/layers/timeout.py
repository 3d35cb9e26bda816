"""Timeout: narrows the deadline of everything below.

*Source:* linkerd2-proxy app/outbound/src/http/logical/profile.rs: a ServiceProfile route's timeout spans all
of its retries.
"""

from collections.abc import Callable

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer

__all__ = ["Timeout"]


class Timeout:
    """Gives a request ``length`` seconds from now, attempts and waits included."""

    __slots__ = ("clock", "length", "next")

    def __init__(self, following: Layer, clock: Callable[[], float], length: float) -> None:
        self.next = following
        self.clock = clock
        self.length = length

    def __call__(self, request: Request, deadline: float) -> Flow:
        return self.next(request, min(deadline, self.clock() + self.length))
