"""Grafana's dashboards: which panels there are and what each asks of Prometheus.

*Source:* linkerd2 grafana/dashboards: names, panel titles, and the form of their expressions.
"""

from dataclasses import dataclass

from mesh.viz.query import Query, matchers
from mesh.viz.resources import KINDS, Resource

__all__ = ["DASHBOARDS", "Line", "Panel", "panels"]

IRATE_WINDOW = 30.0  # seconds. Source: the dashboards bundled with 2.8.1
DASHBOARDS = (
    *("health", "prometheus-2-stats", "route", "top-line"),
    *(kind.name for kind in KINDS),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, or one for each group: a query, over another one when it is a ratio."""

    legend: str
    query: Query
    over: Query | None = None

    def __str__(self) -> str:
        return str(self.query) if self.over is None else f"{self.query} / {self.over}"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. ``unit``: ``percentunit``, ``rps``, ``ms`` or ``short``."""

    title: str
    unit: str
    lines: tuple[Line, ...]


def panels(resource: Resource, window: float = IRATE_WINDOW) -> tuple[Panel, ...]:
    """The panels of a resource's dashboard: what it answered, at its own proxies."""
    label = resource.of.label
    wanted = {"direction": "inbound"}
    if resource.namespace:
        wanted["namespace"] = resource.namespace
    if resource.name:
        wanted[label] = resource.name
    by, inbound = (label,), matchers(wanted)
    good = matchers(wanted | {"classification": "success"})
    total = Query("irate", "response_total", inbound, window, by)
    success = Line(label, Query("irate", "response_total", good, window, by), total)
    secured = Query("irate", "request_total", matchers(wanted | {"tls": "true"}), window, by)
    plain = Query("irate", "request_total", matchers(wanted | {"tls": "!true"}), window, by)
    latencies = tuple(
        Line(f"p{q * 100:g}", Query("irate", "response_latency_ms_bucket", inbound, window, by, q))
        for q in (0.5, 0.95, 0.99)
    )
    open_now = Query("instant", "tcp_open_connections", matchers(wanted | {"peer": "src"}), 0.0, by)
    return (
        Panel("SUCCESS RATE", "percentunit", (success,)),
        Panel("REQUEST RATE", "rps", (Line("🔒", secured), Line("", plain))),
        Panel("LATENCY", "ms", latencies),
        Panel("TCP CONNECTIONS OPEN", "short", (Line(label, open_now),)),
    )
