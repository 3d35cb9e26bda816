"""web: the dashboard's server. It asks the metrics API for what it shows; /grafana goes to Grafana."""

from html import escape
from typing import Any
from urllib.parse import parse_qs

from mesh.messages import Peer, Request, Response
from mesh.viz.resources import Resource, ResourceError, kind_named
from mesh.viz.stat import StatRequest, StatRow
from mesh.viz.tables import stat_json
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component, host_port
from sim.programs.controlplane.page import page, table
from sim.programs.env import go_duration
from sim.programs.http import Client, serve
from sim.programs.task import Call, Handled, Steps

__all__ = ["Web"]

TIMEOUT = 30.0


class Web(Component):
    """The dashboard of both editions."""

    PORT = 8084

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.client = Client(container)
        address = self.flag("api-addr") or self.flag("linkerd-metrics-api-addr")
        self.metrics_api = host_port(address or f"metrics-api.{self.namespace}", 8085)
        grafana = self.flag("grafana-addr")
        self.grafana = host_port(grafana, 3000) if grafana else ""

    def begin(self) -> None:
        """Listen."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"starting HTTP server on :{self.PORT}")
        self.ready = True

    def answer(self, request: Request, peer: Peer) -> Handled:
        """The page, its API, and Grafana behind it."""
        path, _, query = request.path.partition("?")
        if path.startswith("/grafana"):
            return self._grafana(request)
        if path == "/api/version":
            return Response(200, body={"version": self.version, "goVersion": "", "buildDate": ""})
        if path.startswith("/api/"):
            return self._api(path.removeprefix("/api/"), parse_qs(query))
        return self._page(path.strip("/").split("/"))

    def _page(self, parts: list[str]) -> Steps:
        """All namespaces, or with ``namespaces/NAME`` the workloads of one; with their figures."""
        inside = parts[1] if parts[0] == "namespaces" and len(parts) > 1 else ""
        kinds = ("deployment", "statefulset", "daemonset") if inside else ("namespace",)
        body = ""
        for kind in kinds:
            resource = Resource(kind, inside)
            answer: Response = yield from self._ask("StatSummary", StatRequest(resource).to_json())
            if answer.status != 200:
                body += f"<p>{escape(str(answer.body['error']))}</p>\n"
                break
            rows = stat_json([[StatRow.from_json(row) for row in answer.body["rows"]]])
            if rows or not inside:
                body += table(kind.title(), rows, link="" if inside else "/namespaces/")
        text = page(self.version, inside or "Namespaces", body)
        return Response(200, headers={"content-type": "text/html"}, body=text, size=len(text))

    def _api(self, name: str, query: dict[str, list[str]]) -> Steps:
        """One call of the dashboard's API."""
        asked = {key: values[-1] for key, values in query.items()}
        try:
            method, body = _question(name, asked)
        except (ResourceError, ValueError) as error:
            return Response(400, body={"error": str(error)})
        if not method:
            return Response(404, body={"error": f"no such page: /api/{name}"})
        return (yield from self._ask(method, body))

    def _ask(self, method: str, body: Any) -> Steps:
        request = Request("POST", self.metrics_api, f"/api/v1/{method}", body=body)
        response: Response = yield Call(self.client, request, TIMEOUT)
        if response.error:
            return Response(503, body={"error": f"the metrics API does not answer: {response.error}"})
        return Response(response.status, body=response.body)

    def _grafana(self, request: Request) -> Steps:
        """Pass a request on to Grafana."""
        if not self.grafana:
            return Response(404, body="Grafana is not configured\n")
        path = request.path.removeprefix("/grafana") or "/"
        onward = Request(request.method, self.grafana, path, body=request.body)
        response: Response = yield Call(self.client, onward, TIMEOUT)
        if response.error:
            return Response(502, body=f"Grafana does not answer: {response.error}\n")
        return Response(response.status, headers=response.headers, body=response.body, size=response.size)


def _question(name: str, asked: dict[str, str]) -> tuple[str, Any]:
    """Method and body of the metrics API for a page of the dashboard's; no method: no such page.

    Raises:
        ResourceError, ValueError: the parameters are not acceptable.
    """
    namespace = "" if asked.get("all_namespaces") == "true" else asked.get("namespace", "")
    kind = kind_named(asked.get("resource_type", "deployment")).name
    resource = Resource(kind, namespace, asked.get("resource_name", ""))
    if name == "tps-reports":
        window = go_duration(asked.get("window", "1m"), -1.0)
        if window <= 0:
            raise ValueError(f"window {asked['window']!r} is not a duration such as 1m")
        return "StatSummary", StatRequest(resource, window).to_json()
    if name == "edges":
        return "Edges", {"kind": kind, "namespace": namespace, "name": ""}
    pages = {"pods": "ListPods", "services": "ListServices", "check": "SelfCheck"}
    return pages.get(name, ""), {"namespace": namespace}
