"""kube-proxy and the cluster's DNS: service addresses and names, fed from Services and Endpoints."""

from typing import TYPE_CHECKING, Any

from sim.cluster.controllers.workqueue import Controller, Key, Steps

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer
    from sim.cluster.net import Network
    from sim.engine import Engine

__all__ = ["KubeProxy"]

Obj = dict[str, Any]

DOMAIN = "svc.cluster.local"
# From a change of Endpoints to rules on every node. kube-proxy rewrites its rules at once when it was quiet,
# and at most once a second (iptables minSyncPeriod 1 s); a tenth of a second is our own round figure for a
# quiet cluster.
PROPAGATION = 0.1


class KubeProxy(Controller):
    """Programs the network.

    *Differs:* one table for all nodes, so every node learns at the same moment; no session affinity, no node
    ports; DNS answers are not cached, so names change as fast as rules do. ExternalName services resolve to
    what their target resolves to.
    """

    NAME = "kube-proxy"

    def __init__(self, api: "ApiServer", engine: "Engine", network: "Network") -> None:
        super().__init__(api, engine)
        self.network = network
        self._ports: dict[Key, list[tuple[str, int]]] = {}
        self._names: dict[Key, list[str]] = {}

    def subscribe(self) -> None:
        """Services and Endpoints."""
        self.api.watch("services", self.enqueue_object)
        self.api.watch("endpoints", self.enqueue_object)

    def reconcile(self, key: Key) -> Steps:
        """Bring rules and records of one service up to date."""
        yield self.engine.timeout(PROPAGATION)
        service = self.api.find("services", key[1], key[0])
        endpoints = self.api.find("endpoints", key[1], key[0]) or {}
        rules = self._rules(service, endpoints) if service else {}
        for port in self._ports.get(key, []):
            if port not in rules:
                self.network.program_service(*port, None)
        for port, targets in rules.items():
            self.network.program_service(*port, targets)
        self._ports[key] = list(rules)
        records = self._records(service, endpoints) if service else {}
        for name in self._names.get(key, []):
            if name not in records:
                self.network.dns.set_name(name, None)
        for name, addresses in records.items():
            self.network.dns.set_name(name, addresses)
        self._names[key] = list(records)
        if service is None:
            self._ports.pop(key)
            self._names.pop(key)

    def _rules(self, service: Obj, endpoints: Obj) -> dict[tuple[str, int], list[tuple[str, int]]]:
        """(address, port) of the service to the ready (address, port) pairs behind it."""
        spec = service["spec"]
        if spec.get("clusterIP") in (None, "", "None"):
            return {}
        rules: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for port in spec.get("ports") or ():
            name = port.get("name", "")
            rules[spec["clusterIP"], port["port"]] = [
                (address["ip"], target["port"])
                for subset in endpoints.get("subsets") or ()
                for target in subset.get("ports") or ()
                if target.get("name", "") == name
                for address in subset.get("addresses") or ()
            ]
        return rules

    def _records(self, service: Obj, endpoints: Obj) -> dict[str, list[str]]:
        """Names to addresses: the cluster address, or for a headless service its ready pods'."""
        meta, spec = service["metadata"], service["spec"]
        name = f"{meta['name']}.{meta['namespace']}.{DOMAIN}"
        if spec.get("type") == "ExternalName":
            target = spec.get("externalName", "")
            return {name: self.network.dns.resolve(target)} if self._known(target) else {}
        if spec.get("clusterIP") not in (None, "", "None"):
            return {name: [spec["clusterIP"]]}
        records: dict[str, list[str]] = {name: []}
        for subset in endpoints.get("subsets") or ():
            for address in subset.get("addresses") or ():
                records[name].append(address["ip"])
                if address.get("hostname"):
                    records.setdefault(f"{address['hostname']}.{name}", []).append(address["ip"])
        return records

    def _known(self, name: str) -> bool:
        try:
            return bool(self.network.dns.resolve(name))
        except LookupError:
            return False
