"""Authorize: applies a port's policy to each request.

*Source:* linkerd2-proxy app/inbound/src/policy/http.rs. Sits above the metrics: a refused request is not in
``request_total``.
"""

from collections.abc import Callable

from mesh.messages import Peer, Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.metrics import Counter, Labels, Registry
from mesh.proxy.policy import InboundRoute, ServerPolicy
from mesh.proxy.telemetry.labels import reference

__all__ = ["Authorize"]


class Permit:
    """What was decided for a route and a client, and where such requests are counted.

    Attributes:
        counter: allowed or denied requests.
        stack: what follows, or None when it is denied.
    """

    __slots__ = ("counter", "stack")

    def __init__(self, counter: Counter, stack: Layer | None) -> None:
        self.counter = counter
        self.stack = stack


class Authorize:
    """Decides for one client of one port. Decisions are made once a route and kept.

    Args:
        policy: the port's; a new one means a new layer.
        peer: the client; its address matters only if the policy asks for addresses.
        where: labels of the port. ``tls``: of the client. ``server``: of the policy.
        follow: makes what comes next under the labels of a decision.
    """

    __slots__ = ("follow", "only", "peer", "permits", "policy", "registry", "server", "tls", "where")

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
    ) -> None:
        self.policy = policy
        self.peer = peer
        self.registry = registry
        self.follow = follow
        self.where = where
        self.tls = tls
        self.server = server
        self.permits: dict[int, Permit] = {}  # by id(): the policy keeps its routes alive
        # The usual policy: one route that takes everything, so there is nothing to match.
        self.only: Permit | None = None
        if len(policy.routes) == 1 and all(match.rank == (1, False) for match in policy.routes[0].matches):
            self.only = self._permit(policy.routes[0])

    def __call__(self, request: Request, deadline: float) -> Flow:
        permit = self.only
        if permit is None:
            route = self.policy.route(request.method, request.path)
            if route is None:
                labels = (*self.where, *self.server, *self.tls)
                self.registry.counter("inbound_http_route_not_found_total", labels).inc()
                return refuse("route not found")
            permit = self.permits.get(id(route)) or self._permit(route)
        permit.counter.value += 1
        if permit.stack is None:
            return refuse("unauthorized")
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
            permit = Permit(allowed, self.follow(policy))
        self.permits[id(route)] = permit
        return permit
