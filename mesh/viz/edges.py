"""``edges``: who is connected to whom, and whether by mutual TLS."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mesh.viz.query import Query, Vector, matchers
from mesh.viz.resources import Obj, Resource
from mesh.viz.tables import Line, columns

__all__ = ["Edge", "edge_json", "edges_table", "queries", "rows"]

# what the SECURED column says instead of √, by the proxy's no_tls_reason
REASONS = {
    "disabled": "Disabled",
    "loopback": "Loopback",
    "no_authority_in_http_request": "No Authority In HTTP Request",
    "not_http": "Not HTTP",
    "not_provided_by_remote": "Not Provided By Remote",
    "no_tls_from_remote": "Not Provided By Remote",
    "not_provided_by_service_discovery": "Not Provided By Service Discovery",
}


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """Connections between two resources.

    Attributes:
        client_id, server_id: mesh identities in full, empty when there is none.
        reason: the proxy's reason for having no TLS; empty when the connection is secured.
    """

    src_namespace: str
    dst_namespace: str
    src: str
    dst: str
    client_id: str = ""
    server_id: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it travels from the API to the command."""
        return asdict(self)


def queries(resource: Resource) -> list[Query]:
    """Open outbound connections from and to resources of the kind. One query."""
    label = resource.of.label
    wanted = matchers({"direction": "outbound", label: "!", f"dst_{label}": "!"})
    by = (label, f"dst_{label}", "pod", "server_id", "namespace", "dst_namespace", "no_tls_reason")
    return [Query("instant", "tcp_open_connections", wanted, 0.0, tuple(dict.fromkeys(by)))]


def rows(
    resource: Resource,
    results: Sequence[Vector],
    pods: Sequence[Obj],
    domain: str,
    control_plane: str = "linkerd",
) -> list[Edge]:
    """The edges that begin or end in the resource's namespace, in order.

    *Differs:* an edge of which only a part is secured shows in two rows; upstream shows either.

    Args:
        results: the vector of :func:`queries`.
        pods: the pods of every namespace: clients' identities are those of their service accounts.
        domain: the mesh's trust domain.
    """
    label = resource.of.label
    accounts = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["spec"].get(
            "serviceAccountName", "default"
        )
        for pod in pods
    }
    found = set()
    for labels, connections in results[0]:
        if not connections:  # there were some; nobody is connected now
            continue
        source, target = labels.get("namespace", ""), labels.get("dst_namespace", "")
        if resource.namespace and resource.namespace not in (source, target):
            continue
        if resource.name and resource.name not in (labels[label], labels[f"dst_{label}"]):
            continue
        server, reason = labels.get("server_id", ""), labels.get("no_tls_reason", "")
        account = accounts.get((source, labels.get("pod", "")))
        client = ""
        if server and account is not None:
            client = f"{account}.{source}.serviceaccount.identity.{control_plane}.{domain}"
        found.add(Edge(source, target, labels[label], labels[f"dst_{label}"], client, server, reason))
    return sorted(found)


def secured(edge: Edge) -> str:
    """The SECURED cell: √, or why not."""
    if edge.server_id and not edge.reason:
        return "√"
    return REASONS.get(edge.reason, edge.reason.replace("_", " ").title() or "-")


def short_identity(identity: str) -> str:
    """``SA.NS`` of a mesh identity, ``-`` without one."""
    return ".".join(identity.split(".")[:2]) or "-"


def edges_table(edges: Sequence[Edge], *, wide: bool) -> str:
    """The table of ``edges``, left aligned."""
    lines: list[Line] = [
        ["SRC", "DST", "SRC_NS", "DST_NS", *(["CLIENT_ID", "SERVER_ID"] if wide else []), "SECURED"]
    ]
    for edge in edges:
        identities = [short_identity(edge.client_id), short_identity(edge.server_id)] if wide else []
        lines.append([edge.src, edge.dst, edge.src_namespace, edge.dst_namespace, *identities, secured(edge)])
    return columns(lines, left=range(len(lines[0])))


def edge_json(edges: Sequence[Edge]) -> list[dict[str, Any]]:
    """Edges as ``-o json`` prints them."""
    return [
        {
            "src": edge.src,
            "src_namespace": edge.src_namespace,
            "dst": edge.dst,
            "dst_namespace": edge.dst_namespace,
            "client_id": short_identity(edge.client_id) if edge.client_id else "",
            "server_id": short_identity(edge.server_id) if edge.server_id else "",
            "no_tls_reason": "" if secured(edge) == "√" else secured(edge),
        }
        for edge in edges
    ]
