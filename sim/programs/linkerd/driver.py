"""The simpy driver: runs the proxy's flows on the engine's second lane.

It resumes with the reply, answers every Send with a response, honours deadlines and limits, closes flows
whose client has gone, and supplies the clock.
"""

from collections.abc import Callable
from typing import Any, Protocol

from mesh.messages import Response
from mesh.proxy.effects import Flow, Send, Sleep, Wait
from sim.engine import Deadline, Engine

__all__ = ["FlowRun", "Transport", "until"]

INFINITY = float("inf")


def until(now: float, deadline: float) -> float:
    """Seconds to wait for an absolute deadline, never waking before it.

    Rounded to nanoseconds, so that equal waits share one FIFO of deadlines whatever the clock shows.
    """
    if deadline == INFINITY:
        return INFINITY
    length = max(0.0, round(deadline - now, 9))
    return length if now + length >= deadline else length + 1e-9


class Transport(Protocol):
    """What carries a Send."""

    engine: Engine

    def send(self, effect: Send, run: "FlowRun") -> None:
        """Send it, say in ``run.sent`` how to cancel it, and resume ``run`` with the response."""
        ...


class Sent(Protocol):
    """A Send on its way."""

    def cancel(self) -> object:
        """Nobody waits for it any more."""
        ...


class FlowRun:
    """One flow being run; ``done(response)`` gets its result.

    Attributes:
        sent: its last Send, for its transport to set.
    """

    __slots__ = ("_send", "_waiting", "done", "flow", "sent", "transport")

    def __init__(self, transport: Transport, flow: Flow, done: Callable[[Response], object]) -> None:
        self.transport = transport
        self.flow = flow
        self.done = done
        self._send = flow.send
        self.sent: Sent | None = None
        self._waiting: Deadline | None = None

    def close(self) -> None:
        """Abandon the flow: nobody wants its result. What it holds is given back, what it sent cancelled."""
        self.done = _ignore
        sent, self.sent = self.sent, None
        if sent is not None:
            sent.cancel()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self.flow.close()

    def resume(self, value: Any = None) -> None:
        """Go on with the reply to the last effect."""
        try:
            effect = self._send(value)
        except StopIteration as stop:
            self.done(stop.value)
            return
        kind = type(effect)
        if kind is Send:
            self.transport.send(effect, self)  # type: ignore[arg-type]
        elif kind is Sleep:
            self.transport.engine.call_at(effect.until, self.resume)  # type: ignore[union-attr]
        else:
            self._wait(effect)  # type: ignore[arg-type]

    def _wait(self, effect: Wait) -> None:
        """Resume with True on the signal, with False at the deadline, whichever is first."""
        engine = self.transport.engine
        # Rounded so that equal waits share one FIFO of deadlines whatever the clock shows.
        length = max(0.0, round(effect.deadline - engine.now, 9)) if effect.deadline < INFINITY else INFINITY
        if engine.now + length < effect.deadline:
            length += 1e-9  # never early: a flow woken before its deadline would wait for nothing, for ever
        expiry = self._waiting = engine.deadline(length, self._expired)

        def fired() -> None:
            if self._waiting is expiry:
                self._waiting = None
                expiry.cancel()
                engine.call_in(0.0, self.resume, True)

        effect.signal.waiters.append(fired)

    def _expired(self, _: Any) -> None:
        self._waiting = None
        self.resume(False)


def _ignore(response: Any) -> None:
    """Takes what comes after the end."""
