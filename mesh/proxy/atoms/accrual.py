"""Failure accrual: the rule that shuts an endpoint's gate.

*Source:* linkerd2-proxy app/outbound/src/http/breaker/{consecutive_failures,unified}.rs.
"""

import random

from mesh.messages import FailureAccrual
from mesh.proxy.atoms.backoff import Backoff
from mesh.proxy.atoms.gate import Gate, GateInput, GateState
from mesh.proxy.atoms.window import SuccessWindow

__all__ = ["Accrual"]

INFINITY = float("inf")


class Accrual:
    """One endpoint's failures and its gate.

    The first ejection lasts the minimal penalty; each failed probation takes the next step. Probation has
    no timeout: it needs real traffic, and the next class to arrive decides, even one of a request that
    started before the gate was shut.

    Attributes:
        window: of the unified mode, which trips by the success rate as well; else None.
    """

    __slots__ = ("_waits", "failures", "gate", "rng", "rule", "until", "window")

    def __init__(self, rule: FailureAccrual, rng: random.Random) -> None:
        self.rule = rule
        self.rng = rng
        self.gate = Gate()
        self.failures = 0
        self.until = INFINITY  # when a shut gate goes on probation
        self._waits = Backoff(rule.min_penalty, rule.max_penalty, rule.jitter).sequence()
        unified = rule.mode == "unified"
        self.window = SuccessWindow(rule.window, rule.threshold, rule.min_requests) if unified else None

    def poll(self, now: float) -> GateState:
        """The gate's state at ``now``: a penalty that is over turns into probation."""
        if self.gate.state is GateState.SHUT and now >= self.until:
            self.gate.advance(GateInput.ELAPSE)
            self.until = INFINITY
        return self.gate.state

    def observe(self, success: bool, now: float, *, limited: bool = False) -> GateState:
        """Take the class of a response that ended, and return the gate's state.

        Args:
            limited: it was refused by a rate limit (429, RESOURCE_EXHAUSTED), which is no failure of the
                run, but one of the unified mode's success rate and probe.
        """
        before = self.poll(now)
        window = self.window
        good = success and not (limited and window is not None)
        if before is GateState.OPEN:
            self.failures = 0 if success else self.failures + 1
            if window is not None:
                window.add(good, now)
            if self._trips():
                self._waits.reset()
                self.gate.advance(GateInput.TRIP)
                self.until = now + self._waits.next(self.rng)
            return self.gate.state
        after = self.gate.advance(GateInput.SUCCESS if good else GateInput.FAILURE)
        if after is GateState.OPEN:
            self.failures = 0
            if window is not None:
                window.reset()
        elif before is GateState.PROBATION:
            self.until = now + self._waits.next(self.rng)
        return after

    def _trips(self) -> bool:
        """Whether the run is too long, or too few requests go well."""
        most = self.rule.max_failures
        return (0 < most <= self.failures) or (self.window is not None and self.window.tripped)
