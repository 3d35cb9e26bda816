"""The Endpoints controller: which pods are behind a Service, ready and not."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import AlreadyExists
from sim.cluster.controllers.ownership import is_ready
from sim.cluster.controllers.workqueue import Controller, Key

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["EndpointsController", "Member", "ServiceWatcher", "members", "subsets"]

Obj = dict[str, Any]
PortSet = tuple[tuple[str, int, str], ...]  # (name, number, protocol) sorted by name


class Member:
    """A pod behind a service: its address, its ports there, whether it is ready."""

    def __init__(self, service: Obj, pod: Obj) -> None:
        self.pod = pod
        self.ip: str = pod["status"]["podIP"]
        self.terminating = "deletionTimestamp" in pod["metadata"]
        self.serving = is_ready(pod)
        tolerant = bool(service["spec"].get("publishNotReadyAddresses"))
        self.ready = tolerant or (self.serving and not self.terminating)
        self.ports = ports_of(service, pod)
        spec = pod["spec"]
        named = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
        self.hostname: str = spec["hostname"] if named else ""

    def target(self) -> Obj:
        """The targetRef."""
        meta = self.pod["metadata"]
        return {
            "kind": "Pod",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        }


def ports_of(service: Obj, pod: Obj) -> PortSet | None:
    """The service's ports as the pod has them; named target ports may differ from pod to pod.

    None when no named port is found: such a pod is no endpoint. Without any port (headless) the empty set.
    """
    found = []
    wanted = service["spec"].get("ports") or ()
    for port in wanted:
        target = port.get("targetPort", port["port"])
        protocol = port.get("protocol", "TCP")
        number = target if isinstance(target, int) else _named(pod, target, protocol)
        if number is not None:
            found.append((port.get("name", ""), number, protocol))
    return tuple(sorted(found)) if found or not wanted else None


def _named(pod: Obj, name: str, protocol: str) -> int | None:
    if name.isdigit():
        return int(name)
    spec = pod["spec"]
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*spec["containers"], *sidecars]:
        for port in container.get("ports") or ():
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def members(pods: list[Obj], service: Obj) -> list[Member]:
    """The pods a service's selector selects that have an address and have not finished, by address."""
    selector = service["spec"].get("selector") or {}
    found = []
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        status = pod.get("status") or {}
        if status.get("phase") in ("Succeeded", "Failed") or not status.get("podIP"):
            continue
        if all(labels.get(key) == value for key, value in selector.items()):
            member = Member(service, pod)
            if member.ports is not None:
                found.append(member)
    return sorted(found, key=lambda m: tuple(map(int, m.ip.split("."))))


def subsets(found: list[Member]) -> list[Obj]:
    """The subsets of an Endpoints object: members with equal ports together, without terminating ones."""
    groups: dict[PortSet, list[Member]] = {}
    for member in found:
        if member.ready or not member.terminating:
            groups.setdefault(member.ports or (), []).append(member)
    result = []
    for ports in sorted(groups):
        subset: Obj = {}
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            entries = [_address(member) for member in groups[ports] if member.ready is ready]
            if entries:
                subset[field] = entries
        if ports:
            subset["ports"] = [_port(*port) for port in ports]
        result.append(subset)
    return result


def _address(member: Member) -> Obj:
    entry: Obj = {"ip": member.ip, "nodeName": member.pod["spec"]["nodeName"], "targetRef": member.target()}
    return {**entry, "hostname": member.hostname} if member.hostname else entry


def _port(name: str, number: int, protocol: str) -> Obj:
    entry: Obj = {"port": number, "protocol": protocol}
    return {"name": name, **entry} if name else entry


class ServiceWatcher(Controller):
    """Comes back to a service whenever it or one of its pods changes."""

    def subscribe(self) -> None:
        """Services and pods."""
        self.api.watch("services", self.enqueue_object)
        self.api.watch("pods", self._on_pod)

    def _on_pod(self, event: "WatchEvent") -> None:
        if not _matters(event):
            return
        for service in self.api.list("services", event.object["metadata"]["namespace"]):
            selector = service["spec"].get("selector")
            if selector and any(
                all((pod["metadata"].get("labels") or {}).get(k) == v for k, v in selector.items())
                for pod in (event.object, event.old)
                if pod is not None
            ):
                self.enqueue((service["metadata"]["namespace"], service["metadata"]["name"]))


def _matters(event: "WatchEvent") -> bool:
    """Whether a pod's change can move an endpoint: address, readiness, labels, its end."""
    if event.old is None or event.type != "MODIFIED":
        return True
    return _face(event.object) != _face(event.old)


def _face(pod: Obj) -> tuple[Any, ...]:
    meta, status = pod["metadata"], pod.get("status") or {}
    ended = status.get("phase") in ("Succeeded", "Failed")
    return status.get("podIP"), is_ready(pod), ended, "deletionTimestamp" in meta, meta.get("labels")


class EndpointsController(ServiceWatcher):
    """Writes Endpoints of services that have a selector. *Differs:* no limit of 1000 addresses."""

    NAME = "endpoint-controller"

    def reconcile(self, key: Key) -> None:
        """Write the Endpoints, or remove them with their service."""
        service = self.api.find("services", key[1], key[0])
        stored = self.api.find("endpoints", key[1], key[0])
        if service is None:
            if stored is not None:
                self.api.delete("endpoints", key[1], key[0])
            return
        if not service["spec"].get("selector"):
            return
        labels = dict(service["metadata"].get("labels") or {})
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        wanted: Obj = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": key[1], "namespace": key[0]},
        }
        if labels:
            wanted["metadata"]["labels"] = labels
        found = subsets(members(self.api.list("pods", key[0]), service))
        if found:
            wanted["subsets"] = found
        if stored is not None:
            self.api.replace_now(wanted)
        elif self.api.find("namespaces", key[0]) is not None:
            try:
                self.api.create_now(wanted)
            except AlreadyExists:
                self.enqueue(key)
