"""Stations: work queues whose departures are computed, not simulated.

A FIFO station with c workers knows each job's departure the moment it arrives; one lane call per job is all
the clock sees. When speed or workers change, or the station dies, what has not left is computed again.
"""

from collections.abc import Callable
from heapq import heappush, heapreplace
from typing import Any

from sim.engine.clock import Engine

__all__ = ["Job", "Station"]

INFINITY = float("inf")


class Job:
    """One piece of work at a station: demand in seconds of a worker at speed 1."""

    __slots__ = ("argument", "arrival", "demand", "departure", "function", "left", "start")

    def __init__(
        self, demand: float, arrival: float, function: Callable[[Any], object], argument: Any
    ) -> None:
        self.demand = demand
        self.left = demand
        self.arrival = arrival
        self.start = arrival
        self.departure = INFINITY
        self.function: Callable[[Any], object] | None = function
        self.argument = argument


class Station:
    """A work queue: FIFO with ``workers`` workers, or processor sharing among them.

    Args:
        engine: the clock.
        workers: how many jobs are worked on at once; infinite means no queue.
        sharing: processor sharing instead of FIFO: all jobs progress, at ``workers / jobs`` of full speed
            when there are more jobs than workers.
        speed: work done per worker and second; 0 stops the station.
        busy: called with the number of busy workers after each change, for CPU accounts.

    Abandoned jobs are still served: nobody tells a server that its client has gone, unless it asks
    (:meth:`cancel`).
    """

    def __init__(
        self,
        engine: Engine,
        workers: float = INFINITY,
        *,
        sharing: bool = False,
        speed: float = 1.0,
        busy: Callable[[int], object] | None = None,
    ) -> None:
        self.engine = engine
        self.workers = workers
        self.sharing = sharing
        self.speed = speed
        self.busy = busy
        self.jobs: dict[Job, None] = {}
        self.work_done = 0.0  # seconds of demand completed by jobs that left
        self._free: list[float] = []  # FIFO: times at which workers become free, at most `workers` of them
        self._touched = engine.now  # processor sharing: when `left` was last brought up to date

    @property
    def active(self) -> int:
        """Workers busy now."""
        return int(min(len(self.jobs), self.workers))

    def submit(self, demand: float, function: Callable[[Any], object], argument: Any = None) -> Job:
        """Add a job; ``function(argument)`` is called when it departs.

        Raises:
            ValueError: the demand is negative or not a number.
        """
        if not demand >= 0.0:
            raise ValueError(f"a demand must be >= 0 seconds, not {demand!r}")
        now = self.engine._now
        job = Job(demand, now, function, argument)
        if self.sharing:
            self._progress()
            self.jobs[job] = None
            self._share()
        else:
            self.jobs[job] = None
            self._place(job, now)
        if self.busy is not None:
            self.busy(self.active)
        return job

    def _place(self, job: Job, now: float) -> None:
        """FIFO: find the worker that is free first and compute when it will be done."""
        free, speed = self._free, self.speed
        if len(free) < self.workers:
            start = now
            departure = now + job.left / speed if speed > 0.0 else INFINITY
            if self.workers != INFINITY:
                heappush(free, departure)
        else:
            start = free[0] if free[0] > now else now
            departure = start + job.left / speed if speed > 0.0 else INFINITY
            heapreplace(free, departure)
        job.start = start
        job.departure = departure
        if departure != INFINITY:
            self.engine.call_at(departure, self._depart, job)

    def _depart(self, job: Job) -> None:
        if job.departure != self.engine._now or job not in self.jobs:
            return  # computed again since, or cancelled
        del self.jobs[job]
        self.work_done += job.demand
        if self.sharing:
            self._progress()
            self._share()
        if self.busy is not None:
            self.busy(self.active)
        if job.function is not None:
            job.function(job.argument)

    # -- processor sharing ----------------------------------------------------------------------------------

    def _rate(self) -> float:
        n = len(self.jobs)
        return self.speed if n <= self.workers else self.speed * self.workers / n

    def _progress(self) -> None:
        """Bring every job's remaining work up to now, at the rate that held until now."""
        now = self.engine._now
        elapsed = now - self._touched
        self._touched = now
        if elapsed > 0.0 and self.jobs:
            done = elapsed * self._held
            for job in self.jobs:
                job.left = max(0.0, job.left - done)

    def _share(self) -> None:
        """Compute departures again at the rate that holds from now."""
        self._held = rate = self._rate()
        now = self.engine._now
        for job in self.jobs:
            job.departure = now + job.left / rate if rate > 0.0 else INFINITY
        if self.jobs and rate > 0.0:
            first = min(self.jobs, key=lambda job: job.left)
            self.engine.call_at(first.departure, self._depart, first)

    _held = 0.0

    # -- changes --------------------------------------------------------------------------------------------

    def change(self, *, speed: float | None = None, workers: float | None = None) -> None:
        """Change speed or workers now; what has not left is computed again.

        Raises:
            ValueError: a negative speed, or no worker at all.
        """
        if speed is not None and not speed >= 0.0:
            raise ValueError(f"a speed must be >= 0, not {speed!r}")
        if workers is not None and not workers >= 1:
            raise ValueError(f"a station needs at least 1 worker, not {workers!r}")
        if self.sharing:
            self._progress()
        else:
            self._remaining()
        self.speed = self.speed if speed is None else speed
        self.workers = self.workers if workers is None else workers
        if self.sharing:
            self._share()
        else:
            self._free = []
            now = self.engine._now
            # In order of start: jobs in service keep their workers, the queue keeps its order.
            for job in sorted(self.jobs, key=lambda job: (job.start > now, job.arrival)):
                self._place(job, now)
        if self.busy is not None:
            self.busy(self.active)

    def _remaining(self) -> None:
        """FIFO: how much of each started job is left, at the speed that held until now."""
        now, speed = self.engine._now, self.speed
        for job in self.jobs:
            if job.departure != INFINITY and job.start < now:
                job.left = max(0.0, (job.departure - now) * speed)

    def cancel(self, job: Job) -> None:
        """Take a job out unserved; jobs behind it move up. Unknown jobs are ignored."""
        if self.jobs.pop(job, self) is self:
            return
        job.function = None
        job.departure = INFINITY
        self.change()

    def kill(self) -> list[Job]:
        """Drop every job without calling back and return them, oldest first."""
        dropped = list(self.jobs)
        self.jobs.clear()
        self._free = []
        for job in dropped:
            job.departure = INFINITY
        if self.busy is not None:
            self.busy(0)
        return dropped
