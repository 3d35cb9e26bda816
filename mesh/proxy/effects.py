"""What a flow may ask of its driver: send, sleep, wait. Nothing else.

A flow is a generator. Every wait carries an absolute deadline; a timeout layer narrows the deadline it
passes down. A driver resumes the flow with the reply, answers every :class:`Send` with a
:class:`~mesh.messages.Response` (never an exception; a missed deadline is a value too), honours deadlines,
``close()``\\ s flows it abandons, and supplies the clock.
"""

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeAlias

from mesh.messages import Limits, Request, Response

__all__ = ["Driver", "Effect", "Flow", "Limits", "Run", "Send", "Signal", "Sleep", "Wait"]

INFINITY = float("inf")


class Send:
    """Send ``request`` to ``endpoint`` and give me its response, at the latest at ``deadline``.

    ``endpoint`` is whatever the stack was built with: a balancer's endpoint, or the local port of the
    application for inbound stacks.

    ``limits`` are None for none. A driver counts them from when it sent the whole request, and answers
    with ``headers timeout``, ``response timeout`` or ``idle timeout``.
    """

    __slots__ = ("deadline", "endpoint", "limits", "request")

    def __init__(
        self, endpoint: Any, request: Request, deadline: float = INFINITY, limits: Limits | None = None
    ) -> None:
        self.endpoint = endpoint
        self.request = request
        self.deadline = deadline
        self.limits = limits


class Sleep:
    """Resume me at ``until``."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until


class Signal:
    """Something flows wait for: fired by whoever knows, any number of times."""

    __slots__ = ("waiters",)

    def __init__(self) -> None:
        self.waiters: list[Callable[[], object]] = []

    def fire(self) -> None:
        """Wake everyone who waits now, in order of arrival."""
        waiters, self.waiters = self.waiters, []
        for wake in waiters:
            wake()


class Wait:
    """Resume me with True when ``signal`` fires, with False at ``deadline``."""

    __slots__ = ("deadline", "signal")

    def __init__(self, signal: Signal, deadline: float = INFINITY) -> None:
        self.signal = signal
        self.deadline = deadline


Effect: TypeAlias = Send | Sleep | Wait
Flow: TypeAlias = Generator[Effect, Any, Response]


class Run(Protocol):
    """A flow that a driver runs."""

    def close(self) -> object:
        """Abandon it: nobody wants its result any more."""
        ...


class Driver(Protocol):
    """What runs flows: in simulated time, on sockets, or by hand in tests."""

    def run(self, flow: Flow, done: Callable[[Response], object]) -> Run:
        """Run ``flow`` to its end, now or later, and call ``done`` once with its result, unless closed."""
        ...
