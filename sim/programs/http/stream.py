"""Streams: response bodies that keep coming."""

from collections.abc import Callable
from typing import Any

from sim.cluster.net import Conn
from sim.engine import Engine

__all__ = ["Stream"]


class Stream:
    """A response body that keeps coming: messages in order until one side goes away.

    The server makes one and answers with it; every connection it crosses adds its delay, and ends it when
    it closes.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ended = False
        self._conns: list[Conn] = []
        self._receive: Callable[[Any], object] | None = None
        self._ends: list[Callable[[], object]] = []
        self._early: list[Any] = []
        self._next = 0.0

    def through(self, conn: Conn) -> None:
        """The stream crosses ``conn``; called by whoever replies over it."""
        self._conns.append(conn)
        conn.on_close.append(self._closed)

    def _closed(self, _: str) -> None:
        self.end()

    def push(self, message: Any) -> None:
        """Send a message to the listener."""
        if self.ended:
            return
        delay = sum(conn.link.delay() for conn in self._conns if conn.link is not None)
        # Messages of a stream never overtake one another.
        self._next = max(self._next, self.engine.now + delay)
        self.engine.call_at(self._next, self._deliver, message)

    def _deliver(self, message: Any) -> None:
        if self.ended:
            return
        if self._receive is None:
            self._early.append(message)
        else:
            self._receive(message)

    def listen(self, receive: Callable[[Any], object], end: Callable[[], object]) -> None:
        """The client's side: what came so far and everything to come goes to ``receive``."""
        self._receive = receive
        self.on_end(end)
        early, self._early = self._early, []
        for message in early:
            receive(message)

    def on_end(self, end: Callable[[], object]) -> None:
        """Call ``end`` once when the stream ends (at once if it has)."""
        if self.ended:
            end()
        else:
            self._ends.append(end)

    def end(self) -> None:
        """End it, for both sides."""
        if self.ended:
            return
        self.ended = True
        for conn in self._conns:
            if self._closed in conn.on_close:
                conn.on_close.remove(self._closed)
        ends, self._ends = self._ends, []
        for end in ends:
            end()
