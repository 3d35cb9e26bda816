"""Network namespaces: a pod's (or host's) address, its listening sockets and its redirections.

The redirections are what ``iptables`` rules do: traffic that leaves goes to a local port unless it comes
from an exempt user or goes to an exempt port; likewise traffic that arrives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.cluster.net.connection import Conn, Refusal, Server

if TYPE_CHECKING:
    from sim.cluster.net.network import Network

__all__ = ["NetNs", "Redirect", "Socket"]

LOOPBACK = "127.0.0.1"
EPHEMERAL = (32_768, 61_000)  # Source: Linux net.ipv4.ip_local_port_range


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send everything to ``port``, except from ``exempt_user`` and to ``exempt_ports``."""

    port: int
    exempt_ports: frozenset[int] = frozenset()
    exempt_user: int = -1


class Socket:
    """A listening port and the connections it accepted."""

    __slots__ = ("conns", "namespace", "port", "server")

    def __init__(self, namespace: "NetNs", port: int, server: Server) -> None:
        self.namespace = namespace
        self.port = port
        self.server = server
        self.conns: dict[Conn, None] = {}


class NetNs:
    """One network namespace. Made by :meth:`Network.namespace`.

    Attributes:
        ip: its address.
        host: the node it is on.
        name: who it is, for the tables: a pod's name.
        search: the Kubernetes namespace whose names it finds unqualified.
    """

    def __init__(self, network: "Network", ip: str, host: str, name: str, search: str) -> None:
        self.network = network
        self.engine = network.engine
        self.ip = ip
        self.host = host
        self.name = name
        self.search = search
        self.alive = True
        self.sockets: dict[int, Socket] = {}
        self.conns: dict[Conn, None] = {}
        self.outbound: Redirect | None = None
        self.inbound: Redirect | None = None
        self._dialled = 0

    # -- serving --------------------------------------------------------------------------------------------

    def listen(self, port: int, server: Server) -> Socket:
        """Listen on a port.

        Raises:
            OSError: the port is taken.
        """
        if port in self.sockets:
            raise OSError(f"listen tcp {self.ip}:{port}: bind: address already in use")
        socket = self.sockets[port] = Socket(self, port, server)
        return socket

    def close(self, port: int) -> None:
        """Stop listening and reset every connection of that port."""
        socket = self.sockets.pop(port, None)
        if socket is not None:
            for conn in list(socket.conns):
                conn.reset()

    @property
    def open_ports(self) -> list[int]:
        """Ports somebody listens on, in order."""
        return sorted(self.sockets)

    def drop(self) -> None:
        """The namespace is gone: its ports close, and so does what it had opened."""
        self.alive = False
        for port in list(self.sockets):
            self.close(port)
        for conn in list(self.conns):
            conn.close("reset")

    # -- redirection ----------------------------------------------------------------------------------------

    def redirect_outbound(self, redirect: Redirect | None) -> None:
        """Redirect connections opened from here."""
        self.outbound = redirect

    def redirect_inbound(self, redirect: Redirect | None) -> None:
        """Redirect connections that arrive from elsewhere."""
        self.inbound = redirect

    def entrance(self, port: int) -> Socket | None:
        """The socket that takes a connection from elsewhere to ``port``; None refuses it."""
        rule = self.inbound
        if rule is not None and port not in rule.exempt_ports and port != rule.port:
            return self.sockets.get(rule.port)
        return self.sockets.get(port)

    # -- opening --------------------------------------------------------------------------------------------

    def ephemeral_port(self) -> int:
        """The client's port of the next connection opened from here. They come in turn."""
        low, high = EPHEMERAL
        self._dialled += 1
        return low + self._dialled % (high - low)

    def dial(
        self,
        ip: str,
        port: int,
        done: Callable[[Conn | Refusal], object],
        *,
        user: int = 0,
        hello: Any = None,
        timeout: float = float("inf"),
    ) -> None:
        """Open a connection; ``done(Conn or Refusal)`` is called once, on loopback before this returns.

        Args:
            user: numeric user of the process, which the outbound redirection may exempt.
            hello: what to present when it opens (TLS credentials); costs one more round trip.
            timeout: seconds until ``connect timeout``.
        """
        if not self.alive:
            done(Refusal("reset"))
            return
        rule = self.outbound
        if ip == LOOPBACK or ip == self.ip:
            self._open_local(self.sockets.get(port), (ip, port), False, hello, done)
        elif rule is not None and user != rule.exempt_user and port not in rule.exempt_ports:
            self._open_local(self.sockets.get(rule.port), (ip, port), True, hello, done)
        else:
            self.network.open(self, ip, port, hello, timeout, done)

    def _open_local(
        self,
        socket: Socket | None,
        original: tuple[str, int],
        redirected: bool,
        hello: Any,
        done: Callable[[Conn | Refusal], object],
    ) -> None:
        if socket is None:
            done(Refusal("refused"))
            return
        conn = Conn(self.engine, self, socket, None, original, original, redirected)
        answer = socket.server.accept(conn, hello)
        if isinstance(answer, Refusal):
            conn.close(answer.error)
            done(answer)
            return
        conn.answer = answer
        done(conn)
