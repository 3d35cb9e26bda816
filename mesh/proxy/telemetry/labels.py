"""Labels of the proxy's metrics, in Linkerd's order.

*Source:* linkerd2-proxy app/core/src/metrics.rs, app/core/src/transport/labels.rs.
"""

from mesh.messages import Address, Peer
from mesh.proxy.metrics import Labels

__all__ = [
    "LOOPBACK",
    "NOT_IN_DISCOVERY",
    "accepted_tls",
    "connected_tls",
    "destination",
    "inbound_endpoint",
    "outbound_endpoint",
    "reference",
    "route",
    "target",
]

LOOPBACK: Labels = (("tls", "no_identity"), ("no_tls_reason", "loopback"))
NOT_IN_DISCOVERY: Labels = (("tls", "no_identity"), ("no_tls_reason", "not_provided_by_service_discovery"))
DISABLED: Labels = (("tls", "disabled"),)


def target(ip: str, port: int) -> Labels:
    """Which address was meant."""
    addr = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    return (("target_addr", addr), ("target_ip", ip), ("target_port", str(port)))


def accepted_tls(peer: Peer, identity: bool = True) -> Labels:
    """How an accepted connection was secured. ``identity``: whether this proxy has one at all."""
    if not identity:
        return DISABLED
    if peer.client_id is not None:
        return (("tls", "true"), ("client_id", peer.client_id))
    if peer.sni:
        return (("tls", "opaque"), ("sni", peer.sni))
    return (("tls", "no_identity"), ("no_tls_reason", peer.no_tls_reason))


def connected_tls(address: Address, identity: bool = True) -> Labels:
    """How a connection to an endpoint is secured."""
    if not identity:
        return DISABLED
    if address.identity is not None:
        return (("tls", "true"), ("server_id", address.identity))
    return NOT_IN_DISCOVERY


def destination(labels: Labels) -> Labels:
    """The ``dst_*`` labels of an endpoint, from what discovery says of it, by name."""
    return tuple(sorted((f"dst_{name}", value) for name, value in labels))


def outbound_endpoint(
    authority: str, address: Address, set_labels: Labels = (), identity: bool = True
) -> Labels:
    """The labels of requests to an endpoint."""
    merged = tuple({**dict(set_labels), **dict(address.labels)}.items())
    return (
        ("direction", "outbound"),
        ("authority", authority),
        *target(address.ip, address.port),
        *connected_tls(address, identity),
        *destination(merged),
    )


def inbound_endpoint(where: Labels, tls: Labels, policy: Labels, authority: str | None = None) -> Labels:
    """The labels of requests to the application. ``where``: from :func:`target`."""
    named = () if authority is None else (("authority", authority),)
    return (("direction", "inbound"), *named, *where, *tls, *policy)


def route(direction: str, dst: str, name: str) -> Labels:
    """The labels of a ServiceProfile route; an empty name is the default one's."""
    labels: Labels = (("direction", direction), ("dst", dst))
    return (*labels, ("rt_route", name)) if name else labels


def reference(scope: str, group: str, kind: str, name: str) -> Labels:
    """The labels that name a policy resource, for a scope of ``srv``, ``route`` or ``authz``."""
    return ((f"{scope}_group", group), (f"{scope}_kind", kind), (f"{scope}_name", name))
