"""PolicyRetry: sends a failed request again, a limited number of times, after a back-off.

*Source:* linkerd2-proxy http/retry/src/lib.rs, app/outbound/src/http/logical/policy/route/retry.rs;
back-off: linkerd2 policy-controller/k8s/index/src/outbound/index/http.rs.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from mesh.messages import Request, Response, RetryRule, fail
from mesh.proxy.atoms.backoff import Backoff
from mesh.proxy.effects import Flow, Limits, Sleep
from mesh.proxy.layers import Layer
from mesh.proxy.layers.retry import BODY_LIMIT
from mesh.proxy.metrics import Counter, Labels, Registry

__all__ = ["PolicyRetry", "Retries"]

INFINITY = float("inf")
WAITS = Backoff(0.025, 0.25, 1.0)
# A breaker or a slow server may be avoided by another attempt; what is overloaded is left alone.
RETRYABLE_ERRORS = frozenset(("failfast", "headers timeout"))


class Retries(NamedTuple):
    """What is counted of retries."""

    requests: Counter
    successes: Counter
    limit_exceeded: Counter
    overflow: Counter

    @classmethod
    def of(cls, registry: Registry, labels: Labels, *, grpc: bool) -> "Retries":
        """The counters of a route."""
        prefix = f"outbound_{'grpc' if grpc else 'http'}_route_retry_"
        return cls(*(registry.counter(f"{prefix}{name}_total", labels) for name in cls._fields))


class PolicyRetry:
    """A route's retries. Each attempt runs the filters and chooses a backend anew.

    The last attempt allowed has no retry timeout.

    Args:
        ready: whether anything below would take a request now.
    """

    __slots__ = ("clock", "counts", "next", "ready", "rng", "rule")

    def __init__(
        self,
        following: Layer,
        clock: Callable[[], float],
        rng: random.Random,
        rule: RetryRule,
        ready: Callable[[], bool],
        counts: Retries,
    ) -> None:
        self.next = following
        self.clock = clock
        self.rng = rng
        self.rule = rule
        self.ready = ready
        self.counts = counts

    def __call__(self, request: Request, deadline: float) -> Flow:
        rule, counts = self.rule, self.counts
        patient = request.limits
        hasty = patient
        if rule.timeout < INFINITY:
            hasty = (patient or Limits())._replace(headers=rule.timeout)
        replayed = request.size <= BODY_LIMIT
        request.limits = hasty if rule.limit > 0 and replayed else patient
        response = yield from self.next(request, deadline)
        if not replayed:
            return response
        waits = WAITS.sequence()
        for attempt in range(1, rule.limit + 1):
            if not self._retryable(request, response):
                if attempt > 1 and response.status:
                    counts.successes.inc()
                return response
            until = self.clock() + waits.next(self.rng)
            if until >= deadline:
                yield Sleep(deadline)
                return fail("timeout")
            yield Sleep(until)
            if not self.ready():
                counts.overflow.inc()
                return response
            counts.requests.inc()
            request.limits = hasty if attempt < rule.limit else patient
            response = yield from self.next(request, deadline)
        if not self._retryable(request, response):
            if response.status:
                counts.successes.inc()
            return response
        counts.limit_exceeded.inc()
        return response

    def _retryable(self, request: Request, response: Response) -> bool:
        """Whether the outcome is one that the rule names."""
        if not response.status:
            return response.error.partition(": ")[0] in RETRYABLE_ERRORS
        code = response.grpc_status
        if request.grpc and code is not None and code in self.rule.grpc:
            return True
        return any(low <= response.status <= high for low, high in self.rule.http)
