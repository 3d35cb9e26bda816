"""The scheduler: filters the nodes a pod may run on, scores the rest, binds the pod."""

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.api import ApiError
from sim.cluster.api.objects import clone
from sim.cluster.node.quantity import pod_demand, quantity
from sim.cluster.node.scheduling.affinity import NodeView, blocking_taint, preferred_nodes, preferred_pods
from sim.cluster.node.scheduling.fit import rejection

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer, WatchEvent
    from sim.engine import Engine

__all__ = ["Scheduler"]

Obj = dict[str, Any]

# One decision. Source: kube-scheduler's default of about 100 pods per second in small clusters.
CYCLE = 0.01
# Waits before a pod that fitted nowhere is tried again after something changed.
# Source: kube-scheduler podInitialBackoffSeconds 1, podMaxBackoffSeconds 10.
BACKOFF, BACKOFF_MAX = 1.0, 10.0


class Scheduler:
    """Binds pods to nodes, one at a time.

    *Differs:* no preemption, no topologySpreadConstraints beyond the default spreading, no volumes.
    """

    NAME = "default-scheduler"

    def __init__(self, api: "ApiServer", engine: "Engine") -> None:
        self.api = api
        self.engine = engine
        self.nodes: dict[str, NodeView] = {}
        self._bound: dict[str, str] = {}  # pod uid -> node
        self._demands: dict[str, dict[str, float]] = {}
        self._queue: dict[tuple[str, str], None] = {}
        self._parked: dict[tuple[str, str], float] = {}  # unschedulable pods and their last back-off
        self._waking: set[tuple[str, str]] = set()  # parked pods whose back-off is running
        self._wake: simpy.Event | None = None
        self._ties = engine.stream("scheduler")

    def start(self) -> None:
        """Begin to schedule."""
        self.api.watch("nodes", self._on_node)
        self.api.watch("pods", self._on_pod)
        self.engine.process(self._run())

    # -- what happens in the cluster ---------------------------------------------------------------------

    def _on_node(self, event: "WatchEvent") -> None:
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            self.nodes.pop(name, None)
            return
        view = self.nodes.get(name)
        if view is None:
            view = self.nodes[name] = NodeView(event.object)
            for pod in self.api.list("pods", fields=f"spec.nodeName={name}"):
                self._account(pod)
        view.node = event.object
        self._retry()

    def _on_pod(self, event: "WatchEvent") -> None:
        pod = event.object
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if event.type == "DELETED" or ended:
            self._queue.pop(key, None)
            self._parked.pop(key, None)
            if self._release(pod["metadata"]["uid"]):
                self._retry()
        elif pod["spec"].get("nodeName"):
            self._queue.pop(key, None)
            self._account(pod)
        elif self._mine(pod) and key not in self._parked:
            self._enqueue(key)

    def _mine(self, pod: Obj) -> bool:
        scheduler = pod["spec"].get("schedulerName") or self.NAME
        return scheduler == self.NAME and "deletionTimestamp" not in pod["metadata"]

    def _demand(self, pod: Obj) -> dict[str, float]:
        uid = pod["metadata"]["uid"]
        found = self._demands.get(uid)
        if found is None:
            found = self._demands[uid] = {**pod_demand(pod["spec"]), "pods": 1.0}
        return found

    def _account(self, pod: Obj) -> None:
        """Count a bound pod on its node."""
        uid, name = pod["metadata"]["uid"], pod["spec"]["nodeName"]
        view = self.nodes.get(name)
        if view is None:
            return
        if uid not in view.pods:
            self._bound[uid] = name
            for resource, amount in self._demand(pod).items():
                view.requested[resource] = view.requested.get(resource, 0.0) + amount
        view.pods[uid] = pod

    def _release(self, uid: str) -> bool:
        """Forget a pod that is gone or done."""
        demand = self._demands.pop(uid, None)
        view = self.nodes.get(self._bound.pop(uid, ""))
        if view is None or view.pods.pop(uid, None) is None:
            return False
        for resource, amount in (demand or {}).items():
            view.requested[resource] -= amount
        return True

    def _retry(self) -> None:
        """Something changed: parked pods are tried again after their back-off."""
        for key, wait in self._parked.items():
            if key not in self._waking:
                self._waking.add(key)
                self.engine.process(self._later(key, wait))

    def _later(self, key: tuple[str, str], wait: float) -> Generator[simpy.Event, Any, None]:
        yield self.engine.timeout(wait)
        self._waking.discard(key)
        if key in self._parked:
            self._enqueue(key)

    def _enqueue(self, key: tuple[str, str]) -> None:
        self._queue[key] = None
        if self._wake is not None and not self._wake.triggered:
            self._wake.succeed()

    # -- scheduling --------------------------------------------------------------------------------------

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            if not self._queue:
                self._wake = self.engine.event()
                yield self._wake
            yield self.engine.timeout(CYCLE)
            if self._queue:
                key = next(iter(self._queue))
                del self._queue[key]
                self._schedule(key)

    def _schedule(self, key: tuple[str, str]) -> None:
        pod = self.api.find("pods", key[1], key[0])
        if pod is None or pod["spec"].get("nodeName") or not self._mine(pod):
            self._parked.pop(key, None)
            return
        views = list(self.nodes.values())
        reasons = {view.name: rejection(pod, self._demand(pod), view, views) for view in views}
        fitting = [view for view in views if not reasons[view.name]]
        if not fitting:
            self._unschedulable(pod, [reason for found in reasons.values() for reason in found])
            return
        self._parked.pop(key, None)
        try:
            self._bind(pod, self._best(pod, fitting, views))
        except ApiError:
            self._enqueue(key)  # the pod changed or the namespace went away meanwhile: look again

    def _unschedulable(self, pod: Obj, reasons: list[str]) -> None:
        """Tell why, and wait for a change.

        *Source:* kube-scheduler's FitError: reasons counted over nodes, sorted as text.
        """
        counted = sorted(f"{count} {reason}" for reason, count in Counter(reasons).items())
        message = f"0/{len(self.nodes)} nodes are available: {', '.join(counted)}."
        if not self.nodes:
            message = "no nodes available to schedule pods"
        self.api.event(pod, "Warning", "FailedScheduling", message, component=self.NAME)
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        self._parked[key] = min(2 * self._parked.get(key, BACKOFF / 2), BACKOFF_MAX)
        self._condition(pod, "False", {"reason": "Unschedulable", "message": message})

    def _condition(self, pod: Obj, status: str, more: Obj) -> None:
        meta = pod["metadata"]
        fresh = clone(pod.get("status") or {})
        others = [c for c in fresh.get("conditions") or () if c["type"] != "PodScheduled"]
        before = [c for c in fresh.get("conditions") or () if c["type"] == "PodScheduled"]
        since = self.engine.timestamp()
        if before and before[0]["status"] == status:
            since = before[0]["lastTransitionTime"]
        entry = {"type": "PodScheduled", "status": status, "lastProbeTime": None, "lastTransitionTime": since}
        fresh["conditions"] = [*others, {**entry, **more}]
        fresh.setdefault("phase", "Pending")
        self.api.set_status("pods", meta["name"], meta["namespace"], fresh)

    def _bind(self, pod: Obj, view: NodeView) -> None:
        bound = clone(pod)
        bound["spec"]["nodeName"] = view.name
        # The condition first: the kubelet sees the pod the moment it is bound.
        self._condition(pod, "True", {})
        stored = self.api.get("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
        bound["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
        bound["status"] = stored.get("status") or {}
        meta = self.api.replace_now(bound)["metadata"]
        text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {view.name}"
        self.api.event(pod, "Normal", "Scheduled", text, component=self.NAME)

    # -- scoring -----------------------------------------------------------------------------------------

    def _best(self, pod: Obj, fitting: list[NodeView], views: list[NodeView]) -> NodeView:
        """The node of the highest score; one of them by chance if several have it."""
        scores = [self._score(pod, view, views) for view in fitting]
        top = max(scores)
        best = [view for view, score in zip(fitting, scores, strict=True) if score >= top - 1e-9]
        return best[0] if len(best) == 1 else self._ties.choice(best)

    def _score(self, pod: Obj, view: NodeView, views: list[NodeView]) -> float:
        """Free share of cpu and memory, balance, siblings elsewhere, preferences.

        *Source:* the default plugins NodeResourcesFit (LeastAllocated), NodeResourcesBalancedAllocation,
        PodTopologySpread (weight 2), NodeAffinity, InterPodAffinity and TaintToleration.
        *Differs:* scores are not rounded to integers, spreading counts siblings of the same owner.
        """
        demand = self._demand(pod)
        allocatable = view.node["status"].get("allocatable") or {}
        used = []
        for resource in ("cpu", "memory"):
            have = quantity(allocatable.get(resource, 0)) or 1.0
            used.append(min(1.0, (view.requested.get(resource, 0.0) + demand.get(resource, 0.0)) / have))
        free = 100.0 * (2.0 - used[0] - used[1]) / 2
        balance = 100.0 * (1.0 - abs(used[0] - used[1]) / 2)
        score = free + balance + 2 * self._spread(pod, view, views)
        score += preferred_nodes(pod["spec"], view) + preferred_pods(pod, view, views)
        if blocking_taint(pod["spec"], view.taints, ("PreferNoSchedule",)):
            score -= 300.0
        return score

    def _spread(self, pod: Obj, view: NodeView, views: list[NodeView]) -> float:
        """100 where no sibling runs, 0 where most do."""
        labels = pod["metadata"].get("labels") or {}
        owners = pod["metadata"].get("ownerReferences")
        if not owners or not labels:
            return 100.0
        uid, space = owners[0]["uid"], pod["metadata"]["namespace"]

        def siblings(at: NodeView) -> int:
            return sum(
                other["metadata"]["namespace"] == space
                and any(owner["uid"] == uid for owner in other["metadata"].get("ownerReferences") or ())
                for other in at.pods.values()
            )

        most = max(siblings(other) for other in views)
        return 100.0 if most == 0 else 100.0 * (most - siblings(view)) / most
