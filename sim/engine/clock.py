"""The clock: a simpy environment with a second lane for plain calls.

A simpy event costs an object, a callback list and a trigger; a request needs none of that. The lane is a
heap of ``(time, number, function, argument)`` beside simpy's queue on the same clock: flows and stations
live on the lane, everything a teacher may read stays an ordinary simpy process.
"""

import random
from collections import deque
from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

import simpy

from sim.engine.calendar import Calendar

__all__ = ["Deadline", "Engine"]

Call = Callable[[Any], object]
INFINITY = float("inf")


class Deadline:
    """A cancellable call at a time; made by :meth:`Engine.deadline`."""

    __slots__ = ("argument", "function", "when")

    def __init__(self, when: float, function: Call, argument: Any) -> None:
        self.when = when
        self.function: Call | None = function
        self.argument = argument

    def cancel(self) -> None:
        """The call will not happen. Cancelling twice, or after it happened, does nothing."""
        self.function = None
        self.argument = None


class Engine(simpy.Environment):
    """Simulated time in float seconds from 0, and everything that must be repeatable about a run.

    Order of simultaneous events: simpy events first (by their priority, then in order of scheduling), then
    lane calls in order of scheduling. Same seed, same calls: same run.

    Args:
        seed: the one integer all streams derive from.
        start: the date of t = 0.
    """

    def __init__(self, seed: int = 1, start: str = "2020-07-15T09:00:00Z") -> None:
        super().__init__()
        self.seed = seed
        self.calendar = Calendar(start)
        self._lane: list[tuple[float, int, Call, Any]] = []
        self._number = 0
        self._fifos: dict[float, deque[Deadline]] = {}
        self._streams: dict[str, random.Random] = {}
        self._counters: dict[str, int] = {}
        self.steps = 0  # simpy events processed, for event budgets and profiles

    # -- the lane ---------------------------------------------------------------------------------------

    def call_at(self, when: float, function: Call, argument: Any = None) -> None:
        """Call ``function(argument)`` at ``when``, which must not be past. Cannot be cancelled."""
        self._number = number = self._number + 1
        heappush(self._lane, (when, number, function, argument))

    def call_in(self, delay: float, function: Call, argument: Any = None) -> None:
        """Call ``function(argument)`` after ``delay`` >= 0 seconds. Cannot be cancelled."""
        self._number = number = self._number + 1
        heappush(self._lane, (self._now + delay, number, function, argument))

    def deadline(self, length: float, function: Call, argument: Any = None) -> Deadline:
        """Call ``function(argument)`` after ``length`` seconds unless cancelled.

        Deadlines of equal length expire in the order they were made, so they share one FIFO that a single
        lane call sweeps: a cancelled one costs no heap operation. An infinite ``length`` arms nothing.
        """
        made = Deadline(self._now + length, function, argument)
        if length == INFINITY:
            return made
        fifo = self._fifos.get(length)
        if fifo is None:
            fifo = self._fifos[length] = deque()
        fifo.append(made)
        if len(fifo) == 1:
            self.call_at(made.when, self._sweep, length)
        return made

    def _sweep(self, length: float) -> None:
        """Drop what was cancelled, call what is due, and come back for the next."""
        fifo = self._fifos[length]
        while fifo:
            head = fifo[0]
            if head.function is None:
                fifo.popleft()
            elif head.when <= self._now:
                function, argument = head.function, head.argument
                # The head stays in place during its call so that a deadline made inside does not
                # schedule a second sweep.
                head.function = None
                function(argument)
            else:
                self.call_at(head.when, self._sweep, length)
                return
        del self._fifos[length]

    @property
    def events(self) -> int:
        """Work so far: simpy events processed and lane calls made, for event budgets."""
        return self.steps + self._number

    def run_until(self, until: float) -> None:
        """Process everything due up to and including ``until``, and leave the clock there.

        Raises:
            ValueError: ``until`` is before now.
        """
        if until < self._now:
            raise ValueError(f"cannot run back to {until} from {self._now}")
        lane, queue, step = self._lane, self._queue, self.step
        while True:
            due = lane[0][0] if lane else INFINITY
            if queue and queue[0][0] <= due:
                if queue[0][0] > until:
                    break
                self.steps += 1
                step()
            elif due > until:
                break
            else:
                self._now, _, function, argument = heappop(lane)
                function(argument)
        self._now = until

    def run_process(self, process: simpy.Process, limit: float = INFINITY) -> Any:
        """Run until ``process`` ends and return its value; at most to ``limit``.

        Raises:
            TimeoutError: ``limit`` came first, or nothing was left to happen.
        """
        lane, queue = self._lane, self._queue
        while process.is_alive:
            due = min(lane[0][0] if lane else INFINITY, queue[0][0] if queue else INFINITY)
            if due > limit or due == INFINITY:
                raise TimeoutError(f"still waiting at {self._now:.3f} s")
            self.run_until(due)
        if process.ok:
            return process.value
        failure = process.value
        assert isinstance(failure, BaseException)
        raise failure

    # -- chance and identity ------------------------------------------------------------------------------

    def stream(self, *names: object) -> random.Random:
        """The random stream of that name: one purpose, one stream, unmoved by draws from any other."""
        name = "/".join(map(str, names))
        found = self._streams.get(name)
        if found is None:
            found = self._streams[name] = random.Random(f"{self.seed}/{name}")
        return found

    def count(self, name: str) -> int:
        """The next value, from 1, of the counter of that name."""
        value = self._counters[name] = self._counters.get(name, 0) + 1
        return value

    # -- dates --------------------------------------------------------------------------------------------

    def date(self) -> datetime:
        """The date now."""
        return self.calendar.date(self._now)

    def timestamp(self) -> str:
        """The date now as Kubernetes writes it."""
        return self.calendar.timestamp(self._now)
