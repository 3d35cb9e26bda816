"""tap: asks the proxies of a resource's pods what passes; tap-injector: makes pods tappable in edge."""

from dataclasses import asdict, replace
from typing import Any

from mesh.messages import Peer, Request, Response
from mesh.viz.resources import Owners, Resource, ResourceError
from mesh.viz.tap import TapEvent, TapMatch, limited
from mesh.viz.tapping import ENABLED, review
from sim.cluster.api import ApiError
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component
from sim.programs.http import Client, serve
from sim.programs.task import Call, Handled, Steps, Together

__all__ = ["Tap", "TapInjector"]

Obj = dict[str, Any]
PROXY_PORT = 4190  # the proxy's control port, where its tap server is
OBSERVE = "/io.linkerd.proxy.tap.Tap/Observe"
DISABLED = "config.linkerd.io/disable-tap"
LONGEST = 600.0  # seconds one request may listen


class Tap(Component):
    """The tap API server."""

    PORT = 8089

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.edge = bool(self.flag("api-namespace"))

    def begin(self) -> None:
        """Listen once pods and their owners are known."""
        self.watch({key: lambda _: None for key in ("pods", "replicasets.apps", "namespaces")})

    def synced(self) -> None:
        """The caches are there."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"starting APIServer on :{self.PORT}")

    def answer(self, request: Request, peer: Peer) -> Handled:
        """``POST /apis/tap.linkerd.io/v1alpha1/watch/…/tap``; other paths below /apis: what there is."""
        path = request.path.partition("?")[0]
        if not path.endswith("/tap"):
            names = [{"name": "pods/tap", "namespaced": True, "kind": "Tap", "verbs": ["watch"]}]
            body = {"kind": "APIResourceList", "groupVersion": "tap.linkerd.io/v1alpha1", "resources": names}
            return Response(200 if path.startswith("/apis") else 404, body=body)
        if not isinstance(request.body, dict):
            return Response(400, body={"error": "a tap request names a resource"})
        return self._tap(request.body)

    def _tap(self, body: Obj) -> Steps:
        """Listen at every pod of a resource for a while."""
        try:
            resource = Resource(**body["resource"])
            match = TapMatch(**(body.get("match") or {}))
            lasting, rate = min(float(body["seconds"]), LONGEST), float(body["max_rps"])
            pods = self._pods(resource)
        except PermissionError as error:
            return Response(403, body={"error": str(error)})
        except (KeyError, TypeError, ValueError, ResourceError, ApiError) as error:
            return Response(400, body={"error": f"malformed tap request: {error}"})
        if not pods:
            return Response(404, body={"error": self._none(resource)})
        client = Client(self.container)
        body = {
            "seconds": lasting,
            # Every pod may use its share, and at least one request a second.
            "max_rps": max(1.0, rate / len(pods)),
            "match": {**asdict(match), "method": match.method.upper()},
        }
        try:
            answers = yield Together([self._observe(client, pod, body) for pod in pods])
        finally:
            client.close()
        if not any(answer is not None for answer in answers):
            return Response(
                502, body={"error": f"none of {len(pods)} pods of {resource} answers tap requests"}
            )
        events = sorted((event for answer in answers for event in answer or ()), key=lambda event: event.at)
        kept = self._named(limited(events, rate, lasting))
        return Response(200, body={"events": [event.to_json() for event in kept]})

    def _none(self, resource: Resource) -> str:
        if self.edge:
            hint = "pods are tappable once they were created after the viz extension"
        else:
            hint = f"only pods with a proxy can be tapped, and not with {DISABLED}"
        return f"no pods to tap for {resource}: {hint}"

    def _pods(self, resource: Resource) -> list[Obj]:
        """The pods of a resource that can be tapped."""
        namespace = resource.namespace or None
        owners = Owners([*self.listed("replicasets.apps", namespace), *self.listed("jobs.batch", namespace)])
        found = []
        for pod in self.listed("pods", namespace):
            name = owners.of(pod).get(resource.kind)
            if name is None or (resource.name and name != resource.name):
                continue
            if pod.get("status", {}).get("phase") == "Running" and self._tappable(pod):
                found.append(pod)
        return found

    def _tappable(self, pod: Obj) -> bool:
        """Edge asks for the tap injector's mark; 2.8.1 for a proxy that was not told to refuse."""
        annotations = pod["metadata"].get("annotations") or {}
        if self.edge:
            return bool(annotations.get(ENABLED) == "true")
        meshed = "linkerd.io/control-plane-ns" in (pod["metadata"].get("labels") or {})
        return meshed and annotations.get(DISABLED) != "true"

    def _observe(self, client: Client, pod: Obj, body: Obj) -> Steps:
        """What one proxy saw; None when it does not answer."""
        address = f"{pod['status']['podIP']}:{PROXY_PORT}"
        request = Request("POST", address, OBSERVE, body=body, grpc=True)
        response: Response = yield Call(client, request, body["seconds"] + 5.0)
        if response.error or response.status != 200 or not isinstance(response.body, list):
            why = response.error or response.grpc_message or f"status {response.status}"
            self.warn(f"{pod['metadata']['name']} does not answer: {why}")
            return None
        return [event for event in response.body if isinstance(event, TapEvent)]

    def _named(self, events: list[TapEvent]) -> list[TapEvent]:
        """The events with what Kubernetes knows of both addresses; proxies' own labels come first."""
        owners = Owners([*self.listed("replicasets.apps"), *self.listed("jobs.batch")])
        known = {
            pod["status"]["podIP"]: owners.of(pod)
            for pod in self.listed("pods")
            if pod.get("status", {}).get("podIP") and not pod["spec"].get("hostNetwork")
        }
        return [
            replace(
                event,
                source_labels={**known.get(event.source.rpartition(":")[0], {}), **event.source_labels},
                target_labels={**known.get(event.target.rpartition(":")[0], {}), **event.target_labels},
            )
            for event in events
        ]


class TapInjector(Component):
    """The admission webhook of the viz extension."""

    PORT = 8443

    def begin(self) -> None:
        """Listen once namespaces are known."""
        self.watch({"namespaces": lambda _: None})

    def synced(self) -> None:
        """The cache is there."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"listening at :{self.PORT}")

    def answer(self, request: Request, peer: Peer) -> Response:
        """One AdmissionReview."""
        if request.method != "POST" or not isinstance(request.body, dict):
            return Response(400, body="Body was empty\n")
        asked = request.body.get("request") or {}
        namespace = self.api.find("namespaces", str(asked.get("namespace", ""))) or {}
        return Response(200, body=review(request.body, namespace, self.flag("tap-service-name")))
