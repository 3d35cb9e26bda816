"""Deleting: two phases where something must happen first, finalizers, and what becomes of dependents."""

from typing import TYPE_CHECKING

from sim.cluster.api.errors import BadRequest, Conflict, Forbidden
from sim.cluster.api.objects import Obj, clone, is_owned_by
from sim.cluster.api.resources import Resource

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["Deleter"]

PROPAGATIONS = ("Background", "Foreground", "Orphan")
IMMORTAL = ("default", "kube-system", "kube-public")
DEFAULT_GRACE = 30


class Deleter:
    """Carries out deletions for the API server."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api

    def delete(self, resource: Resource, old: Obj, grace: float | None, propagation: str) -> Obj:
        """Delete, or begin to: the object's last or present state.

        Raises:
            BadRequest: an unknown propagation policy or a negative grace period.
            Forbidden: a namespace the cluster cannot do without.
        """
        if propagation not in PROPAGATIONS:
            raise BadRequest(
                f'invalid propagationPolicy "{propagation}": must be one of {", ".join(PROPAGATIONS)}'
            )
        if grace is not None and grace < 0:
            raise BadRequest(f"invalid grace period {grace}: must be at least 0 seconds")
        name = old["metadata"]["name"]
        if resource.key == "namespaces" and name in IMMORTAL:
            raise Forbidden(f'namespaces "{name}" is forbidden: this namespace may not be deleted')
        if propagation == "Orphan":
            self._orphan(old)
        if resource.key == "namespaces":
            return self._terminate(resource, old)
        if propagation == "Foreground" and self._has_dependents(old):
            old = self._hold(resource, old)
        period = self._grace_period(resource, old, grace)
        if period == 0 and not old["metadata"].get("finalizers"):
            return self.api.forget(resource, old)
        return self._mark(resource, old, period)

    def _grace_period(self, resource: Resource, old: Obj, grace: float | None) -> float:
        """Seconds a pod gets to end; 0 when nothing runs."""
        if resource.key != "pods":
            return 0
        spec = old["spec"]
        if not spec.get("nodeName") or (old.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        return (
            grace if grace is not None else float(spec.get("terminationGracePeriodSeconds") or DEFAULT_GRACE)
        )

    def _mark(self, resource: Resource, old: Obj, period: float) -> Obj:
        """Set deletionTimestamp; a second deletion can only shorten the grace period."""
        before = old["metadata"]
        held = before.get("deletionGracePeriodSeconds")
        if before.get("deletionTimestamp") and (held is None or period >= held):
            return old
        engine = self.api.engine
        meta = {
            **before,
            "deletionTimestamp": engine.calendar.timestamp(engine.now + period),
            "deletionGracePeriodSeconds": int(period),
        }
        return self.api.store.replace(resource, {**old, "metadata": meta}, old)

    def _terminate(self, resource: Resource, old: Obj) -> Obj:
        """A namespace goes in two phases: its contents first."""
        if old["metadata"].get("deletionTimestamp"):
            return old
        meta = {**old["metadata"], "deletionTimestamp": self.api.engine.timestamp()}
        status = {**(old.get("status") or {}), "phase": "Terminating"}
        return self.api.store.replace(resource, {**old, "metadata": meta, "status": status}, old)

    def _hold(self, resource: Resource, old: Obj) -> Obj:
        """Foreground: the owner stays until the garbage collector has removed its dependents."""
        finalizers = old["metadata"].get("finalizers") or []
        if "foregroundDeletion" in finalizers:
            return old
        meta = {**old["metadata"], "finalizers": [*finalizers, "foregroundDeletion"]}
        return self.api.store.replace(resource, {**old, "metadata": meta}, old)

    def _has_dependents(self, owner: Obj) -> bool:
        uid = owner["metadata"]["uid"]
        return any(is_owned_by(obj, uid) for _, obj in self.api.store.everything())

    def _orphan(self, owner: Obj) -> None:
        """Strip the owner from its dependents, so that the garbage collector leaves them."""
        uid = owner["metadata"]["uid"]
        for resource, obj in list(self.api.store.everything()):
            if is_owned_by(obj, uid):
                orphan = {**obj, "metadata": clone(obj["metadata"])}
                meta = orphan["metadata"]
                meta["ownerReferences"] = [entry for entry in meta["ownerReferences"] if entry["uid"] != uid]
                if not meta["ownerReferences"]:
                    del meta["ownerReferences"]
                self.api.store.replace(resource, orphan, obj)

    def remove(self, resource: Resource, old: Obj) -> None:
        """The final removal, by whoever finished what had to happen first. Finalizers still hold the object.

        Raises:
            Conflict: a namespace that is not being deleted.
        """
        meta = old["metadata"]
        if resource.key == "namespaces" and not meta.get("deletionTimestamp"):
            raise Conflict(f'namespaces "{meta["name"]}" is not being deleted')
        if meta.get("finalizers"):
            self._mark(resource, old, 0)
        else:
            self.api.forget(resource, old)

    def finish(self, resource: Resource, obj: Obj) -> Obj:
        """After a write: remove an object whose deletion only waited for its finalizers."""
        meta = obj["metadata"]
        if not meta.get("deletionTimestamp") or meta.get("finalizers"):
            return obj
        waiting = resource.key == "namespaces" or meta.get("deletionGracePeriodSeconds")
        return obj if waiting else self.api.forget(resource, obj)
