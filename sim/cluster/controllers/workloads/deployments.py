"""The Deployment controller: a ReplicaSet for each template, and the way from one to the next."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import AlreadyExists
from sim.cluster.api.objects import clone
from sim.cluster.controllers.ownership import claim, owner_key
from sim.cluster.controllers.workloads import revisions
from sim.cluster.controllers.workloads.progress import deployment_status, progress_deadline
from sim.cluster.controllers.workloads.rollout import (
    Rolling,
    SetSize,
    proportions,
    resolve,
    scale_down_old,
    scale_up_new,
)
from sim.cluster.controllers.workqueue import Controller, Key

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["DeploymentController"]

Obj = dict[str, Any]

# Minor versions from which the event also tells the former size: after the new one, then before it.
FROM_SINCE, FROM_FIRST_SINCE = 26, 31


class DeploymentController(Controller):
    """Reconciles Deployments.

    *Source:* Kubernetes' deployment controller: sync, rolling, recreate, progress.
    """

    NAME = "deployment-controller"

    def subscribe(self) -> None:
        """Deployments, their ReplicaSets, and pods that go (Recreate waits for them)."""
        self.api.watch("deployments.apps", self.enqueue_object)
        self.api.watch("replicasets.apps", self._on_set)
        self.api.watch("pods", self._on_pod)

    def _on_set(self, event: "WatchEvent") -> None:
        key = owner_key(event, "Deployment")
        if key is not None:
            self.enqueue(key)

    def _on_pod(self, event: "WatchEvent") -> None:
        if event.type != "DELETED":
            return
        key = owner_key(event, "ReplicaSet")
        rs = self.api.find("replicasets.apps", key[1], key[0]) if key is not None else None
        for owner in (rs or {"metadata": {}})["metadata"].get("ownerReferences") or ():
            if key is not None and owner["kind"] == "Deployment":
                self.enqueue((key[0], owner["name"]))

    def reconcile(self, key: Key) -> None:
        """One step of the Deployment's way; the changes it makes bring it back here."""
        deployment = self.api.find("deployments.apps", key[1], key[0])
        if deployment is None:
            return
        sets = claim(self.api, "replicasets.apps", deployment)
        if "deletionTimestamp" in deployment["metadata"]:
            self._report(deployment, sets)
            return
        new = revisions.find_new(deployment, sets)
        olds = [rs for rs in sets if rs is not new]
        if deployment["spec"].get("paused") or (new is not None and self._scaled_meanwhile(deployment, sets)):
            self._resize(deployment, new, olds)
        elif (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            self._recreate(deployment, new, olds)
        else:
            self._roll(deployment, new, olds)
        stored = self.api.get("deployments.apps", key[1], key[0])
        sets = claim(self.api, "replicasets.apps", stored)
        self._report(stored, sets)
        self._clean_up(stored, sets)

    # -- the set of the present template -----------------------------------------------------------------

    def _adopt(self, deployment: Obj, new: Obj, olds: list[Obj]) -> Obj:
        """Renumber an existing set as the newest revision and keep its annotations as the Deployment's."""
        number = revisions.max_revision(olds) + 1
        if revisions.revision(new) < number:
            annotations = revisions.history(new, number)
        else:
            number = revisions.revision(new)
            annotations = dict(new["metadata"].get("annotations") or {})
        limits = self._limits(deployment)
        annotations.update(
            revisions.set_annotations(deployment, limits.replicas, limits.replicas + limits.surge)
        )
        fresh = clone(new)
        fresh["metadata"]["annotations"] = annotations
        fresh["spec"]["minReadySeconds"] = deployment["spec"].get("minReadySeconds", 0)
        stored = self.api.replace_now(fresh)
        self._number(deployment, number)
        return stored

    def _number(self, deployment: Obj, number: int) -> None:
        """Put the revision on the Deployment, back if an apply removed it."""
        if revisions.revision(deployment) == number:
            return
        fresh = clone(self.api.get("deployments.apps", *self._key(deployment)))
        fresh["metadata"].setdefault("annotations", {})[revisions.REVISION] = str(number)
        self.api.replace_now(fresh)

    def _key(self, deployment: Obj) -> tuple[str, str]:
        return deployment["metadata"]["name"], deployment["metadata"]["namespace"]

    def _new(self, deployment: Obj, new: Obj | None, olds: list[Obj]) -> Obj:
        """The set of the present template, made if it does not exist."""
        if new is not None:
            return self._adopt(deployment, new, olds)
        number = revisions.max_revision(olds) + 1
        limits = self._limits(deployment)
        total = sum(rs["spec"]["replicas"] for rs in olds)
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            replicas = limits.replicas
        else:
            replicas = scale_up_new(limits, SetSize("", 0, 0), total)
        annotations = revisions.set_annotations(deployment, limits.replicas, limits.replicas + limits.surge)
        annotations[revisions.REVISION] = str(number)
        wanted = revisions.new_set(deployment, annotations, replicas)
        try:
            stored = self.api.create_now(wanted)
        except AlreadyExists:
            self._collided(deployment)
            raise
        self._number(deployment, number)
        if replicas:
            self._scaled_event(deployment, "up", stored, 0, replicas)
        return stored

    def _collided(self, deployment: Obj) -> None:
        """Another template hashes to the same name: salt the hash and try again."""
        status = clone(deployment.get("status") or {})
        status["collisionCount"] = int(status.get("collisionCount") or 0) + 1
        self.api.set_status("deployments.apps", *self._key(deployment), status)

    # -- strategies --------------------------------------------------------------------------------------

    def _limits(self, deployment: Obj) -> Rolling:
        spec = deployment["spec"]
        strategy = spec.get("strategy") or {}
        replicas = int(spec.get("replicas", 1))
        if strategy.get("type") == "Recreate":
            return Rolling(replicas, 0, replicas)
        rolling = strategy.get("rollingUpdate") or {}
        return resolve(replicas, rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%"))

    def _size(self, rs: Obj) -> SetSize:
        wanted = int(rs["spec"]["replicas"])
        available = int((rs.get("status") or {}).get("availableReplicas") or 0)
        return SetSize(rs["metadata"]["name"], wanted, min(available, wanted))

    def _roll(self, deployment: Obj, new: Obj | None, olds: list[Obj]) -> None:
        """Up with the new set as far as surge allows, down with the old ones as far as availability does."""
        new = self._new(deployment, new, olds)
        limits = self._limits(deployment)
        olds = sorted(olds, key=lambda rs: rs["metadata"]["creationTimestamp"])
        size = self._size(new)
        total = size.replicas + sum(rs["spec"]["replicas"] for rs in olds)
        wanted = scale_up_new(limits, size, total)
        if size.replicas > limits.replicas:
            wanted = limits.replicas
        if wanted != size.replicas:
            self._scale(deployment, new, wanted)
            return  # the set's own change brings us back
        by_name = {rs["metadata"]["name"]: rs for rs in olds}
        for name, count in scale_down_old(limits, size, [self._size(rs) for rs in olds]).items():
            self._scale(deployment, by_name[name], count)

    def _recreate(self, deployment: Obj, new: Obj | None, olds: list[Obj]) -> None:
        """Down with everything old, wait until its pods are gone, then up with the new."""
        running = [rs for rs in olds if rs["spec"]["replicas"]]
        for rs in running:
            self._scale(deployment, rs, 0)
        if running or self._has_pods(olds):
            return
        new = self._new(deployment, new, olds)
        if new["spec"]["replicas"] != deployment["spec"].get("replicas", 1):
            self._scale(deployment, new, deployment["spec"].get("replicas", 1))

    def _has_pods(self, sets: list[Obj]) -> bool:
        uids = {rs["metadata"]["uid"] for rs in sets}
        if not uids:
            return False
        for pod in self.api.list("pods", sets[0]["metadata"]["namespace"]):
            ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            if not ended and any(o["uid"] in uids for o in pod["metadata"].get("ownerReferences") or ()):
                return True
        return False

    # -- scaling -----------------------------------------------------------------------------------------

    def _scaled_meanwhile(self, deployment: Obj, sets: list[Obj]) -> bool:
        """Whether replicas changed since the sets were last sized."""
        wanted = str(deployment["spec"].get("replicas", 1))
        marks = [
            (rs["metadata"].get("annotations") or {}).get(revisions.DESIRED, wanted)
            for rs in sets
            if rs["spec"]["replicas"]
        ]
        return any(mark != wanted for mark in marks)

    def _resize(self, deployment: Obj, new: Obj | None, olds: list[Obj]) -> None:
        """Spread a new number of replicas over the sets that have some, without moving the rollout."""
        limits = self._limits(deployment)
        live = [rs for rs in ([new, *olds] if new else olds) if rs["spec"]["replicas"]]
        if len(live) <= 1:
            only = live[0] if live else new
            if only is not None:
                self._scale(deployment, only, limits.replicas)
            return
        if new is not None and self._size(new).available == new["spec"]["replicas"] == limits.replicas:
            for rs in live:
                self._scale(deployment, rs, limits.replicas if rs is new else 0)
            return
        live.sort(key=lambda rs: (-rs["spec"]["replicas"], rs["metadata"]["creationTimestamp"]))
        marks = [(rs["metadata"].get("annotations") or {}).get(revisions.MAXIMUM, "0") for rs in live]
        before = max((int(mark) for mark in marks), default=0)
        room = limits.replicas + limits.surge if limits.replicas else 0
        sizes = proportions([self._size(rs) for rs in live], before, room)
        for rs in live:
            self._scale(deployment, rs, sizes[rs["metadata"]["name"]])

    def _scale(self, deployment: Obj, rs: Obj, replicas: int) -> None:
        """Set a set's replicas and the marks that tell later what they were meant for."""
        meta = rs["metadata"]
        fresh = clone(self.api.get("replicasets.apps", meta["name"], meta["namespace"]))
        before = fresh["spec"]["replicas"]
        limits = self._limits(deployment)
        fresh["spec"]["replicas"] = replicas
        marks = revisions.set_annotations(deployment, limits.replicas, limits.replicas + limits.surge)
        kept = {k: marks[k] for k in (revisions.DESIRED, revisions.MAXIMUM)}
        fresh["metadata"].setdefault("annotations", {}).update(kept)
        self.api.replace_now(fresh)
        if replicas != before:
            self._scaled_event(deployment, "up" if replicas > before else "down", rs, before, replicas)

    def _scaled_event(self, deployment: Obj, way: str, rs: Obj, before: int, replicas: int) -> None:
        text = f"Scaled {way} replica set {rs['metadata']['name']}"
        if self.api.minor >= FROM_FIRST_SINCE:
            text += f" from {before} to {replicas}"
        else:
            text += f" to {replicas}" + (f" from {before}" if before and self.api.minor >= FROM_SINCE else "")
        self.api.event(deployment, "Normal", "ScalingReplicaSet", text, component=self.NAME)

    # -- reporting ---------------------------------------------------------------------------------------

    def _report(self, deployment: Obj, sets: list[Obj]) -> None:
        """Write status; come back when the progress deadline would pass."""
        new = revisions.find_new(deployment, sets)
        status = deployment_status(self.engine, deployment, new, sets, self._limits(deployment))
        self.api.set_status("deployments.apps", *self._key(deployment), status)
        left = progress_deadline(self.engine, deployment, status)
        if left is not None:
            key = (deployment["metadata"]["namespace"], deployment["metadata"]["name"])
            self.enqueue_after(key, left)

    def _clean_up(self, deployment: Obj, sets: list[Obj]) -> None:
        """Delete the oldest empty sets beyond revisionHistoryLimit, once the rollout is complete."""
        new = revisions.find_new(deployment, sets)
        if new is None or new["spec"]["replicas"] != (new.get("status") or {}).get("availableReplicas", 0):
            return
        limit = int(deployment["spec"].get("revisionHistoryLimit", 10))
        empty = [
            rs
            for rs in sets
            if rs is not new and not rs["spec"]["replicas"] and not (rs.get("status") or {}).get("replicas")
        ]
        empty.sort(key=revisions.revision)
        for rs in empty[: max(0, len(empty) - limit)]:
            meta = rs["metadata"]
            self.api.delete("replicasets.apps", meta["name"], meta["namespace"])
