"""A driver by hand: runs flows one effect at a time, on a clock that only moves when told.

Its whole duty is a driver's: resume with the reply, answer every Send with a response, honour deadlines,
close abandoned flows, supply the clock.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from mesh.messages import Address, EndpointUpdate, Peer, Profile, Request, Response, fail
from mesh.proxy.config import ProxyConfig
from mesh.proxy.destination import Destination
from mesh.proxy.effects import Flow, Send, Sleep, Wait
from mesh.proxy.logical import Logical
from mesh.proxy.proxy import Proxy

INFINITY = float("inf")

# What a backend is: given a Send, the delay in seconds and the response.
Backend = Callable[[Send], tuple[float, Response]]


class Running:
    """A flow that was started.

    Attributes:
        response: None until it ended.
        ended: when that was.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.response: Response | None = None
        self.ended = INFINITY
        self.turn = 0
        self.open = True


class Hand:
    """Clock, calendar and backend of any number of flows.

    Attributes:
        sends: every Send, with its time.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self.now = 0.0
        self.backend: Backend = backend or (lambda send: (0.0, Response(200)))
        self.sends: list[tuple[float, Send]] = []
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._number = count()

    def clock(self) -> float:
        return self.now

    def at(self, when: float, call: Callable[[], object]) -> None:
        heappush(self._calls, (max(when, self.now), next(self._number), call))

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due until then."""
        until = self.now + seconds
        while self._calls and self._calls[0][0] <= until:
            self.now, _, call = heappop(self._calls)
            call()
        self.now = until

    def start(self, flow: Flow) -> Running:
        running = Running(flow)
        self._resume(running, running.turn, None)
        return running

    def run(self, flow: Flow, limit: float = 60.0) -> Response:
        """Start a flow and let time pass until it ends."""
        running = self.start(flow)
        until = self.now + limit
        while running.response is None:
            assert self._calls, "the flow waits for nothing that can come"
            assert self._calls[0][0] <= until, f"no response after {limit} s"
            self.now, _, call = heappop(self._calls)
            call()
        return running.response

    def close(self, running: Running) -> None:
        """Abandon a flow; late replies are dropped."""
        running.turn += 1
        running.open = False
        running.flow.close()

    def _resume(self, running: Running, turn: int, value: Any) -> None:
        if not running.open or turn != running.turn:
            return
        running.turn += 1
        try:
            effect = running.flow.send(value)
        except StopIteration as end:
            running.response = end.value
            running.ended = self.now
            running.open = False
            return
        self._do(running, running.turn, effect)

    def _do(self, running: Running, turn: int, effect: Send | Sleep | Wait) -> None:
        def resume(value: Any) -> Callable[[], object]:
            return lambda: self._resume(running, turn, value)

        if isinstance(effect, Send):
            self.sends.append((self.now, effect))
            delay, response = self.backend(effect)
            if self.now + delay < effect.deadline:
                self.at(self.now + delay, resume(response))
            else:
                self.at(effect.deadline, resume(fail("timeout")))
        elif isinstance(effect, Wait):
            fired = resume(True)
            effect.signal.waiters.append(lambda: self.at(self.now, fired))
            if effect.deadline < INFINITY:
                self.at(effect.deadline, resume(False))
        else:
            self.at(effect.until, resume(None))


class Site:
    """A proxy on a hand-driven clock, with what discovery would say of each authority.

    Attributes:
        discovery: what to do with a new destination; nothing by default, so that requests wait.
        resolved, released: destinations in order.
        profiled: what discovery says of the names of inbound requests; nothing by default.
        followed, unfollowed: such names in order.
        watched: ports whose policy was asked for.
    """

    def __init__(
        self,
        config: ProxyConfig | None = None,
        backend: Backend | None = None,
        seed: int = 1,
        full: bool = False,
    ) -> None:
        self.hand = Hand(backend)
        self.resolved: list[Destination] = []
        self.released: list[Destination] = []
        self.profiled: Profile | None = None
        self.followed: list[Logical] = []
        self.unfollowed: list[Logical] = []
        self.watched: list[int] = []
        self.discovery: Callable[[Destination], object] = lambda destination: None
        self.proxy = Proxy(
            config or ProxyConfig(),
            self.hand.clock,
            Random(seed),
            self._resolve,
            self.released.append,
            follow=self._follow,
            unfollow=self.unfollowed.append,
            watch=self.watched.append,
            full=full,
        )

    def _resolve(self, destination: Destination) -> None:
        self.resolved.append(destination)
        self.discovery(destination)

    def _follow(self, logical: Logical) -> None:
        self.followed.append(logical)
        if self.profiled is not None:
            logical.profile(self.profiled)

    def knows(self, *addresses: Address, profile: Profile | None = None, **labels: str) -> None:
        """Discovery answers at once with these endpoints."""

        def tell(destination: Destination) -> None:
            if profile is not None:
                destination.profile(profile)
            destination.update(EndpointUpdate(add=addresses, labels=tuple(labels.items())))

        self.discovery = tell

    def get(self, path: str = "/", **options: Any) -> Response:
        """One outbound request, to its end."""
        return self.hand.run(self.outbound(path, **options))

    def get_started(self) -> Running:
        """Start an outbound request without waiting for its end."""
        return self.hand.start(self.outbound())

    def outbound(
        self, path: str = "/", authority: str = "web:80", method: str = "GET", **options: Any
    ) -> Flow:
        return self.proxy.outbound(Request(method, authority, path, **options), ("10.96.0.1", 80))

    def inbound(
        self,
        path: str = "/",
        peer: Peer | None = None,
        port: int = 8080,
        method: str = "GET",
        authority: str = "web:80",
        **options: Any,
    ) -> Flow:
        request = Request(method, authority, path, **options)
        return self.proxy.inbound(request, peer or Peer("10.0.0.9"), port)

    def total(self, name: str, **labels: str) -> float:
        return self.proxy.registry.total(name, **labels)


def pods(number: int, **fields: Any) -> Iterable[Address]:
    """Addresses of as many endpoints."""
    return [
        Address(f"10.0.0.{n}", 8080, labels=(("pod", f"web-{n}"),), **fields) for n in range(1, number + 1)
    ]
