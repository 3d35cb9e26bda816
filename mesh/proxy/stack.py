"""The stacks of a proxy: which layers, in which order, and why there.

A stack is built for one destination, endpoint or client and its configuration; layers that cannot act
under it are left out. With ``Shared.full`` none is left out, and the same requests give the same effects and
metrics.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from mesh.messages import (
    OutboundBackend,
    OutboundPolicy,
    OutboundRule,
    Peer,
    Request,
    Response,
    RouteMatch,
    StreamTimeouts,
)
from mesh.proxy.atoms.classify import Classifier, default
from mesh.proxy.effects import Flow
from mesh.proxy.endpoint import Endpoint, MakeStack
from mesh.proxy.layers import Layer
from mesh.proxy.layers.limit import LocalRateLimit
from mesh.proxy.layers.observe import ByAuthority
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.logical import Logical
from mesh.proxy.metrics import Labels
from mesh.proxy.policy import ServerPolicy
from mesh.proxy.profile import DEFAULT_ROUTE, ProfileRoute
from mesh.proxy.routing.table import Found
from mesh.proxy.sites.inbound import ApplicationSite, ClientSite, InboundRouteSite
from mesh.proxy.sites.outbound import BackendSite, EndpointSite, RouteSite, RuleSite, ServiceSite
from mesh.proxy.sites.shared import Shared
from mesh.proxy.telemetry.labels import inbound_endpoint, outbound_endpoint

if TYPE_CHECKING:
    from mesh.proxy.concrete import Concrete
    from mesh.proxy.destination import Destination

__all__ = [
    "APPLICATION",
    "BACKEND",
    "CLIENT",
    "ENDPOINT",
    "INBOUND_ROUTE",
    "ROUTE",
    "RULE",
    "SERVICE",
    "administration",
    "describe",
    "endpoint_stack",
    "inbound",
    "outbound",
]

INFINITY = float("inf")

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Place(Generic[S]):
    """A layer's place in a stack.

    Attributes:
        layer: its name.
        reason: why it is there and not elsewhere.
        make: the layer at a site, given what follows.
        acts: whether it can do anything at a site.
    """

    layer: str
    reason: str
    make: Callable[[S, Layer], Layer]
    acts: Callable[[S], bool] = lambda site: True


SERVICE: tuple[Place[ServiceSite], ...] = (
    Place("rescue", "outermost: whatever went wrong below becomes a response here", ServiceSite.rescue),
    Place(
        "dispatch",
        "above everything that a rule of the policy configures",
        ServiceSite.dispatch,
        lambda site: site.destination.rules is not None,
    ),
    Place(
        "canonical",
        "above the retries: every attempt says the same",
        ServiceSite.canonical,
        lambda site: site.destination.routes is not None,
    ),
    Place(
        "route",
        "above everything that a route configures",
        ServiceSite.route,
        lambda site: site.destination.routes is not None,
    ),
)

ROUTE: tuple[Place[RouteSite], ...] = (
    Place(
        "observe route",
        "above the time-out and the retries: counts what the caller saw, once",
        RouteSite.observe_route,
        lambda site: site.routed,
    ),
    Place(
        "timeout",
        "above retry: spans all attempts",
        RouteSite.timeout,
        lambda site: site.route.timeout != INFINITY,
    ),
    Place(
        "retry",
        "above balance: a retry may land on another pod",
        RouteSite.retry,
        lambda site: site.retried,
    ),
    Place(
        "observe attempt",
        "below retry: counts every attempt",
        RouteSite.observe_attempt,
        lambda site: site.routed,
    ),
    Place(
        "distribute",
        "below retry: another attempt may go to another service",
        RouteSite.distribute,
        lambda site: bool(site.destination.split),
    ),
    Place("balance", "chooses the endpoint, so everything below belongs to one", RouteSite.balance),
)

RULE: tuple[Place[RuleSite], ...] = (
    Place("measure route", "outermost: counts what the caller saw, once", RuleSite.measure),
    Place(
        "limits",
        "above retry: the request's timeout spans all attempts",
        RuleSite.limits,
        lambda site: site.rule.timeouts != StreamTimeouts(),
    ),
    Place(
        "retry",
        "above the filters and the choice of a backend: every attempt does both anew",
        RuleSite.retry,
        lambda site: site.rule.retry is not None,
    ),
    Place(
        "filter",
        "above distribute: a redirect needs no backend",
        RuleSite.filter,
        lambda site: bool(site.rule.filters),
    ),
    Place(
        "distribute",
        "chooses the backend, so everything below belongs to one",
        RuleSite.distribute,
        lambda site: site.distributed,
    ),
)

BACKEND: tuple[Place[BackendSite], ...] = (
    Place("measure backend", "above the backend's filters: their answers are its own", BackendSite.measure),
    Place(
        "filter",
        "above balance: what stands for an invalid backend needs no endpoint",
        BackendSite.filter,
        lambda site: bool(site.backend.filters),
    ),
    Place("balance", "chooses the endpoint, so everything below belongs to one", BackendSite.balance),
)

ENDPOINT: tuple[Place[EndpointSite], ...] = (
    Place(
        "accrue",
        "outermost at the endpoint: its gate sees every class",
        EndpointSite.accrue,
        lambda site: site.endpoint.accrual is not None,
    ),
    Place(
        "secure",
        "above the metrics: a refused request never reached the endpoint",
        EndpointSite.secure,
        lambda site: site.outbound,
    ),
    Place("observe", "above client: a failed connection counts as its 502 or 504", EndpointSite.observe),
    Place("client", "innermost: sends", EndpointSite.client),
)

CLIENT: tuple[Place[ClientSite], ...] = (
    Place("rescue", "outermost: whatever went wrong below becomes a response here", ClientSite.rescue),
    Place("identify", "above the policy: no client may say who it is by itself", ClientSite.identify),
    Place("authorize", "above the metrics: a refused request is not in request_total", ClientSite.authorize),
)

APPLICATION: tuple[Place[ApplicationSite], ...] = (
    Place(
        "limit",
        "below authorize: a denied request costs no token",
        ApplicationSite.limit,
        lambda site: site.client.limiter is not None,
    ),
    Place(
        "route",
        "above everything that a route configures",
        ApplicationSite.route,
        lambda site: site.routes is not None,
    ),
)

INBOUND_ROUTE: tuple[Place[InboundRouteSite], ...] = (
    Place(
        "observe route",
        "above the queue: counts what the client saw",
        InboundRouteSite.observe_route,
        lambda site: site.site.routes is not None,
    ),
    Place(
        "connect",
        "above the endpoint's metrics: a request that was never sent is not counted",
        InboundRouteSite.connect,
        lambda site: site.site.client.grpc,
    ),
)


def _unused(request: Request, deadline: float) -> Flow:
    """What follows an innermost layer."""
    return refuse("unexpected")


def _assemble(places: Sequence[Place[S]], site: S, full: bool, innermost: Layer | None = None) -> Layer:
    """The layers of ``places`` that act at ``site``, outermost first, around ``innermost``."""
    layer: Layer = innermost or _unused
    for place in reversed(places):
        if full or place.acts(site):
            layer = place.make(site, layer)
    return layer


def outbound(shared: Shared, destination: "Destination") -> Layer:
    """The stack of a destination, down to the choice of an endpoint."""

    def route_stack(route: ProfileRoute) -> Layer:
        return _assemble(ROUTE, RouteSite(shared, destination, route), shared.full)

    def rule_stack(policy: OutboundPolicy, found: Found) -> Layer:
        site = RuleSite(shared, destination, policy, found, partial(backend_stack, policy))
        backends = site.rule.backends
        only = None if site.distributed else backend_stack(policy, site.rule, backends[0])
        return _assemble(RULE, site, shared.full, only)

    def backend_stack(policy: OutboundPolicy, rule: OutboundRule, backend: OutboundBackend) -> Layer:
        return _assemble(BACKEND, BackendSite(shared, destination, policy, rule, backend), shared.full)

    site = ServiceSite(shared, destination, route_stack, rule_stack)
    return _assemble(SERVICE, site, shared.full, route_stack(DEFAULT_ROUTE))


def endpoint_stack(shared: Shared, concrete: "Concrete") -> MakeStack:
    """Makes the stacks of the endpoints of an authority."""

    def make(endpoint: Endpoint, classify: Classifier) -> Layer:
        config = shared.config
        site = EndpointSite(
            shared,
            endpoint,
            concrete.pool,
            outbound_endpoint(concrete.name, endpoint.address, concrete.labels, config.identity),
            classify,
            outbound=True,
            explain=config.informational_headers,
        )
        return _assemble(ENDPOINT, site, shared.full)

    return make


def inbound(
    shared: Shared,
    port: int,
    grpc: bool,
    peer: Peer,
    policy: ServerPolicy | None,
    limiter: LocalRateLimit | None = None,
    logical: Logical | None = None,
) -> Layer:
    """The stack of one kind of client of one port, and of what its requests are for."""
    site = ClientSite(shared, port, grpc, peer, policy, limiter, logical, application)
    return _assemble(CLIENT, site, shared.full)


def administration(
    shared: Shared, port: int, peer: Peer, policy: ServerPolicy | None, answer: Callable[[Request], Response]
) -> Layer:
    """The stack of a request to the proxy's own port: policy holds there as for any other."""

    def answered(request: Request) -> Flow:
        yield from ()
        return answer(request)

    def own(client: ClientSite, labels: Labels) -> Layer:
        return lambda request, deadline: answered(request)

    site = ClientSite(shared, port, False, peer, policy, None, None, own)
    return _assemble(CLIENT, site, shared.full)


def application(client: ClientSite, policy: Labels) -> Layer:
    """The stack from the decision of the policy, which has these labels, to the application."""
    shared = client.shared

    def route_stack(site: ApplicationSite, route: ProfileRoute) -> Layer:
        below = site.local.classified(route.classify)
        return _assemble(INBOUND_ROUTE, InboundRouteSite(site, route), shared.full, below)

    site = ApplicationSite.make(client, route_stack)
    local = site.local

    def stack(authority: str | None, classify: Classifier) -> Layer:
        labels = inbound_endpoint(client.where, client.tls, policy, authority)
        return _assemble(
            ENDPOINT,
            EndpointSite(
                shared, local, site.pool, labels, classify, outbound=False, explain=client.explained
            ),
            shared.full,
        )

    def make(_: Endpoint, classify: Classifier) -> Layer:
        if shared.config.policy_labels:
            return stack(None, classify)
        return ByAuthority(lambda authority: stack(authority, classify))

    local.build(make)
    site.pool.add(local)
    return _assemble(APPLICATION, site, shared.full, site.route_stack(DEFAULT_ROUTE))


def describe(shared: Shared, destination: "Destination") -> str:
    """The outbound stack of a destination as text: layers, reasons, and which were left out."""

    def no_stack(route: ProfileRoute) -> Layer:
        raise AssertionError(f"nothing is built for {route.name}")

    lines = [f"outbound stack of {destination.name}, outermost first"]
    site = ServiceSite(shared, destination, no_stack, lambda policy, found: no_stack(DEFAULT_ROUTE))
    lines += _tell(SERVICE, site, shared.full, "  ")
    if destination.rules is not None:
        lines += _tell_rules(shared, destination, destination.rules)
        return "\n".join(lines) + "\n"
    routes = [*(destination.routes.routes if destination.routes else ()), DEFAULT_ROUTE]
    for route in routes:
        lines.append(f"  route {route.name or '(default)'}")
        lines += _tell(ROUTE, RouteSite(shared, destination, route), shared.full, "    ")
    lines += _tell_endpoints(shared, destination.own)
    return "\n".join(lines) + "\n"


def _tell_rules(shared: Shared, destination: "Destination", policy: OutboundPolicy) -> Iterator[str]:
    for index, rule in enumerate(policy.rules):
        yield f"  rule {index + 1} of route {rule.ref}"
        site = RuleSite(
            shared, destination, policy, Found(index, RouteMatch()), lambda rule, backend: _unused
        )
        yield from _tell(RULE, site, shared.full, "    ")
        for backend in rule.backends:
            yield f"      backend {backend.ref}"
            yield from _tell(
                BACKEND, BackendSite(shared, destination, policy, rule, backend), shared.full, "        "
            )
    for concrete in destination.concretes:
        yield from _tell_endpoints(shared, concrete)


def _tell_endpoints(shared: Shared, concrete: "Concrete") -> Iterator[str]:
    for endpoint in concrete.endpoints.values():
        yield f"      endpoint {endpoint.ip}:{endpoint.port}"
        site = EndpointSite(shared, endpoint, concrete.pool, (), default, outbound=True, explain=True)
        yield from _tell(ENDPOINT, site, shared.full, "        ")


def _tell(places: Sequence[Place[S]], site: S, full: bool, indent: str) -> Iterator[str]:
    for place in places:
        acts = full or place.acts(site)
        note = "" if acts else " (left out: cannot act)"
        yield f"{indent}{'·' if acts else '-'} {place.layer:<16} {place.reason}{note}"
