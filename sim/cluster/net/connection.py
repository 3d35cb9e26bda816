"""Connections and the exchanges on them: a message out, a message back.

An exchange costs two lane calls, one a direction; on loopback none. Failures are values: whoever waits gets
the reply or a :class:`Refusal`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from sim.engine import Engine

if TYPE_CHECKING:
    from sim.cluster.net.namespace import NetNs, Socket
    from sim.cluster.net.topology import Link

__all__ = ["Conn", "Exchange", "Refusal", "Server"]

# How long Linux retransmits before it gives a connection up.
# Source: tcp(7), tcp_retries2 = 15: between 13 and 30 minutes; 924.6 s with the default timeouts.
GIVE_UP = 924.6
RETRANSMIT = 0.2  # first retransmission timeout, doubling (see Link)


class Refusal:
    """Why there is no reply: ``refused``, ``reset``, ``unreachable``, ``connect timeout``, ``tls``."""

    __slots__ = ("error",)

    def __init__(self, error: str) -> None:
        self.error = error

    def __repr__(self) -> str:
        return f"<Refusal {self.error}>"


class Server(Protocol):
    """What listens on a port."""

    def accept(self, conn: "Conn", hello: Any) -> Any:
        """A connection opens; ``hello`` is what the client presents (TLS credentials, or None).

        Returns what the server presents in turn; a :class:`Refusal` closes the connection.
        """
        ...

    def serve(self, exchange: "Exchange") -> None:
        """A message arrived; call ``exchange.reply`` now or later, once."""
        ...


def _stop(stop: Callable[[], object]) -> None:
    stop()


class Exchange:
    """One message on a connection and who waits for its reply.

    Attributes:
        stop: set by a server that stops serving once nobody waits any more; others serve to the end.
    """

    __slots__ = ("conn", "done", "request", "stop")

    def __init__(self, conn: "Conn", request: Any, done: Callable[[Any], object]) -> None:
        self.conn = conn
        self.request = request
        self.done: Callable[[Any], object] | None = done
        self.stop: Callable[[], object] | None = None

    def reply(self, response: Any, delay: float = 0.0) -> None:
        """Send the reply; ``delay`` is time the sender still needs before it leaves."""
        conn = self.conn
        link = conn.link
        if link is None:
            if delay:
                conn.engine.call_in(delay, self._return, response)
            else:
                self._return(response)
        elif link.up:
            conn.engine.call_in(delay + link.delay(), self._return, response)
        else:
            conn.hold(self._return, response, RETRANSMIT)

    def _return(self, response: Any) -> None:
        done = self.done
        if done is not None:
            self.done = None
            self.conn.pending.pop(self, None)
            done(response)

    def abandon(self) -> None:
        """The caller no longer waits: a late reply is dropped, and the server told.

        *Differs:* the server learns of it at once, not one way later.
        """
        self.done = None
        self.conn.pending.pop(self, None)
        self._tell()

    def _tell(self) -> None:
        stop, self.stop = self.stop, None
        if stop is not None:
            self.conn.engine.call_in(0.0, _stop, stop)


class Conn:
    """An open connection, as its client holds it.

    Attributes:
        peer_ip, peer_port: the client's address as the server sees it.
        server_name: name of the namespace (pod) that serves it.
        original: the (ip, port) the client dialled, before any redirection or service address.
        target: the (ip, port) it reached after service addresses, before redirection.
        redirected: it goes to the client pod's own proxy.
        answer: what the server presented when it opened.
        state: anything the server wants to remember of it.
        user_timeout: how long unacknowledged data is retransmitted before the connection is given up.
        on_close: called once with the reason when it closes, on the client's side.
    """

    __slots__ = (
        "answer",
        "closed",
        "engine",
        "link",
        "on_close",
        "original",
        "peer_ip",
        "peer_port",
        "pending",
        "redirected",
        "server",
        "server_name",
        "socket",
        "source",
        "state",
        "target",
        "used",
        "user_timeout",
    )

    def __init__(
        self,
        engine: Engine,
        source: "NetNs",
        socket: "Socket",
        link: "Link | None",
        original: tuple[str, int],
        target: tuple[str, int],
        redirected: bool,
    ) -> None:
        self.engine = engine
        self.source = source
        self.socket = socket
        self.server = socket.server
        self.link = link
        self.original = original
        self.target = target
        self.redirected = redirected
        self.peer_ip = "127.0.0.1" if link is None and not redirected else source.ip
        self.peer_port = source.ephemeral_port()
        self.server_name = socket.namespace.name
        self.pending: dict[Exchange, None] = {}
        self.answer: Any = None
        self.state: Any = None
        self.closed = False
        self.user_timeout = GIVE_UP
        self.used = engine.now  # when it was last used, for idle pools
        self.on_close: list[Callable[[str], object]] = []
        socket.conns[self] = None
        source.conns[self] = None

    def send(self, request: Any, done: Callable[[Any], object], delay: float = 0.0) -> Exchange:
        """Send ``request``; ``done(reply or Refusal)`` is called once unless the exchange is abandoned.

        ``delay`` is time the sender still needs before it leaves.
        """
        exchange = Exchange(self, request, done)
        if self.closed:
            self.engine.call_in(0.0, done, Refusal("reset"))
            exchange.done = None
            return exchange
        self.pending[exchange] = None
        link = self.link
        if link is None:
            if delay:
                self.engine.call_in(delay, self._arrive, exchange)
            else:
                self.server.serve(exchange)
        elif link.up:
            self.engine.call_in(delay + link.delay(), self._arrive, exchange)
        else:
            self.hold(self._arrive, exchange, RETRANSMIT)
        return exchange

    def _arrive(self, exchange: Exchange) -> None:
        if not self.closed:
            self.server.serve(exchange)

    def hold(
        self, function: Callable[[Any], object], argument: Any, timeout: float, waited: float = 0.0
    ) -> None:
        """Retransmit with doubling timeouts while the link is down; give up after ``user_timeout``."""

        def again(_: Any) -> None:
            if self.closed:
                return
            if self.link is None or self.link.up:
                delay = self.link.delay() if self.link is not None else 0.0
                self.engine.call_in(delay, function, argument)
            elif waited + timeout >= self.user_timeout:
                self.close("unreachable")
            else:
                self.hold(function, argument, min(2.0 * timeout, 120.0), waited + timeout)

        self.engine.call_in(timeout, again)

    def close(self, reason: str = "") -> None:
        """Close it now, for both sides; whoever waits on it gets a Refusal (``reset`` by default)."""
        if self.closed:
            return
        self.closed = True
        self.socket.conns.pop(self, None)
        self.source.conns.pop(self, None)
        pending, self.pending = self.pending, {}
        for exchange in pending:
            done, exchange.done = exchange.done, None
            if done is not None:
                done(Refusal(reason or "reset"))
            exchange._tell()
        watchers, self.on_close = self.on_close, []
        for watcher in watchers:
            watcher(reason)

    def reset(self, reason: str = "reset") -> None:
        """The server's side is gone: the client learns of it one way later (at once on loopback)."""
        if self.link is None:
            self.close(reason)
        elif self.link.up:
            self.engine.call_in(self.link.delay(), self.close, reason)
        # on a cut link the client learns nothing until its own retransmissions end
