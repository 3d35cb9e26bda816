"""``top``: tap events grouped by caller, callee, method and path."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mesh.viz.tables import Line, columns, percent
from mesh.viz.tap import TapEvent

__all__ = ["TopRow", "TopTable"]

# gRPC statuses that count as failures here: Unknown, DeadlineExceeded, Internal, Unavailable, DataLoss.
# Source: reference on `viz top`.
GRPC_FAILURES = frozenset({2, 4, 13, 14, 15})


@dataclass(slots=True)
class TopRow:
    """One group. Latencies in µs, from the request's start to its end."""

    source: str
    target: str
    method: str
    path: str
    route: str
    count: int = 0
    failures: int = 0
    best: int = 0
    worst: int = 0
    last: int = 0

    def add(self, latency: int, *, success: bool) -> None:
        """Count one finished request."""
        self.best = latency if not self.count else min(self.best, latency)
        self.worst = max(self.worst, latency)
        self.last = latency
        self.count += 1
        self.failures += not success

    @property
    def success_rate(self) -> float:
        """Share of requests that succeeded."""
        return (self.count - self.failures) / self.count if self.count else 0.0


@dataclass(slots=True)
class TopTable:
    """Groups tap events as they come.

    Attributes:
        sources: tell callers apart.
        routes: group by ServiceProfile route instead of path.
        resource: kind by which both sides are named; pods otherwise.
    """

    sources: bool = True
    routes: bool = False
    resource: str = "deployment"
    rows: dict[tuple[str, str, str, str], TopRow] = field(default_factory=dict)
    _open: dict[tuple[str, int, int, str], list[TapEvent]] = field(default_factory=dict)

    def feed(self, events: Iterable[TapEvent]) -> None:
        """Take in events; a request counts when its end came."""
        for event in events:
            if event.kind == "req":
                self._open[event.key] = [event]
            elif event.kind == "rsp":
                if event.key in self._open:
                    self._open[event.key].append(event)
            else:
                self._finish(event)

    def _finish(self, end: TapEvent) -> None:
        begun = self._open.pop(end.key, None)
        if begun is None:
            return
        request, response = begun[0], begun[-1]
        failed = end.reset is not None or response.status >= 500 or end.grpc_status in GRPC_FAILURES
        path, route = request.path.partition("?")[0], request.route_labels.get("route", "")
        source = self._side(request.source_labels, request.source) if self.sources else ""
        target = self._side(request.target_labels, request.target)
        key = (source, target, request.method, route if self.routes else path)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = TopRow(source, target, request.method, path, route)
        row.add(response.latency_us + end.duration_us, success=not failed)

    def _side(self, labels: object, address: str) -> str:
        """How a side is called: its resource, its pod, or its address without port."""
        named = labels if isinstance(labels, dict) else {}
        host = address.rpartition(":")[0]
        return str(named.get(self.resource) or named.get("pod") or host)

    def ranked(self) -> list[TopRow]:
        """Rows, the busiest first."""
        return sorted(self.rows.values(), key=lambda row: (-row.count, row.source, row.target, row.path))

    def __str__(self) -> str:
        return top_table(self.ranked(), sources=self.sources, routes=self.routes)


def top_table(rows: Sequence[TopRow], *, sources: bool, routes: bool) -> str:
    """The table of ``top``."""
    place = "Route" if routes else "Path"
    header = ["Source"] * sources + ["Destination", "Method", place]
    lines: list[Line] = [[*header, "Count", "Best", "Worst", "Last", "Success Rate"]]
    for row in rows:
        cells = [row.source] * sources + [row.target, row.method, row.route if routes else row.path]
        cells += [str(row.count), *(duration(value) for value in (row.best, row.worst, row.last))]
        lines.append([*cells, percent(row.success_rate)])
    return columns(lines, left=range(len(header)), gap=2)


def duration(microseconds: int) -> str:
    """A latency as ``top`` shows it: ``787µs``, ``3ms``, ``1.2s``."""
    if microseconds < 1_000:
        return f"{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{round(microseconds / 1_000)}ms"
    return f"{microseconds / 1_000_000:.1f}s"
