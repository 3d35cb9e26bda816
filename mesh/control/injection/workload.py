"""A Kubernetes object seen by the injector: where its pod template is and what stands in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mesh.control import labels

__all__ = ["Workload", "container_ports", "has_sidecar", "has_udp_port", "port_names"]

Obj: TypeAlias = dict[str, Any]

TEMPLATE = ("spec", "template")
CRON_TEMPLATE = ("spec", "jobTemplate", "spec", "template")
KINDS = {
    "deployment": TEMPLATE,
    "replicationcontroller": TEMPLATE,
    "replicaset": TEMPLATE,
    "job": TEMPLATE,
    "daemonset": TEMPLATE,
    "statefulset": TEMPLATE,
    "cronjob": CRON_TEMPLATE,
    "pod": (),
}
PROXY_IMAGES = frozenset(
    (
        "cr.l5d.io/linkerd/proxy",
        "gcr.io/linkerd-io/proxy",
        "ghcr.io/linkerd/proxy",
        "docker.io/istio/proxyv2",
        "gcr.io/istio-release/proxyv2",
    )
)
INIT_IMAGES = frozenset(
    (
        "cr.l5d.io/linkerd/proxy-init",
        "gcr.io/linkerd-io/proxy-init",
        "ghcr.io/linkerd/proxy-init",
        "docker.io/istio/proxy_init",
        "gcr.io/istio-release/proxy_init",
    )
)
SIDECAR_NAMES = frozenset((labels.PROXY_CONTAINER, "istio-proxy"))
INIT_NAMES = frozenset((labels.INIT_CONTAINER, "istio-init"))


@dataclass(frozen=True, slots=True)
class Workload:
    """One object and its pod template.

    Attributes:
        kind: in lower case; empty when the document has none.
        name: metadata.name, or generateName.
        path: keys that lead from the object to the pod template.
        template: the pod template (a Pod: itself); None for kinds that have none.
        owner: (kind, name) that the pods belong to.
    """

    kind: str
    name: str
    namespace: str
    obj: Obj
    path: tuple[str, ...] = ()
    template: Obj | None = None
    owner: tuple[str, str] | None = field(default=None)

    @classmethod
    def of(cls, obj: Any, owner: tuple[str, str] | None = None, namespace: str = "") -> "Workload":
        """The workload in ``obj``.

        Args:
            owner: a pod's root owner; other kinds are their own.
            namespace: where the object is when it does not say so itself.
        """
        if not isinstance(obj, dict):
            return cls("", "", namespace, {})
        kind = str(obj.get("kind") or "").lower()
        metadata = obj.get("metadata") if isinstance(obj.get("metadata"), dict) else {}
        assert isinstance(metadata, dict)
        name = str(metadata.get("name") or metadata.get("generateName") or "")
        namespace = str(metadata.get("namespace") or namespace)
        path = KINDS.get(kind)
        if path is None:
            return cls(kind, name, namespace, obj)
        template = _walk(obj, path)
        if template is None or not _has_containers(template):
            return cls(kind, name, namespace, obj)
        own = owner if kind == "pod" else (kind, name)
        return cls(kind, name, namespace, obj, path, template, own)

    @property
    def res_name(self) -> str:
        """``deployment/web``."""
        return f"{self.kind}/{self.name}"

    @property
    def pod_spec(self) -> Obj:
        """The pod's spec; empty when there is no template."""
        return self.template["spec"] if self.template is not None else {}

    def pod_metadata(self, part: str) -> Mapping[str, str]:
        """The pod's ``labels`` or ``annotations``."""
        metadata = (self.template or {}).get("metadata")
        found = metadata.get(part) if isinstance(metadata, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """The pod's annotations."""
        return self.pod_metadata("annotations")

    @property
    def is_control_plane(self) -> bool:
        """Whether the pods are part of the control plane."""
        return labels.CONTROL_PLANE_COMPONENT in self.pod_metadata("labels")


def _walk(obj: Obj, path: tuple[str, ...]) -> Obj | None:
    """The object at ``path``, None when there is none."""
    found: Any = obj
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _has_containers(template: Obj) -> bool:
    """Whether it has the shape of a pod template; anything else is for the API server to refuse."""
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return isinstance(containers, list) and bool(containers)


def _containers(spec: Mapping[str, Any], key: str = "containers") -> Iterator[Obj]:
    for container in spec.get(key) or ():
        if isinstance(container, dict):
            yield container


def _ports(spec: Mapping[str, Any]) -> Iterator[Obj]:
    for container in _containers(spec):
        for port in container.get("ports") or ():
            if isinstance(port, dict) and isinstance(port.get("containerPort"), int):
                yield port


def has_udp_port(spec: Mapping[str, Any]) -> bool:
    """Whether a container declares a UDP port, which the proxy does not carry."""
    return any(port.get("protocol") == "UDP" for port in _ports(spec))


def has_sidecar(spec: Mapping[str, Any]) -> bool:
    """Whether a proxy of this or another mesh, or its init container, is there already."""
    for container in (*_containers(spec), *_containers(spec, "initContainers")):
        name, image = container.get("name"), _image_name(str(container.get("image") or ""))
        if name in SIDECAR_NAMES or image in PROXY_IMAGES:
            return True
    return any(
        container.get("name") in INIT_NAMES or _image_name(str(container.get("image") or "")) in INIT_IMAGES
        for container in _containers(spec, "initContainers")
    )


def _image_name(reference: str) -> str:
    """The reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def port_names(spec: Mapping[str, Any]) -> dict[str, int]:
    """Container ports by name."""
    return {str(port["name"]): port["containerPort"] for port in _ports(spec) if port.get("name")}


def container_ports(spec: Mapping[str, Any]) -> list[int]:
    """Ports the containers declare, and numeric ports of their HTTP probes; ordered as text is."""
    found = {str(port["containerPort"]) for port in _ports(spec)}
    for container in _containers(spec):
        for probe in ("livenessProbe", "readinessProbe"):
            port = (_walk(container, (probe, "httpGet")) or {}).get("port")
            if isinstance(port, int):
                found.add(str(port))
    return [int(port) for port in sorted(found)]
