"""Inbound policy: who may send what to a port, as data, and how it is decided.

*Source:* linkerd2-proxy proxy/server-policy, app/inbound/src/policy; control plane: policy-controller.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from mesh.messages import Peer

__all__ = [
    "ALL_NETWORKS",
    "Authentication",
    "Authorization",
    "InboundRoute",
    "Network",
    "RateLimit",
    "Reference",
    "RouteMatch",
    "ServerPolicy",
    "default_policy",
]

IPNetwork: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Reference:
    """The policy resource behind a decision, as labels name it."""

    group: str = ""
    kind: str = "default"
    name: str = "default"


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses of a network but for some."""

    net: IPNetwork
    exceptions: tuple[IPNetwork, ...] = ()

    @classmethod
    def parse(cls, net: str, *exceptions: str) -> "Network":
        """From texts such as ``10.0.0.0/8``; a bare address is itself."""
        return cls(ip_network(net), tuple(ip_network(each) for each in exceptions))

    def contains(self, ip: str) -> bool:
        """Whether ``ip`` is in it."""
        address = ip_address(ip)
        return address in self.net and not any(address in each for each in self.exceptions)

    @property
    def everything(self) -> bool:
        """Whether no address of its family is left out."""
        return self.net.prefixlen == 0 and not self.exceptions


ALL_NETWORKS = (Network.parse("0.0.0.0/0"), Network.parse("::/0"))
LOCALHOST = (Network.parse("127.0.0.1/32"), Network.parse("::1/128"))


@dataclass(frozen=True, slots=True)
class Authentication:
    """What a client must prove.

    Attributes:
        tls: whether the connection must be mesh TLS, ended by this proxy.
        identified: whether the client must have presented an identity as well.
        identities: identities that will do, exactly.
        suffixes: DNS suffixes of identities that will do; the empty one means any DNS identity. URI
            identities match only exactly.
    """

    tls: bool = False
    identified: bool = False
    identities: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()

    def accepts(self, peer: Peer) -> bool:
        """Whether ``peer`` proves it. A client over mesh TLS without a certificate has an empty identity."""
        client = peer.client_id
        if not self.tls:
            return True
        if client is None:
            return False
        if not self.identified or client in self.identities:
            return True
        if not client or client.startswith("spiffe://"):
            return False
        return any(not suffix or client.endswith("." + suffix) for suffix in self.suffixes)


UNAUTHENTICATED = Authentication()
ANY_IDENTITY = Authentication(tls=True, identified=True, suffixes=("",))
ANY_TLS = Authentication(tls=True)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Clients from these networks with this authentication may pass."""

    networks: tuple[Network, ...]
    authentication: Authentication
    meta: Reference

    def allows(self, peer: Peer) -> bool:
        """Whether ``peer`` may pass."""
        return self.authentication.accepts(peer) and any(net.contains(peer.ip) for net in self.networks)


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """One way for a request to belong to a route.

    Attributes:
        method: None for any.
        path: exact, or a prefix of whole segments when ``prefix`` is set; None for any.
    """

    method: str | None = None
    path: str | None = None
    prefix: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Whether a request, its path without a query, matches."""
        if self.method is not None and self.method != method:
            return False
        if self.path is None:
            return True
        if not self.prefix:
            return path == self.path
        stem = self.path.rstrip("/")
        return path == stem or path.startswith(stem + "/")

    @property
    def rank(self) -> tuple[int, bool]:
        """Longer paths first, then a named method."""
        length = 1 if self.path is None else len(self.path.rstrip("/") if self.prefix else self.path)
        return length, self.method is not None


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """Requests of one kind, and who may send them besides those whom the server lets in."""

    meta: Reference
    matches: tuple[RouteMatch, ...] = (RouteMatch(),)
    authorizations: tuple[Authorization, ...] = ()


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
    """

    meta: Reference
    authorizations: tuple[Authorization, ...] = ()
    routes: tuple[InboundRoute, ...] = (InboundRoute(Reference()),)
    rate_limit: RateLimit | None = None

    def route(self, method: str, path: str) -> InboundRoute | None:
        """The route of a request; None when there is none."""
        bare = path.partition("?")[0]
        best: InboundRoute | None = None
        best_rank = (-1, False)
        for route in self.routes:
            for match in route.matches:
                if match.rank > best_rank and match.matches(method, bare):
                    best, best_rank = route, match.rank
        return best

    def authorize(self, route: InboundRoute, peer: Peer) -> Authorization | None:
        """The first authorization that lets ``peer`` in: the route's own, then the server's."""
        for authorization in (*route.authorizations, *self.authorizations):
            if authorization.allows(peer):
                return authorization
        return None

    @property
    def asks_addresses(self) -> bool:
        """Whether any decision depends on a client's address."""
        return any(_asks_addresses((*route.authorizations, *self.authorizations)) for route in self.routes)


def _asks_addresses(authorizations: tuple[Authorization, ...]) -> bool:
    """Whether the first authorization that lets a client in may depend on its address."""
    for each in authorizations:
        if not all(net.everything for net in each.networks):
            return True
        if not each.authentication.tls:
            return False  # lets everyone in, so those after it are never asked
    return False


def default_policy(
    name: str,
    cluster_networks: tuple[str, ...] = (),
    *,
    localhost: bool = True,
    probes: tuple[str, ...] = (),
) -> ServerPolicy:
    """The policy of a port that no Server selects.

    Args:
        name: one of ``config.DEFAULT_POLICIES``.
        cluster_networks: for the ``cluster-*`` ones.
        localhost: add the authorization of the pod's own addresses, as policies from the control plane have.
        probes: paths of the pod's probes of that port, open to everyone.
    """
    meta = Reference(name=name)
    nets: tuple[Network, ...] = ALL_NETWORKS
    if name.startswith("cluster-"):
        nets = tuple(Network.parse(each) for each in cluster_networks)
    authentication = UNAUTHENTICATED
    if name == "all-tls-unauthenticated":
        authentication = ANY_TLS
    elif name.endswith("-authenticated"):
        authentication = ANY_IDENTITY
    authorizations: tuple[Authorization, ...] = (
        () if name == "deny" else (Authorization(nets, authentication, meta),)
    )
    if localhost:
        authorizations += (Authorization(LOCALHOST, UNAUTHENTICATED, Reference(name="localhost")),)
    routes: tuple[InboundRoute, ...] = (InboundRoute(Reference()),)
    if probes:
        open_to_all = Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference(name="probe"))
        matches = tuple(RouteMatch("GET", path) for path in probes)
        routes += (InboundRoute(Reference(name="probe"), matches, (open_to_all,)),)
    return ServerPolicy(meta, authorizations, routes)
