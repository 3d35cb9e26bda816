"""The StatefulSet controller: pods with stable names, one after the other."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import ApiError, NotFound
from sim.cluster.api.objects import template_hash
from sim.cluster.controllers.ownership import active, claim, is_available, is_ready, new_pod, owner_key
from sim.cluster.controllers.workqueue import Controller, Key, Steps

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["StatefulSetController"]

Obj = dict[str, Any]

HASH = "controller-revision-hash"


class StatefulSetController(Controller):
    """Reconciles StatefulSets. *Differs:* no volume claims and no ControllerRevisions."""

    NAME = "statefulset-controller"

    def subscribe(self) -> None:
        """StatefulSets and their pods."""
        self.api.watch("statefulsets.apps", self.enqueue_object)
        self.api.watch("pods", self._on_pod)

    def _on_pod(self, event: "WatchEvent") -> None:
        key = owner_key(event, "StatefulSet")
        if key is not None:
            self.enqueue(key)

    def reconcile(self, key: Key) -> Steps | None:
        """One step: create the next, delete the last, or replace the highest old one."""
        owner = self.api.find("statefulsets.apps", key[1], key[0])
        if owner is None or "deletionTimestamp" in owner["metadata"]:
            return None
        pods = {self._ordinal(owner, pod): pod for pod in claim(self.api, "pods", owner)}
        steps = self._step(owner, pods)
        if steps is None:
            self._report(owner)
        return steps

    def _ordinal(self, owner: Obj, pod: Obj) -> int:
        tail = pod["metadata"]["name"].removeprefix(owner["metadata"]["name"] + "-")
        return int(tail) if tail.isdigit() else -1

    def _step(self, owner: Obj, pods: dict[int, Obj]) -> Steps | None:
        spec = owner["spec"]
        wanted = int(spec.get("replicas", 1))
        ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        delay = float(spec.get("minReadySeconds") or 0)
        lacking = []
        for number in range(wanted):
            pod = pods.get(number)
            if pod is None:
                lacking.append(number)
                if ordered:
                    break
            elif not active(pod) and "deletionTimestamp" not in pod["metadata"]:
                self._delete(owner, pod)  # finished pods are made anew under the same name
            elif ordered and not is_available(self.api, pod, delay)[0]:
                break
        if lacking:
            return self._create(owner, lacking)
        for number in sorted((n for n in pods if n >= wanted), reverse=True):
            if "deletionTimestamp" not in pods[number]["metadata"]:
                self._delete(owner, pods[number])
            if ordered:
                return None
        self._update(owner, pods, wanted, delay)
        return None

    def _update(self, owner: Obj, pods: dict[int, Obj], wanted: int, delay: float) -> None:
        """RollingUpdate: from the highest ordinal to the partition, each once those above are available."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
        label = self._label(owner)
        for number in range(wanted - 1, partition - 1, -1):
            pod = pods.get(number)
            if pod is None or "deletionTimestamp" in pod["metadata"]:
                return
            if pod["metadata"].get("labels", {}).get(HASH) != label:
                self._delete(owner, pod)
                return
            if not is_available(self.api, pod, delay)[0]:
                return

    def _label(self, owner: Obj) -> str:
        return f"{owner['metadata']['name']}-{template_hash(owner['spec']['template'])}"

    def _delete(self, owner: Obj, pod: Obj) -> None:
        name = pod["metadata"]["name"]
        try:
            self.api.delete("pods", name, pod["metadata"]["namespace"])
        except NotFound:
            return
        text = f"delete Pod {name} in StatefulSet {owner['metadata']['name']} successful"
        self.api.event(owner, "Normal", "SuccessfulDelete", text, component=self.NAME)

    def _create(self, owner: Obj, numbers: list[int]) -> Steps:
        for number in numbers:
            name = f"{owner['metadata']['name']}-{number}"
            pod = new_pod(owner, owner["spec"]["template"], name)
            labels = pod["metadata"].setdefault("labels", {})
            labels[HASH] = self._label(owner)
            labels["statefulset.kubernetes.io/pod-name"] = name
            labels["apps.kubernetes.io/pod-index"] = str(number)
            pod["spec"]["hostname"] = name
            pod["spec"]["subdomain"] = owner["spec"].get("serviceName", "")
            what = f"create Pod {name} in StatefulSet {owner['metadata']['name']}"
            try:
                yield from self.api.create(pod, user=f"system:serviceaccount:kube-system:{self.NAME}")
            except ApiError as error:
                text = f"{what} failed error: {error.message}"
                self.api.event(owner, "Warning", "FailedCreate", text, component=self.NAME)
                raise
            self.api.event(owner, "Normal", "SuccessfulCreate", f"{what} successful", component=self.NAME)

    def _report(self, owner: Obj) -> None:
        meta, spec = owner["metadata"], owner["spec"]
        label = self._label(owner)
        pods = [pod for pod in claim(self.api, "pods", owner) if active(pod)]
        delay = float(spec.get("minReadySeconds") or 0)
        checks = [is_available(self.api, pod, delay) for pod in pods]
        updated = sum(pod["metadata"].get("labels", {}).get(HASH) == label for pod in pods)
        old = owner.get("status") or {}
        current = old.get("currentRevision") or label
        if updated == len(pods) == int(spec.get("replicas", 1)):
            current = label
        status: Obj = {
            "observedGeneration": meta.get("generation", 1),
            "replicas": len(pods),
            "currentRevision": current,
            "updateRevision": label,
            "updatedReplicas": updated,
            "collisionCount": 0,
            "availableReplicas": sum(done for done, _ in checks),
        }
        counts = {
            "readyReplicas": sum(is_ready(pod) for pod in pods),
            "currentReplicas": sum(pod["metadata"].get("labels", {}).get(HASH) == current for pod in pods),
        }
        status |= {name: count for name, count in counts.items() if count}
        self.api.set_status("statefulsets.apps", meta["name"], meta["namespace"], status)
        waits = [left for done, left in checks if not done and left > 0]
        if waits:
            self.enqueue_after((meta["namespace"], meta["name"]), min(waits) + 0.001)
