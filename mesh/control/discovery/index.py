"""The objects of a cluster that discovery needs, and which services and addresses each change touches."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from mesh.control import labels

__all__ = ["Change", "Index", "Key"]

Obj: TypeAlias = dict[str, Any]
# What a subscription depends on: ("service", namespace, name), ("profile", namespace, fqdn), ("ip", ip, "").
Key: TypeAlias = tuple[str, str, str]

SERVICE_LABEL = "kubernetes.io/service-name"
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
DELETED = "DELETED"


class Change(Protocol):
    """One watch event: ``type`` is ADDED, MODIFIED or DELETED."""

    @property
    def type(self) -> str: ...

    @property
    def object(self) -> Obj: ...


def _name(obj: Obj) -> tuple[str, str]:
    metadata = obj.get("metadata") or {}
    return metadata.get("namespace", ""), metadata.get("name", "")


class Index:
    """Current objects by kind, and the look-ups that discovery makes."""

    def __init__(self) -> None:
        self.services: dict[tuple[str, str], Obj] = {}
        self.pods: dict[tuple[str, str], Obj] = {}
        self.nodes: dict[str, Obj] = {}
        self.replica_sets: dict[tuple[str, str], Obj] = {}
        self.profiles: dict[tuple[str, str], Obj] = {}
        self.splits: dict[tuple[str, str], dict[str, Obj]] = {}
        self._endpoints: dict[tuple[str, str], Obj] = {}
        self._slices: dict[tuple[str, str], dict[str, Obj]] = {}
        self._services_of: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._pods_of: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._service_at: dict[str, tuple[str, str]] = {}
        self._pods_at: dict[str, dict[tuple[str, str], None]] = {}

    def apply(self, change: Change) -> list[Key]:
        """Take in one change; returns what it touches. Kinds that discovery does not need touch nothing."""
        obj = change.object
        gone = change.type == DELETED
        match obj.get("kind"):
            case "Service":
                return self._service(obj, gone)
            case "Endpoints":
                return self._endpoint_set(self._endpoints, obj, gone)
            case "EndpointSlice":
                return self._slice(obj, gone)
            case "Pod":
                return self._pod(obj, gone)
            case "ServiceProfile":
                return self._profile(obj, gone)
            case "TrafficSplit":
                return self._split(obj, gone)
            case "ReplicaSet":
                return self._replica_set(obj, gone)
            case "Node":
                _store(self.nodes, _name(obj)[1], obj, gone)
        return []

    # -- look-ups --------------------------------------------------------------------------------------

    def service_at(self, ip: str) -> tuple[str, str] | None:
        """(namespace, name) of the service with this cluster IP."""
        return self._service_at.get(ip)

    def pod_at(self, ip: str, port: int) -> Obj | None:
        """The running pod with this address; among those that share a host's, the one with the port."""
        shared = []
        for key in self._pods_at.get(ip, ()):
            pod = self.pods[key]
            if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
                continue
            if not (pod.get("spec") or {}).get("hostNetwork"):
                return pod
            shared.append(pod)
        for pod in shared:
            for container in pod["spec"].get("containers") or ():
                if any(p.get("containerPort") == port for p in container.get("ports") or ()):
                    return pod
        return None

    def node_zone(self, node: str) -> str:
        """The zone of a node; empty when unknown."""
        found = (self.nodes.get(node, {}).get("metadata") or {}).get("labels") or {}
        return next((found[label] for label in ZONE_LABELS if label in found), "")

    def endpoint_sets(self, service: tuple[str, str]) -> Iterator[Obj]:
        """The EndpointSlices of a service in order of name, or else its Endpoints."""
        slices = self._slices.get(service)
        if slices:
            for name in sorted(slices):
                yield slices[name]
        elif service in self._endpoints:
            yield self._endpoints[service]

    def owner(self, pod: Obj) -> tuple[str, str]:
        """(kind in lower case, name) of the object that a pod belongs to in the end; empty texts for none."""
        namespace, _ = _name(pod)
        kind, name = _controller(pod)
        if kind == "replicaset":
            above = _controller(self.replica_sets.get((namespace, name), {}))
            if above != ("", ""):
                return above
        if kind in ("", "replicaset"):
            found = pod["metadata"].get("labels") or {}
            for known in labels.OWNER_KINDS:
                if labels.PROXY_OWNER + known in found:
                    return known, found[labels.PROXY_OWNER + known]
        return kind, name

    # -- changes ---------------------------------------------------------------------------------------

    def _service(self, obj: Obj, gone: bool) -> list[Key]:
        key = _name(obj)
        touched: list[Key] = [("service", *key)]
        for ip in [ip for ip, known in self._service_at.items() if known == key]:
            del self._service_at[ip]
            touched.append(("ip", ip, ""))
        _store(self.services, key, obj, gone)
        if not gone:
            for ip in _cluster_ips(obj):
                self._service_at[ip] = key
                touched.append(("ip", ip, ""))
        return list(dict.fromkeys(touched))

    def _slice(self, obj: Obj, gone: bool) -> list[Key]:
        namespace, name = _name(obj)
        service = (obj["metadata"].get("labels") or {}).get(SERVICE_LABEL, "")
        if not service:
            return []
        _store(self._slices.setdefault((namespace, service), {}), name, obj, gone)
        self._link((namespace, service))
        return [("service", namespace, service)]

    def _endpoint_set(self, table: dict[tuple[str, str], Obj], obj: Obj, gone: bool) -> list[Key]:
        key = _name(obj)
        _store(table, key, obj, gone)
        self._link(key)
        return [("service", *key)]

    def _link(self, service: tuple[str, str]) -> None:
        """Remember which pods a service's endpoints name, so that their changes touch it."""
        pods = {pod for found in self.endpoint_sets(service) for pod in _target_pods(found, service[0])}
        for pod in self._pods_of.pop(service, set()) - pods:
            self._services_of[pod].discard(service)
            if not self._services_of[pod]:
                del self._services_of[pod]
        for pod in pods:
            self._services_of.setdefault(pod, set()).add(service)
        if pods:
            self._pods_of[service] = pods

    def _pod(self, obj: Obj, gone: bool) -> list[Key]:
        key = _name(obj)
        old = self.pods.get(key)
        ips = {ip for pod in (old, None if gone else obj) if pod is not None for ip in _pod_ips(pod)}
        for ip in ips:
            there = self._pods_at.get(ip, {})
            there.pop(key, None)
            if not there:
                self._pods_at.pop(ip, None)
        _store(self.pods, key, obj, gone)
        if not gone:
            for ip in _pod_ips(obj):
                self._pods_at.setdefault(ip, {})[key] = None
        touched: list[Key] = [("ip", ip, "") for ip in sorted(ips)]
        return touched + [("service", *service) for service in sorted(self._services_of.get(key, ()))]

    def _profile(self, obj: Obj, gone: bool) -> list[Key]:
        key = _name(obj)
        _store(self.profiles, key, obj, gone)
        return [("profile", *key)]

    def _split(self, obj: Obj, gone: bool) -> list[Key]:
        namespace, name = _name(obj)
        touched: list[Key] = []
        for service, splits in self.splits.items():
            if service[0] == namespace and splits.pop(name, None) is not None:
                touched.append(("service", *service))
        if not gone:
            service = (namespace, str((obj.get("spec") or {}).get("service", "")).partition(".")[0])
            self.splits.setdefault(service, {})[name] = obj
            touched.append(("service", *service))
        return list(dict.fromkeys(touched))

    def _replica_set(self, obj: Obj, gone: bool) -> list[Key]:
        key = _name(obj)
        known = key in self.replica_sets
        _store(self.replica_sets, key, obj, gone)
        if known or gone:
            return []
        touched: list[Key] = []
        for (namespace, _), pod in self.pods.items():  # pods that were seen before their ReplicaSet
            if namespace == key[0] and _controller(pod) == ("replicaset", key[1]):
                touched += [("service", *s) for s in sorted(self._services_of.get(_name(pod), ()))]
                touched += [("ip", ip, "") for ip in _pod_ips(pod)]
        return list(dict.fromkeys(touched))


def _store(table: dict[Any, Obj], key: Any, obj: Obj, gone: bool) -> None:
    if gone:
        table.pop(key, None)
    else:
        table[key] = obj


def _cluster_ips(service: Obj) -> list[str]:
    spec = service.get("spec") or {}
    ips = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
    return [ip for ip in ips if ip and ip != "None"]


def _pod_ips(pod: Obj) -> list[str]:
    status = pod.get("status") or {}
    ips = [entry.get("ip", "") for entry in status.get("podIPs") or ()]
    return list(dict.fromkeys(ip for ip in (status.get("podIP", ""), *ips) if ip))


def _controller(obj: Mapping[str, Any]) -> tuple[str, str]:
    """(kind in lower case, name) of the owner reference that controls an object."""
    for reference in (obj.get("metadata") or {}).get("ownerReferences") or ():
        if reference.get("controller", True):
            return str(reference.get("kind", "")).lower(), str(reference.get("name", ""))
    return "", ""


def _target_pods(found: Obj, namespace: str) -> Iterator[tuple[str, str]]:
    entries = list(found.get("endpoints") or ())
    for subset in found.get("subsets") or ():
        entries += [*(subset.get("addresses") or ()), *(subset.get("notReadyAddresses") or ())]
    for entry in entries:
        target = entry.get("targetRef") or {}
        if target.get("kind") == "Pod":
            yield target.get("namespace", namespace), target.get("name", "")
