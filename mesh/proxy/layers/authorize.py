"""Authorize: applies a port's policy to each request, and the filters of its route.

*Source:* linkerd2-proxy app/inbound/src/policy/http.rs. Sits above the metrics: a refused request is not in
``request_total``.
"""

import random
from collections.abc import Callable, Sequence

from mesh.messages import InjectFilter, Peer, Request, Response, RouteFilter, RouteMatch, fail
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.metrics import Counter, Labels, Registry
from mesh.proxy.policy import InboundRoute, ServerPolicy
from mesh.proxy.routing.filters import apply, apply_response
from mesh.proxy.telemetry.labels import reference

__all__ = ["Authorize"]

NOT_FOUND = 5  # gRPC


class Filtered:
    """What follows a decision, with the filters of a route around it.

    *Source:* app/inbound/src/policy/http.rs: an injected failure is no answer here but an error of the proxy.
    """

    __slots__ = ("filters", "next", "rng")

    def __init__(self, following: Layer, filters: Sequence[RouteFilter], rng: random.Random) -> None:
        self.next = following
        self.filters = filters
        self.rng = rng

    def run(self, request: Request, match: RouteMatch, deadline: float) -> Flow:
        """The flow of a request that was let in by ``match``."""
        answer = self._before(request, match)
        if answer is not None:
            return answer
        response: Response = yield from self.next(request, deadline)
        if response.status:
            apply_response(self.filters, response)
        return response

    def _before(self, request: Request, match: RouteMatch) -> Response | None:
        """What a filter answers instead, if one does."""
        for each in self.filters:
            answer = apply((each,), request, match, self.rng)
            if answer is None:
                continue
            if isinstance(each, InjectFilter):
                return fail(f"injected failure {each.status} {each.message!r}")
            if isinstance(answer, str):
                return fail(answer)
            if request.grpc:
                headers = {**(answer.headers or {}), "content-type": "application/grpc"}
                return Response(200, headers=headers, grpc_status=NOT_FOUND)
            return answer
        return None


class Permit:
    """What was decided for a route and a client, and where such requests are counted.

    Attributes:
        counter: allowed or denied requests.
        stack: what follows, or None when it is denied.
        filtered: the same within the route's filters; None without any.
    """

    __slots__ = ("counter", "filtered", "stack")

    def __init__(self, counter: Counter, stack: Layer | None, filtered: Filtered | None = None) -> None:
        self.counter = counter
        self.stack = stack
        self.filtered = filtered


class Authorize:
    """Decides for one client of one port. Decisions are made once a route and kept.

    Args:
        policy: the port's; a new one means a new layer.
        peer: the client; its address matters only if the policy asks for addresses.
        where: labels of the port. ``tls``: of the client. ``server``: of the policy.
        follow: makes what comes next under the labels of a decision.
        rng: for filters that act on a share of requests.
    """

    __slots__ = (
        *("follow", "only", "peer", "permits", "policy", "registry", "rng", "server", "tls", "where"),
    )

    def __init__(
        self,
        policy: ServerPolicy,
        peer: Peer,
        registry: Registry,
        follow: Callable[[Labels], Layer],
        *,
        where: Labels,
        tls: Labels,
        server: Labels,
        rng: random.Random,
    ) -> None:
        self.policy = policy
        self.peer = peer
        self.registry = registry
        self.follow = follow
        self.where = where
        self.tls = tls
        self.server = server
        self.rng = rng
        self.permits: dict[int, Permit] = {}  # by id(): the policy keeps its routes alive
        # The usual policy: one route that takes everything, so there is nothing to match or filter.
        self.only: Permit | None = None
        if policy.only is not None and not policy.only.filters:
            self.only = self._permit(policy.only)

    def __call__(self, request: Request, deadline: float) -> Flow:
        permit = self.only
        if permit is None:
            return self._routed(request, deadline)
        permit.counter.value += 1
        if permit.stack is None:
            return refuse("unauthorized")
        return permit.stack(request, deadline)

    def _routed(self, request: Request, deadline: float) -> Flow:
        """The same for a request whose route is to be found."""
        if self.policy.table is None:
            return refuse("invalid policy")
        found = self.policy.route(request)
        if found is None:
            labels = (*self.where, *self.server, *self.tls)
            self.registry.counter("inbound_http_route_not_found_total", labels).inc()
            return refuse("route not found")
        route, match = found
        permit = self.permits.get(id(route)) or self._permit(route)
        permit.counter.value += 1
        if permit.stack is None:
            return refuse("unauthorized")
        if permit.filtered is not None:
            return permit.filtered.run(request, match, deadline)
        return permit.stack(request, deadline)

    def _permit(self, route: InboundRoute) -> Permit:
        """Decide for a route."""
        found = self.policy.authorize(route, self.peer)
        meta = route.meta
        policy = (*self.server, *reference("route", meta.group, meta.kind, meta.name))
        if found is None:
            denied = self.registry.counter("inbound_http_authz_deny_total", (*self.where, *policy, *self.tls))
            permit = Permit(denied, None)
        else:
            policy = (*policy, *reference("authz", found.meta.group, found.meta.kind, found.meta.name))
            allowed = self.registry.counter(
                "inbound_http_authz_allow_total", (*self.where, *policy, *self.tls)
            )
            stack = self.follow(policy)
            filtered = Filtered(stack, route.filters, self.rng) if route.filters else None
            permit = Permit(allowed, stack, filtered)
        self.permits[id(route)] = permit
        return permit
