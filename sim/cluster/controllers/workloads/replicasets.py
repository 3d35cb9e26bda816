"""The ReplicaSet controller: as many pods as wanted, no more, no less."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.api import AlreadyExists, ApiError, NotFound
from sim.cluster.api.objects import clone, generated_name
from sim.cluster.controllers.ownership import active, claim, is_available, is_ready, new_pod, owner_key
from sim.cluster.controllers.workqueue import Controller, Key, Steps

if TYPE_CHECKING:
    import random

    from sim.cluster.api import ApiServer, WatchEvent

__all__ = ["ReplicaSetController", "create_pods", "deletion_order"]

Obj = dict[str, Any]


class ReplicaSetController(Controller):
    """Reconciles ReplicaSets. *Source:* Kubernetes' replica set controller."""

    NAME = "replicaset-controller"

    def subscribe(self) -> None:
        """ReplicaSets and pods."""
        self.names = self.engine.stream("names", "pods")
        self.api.watch("replicasets.apps", self.enqueue_object)
        self.api.watch("pods", self._on_pod)

    def _on_pod(self, event: "WatchEvent") -> None:
        key = owner_key(event, "ReplicaSet")
        if key is not None:
            self.enqueue(key)
        elif event.type != "DELETED" and not event.object["metadata"].get("ownerReferences"):
            self._orphan(event.object)

    def _orphan(self, pod: Obj) -> None:
        """A pod nobody owns may be one a ReplicaSet adopts."""
        labels = pod["metadata"].get("labels")
        if labels:
            for rs in self.api.list("replicasets.apps", pod["metadata"]["namespace"]):
                wanted = (rs["spec"].get("selector") or {}).get("matchLabels") or {"": ""}
                if all(labels.get(k) == v for k, v in wanted.items()):
                    self.enqueue((rs["metadata"]["namespace"], rs["metadata"]["name"]))

    def reconcile(self, key: Key) -> Steps | None:
        """Create or delete pods until their number is right, and write status."""
        rs = self.api.find("replicasets.apps", key[1], key[0])
        if rs is None:
            return None
        pods = [pod for pod in claim(self.api, "pods", rs) if active(pod)]
        lacking = int(rs["spec"].get("replicas", 1)) - len(pods)
        if "deletionTimestamp" in rs["metadata"]:
            lacking = 0
        if lacking > 0:
            return self._create(rs, lacking)
        if lacking < 0:
            for pod in deletion_order(pods)[:-lacking]:
                self._delete(rs, pod)
        self._report(rs, pods if lacking >= 0 else [p for p in claim(self.api, "pods", rs) if active(p)])
        return None

    def _create(self, rs: Obj, count: int) -> Steps:
        error = yield from create_pods(self.api, self.names, rs, count, self.NAME)
        stored = self.api.find("replicasets.apps", rs["metadata"]["name"], rs["metadata"]["namespace"])
        if stored is not None:
            pods = [pod for pod in claim(self.api, "pods", stored) if active(pod)]
            self._report(stored, pods, error)
        if error is not None:
            raise error

    def _delete(self, rs: Obj, pod: Obj) -> None:
        meta = pod["metadata"]
        try:
            self.api.delete("pods", meta["name"], meta["namespace"])
        except NotFound:
            return
        text = f"Deleted pod: {meta['name']}"
        self.api.event(rs, "Normal", "SuccessfulDelete", text, component=self.NAME)

    def _report(self, rs: Obj, pods: list[Obj], error: ApiError | None = None) -> None:
        """Write status; come back when a ready pod will count as available."""
        meta = rs["metadata"]
        delay = float(rs["spec"].get("minReadySeconds") or 0)
        checks = [is_available(self.api, pod, delay) for pod in pods]
        waits = [left for done, left in checks if not done and left > 0]
        wanted = rs["spec"]["template"]["metadata"].get("labels") or {}
        counts = {
            "fullyLabeledReplicas": sum(
                all((pod["metadata"].get("labels") or {}).get(k) == v for k, v in wanted.items())
                for pod in pods
            ),
            "readyReplicas": sum(is_ready(pod) for pod in pods),
            "availableReplicas": sum(done for done, _ in checks),
        }
        status: Obj = {"replicas": len(pods), "observedGeneration": meta.get("generation", 1)}
        status |= {name: count for name, count in counts.items() if count}
        conditions = clone((rs.get("status") or {}).get("conditions") or [])
        failing = [c for c in conditions if c["type"] == "ReplicaFailure"]
        if error is not None and not (failing and failing[0]["message"] == error.message):
            failing = [
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": error.message,
                    "lastTransitionTime": self.engine.timestamp(),
                }
            ]
        if error is not None:
            status["conditions"] = failing
        self.api.set_status("replicasets.apps", meta["name"], meta["namespace"], status)
        if waits:
            self.enqueue_after((meta["namespace"], meta["name"]), min(waits) + 0.001)


def create_pods(
    api: "ApiServer", names: "random.Random", owner: Obj, count: int, component: str
) -> Generator[simpy.Event, Any, ApiError | None]:
    """Create ``count`` pods of the owner's template: 1, then 2, then 4 … at once, until one fails.

    Returns the first error, or None. *Source:* controllers' slowStartBatch, so that a quota or a webhook that
    refuses everything is not asked a hundred times.
    """
    engine, batch = api.engine, 1
    while count > 0:
        batch = min(batch, count)
        creating = [engine.process(_create_pod(api, names, owner, component)) for _ in range(batch)]
        done = yield engine.all_of(creating)
        errors = [error for error in done.values() if error is not None]
        if errors:
            first: ApiError = errors[0]
            return first
        count -= batch
        batch *= 2
    return None


def _create_pod(
    api: "ApiServer", names: "random.Random", owner: Obj, component: str
) -> Generator[simpy.Event, Any, ApiError | None]:
    """Create one pod under a generated name; the error if it was refused."""
    base = f"{owner['metadata']['name']}-"
    while True:
        pod = new_pod(owner, owner["spec"]["template"], generated_name(base, names))
        pod["metadata"]["generateName"] = base
        try:
            created = yield from api.create(pod, user=f"system:serviceaccount:kube-system:{component}")
        except AlreadyExists:
            continue
        except ApiError as error:
            text = f"Error creating: {error.message}"
            api.event(owner, "Warning", "FailedCreate", text, component=component)
            return error
        text = f"Created pod: {created['metadata']['name']}"
        api.event(owner, "Normal", "SuccessfulCreate", text, component=component)
        return None


def deletion_order(pods: list[Obj]) -> list[Obj]:
    """Pods in the order they should go: unbound, not running, not ready, cheap, latest ready, newest.

    *Source:* controller_utils' ActivePodsWithRanks, without the rank by doubling on nodes.
    """
    phases = {"Pending": 0, "Unknown": 1, "Running": 2}

    def rank(pod: Obj) -> tuple[Any, ...]:
        meta, status = pod["metadata"], pod.get("status") or {}
        cost = int((meta.get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost", 0))
        since = [c["lastTransitionTime"] for c in status.get("conditions") or () if c["type"] == "Ready"]
        restarts = max((c.get("restartCount", 0) for c in status.get("containerStatuses") or ()), default=0)
        return (
            bool(pod["spec"].get("nodeName")),
            phases.get(status.get("phase", "Pending"), 0),
            is_ready(pod),
            cost,
            _latest_first(since[0] if since else ""),
            -restarts,
            _latest_first(meta["creationTimestamp"]),
            meta["name"],
        )

    return sorted(pods, key=rank)


def _latest_first(timestamp: str) -> tuple[int, ...]:
    """A key that sorts later timestamps before earlier ones, and none before all."""
    return tuple(-ord(letter) for letter in timestamp) if timestamp else (-(2**31),)
