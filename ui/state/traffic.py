"""Who calls whom: workloads, the requests between them in the last minute, and some of them one by one."""

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from sim.engine.tables import Outcome
from sim.shell.sandbox import Sandbox
from ui.state.cluster import Pod, targets

__all__ = ["Edge", "Node", "Traffic", "read"]

WINDOW = 60.0  # seconds that the figures of nodes and edges look back
REPLAYED = 10.0  # seconds that are drawn request by request
MAX_DRAWN = 240  # requests drawn; beyond, every n-th of the sources' requests with all it caused
LONGEST, SHORTEST = 2.4, 0.35  # seconds a journey takes on the screen


@dataclass(frozen=True, slots=True)
class Node:
    """A workload. ``x`` and ``y`` are 0 to 1; success is of the requests it answered, None without any."""

    name: str
    x: float
    y: float
    meshed: bool
    pods: int
    success: float | None
    rps: float


@dataclass(frozen=True, slots=True)
class Edge:
    """Requests from one workload to another; ``secured`` when all of them went by mutual TLS."""

    src: str
    dst: str
    rps: float
    success: float
    p99_ms: float
    secured: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """The picture.

    Attributes:
        dots: (seconds on the screen, number of the edge, succeeded, seconds on the screen it takes).
        begin, end: the simulated seconds replayed.
        stretch: how many times slower a journey is drawn than it was.
        every: only every n-th of the sources' requests is drawn.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    dots: tuple[tuple[float, int, bool, float], ...]
    begin: float
    end: float
    stretch: float
    every: int


def read(sandbox: Sandbox, namespace: str, pods: list[Pod]) -> Traffic:
    """The traffic of a namespace as it was: client truth, whether the mesh saw it or not."""
    now = sandbox.engine.now
    behind = targets(sandbox, namespace)
    names, rows = _requests(sandbox, behind, now - WINDOW)
    secured = _secured(sandbox, pods, now - WINDOW)
    span = min(WINDOW, max(now, 1.0))
    edges = tuple(_edge(pair, rows[rows["pair"] == i], span, secured) for i, pair in enumerate(names))
    nodes = _nodes(sandbox, namespace, pods, edges)
    dots, stretch, every = _dots(rows[rows["start_s"] >= now - REPLAYED], now - REPLAYED)
    return Traffic(nodes, edges, dots, max(0.0, now - REPLAYED), now, stretch, every)


def _requests(sandbox: Sandbox, behind: dict[str, str], since: float) -> tuple[list[tuple[str, str]], Any]:
    """Pairs of workloads, and the requests between them since a time with the number of their pair."""
    tables = sandbox.tables
    pairs: dict[tuple[str, str], int] = {}
    number = np.full(len(tables.edges.keys) + 1, -1)
    for index, (src, dst, _) in enumerate(tables.edges.keys):
        target = behind.get(".".join(dst.partition(":")[0].split(".")[:2]))
        if target is not None:
            number[index] = pairs.setdefault((src.rpartition("/")[2], target), len(pairs))
    rows = tables.requests.array()
    rows = rows[rows["start_s"] >= since]
    pair = number[np.minimum(rows["edge"], len(number) - 1)] if len(rows) else np.empty(0, dtype=int)
    made = np.empty(
        len(rows),
        dtype=[("trace", "u4"), ("start_s", "f8"), ("latency_s", "f8"), ("ok", "?"), ("pair", "i4")],
    )
    made["trace"], made["start_s"], made["latency_s"] = rows["trace"], rows["start_s"], rows["latency_s"]
    made["ok"], made["pair"] = rows["outcome"] == Outcome.OK, pair
    return list(pairs), made[made["pair"] >= 0]


def _secured(sandbox: Sandbox, pods: list[Pod], since: float) -> dict[tuple[str, str], bool]:
    """Whether all attempts between two workloads went by TLS, by their names."""
    tables = sandbox.tables
    owner = {pod.pod: pod.workload.rpartition("/")[2] for pod in tables.pods}
    owner |= {pod.name: pod.workload.rpartition("/")[2] for pod in pods}
    rows = tables.attempts.array()
    rows = rows[rows["start_s"] >= since]
    found: dict[tuple[str, str], bool] = {}
    for link in np.unique(rows["link"]):
        src, dst = tables.links.keys[min(int(link), len(tables.links.keys) - 1)]
        pair = (owner.get(src, ""), owner.get(dst, ""))
        tls = bool(np.all(rows["try_tls"][rows["link"] == link] % 2 == 1))
        found[pair] = found.get(pair, True) and tls
    return found


def _edge(pair: tuple[str, str], rows: Any, span: float, secured: dict[tuple[str, str], bool]) -> Edge:
    if not len(rows):
        return Edge(*pair, 0.0, 1.0, 0.0, False)
    p99 = float(np.percentile(rows["latency_s"], 99.0)) * 1000.0
    return Edge(*pair, len(rows) / span, float(np.mean(rows["ok"])), p99, secured.get(pair, False))


def _nodes(sandbox: Sandbox, namespace: str, pods: list[Pod], edges: tuple[Edge, ...]) -> tuple[Node, ...]:
    """The workloads with their places: callers to the left of whom they call."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(obj["metadata"]["name"] for obj in sandbox.api.list("deployments.apps", namespace))
    graph.add_edges_from((edge.src, edge.dst) for edge in edges)
    places = _places(graph)
    nodes = []
    for name in sorted(graph):
        own = [pod for pod in pods if pod.workload == f"deploy/{name}" and pod.status != "Terminating"]
        asked = [edge for edge in edges if edge.dst == name and edge.rps > 0]
        rps = sum(edge.rps for edge in asked)
        success = sum(edge.success * edge.rps for edge in asked) / rps if rps else None
        meshed = bool(own) and all(pod.meshed for pod in own)
        nodes.append(Node(name, *places[name], meshed, len(own), success, rps))
    return tuple(nodes)


def _places(graph: "nx.DiGraph[str]") -> dict[str, tuple[float, float]]:
    """Layers of the graph from left to right, cycles taken together, each layer spread from top to bottom."""
    condensed = nx.condensation(graph)
    places = {}
    layers = list(nx.topological_generations(condensed))
    for column, layer in enumerate(layers):
        names = sorted(name for part in layer for name in condensed.nodes[part]["members"])
        x = (column + 0.5) / len(layers)
        for row, name in enumerate(names):
            places[name] = (x, (row + 0.5) / len(names))
    return places


def _dots(rows: Any, begin: float) -> tuple[tuple[tuple[float, int, bool, float], ...], float, int]:
    """Journeys to draw, how much they are stretched, and how many requests stand for each drawn one.

    Requests begin when they began; within one of a source's requests time runs slower by the stretch.
    """
    if not len(rows):
        return (), 1.0, 1
    traces = np.unique(rows["trace"])
    every = max(1, int(np.ceil(len(rows) / MAX_DRAWN)))
    rows = rows[np.isin(rows["trace"], traces[::every])]
    rows = rows[np.lexsort((-rows["latency_s"], rows["start_s"]))]
    stretch = min(1000.0, 1.6 / max(float(np.percentile(rows["latency_s"], 95.0)), 1e-4))
    first: dict[int, tuple[float, float]] = {}
    dots = []
    for row in rows:
        trace, start = int(row["trace"]), float(row["start_s"])
        began, until = first.get(trace, (start, -1.0))
        if start > until:  # the trace's next request of the source itself
            began, until = start, start + float(row["latency_s"])
        first[trace] = (began, until)
        at = began - begin + min(LONGEST, (start - began) * stretch)
        length = min(LONGEST, max(SHORTEST, float(row["latency_s"]) * stretch))
        dots.append((round(at, 3), int(row["pair"]), bool(row["ok"]), round(length, 3)))
    return tuple(dots), stretch, every
