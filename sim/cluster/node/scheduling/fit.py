"""The scheduler's filters: why a node cannot take a pod."""

from typing import Any

from sim.cluster.api.selectors import matches_selector
from sim.cluster.node.quantity import quantity
from sim.cluster.node.scheduling.affinity import NodeView, blocking_taint, node_matches, pod_term_holds

__all__ = ["rejection"]

Obj = dict[str, Any]

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def rejection(pod: Obj, demand: dict[str, float], view: NodeView, views: list[NodeView]) -> list[str]:
    """Why the node cannot take the pod, in kube-scheduler's words; empty if it can."""
    spec = pod["spec"]
    unschedulable = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if (view.node.get("spec") or {}).get("unschedulable") and blocking_taint(
        spec, [unschedulable], ("NoSchedule",)
    ):
        return ["node(s) were unschedulable"]
    taint = blocking_taint(spec, view.taints, ("NoSchedule", "NoExecute"))
    if taint is not None:
        return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"]
    if not node_matches(spec, view):
        return ["node(s) didn't match Pod's node affinity/selector"]
    lacking = _lacking(demand, view)
    if lacking:
        return lacking
    return _pod_rules(pod, view, views)


def _lacking(demand: dict[str, float], view: NodeView) -> list[str]:
    allocatable = view.node["status"].get("allocatable") or {}
    lacking = []
    for resource, amount in demand.items():
        have = quantity(allocatable.get(resource, 0))
        if amount > 0 and view.requested.get(resource, 0.0) + amount > have + 1e-9:
            lacking.append("Too many pods" if resource == "pods" else f"Insufficient {resource}")
    return lacking


def _pod_rules(pod: Obj, view: NodeView, views: list[NodeView]) -> list[str]:
    """Required affinity and anti-affinity to pods, the pod's own and, for the latter, the others'."""
    affinity = pod["spec"].get("affinity") or {}
    for term in (affinity.get("podAffinity") or {}).get(REQUIRED) or ():
        if not pod_term_holds(term, pod, view, views) and not _first_of_its_kind(term, pod, views):
            return ["node(s) didn't match pod affinity rules"]
    for term in (affinity.get("podAntiAffinity") or {}).get(REQUIRED) or ():
        if pod_term_holds(term, pod, view, views):
            return ["node(s) didn't match pod anti-affinity rules"]
    probe = NodeView(view.node)
    probe.pods = {"": pod}
    for other_view in views:
        for other in other_view.pods.values():
            rules = (other["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
            for term in rules.get(REQUIRED) or ():
                domain = other_view.labels.get(term["topologyKey"])
                here = view.labels.get(term["topologyKey"])
                if domain is not None and domain == here and pod_term_holds(term, other, view, [probe]):
                    return ["node(s) didn't satisfy existing pods anti-affinity rules"]
    return []


def _first_of_its_kind(term: Obj, pod: Obj, views: list[NodeView]) -> bool:
    """A pod that its own affinity selects may start where none of its kind runs yet, or it never could."""
    if not matches_selector(term.get("labelSelector"), pod["metadata"].get("labels") or {}):
        return False
    selected = (
        matches_selector(term.get("labelSelector"), other["metadata"].get("labels") or {})
        for view in views
        for other in view.pods.values()
    )
    return not any(selected)
