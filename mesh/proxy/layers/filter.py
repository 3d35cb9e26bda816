"""Filter: what a route or backend does to requests by itself.

*Source:* linkerd2-proxy app/outbound/src/http/logical/policy/route.rs, http/route/src/http/filter.
"""

import random
from collections.abc import Sequence

from mesh.messages import Request, RouteFilter, RouteMatch, fail
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.routing.filters import apply, apply_response

__all__ = ["Filter"]


class Filter:
    """Runs request filters, then what follows, then response filters.

    Every attempt starts from the request as it came, so filters act once however often it is sent.
    """

    __slots__ = ("filters", "match", "next", "rng")

    def __init__(
        self, following: Layer, filters: Sequence[RouteFilter], match: RouteMatch, rng: random.Random
    ) -> None:
        self.next = following
        self.filters = filters
        self.match = match
        self.rng = rng

    def __call__(self, request: Request, deadline: float) -> Flow:
        came = request.headers
        answer = apply(self.filters, request, self.match, self.rng)
        if answer is None:
            response = yield from self.next(request, deadline)
        else:
            response = fail(answer) if isinstance(answer, str) else answer
        request.headers = came
        if response.status and answer is None:
            apply_response(self.filters, response)
        return response
