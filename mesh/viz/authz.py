"""``authz``: which policy let requests in, and how many were turned away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mesh.viz.figures import Figures, Key, by_key, collect, latency_queries, whole
from mesh.viz.query import Query, Vector, matchers
from mesh.viz.resources import Resource
from mesh.viz.stat import own_labels
from mesh.viz.tables import FIGURES, MISSING, Line, columns, latency, percent, rate

__all__ = ["AuthzRow", "authz_table", "queries", "rows"]

SERVER: Key = ("srv_kind", "srv_name", "route_name")
ALLOWED: Key = (*SERVER, "authz_kind", "authz_name")


@dataclass(slots=True)
class AuthzRow:
    """A route of a server and the authorization its requests passed; none for requests turned away.

    Attributes:
        denied: requests turned away in the window.
    """

    route: str
    server: str
    authorization: str
    denied: int
    figures: Figures

    def to_json(self) -> dict[str, Any]:
        """As it travels from the API to the command."""
        return {**{n: getattr(self, n) for n in self.__slots__[:4]}, "figures": self.figures.to_json()}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "AuthzRow":
        """The row of a JSON value."""
        return cls(**{**body, "figures": Figures(**body["figures"])})


def queries(resource: Resource, window: float) -> list[Query]:
    """Requests turned away, requests let in, responses, three latencies."""
    wanted = own_labels(resource)
    inbound = matchers(wanted | {"direction": "inbound"})
    return [
        Query("increase", "inbound_http_authz_deny_total", matchers(wanted), window, SERVER),
        Query("increase", "inbound_http_authz_allow_total", matchers(wanted), window, ALLOWED),
        Query("increase", "response_total", inbound, window, (*ALLOWED, "classification")),
        *latency_queries("response_latency_ms_bucket", inbound, window, ALLOWED),
    ]


def rows(results: Sequence[Vector], window: float) -> list[AuthzRow]:
    """The rows, in order of server, route and authorization; refusals in rows of their own."""
    denied = by_key(results[0], SERVER)
    allowed = by_key(results[1], ALLOWED)
    figures = collect(ALLOWED, results[2], list(results[3:6]), window)
    out = [
        AuthzRow(key[2], _named(*key[:2]), _named(*key[3:]), 0, figures.get(key, Figures(window=window)))
        for key in allowed
        if key[1]
    ]
    out += [
        AuthzRow(key[2], _named(*key[:2]), "", whole(value), Figures(window=window))
        for key, value in denied.items()
        if whole(value) and key[1]
    ]
    return sorted(out, key=lambda row: (row.server, row.route, row.authorization))


def _named(kind: str, name: str) -> str:
    """``kind/name``; the default server and policies are written with a colon and by name alone."""
    if kind == "default":
        return f"default:{name}"
    return f"{kind}/{name}" if name else ""


def authz_table(rows: Sequence[AuthzRow]) -> str:
    """The table of ``viz authz``; columns are two blanks apart."""
    lines: list[Line] = [["ROUTE", "SERVER", "AUTHORIZATION", "UNAUTHORIZED", *FIGURES]]
    for row in rows:
        figures = row.figures
        cells = [MISSING] * 5
        if figures.seen:
            cells = [percent(figures.success_rate), rate(figures.rps)]
            cells += [latency(value) for value in (figures.p50, figures.p95, figures.p99)]
        refused = rate(row.denied / figures.window)
        lines.append([row.route, row.server, row.authorization, refused, *cells])
    return columns(lines, left=range(3), gap=2)
