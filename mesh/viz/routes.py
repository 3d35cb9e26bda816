"""``routes``: figures by route of a ServiceProfile, with effective and actual rates on the client's side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mesh.viz.figures import Figures, Key, collect, latency_queries
from mesh.viz.query import Query, Vector, matchers
from mesh.viz.resources import Resource
from mesh.viz.stat import own_labels
from mesh.viz.tables import FIGURES, MISSING, Line, columns, latency, percent, rate

__all__ = ["DEFAULT_ROUTE", "RouteRow", "RoutesRequest", "queries", "routes_json", "routes_table", "rows"]

DEFAULT_ROUTE = "[DEFAULT]"
NAMES: Key = ("dst", "rt_route")


@dataclass(frozen=True, slots=True)
class RoutesRequest:
    """What is asked: the routes of a resource's services as it serves them, or those it calls (``to``)."""

    resource: Resource
    window: float = 60.0
    to: Resource | None = None

    def to_json(self) -> dict[str, Any]:
        """As it travels from the command to the API."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "RoutesRequest":
        """The request of a JSON value.

        Raises:
            TypeError, KeyError: it has not the right fields.
        """
        to = body.get("to")
        return cls(Resource(**body["resource"]), float(body["window"]), Resource(**to) if to else None)


@dataclass(slots=True)
class RouteRow:
    """One route of one service."""

    route: str
    service: str
    figures: Figures

    def to_json(self) -> dict[str, Any]:
        """As it travels from the API to the command."""
        return {"route": self.route, "service": self.service, "figures": self.figures.to_json()}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "RouteRow":
        """The row of a JSON value."""
        return cls(body["route"], body["service"], Figures(**body["figures"]))


def queries(request: RoutesRequest, services: Sequence[str]) -> list[Query]:
    """Responses, three latencies, and with ``to`` the attempts, by service and route.

    Args:
        services: fully qualified names of the services whose routes are wanted.
    """
    names = "|".join(name.replace(".", "\\.") for name in services)
    wanted = {"direction": "inbound" if request.to is None else "outbound", "dst": f"~(?:{names})(?::\\d+)?"}
    if request.resource.kind != "service":
        wanted |= own_labels(request.resource)
    chosen, window = matchers(wanted), request.window
    by = (*NAMES, "classification")
    asked = [
        Query("increase", "route_response_total", chosen, window, by),
        *latency_queries("route_response_latency_ms_bucket", chosen, window, NAMES),
    ]
    if request.to is not None:
        asked.append(Query("increase", "route_actual_response_total", chosen, window, by))
    return asked


def rows(
    request: RoutesRequest, results: Sequence[Vector], profiles: Mapping[str, Sequence[str]]
) -> list[RouteRow]:
    """One row for each route of each service, and ``[DEFAULT]`` for what no route matched.

    Args:
        results: the vectors of :func:`queries`.
        profiles: fully qualified service name → names of its ServiceProfile's routes.
    """
    counts, *rest = results
    found = collect(NAMES, counts, list(rest[:3]), request.window, rest[3] if len(rest) > 3 else None)
    by_service = {(dst.partition(":")[0], route): figures for (dst, route), figures in found.items()}
    out = []
    for service in sorted(profiles):
        for route in [*sorted(profiles[service]), ""]:
            figures = by_service.get((service, route), Figures(window=request.window))
            out.append(RouteRow(route or DEFAULT_ROUTE, service.partition(".")[0], figures))
    return out


def routes_table(rows: Sequence[RouteRow], *, actual: bool) -> str:
    """The table of one resource; ``actual`` shows effective and actual rates apart."""
    rates = ["EFFECTIVE_SUCCESS", "EFFECTIVE_RPS", "ACTUAL_SUCCESS", "ACTUAL_RPS"]
    header = ["ROUTE", "SERVICE", *(rates if actual else FIGURES[:2]), *FIGURES[2:]]
    lines: list[Line] = [header]
    for row in rows:
        figures = row.figures
        if not figures.seen:
            lines.append([row.route, row.service] + [MISSING] * (len(header) - 2))
            continue
        cells = [percent(figures.success_rate), rate(figures.rps)]
        if actual:
            cells += [percent(figures.actual_success_rate), rate(figures.actual_rps)]
        cells += [latency(figures.p50), latency(figures.p95), latency(figures.p99)]
        lines.append([row.route, row.service, *cells])
    return columns(lines, left=(0,))


def routes_json(rows: Sequence[RouteRow], *, actual: bool) -> list[dict[str, Any]]:
    """Routes as ``-o json`` prints them."""
    out = []
    for row in rows:
        figures, seen = row.figures, row.figures.seen
        body: dict[str, Any] = {"route": row.route, "authority": row.service}
        prefix = "effective_" if actual else ""
        body[f"{prefix}success"] = figures.success_rate if seen else None
        body[f"{prefix}rps"] = figures.rps if seen else None
        if actual:
            body["actual_success"] = figures.actual_success_rate if seen else None
            body["actual_rps"] = figures.actual_rps if seen else None
        for name in ("p50", "p95", "p99"):
            body[f"latency_ms_{name}"] = getattr(figures, name) if seen else None
        out.append(body)
    return out
