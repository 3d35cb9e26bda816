"""Where a simulated proxy listens: for its own pod, for everybody else, and for administrators."""

from functools import partial
from typing import TYPE_CHECKING, Any

from mesh.messages import Peer, Request, Response
from mesh.proxy.destination import Destination
from mesh.proxy.effects import Driver
from mesh.proxy.transport import Connection
from sim.cluster.net import Conn, Exchange, Refusal
from sim.programs.http import REGISTRY_TYPE, Stream
from sim.programs.linkerd.transport import errno_of

if TYPE_CHECKING:
    from sim.programs.linkerd.proxy import LinkerdProxy

__all__ = ["AdminPort", "Inbound", "Outbound", "Refused"]


class Refused(Exception):
    """A TLS handshake that fails."""


class Listener:
    """What both listeners share: replies that may carry streams, and byte counts."""

    def __init__(self, program: "LinkerdProxy", driver: Driver) -> None:
        self.program = program
        self.driver = driver
        self.proxy = program.proxy
        self.taps = program.proxy.taps  # usually empty; one list for the life of the proxy

    def reply(self, exchange: Exchange, response: Response) -> None:
        """Send the flow's result back."""
        exchange.conn.state.tcp.written.value += response.size
        if type(response.body) is Stream:
            response.body.through(exchange.conn)
        exchange.reply(response)

    def announce(self, exchange: Exchange) -> None:
        """Tell whoever taps where a request comes from, which the proxy itself does not know."""
        conn = exchange.conn
        for tap in self.taps:
            tap.arrived(exchange.request, f"{conn.peer_ip}:{conn.peer_port}")


class Accepted:
    """What a listener remembers of a connection."""

    __slots__ = ("held", "peer", "port", "tcp")

    def __init__(self, conn: Conn, tcp: Connection, peer: Peer, port: int) -> None:
        self.tcp = tcp
        self.peer = peer
        self.port = port
        self.held: list[Destination] = []
        conn.on_close.append(self.closed)

    def hold(self, destination: Destination | None) -> None:
        """A destination stays discovered while a connection that asked for it is open."""
        if destination is not None and destination not in self.held:
            destination.held += 1
            self.held.append(destination)

    def closed(self, reason: str) -> None:
        """The connection closed."""
        self.tcp.close(errno_of(reason))
        for destination in self.held:
            destination.held -= 1


class Outbound(Listener):
    """Port 4140: the pod's own connections, redirected here with their original destinations."""

    def accept(self, conn: Conn, hello: Any) -> Any:
        """Only the pod's own processes come here."""
        if self.program.draining:
            return Refusal("refused")
        tcp = self.proxy.tcp_open("outbound", "src", self.proxy.dialled_labels(conn.original))
        conn.state = Accepted(conn, tcp, Peer(conn.peer_ip, None, "loopback"), conn.original[1])
        return None

    def serve(self, exchange: Exchange) -> None:
        """Run the outbound stack."""
        request, conn = exchange.request, exchange.conn
        conn.state.tcp.read.value += request.size
        if self.taps:
            self.announce(exchange)
        flow = self.proxy.outbound(request, conn.original)
        conn.state.hold(self.proxy.destinations.get((request.authority, conn.original)))
        exchange.stop = self.driver.run(flow, partial(self.reply, exchange)).close


class Inbound(Listener):
    """Port 4143: connections from elsewhere, redirected here; terminates the mesh's TLS."""

    def accept(self, conn: Conn, hello: Any) -> Any:
        """Check the client's certificate if it presents one, and present ours."""
        if self.program.draining:
            return Refusal("refused")
        try:
            client_id, answer = self.program.handshake(hello)
        except Refused:
            return Refusal("tls")
        peer, port = Peer(conn.peer_ip, client_id), conn.target[1]
        tcp = self.proxy.tcp_open("inbound", "src", self.proxy.accepted_labels(peer, port))
        conn.state = Accepted(conn, tcp, peer, port)
        return answer

    def serve(self, exchange: Exchange) -> None:
        """Run the inbound stack."""
        request, accepted = exchange.request, exchange.conn.state
        accepted.tcp.read.value += request.size
        if self.taps:
            self.announce(exchange)
        flow = self.proxy.inbound(request, accepted.peer, accepted.port)
        exchange.stop = self.driver.run(flow, partial(self.reply, exchange)).close


class AdminPort:
    """Port 4191: never redirected; meshed clients may come over TLS, kubelets come without."""

    def __init__(self, program: "LinkerdProxy") -> None:
        self.program = program

    def accept(self, conn: Conn, hello: Any) -> Any:
        """As the inbound port, but open from the start."""
        try:
            client_id, answer = self.program.handshake(hello)
        except Refused:
            return Refusal("tls")
        local = conn.peer_ip.startswith("127.")
        conn.state = Peer(conn.peer_ip, client_id, "loopback" if local else "no_tls_from_remote")
        return answer

    def serve(self, exchange: Exchange) -> None:
        """Inside the simulation a scraper may ask for the registry itself instead of its text."""
        request = exchange.request
        scrape = request.path == "/metrics" and (request.headers or {}).get("accept") == REGISTRY_TYPE
        exchange.reply(
            self.program.proxy.admin(request, exchange.conn.state, self._registry if scrape else None)
        )

    def _registry(self, request: Request) -> Response:
        proxy = self.program.proxy
        proxy.scraped()
        return Response(200, body=proxy.registry)
