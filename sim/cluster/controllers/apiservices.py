"""The availability controller of aggregated APIs: whether the service behind an APIService can be reached."""

from typing import TYPE_CHECKING, Any

from sim.cluster.controllers.workqueue import Controller, Key

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["ApiServiceController"]

Obj = dict[str, Any]
KIND = "apiservices.apiregistration.k8s.io"


class ApiServiceController(Controller):
    """Keeps the condition ``Available`` of every APIService.

    *Source:* kube-aggregator's available_controller.go: conditions, reasons and their order.
    *Differs:* a ready endpoint counts as an answer; the API itself is not asked for its discovery document.
    """

    NAME = "apiservice-availability-controller"

    def subscribe(self) -> None:
        """APIServices, and the services and endpoints behind them."""
        self.api.watch(KIND, self.enqueue_object)
        self.api.watch("services", self._on_backend)
        self.api.watch("endpoints", self._on_backend)

    def _on_backend(self, event: "WatchEvent") -> None:
        meta = event.object["metadata"]
        backend = {"name": meta["name"], "namespace": meta["namespace"]}
        for item in self.api.list(KIND):
            reference = item["spec"].get("service")
            if reference and {key: reference.get(key) for key in backend} == backend:
                self.enqueue(("", item["metadata"]["name"]))

    def reconcile(self, key: Key) -> None:
        """Write the condition; its transition time is that of the last change."""
        found = self.api.find(KIND, key[1])
        if found is None:
            return
        status, reason, message = self._availability(found["spec"].get("service"))
        old = (found.get("status") or {}).get("conditions") or ()
        before = next((condition for condition in old if condition["type"] == "Available"), None)
        same = before is not None and before["status"] == status
        condition = {
            "type": "Available",
            "status": status,
            "lastTransitionTime": before["lastTransitionTime"]
            if same and before
            else self.engine.timestamp(),
            "reason": reason,
            "message": message,
        }
        self.api.set_status(KIND, key[1], None, {"conditions": [condition]})

    def _availability(self, reference: Obj | None) -> tuple[str, str, str]:
        """Status, reason and message of the condition."""
        if not reference:
            return "True", "Local", "Local APIServices are always available"
        name, namespace = reference["name"], reference["namespace"]
        service = self.api.find("services", name, namespace)
        if service is None:
            return "False", "ServiceNotFound", f'service/{name} in "{namespace}" is not present'
        wanted = int(reference.get("port", 443))
        ports = [port for port in service["spec"].get("ports") or () if port["port"] == wanted]
        if not ports:
            text = f'service/{name} in "{namespace}" is not listening on port {wanted}'
            return "False", "ServicePortError", text
        endpoints = self.api.find("endpoints", name, namespace)
        if endpoints is None:
            text = f'cannot find endpoints for service/{name} in "{namespace}"'
            return "False", "EndpointsNotFound", text
        label = ports[0].get("name", "")
        for subset in endpoints.get("subsets") or ():
            named = any(port.get("name", "") == label for port in subset.get("ports") or ())
            if named and subset.get("addresses"):
                return "True", "Passed", "all checks passed"
        text = f'endpoints for service/{name} in "{namespace}" have no addresses with port name "{label}"'
        return "False", "MissingEndpoints", text
