"""public-api (stable-2.8.1) and metrics-api (edge): the figures behind ``stat``, ``edges`` and ``routes``."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mesh.messages import Peer, Request, Response
from mesh.viz import authz, edges, routes, stat
from mesh.viz.query import Query, Vector
from mesh.viz.resources import Owners, Resource, ResourceError, selects
from mesh.viz.scrapes import seconds
from sim.cluster.api import ApiError
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component, host_port, json_object
from sim.programs.http import Client, serve
from sim.programs.task import Call, Handled, Steps, Together

__all__ = ["MetricsApi", "Unanswered"]

Obj = dict[str, Any]
T = TypeVar("T")
TIMEOUT = 30.0  # seconds for one query. Source: linkerd2 viz/metrics-api, HTTP client to Prometheus
PROFILES = "serviceprofiles.linkerd.io"


class Unanswered(Exception):
    """A request that cannot be answered; the message goes to the user."""


class MetricsApi(Component):
    """Answers requests from what Prometheus holds and what the API server knows.

    *Differs:* reads the API server at each request where upstream keeps a cache.
    """

    PORT = 8085

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.client = Client(container)
        self.control_plane = self.flag("controller-namespace", self.namespace)
        self.domain = self.flag("cluster-domain", "cluster.local")
        self.prometheus = host_port(self.flag("prometheus-url"), 9090)

    def begin(self) -> None:
        """Listen; follow what RBAC allows."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"starting HTTP server on :{self.PORT}")
        needed = ("pods", "services", "deployments.apps", "replicasets.apps", "namespaces")
        self.watch({resource: lambda _: None for resource in needed})

    def answer(self, request: Request, peer: Peer) -> Handled:
        """One API call."""
        name = request.path.partition("?")[0].removeprefix("/api/v1/")
        steps = {
            "StatSummary": self.stat_summary,
            "Edges": self.edges,
            "TopRoutes": self.top_routes,
            "Authz": self.authz,
            "ListPods": self.list_pods,
            "ListServices": self.list_services,
            "SelfCheck": self.self_check,
        }.get(name)
        if name == "Version":
            return Response(200, body={"releaseVersion": self.version, "goVersion": "", "buildDate": ""})
        if steps is None:
            return Response(404, body={"error": f"no method {name}"})
        return self._guarded(steps(json_object(request) or {}))

    def _guarded(self, steps: Steps) -> Steps:
        """The answer, or why there is none."""
        try:
            body = yield from steps
        except (Unanswered, PermissionError, ResourceError) as error:
            self.log("error", str(error))
            return Response(500, body={"error": str(error)})
        except ApiError as error:
            return Response(500, body={"error": error.message})
        return Response(200, body=body)

    # -- Prometheus ---------------------------------------------------------------------------------------

    def query(self, asked: Sequence[Query]) -> Steps:
        """The vectors of several queries, asked at once.

        Raises:
            Unanswered: Prometheus did not answer one of them.
        """
        vectors = yield Together([self._one("/api/v1/query", query) for query in asked])
        for vector in vectors:
            if isinstance(vector, Unanswered):
                raise vector
        return vectors

    def _one(self, path: str, body: Any) -> Steps:
        request = Request("POST", self.prometheus, path, body=body)
        response: Response = yield Call(self.client, request, TIMEOUT)
        if response.error:
            return Unanswered(f"cannot query Prometheus at {self.prometheus}: {response.error}")
        if response.status != 200:
            return Unanswered(f"cannot query Prometheus at {self.prometheus}: HTTP status {response.status}")
        return response.body

    def _check_window(self, window: float) -> Steps:
        """Edge refuses windows below the scrape interval, which it asks Prometheus for."""
        found = yield from self._one_get("/api/v1/status/config")
        if isinstance(found, Unanswered):
            raise found
        for line in found["data"]["yaml"].splitlines():
            key, _, value = line.strip().partition(":")
            if key == "scrape_interval" and seconds(value.strip()) > window:
                text = f"the time window ({window:g}s) is shorter than the scrape interval ({value.strip()})"
                raise Unanswered(text)

    def _one_get(self, path: str) -> Steps:
        response: Response = yield Call(self.client, Request("GET", self.prometheus, path), TIMEOUT)
        if response.error or response.status != 200:
            why = response.error or f"HTTP status {response.status}"
            return Unanswered(f"cannot query Prometheus at {self.prometheus}: {why}")
        return response.body

    # -- the methods --------------------------------------------------------------------------------------

    def stat_summary(self, body: Obj) -> Steps:
        """Rows of ``stat``."""
        request = parsed(lambda: stat.StatRequest.from_json(body))
        wrong = stat.problem(request)
        if wrong:
            raise Unanswered(wrong)
        if self.flag("log-format"):  # edge
            yield from self._check_window(request.window)
        kind = request.resource.of
        objects: list[Obj] = []
        if kind.key:
            namespace = None if kind.name == "namespace" else request.resource.namespace or None
            objects = self.listed(kind.key, namespace, labels=request.labels)
        wanted = request.resource.name
        objects = [obj for obj in objects if not wanted or obj["metadata"]["name"] == wanted]
        pods = self.listed("pods", request.resource.namespace or None)
        vectors: list[Vector] = yield from self.query(stat.queries(request))
        owners = self.owners(request.resource.namespace or None)
        rows = stat.rows(request, vectors, objects, pods, owners, self.control_plane)
        return {"rows": [row.to_json() for row in rows]}

    def owners(self, namespace: str | None) -> Owners:
        """Who owns the pods of a namespace."""
        found: list[Obj] = []
        for resource in ("replicasets.apps", "jobs.batch"):
            if not self.forbidden("list", resource, namespace):
                found += self.api.list(resource, namespace)
        return Owners(found)

    def edges(self, body: Obj) -> Steps:
        """Rows of ``edges``."""
        resource = parsed(lambda: Resource(**body))
        vectors = yield from self.query(edges.queries(resource))
        found = edges.rows(resource, vectors, self.listed("pods"), self.domain, self.control_plane)
        return {"edges": [edge.to_json() for edge in found]}

    def authz(self, body: Obj) -> Steps:
        """Rows of ``authz``."""
        resource, window = parsed(lambda: (Resource(**body["resource"]), float(body["window"])))
        vectors = yield from self.query(authz.queries(resource, window))
        return {"rows": [row.to_json() for row in authz.rows(vectors, window)]}

    def top_routes(self, body: Obj) -> Steps:
        """Tables of ``routes``: one for each object of the resource."""
        request = parsed(lambda: routes.RoutesRequest.from_json(body))
        named = self._named(request.resource)
        tables = []
        for resource in named:
            own = routes.RoutesRequest(resource, request.window, request.to)
            profiles = {name: self._routes(name, resource) for name in self._services(request.to or resource)}
            if not profiles:
                continue
            vectors = yield from self.query(routes.queries(own, sorted(profiles)))
            rows = routes.rows(own, vectors, profiles)
            tables.append({"resource": str(resource), "rows": [row.to_json() for row in rows]})
        if not tables:
            text = f"no Service leads to {request.to or request.resource}, so there are no routes to show"
            raise Unanswered(text)
        return {"tables": tables}

    def _named(self, resource: Resource) -> list[Resource]:
        """The single objects that a resource stands for."""
        kind = resource.of
        if resource.name or not kind.key:
            return [resource]
        found = self.listed(kind.key, resource.namespace or None)
        return [
            Resource(kind.name, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            for obj in found
        ]

    def _services(self, resource: Resource) -> list[str]:
        """Fully qualified names of the Services in front of a resource."""
        if resource.kind == "authority":
            return [resource.name.partition(":")[0]]
        services = self.listed("services", resource.namespace or None)
        if resource.kind == "service":
            chosen = [svc for svc in services if resource.name in ("", svc["metadata"]["name"])]
        else:
            owners = self.owners(resource.namespace or None)
            pods = [
                pod
                for pod in self.listed("pods", resource.namespace or None)
                if owners.of(pod).get(resource.kind) == resource.name
            ]
            chosen = [
                svc
                for svc in services
                if any(
                    pod["metadata"]["namespace"] == svc["metadata"]["namespace"]
                    and selects(svc["spec"].get("selector"), pod)
                    for pod in pods
                )
            ]
        return [f"{s['metadata']['name']}.{s['metadata']['namespace']}.svc.{self.domain}" for s in chosen]

    def _routes(self, service: str, client: Resource) -> list[str]:
        """Names of the routes of a service's profile: the client's namespace has its say first."""
        for namespace in (client.namespace, service.split(".")[1]):
            try:
                profile = self.api.find(PROFILES, service, namespace)
            except ApiError:
                return []
            if profile is not None:
                return [str(route["name"]) for route in profile.get("spec", {}).get("routes") or ()]
        return []

    # -- checks and lists ---------------------------------------------------------------------------------

    def list_pods(self, body: Obj) -> Steps:
        """Pods, and whether Prometheus holds metrics of them."""
        namespace = str(body.get("namespace") or "") or None
        asked = Query("instant", "process_start_time_seconds", (), 0.0, ("namespace", "pod"))
        (vector,) = yield from self.query([asked])
        present = {(labels.get("namespace"), labels.get("pod")) for labels, _ in vector}
        owners, out = self.owners(namespace), []
        for pod in self.listed("pods", namespace):
            metadata = pod["metadata"]
            place = (metadata["namespace"], metadata["name"])
            labels = metadata.get("labels") or {}
            out.append(
                {
                    "name": "/".join(place),
                    "podIP": pod.get("status", {}).get("podIP", ""),
                    "status": pod.get("status", {}).get("phase", ""),
                    "added": place in present,
                    "controllerNamespace": labels.get("linkerd.io/control-plane-ns", ""),
                    "owner": "/".join(owners.root(pod)),
                }
            )
        return {"pods": out}

    def list_services(self, body: Obj) -> Steps:
        """Services by namespace and name."""
        yield from ()
        found = self.listed("services", str(body.get("namespace") or "") or None)
        names = [{"name": s["metadata"]["name"], "namespace": s["metadata"]["namespace"]} for s in found]
        return {"services": names}

    def self_check(self, body: Obj) -> Steps:
        """Whether this API can talk to the API server and to Prometheus."""
        refusal = self.forbidden("list", "pods")
        results = [_checked("kubernetes", "control plane can talk to Kubernetes", refusal)]
        asked = Query("instant", "process_start_time_seconds", (), 0.0, ())
        answer = yield from self._one("/api/v1/query", asked)
        failure = str(answer) if isinstance(answer, Unanswered) else ""
        results.append(_checked("prometheus", "control plane can talk to Prometheus", failure))
        return {"results": results}


def parsed(read: Callable[[], T]) -> T:
    """What a request's body says.

    Raises:
        Unanswered: it has not the right fields.
    """
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        raise Unanswered(f"malformed request: {error}") from None


def _checked(subsystem: str, description: str, failure: str) -> Obj:
    """One line of a self-check."""
    return {
        "subsystemName": subsystem,
        "checkDescription": description,
        "status": "FAIL" if failure else "OK",
        "friendlyMessageToUser": failure,
    }
