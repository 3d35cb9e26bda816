"""Where a pod may and would rather run: node selectors, affinity to nodes and to other pods, taints."""

from collections.abc import Iterable
from typing import Any

from sim.cluster.api.selectors import matches_selector

__all__ = [
    "NodeView",
    "blocking_taint",
    "node_matches",
    "pod_term_holds",
    "preferred_nodes",
    "preferred_pods",
    "tolerates",
]

Obj = dict[str, Any]


class NodeView:
    """A node as the scheduler sees it: its object and the pods bound to it with what they request."""

    def __init__(self, node: Obj) -> None:
        self.node = node
        self.pods: dict[str, Obj] = {}  # by uid
        self.requested: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The node's name."""
        return str(self.node["metadata"]["name"])

    @property
    def labels(self) -> dict[str, str]:
        """The node's labels."""
        return self.node["metadata"].get("labels") or {}

    @property
    def taints(self) -> list[Obj]:
        """The node's taints."""
        return (self.node.get("spec") or {}).get("taints") or []


def tolerates(tolerations: Iterable[Obj], taint: Obj) -> bool:
    """Whether one of the tolerations accepts the taint.

    *Source:* core/v1 Toleration.ToleratesTaint: an empty key with Exists accepts all, an empty effect every
    effect.
    """
    for toleration in tolerations:
        effect = toleration.get("effect")
        if effect and effect != taint.get("effect"):
            continue
        key = toleration.get("key")
        if key and key != taint["key"]:
            continue
        operator = toleration.get("operator") or "Equal"
        if operator == "Exists" or (key and (toleration.get("value") or "") == (taint.get("value") or "")):
            return True
    return False


def blocking_taint(spec: Obj, taints: Iterable[Obj], effects: tuple[str, ...]) -> Obj | None:
    """The first taint with one of the effects that the pod does not tolerate."""
    tolerations = spec.get("tolerations") or ()
    for taint in taints:
        if taint.get("effect") in effects and not tolerates(tolerations, taint):
            return taint
    return None


def _expression_holds(expression: Obj, values: dict[str, str]) -> bool:
    value = values.get(expression["key"])
    listed = expression.get("values") or ()
    operator = expression.get("operator")
    if operator == "In":
        return value in listed
    if operator == "NotIn":
        return value not in listed
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    try:
        number, bound = int(value or ""), int(next(iter(listed), ""))
    except ValueError:
        return False
    return number > bound if operator == "Gt" else number < bound


def _node_term_holds(term: Obj, view: NodeView) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_expression_holds(e, view.labels) for e in expressions) and all(
        _expression_holds(e, {"metadata.name": view.name}) for e in fields
    )


def node_matches(spec: Obj, view: NodeView) -> bool:
    """Whether nodeSelector and required node affinity accept the node."""
    for key, value in (spec.get("nodeSelector") or {}).items():
        if view.labels.get(key) != value:
            return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_node_term_holds(term, view) for term in required.get("nodeSelectorTerms") or ())


def _selected(term: Obj, pod: Obj, other: Obj) -> bool:
    """Whether a pod affinity term of ``pod`` is about ``other``."""
    meta = other["metadata"]
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    everywhere = term.get("namespaceSelector") == {}
    if meta["namespace"] not in namespaces and not everywhere:
        return False
    return matches_selector(term.get("labelSelector"), meta.get("labels") or {})


def pod_term_holds(term: Obj, pod: Obj, view: NodeView, views: Iterable[NodeView]) -> bool:
    """Whether a pod the term is about runs in the node's topology domain."""
    domain = view.labels.get(term["topologyKey"])
    if domain is None:
        return False
    return any(
        _selected(term, pod, other)
        for candidate in views
        if candidate.labels.get(term["topologyKey"]) == domain
        for other in candidate.pods.values()
    )


def preferred_nodes(spec: Obj, view: NodeView) -> int:
    """Sum of the weights of preferred node affinity terms that accept the node."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(int(t["weight"]) for t in terms if _node_term_holds(t["preference"], view))


def preferred_pods(pod: Obj, view: NodeView, views: list[NodeView]) -> int:
    """Weights of preferred pod affinity less those of anti-affinity that hold on the node."""
    total = 0
    for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
        affinity = (pod["spec"].get("affinity") or {}).get(kind) or {}
        for entry in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            if pod_term_holds(entry["podAffinityTerm"], pod, view, views):
                total += sign * int(entry["weight"])
    return total
