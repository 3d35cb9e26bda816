"""Balance: waits until an endpoint is ready, and chooses one by load.

*Source:* linkerd2-proxy proxy/balance, proxy/balance/queue, pool/p2c.
"""

import random
from collections.abc import Callable, Generator

from mesh.messages import Request, Response, fail
from mesh.proxy.atoms.classify import Classifier
from mesh.proxy.atoms.failfast import QueueInput
from mesh.proxy.atoms.p2c import choose
from mesh.proxy.effects import Effect, Flow, Wait
from mesh.proxy.layers.client import UNCONNECTED
from mesh.proxy.pool import Pool

__all__ = ["Balance"]


class Balance:
    """Sends each request to one endpoint of a pool.

    An endpoint's load is sampled from dispatch to the first byte of the answer, whatever the answer, and also
    when the request is abandoned: a fast failure looks attractive, as upstream.

    *Differs:* a request of an endless response stops being pending when the driver answers its Send.

    Args:
        capacity: how many may wait behind the request at the head.
        classify: the classifier of the route above, or None for the default one.
    """

    __slots__ = ("capacity", "classify", "clock", "pool", "rng")

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], float],
        rng: random.Random,
        capacity: int,
        classify: Classifier | None = None,
    ) -> None:
        self.pool = pool
        self.clock = clock
        self.rng = rng
        self.capacity = capacity
        self.classify = classify

    def __call__(self, request: Request, deadline: float) -> Flow:
        pool, clock = self.pool, self.clock
        start = entered = pool.used = clock()
        if pool.unready:
            pool.refresh(start)
        while True:
            ready = pool.ready
            if not ready:
                error = yield from self._wait(deadline, entered)
                if error:
                    return fail(error)
                start = clock()
                continue
            endpoint = choose(ready, self.rng, start)
            stack = endpoint.stack if self.classify is None else endpoint.classified(self.classify)
            endpoint.pending += 1
            response: Response | None = None
            try:
                response = yield from stack(request, deadline)
            finally:
                endpoint.pending -= 1
                end = pool.used = clock()
                if response is None or response.first_byte is None:
                    first = end - start
                else:
                    first = response.first_byte
                if response is None or response.error != UNCONNECTED:
                    endpoint.ewma.update(first, end)
            if response.error != UNCONNECTED:
                return response
            # It was never sent, so another endpoint may have it.
            pool.lost(endpoint, end)
            if not pool.ready and pool.failfast.shut:
                return fail("loadshed")

    def _wait(self, deadline: float, entered: float) -> Generator[Effect, bool, str]:
        """Queue until an endpoint is ready; the error if none was in time, else an empty text.

        Patience counts from when the request ``entered``: trying an endpoint that turns out to be dead is
        waiting too.
        """
        pool, clock = self.pool, self.clock
        failfast = pool.failfast
        if pool.failfast.shut or pool.waiting > self.capacity:
            return "loadshed"
        failfast.advance(QueueInput.STARVE, entered)
        pool.waiting += 1
        try:
            while True:
                now = clock()
                if failfast.shut:
                    return "failfast"
                # What became ready may be gone again before its turn came: then the wait begins anew.
                failfast.advance(QueueInput.STARVE, now)
                if now >= failfast.expiry:
                    failfast.advance(QueueInput.EXPIRE)
                    return "failfast"
                if now >= deadline:
                    return "timeout"
                until = min(failfast.expiry, deadline)
                yield Wait(pool.changed, min(until, pool.next_ready()))
                pool.refresh(clock())
                if pool.ready:
                    return ""
        finally:
            pool.waiting -= 1
            pool.used = clock()
            if not pool.waiting:
                failfast.advance(QueueInput.DRAIN)
