"""The DaemonSet controller: one pod on every node that takes it."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import AlreadyExists, ApiError, NotFound
from sim.cluster.api.objects import clone, generated_name, template_hash
from sim.cluster.controllers.ownership import active, claim, is_available, is_ready, new_pod, owner_key
from sim.cluster.controllers.workqueue import Controller, Key, Steps
from sim.cluster.node.scheduling.affinity import NodeView, blocking_taint, node_matches

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["DaemonSetController"]

Obj = dict[str, Any]

HASH = "controller-revision-hash"
# What daemon pods tolerate besides their own tolerations.
# Source: DaemonSet controller, AddOrUpdateDaemonPodTolerations.
TOLERATIONS = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


class DaemonSetController(Controller):
    """Reconciles DaemonSets. *Differs:* no ControllerRevisions, so no ``rollout undo``; no maxSurge."""

    NAME = "daemonset-controller"

    def subscribe(self) -> None:
        """DaemonSets, their pods, nodes."""
        self.names = self.engine.stream("names", "pods")
        self.api.watch("daemonsets.apps", self.enqueue_object)
        self.api.watch("pods", self._on_pod)
        self.api.watch("nodes", self._on_node)

    def _on_pod(self, event: "WatchEvent") -> None:
        key = owner_key(event, "DaemonSet")
        if key is not None:
            self.enqueue(key)

    def _on_node(self, event: "WatchEvent") -> None:
        for daemon in self.api.list("daemonsets.apps"):
            self.enqueue((daemon["metadata"]["namespace"], daemon["metadata"]["name"]))

    def reconcile(self, key: Key) -> Steps | None:
        """Pods where they lack, none where they should not be, old ones replaced."""
        daemon = self.api.find("daemonsets.apps", key[1], key[0])
        if daemon is None or "deletionTimestamp" in daemon["metadata"]:
            return None
        wanted = self._pod(daemon)
        nodes = [n for n in self.api.list("nodes") if self._eligible(wanted, n)]
        placed: dict[str, list[Obj]] = {}
        for pod in claim(self.api, "pods", daemon):
            placed.setdefault(self._node_of(pod), []).append(pod)
        names = {node["metadata"]["name"] for node in nodes}
        for name, pods in placed.items():
            self._weed(pods, name in names)
        self._update(daemon, {name: pods for name, pods in placed.items() if name in names}, len(names))
        lacking = [name for name in sorted(names) if not placed.get(name)]
        self._report(daemon, names)
        return self._create(daemon, lacking) if lacking else None

    def _pod(self, daemon: Obj) -> Obj:
        """The pod of the present template."""
        pod = new_pod(daemon, daemon["spec"]["template"], "")
        pod["metadata"].setdefault("labels", {})[HASH] = template_hash(daemon["spec"]["template"])
        extra = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in TOLERATIONS]
        if pod["spec"].get("hostNetwork"):
            extra.append({"key": "node.kubernetes.io/network-unavailable", "operator": "Exists"})
        pod["spec"]["tolerations"] = [*(pod["spec"].get("tolerations") or ()), *extra]
        return pod

    def _eligible(self, pod: Obj, node: Obj) -> bool:
        view = NodeView(node)
        taint = blocking_taint(pod["spec"], view.taints, ("NoSchedule", "NoExecute"))
        return taint is None and node_matches(pod["spec"], view)

    def _node_of(self, pod: Obj) -> str:
        """The node a daemon pod runs on or is meant for."""
        if pod["spec"].get("nodeName"):
            return str(pod["spec"]["nodeName"])
        affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
        for term in required.get("nodeSelectorTerms") or ():
            for field in term.get("matchFields") or ():
                return str(field["values"][0])
        return ""

    def _weed(self, pods: list[Obj], wanted: bool) -> None:
        """Delete pods of nodes that are not eligible, doubles and failed ones."""
        kept = 0
        for pod in sorted(pods, key=lambda p: p["metadata"]["creationTimestamp"]):
            if "deletionTimestamp" in pod["metadata"]:
                continue
            if wanted and active(pod) and not kept:
                kept += 1
            else:
                self._delete(pod)

    def _update(self, daemon: Obj, placed: dict[str, list[Obj]], desired: int) -> None:
        """RollingUpdate: replace old pods, at most maxUnavailable missing at a time."""
        strategy = daemon["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        if isinstance(limit, str):
            limit = -int(-float(limit.rstrip("%")) * desired // 100)
        label = template_hash(daemon["spec"]["template"])
        pods = [pod for found in placed.values() for pod in found if active(pod)]
        delay = float(daemon["spec"].get("minReadySeconds") or 0)
        down = desired - sum(is_available(self.api, pod, delay)[0] for pod in pods)
        for pod in pods:
            if pod["metadata"].get("labels", {}).get(HASH) == label:
                continue
            if not is_ready(pod):
                self._delete(pod)
            elif down < max(1, int(limit)):
                self._delete(pod)
                down += 1

    def _delete(self, pod: Obj) -> None:
        try:
            self.api.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
        except NotFound:
            return

    def _create(self, daemon: Obj, nodes: list[str]) -> Steps:
        """One pod for each of these nodes, pinned by affinity as the scheduler binds daemon pods too."""
        for node in nodes:
            pod = self._pod(daemon)
            pod["metadata"]["name"] = generated_name(f"{daemon['metadata']['name']}-", self.names)
            pod["metadata"]["generateName"] = f"{daemon['metadata']['name']}-"
            term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
            affinity = pod["spec"].setdefault("affinity", {})
            affinity["nodeAffinity"] = {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}
            }
            try:
                yield from self.api.create(pod, user=f"system:serviceaccount:kube-system:{self.NAME}")
            except AlreadyExists:
                self.enqueue((daemon["metadata"]["namespace"], daemon["metadata"]["name"]))
            except ApiError as error:
                text = f"Error creating: {error.message}"
                self.api.event(daemon, "Warning", "FailedCreate", text, component=self.NAME)
                raise
            else:
                text = f"Created pod: {pod['metadata']['name']}"
                self.api.event(daemon, "Normal", "SuccessfulCreate", text, component=self.NAME)

    def _report(self, daemon: Obj, names: set[str]) -> None:
        meta = daemon["metadata"]
        label = template_hash(daemon["spec"]["template"])
        delay = float(daemon["spec"].get("minReadySeconds") or 0)
        pods = [pod for pod in claim(self.api, "pods", daemon) if active(pod)]
        right = [pod for pod in pods if self._node_of(pod) in names]
        checks = [is_available(self.api, pod, delay) for pod in right]
        available = sum(done for done, _ in checks)
        status: Obj = {
            "currentNumberScheduled": len(right),
            "desiredNumberScheduled": len(names),
            "numberMisscheduled": len(pods) - len(right),
            "numberReady": sum(is_ready(pod) for pod in right),
            "observedGeneration": meta.get("generation", 1),
            "updatedNumberScheduled": sum(p["metadata"].get("labels", {}).get(HASH) == label for p in right),
        }
        if available:
            status["numberAvailable"] = available
        if len(names) > available:
            status["numberUnavailable"] = len(names) - available
        self.api.set_status("daemonsets.apps", meta["name"], meta["namespace"], clone(status))
        waits = [left for done, left in checks if not done and left > 0]
        if waits:
            self.enqueue_after((meta["namespace"], meta["name"]), min(waits) + 0.001)
