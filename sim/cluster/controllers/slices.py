"""The EndpointSlice controller: the same members as Endpoints, in slices, with conditions and zones."""

from typing import Any

from sim.cluster.api.objects import clone, generated_name, owner_reference
from sim.cluster.controllers.endpoints import Member, PortSet, ServiceWatcher, members
from sim.cluster.controllers.workqueue import Key

__all__ = ["EndpointSliceController"]

Obj = dict[str, Any]

RESOURCE = "endpointslices.discovery.k8s.io"
SERVICE, MANAGER = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
LIMIT = 100  # endpoints a slice holds. Source: --max-endpoints-per-slice


class EndpointSliceController(ServiceWatcher):
    """Writes EndpointSlices of services that have a selector.

    *Differs:* slices are filled by address, in order; the real one moves endpoints as little as it can.
    """

    NAME = "endpointslice-controller"

    def subscribe(self) -> None:
        """As Endpoints; older clusters have no slices."""
        if self.serves(RESOURCE):
            self.version = self.api.resource(RESOURCE).version
            self.names = self.engine.stream("names", "slices")
            super().subscribe()

    def reconcile(self, key: Key) -> None:
        """Write the slices that differ, remove those left over."""
        service = self.api.find("services", key[1], key[0])
        stored = [
            entry
            for entry in self.api.list(RESOURCE, key[0], labels=f"{SERVICE}={key[1]}")
            if entry["metadata"]["labels"].get(MANAGER) == "endpointslice-controller.k8s.io"
        ]
        if service is None or not service["spec"].get("selector"):
            for entry in stored:
                self.api.delete(RESOURCE, entry["metadata"]["name"], key[0])
            return
        found = members(self.api.list("pods", key[0]), service)
        spare = {entry["metadata"]["name"]: entry for entry in stored}
        for ports, chunk in self._chunks(found):
            wanted = self._slice(service, ports, chunk)
            same_ports = [name for name, entry in spare.items() if entry.get("ports") == wanted["ports"]]
            name = next(iter([*same_ports, *spare]), None)
            if name is None:
                wanted["metadata"]["name"] = generated_name(f"{key[1]}-", self.names)
                wanted["metadata"]["generateName"] = f"{key[1]}-"
                self.api.create_now(wanted)
            else:
                fresh = clone(spare.pop(name))
                fresh.update(endpoints=wanted["endpoints"], ports=wanted["ports"])
                self.api.replace_now(fresh)
        for name in spare:
            self.api.delete(RESOURCE, name, key[0])

    def _chunks(self, found: list[Member]) -> list[tuple[PortSet, list[Member]]]:
        """Members by ports, at most LIMIT together; an empty service has one empty slice."""
        groups: dict[PortSet, list[Member]] = {}
        for member in found:
            groups.setdefault(member.ports or (), []).append(member)
        if not groups:
            return [((), [])]
        return [
            (ports, groups[ports][start : start + LIMIT])
            for ports in sorted(groups)
            for start in range(0, len(groups[ports]), LIMIT)
        ]

    def _slice(self, service: Obj, ports: PortSet, chunk: list[Member]) -> Obj:
        meta = service["metadata"]
        labels = {**(meta.get("labels") or {}), SERVICE: meta["name"]}
        labels[MANAGER] = "endpointslice-controller.k8s.io"
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        return {
            "apiVersion": f"discovery.k8s.io/{self.version}",
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference(service)],
            },
            "addressType": "IPv4",
            "endpoints": [self._endpoint(member) for member in chunk],
            "ports": [{"name": name, "port": number, "protocol": proto} for name, number, proto in ports],
        }

    def _endpoint(self, member: Member) -> Obj:
        node = self.api.find("nodes", member.pod["spec"]["nodeName"])
        zone = ((node or {"metadata": {}})["metadata"].get("labels") or {}).get("topology.kubernetes.io/zone")
        entry: Obj = {
            "addresses": [member.ip],
            "conditions": {
                "ready": member.ready,
                "serving": member.serving,
                "terminating": member.terminating,
            },
            "targetRef": member.target(),
        }
        if member.hostname:
            entry["hostname"] = member.hostname
        if self.version == "v1beta1":
            entry["topology"] = {"kubernetes.io/hostname": member.pod["spec"]["nodeName"]}
            if zone:
                entry["topology"]["topology.kubernetes.io/zone"] = zone
        else:
            entry["nodeName"] = member.pod["spec"]["nodeName"]
            if zone:
                entry["zone"] = zone
        return entry
