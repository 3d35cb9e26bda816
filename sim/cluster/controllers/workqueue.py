"""What every controller is: watches that put keys into a queue, and a process that reconciles them."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias

import simpy

from sim.cluster.api import ApiError

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer, WatchEvent
    from sim.engine import Engine

__all__ = ["Controller", "Key", "Steps"]

Obj = dict[str, Any]
Key: TypeAlias = tuple[str, str]  # namespace (empty for the cluster), name
Steps = Generator[simpy.Event, Any, None]

# From a change in the store to the controller's reaction: the watch's delivery, the informer's cache and the
# queue. A few tens of milliseconds in a small, idle cluster. Our own round figure.
LATENCY = 0.02
# Retries after an error. Source: client-go's default controller rate limiter, 5 ms doubling to 1000 s.
RETRY, RETRY_MAX = 0.005, 1000.0


class Controller(ABC):
    """A queue of keys without duplicates and the process that empties it.

    A key is reconciled in a process of its own, so that one whose writes wait for a webhook holds nobody up;
    never twice at once: a change meanwhile makes it run again. An idle controller waits for an event and
    costs nothing.

    Subclasses say what they watch (:meth:`subscribe`) and what they do (:meth:`reconcile`).
    """

    NAME = "controller"

    def __init__(self, api: "ApiServer", engine: "Engine") -> None:
        self.api = api
        self.engine = engine
        self._queue: dict[Key, None] = {}
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, float] = {}  # earliest time a key comes back by itself
        self._wake: simpy.Event | None = None

    def start(self) -> None:
        """Begin to watch and to work."""
        self.engine.process(self._run())
        self.subscribe()

    @abstractmethod
    def subscribe(self) -> None:
        """Open the watches."""

    @abstractmethod
    def reconcile(self, key: Key) -> Steps | None:
        """Bring what ``key`` names nearer to what is wanted: a plain call, or a generator if it must wait.

        Raises:
            ApiError: it did not work; the key is tried again later.
        """

    # -- the queue ---------------------------------------------------------------------------------------

    def enqueue(self, key: Key) -> None:
        """Look at ``key`` soon."""
        if key in self._busy:
            self._again.add(key)
            return
        self._queue[key] = None
        if self._wake is not None and not self._wake.triggered:
            self._wake.succeed()

    def enqueue_after(self, key: Key, delay: float) -> None:
        """Look at ``key`` after ``delay`` seconds, unless that is planned for sooner already."""
        when = self.engine.now + delay
        planned = self._timers.get(key)
        if planned is not None and self.engine.now < planned <= when:
            return
        self._timers[key] = when
        self.engine.call_at(when, self._due, (key, when))

    def _due(self, timer: tuple[Key, float]) -> None:
        key, when = timer
        if self._timers.get(key) == when:
            del self._timers[key]
            self.enqueue(key)

    def enqueue_object(self, event: "WatchEvent") -> None:
        """Watch callback: look at the object itself."""
        meta = event.object["metadata"]
        self.enqueue((meta.get("namespace", ""), meta["name"]))

    def _run(self) -> Steps:
        while True:
            if not self._queue:
                self._wake = self.engine.event()
                yield self._wake
            yield self.engine.timeout(LATENCY)
            keys, self._queue = list(self._queue), {}
            for key in keys:
                self._attempt(key)

    def _attempt(self, key: Key) -> None:
        try:
            steps = self.reconcile(key)
        except ApiError:
            self._failed(key)
            return
        if steps is None:
            self._failures.pop(key, None)
        else:
            self._busy.add(key)
            self.engine.process(self._work(key, steps))

    def _work(self, key: Key, steps: Steps) -> Steps:
        try:
            yield from steps
            self._failures.pop(key, None)
        except ApiError:
            self._failed(key)
        finally:
            self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.enqueue(key)

    def _failed(self, key: Key) -> None:
        """Come back to a key that could not be reconciled."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.enqueue_after(key, min(RETRY * 2.0**failures, RETRY_MAX))

    def serves(self, resource: str) -> bool:
        """Whether the cluster's version has this resource."""
        return any(found.key == resource for found in self.api.resources())
