"""APIServices: parts of the API that programs in the cluster serve, and whether they can be reached."""

from typing import TYPE_CHECKING

from sim.cluster.api.objects import Obj
from sim.cluster.api.store import WatchEvent

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["Aggregator"]


class Aggregator:
    """Keeps the Available condition of APIServices in step with the Services behind them.

    *Source:* the reasons and messages of kube-aggregator's availability controller.
    *Differs:* it does not ask the backend for its discovery documents; ready endpoints are enough.
    """

    def __init__(self, api: "ApiServer") -> None:
        self.api = api

    def start(self) -> None:
        """Follow APIServices, Services and Endpoints."""
        self.api.watch("apiservices", self._on_api_service)
        for resource in ("services", "endpoints"):
            self.api.watch(resource, self._on_backend, initial=False)

    def _on_api_service(self, event: WatchEvent) -> None:
        if event.type != "DELETED":
            self._judge(event.object["metadata"]["name"])

    def _on_backend(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        for entry in self.api.list("apiservices"):
            backend = (entry.get("spec") or {}).get("service") or {}
            if backend.get("name") == meta["name"] and backend.get("namespace") == meta.get("namespace"):
                self._judge(entry["metadata"]["name"])

    def _judge(self, name: str) -> None:
        """Write the condition if it changed."""
        entry = self.api.find("apiservices", name)
        if entry is None:
            return
        available, reason, message = self._availability((entry.get("spec") or {}).get("service"))
        condition = {
            "type": "Available",
            "status": "True" if available else "False",
            "reason": reason,
            "message": message,
        }
        status = entry.get("status") or {}
        old: Obj = next((one for one in status.get("conditions") or () if one.get("type") == "Available"), {})
        if {**old, **condition} == old:
            return
        same = old.get("status") == condition["status"]
        condition["lastTransitionTime"] = old["lastTransitionTime"] if same else self.api.engine.timestamp()
        self.api.set_status("apiservices", name, None, {**status, "conditions": [condition]})

    def _availability(self, backend: Obj | None) -> tuple[bool, str, str]:
        """Whether a backend can be reached, the reason and the message."""
        if not backend:
            return True, "Local", "Local APIServices are always available"
        name, namespace = str(backend.get("name", "")), str(backend.get("namespace", ""))
        where = f'service/{name} in "{namespace}"'
        if self.api.find("services", name, namespace) is None:
            return False, "ServiceNotFound", f"{where} is not present"
        endpoints = self.api.find("endpoints", name, namespace)
        if endpoints is None:
            return False, "EndpointsNotFound", f"cannot find endpoints for {where}"
        if not any(subset.get("addresses") for subset in endpoints.get("subsets") or ()):
            return False, "MissingEndpoints", f"endpoints for {where} have no addresses"
        return True, "Passed", "all checks passed"
