"""tap: asks the proxies of a resource's pods what passes; tap-injector: makes pods tappable in edge."""

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
LONGEST = 600.0  # seconds one request may listen


class Tap(Component):
    """The tap API server."""

    PORT = 8089

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.client = Client(container)
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
        answers = yield Together([self._observe(pod, lasting, rate) for pod in pods])
        events = [event for answer in answers for event in answer or ()]
        if not any(answer is not None for answer in answers):
            return Response(
                502, body={"error": f"none of {len(pods)} pods of {resource} answers tap requests"}
            )
        wanted = {event.key for event in events if event.kind == "req" and match.wants(event)}
        kept = limited([event for event in events if event.key in wanted], rate, lasting)
        return Response(200, body={"events": [event.to_json() for event in kept]})

    def _none(self, resource: Resource) -> str:
        hint = "pods are tappable once they were created after the viz extension" if self.edge else ""
        hint = hint or "only pods with a proxy can be tapped"
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
        """Edge asks for the tap injector's mark; 2.8.1 for a proxy."""
        metadata = pod["metadata"]
        if self.edge:
            return bool((metadata.get("annotations") or {}).get(ENABLED) == "true")
        return "linkerd.io/control-plane-ns" in (metadata.get("labels") or {})

    def _observe(self, pod: Obj, lasting: float, rate: float) -> Steps:
        """What one proxy saw; None when it does not answer."""
        address = f"{pod['status']['podIP']}:{PROXY_PORT}"
        request = Request("POST", address, OBSERVE, body={"seconds": lasting, "max_rps": rate}, grpc=True)
        response: Response = yield Call(self.client, request, lasting + 5.0)
        if response.error or response.status != 200 or not isinstance(response.body, list):
            self.warn(f"{pod['metadata']['name']} does not answer: {response.error or response.status}")
            return None
        return [event for event in response.body if isinstance(event, TapEvent)]


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
