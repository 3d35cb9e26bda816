"""Failure accrual: the rule that shuts an endpoint's gate.

*Source:* linkerd2-proxy ``app/outbound/src/http/breaker/consecutive_failures.rs``.
"""

import random
from dataclasses import dataclass

from mesh.proxy.atoms.backoff import Backoff
from mesh.proxy.atoms.gate import Gate, GateInput, GateState

__all__ = ["Accrual", "ConsecutiveFailures"]

INFINITY = float("inf")
PENALTY = Backoff(1.0, 60.0, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsecutiveFailures:
    """Shut the gate after so many failures in a row.

    Attributes:
        max_failures: in a row; at least 1.
        backoff: how long the gate stays shut before a probation. The first ejection lasts the minimum; each
            failed probation takes the next step.

    *Source:* annotations ``balancer.linkerd.io/failure-accrual-consecutive-*`` and their defaults: 7, 1 s,
    60 s, 0.5.
    """

    max_failures: int = 7
    backoff: Backoff = PENALTY


class Accrual:
    """One endpoint's run of failures and its gate.

    Probation has no timeout: it needs real traffic, and the next class to arrive decides, even one of a
    request that started before the gate was shut.
    """

    __slots__ = ("_waits", "failures", "gate", "rng", "rule", "until")

    def __init__(self, rule: ConsecutiveFailures, rng: random.Random) -> None:
        self.rule = rule
        self.rng = rng
        self.gate = Gate()
        self.failures = 0
        self.until = INFINITY  # when a shut gate goes on probation
        self._waits = rule.backoff.sequence()

    def poll(self, now: float) -> GateState:
        """The gate's state at ``now``: a penalty that is over turns into probation."""
        if self.gate.state is GateState.SHUT and now >= self.until:
            self.gate.advance(GateInput.ELAPSE)
            self.until = INFINITY
        return self.gate.state

    def observe(self, success: bool, now: float) -> GateState:
        """Take the class of a response that ended, and return the gate's state."""
        before = self.poll(now)
        if before is GateState.OPEN and not success:
            self.failures += 1
            if self.failures >= self.rule.max_failures:
                self._waits.reset()
                self.gate.advance(GateInput.TRIP)
                self.until = now + self._waits.next(self.rng)
                return GateState.SHUT
        after = self.gate.advance(GateInput.SUCCESS if success else GateInput.FAILURE)
        if after is GateState.OPEN and success:
            self.failures = 0
        elif before is GateState.PROBATION and after is GateState.SHUT:
            self.until = now + self._waits.next(self.rng)
        return after
