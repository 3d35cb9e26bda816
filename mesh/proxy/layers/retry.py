"""Retry: sends a failed request again while the budget allows it.

*Source:* linkerd2-proxy app/outbound/src/http/retry.rs, http/retry/src/replay.rs.
"""

from collections.abc import Callable

from mesh.messages import Request, Response
from mesh.proxy.atoms.budget import RetryBudget
from mesh.proxy.atoms.classify import Classifier
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.metrics import Labels, Registry

__all__ = ["BODY_LIMIT", "Retry"]

# A request body of exactly this many bytes can still be replayed. Source: http/retry/src/replay.rs.
BODY_LIMIT = 65_536


class Retry:
    """A ServiceProfile route's retries: no back-off and no limit but the budget and the route's timeout.

    Args:
        budget: shared by all routes of the profile; None for no retries.
        registry, labels: where is counted what could have been retried but for the budget.
    """

    __slots__ = ("budget", "classify", "clock", "labels", "next", "registry")

    def __init__(
        self,
        following: Layer,
        clock: Callable[[], float],
        budget: RetryBudget | None,
        classify: Classifier,
        registry: Registry,
        labels: Labels,
    ) -> None:
        self.next = following
        self.clock = clock
        self.budget = budget
        self.classify = classify
        self.registry = registry
        self.labels = labels

    def __call__(self, request: Request, deadline: float) -> Flow:
        while True:
            response = yield from self.next(request, deadline)
            if self.budget is None:
                return response
            if not self._retryable(request, response):
                self.budget.deposit(self.clock())
                return response
            if not self.budget.withdraw(self.clock()):
                labels = (*self.labels, ("skipped", "no_budget"))
                self.registry.counter("route_retryable_total", labels).inc()
                return response

    def _retryable(self, request: Request, response: Response) -> bool:
        """There is a response, it is a failure, and the request can be sent again."""
        return (
            response.status != 0
            and request.size <= BODY_LIMIT
            and not self.classify(request.grpc, response.status, response.grpc_status)
        )
