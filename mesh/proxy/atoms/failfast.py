"""Fail-fast: when nothing has been available for a while, stop making requests wait.

*Source:* linkerd2-proxy proxy/balance/queue, stack/src/failfast.rs. The first waiting requests are answered
after the time-out; then the gate is shut and new ones are refused at once, until something is ready.
"""

from enum import Enum

from mesh.proxy.atoms.gate import IllegalTransition

__all__ = ["TRANSITIONS", "FailFast", "QueueInput", "QueueState"]

INFINITY = float("inf")


class QueueState(Enum):
    """What a queue in front of a pool is doing."""

    OPEN = "open"
    WAITING = "waiting"  # a request is at the head and nothing is ready: the timer runs
    SHUT = "shut"


class QueueInput(Enum):
    """What may happen to a queue."""

    STARVE = "starve"  # a request reached the head and nothing is ready
    READY = "ready"
    EXPIRE = "expire"
    DRAIN = "drain"  # nobody waits any more


TRANSITIONS: dict[tuple[QueueState, QueueInput], QueueState] = {
    (QueueState.OPEN, QueueInput.STARVE): QueueState.WAITING,
    (QueueState.OPEN, QueueInput.READY): QueueState.OPEN,
    (QueueState.WAITING, QueueInput.STARVE): QueueState.WAITING,
    (QueueState.WAITING, QueueInput.READY): QueueState.OPEN,
    (QueueState.WAITING, QueueInput.EXPIRE): QueueState.SHUT,
    (QueueState.WAITING, QueueInput.DRAIN): QueueState.OPEN,
    (QueueState.SHUT, QueueInput.READY): QueueState.OPEN,
    (QueueState.SHUT, QueueInput.DRAIN): QueueState.SHUT,
    (QueueState.OPEN, QueueInput.DRAIN): QueueState.OPEN,
}


class FailFast:
    """One queue's state, and when its patience ends."""

    __slots__ = ("expiry", "length", "state")

    def __init__(self, length: float) -> None:
        self.length = length
        self.state = QueueState.OPEN
        self.expiry = INFINITY

    @property
    def shut(self) -> bool:
        """Whether new requests are refused at once."""
        return self.state is QueueState.SHUT

    def advance(self, input_: QueueInput, now: float = 0.0) -> QueueState:
        """Take an input and return the new state. ``now`` matters when a wait begins.

        Raises:
            IllegalTransition: the state does not take that input.
        """
        state = TRANSITIONS.get((self.state, input_))
        if state is None:
            raise IllegalTransition(self.state, input_)
        if state is not self.state:
            self.state = state
            self.expiry = now + self.length if state is QueueState.WAITING else INFINITY
        return state
