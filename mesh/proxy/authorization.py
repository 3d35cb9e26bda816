"""Who may pass: networks, what a client must prove, and both together.

*Source:* linkerd2-proxy proxy/server-policy/src/authz, app/inbound/src/policy.rs.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from mesh.messages import InboundAuthorization, Peer

__all__ = [
    "ALL_NETWORKS",
    "ANY_IDENTITY",
    "ANY_TLS",
    "LOCALHOST",
    "UNAUTHENTICATED",
    "Authentication",
    "Authorization",
    "Network",
    "Reference",
    "asks_addresses",
    "authentication",
    "authorization",
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


def authentication(message: InboundAuthorization) -> Authentication:
    """What a message of the policy controller demands of clients."""
    if message.tls == "none":
        return UNAUTHENTICATED
    if message.tls == "any":
        return ANY_TLS
    exact = frozenset(name for name in message.identities if not name.startswith("*"))
    suffixes = tuple(name[1:].removeprefix(".") for name in message.identities if name.startswith("*"))
    return Authentication(tls=True, identified=True, identities=exact, suffixes=suffixes)


def authorization(message: InboundAuthorization) -> Authorization:
    """The same as an authorization."""
    return Authorization(
        tuple(Network.parse(net, *message.exceptions) for net in message.networks),
        authentication(message),
        Reference(message.group, message.kind.lower(), message.name),
    )


def asks_addresses(authorizations: tuple[Authorization, ...]) -> bool:
    """Whether the first authorization that lets a client in may depend on its address."""
    for each in authorizations:
        if not all(net.everything for net in each.networks):
            return True
        if not each.authentication.tls:
            return False  # lets everyone in, so those after it are never asked
    return False
