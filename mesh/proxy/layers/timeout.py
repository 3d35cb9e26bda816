"""Timeout, StreamLimits: narrow the deadline of everything below.

*Source:* linkerd2-proxy app/outbound/src/http/logical/profile.rs: a ServiceProfile route's timeout spans all
of its retries; http/stream-timeouts/src/lib.rs: a policy's timeouts.
"""

from collections.abc import Callable

from mesh.messages import Request, StreamTimeouts
from mesh.proxy.effects import Flow, Limits
from mesh.proxy.layers import Layer

__all__ = ["StreamLimits", "Timeout"]

INFINITY = float("inf")


class Timeout:
    """Gives a request ``length`` seconds from now, attempts and waits included."""

    __slots__ = ("clock", "length", "next")

    def __init__(self, following: Layer, clock: Callable[[], float], length: float) -> None:
        self.next = following
        self.clock = clock
        self.length = length

    def __call__(self, request: Request, deadline: float) -> Flow:
        return self.next(request, min(deadline, self.clock() + self.length))


class StreamLimits:
    """A policy's timeouts: the request's spans all attempts, the others go with each attempt.

    Whichever passes, the caller's connection stays open.
    """

    __slots__ = ("clock", "limits", "next", "timeouts")

    def __init__(self, following: Layer, clock: Callable[[], float], timeouts: StreamTimeouts) -> None:
        self.next = following
        self.clock = clock
        self.timeouts = timeouts
        self.limits = Limits(INFINITY, timeouts.response, timeouts.idle)

    def __call__(self, request: Request, deadline: float) -> Flow:
        mine = self.clock() + self.timeouts.request
        if request.limits is None:
            request.limits = self.limits
        response = yield from self.next(request, min(deadline, mine))
        if response.error == "timeout" and mine <= deadline:
            response.error = "request timeout"
        return response
