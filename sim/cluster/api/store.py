"""The store: every object of the cluster, one resourceVersion for all of them, and watches.

Stored objects are never changed in place: a write makes a new object that may share unchanged parts with the
old one. So reads hand out the stored objects themselves, and a watcher can be given both.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sim.cluster.api.errors import Expired, already_exists, modified, not_found
from sim.cluster.api.objects import Obj, is_owned_by, make_uid
from sim.cluster.api.resources import Resource
from sim.engine import Engine

__all__ = ["Store", "Watch", "WatchEvent", "seen_through"]

Key = tuple[str, str]  # namespace (empty for the cluster), name
REMEMBERED = 1_000  # events a resource's ring buffer holds
SYSTEM_FIELDS = ("kind", "apiVersion", "metadata", "status")
# Resources whose objects never carry a generation, as in Kubernetes.
NO_GENERATION_GROUPS = (
    "",
    "rbac.authorization.k8s.io",
    "coordination.k8s.io",
    "metrics.k8s.io",
    "storage.k8s.io",
)


class WatchEvent(NamedTuple):
    """A change: ``old`` is the object before it, None for ADDED."""

    type: str
    object: Obj
    old: Obj | None
    resource: str
    resource_version: int


Predicate = Callable[[Obj], bool]
# Inside Store `list` is the method.
Objects = list[Obj]
Events = list["WatchEvent"]


def seen_through(event: WatchEvent, selects: Predicate | None) -> WatchEvent | None:
    """The event as a watcher with a selector sees it: an object entering is ADDED, one leaving DELETED."""
    if selects is None:
        return event
    now = event.type != "DELETED" and selects(event.object)
    before = event.old is not None and selects(event.old)
    if now:
        return event if before or event.type == "ADDED" else event._replace(type="ADDED")
    return event._replace(type="DELETED") if before else None


class Watch:
    """A subscription to the changes of one resource; made by :meth:`Store.watch`."""

    def __init__(
        self, fn: Callable[[WatchEvent], None], since: int, selects: Predicate | None, watches: "list[Watch]"
    ) -> None:
        self._fn = fn
        self._since = since
        self._selects = selects
        self._watches = watches
        self.active = True

    def stop(self) -> None:
        """No more events. Stopping twice does nothing."""
        if self.active:
            self.active = False
            self._watches.remove(self)

    def deliver(self, event: WatchEvent) -> None:
        """Pass on an event unless it is older than the watch or outside its selector."""
        if not self.active or event.resource_version <= self._since:
            return
        seen = seen_through(event, self._selects)
        if seen is not None:
            self._fn(seen)


class Shelf:
    """The objects of one resource and its last events."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.objects: dict[Key, Obj] = {}
        self.sorted: list[Key] | None = []
        self.ring: deque[WatchEvent] = deque(maxlen=REMEMBERED)
        self.forgotten = 0  # resourceVersion of the newest event the ring has dropped
        self.watches: list[Watch] = []
        self.generations = resource.group not in NO_GENERATION_GROUPS

    def in_order(self) -> list[Key]:
        """Keys in order of namespace and name."""
        if self.sorted is None:
            self.sorted = sorted(self.objects)
        return self.sorted

    def remember(self, event: WatchEvent) -> None:
        """Append to the ring."""
        if len(self.ring) == REMEMBERED:
            self.forgotten = self.ring[0].resource_version
        self.ring.append(event)


class Store:
    """Objects by resource, namespace and name.

    Args:
        engine: gives timestamps and the streams of uids.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.resource_version = 0
        self._shelves: dict[str, Shelf] = {}
        self._uids = engine.stream("api", "uid")
        self._undelivered: deque[tuple[Shelf, WatchEvent]] = deque()
        self._delivering = False

    # -- reads ------------------------------------------------------------------------------------------

    def find(self, resource: Resource, name: str, namespace: str = "") -> Obj | None:
        """The stored object or None."""
        shelf = self._shelves.get(resource.key)
        return shelf.objects.get((namespace, name)) if shelf else None

    def list(
        self, resource: Resource, namespace: str | None = None, selects: Predicate | None = None
    ) -> Objects:
        """Stored objects, of all namespaces when ``namespace`` is None, by namespace and name."""
        shelf = self._shelves.get(resource.key)
        if shelf is None:
            return []
        objects = shelf.objects
        found = [objects[key] for key in shelf.in_order() if namespace is None or key[0] == namespace]
        return found if selects is None else [obj for obj in found if selects(obj)]

    def everything(self) -> Iterator[tuple[Resource, Obj]]:
        """Every object with its resource."""
        for shelf in list(self._shelves.values()):
            for obj in list(shelf.objects.values()):
                yield shelf.resource, obj

    def owned(self, uid: str) -> Objects:
        """Every object with an ownerReference to ``uid``."""
        return [obj for _, obj in self.everything() if is_owned_by(obj, uid)]

    # -- writes: `obj` is the store's from now on ---------------------------------------------------------

    def insert(self, resource: Resource, obj: Obj) -> Obj:
        """Store a new object; fills uid, creationTimestamp, resourceVersion and generation.

        Raises:
            AlreadyExists: the name is taken.
        """
        shelf = self._shelf(resource)
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        if key in shelf.objects:
            raise already_exists(resource, meta["name"])
        meta["uid"] = meta.get("uid") or self.next_uid()
        meta["creationTimestamp"] = self.engine.timestamp()
        if shelf.generations:
            meta["generation"] = 1
        meta["resourceVersion"] = self._bump()
        shelf.objects[key] = obj
        shelf.sorted = None
        self._publish(shelf, "ADDED", obj, None)
        return obj

    def next_uid(self) -> str:
        """A fresh uid."""
        return make_uid(self._uids)

    def pretend(self, resource: Resource, obj: Obj) -> Obj:
        """What :meth:`insert` would return, with nothing stored: a dry run.

        Raises:
            AlreadyExists: the name is taken.
        """
        meta = obj["metadata"]
        if self.find(resource, meta["name"], meta.get("namespace", "")) is not None:
            raise already_exists(resource, meta["name"])
        meta["creationTimestamp"] = self.engine.timestamp()
        return obj

    def replace(self, resource: Resource, obj: Obj, old: Obj) -> Obj:
        """Store a new state of ``old``. The same state again stores nothing and returns ``old``.

        ``obj`` may share parts with ``old``; its metadata must be its own.

        Raises:
            Conflict: ``old`` is no longer what is stored.
        """
        shelf = self._shelf(resource)
        meta, before = obj["metadata"], old["metadata"]
        key = (before.get("namespace", ""), before["name"])
        if shelf.objects.get(key) is not old:
            raise modified(resource, before["name"])
        for field in ("uid", "creationTimestamp", "generation", "resourceVersion", "namespace"):
            if field in before:
                meta[field] = before[field]
            else:
                meta.pop(field, None)
        if obj == old:
            return old
        if shelf.generations and _spec(obj) != _spec(old):
            meta["generation"] = before["generation"] + 1
        meta["resourceVersion"] = self._bump()
        shelf.objects[key] = obj
        self._publish(shelf, "MODIFIED", obj, old)
        return obj

    def set_status(self, resource: Resource, old: Obj, status: Obj) -> Obj:
        """Store ``old`` with another status (the store's from now on); equal to the present one: nothing."""
        if old.get("status") == status:
            return old
        shelf = self._shelf(resource)
        before = old["metadata"]
        obj = {**old, "metadata": {**before, "resourceVersion": self._bump()}, "status": status}
        shelf.objects[before.get("namespace", ""), before["name"]] = obj
        self._publish(shelf, "MODIFIED", obj, old)
        return obj

    def remove(self, resource: Resource, name: str, namespace: str = "") -> Obj:
        """Take an object out and return its last state.

        Raises:
            NotFound: it is not there.
        """
        shelf = self._shelf(resource)
        old = shelf.objects.pop((namespace, name), None)
        if old is None:
            raise not_found(resource, name)
        shelf.sorted = None
        gone = {**old, "metadata": {**old["metadata"], "resourceVersion": self._bump()}}
        self._publish(shelf, "DELETED", gone, old)
        return old

    def _shelf(self, resource: Resource) -> Shelf:
        shelf = self._shelves.get(resource.key)
        if shelf is None:
            shelf = self._shelves[resource.key] = Shelf(resource)
        return shelf

    def _bump(self) -> str:
        self.resource_version += 1
        return str(self.resource_version)

    # -- watches ------------------------------------------------------------------------------------------

    def _publish(self, shelf: Shelf, type_: str, obj: Obj, old: Obj | None) -> None:
        """Remember a change and tell watchers. Writes made by a watcher are delivered after this one."""
        event = WatchEvent(type_, obj, old, shelf.resource.key, self.resource_version)
        shelf.remember(event)
        self._undelivered.append((shelf, event))
        if not self._delivering:
            self._deliver()

    def _deliver(self) -> None:
        self._delivering = True
        try:
            while self._undelivered:
                shelf, event = self._undelivered.popleft()
                for watch in tuple(shelf.watches):
                    watch.deliver(event)
        finally:
            self._delivering = False

    def watch(
        self,
        resource: Resource,
        fn: Callable[[WatchEvent], None],
        *,
        initial: bool = True,
        selects: Predicate | None = None,
    ) -> Watch:
        """Call ``fn`` at each change from now on; first, if ``initial``, with ADDED for what exists."""
        shelf = self._shelf(resource)
        watch = Watch(fn, self.resource_version, selects, shelf.watches)
        shelf.watches.append(watch)
        if initial:
            nested, self._delivering = self._delivering, True  # what `fn` writes comes after what exists
            try:
                for obj in self.list(resource, None, selects):
                    fn(WatchEvent("ADDED", obj, None, resource.key, int(obj["metadata"]["resourceVersion"])))
            finally:
                self._delivering = nested
            if not nested:
                self._deliver()
        return watch

    def history(self, resource: Resource, since: int, selects: Predicate | None = None) -> Events:
        """Changes after resourceVersion ``since``, oldest first.

        Raises:
            Expired: some of them are forgotten.
        """
        shelf = self._shelf(resource)
        if since < shelf.forgotten:
            raise Expired(f"too old resource version: {since} ({shelf.forgotten + 1})")
        seen = (seen_through(event, selects) for event in shelf.ring if event.resource_version > since)
        return [event for event in seen if event is not None]


def _spec(obj: Obj) -> Obj:
    """Everything whose change makes a new generation."""
    return {key: value for key, value in obj.items() if key not in SYSTEM_FIELDS}
