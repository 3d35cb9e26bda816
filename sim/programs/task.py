"""Steps a program's handler may yield, and the task that takes them one by one.

A handler is a generator: it reads like the service it imitates. Steps run on the engine's second lane, so
a request costs no simpy process.
"""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import simpy

from mesh.messages import Request, Response
from sim.cluster.program import Container
from sim.engine.draws import GOLDEN, MASK, mix

if TYPE_CHECKING:
    from sim.programs.http import Client

__all__ = ["Call", "Event", "Hop", "Pause", "Step", "Steps", "Task", "Together", "Work", "run"]

INFINITY = float("inf")


class Hop:
    """What a request carries for the experiment, not for the network: who it is, and its random numbers.

    Attributes:
        trace: number of the logical request at the source, shared by everything it causes.
        key: of this hop's draws (see :class:`sim.engine.Draws`).
        tries: how often it was sent.
        lost: how many of those reached nobody, because there was no connection.
        calls: calls made while serving it.
        spared: a fault rule decided that the program's own failure does not happen.
    """

    __slots__ = ("calls", "key", "lost", "spared", "trace", "tries")

    def __init__(self, trace: int, key: int) -> None:
        self.trace = trace
        self.key = key
        self.tries = 0
        self.lost = 0
        self.calls = 0
        self.spared = False

    def child(self) -> "Hop":
        """The hop of the next call made while serving this one."""
        self.calls = n = self.calls + 1
        return Hop(self.trace, mix(self.key ^ (n * GOLDEN & MASK)))

    def branch(self, index: int) -> "Hop":
        """The hop of one of several things done at once: its calls are numbered by themselves.

        Of one :meth:`child` for all of them, so that the number of calls a branch makes, and when, moves no
        other's.
        """
        return Hop(self.trace, mix(self.key + (index + 1) * GOLDEN & MASK))

    def draw_key(self) -> int:
        """The key of the server's draws: always the same when first served; a retry draws anew."""
        served = self.tries - self.lost
        return self.key if served < 2 else mix(self.key + served)


class Step(Protocol):
    """Something a handler waits for."""

    def begin(self, task: "Task") -> None:
        """Start it; it resumes the task with its result."""
        ...


Steps: TypeAlias = Generator[Step, Any, Any]


class Work:
    """CPU time of this container, in seconds at full speed."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def begin(self, task: "Task") -> None:
        """Queue at the container's CPU."""
        task.container.cpu.submit(self.seconds, task.resume)


class Pause:
    """Time that costs no CPU."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def begin(self, task: "Task") -> None:
        """Resume later."""
        task.container.engine.call_in(self.seconds, task.resume)


class Call:
    """A request to another service; the result is a :class:`~mesh.messages.Response`."""

    __slots__ = ("client", "request", "timeout")

    def __init__(self, client: "Client", request: Request, timeout: float = INFINITY) -> None:
        self.client = client
        self.request = request
        self.timeout = timeout

    def begin(self, task: "Task") -> None:
        """Send it as a child of the request being served."""
        if self.request.context is None and task.hop is not None:
            self.request.context = task.hop.child()
        self.client.call(self.request, task.resume, self.timeout)


class Together:
    """Several generators of steps at once; the result is the list of their results."""

    __slots__ = ("left", "parts", "results")

    def __init__(self, parts: list[Steps]) -> None:
        self.parts = parts
        self.results: list[Any] = [None] * len(parts)
        self.left = len(parts)

    def begin(self, task: "Task") -> None:
        """Start all parts, in order."""
        if not self.parts:
            task.resume([])
            return

        def finish(index: int) -> Callable[[Any], None]:
            def done(result: Any) -> None:
                self.results[index] = result
                self.left -= 1
                if self.left == 0:
                    task.resume(self.results)

            return done

        together = None if task.hop is None else task.hop.child()
        for index, part in enumerate(self.parts):
            hop = None if together is None else together.branch(index)
            Task(task.container, part, finish(index), hop).resume(None)


class Event:
    """A simpy event; the result is its value."""

    __slots__ = ("event",)

    def __init__(self, event: simpy.Event) -> None:
        self.event = event

    def begin(self, task: "Task") -> None:
        """Resume when it is processed."""
        if self.event.processed:
            task.resume(self.event.value)
        else:
            self.event.callbacks.append(lambda event: task.resume(event.value))


class Task:
    """A generator of steps being run in a container; dropped when the container stops."""

    __slots__ = ("_send", "container", "done", "generator", "hop", "live")

    def __init__(
        self,
        container: Container,
        generator: Steps,
        done: Callable[[Any], object],
        hop: Hop | None = None,
    ) -> None:
        self.container = container
        self.generator = generator
        self.done = done
        self.hop = hop
        self.live = True
        self._send = generator.send

    def resume(self, value: Any = None) -> None:
        """Go on with the result of the last step."""
        if not self.live:
            return
        if not self.container.alive:
            self.stop()
            return
        try:
            step = self._send(value)
        except StopIteration as stop:
            self.live = False
            self.done(stop.value)
            return
        step.begin(self)

    def stop(self) -> None:
        """Abandon it; its ``finally`` blocks run."""
        self.live = False
        self.generator.close()


def _ignore(_: Any) -> None:
    """Nobody waits for a background task's result."""


def run(container: Container, generator: Steps, hop: Hop | None = None) -> Task:
    """Run a generator of steps in the background of a container."""
    task = Task(container, generator, _ignore, hop)
    container.engine.call_in(0.0, task.resume)
    return task


Handled: TypeAlias = Response | Steps
