"""The golden-metrics table: what ``linkerd stat`` would print now, read without asking the cluster.

A real ``linkerd stat`` crosses the simulated network: it takes some simulated milliseconds, is counted by the
control plane's own proxies, and draws from the network's randomness. A page that did so at every redraw would
change what it shows, and a replayed session would differ from a watched one. The page therefore evaluates the
same queries over the same samples and makes the same rows as the metrics API does, leaving the network out;
tests hold the two equal. Typing the command goes the long way.
"""

from dataclasses import dataclass

from mesh.viz import stat
from mesh.viz.query import evaluate
from mesh.viz.resources import Owners, Resource
from mesh.viz.tables import stat_json
from sim.shell.sandbox import Sandbox
from ui.state.cluster import api_down, available, store, targets

__all__ = ["BAD", "WARNING", "Golden", "Row", "grade", "read"]

BAD, WARNING = 0.90, 0.95  # Source: Linkerd's dashboard: below 90 % bad, below 95 % a warning
WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One Deployment.

    Attributes:
        why: why there are no figures, as a key of the texts; empty when there are some.
    """

    name: str
    meshed: str
    success: float | None
    rps: float | None
    p50: int | None
    p95: int | None
    p99: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Golden:
    """The table of a namespace, and why it cannot be had (a key of the texts, else empty)."""

    namespace: str
    rows: tuple[Row, ...]
    problem: str


def grade(success: float | None) -> str:
    """``good``, ``warning``, ``bad``, or ``none`` without a figure."""
    if success is None:
        return "none"
    return "bad" if success < BAD else "warning" if success < WARNING else "good"


def read(sandbox: Sandbox, namespace: str) -> Golden:
    """The table of a namespace's Deployments now."""
    api = sandbox.api
    samples, now = store(sandbox), sandbox.engine.now
    problem = _problem(sandbox, samples is None)
    request = stat.StatRequest(Resource("deployment", namespace), WINDOW)
    vectors = [
        evaluate(query, samples, now) if samples is not None and not problem else []
        for query in stat.queries(request)
    ]
    owners = Owners(api.list("replicasets.apps", namespace) + api.list("jobs.batch", namespace))
    found = stat.rows(
        request, vectors, api.list("deployments.apps", namespace), api.list("pods", namespace), owners
    )
    called = set(targets(sandbox, namespace).values())
    rows = []
    for row in stat_json([found]):
        name = str(row["name"])
        p50, p95, p99 = (row[f"latency_ms_p{q}"] for q in (50, 95, 99))
        why = "" if row["success"] is not None else _why(row["meshed"], name in called, problem)
        rows.append(Row(name, row["meshed"], row["success"], row["rps"], p50, p95, p99, why))
    return Golden(namespace, tuple(rows), problem)


def _problem(sandbox: Sandbox, no_store: bool) -> str:
    """Why ``linkerd stat`` would have nothing to say at all."""
    if sandbox.api.find("namespaces", "linkerd") is None:
        return "why.not_installed"
    edge = sandbox.edition == "edge"
    if edge and sandbox.api.find("namespaces", "linkerd-viz") is None:
        return "why.no_viz"
    if no_store:
        namespace = "linkerd-viz" if edge else "linkerd"
        return "why.prometheus_down" if _was_up(sandbox, namespace) else "why.starting"
    if api_down(sandbox):
        return "why.api_down" if available(sandbox, "linkerd") else "why.starting"
    return ""


def _was_up(sandbox: Sandbox, namespace: str) -> bool:
    """Whether a Prometheus pod of the namespace ran before, or is not even wanted."""
    ran = any(
        pod.namespace == namespace and "prometheus" in pod.workload and pod.phase == "Running"
        for pod in sandbox.tables.pods
    )
    wanted = [
        obj["spec"].get("replicas", 1)
        for obj in sandbox.api.list("deployments.apps", namespace)
        if "prometheus" in obj["metadata"]["name"]
    ]
    return ran or not any(wanted)


def _why(meshed: str, called: bool, problem: str) -> str:
    """Why a row has no figures."""
    proxies, _, pods = meshed.partition("/")
    if problem:
        return problem
    if pods == "0":
        return "why.no_pods"
    if proxies == "0":
        return "why.not_meshed"
    return "why.no_traffic" if called else "why.nobody_calls"
