"""Where outbound layers are made: for a destination, for one of its routes, for one of its endpoints.

`mesh.proxy.stack` says in which order; a site says from what.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.messages import InjectFilter, OutboundBackend, OutboundPolicy, OutboundRule, RouteMatch
from mesh.proxy.atoms.classify import Classifier, default
from mesh.proxy.endpoint import Endpoint
from mesh.proxy.layers import Layer
from mesh.proxy.layers.accrue import Accrue
from mesh.proxy.layers.balance import Balance
from mesh.proxy.layers.canonical import Canonical
from mesh.proxy.layers.client import Client
from mesh.proxy.layers.dispatch import Dispatch
from mesh.proxy.layers.distribute import Choice, Distribute, takes
from mesh.proxy.layers.filter import Filter
from mesh.proxy.layers.measure import Measure, backend_scope, route_scope
from mesh.proxy.layers.observe import Meter, Observe, ObserveRoute
from mesh.proxy.layers.policy_retry import PolicyRetry, Retries
from mesh.proxy.layers.rescue import Rescue
from mesh.proxy.layers.retry import Retry
from mesh.proxy.layers.route import Condition, Route
from mesh.proxy.layers.secure import Secure
from mesh.proxy.layers.timeout import StreamLimits, Timeout
from mesh.proxy.metrics import Labels
from mesh.proxy.pool import Pool
from mesh.proxy.profile import ProfileRoute
from mesh.proxy.routing.table import Found
from mesh.proxy.sites.shared import Shared
from mesh.proxy.telemetry.labels import route as route_labels

if TYPE_CHECKING:
    from mesh.proxy.destination import Destination

__all__ = ["BackendSite", "EndpointSite", "RouteSite", "RuleSite", "ServiceSite"]


@dataclass(slots=True)
class ServiceSite:
    """A destination as a whole.

    Attributes:
        route_stack: makes the stack of one route.
        rule_stack: makes the stack of one rule of a policy, for one of its matches.
    """

    shared: Shared
    destination: "Destination"
    route_stack: Callable[[ProfileRoute], Layer]
    rule_stack: Callable[[OutboundPolicy, Found], Layer]

    def rescue(self, following: Layer) -> Layer:
        """Turns errors into responses."""
        return Rescue(
            following,
            context=f"logical service {self.destination.name}: ",
            explain=self.shared.config.informational_headers,
            registry=self.shared.registry,
            family="outbound_http_errors_total",
            load=self.shared.outbound_load,
        )

    def canonical(self, following: Layer) -> Layer:
        """Names the service, if it has routes."""
        return Canonical(following, self.destination.name if self.destination.routes is not None else "")

    def dispatch(self, following: Layer) -> Layer:
        """Finds the rule of the policy; what follows is for when there is none."""
        destination = self.destination
        policy = destination.rules
        if policy is None:
            return following
        only = Found(0, RouteMatch()) if policy.rules else None
        return Dispatch(destination.table, lambda found: self.rule_stack(policy, found), only)

    def route(self, following: Layer) -> Layer:
        """Finds the route; what follows is the default one."""
        routes = self.destination.routes
        stacks = [
            (route.condition or Condition({}), self.route_stack(route))
            for route in (routes.routes if routes else ())
        ]
        return Route(following, stacks)


@dataclass(slots=True)
class RouteSite:
    """A route of a destination."""

    shared: Shared
    destination: "Destination"
    route: ProfileRoute

    @property
    def routed(self) -> bool:
        """Whether the destination has routes at all."""
        return self.destination.routes is not None

    @property
    def retried(self) -> bool:
        """Whether failures may be sent again."""
        routes = self.destination.routes
        return routes is not None and routes.budget is not None and self.route.retryable

    def observe_route(self, following: Layer) -> Layer:
        """Counts what the caller saw."""
        shared = self.shared
        meter = self._meter("route_", timed=True)
        return ObserveRoute(following, shared.clock, meter, self.route.name, shared.taps)

    def timeout(self, following: Layer) -> Layer:
        """Narrows the deadline."""
        return Timeout(following, self.shared.clock, self.route.timeout)

    def retry(self, following: Layer) -> Layer:
        """Sends failures again."""
        routes = self.destination.routes
        budget = routes.budget if routes is not None and self.retried else None
        labels: Labels = (
            ("direction", "outbound"),
            ("dst", self.destination.name),
            ("rt_route", self.route.name),
        )
        shared = self.shared
        return Retry(following, shared.clock, budget, self.route.classify, shared.registry, labels)

    def observe_attempt(self, following: Layer) -> Layer:
        """Counts every attempt."""
        return ObserveRoute(following, self.shared.clock, self._meter("route_actual_", timed=False))

    def distribute(self, following: Layer) -> Layer:
        """Chooses among the services of a split; what follows is the destination's own."""
        shared, destination = self.shared, self.destination
        choices = [Choice(following, 1, destination.pool)]
        if destination.split:
            concretes = [(destination.concrete(authority), weight) for authority, weight in destination.split]
            choices = [Choice(self._balance(each.pool), weight, each.pool) for each, weight in concretes]
        return Distribute(choices, shared.clock, shared.rng, drawn=len(choices) > 1)

    def balance(self, _: Layer) -> Layer:
        """Chooses the endpoint, and so what follows."""
        return self._balance(self.destination.pool)

    def _balance(self, pool: Pool) -> Layer:
        shared = self.shared
        classify = None if self.route.classify is default else self.route.classify
        return Balance(pool, shared.clock, shared.rng, shared.config.queue_capacity, classify)

    def _meter(self, prefix: str, *, timed: bool) -> Meter | None:
        """The route's metrics; None for a destination without routes."""
        if not self.routed:
            return None
        labels = route_labels("outbound", self.destination.name, self.route.name)
        return Meter(self.shared.registry, labels, self.route.classify, prefix, timed)


@dataclass(slots=True)
class RuleSite:
    """A rule of a destination's policy, for one of its matches.

    Attributes:
        backend_stack: makes the stack of one of its backends.
    """

    shared: Shared
    destination: "Destination"
    policy: OutboundPolicy
    found: Found
    backend_stack: Callable[[OutboundRule, OutboundBackend], Layer]

    @property
    def rule(self) -> OutboundRule:
        """The rule itself."""
        return self.policy.rules[self.found.rule]

    @property
    def distributed(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.rule.backends) != 1

    def measure(self, following: Layer) -> Layer:
        """Counts what the caller saw."""
        shared = self.shared
        scope = route_scope(shared.registry, self.policy.parent, self.rule.ref, self.rule.grpc)
        return Measure(following, shared.clock, shared.registry, scope)

    def limits(self, following: Layer) -> Layer:
        """Sets the deadlines."""
        return StreamLimits(following, self.shared.clock, self.rule.timeouts)

    def retry(self, following: Layer) -> Layer:
        """Sends failures again."""
        shared, rule = self.shared, self.rule
        if rule.retry is None:
            return following
        labels = route_scope(shared.registry, self.policy.parent, rule.ref, rule.grpc).labels
        counts = Retries.of(shared.registry, labels, grpc=rule.grpc)
        return PolicyRetry(following, shared.clock, shared.rng, rule.retry, self._ready, counts)

    def filter(self, following: Layer) -> Layer:
        """Runs the rule's filters."""
        return Filter(following, self.rule.filters, self.found.match, self.shared.rng)

    def distribute(self, following: Layer) -> Layer:
        """Chooses the backend; what follows is the only one's, if there is but one."""
        shared, rule = self.shared, self.rule
        if self.distributed:
            choices = [
                Choice(self.backend_stack(rule, each), each.weight, self._pool(each))
                for each in rule.backends
            ]
        else:
            choices = [Choice(following, 1, self._pool(rule.backends[0]))]
        return Distribute(choices, shared.clock, shared.rng, drawn=rule.weighted and len(choices) > 1)

    def _ready(self) -> bool:
        now = self.shared.clock()
        pools = (self._pool(each) for each in self.rule.backends)
        return any(takes(pool, now) for pool in pools)

    def _pool(self, backend: OutboundBackend) -> Pool | None:
        """The endpoints of a backend; None for one that answers by itself."""
        if any(isinstance(each, InjectFilter) for each in backend.filters):
            return None
        return self.destination.concrete(backend.authority).pool


@dataclass(slots=True)
class BackendSite:
    """A backend of a rule."""

    shared: Shared
    destination: "Destination"
    policy: OutboundPolicy
    rule: OutboundRule
    backend: OutboundBackend

    def measure(self, following: Layer) -> Layer:
        """Counts what the backend answered."""
        shared, rule = self.shared, self.rule
        scope = backend_scope(shared.registry, self.policy.parent, rule.ref, self.backend.ref, rule.grpc)
        return Measure(following, shared.clock, shared.registry, scope)

    def filter(self, following: Layer) -> Layer:
        """Runs the backend's filters."""
        return Filter(following, self.backend.filters, RouteMatch(), self.shared.rng)

    def balance(self, _: Layer) -> Layer:
        """Chooses the endpoint, and so what follows."""
        shared = self.shared
        pool = self.destination.concrete(self.backend.authority).pool
        return Balance(pool, shared.clock, shared.rng, shared.config.queue_capacity)


@dataclass(slots=True)
class EndpointSite:
    """An endpoint; inbound it is the application.

    Attributes:
        pool: whose member it is.
        labels: of its metrics.
        classify: the classifier of the route above.
        outbound: whether it is another pod's.
        explain: whether responses made up here say why.
    """

    shared: Shared
    endpoint: Endpoint
    pool: Pool
    labels: Labels
    classify: Classifier
    outbound: bool
    explain: bool

    def accrue(self, following: Layer) -> Layer:
        """Feeds the failure accrual."""
        return Accrue(following, self.shared.clock, self.endpoint, self.pool, self.classify)

    def secure(self, following: Layer) -> Layer:
        """Checks what the caller demands of the server's identity."""
        return Secure(following, self.endpoint.address.identity)

    def observe(self, following: Layer) -> Layer:
        """Counts and taps."""
        meter = Meter(self.shared.registry, self.labels, self.classify)
        return Observe(following, self.shared.clock, meter, self.endpoint, self.shared.taps)

    def client(self, _: Layer) -> Layer:
        """Sends."""
        config, endpoint = self.shared.config, self.endpoint
        timeout = config.outbound_connect_timeout if self.outbound else config.inbound_connect_timeout
        return Client(
            endpoint,
            pool=self.pool,
            context=f"endpoint {endpoint.ip}:{endpoint.port}: ",
            explain=self.explain,
            strip=self.outbound,
            connect_timeout=timeout,
        )
