"""The gate of an endpoint: open, shut, or letting one request through to find out.

Open means that traffic flows: the reverse of a circuit breaker's words.
*Source:* linkerd2-proxy ``stack/gate.rs`` and ``http/breaker/consecutive_failures.rs``.
"""

from enum import Enum

__all__ = ["TRANSITIONS", "Gate", "GateInput", "GateState", "IllegalTransition"]


class IllegalTransition(Exception):
    """A lifecycle was given an input that its state does not take: a bug of the caller.

    Attributes:
        state: where it was.
        input: what it was given.
    """

    def __init__(self, state: Enum, input_: Enum) -> None:
        super().__init__(f"{type(state).__name__} {state.value} takes no {input_.value}")
        self.state = state
        self.input = input_


class GateState(Enum):
    """Whether requests may pass."""

    OPEN = "open"
    SHUT = "shut"
    PROBATION = "probation"


class GateInput(Enum):
    """What may happen to a gate."""

    SUCCESS = "success"
    FAILURE = "failure"
    TRIP = "trip"  # a failure, and one too many
    ELAPSE = "elapse"  # the penalty is over


# A shut gate reads and ignores the classes that still arrive; the first class that a gate on probation sees
# decides, whichever request it belongs to.
TRANSITIONS: dict[tuple[GateState, GateInput], GateState] = {
    (GateState.OPEN, GateInput.SUCCESS): GateState.OPEN,
    (GateState.OPEN, GateInput.FAILURE): GateState.OPEN,
    (GateState.OPEN, GateInput.TRIP): GateState.SHUT,
    (GateState.SHUT, GateInput.SUCCESS): GateState.SHUT,
    (GateState.SHUT, GateInput.FAILURE): GateState.SHUT,
    (GateState.SHUT, GateInput.ELAPSE): GateState.PROBATION,
    (GateState.PROBATION, GateInput.SUCCESS): GateState.OPEN,
    (GateState.PROBATION, GateInput.FAILURE): GateState.SHUT,
}


class Gate:
    """One endpoint's gate, with the single permit of a probation."""

    __slots__ = ("permits", "state")

    def __init__(self) -> None:
        self.state = GateState.OPEN
        self.permits = 0

    def advance(self, input_: GateInput) -> GateState:
        """Take an input and return the new state.

        Raises:
            IllegalTransition: the state does not take that input.
        """
        state = TRANSITIONS.get((self.state, input_))
        if state is None:
            raise IllegalTransition(self.state, input_)
        if state is not self.state:
            self.state = state
            self.permits = 1 if state is GateState.PROBATION else 0
        return state

    @property
    def admits(self) -> bool:
        """Whether a request may pass now."""
        return self.state is GateState.OPEN or self.permits > 0

    def take(self) -> None:
        """A request passes. On probation it uses the permit up, which does not come back with its answer."""
        if self.permits:
            self.permits -= 1

    def give_back(self) -> None:
        """The request that took the permit was never sent."""
        if self.state is GateState.PROBATION:
            self.permits = 1
