"""Where requests go: an address that is balanced over, an address as it is, a port of the own pod."""

from collections.abc import Callable
from typing import TypeAlias

from mesh.messages import Address
from mesh.proxy.atoms.accrual import Accrual
from mesh.proxy.atoms.backoff import Backoff, BackoffSequence
from mesh.proxy.atoms.classify import Classifier, default
from mesh.proxy.atoms.ewma import PeakEwma
from mesh.proxy.layers import Layer

__all__ = ["Endpoint", "Forward", "Local", "MakeStack"]

MakeStack: TypeAlias = Callable[["Endpoint", Classifier], Layer]


class Endpoint:
    """One address of a destination, with what the balancer knows of it.

    Attributes:
        address: as discovery describes it. ``address.identity`` is the name its certificate must carry.
        pending: requests in flight.
        eager: it is reached over HTTP/2, whose connection is made before a request is sent, so that a dead
            one leaves the ready set. HTTP/1 connects on demand and is always ready.
        connected: as far as known; always True unless eager.
        until: while it is not ready, when it may be tried again (seconds).
        stack: what a request to it goes through, under the default classifier.
        accrual: its failure accrual, if there is a rule.
    """

    __slots__ = (
        *("accrual", "address", "connected", "eager", "ewma", "pending", "stack", "until", "waits"),
        *("_make", "_stacks"),
    )

    def __init__(self, address: Address, ewma: PeakEwma, *, eager: bool, backoff: Backoff) -> None:
        self.address = address
        self.ewma = ewma
        self.eager = eager
        self.connected = not eager
        self.pending = 0
        self.until = 0.0
        self.waits: BackoffSequence = backoff.sequence()
        self.accrual: Accrual | None = None
        self._make: MakeStack
        self._stacks: dict[Classifier, Layer] = {}
        self.stack: Layer

    def build(self, make: MakeStack) -> None:
        """(Re)build its stack; the estimate and what is in flight stay."""
        self._make = make
        self._stacks = {}
        self.stack = self.classified(default)

    def classified(self, classify: Classifier) -> Layer:
        """Its stack under a route's own classifier."""
        found = self._stacks.get(classify)
        if found is None:
            found = self._stacks[classify] = self._make(self, classify)
        return found

    @property
    def ip(self) -> str:
        """The address's IP."""
        return self.address.ip

    @property
    def port(self) -> int:
        """The address's port."""
        return self.address.port

    def load(self, now: float) -> float:
        """What the balancer compares; reading it decays the estimate."""
        return self.ewma.cost(now, self.pending)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address.ip}:{self.address.port}>"


class Forward(Endpoint):
    """The original destination as it is: discovery knows nothing of it."""

    __slots__ = ()


class Local(Endpoint):
    """A port of the application in the proxy's own pod."""

    __slots__ = ()
