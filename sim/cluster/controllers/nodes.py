"""The node lifecycle controller: what becomes of pods whose node is silent, and of those a taint evicts."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import NotFound
from sim.cluster.api.objects import clone
from sim.cluster.controllers.workqueue import Controller, Key
from sim.cluster.node.scheduling.affinity import tolerates

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["NodeLifecycleController"]

Obj = dict[str, Any]

TAINTS = {"False": "node.kubernetes.io/not-ready", "Unknown": "node.kubernetes.io/unreachable"}
CORDON = "node.kubernetes.io/unschedulable"
# How long pods without tolerations of their own stay on a silent node.
# Source: admission plugin DefaultTolerationSeconds, 300 s.
DEFAULT_TOLERATION = 300.0


class NodeLifecycleController(Controller):
    """Taints nodes that are not ready or cordoned, and evicts pods from under NoExecute taints."""

    NAME = "node-lifecycle-controller"

    def subscribe(self) -> None:
        """Nodes, and pods that come to them."""
        self._since: dict[tuple[str, str], float] = {}  # (node, taint key) -> when it was first seen
        self.api.watch("nodes", self.enqueue_object)
        self.api.watch("pods", self._on_pod)

    def _on_pod(self, event: "WatchEvent") -> None:
        node = event.object["spec"].get("nodeName")
        if event.type == "MODIFIED" and node and event.old and not event.old["spec"].get("nodeName"):
            self.enqueue(("", node))

    def reconcile(self, key: Key) -> None:
        """Bring the node's taints in line with its state, then evict what they evict."""
        node = self.api.find("nodes", key[1])
        if node is None:
            for pod in self.api.list("pods", fields=f"spec.nodeName={key[1]}"):
                self.api.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"], grace=0)
            return
        node = self._taint(node)
        self._evict(node)

    def _ready(self, node: Obj) -> str:
        for condition in (node.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Ready":
                return str(condition["status"])
        return "Unknown"

    def _taint(self, node: Obj) -> Obj:
        ready = self._ready(node)
        own = {CORDON, *TAINTS.values()}
        taints = [t for t in (node.get("spec") or {}).get("taints") or () if t["key"] not in own]
        if (node.get("spec") or {}).get("unschedulable"):
            taints.append({"key": CORDON, "effect": "NoSchedule"})
        if ready != "True":
            taints += [{"key": TAINTS[ready], "effect": effect} for effect in ("NoSchedule", "NoExecute")]
            self._mark_pods(node)
        fresh = clone(node)
        spec = fresh.setdefault("spec", {})
        spec.pop("taints", None)
        if taints:
            spec["taints"] = taints
        return self.api.replace_now(fresh)

    def _mark_pods(self, node: Obj) -> None:
        """Nobody can vouch for the pods of a silent node: they are not Ready, and services drop them."""
        name = node["metadata"]["name"]
        for pod in self.api.list("pods", fields=f"spec.nodeName={name}"):
            status = clone(pod.get("status") or {})
            for condition in status.get("conditions") or ():
                if condition["type"] == "Ready" and condition["status"] == "True":
                    condition["status"] = "False"
                    condition["lastTransitionTime"] = self.engine.timestamp()
                    text = "Node is not ready"
                    self.api.event(pod, "Warning", "NodeNotReady", text, component=self.NAME)
            self.api.set_status("pods", pod["metadata"]["name"], pod["metadata"]["namespace"], status)

    def _evict(self, node: Obj) -> None:
        name = node["metadata"]["name"]
        taints = [t for t in (node.get("spec") or {}).get("taints") or () if t["effect"] == "NoExecute"]
        keys = {taint["key"] for taint in taints}
        for known in [k for k in self._since if k[0] == name and k[1] not in keys]:
            del self._since[known]
        for taint in taints:
            self._since.setdefault((name, taint["key"]), self.engine.now)
        for pod in self.api.list("pods", fields=f"spec.nodeName={name}") if taints else ():
            waits = [self._wait(pod, taint, self._since[name, taint["key"]]) for taint in taints]
            self._apply(node, pod, min(waits))

    def _wait(self, pod: Obj, taint: Obj, since: float) -> float:
        """Seconds until the taint evicts the pod; infinite if it is tolerated for good."""
        matching = [t for t in pod["spec"].get("tolerations") or () if tolerates([t], taint)]
        if not matching:
            own = taint["key"] in TAINTS.values()
            return since + DEFAULT_TOLERATION - self.engine.now if own else 0.0
        limits = [t["tolerationSeconds"] for t in matching if t.get("tolerationSeconds") is not None]
        return since + min(limits) - self.engine.now if limits else float("inf")

    def _apply(self, node: Obj, pod: Obj, wait: float) -> None:
        meta = pod["metadata"]
        if wait == float("inf") or "deletionTimestamp" in meta:
            return
        if wait > 0:
            self.enqueue_after(("", node["metadata"]["name"]), wait)
            return
        try:
            self.api.delete("pods", meta["name"], meta["namespace"])
        except NotFound:
            return
        text = f"Marking for deletion Pod {meta['namespace']}/{meta['name']}"
        self.api.event(pod, "Normal", "TaintManagerEviction", text, component=self.NAME)
