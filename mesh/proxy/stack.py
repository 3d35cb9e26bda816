"""The stacks of a proxy: which layers, in which order, and why there.

A stack is built for one destination, endpoint or client and its configuration; layers that cannot act
under it are left out. With ``Shared.full`` none is left out, and the same requests give the same effects and
metrics.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from mesh.messages import Address, Peer
from mesh.proxy.atoms.classify import Classifier, default
from mesh.proxy.atoms.ewma import PeakEwma
from mesh.proxy.config import ProxyConfig
from mesh.proxy.endpoint import Endpoint, Local, MakeStack
from mesh.proxy.labels import accepted_tls, inbound_endpoint, outbound_endpoint, reference, target
from mesh.proxy.layers import Layer
from mesh.proxy.layers.accrue import Accrue
from mesh.proxy.layers.authorize import Authorize
from mesh.proxy.layers.balance import Balance
from mesh.proxy.layers.client import Client
from mesh.proxy.layers.identify import Identify
from mesh.proxy.layers.observe import ByAuthority, Meter, Observe, ObserveRoute
from mesh.proxy.layers.rescue import Rescue
from mesh.proxy.layers.retry import Retry
from mesh.proxy.layers.route import Condition, Route
from mesh.proxy.layers.secure import Secure
from mesh.proxy.layers.timeout import Timeout
from mesh.proxy.metrics import Labels, Registry
from mesh.proxy.policy import ServerPolicy
from mesh.proxy.pool import Pool
from mesh.proxy.profile import DEFAULT_ROUTE, ProfileRoute

if TYPE_CHECKING:
    from mesh.proxy.destination import Destination
    from mesh.proxy.tap import TapSession

__all__ = [
    "CLIENT",
    "ENDPOINT",
    "ROUTE",
    "SERVICE",
    "Shared",
    "describe",
    "endpoint_stack",
    "inbound",
    "outbound",
]

INFINITY = float("inf")


@dataclass(slots=True)
class Shared:
    """What all stacks of one proxy share.

    Attributes:
        taps: active taps; one list for the life of the proxy.
        full: leave no layer out.
    """

    config: ProxyConfig
    clock: Callable[[], float]
    rng: random.Random
    registry: Registry
    taps: "list[TapSession]" = field(default_factory=list)
    full: bool = False


@dataclass(slots=True)
class ServiceSite:
    """Where an outbound stack is built: for a destination."""

    shared: Shared
    destination: "Destination"


@dataclass(slots=True)
class RouteSite:
    """For a route of a destination."""

    shared: Shared
    destination: "Destination"
    route: ProfileRoute

    def meter(self, prefix: str, *, timed: bool) -> Meter | None:
        """The route's metrics; None for a destination without routes."""
        if self.destination.routes is None:
            return None
        labels: Labels = (("direction", "outbound"), ("dst", self.destination.name))
        if self.route.name:
            labels = (*labels, ("rt_route", self.route.name))
        return Meter(self.shared.registry, labels, self.route.classify, prefix, timed)


@dataclass(slots=True)
class EndpointSite:
    """For an endpoint, outbound or inbound."""

    shared: Shared
    endpoint: Endpoint
    pool: Pool
    labels: Labels
    classify: Classifier
    outbound: bool
    explain: bool


@dataclass(slots=True)
class ClientSite:
    """For one kind of client of one port of the application."""

    shared: Shared
    port: int
    grpc: bool
    peer: Peer
    policy: ServerPolicy | None

    @property
    def where(self) -> Labels:
        """Labels of the port."""
        return target(self.shared.config.pod_ip or "127.0.0.1", self.port)

    @property
    def tls(self) -> Labels:
        """Labels of the client."""
        return accepted_tls(self.peer, self.shared.config.identity)


S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Place(Generic[S]):
    """A layer's place in a stack.

    Attributes:
        layer: its name.
        reason: why it is there and not elsewhere.
        acts: whether it can act at a site.
        make: the layer, given what follows.
    """

    layer: str
    reason: str
    acts: Callable[[S], bool]
    make: Callable[[S, Layer], Layer]


def _always(_: object) -> bool:
    return True


def _last(request: object, deadline: float) -> "Iterator[object]":
    raise AssertionError("the innermost layer calls nobody")


def _assemble(places: Sequence[Place[S]], site: S, full: bool, innermost: Layer = _last) -> Layer:  # type: ignore[assignment]
    """The layers of ``places`` that act at ``site``, outermost first, around ``innermost``."""
    layer = innermost
    for place in reversed(places):
        if full or place.acts(site):
            layer = place.make(site, layer)
    return layer


# -- outbound ------------------------------------------------------------------------------------------


def _rescue_outbound(site: ServiceSite, following: Layer) -> Layer:
    return Rescue(
        following,
        context=f"logical service {site.destination.name}: ",
        explain=site.shared.config.informational_headers,
        registry=site.shared.registry,
        family="outbound_http_errors_total",
    )


def _route(site: ServiceSite, following: Layer) -> Layer:
    routes = site.destination.routes
    stacks = [
        (route.condition or Condition({}), _route_stack(site, route))
        for route in (routes.routes if routes else ())
    ]
    return Route(following, stacks)


def _observe_route(site: RouteSite, following: Layer) -> Layer:
    return ObserveRoute(following, site.shared.clock, site.meter("route_", timed=True))


def _timeout(site: RouteSite, following: Layer) -> Layer:
    return Timeout(following, site.shared.clock, site.route.timeout)


def _retry(site: RouteSite, following: Layer) -> Layer:
    routes = site.destination.routes
    budget = routes.budget if routes is not None and site.route.retryable else None
    labels: Labels = (
        ("direction", "outbound"),
        ("dst", site.destination.name),
        ("rt_route", site.route.name),
    )
    return Retry(following, site.shared.clock, budget, site.route.classify, site.shared.registry, labels)


def _retries(site: RouteSite) -> bool:
    routes = site.destination.routes
    return routes is not None and routes.budget is not None and site.route.retryable


def _observe_attempt(site: RouteSite, following: Layer) -> Layer:
    return ObserveRoute(following, site.shared.clock, site.meter("route_actual_", timed=False))


def _balance(site: RouteSite, _: Layer) -> Layer:
    shared = site.shared
    classify = None if site.route.classify is default else site.route.classify
    return Balance(site.destination.pool, shared.clock, shared.rng, shared.config.queue_capacity, classify)


SERVICE: tuple[Place[ServiceSite], ...] = (
    Place(
        "rescue", "outermost: whatever went wrong below becomes a response here", _always, _rescue_outbound
    ),
    Place(
        "route",
        "above everything that a route configures",
        lambda site: site.destination.routes is not None,
        _route,
    ),
)

ROUTE: tuple[Place[RouteSite], ...] = (
    Place(
        "observe route",
        "above the time-out and the retries: counts what the caller saw, once",
        lambda site: site.destination.routes is not None,
        _observe_route,
    ),
    Place(
        "timeout", "above retry: spans all attempts", lambda site: site.route.timeout != INFINITY, _timeout
    ),
    Place("retry", "above balance: a retry may land on another pod", _retries, _retry),
    Place(
        "observe attempt",
        "below retry: counts every attempt",
        lambda site: site.destination.routes is not None,
        _observe_attempt,
    ),
    Place("balance", "chooses the endpoint, so everything below belongs to one", _always, _balance),
)


def _route_stack(site: ServiceSite, route: ProfileRoute) -> Layer:
    return _assemble(ROUTE, RouteSite(site.shared, site.destination, route), site.shared.full)


def outbound(shared: Shared, destination: "Destination") -> Layer:
    """The stack of a destination, down to the choice of an endpoint."""
    site = ServiceSite(shared, destination)
    return _assemble(SERVICE, site, shared.full, _route_stack(site, DEFAULT_ROUTE))


# -- endpoints -----------------------------------------------------------------------------------------


def _accrue(site: EndpointSite, following: Layer) -> Layer:
    return Accrue(following, site.shared.clock, site.endpoint, site.pool, site.classify)


def _secure(site: EndpointSite, following: Layer) -> Layer:
    return Secure(following, site.endpoint.address.identity)


def _observe(site: EndpointSite, following: Layer) -> Layer:
    meter = Meter(site.shared.registry, site.labels, site.classify)
    return Observe(following, site.shared.clock, meter, site.endpoint, site.shared.taps)


def _client(site: EndpointSite, _: Layer) -> Layer:
    config, endpoint = site.shared.config, site.endpoint
    return Client(
        endpoint,
        pool=site.pool,
        context=f"endpoint {endpoint.ip}:{endpoint.port}: ",
        explain=site.explain,
        strip=site.outbound,
        connect_timeout=config.outbound_connect_timeout if site.outbound else config.inbound_connect_timeout,
    )


ENDPOINT: tuple[Place[EndpointSite], ...] = (
    Place(
        "accrue",
        "outermost at the endpoint: its gate sees every class",
        lambda site: site.endpoint.accrual is not None,
        _accrue,
    ),
    Place(
        "secure",
        "above the metrics: a refused request never reached the endpoint",
        lambda site: site.outbound,
        _secure,
    ),
    Place("observe", "above client: a failed connection counts as its 502 or 504", _always, _observe),
    Place("client", "innermost: sends", _always, _client),
)


def endpoint_stack(shared: Shared, destination: "Destination") -> MakeStack:
    """Makes the stacks of a destination's endpoints."""

    def make(endpoint: Endpoint, classify: Classifier) -> Layer:
        config = shared.config
        labels = outbound_endpoint(destination.name, endpoint.address, destination.labels, config.identity)
        site = EndpointSite(
            shared,
            endpoint,
            destination.pool,
            labels,
            classify,
            outbound=True,
            explain=config.informational_headers,
        )
        return _assemble(ENDPOINT, site, shared.full)

    return make


# -- inbound -------------------------------------------------------------------------------------------


def _rescue_inbound(site: ClientSite, following: Layer) -> Layer:
    return Rescue(
        following,
        context="",
        explain=site.peer.client_id is not None,
        registry=site.shared.registry,
        family="inbound_http_errors_total",
    )


def _identify(site: ClientSite, following: Layer) -> Layer:
    return Identify(following, site.peer.client_id)


def _authorize(site: ClientSite, following: Layer) -> Layer:
    policy = site.policy
    if policy is None:
        return following
    meta = policy.meta
    server = (*reference("srv", meta.group, meta.kind, meta.name), ("srv_port", str(site.port)))
    return Authorize(
        policy,
        site.peer,
        site.shared.registry,
        lambda labels: application(site, labels),
        where=site.where,
        tls=site.tls,
        server=server,
    )


CLIENT: tuple[Place[ClientSite], ...] = (
    Place("rescue", "outermost: whatever went wrong below becomes a response here", _always, _rescue_inbound),
    Place("identify", "above the policy: no client may say who it is by itself", _always, _identify),
    Place(
        "authorize",
        "above the metrics: a refused request is not in request_total",
        lambda site: site.policy is not None,
        _authorize,
    ),
)


def application(site: ClientSite, policy: Labels) -> Layer:
    """The stack from the decision of the policy to the application: queue, metrics, client.

    Only HTTP/2 connects before it sends, so only gRPC requests can wait for the application.
    """
    shared, config = site.shared, site.shared.config
    now = shared.clock()
    address = Address("127.0.0.1", site.port)
    local = Local(
        address,
        PeakEwma(now, config.default_rtt, config.decay),
        eager=site.grpc,
        backoff=config.inbound_backoff,
    )
    pool = Pool(config.inbound_failfast, shared.rng, now)

    def stack(authority: str | None, classify: Classifier) -> Layer:
        labels = inbound_endpoint(site.where, site.tls, policy, authority)
        explain = site.peer.client_id is not None
        endpoint_site = EndpointSite(shared, local, pool, labels, classify, outbound=False, explain=explain)
        return _assemble(ENDPOINT, endpoint_site, shared.full)

    def make(_: Endpoint, classify: Classifier) -> Layer:
        if config.policy_labels:
            return stack(None, classify)
        return ByAuthority(lambda authority: stack(authority, classify))

    local.build(make)
    pool.add(local)
    if site.grpc or shared.full:
        return Balance(pool, shared.clock, shared.rng, config.queue_capacity)
    return local.stack


def inbound(shared: Shared, port: int, grpc: bool, peer: Peer, policy: ServerPolicy | None) -> Layer:
    """The stack of one kind of client of one port: clients with the same identity share it.

    Args:
        policy: the port's; None in editions without policy.
    """
    site = ClientSite(shared, port, grpc, peer, policy)
    if policy is None:
        return _assemble(CLIENT, site, shared.full, application(site, ()))
    return _assemble(CLIENT, site, shared.full)


# -- telling -------------------------------------------------------------------------------------------


def describe(shared: Shared, destination: "Destination") -> str:
    """The outbound stack of a destination as text: layers, reasons, and which were left out."""
    lines = [f"outbound stack of {destination.name}, outermost first"]
    service = ServiceSite(shared, destination)
    lines += _tell(SERVICE, service, shared.full, "  ")
    routes = [*(destination.routes.routes if destination.routes else ()), DEFAULT_ROUTE]
    for route in routes:
        lines.append(f"  route {route.name or '(default)'}")
        lines += _tell(ROUTE, RouteSite(shared, destination, route), shared.full, "    ")
    for endpoint in destination.endpoints.values():
        lines.append(f"      endpoint {endpoint.ip}:{endpoint.port}")
        site = EndpointSite(shared, endpoint, destination.pool, (), default, outbound=True, explain=True)
        lines += _tell(ENDPOINT, site, shared.full, "        ")
    return "\n".join(lines) + "\n"


def _tell(places: Sequence[Place[S]], site: S, full: bool, indent: str) -> Iterator[str]:
    for place in places:
        mark = "·" if full or place.acts(site) else "-"
        note = "" if mark == "·" else " (left out: cannot act)"
        yield f"{indent}{mark} {place.layer:<16} {place.reason}{note}"
