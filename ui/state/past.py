"""The past as points over time: what happened (client truth) and what the mesh saw, kept apart."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mesh.viz.figures import QUANTILES, latency_queries
from mesh.viz.query import Query, evaluate, matchers
from mesh.viz.samples import SampleStore
from sim.engine.tables import Outcome
from ui.state.cluster import store, targets
from ui.state.live import Live

__all__ = ["SHOWN", "Mark", "Point", "Truth", "marks", "seen", "truth"]

SHOWN = 1800.0  # seconds of the past that charts show
STEP = 10.0  # seconds between two points of the mesh's view: Prometheus' scrape interval in Linkerd
WINDOW = 60.0  # seconds each of its points looks back, as `linkerd stat` does


@dataclass(frozen=True, slots=True)
class Point:
    """Figures at a time; latencies in ms, NaN where there are none."""

    t: float
    success: float
    rps: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line in the charts: when, what (a key of the texts), and the line typed."""

    t: float
    what: str
    line: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Points of what happened, each over ``width`` seconds."""

    width: float
    points: tuple[Point, ...]


def truth(live: Live, namespace: str, workload: str) -> Truth:
    """Requests to a workload as those who sent them knew them, whoever saw them on the way."""
    tables, now = live.sandbox.tables, live.now
    begin = max(0.0, now - SHOWN)
    width = 15.0 if now - begin <= 900.0 else 30.0
    begin = width * np.ceil(begin / width) if begin else 0.0
    behind = {dst for dst, name in targets(live.sandbox, namespace).items() if name == workload}
    chosen = [number for number, (_, dst, _) in enumerate(tables.edges.keys) if _bare(dst) in behind]
    rows = tables.requests.array()
    rows = rows[rows["start_s"] >= begin]
    rows = rows[np.isin(rows["edge"], np.array(chosen, dtype=np.uint16))]
    rows = rows[rows["start_s"] < width * np.floor(now / width)]  # only windows that are over
    return Truth(width, tuple(_windows(rows, width)))


def _bare(authority: str) -> str:
    """``web-svc.emojivoto.svc.cluster.local:80`` → ``web-svc.emojivoto``."""
    return ".".join(authority.partition(":")[0].split(".")[:2])


def _windows(rows: Any, width: float) -> list[Point]:
    """A point for each window that has requests, at its end."""
    if not len(rows):
        return []
    rows = rows[np.argsort(rows["start_s"], kind="stable")]
    number = (rows["start_s"] // width).astype(np.int64)
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    ends = np.r_[starts[1:], len(rows)]
    points = []
    for a, b in zip(starts, ends, strict=True):
        part = rows[a:b]
        q = np.percentile(part["latency_s"], [100.0 * q for q in QUANTILES]) * 1000.0
        success = float(np.mean(part["outcome"] == Outcome.OK))
        points.append(Point(float(number[a] + 1) * width, success, (b - a) / width, *map(float, q)))
    return points


# -- the mesh's view --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """Points already evaluated: samples do not change once they are taken."""

    store: SampleStore | None = None
    until: float = 0.0
    points: dict[str, list[Point]] = field(default_factory=dict)


def seen(live: Live, namespace: str, workload: str) -> tuple[Point, ...]:
    """What Prometheus' samples say of a workload: its proxies' counts, rates over the last minute."""
    samples = store(live.sandbox)
    if samples is None:
        return ()
    kept = live.memory.get(f"seen/{namespace}")
    if not isinstance(kept, Seen) or kept.store is not samples:
        kept = Seen(samples)
        live.memory[f"seen/{namespace}"] = kept
    kept.until = max(kept.until, STEP * np.ceil(max(0.0, live.now - SHOWN) / STEP))
    while kept.until + STEP <= live.now:
        kept.until += STEP
        for name, point in _at(samples, namespace, kept.until).items():
            kept.points.setdefault(name, []).append(point)
    return tuple(point for point in kept.points.get(workload, ()) if point.t >= live.now - SHOWN)


def _at(samples: SampleStore, namespace: str, now: float) -> dict[str, Point]:
    """Figures of every Deployment of a namespace at a time."""
    chosen = matchers({"direction": "inbound", "namespace": namespace})
    by = ("deployment",)
    counts = Query("increase", "response_total", chosen, WINDOW, (*by, "classification"))
    totals: dict[str, list[float]] = {}
    for labels, value in evaluate(counts, samples, now):
        total = totals.setdefault(labels.get("deployment", ""), [0.0, 0.0])
        total[0] += value
        total[1] += value if labels.get("classification") == "success" else 0.0
    latencies = [
        {labels.get("deployment", ""): value for labels, value in evaluate(query, samples, now)}
        for query in latency_queries("response_latency_ms_bucket", chosen, WINDOW, by)
    ]
    nothing = float("nan")
    return {
        name: Point(now, good / count, count / WINDOW, *(q.get(name, nothing) for q in latencies))
        for name, (count, good) in totals.items()
        if count > 0.5
    }


# -- what was done ----------------------------------------------------------------------------------------

WORDS = (
    ("linkerd uninject", "mark.uninject"),
    ("linkerd inject", "mark.inject"),
    ("fault error", "mark.error"),
    ("fault latency", "mark.latency"),
    ("fault clear", "mark.clear"),
    ("fault ", "mark.fault"),
    ("scale ", "mark.scale"),
)


def marks(live: Live) -> tuple[Mark, ...]:
    """Injections, faults and changes of load that succeeded, within what charts show."""
    found = []
    for shown in live.transcript:
        if shown.status or shown.time < live.now - SHOWN or shown.line.startswith("fault list"):
            continue
        what = next((key for word, key in WORDS if word in shown.line), None)
        if what is not None:
            found.append(Mark(shown.time, what, shown.line))
    return tuple(found)
