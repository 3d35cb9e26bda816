"""Where inbound layers are made: for a kind of client, for the application behind a port, for a route."""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.messages import Address, Peer
from mesh.proxy.atoms.classify import default
from mesh.proxy.atoms.ewma import PeakEwma
from mesh.proxy.endpoint import Local
from mesh.proxy.layers import Layer
from mesh.proxy.layers.authorize import Authorize
from mesh.proxy.layers.balance import Balance
from mesh.proxy.layers.connect import Connect
from mesh.proxy.layers.identify import Identify
from mesh.proxy.layers.limit import Limit, LocalRateLimit
from mesh.proxy.layers.observe import Meter, ObserveRoute
from mesh.proxy.layers.rescue import Rescue
from mesh.proxy.layers.route import Condition, Route
from mesh.proxy.logical import Logical
from mesh.proxy.metrics import Labels
from mesh.proxy.policy import ServerPolicy
from mesh.proxy.pool import Pool
from mesh.proxy.profile import ProfileRoute, Routes
from mesh.proxy.sites.shared import Shared
from mesh.proxy.telemetry.labels import accepted_tls, reference, target
from mesh.proxy.telemetry.labels import route as route_labels

__all__ = ["ApplicationSite", "ClientSite", "InboundRouteSite"]


@dataclass(slots=True)
class ClientSite:
    """One kind of client of one port: clients with the same identity share a stack.

    Attributes:
        policy: the port's; None in editions without policy.
        limiter: the port's rate limits, if there are any.
        logical: what the requests are for, if that can have a profile.
        application: makes what follows the policy, given the labels of its decision.
    """

    shared: Shared
    port: int
    grpc: bool
    peer: Peer
    policy: ServerPolicy | None
    limiter: LocalRateLimit | None
    logical: Logical | None
    application: Callable[["ClientSite", Labels], Layer]

    @property
    def explained(self) -> bool:
        """Whether the client may see why an answer was made up: only meshed ones."""
        return self.peer.client_id is not None

    @property
    def where(self) -> Labels:
        """Labels of the port."""
        return target(self.shared.config.pod_ip or "127.0.0.1", self.port)

    @property
    def tls(self) -> Labels:
        """Labels of the client."""
        return accepted_tls(self.peer, self.shared.config.identity)

    @property
    def server(self) -> Labels:
        """Labels of the policy."""
        if self.policy is None:
            return ()
        meta = self.policy.meta
        return (*reference("srv", meta.group, meta.kind, meta.name), ("srv_port", str(self.port)))

    def rescue(self, following: Layer) -> Layer:
        """Turns errors into responses."""
        return Rescue(
            following,
            context="",
            explain=self.explained,
            registry=self.shared.registry,
            family="inbound_http_errors_total",
            load=self.shared.inbound_load,
        )

    def identify(self, following: Layer) -> Layer:
        """Tells the application who its client is."""
        return Identify(following, self.peer.client_id)

    def authorize(self, _: Layer) -> Layer:
        """Applies the policy; what follows depends on the decision's labels."""
        if self.policy is None:
            return self.application(self, ())
        return Authorize(
            self.policy,
            self.peer,
            self.shared.registry,
            lambda labels: self.application(self, labels),
            where=self.where,
            tls=self.tls,
            server=self.server,
            rng=self.shared.rng,
        )


@dataclass(slots=True)
class ApplicationSite:
    """The application behind a port, for one kind of client and one decision of the policy.

    Attributes:
        local: where it listens; the only member of ``pool``.
        route_stack: makes the stack of one route.
    """

    client: ClientSite
    local: Local
    pool: Pool
    route_stack: Callable[[ProfileRoute], Layer]

    @classmethod
    def make(
        cls, client: ClientSite, route_stack: Callable[["ApplicationSite", ProfileRoute], Layer]
    ) -> "ApplicationSite":
        """With a connection of its own: HTTP/2 connects before it sends, HTTP/1 on demand."""
        shared, config = client.shared, client.shared.config
        now = shared.clock()
        local = Local(
            Address("127.0.0.1", client.port),
            PeakEwma(now, config.default_rtt, config.decay),
            eager=client.grpc,
            backoff=config.inbound_backoff,
        )
        pool = Pool(config.inbound_failfast, shared.rng, now)
        site = cls(client, local, pool, lambda route: route_stack(site, route))
        return site

    def limit(self, following: Layer) -> Layer:
        """Applies the rate limits."""
        client = self.client
        if client.limiter is None:
            return following
        return Limit(
            following,
            client.shared.clock,
            client.limiter,
            client.peer.client_id,
            client.shared.registry,
            (*client.where, *client.server),
            client.tls,
        )

    @property
    def routes(self) -> Routes | None:
        """Those of the profile, if there is one."""
        logical = self.client.logical
        return None if logical is None else logical.routes

    def route(self, following: Layer) -> Layer:
        """Finds the route; what follows is the default one."""
        routes = self.routes
        stacks = [
            (route.condition or Condition({}), self.route_stack(route))
            for route in (routes.routes if routes else ())
        ]
        return Route(following, stacks)


@dataclass(slots=True)
class InboundRouteSite:
    """A route of what the requests are for. Time-outs and retries are the client's affair."""

    site: ApplicationSite
    route: ProfileRoute

    def observe_route(self, following: Layer) -> Layer:
        """Counts what the client saw."""
        client = self.site.client
        meter = None
        if client.logical is not None and self.site.routes is not None:
            labels = route_labels("inbound", client.logical.name, self.route.name)
            meter = Meter(client.shared.registry, labels, self.route.classify, "route_")
        return ObserveRoute(following, client.shared.clock, meter, self.route.name, client.shared.taps)

    def connect(self, following: Layer) -> Layer:
        """Waits for the application."""
        shared, site = self.site.client.shared, self.site
        classify = None if self.route.classify is default else self.route.classify
        capacity = shared.config.queue_capacity
        waiting = Balance(site.pool, shared.clock, shared.rng, capacity, classify)
        return Connect(following, waiting, site.local)
