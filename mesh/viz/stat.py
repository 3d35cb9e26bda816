"""``stat``: success rates, request rates and latencies of resources, from what was scraped."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mesh.viz.figures import Figures, Key, by_key, collect, latency_queries, whole
from mesh.viz.query import Query, Vector, matchers
from mesh.viz.resources import Obj, Owners, PodCount, Resource, count_pods, selects

__all__ = ["StatRequest", "StatRow", "own_labels", "pod_status", "problem", "queries", "rows", "selection"]

MIN_WINDOW = 15.0  # seconds; a shorter window could hold fewer than two scrapes


@dataclass(frozen=True, slots=True)
class StatRequest:
    """What is asked.

    Attributes:
        resource: whose figures; an empty namespace means all, an empty name every object of the kind.
        window: seconds.
        to: only requests to this resource, as its clients count them.
        source: only requests from this resource (``--from``), as it counts them.
        labels: a label selector for the objects.
        domain: the cluster's DNS domain.
    """

    resource: Resource
    window: float = 60.0
    to: Resource | None = None
    source: Resource | None = None
    labels: str = ""
    domain: str = "cluster.local"

    def to_json(self) -> dict[str, Any]:
        """As it travels from the command to the API."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "StatRequest":
        """The request of a JSON value.

        Raises:
            TypeError, KeyError: it has not the right fields.
        """
        parts = dict(body)
        for name in ("resource", "to", "source"):
            if parts.get(name) is not None:
                parts[name] = Resource(**parts[name])
        return cls(**parts)


@dataclass(slots=True)
class StatRow:
    """One row: an object, its pods, and its figures if it has any.

    Attributes:
        status: a pod's, empty for other kinds.
        connections, read, written: TCP connections open, and bytes in the window.
    """

    resource: Resource
    status: str
    pods: PodCount
    figures: Figures
    connections: int = 0
    read: int = 0
    written: int = 0

    def to_json(self) -> dict[str, Any]:
        """As it travels from the API to the command."""
        body = {name: getattr(self, name) for name in ("status", "connections", "read", "written")}
        return {
            **body,
            "resource": asdict(self.resource),
            "pods": asdict(self.pods),
            "figures": self.figures.to_json(),
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "StatRow":
        """The row of a JSON value.

        Raises:
            TypeError, KeyError: it has not the right fields.
        """
        parts = dict(body)
        parts["resource"] = Resource(**parts["resource"])
        parts["pods"] = PodCount(**parts["pods"])
        parts["figures"] = Figures(**parts["figures"])
        return cls(**parts)


def problem(request: StatRequest) -> str:
    """Why the request cannot be answered, empty when it can."""
    if request.window < MIN_WINDOW:
        return f"the time window is {request.window:g}s and must be at least {MIN_WINDOW:g}s"
    if request.to is not None and request.source is not None:
        return "--to and --from cannot be used together"
    if request.source is not None and request.source.kind in ("service", "authority"):
        return f"--from cannot be a {request.source.kind}: only pods and what owns them send requests"
    return ""


# -- what is asked of Prometheus --------------------------------------------------------------------------


def own_labels(resource: Resource, prefix: str = "") -> dict[str, str]:
    """Matchers for a resource's own labels, or with ``dst_`` for it as a destination."""
    wanted = {}
    kind = resource.of
    if kind.name == "namespace":
        if resource.name:
            wanted[f"{prefix}namespace"] = resource.name
        return wanted
    if resource.namespace:
        wanted[f"{prefix}namespace"] = resource.namespace
    if resource.name:
        wanted[f"{prefix}{kind.label}"] = resource.name
    return wanted


def _authority(service: Resource, domain: str) -> str:
    """An expression for the authorities of a Service, or of all Services of a namespace."""

    def literal(text: str) -> str:
        return text.replace(".", "\\.") if text else "[^.]+"

    return f"~{literal(service.name)}\\.{literal(service.namespace)}\\.svc\\.{literal(domain)}.*"


def _target(resource: Resource, domain: str) -> dict[str, str]:
    """Matchers for a resource as the destination of requests."""
    if resource.kind == "authority":
        return {"authority": resource.name} if resource.name else {}
    if resource.kind == "service":
        return {"authority": _authority(resource, domain)}
    return own_labels(resource, "dst_")


def selection(request: StatRequest) -> tuple[dict[str, str], Key]:
    """Matchers, and the labels that make a row (namespace then name; namespaces have only one)."""
    resource, domain = request.resource, request.domain
    label = resource.of.label
    outward = resource.kind == "service" or request.to is not None or request.source is not None
    wanted = {"direction": "outbound" if outward else "inbound"}
    if request.to is not None:
        wanted |= own_labels(resource) | _target(request.to, domain)
        return wanted, _names(label, "")
    if request.source is not None:
        wanted |= own_labels(request.source) | _target(resource, domain)
    elif resource.kind == "service":
        wanted |= _target(resource, domain)
    else:
        return wanted | own_labels(resource), _names(label, "")
    if resource.kind == "authority":
        return wanted, ("dst_namespace", "authority")
    return wanted, _names(label, "dst_")


def _names(label: str, prefix: str) -> Key:
    namespace = f"{prefix}namespace"
    return (namespace,) if label == "namespace" else (namespace, f"{prefix}{label}")


def queries(request: StatRequest) -> list[Query]:
    """What must be asked of Prometheus: requests, three latencies, TCP connections, bytes read, written."""
    wanted, names = selection(request)
    window = request.window
    chosen = matchers(wanted)
    peer = matchers(wanted | {"peer": "dst" if wanted["direction"] == "outbound" else "src"})
    return [
        Query("increase", "response_total", chosen, window, (*names, "classification", "tls")),
        *latency_queries("response_latency_ms_bucket", chosen, window, names),
        Query("instant", "tcp_open_connections", peer, window, names),
        Query("increase", "tcp_read_bytes_total", peer, window, names),
        Query("increase", "tcp_write_bytes_total", peer, window, names),
    ]


# -- rows -------------------------------------------------------------------------------------------------


def rows(
    request: StatRequest,
    results: Sequence[Vector],
    objects: Iterable[Obj],
    pods: Sequence[Obj],
    owners: Owners,
    control_plane: str = "linkerd",
) -> list[StatRow]:
    """The rows, in order of namespace and name.

    Without ``--to`` or ``--from`` there is one for every object; with them, one for every object that has
    figures.

    Args:
        results: the vectors of :func:`queries`, in order.
        objects: the objects of the kind that match namespace, name and labels.
        pods: the pods of all those namespaces.
        owners: who owns them.
        control_plane: the namespace of the control plane, whose pods count as meshed.
    """
    _, names = selection(request)
    requests, *rest = results
    figures = collect(names, requests, list(rest[:3]), request.window)
    tcp = [by_key(vector, names) for vector in rest[3:6]]
    known = {_key(request.resource, obj): obj for obj in objects}
    asked_of_peers = request.to is not None or request.source is not None
    kind = request.resource.of
    if not kind.key:
        keys = {key for key in figures if key[-1]}
    elif asked_of_peers:
        keys = {key for key in figures if key in known}
    else:
        keys = set(known)
    members = _members(request.resource, list(known.values()), pods, owners)
    out = []
    for key in sorted(keys):
        obj = known.get(key)
        connections, read, written = (whole(values.get(key, 0.0)) for values in tcp)
        out.append(
            StatRow(
                Resource(kind.name, key[0] if len(key) > 1 else "", key[-1]),
                pod_status(obj) if kind.name == "pod" and obj else "",
                count_pods(members.get(key, ()), control_plane),
                figures.get(key, Figures(window=request.window)),
                connections,
                read,
                written,
            )
        )
    return out


def _key(resource: Resource, obj: Obj) -> Key:
    """The key of an object among the rows."""
    metadata = obj["metadata"]
    if resource.kind == "namespace":
        return (metadata["name"],)
    return metadata["namespace"], metadata["name"]


def _members(
    resource: Resource, objects: Sequence[Obj], pods: Sequence[Obj], owners: Owners
) -> dict[Key, list[Obj]]:
    """The pods of each object."""
    found: dict[Key, list[Obj]] = {}
    if resource.kind == "service":
        for obj in objects:
            selector = obj.get("spec", {}).get("selector")
            namespace = obj["metadata"]["namespace"]
            found[_key(resource, obj)] = [
                pod for pod in pods if pod["metadata"]["namespace"] == namespace and selects(selector, pod)
            ]
        return found
    for pod in pods:
        above = owners.of(pod)
        name = above.get(resource.kind)
        if name is not None:
            key = (name,) if resource.kind == "namespace" else (above["namespace"], name)
            found.setdefault(key, []).append(pod)
    return found


def pod_status(pod: Obj) -> str:
    """A pod's STATUS: its phase, or why a container of it waits or ended."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = pod.get("status", {})
    for container in status.get("containerStatuses") or ():
        state = container.get("state", {})
        for kind in ("waiting", "terminated"):
            reason = state.get(kind, {}).get("reason")
            if reason:
                return str(reason)
    return str(status.get("phase", "Pending"))
