"""Events: what happened to objects, in words, with repeats counted instead of repeated."""

from collections import deque
from typing import TYPE_CHECKING

from sim.cluster.api.objects import Obj, reference
from sim.engine.tables import Event

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["EventRecorder"]

LIFETIME = 3_600.0  # seconds an Event is kept; Source: kube-apiserver --event-ttl, default 1h
Repeat = tuple[str, str, str, str, str]


class EventRecorder:
    """Writes core/v1 Events into the store and rows into the run's events table."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api
        self._known: dict[Repeat, tuple[str, str]] = {}  # what is said → namespace and name of its Event
        self._ages: deque[tuple[float, Repeat]] = deque()

    def record(self, obj: Obj, type_: str, reason: str, message: str, component: str) -> None:
        """Say something about ``obj``; the same again only raises the count of its Event.

        In a namespace that is gone or going nothing is stored, as the API server would refuse.
        """
        api, engine = self.api, self.api.engine
        meta = obj["metadata"]
        if api.tables is not None:
            subject = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
            api.tables.events.append(
                Event(engine.now, component, reason, f"{obj['kind']} {subject}", message)
            )
        namespace = meta.get("namespace") or "default"
        found = api.namespace(namespace)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        self._expire()
        said = (f"{obj['kind']}/{namespace}/{meta['name']}", meta.get("uid", ""), type_, reason, message)
        if not self._count_again(said):
            self._write(obj, namespace, said, component)

    def _count_again(self, said: Repeat) -> bool:
        resource = self.api.resource("events")
        namespace, name = self._known.get(said, ("", ""))
        old = self.api.store.find(resource, name, namespace)
        if old is None:
            return False
        changed = {
            **old,
            "metadata": dict(old["metadata"]),
            "count": old["count"] + 1,
            "lastTimestamp": self.api.engine.timestamp(),
        }
        self.api.store.replace(resource, changed, old)
        return True

    def _write(self, obj: Obj, namespace: str, said: Repeat, component: str) -> None:
        api, now = self.api, self.api.engine.timestamp()
        number = api.engine.count("api/events")
        event = {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {
                # Real names end in the hexadecimal nanoseconds of the first time; ours in a count.
                "name": f"{obj['metadata']['name'][:200]}.{0x16_0000_0000_0000 + number:x}",
                "namespace": namespace,
            },
            "involvedObject": reference(obj),
            "reason": said[3],
            "message": said[4],
            "type": said[2],
            "source": {"component": component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "reportingComponent": component,
            "reportingInstance": "",
        }
        stored = api.store.insert(api.resource("events"), event)
        self._known[said] = (namespace, stored["metadata"]["name"])
        self._ages.append((api.engine.now, said))

    def _expire(self) -> None:
        """Forget Events not repeated for an hour: a long run needs no more memory than a short one."""
        engine, resource = self.api.engine, self.api.resource("events")
        while self._ages and self._ages[0][0] + LIFETIME < engine.now:
            _, said = self._ages.popleft()
            namespace, name = self._known.get(said, ("", ""))
            old = self.api.store.find(resource, name, namespace)
            last = engine.calendar.seconds(old["lastTimestamp"]) if old else 0.0
            if old is not None and last + LIFETIME >= engine.now:
                self._ages.append((last, said))
                continue
            self._known.pop(said, None)
            if old is not None:
                self.api.store.remove(resource, name, namespace)
