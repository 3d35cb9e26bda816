"""Inbound policy: who may send what to a port, as data, and how it is decided.

*Source:* linkerd2-proxy proxy/server-policy, app/inbound/src/policy; control plane: policy-controller.
"""

from dataclasses import dataclass, field

from mesh.messages import InboundPolicy, InboundRule, Peer, PolicyRef, Request, RouteFilter, RouteMatch
from mesh.proxy.authorization import (
    ALL_NETWORKS,
    ANY_IDENTITY,
    ANY_TLS,
    LOCALHOST,
    UNAUTHENTICATED,
    Authentication,
    Authorization,
    Network,
    Reference,
    asks_addresses,
    authorization,
)
from mesh.proxy.routing.matching import InvalidMatch
from mesh.proxy.routing.table import RouteTable

__all__ = [
    "ALL_NETWORKS",
    "ANY_IDENTITY",
    "ANY_TLS",
    "UNAUTHENTICATED",
    "Authentication",
    "Authorization",
    "InboundRoute",
    "Network",
    "RateLimit",
    "Reference",
    "ServerPolicy",
    "default_policy",
    "server_policy",
]

DETECT_TIMEOUT = 10.0  # seconds; Source: linkerd2-proxy app/src/env.rs
# Protocols whose requests no local rate limit counts. Source: proxy/server-policy/src/lib.rs.
UNLIMITED = ("grpc", "opaque", "tls")


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """Requests of one kind, and who may send them besides those whom the server lets in.

    Attributes:
        hosts: empty for any. ``grpc``: its matches name services and methods.
        filters: what happens to requests that were let in, and to their responses.
    """

    meta: Reference
    matches: tuple[RouteMatch, ...] = (RouteMatch(),)
    authorizations: tuple[Authorization, ...] = ()
    hosts: tuple[str, ...] = ()
    grpc: bool = False
    filters: tuple[RouteFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests a second that one proxy lets through.

    Attributes:
        total: for everyone together; 0 for no limit.
        identity: for each client identity; 0 for no limit.
        overrides: (identities, requests a second), instead of ``identity`` for those.
    """

    meta: Reference
    total: int = 0
    identity: int = 0
    overrides: tuple[tuple[tuple[str, ...], int], ...] = ()


@dataclass(frozen=True, slots=True)
class ServerPolicy:
    """The policy of one port.

    Attributes:
        meta: the Server, or the default policy that stands for one.
        authorizations: of the server; they hold on every route.
        routes: the best match decides, the first of equals; none matching is a 404.
        rate_limit: what is left to those who were let in.
        protocol: ``detect``, ``http1``, ``http2``, ``grpc``, ``opaque`` or ``tls``.
        detect_timeout: how long detection may wait for bytes (seconds).
        table: the routes' matches; None when they cannot be understood, and every request fails.
    """

    meta: Reference
    authorizations: tuple[Authorization, ...] = ()
    routes: tuple[InboundRoute, ...] = (InboundRoute(Reference()),)
    rate_limit: RateLimit | None = None
    protocol: str = "detect"
    detect_timeout: float = DETECT_TIMEOUT
    table: RouteTable | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        rules = [InboundRule(PolicyRef(), each.matches, each.hosts, each.grpc) for each in self.routes]
        try:
            table = RouteTable(rules)
        except InvalidMatch:
            table = None
        object.__setattr__(self, "table", table)

    @property
    def only(self) -> InboundRoute | None:
        """The route that takes every request, where there is nothing to match."""
        return self.routes[0] if self.table is not None and self.table.trivial else None

    def route(self, request: Request) -> tuple[InboundRoute, RouteMatch] | None:
        """The route of a request and the match that won; None when there is none."""
        found = self.table.find(request) if self.table is not None else None
        return None if found is None else (self.routes[found.rule], found.match)

    def authorize(self, route: InboundRoute, peer: Peer) -> Authorization | None:
        """The first authorization that lets ``peer`` in: the route's own, then the server's."""
        return _first((*route.authorizations, *self.authorizations), peer)

    def admit(self, peer: Peer) -> Authorization | None:
        """The first of the server's that lets a connection of ``peer`` in, whatever it carries."""
        return _first(self.authorizations, peer)

    @property
    def asks_addresses(self) -> bool:
        """Whether any decision depends on a client's address."""
        return any(asks_addresses((*route.authorizations, *self.authorizations)) for route in self.routes)


def _first(authorizations: tuple[Authorization, ...], peer: Peer) -> Authorization | None:
    return next((each for each in authorizations if each.allows(peer)), None)


def default_policy(
    name: str, cluster_networks: tuple[str, ...] = (), *, protocol: str = "detect"
) -> ServerPolicy:
    """The proxy's own policy of a port of which the control plane has said nothing yet.

    It knows neither probes nor the pod's own addresses, which policies from the control plane let in.

    Args:
        name: one of ``config.DEFAULT_POLICIES``.
        cluster_networks: for the ``cluster-*`` ones.
    """
    meta = Reference(name=name)
    nets: tuple[Network, ...] = ALL_NETWORKS
    if name.startswith("cluster-"):
        nets = tuple(Network.parse(each) for each in cluster_networks)
    proof = UNAUTHENTICATED
    if name == "all-tls-unauthenticated":
        proof = ANY_TLS
    elif name.endswith("-authenticated"):
        proof = ANY_IDENTITY
    return ServerPolicy(
        meta, () if name == "deny" else (Authorization(nets, proof, meta),), protocol=protocol
    )


def server_policy(message: InboundPolicy) -> ServerPolicy:
    """The policy that the control plane sent, with what the proxy adds to every such policy.

    *Source:* linkerd2-proxy proxy/server-policy/src/lib.rs: the localhost authorization.
    """
    localhost = Authorization(LOCALHOST, UNAUTHENTICATED, Reference(name="localhost"))
    limit = message.rate_limit
    return ServerPolicy(
        Reference(message.group, message.kind.lower(), message.name),
        (*map(authorization, message.authorizations), localhost),
        tuple(map(_route, message.rules)) if message.rules else _default_routes(message.probes),
        None
        if limit is None or message.protocol in UNLIMITED
        else RateLimit(_reference(limit.ref), limit.total, limit.identity, limit.overrides),
        message.protocol,
        message.detect_timeout_s,
    )


def _route(rule: InboundRule) -> InboundRoute:
    return InboundRoute(
        _reference(rule.ref),
        rule.matches,
        tuple(map(authorization, rule.authorizations)),
        rule.hosts,
        rule.grpc,
        rule.filters,
    )


def _default_routes(probes: tuple[str, ...]) -> tuple[InboundRoute, ...]:
    """What a server without routes of its own has: everything, and the kubelet's probes for everyone."""
    everything = InboundRoute(Reference())
    if not probes:
        return (everything,)
    open_to_all = Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference(name="probe"))
    matches = tuple(RouteMatch(path, "exact", method="GET") for path in probes)
    return everything, InboundRoute(Reference(name="probe"), matches, (open_to_all,))


def _reference(ref: PolicyRef) -> Reference:
    """As labels name it: kinds in lower case."""
    return Reference(ref.group, ref.kind.lower(), ref.name)
