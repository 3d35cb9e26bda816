"""A pool: the endpoints of one balancer, which of them are ready, and the queue in front of them.

*Source:* linkerd2-proxy pool/p2c, proxy/balance/queue, reconnect.
"""

import random

from mesh.proxy.atoms.failfast import FailFast, QueueInput
from mesh.proxy.effects import Signal
from mesh.proxy.endpoint import Endpoint

__all__ = ["Pool"]

INFINITY = float("inf")


class Pool:
    """Members, split into those that take requests and those that do not just now.

    Attributes:
        ready: endpoints to choose from. Replaced in place; read it anew after every wait.
        unready: connecting, or with a shut gate. Each says ``until`` when it may be tried again.
        changed: fires when something became ready.
        waiting: requests in the queue.
        used: when a request last began or ended (seconds).
    """

    __slots__ = ("changed", "failfast", "ready", "rng", "unready", "used", "waiting")

    def __init__(self, failfast: float, rng: random.Random, now: float) -> None:
        self.ready: list[Endpoint] = []
        self.unready: list[Endpoint] = []
        self.changed = Signal()
        self.failfast = FailFast(failfast)
        self.waiting = 0
        self.used = now
        self.rng = rng

    def __len__(self) -> int:
        return len(self.ready) + len(self.unready)

    @property
    def members(self) -> list[Endpoint]:
        """All endpoints, ready ones first."""
        return self.ready + self.unready

    @property
    def busy(self) -> bool:
        """Whether any request is in flight or waiting."""
        return self.waiting > 0 or any(endpoint.pending for endpoint in self.members)

    def add(self, endpoint: Endpoint) -> None:
        """A new endpoint; it is ready until it turns out not to be."""
        self.ready.append(endpoint)
        self._opened()

    def discard(self, endpoint: Endpoint) -> None:
        """An endpoint is gone. Requests in flight to it go on."""
        for group in (self.ready, self.unready):
            if endpoint in group:
                group.remove(endpoint)

    def retire(self, endpoint: Endpoint, until: float = INFINITY) -> None:
        """Take an endpoint out of the ready set, to be tried again at ``until``."""
        if endpoint in self.ready:
            self.ready.remove(endpoint)
            self.unready.append(endpoint)
        endpoint.until = until

    def restore(self, endpoint: Endpoint) -> None:
        """An endpoint is known to be ready again."""
        if endpoint in self.unready:
            self.unready.remove(endpoint)
            self.ready.append(endpoint)
        if endpoint in self.ready:
            self._opened()

    def lost(self, endpoint: Endpoint, now: float) -> None:
        """Connecting to an endpoint failed: try again after the next step of its back-off.

        Requests that failed together count once.
        """
        if endpoint in self.ready or (endpoint in self.unready and endpoint.until == INFINITY):
            endpoint.connected = False
            self.retire(endpoint, now + endpoint.waits.next(self.rng))

    def opened(self, endpoint: Endpoint) -> None:
        """A connection to an endpoint was made."""
        endpoint.connected = True
        endpoint.waits.reset()
        if endpoint in self.ready or endpoint in self.unready:
            self.restore(endpoint)

    def refresh(self, now: float) -> None:
        """Make those ready whose time has come, to be tried by the next request."""
        for endpoint in [each for each in self.unready if each.until <= now]:
            self.unready.remove(endpoint)
            self.ready.append(endpoint)

    def next_ready(self) -> float:
        """When the next unready endpoint may be tried (seconds); infinity if only news can help."""
        return min((endpoint.until for endpoint in self.unready), default=INFINITY)

    def _opened(self) -> None:
        """Something is ready: whoever waits may go on, and nobody is refused any more."""
        self.failfast.advance(QueueInput.READY)
        self.changed.fire()
