"""Accrue: feeds an endpoint's failure accrual, and takes it out of the pool while its gate is shut.

*Source:* linkerd2-proxy app/outbound/src/http/breaker.rs, http/classify/src/channel.rs.
"""

from collections.abc import Callable

from mesh.messages import Request
from mesh.proxy.atoms.accrual import Accrual
from mesh.proxy.atoms.classify import Classifier
from mesh.proxy.atoms.gate import GateState
from mesh.proxy.effects import Flow
from mesh.proxy.endpoint import Endpoint
from mesh.proxy.layers import Layer
from mesh.proxy.layers.client import UNCONNECTED, cut_short
from mesh.proxy.pool import Pool

__all__ = ["Accrue"]


class Accrue:
    """Counts the classes of one endpoint's responses against its gate.

    A probe's permit is used up by its request: if that is abandoned, the endpoint stays out until the class
    of another request arrives, as upstream.
    """

    __slots__ = ("accrual", "classify", "clock", "endpoint", "next", "pool")

    def __init__(
        self,
        following: Layer,
        clock: Callable[[], float],
        endpoint: Endpoint,
        pool: Pool,
        classify: Classifier,
    ) -> None:
        self.next = following
        self.clock = clock
        self.endpoint = endpoint
        self.accrual = endpoint.accrual
        self.pool = pool
        self.classify = classify

    def __call__(self, request: Request, deadline: float) -> Flow:
        accrual = self.accrual
        if accrual is None:
            return (yield from self.next(request, deadline))
        probing = accrual.poll(self.clock()) is GateState.PROBATION
        if probing:
            accrual.gate.take()
            self.pool.retire(self.endpoint)
        response = yield from self.next(request, deadline)
        if probing and response.error == UNCONNECTED:
            accrual.gate.give_back()
        if response.status:
            grpc, status, code = request.grpc, response.status, response.grpc_status
            self._observe(accrual, self.classify(grpc, status, code), code == 8 if grpc else status == 429)
        elif cut_short(request, response):
            self._observe(accrual, success=False, limited=False)
        return response

    def _observe(self, accrual: Accrual, success: bool, limited: bool) -> None:
        """A class arrived: open or shut the gate."""
        state = accrual.observe(success, self.clock(), limited=limited)
        if state is GateState.OPEN:
            if self.endpoint not in self.pool.ready:
                self.pool.restore(self.endpoint)
        elif state is GateState.SHUT:
            self.pool.retire(self.endpoint, accrual.until)
