"""grafana: Linkerd's dashboards over Prometheus (bundled with stable-2.8.1)."""

from typing import Any

from mesh.messages import Peer, Request, Response
from mesh.viz.dashboards import DASHBOARDS, Line, Panel, panels
from mesh.viz.resources import Resource, ResourceError, kind_named
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component, host_port, json_object
from sim.programs.http import Client, serve
from sim.programs.task import Call, Handled, Steps

__all__ = ["Grafana"]

FOLDER = "/etc/grafana/"
DATASOURCES = ("provisioning/datasources/datasources.yaml", "datasources.yaml")
Points = list[tuple[dict[str, str], list[tuple[float, float]]]]
TIMEOUT = 30.0


class Grafana(Component):
    """The Grafana server."""

    PORT = 3000

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.client = Client(container)
        self.prometheus = host_port(self._datasource(), 9090)

    def _datasource(self) -> str:
        """The address in the provisioned data source; the bundled Prometheus without one."""
        for name in DATASOURCES:
            try:
                lines = self.container.read(FOLDER + name).splitlines()
            except FileNotFoundError:
                continue
            for line in lines:
                key, _, value = line.strip(" -").partition(":")
                if key == "url":
                    return value.strip().strip("\"'")
        return f"linkerd-prometheus.{self.namespace}.svc.cluster.local:9090"

    def log(self, level: str, message: str) -> None:
        """Grafana logs in its own form."""
        self.container.log(f't={self.engine.timestamp()} lvl={level} msg="{message}"')

    def begin(self) -> None:
        """Listen."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"HTTP Server Listen logger=http.server address=0.0.0.0:{self.PORT} protocol=http")
        self.ready = True

    def answer(self, request: Request, peer: Peer) -> Handled:
        """Health, the list of dashboards, one dashboard's panels, and their data."""
        path = request.path.partition("?")[0]
        if path == "/api/health":
            return Response(200, body={"commit": "", "database": "ok", "version": self.version})
        if path in ("/", "/api/search"):
            found = [
                {"uid": name, "title": f"Linkerd {name.replace('-', ' ').title()}", "url": f"/d/{name}"}
                for name in DASHBOARDS
            ]
            return Response(200, body=found)
        if path == "/api/ds/query":
            return self._data(json_object(request) or {})
        if path.startswith("/api/dashboards/uid/"):
            return self._dashboard(path.rpartition("/")[2])
        return self.admin(request, peer)

    def _dashboard(self, name: str) -> Response:
        try:
            shown = panels(Resource(kind_named(name.removeprefix("linkerd-")).name))
        except ResourceError as error:
            return Response(404, body={"message": f"Dashboard not found: {error}"})
        listed = [
            {"title": panel.title, "unit": panel.unit, "targets": [str(line) for line in panel.lines]}
            for panel in shown
        ]
        return Response(200, body={"dashboard": {"uid": name, "panels": listed}})

    def _data(self, body: dict[str, Any]) -> Steps:
        """The curves of a resource's panels: body ``{resource, from, to, step}``, times in seconds."""
        try:
            resource = Resource(**body["resource"])
            span = {
                name: float(body[key]) for name, key in (("start", "from"), ("end", "to"), ("step", "step"))
            }
            shown = panels(resource)
        except (KeyError, TypeError, ValueError) as error:
            return Response(400, body={"message": f"malformed request: {error}"})
        found = []
        for panel in shown:
            curves = yield from self._panel(panel, span)
            if isinstance(curves, str):
                return Response(502, body={"message": curves})
            found.append({"title": panel.title, "unit": panel.unit, "series": curves})
        return Response(200, body={"panels": found})

    def _panel(self, panel: Panel, span: dict[str, float]) -> Steps:
        """The curves of one panel, or why there are none."""
        curves = []
        for line in panel.lines:
            points = yield from self._range(line, span)
            if isinstance(points, str):
                return points
            curves += [{"legend": line.legend, "labels": labels, "points": one} for labels, one in points]
        return curves

    def _range(self, line: Line, span: dict[str, float]) -> Steps:
        """The points of one line by labels, or why there are none."""
        parts: list[Points] = []
        for query in (line.query, line.over):
            if query is None:
                continue
            request = Request("POST", self.prometheus, "/api/v1/query_range", body={"query": query, **span})
            response: Response = yield Call(self.client, request, TIMEOUT)
            if response.error or response.status != 200:
                return f"Prometheus does not answer: {response.error or response.status}"
            parts.append(response.body)
        return parts[0] if len(parts) == 1 else ratio(*parts)


def ratio(above: Points, below: Points) -> Points:
    """Points of one vector over another's with the same labels and times; where either is missing, none."""
    known = {tuple(labels.items()): dict(points) for labels, points in below}
    out = []
    for labels, points in above:
        under = known.get(tuple(labels.items()), {})
        out.append((labels, [(t, value / under[t]) for t, value in points if under.get(t)]))
    return out
