"""The garbage collector: what goes when its owner goes."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import NotFound
from sim.cluster.api.objects import clone
from sim.cluster.controllers.workqueue import Controller, Key

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["GarbageCollector"]

Obj = dict[str, Any]

FOREGROUND = "foregroundDeletion"
UNOWNED = frozenset({"events", "leases.coordination.k8s.io"})  # never owned, often written


class GarbageCollector(Controller):
    """Deletes objects whose owners are all gone, and lets owners go that wait for their dependents.

    Keys are (resource, "namespace/name"). Background: the owner goes first, then what it owned.
    Foreground: what it owns goes first. Orphaning is done by the API server.
    """

    NAME = "generic-garbage-collector"

    def subscribe(self) -> None:
        """Every resource, those of later CRDs too."""
        self._watched: set[str] = set()
        self._watch_all()
        self.api.watch("customresourcedefinitions.apiextensions.k8s.io", self._on_definition, initial=False)

    def _on_definition(self, event: "WatchEvent") -> None:
        self._watch_all()

    def _watch_all(self) -> None:
        for resource in self.api.resources():
            stored = resource.stored and resource.group != "metrics.k8s.io"
            if stored and resource.key not in self._watched and resource.key not in UNOWNED:
                self._watched.add(resource.key)
                self.api.watch(resource.key, self._on_change)

    def _on_change(self, event: "WatchEvent") -> None:
        meta = event.object["metadata"]
        if event.type == "DELETED":
            for dependent in self.api.owned(meta["uid"]):
                self._look_at(dependent)
            for owner in meta.get("ownerReferences") or ():
                self._look_at_owner(owner, meta.get("namespace", ""))
        elif event.type == "ADDED" and meta.get("ownerReferences"):
            self._look_at(event.object)
        if FOREGROUND in (meta.get("finalizers") or ()):
            self._look_at(event.object)

    def _look_at(self, obj: Obj) -> None:
        resource = self.api.resource_for(obj["apiVersion"], obj["kind"])
        meta = obj["metadata"]
        self.enqueue((resource.key, f"{meta.get('namespace', '')}/{meta['name']}"))

    def _look_at_owner(self, reference: Obj, namespace: str) -> None:
        """A dependent is gone: an owner that waits for it may go too."""
        found = self._owner(reference, namespace)
        if found is not None and FOREGROUND in (found["metadata"].get("finalizers") or ()):
            self._look_at(found)

    def _owner(self, reference: Obj, namespace: str) -> Obj | None:
        """The object an ownerReference points to, if it is still the same one."""
        try:
            resource = self.api.resource_for(reference["apiVersion"], reference["kind"])
        except NotFound:
            return None
        found = self.api.find(resource, reference["name"], namespace if resource.namespaced else None)
        return found if found is not None and found["metadata"]["uid"] == reference["uid"] else None

    def reconcile(self, key: Key) -> None:
        """Delete it if nobody owns it any more; finish its own foreground deletion."""
        namespace, _, name = key[1].partition("/")
        obj = self.api.find(key[0], name, namespace or None)
        if obj is None:
            return
        meta = obj["metadata"]
        if "deletionTimestamp" in meta:
            if FOREGROUND in (meta.get("finalizers") or ()):
                self._foreground(key[0], obj)
            return
        references = meta.get("ownerReferences") or ()
        owners = [self._owner(reference, namespace) for reference in references]
        if not references:
            return
        living = [owner for owner in owners if owner is not None]
        leaving = [o for o in living if FOREGROUND in (o["metadata"].get("finalizers") or ())]
        if not living:
            self.api.delete(key[0], name, namespace or None, propagation="Background")
        elif len(leaving) == len(living):
            self.api.delete(key[0], name, namespace or None, propagation="Foreground")

    def _foreground(self, resource: str, owner: Obj) -> None:
        """Delete the dependents; once those that block are gone, lift the finalizer."""
        meta = owner["metadata"]
        dependents = self.api.owned(meta["uid"])
        for dependent in dependents:
            self._look_at(dependent)
        blocking = [
            reference
            for dependent in dependents
            for reference in dependent["metadata"]["ownerReferences"]
            if reference["uid"] == meta["uid"] and reference.get("blockOwnerDeletion")
        ]
        if not blocking:
            fresh = clone(owner)
            fresh["metadata"]["finalizers"] = [f for f in meta["finalizers"] if f != FOREGROUND]
            self.api.replace_now(fresh)
