"""The API aggregator: whether the servers behind APIServices answer."""

from typing import TYPE_CHECKING, Any

from sim.cluster.controllers.workqueue import Controller, Key, Steps

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer, WatchEvent
    from sim.cluster.net import NetNs
    from sim.cluster.program import HttpCaller
    from sim.engine import Engine

__all__ = ["AggregationController"]

Obj = dict[str, Any]

# How often an APIService is asked again. Source: kube-aggregator available_controller.go, resync 30 s.
RESYNC = 30.0
TIMEOUT = 5.0  # Source: the same file, the discovery request's timeout


class AggregationController(Controller):
    """Keeps the condition Available of APIServices that name a service."""

    NAME = "kube-aggregator"

    def __init__(self, api: "ApiServer", engine: "Engine", http: "HttpCaller", source: "NetNs") -> None:
        super().__init__(api, engine)
        self.http = http
        self.source = source

    def subscribe(self) -> None:
        """APIServices, and the endpoints of their services."""
        self.api.watch("apiservices.apiregistration.k8s.io", self.enqueue_object)
        self.api.watch("endpoints", self._endpoints)

    def _endpoints(self, event: "WatchEvent") -> None:
        meta = event.object["metadata"]
        for service in self.api.list("apiservices.apiregistration.k8s.io"):
            named = service["spec"].get("service") or {}
            if (named.get("namespace"), named.get("name")) == (meta["namespace"], meta["name"]):
                self.enqueue(("", service["metadata"]["name"]))

    def reconcile(self, key: Key) -> Steps:
        """Ask the server for its discovery document."""
        obj = self.api.find("apiservices.apiregistration.k8s.io", key[1])
        if obj is None or not obj["spec"].get("service"):
            return
        spec, named = obj["spec"], obj["spec"]["service"]
        reason, message = "Passed", "all checks passed"
        reply = yield from self.http.call(
            self.source,
            f"{named['name']}.{named['namespace']}.svc",
            int(named.get("port") or 443),
            "GET",
            f"/apis/{spec['group']}/{spec['version']}",
            timeout=TIMEOUT,
        )
        if not 200 <= reply.status < 300:
            reason = "FailedDiscoveryCheck"
            message = f"failing or missing response: {reply.error or f'bad status {reply.status}'}"
        self._report(key[1], reason, message)
        self.enqueue_after(key, RESYNC)

    def _report(self, name: str, reason: str, message: str) -> None:
        obj = self.api.find("apiservices.apiregistration.k8s.io", name)
        if obj is None:
            return
        status = "True" if reason == "Passed" else "False"
        old = next(iter((obj.get("status") or {}).get("conditions") or ()), {})
        since = old["lastTransitionTime"] if old.get("status") == status else self.engine.timestamp()
        condition = {
            "type": "Available",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
        }
        self.api.set_status("apiservices.apiregistration.k8s.io", name, None, {"conditions": [condition]})
