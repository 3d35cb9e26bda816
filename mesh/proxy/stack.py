"""The stacks of a proxy: which layers, in which order, and why there.

A stack is built for one destination, endpoint or client and its configuration; layers that cannot act
under it are left out. With ``Shared.full`` none is left out, and the same requests give the same effects and
metrics.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mesh.messages import Peer
from mesh.proxy.atoms.classify import Classifier, default
from mesh.proxy.endpoint import Endpoint, MakeStack
from mesh.proxy.layers import Layer
from mesh.proxy.layers.limit import LocalRateLimit
from mesh.proxy.layers.observe import ByAuthority
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.logical import Logical
from mesh.proxy.metrics import Labels
from mesh.proxy.policy import ServerPolicy
from mesh.proxy.profile import DEFAULT_ROUTE, ProfileRoute
from mesh.proxy.sites.inbound import ApplicationSite, ClientSite, InboundRouteSite
from mesh.proxy.sites.outbound import EndpointSite, RouteSite, ServiceSite
from mesh.proxy.sites.shared import Shared
from mesh.proxy.telemetry.labels import inbound_endpoint, outbound_endpoint

if TYPE_CHECKING:
    from mesh.proxy.destination import Destination

__all__ = [
    "APPLICATION",
    "CLIENT",
    "ENDPOINT",
    "INBOUND_ROUTE",
    "ROUTE",
    "SERVICE",
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
    Place("balance", "chooses the endpoint, so everything below belongs to one", RouteSite.balance),
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


def _assemble(places: Sequence[Place[S]], site: S, full: bool, innermost: Layer | None = None) -> Layer:
    """The layers of ``places`` that act at ``site``, outermost first, around ``innermost``."""
    layer: Layer = innermost or (lambda request, deadline: refuse("unexpected"))
    for place in reversed(places):
        if full or place.acts(site):
            layer = place.make(site, layer)
    return layer


def outbound(shared: Shared, destination: "Destination") -> Layer:
    """The stack of a destination, down to the choice of an endpoint."""

    def route_stack(route: ProfileRoute) -> Layer:
        return _assemble(ROUTE, RouteSite(shared, destination, route), shared.full)

    site = ServiceSite(shared, destination, route_stack)
    return _assemble(SERVICE, site, shared.full, route_stack(DEFAULT_ROUTE))


def endpoint_stack(shared: Shared, destination: "Destination") -> MakeStack:
    """Makes the stacks of a destination's endpoints."""

    def make(endpoint: Endpoint, classify: Classifier) -> Layer:
        config = shared.config
        site = EndpointSite(
            shared,
            endpoint,
            destination.pool,
            outbound_endpoint(destination.name, endpoint.address, destination.labels, config.identity),
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
    lines += _tell(SERVICE, ServiceSite(shared, destination, no_stack), shared.full, "  ")
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
        acts = full or place.acts(site)
        note = "" if acts else " (left out: cannot act)"
        yield f"{indent}{'·' if acts else '-'} {place.layer:<16} {place.reason}{note}"
