"""The proxy: one pod's data plane. Makes the flows that a driver runs."""

import random
from collections.abc import Callable

from mesh.messages import Certificate, Peer, Request, Response
from mesh.proxy.admin import answer
from mesh.proxy.clients import Clients
from mesh.proxy.concrete import Concrete
from mesh.proxy.config import ProxyConfig
from mesh.proxy.destination import Destination
from mesh.proxy.drain import Drain
from mesh.proxy.effects import Flow
from mesh.proxy.endpoint import Endpoint
from mesh.proxy.identity import Identity
from mesh.proxy.layers.canonical import CANONICAL
from mesh.proxy.layers.observe import Meter
from mesh.proxy.load import Load
from mesh.proxy.logical import Logical
from mesh.proxy.metrics import Labels, Registry
from mesh.proxy.policy import ServerPolicy
from mesh.proxy.ports import Admission, Ports
from mesh.proxy.sites.shared import Shared
from mesh.proxy.stack import administration, describe
from mesh.proxy.tap import Match, TapSession
from mesh.proxy.telemetry.labels import LOOPBACK, outbound_endpoint, target
from mesh.proxy.telemetry.process import introduce
from mesh.proxy.transport import Connection

__all__ = ["Proxy"]

INFINITY = float("inf")
LOCAL = Peer("127.0.0.1", None, "loopback")  # an administrator beside the proxy


class Proxy:
    """One sidecar's data plane, without clock, sockets or luck of its own.

    Args:
        config: what it was told at its start.
        clock: seconds, never running backwards.
        rng: for the balancer's picks and back-off.
        resolve: called once for each destination in use; the caller subscribes to the control plane and
            tells the destination what it learns.
        release: called when a destination has not been used for a while; the subscription may end.
        follow: called once for each name that inbound requests are for and that may have a profile; the
            caller subscribes and tells it what it learns. Without it there are no inbound routes.
        unfollow: called when the name is forgotten.
        watch: called once for each port of the application in use; the caller subscribes to its policy and
            calls :meth:`set_policy`. Without it the configured default holds.
        resolve_backend: called for each further authority that a route or split leads to; the caller
            subscribes to its endpoints.
        release_backend: called when it is not wanted any more.
        full: build stacks with every layer, for tests.

    Attributes:
        registry: its metrics.
        identity: its certificate.
        drain: where it is in its life.
        log_level: the filter in force, as text; whoever logs may look.
        destinations: outbound, by authority and original address.
        clients: inbound stacks, by port, protocol, client and what their requests are for.
        ports: inbound policy.
    """

    def __init__(
        self,
        config: ProxyConfig,
        clock: Callable[[], float],
        rng: random.Random,
        resolve: Callable[[Destination], object],
        release: Callable[[Destination], object],
        *,
        follow: Callable[[Logical], object] | None = None,
        unfollow: Callable[[Logical], object] | None = None,
        watch: Callable[[int], object] | None = None,
        resolve_backend: Callable[[Concrete], object] = lambda backend: None,
        release_backend: Callable[[Concrete], object] = lambda backend: None,
        full: bool = False,
    ) -> None:
        self.config = config
        self.clock = clock
        self.resolve = resolve
        self.release = release
        self.registry = Registry()
        introduce(self.registry, config, clock)
        self.identity = Identity(
            self.registry, config.min_refresh, config.max_refresh, control=config.policy_labels
        )
        self.drain = Drain(clock, config.shutdown_grace)
        self.log_level = config.log_level
        self.destinations: dict[tuple[str, tuple[str, int]], Destination] = {}
        self._shared = Shared(
            config,
            clock,
            rng,
            self.registry,
            full=full,
            resolve_backend=resolve_backend,
            release_backend=release_backend,
            inbound_load=Load(config.inbound_max_in_flight),
            outbound_load=Load(config.outbound_max_in_flight),
        )
        self.ports = Ports(config, self.registry, watch)
        self._clients = Clients(self._shared, self.ports, follow, unfollow)
        self.clients = self._clients.stacks
        self._by_address = self._clients.by_address
        self._idle = config.outbound_idle

    # -- requests --------------------------------------------------------------------------------------

    def outbound(self, request: Request, target: tuple[str, int]) -> Flow:
        """The flow of a request of the application, which dialled ``target``.

        The flow yields effects and returns the response. The request belongs to it: layers may replace its
        headers.
        """
        destination = self.destinations.get((request.authority, target))
        if destination is None or (
            # An idle cache would have dropped it by now.
            not destination.held and destination.idle(self.clock())
        ):
            destination = self._discover(request, target)
        return destination.stack(request, INFINITY)

    def inbound(self, request: Request, peer: Peer, port: int) -> Flow:
        """The flow of a request from ``peer`` for a port of the application."""
        client = peer.no_tls_reason if peer.client_id is None else peer.client_id
        if port in self._by_address:
            client = f"{client} {peer.ip}"
        headers = request.headers
        name = headers[CANONICAL] if headers and CANONICAL in headers else request.authority
        stack = self.clients.get((port, request.grpc, client, name))
        if stack is None:
            stack = self._clients.admit(request, peer, port, name)
        return stack(request, INFINITY)

    def admin(
        self,
        request: Request,
        peer: Peer = LOCAL,
        reply: Callable[[Request], Response] | None = None,
    ) -> Response:
        """The answer to a request of ``peer`` on the admin port, or what policy says instead.

        Args:
            reply: answers in place of the admin server, if policy lets the request in.
        """
        port = self.config.admin_port
        usual = reply or (lambda request: answer(self, request, peer))
        flow = administration(self._shared, port, peer, self.policy(port), usual)(request, INFINITY)
        try:
            next(flow)
        except StopIteration as end:
            response: Response = end.value
            return response
        raise AssertionError("the admin server waits for nothing")

    def scraped(self) -> None:
        """The metrics were read: what has been idle for ten minutes goes, unless it may be needed again."""
        gone = self.registry.expire(self.clock(), self._held)
        if any(scope != "tcp" and ("direction", "inbound") in labels for scope, labels in gone):
            # Stacks hold what they count in; the next request of a client makes another.
            self.clients.clear()

    def _held(self, scope: str, labels: Labels) -> bool:
        """Whether a stack that is in use may still count in the series of a scope."""
        named = dict(labels)
        if scope == "control_":
            return True
        if scope == "tcp" or named["direction"] == "inbound":
            return False
        if scope != "endpoint":
            return any(each.name == named["dst"] for each in self.destinations.values())
        address = (named["target_ip"], int(named["target_port"]))
        return any(
            address in concrete.endpoints
            for each in self.destinations.values()
            for concrete in each.concretes
        )

    def control_meter(self, addr: str, server_id: str = "") -> Meter:
        """Counts requests to a service of the control plane at ``addr``; empty without TLS."""
        tls = LOOPBACK if not server_id else (("tls", "true"), ("server_id", server_id))
        return Meter(self.registry, (("addr", addr), *tls), prefix="control_")

    # -- outbound destinations -------------------------------------------------------------------------

    def _discover(self, request: Request, target: tuple[str, int]) -> Destination:
        """A destination for a request that has none, after dropping those that nobody uses."""
        self.sweep()
        made = Destination(request.authority, target, self._shared, http2=request.grpc)
        self.destinations[request.authority, target] = made
        self.resolve(made)
        return made

    def sweep(self) -> None:
        """Drop destinations that have been idle for their time. Drivers call it now and then."""
        now = self.clock()
        for key, destination in list(self.destinations.items()):
            if destination.idle(now):
                del self.destinations[key]
                destination.close()
                self.release(destination)

    def next_expiry(self) -> float:
        """When :meth:`sweep` may first find something to drop (seconds); infinity without destinations."""
        used = (max(it.pool.used for it in each.concretes) for each in self.destinations.values())
        return min(used, default=INFINITY) + self._idle

    def describe(self, destination: Destination) -> str:
        """The stack of a destination as text, with the reason for each layer's place."""
        return describe(self._shared, destination)

    # -- inbound policy --------------------------------------------------------------------------------

    @property
    def logicals(self) -> dict[str, Logical]:
        """What inbound requests were for so far, where that may have a profile; by name."""
        return self._clients.logicals

    def policy(self, port: int) -> ServerPolicy | None:
        """The policy of a port; None in editions without policy."""
        return self.ports.policy(port)

    def set_policy(self, port: int, policy: ServerPolicy | None) -> None:
        """The control plane's policy of a port, from the next request on; None for the default."""
        self.ports.set(port, policy)
        self._clients.changed(port)

    def admit_tcp(self, peer: Peer, port: int, end: Callable[[], object]) -> Admission | None:
        """Decide on a connection that carries no HTTP; None if policy refuses it.

        Args:
            end: closes the connection, should the policy no longer let it in.
        """
        return self.ports.admit(peer, port, end)

    # -- identity --------------------------------------------------------------------------------------

    @property
    def certified(self) -> bool:
        """Whether it is ready: certified once, or without identity at all."""
        return self.identity.latched or not self.config.identity

    def certify(self, certificate: Certificate) -> bool:
        """A certificate was issued; False if it had expired already."""
        return self.identity.certified(certificate, self.config.epoch + self.clock())

    # -- connections and taps --------------------------------------------------------------------------

    def tcp_open(self, direction: str, peer: str, labels: Labels = ()) -> Connection:
        """A connection was opened.

        Args:
            direction: ``inbound`` or ``outbound``.
            peer: ``src`` for one that was accepted, ``dst`` for one that was made.
            labels: the rest, from :meth:`accepted_labels` or :meth:`connected_labels`.
        """
        return Connection(self.registry, (("direction", direction), ("peer", peer), *labels))

    def accepted_labels(self, peer: Peer, port: int) -> Labels:
        """Labels of a connection that was accepted for a port of the application."""
        return self.ports.labels(peer, port)

    def dialled_labels(self, address: tuple[str, int]) -> Labels:
        """Labels of a connection that the application made to ``address``."""
        return (*target(*address), *LOOPBACK)

    def connected_labels(self, concrete: Concrete | None, endpoint: Endpoint) -> Labels:
        """Labels of a connection made to an endpoint; None for one to the application."""
        if concrete is None:
            return LOOPBACK
        labels = outbound_endpoint(concrete.name, endpoint.address, concrete.labels, self.config.identity)
        return labels[1:]  # the direction comes first in any case

    def tap(self, match: Match, limit: int) -> TapSession:
        """Watch up to ``limit`` requests that match.

        Raises:
            InvalidTap: the limit is below 1.
        """
        session = TapSession(match, limit, self._untap)
        self.taps.append(session)
        return session

    @property
    def taps(self) -> list[TapSession]:
        """The active taps."""
        return self._shared.taps

    def _untap(self, session: TapSession) -> None:
        if session in self.taps:
            self.taps.remove(session)
