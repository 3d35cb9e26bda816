"""The end of a proxy's life: it stops accepting, finishes what it has, and goes.

*Source:* linkerd2-proxy linkerd2-proxy/src/main.rs, app/src/lib.rs, signal/src/lib.rs.
"""

from collections.abc import Callable
from enum import Enum

from mesh.proxy.atoms.gate import IllegalTransition
from mesh.proxy.effects import Signal

__all__ = ["TRANSITIONS", "Drain", "DrainInput", "DrainState"]


class DrainState(Enum):
    """What a proxy does with connections."""

    SERVING = "serving"
    DRAINING = "draining"  # takes no new ones, finishes those it has
    STOPPED = "stopped"


class DrainInput(Enum):
    """What may happen."""

    SHUTDOWN = "shutdown"  # a signal, or POST /shutdown
    EMPTY = "empty"  # the last connection ended
    GRACE = "grace"  # it took too long


TRANSITIONS: dict[tuple[DrainState, DrainInput], DrainState] = {
    (DrainState.SERVING, DrainInput.SHUTDOWN): DrainState.DRAINING,
    (DrainState.DRAINING, DrainInput.SHUTDOWN): DrainState.DRAINING,
    (DrainState.DRAINING, DrainInput.EMPTY): DrainState.STOPPED,
    (DrainState.DRAINING, DrainInput.GRACE): DrainState.STOPPED,
}


class Drain:
    """Where a proxy is in its life.

    Attributes:
        begun: fires when the drain begins.
        deadline: when it stops whatever is still open (seconds); infinity while it serves.
    """

    def __init__(self, clock: Callable[[], float], grace: float) -> None:
        self.state = DrainState.SERVING
        self.begun = Signal()
        self.deadline = float("inf")
        self._clock = clock
        self._grace = grace

    @property
    def accepting(self) -> bool:
        """Whether new connections are taken."""
        return self.state is DrainState.SERVING

    def begin(self) -> None:
        """A signal or an administrator ends the service; a second one changes nothing.

        Raises:
            IllegalTransition: it has stopped.
        """
        fresh = self.accepting
        self._advance(DrainInput.SHUTDOWN)
        if fresh:
            self.deadline = self._clock() + self._grace
            self.begun.fire()

    def look(self, busy: bool) -> bool:
        """Whether it is time to exit.

        Args:
            busy: whether anything is still open that has to end first.
        """
        if self.state is DrainState.DRAINING:
            if not busy:
                self._advance(DrainInput.EMPTY)
            elif self._clock() >= self.deadline:
                self._advance(DrainInput.GRACE)
        return self.state is DrainState.STOPPED

    def _advance(self, input_: DrainInput) -> None:
        state = TRANSITIONS.get((self.state, input_))
        if state is None:
            raise IllegalTransition(self.state, input_)
        self.state = state
