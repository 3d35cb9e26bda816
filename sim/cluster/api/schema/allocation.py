"""Values the API server hands out once: cluster addresses and node ports of Services."""

import random
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from sim.cluster.api.errors import invalid
from sim.cluster.api.objects import Obj, metadata_name
from sim.cluster.api.resources import Resource

__all__ = ["ServiceAllocator"]

RANGE = IPv4Network("10.96.0.0/12")  # kubeadm's default service range
RESERVED = 16  # addresses at the start of the range that are only given when asked for
NODE_PORTS = range(30_000, 32_768)


class ServiceAllocator:
    """Remembers which addresses and node ports are taken.

    Args:
        rng: the stream addresses and ports are drawn from.
        dual: whether Services carry ``clusterIPs`` beside ``clusterIP`` (Kubernetes 1.20 and later).
    """

    def __init__(self, rng: random.Random, *, dual: bool) -> None:
        self._rng = rng
        self._dual = dual
        self._addresses: set[str] = set()
        self._ports: set[int] = set()

    def keep(self, service: Obj, old: Obj) -> None:
        """Carry allocated values over to a new version of a Service that leaves them out."""
        spec, before = service["spec"], old["spec"]
        if spec.get("type") == "ExternalName":
            return
        for field in ("clusterIP", "clusterIPs"):
            if not spec.get(field) and before.get(field):
                spec[field] = before[field]
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            ports = {port.get("port"): port.get("nodePort") for port in before.get("ports") or ()}
            for port in spec.get("ports") or ():
                if not port.get("nodePort") and ports.get(port.get("port")):
                    port["nodePort"] = ports[port["port"]]

    def allocate(self, resource: Resource, service: Obj, old: Obj | None, *, dry_run: bool = False) -> None:
        """Fill in what is missing and take what was asked for.

        Raises:
            Invalid: an address or port that is taken, out of range, or changed.
        """
        name = metadata_name(service)
        spec, before = service["spec"], (old or {}).get("spec") or {}
        if spec.get("type") == "ExternalName":
            spec.pop("clusterIP", None)
            spec.pop("clusterIPs", None)
        else:
            self._address(resource, name, spec, before)
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            self._node_ports(resource, name, spec, before)
        else:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
        if dry_run:
            return
        self._take(spec, before)

    def release(self, service: Obj) -> None:
        """A Service is gone: its values may be given again."""
        self._take({}, service["spec"])

    def _take(self, spec: Obj, before: Obj) -> None:
        self._addresses -= {before.get("clusterIP", "")}
        self._addresses |= {spec["clusterIP"]} if spec.get("clusterIP") else set()
        self._ports -= {port.get("nodePort", 0) for port in before.get("ports") or ()}
        self._ports |= {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}

    def _address(self, resource: Resource, name: str, spec: Obj, before: Obj) -> None:
        wanted = spec.get("clusterIP") or (spec.get("clusterIPs") or [""])[0]
        held = before.get("clusterIP")
        problem = ""
        if held and wanted != held and before.get("type") != "ExternalName":
            problem = "field is immutable"
        elif not wanted:
            wanted = self._free_address()
        elif wanted not in ("None", held):
            problem = self._refusal(wanted)
        if problem:
            text = f'Invalid value: "{wanted}": {problem}'
            raise invalid(resource, name, [("spec.clusterIP", text, "FieldValueInvalid")])
        spec["clusterIP"] = wanted
        if self._dual:
            spec["clusterIPs"] = [wanted]

    def _refusal(self, wanted: str) -> str:
        try:
            address = IPv4Address(wanted)
        except AddressValueError:
            return "must be a valid IP address, (e.g. 10.9.8.7)"
        if address not in RANGE:
            return f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {RANGE}"
        return "provided IP is already allocated" if wanted in self._addresses else ""

    def _free_address(self) -> str:
        while True:
            address = str(RANGE[self._rng.randrange(RESERVED, RANGE.num_addresses - 1)])
            if address not in self._addresses:
                return address

    def _node_ports(self, resource: Resource, name: str, spec: Obj, before: Obj) -> None:
        held = {port.get("nodePort") for port in before.get("ports") or ()}
        taken = self._ports - held
        for index, port in enumerate(spec.get("ports") or ()):
            wanted = port.get("nodePort")
            if wanted and wanted not in NODE_PORTS:
                problem = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            else:
                problem = "provided port is already allocated" if wanted in taken else ""
            if problem:
                text = f"Invalid value: {wanted}: {problem}"
                raise invalid(resource, name, [(f"spec.ports[{index}].nodePort", text, "FieldValueInvalid")])
            if not wanted:
                free = [number for number in NODE_PORTS if number not in taken]
                port["nodePort"] = self._rng.choice(free)
            taken |= {port["nodePort"]}
