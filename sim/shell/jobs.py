"""What runs in the background of a sandbox: port-forwards, dashboards, sleeps."""

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Forward", "Job", "Jobs"]


@dataclass(frozen=True, slots=True)
class Forward:
    """A local port that leads to a port of a pod."""

    local: int
    namespace: str
    pod: str
    port: int


@dataclass(slots=True)
class Job:
    """One background job.

    Attributes:
        stop: called once when the job is killed.
        until: simulated time at which it ends by itself.
    """

    number: int
    text: str
    forwards: tuple[Forward, ...] = ()
    stop: Callable[[], object] = field(default=lambda: None)
    until: float = float("inf")


class Jobs:
    """The background jobs of a sandbox, numbered from 1."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._jobs: dict[int, Job] = {}
        self._last = 0

    def add(
        self,
        text: str,
        *,
        forwards: tuple[Forward, ...] = (),
        stop: Callable[[], object] = lambda: None,
        until: float = float("inf"),
    ) -> Job:
        """Start a job.

        Raises:
            OSError: a local port is in use.
        """
        for forward in forwards:
            if self.forward(forward.local) is not None:
                raise OSError(
                    f"unable to listen on port {forward.local}: "
                    f"listen tcp4 127.0.0.1:{forward.local}: bind: address already in use"
                )
        self._last = self._last + 1 if self.running() else 1
        job = self._jobs[self._last] = Job(self._last, text, forwards, stop, until)
        return job

    def running(self) -> list[Job]:
        """Jobs that still run, in order."""
        for number, job in list(self._jobs.items()):
            if job.until <= self._now():
                del self._jobs[number]
        return list(self._jobs.values())

    def forward(self, port: int) -> Forward | None:
        """Where the local port leads, or None when nothing listens on it."""
        for job in self.running():
            for forward in job.forwards:
                if forward.local == port:
                    return forward
        return None

    def free_port(self, port: int) -> int:
        """The first local port from ``port`` on that nothing listens on."""
        while self.forward(port) is not None:
            port += 1
        return port

    def kill(self, number: int) -> bool:
        """End a job; False when there is none of that number."""
        job = {job.number: job for job in self.running()}.get(number)
        if job is None:
            return False
        del self._jobs[number]
        job.stop()
        return True
