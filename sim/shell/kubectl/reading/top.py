"""``kubectl top``: what pods and nodes use, from the metrics server."""

from types import MappingProxyType
from typing import NamedTuple

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.cluster.node.quantity import quantity
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, SELECTOR
from sim.shell.kubectl.printing.layout import rows

__all__ = ["TOP"]

MEBI = 1024 * 1024


class Use(NamedTuple):
    """CPU in cores and memory in bytes."""

    cpu: float
    memory: float

    @property
    def cells(self) -> list[str]:
        """``12m`` and ``20Mi``."""
        return [f"{round(self.cpu * 1000)}m", f"{int(self.memory / MEBI)}Mi"]


def _use(usage: Obj) -> Use:
    return Use(quantity(usage.get("cpu", "0")), quantity(usage.get("memory", "0")))


def _metrics(call: Call, key: str, namespace: str | None) -> list[Obj]:
    """The metrics of pods or nodes that were asked for."""
    try:
        if call.args:
            return [call.client.get(key, call.args[0], namespace)]
        found = call.client.list(key, namespace)
    except KubeError as error:
        if "resource type" in error.message:
            raise Failure("error: Metrics API not available") from None
        raise
    return found


def _chosen(call: Call, metrics: list[Obj], objects: list[Obj]) -> list[Obj]:
    """Metrics of the objects a selector selects."""
    names = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects}
    return [one for one in metrics if (one["metadata"].get("namespace"), one["metadata"]["name"]) in names]


def _order(call: Call, lines: list[tuple[Use, list[str]]]) -> list[list[str]]:
    field = call["sort-by"]
    if field:
        lines = sorted(lines, key=lambda line: -getattr(line[0], field))
    return [cells for _, cells in lines]


def pods(call: Call) -> None:
    """CPU and memory of pods, or of each of their containers."""
    namespace = None if call["all-namespaces"] else call.namespace
    found = _metrics(call, "pods.metrics.k8s.io", namespace)
    if call["selector"]:
        if call.args:
            raise Failure("error: only one of NAME or --selector can be provided")
        found = _chosen(call, found, call.client.list("pods", namespace, labels=call["selector"]))
    if not found:
        call.warn(
            "No resources found" if namespace is None else f"No resources found in {namespace} namespace."
        )
        return
    lines: list[tuple[Use, list[str]]] = []
    for one in found:
        name = one["metadata"]["name"]
        space = [one["metadata"]["namespace"]] if call["all-namespaces"] else []
        uses = [(container["name"], _use(container["usage"])) for container in one.get("containers") or []]
        if call["containers"]:
            lines += [(use, [*space, name, container, *use.cells]) for container, use in sorted(uses)]
        else:
            total = Use(sum(use.cpu for _, use in uses), sum(use.memory for _, use in uses))
            lines.append((total, [*space, name, *total.cells]))
    head = (["NAMESPACE"] if call["all-namespaces"] else []) + (["POD"] if call["containers"] else [])
    _print(call, [*head, "NAME", "CPU(cores)", "MEMORY(bytes)"], lines)


def nodes(call: Call) -> None:
    """CPU and memory of nodes, and the share of what they can give away."""
    found = _metrics(call, "nodes.metrics.k8s.io", None)
    known = {one["metadata"]["name"]: one for one in call.client.list("nodes", labels=call["selector"])}
    lines: list[tuple[Use, list[str]]] = []
    for one in found:
        node = known.get(one["metadata"]["name"])
        if node is None:
            continue
        whole = _use(node.get("status", {}).get("allocatable") or {})
        use = _use(one["usage"])
        cpu, memory = use.cells
        cells = [
            one["metadata"]["name"],
            cpu,
            _share(use.cpu, whole.cpu),
            memory,
            _share(use.memory, whole.memory),
        ]
        lines.append((use, cells))
    if not lines:
        call.warn("No resources found")
        return
    _print(call, ["NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"], lines)


def _share(amount: float, whole: float) -> str:
    return f"{int(amount * 100 / whole)}%" if whole else "<unknown>"


def _print(call: Call, head: list[str], lines: list[tuple[Use, list[str]]]) -> None:
    body = _order(call, lines)
    call.print(rows(body if call["no-headers"] else [head, *body]))


FLAGS = (
    SELECTOR,
    Flag("sort-by", choices=("", "cpu", "memory"), help="cpu or memory, the largest first"),
    Flag("no-headers", kind="bool", help="Leave out the first line"),
    Flag("use-protocol-buffers", kind="bool", help="Accepted", hidden=True),
)
POD = Verb(
    "top pod [NAME | -l SELECTOR] [flags]",
    "CPU and memory of pods over the last half minute",
    pods,
    (*FLAGS, ALL_NAMESPACES, Flag("containers", kind="bool", help="A line for each container")),
    words=(0, 1),
)
NODE = Verb("top node [NAME] [flags]", "CPU and memory of nodes", nodes, FLAGS, words=(0, 1))
TOP = Verb(
    usage="top (pod | node) [flags]",
    about="Show CPU and memory use. The proxy of a meshed pod is a container of its own: see --containers.",
    verbs=MappingProxyType({"pod": POD, "pods": POD, "po": POD, "node": NODE, "nodes": NODE, "no": NODE}),
    examples="kubectl -n emojivoto top pod --containers",
)
