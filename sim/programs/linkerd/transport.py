"""How a simulated proxy reaches endpoints: connections, mutual TLS, the cost of its own work, the tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mesh.control.verification import verify
from mesh.messages import Address, Certificate, Limits, Response, fail
from mesh.proxy.concrete import Concrete
from mesh.proxy.effects import Flow, Send
from mesh.proxy.endpoint import Endpoint, Local
from mesh.proxy.proxy import Proxy
from mesh.proxy.transport import Connection
from sim.cluster.net import Conn, Exchange, Refusal
from sim.cluster.program import Container
from sim.engine import Deadline
from sim.programs.http import outcome_of
from sim.programs.linkerd.driver import FlowRun, until
from sim.programs.world import World

__all__ = ["Credentials", "Hello", "ProxyTransport"]

INFINITY = float("inf")
CLIENT_USER_TIMEOUT = 30.0  # Source: linkerd2 values.yaml, TCP user timeout of proxy connections


@dataclass(slots=True)
class Credentials:
    """What a proxy knows to prove itself and to judge others.

    Attributes:
        name: its own TLS name.
        anchors: PEM of the trust anchors, given when the container was made.
        certificate: None until identity issued one.
    """

    name: str
    anchors: str
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """What a side presents when a TLS connection opens.

    Attributes:
        server_name: whom the client wants to reach; empty from the server.
        certificate: its own; None for a client without one.
        name: the name its certificate claims.
    """

    server_name: str
    certificate: Certificate | None
    name: str


def judge(hello: Hello, expected: str, anchors: str, now: float) -> str:
    """Why the other side's certificate is refused; empty if it is good."""
    certificate = hello.certificate
    if certificate is None:
        return "no certificate"
    return verify(certificate.leaf, certificate.intermediates, anchors, expected, now)


class Attempt:
    """One Send on its way."""

    __slots__ = ("channel", "exchange", "expiry", "limit", "link", "run", "send", "start", "tls", "transport")

    def __init__(self, transport: "ProxyTransport", send: Send, run: FlowRun) -> None:
        self.transport = transport
        self.channel: Channel
        self.send = send
        self.run: FlowRun | None = run
        self.start = transport.engine._now
        self.exchange: Exchange | None = None
        self.expiry: Deadline | None = None
        self.limit: Deadline | None = None
        self.link = -1
        self.tls = 0

    def opened(self, conn: Conn | Refusal) -> None:
        """The connection is there, or is not."""
        if self.run is None:
            return
        if type(conn) is Refusal:
            self.finish(fail(conn.error))
        else:
            self.dispatch(conn)  # type: ignore[arg-type]

    def dispatch(self, conn: Conn) -> None:
        """Send it on ``conn``, after the proxy's own work on it."""
        transport, request = self.transport, self.send.request
        if self.link != LOCAL:
            self.link = transport.link_to(conn)
            self.tls = 0 if conn.answer is None else 1
        self.channel.tcp.written.value += request.size
        limits = self.send.limits
        if limits is not None:
            self._limit(limits)
        self.exchange = conn.send(request, self.answered, transport.work())

    def _limit(self, limits: Limits) -> None:
        """Time the attempt from now on, when its request is sent.

        A response comes as a whole here, its body with its headers, so that nothing is ever idle in between.
        """
        error = "headers timeout" if limits.headers <= limits.response else "response timeout"
        length = min(limits.headers, limits.response)
        if length < INFINITY:
            self.limit = self.transport.engine.deadline(length, self.cut, error)

    def answered(self, response: Any) -> None:
        """The reply came, or the connection broke."""
        if type(response) is Refusal:
            response = fail(response.error)
        else:
            self.channel.tcp.read.value += response.size
        self.finish(response)

    def expired(self, _: Any) -> None:
        """The deadline of the Send passed."""
        self.cut("timeout")

    def cut(self, error: str) -> None:
        """Its time is over."""
        if self.exchange is not None:
            self.exchange.abandon()
        self.finish(fail(error))

    def cancel(self) -> None:
        """The flow was closed."""
        run, self.run = self.run, None
        if run is None:
            return
        if self.exchange is not None:
            self.exchange.abandon()
        self._settle(fail("timeout"))

    def finish(self, response: Response) -> None:
        """Record the attempt and hand the response to the flow, once."""
        run, self.run = self.run, None
        if run is None:
            return
        self._settle(response)
        run.resume(response)

    def _settle(self, response: Response) -> None:
        """Stop its timers and record it."""
        if self.expiry is not None:
            self.expiry.cancel()
        if self.limit is not None:
            self.limit.cancel()
        if self.link != LOCAL:
            self._record(response)

    def _record(self, response: Response) -> None:
        transport, hop = self.transport, self.send.request.context
        if hop.trace == 0:
            return  # no application's request: probes, scrapes and the control plane are not client truth
        link = self.link
        if link < 0:
            hop.lost += 1
            link = transport.link_to_address(self.send.endpoint.address)
        why = outcome_of(response)
        tries = min(hop.tries, 127)
        transport.tables.attempts.append(
            hop.trace,
            self.start,
            transport.engine._now - self.start,
            link,
            response.status,
            2 * tries + self.tls,
            why,
        )


LOCAL = -2  # `link` of attempts to the application in the own pod, which are nobody's attempts


class Channel:
    """The connection to one endpoint: made on demand, shared by its requests, made again when it breaks."""

    __slots__ = ("conn", "opening", "tcp", "waiting")

    def __init__(self) -> None:
        self.conn: Conn | None = None
        self.opening = False
        self.waiting: list[Callable[[Conn | Refusal], object]] = []
        self.tcp: Connection


class ProxyTransport:
    """Carries the Sends of one proxy.

    *Differs:* a proxy's own work is a delay and a charge to the node's CPU account, not a queue of its own;
    HTTP/1 to an unmeshed endpoint shares one connection where upstream pools several.
    """

    def __init__(self, container: Container, world: World, credentials: Credentials, proxy: Proxy) -> None:
        self.container = container
        self.proxy = proxy
        self.engine = container.engine
        self.net = container.pod.net
        self.user = container.user
        self.tables = world.tables
        self.credentials = credentials
        self.channels: dict[Address | int, Channel] = {}
        self._links: dict[str, int] = {}
        cost = world.cost
        self._latency = cost.latency
        self._bits = (len(cost.latency) - 1).bit_length() if cost.latency else 0
        self._getrandbits = self.engine.stream("proxy", container.pod.name).getrandbits
        self._cpu = cost.cpu
        self._charge = container.charge

    # -- the proxy's own work --------------------------------------------------------------------------

    def work(self) -> float:
        """Charge the CPU for one request and return the delay this proxy adds to it."""
        if not self._bits:
            return 0.0
        self._charge(self._cpu)
        return self._latency[self._getrandbits(self._bits)]

    # -- sending ---------------------------------------------------------------------------------------

    def run(self, flow: Flow, done: Callable[[Response], object]) -> FlowRun:
        """Run a flow; see :class:`mesh.proxy.effects.Driver`."""
        made = FlowRun(self, flow, done)
        made.resume()
        return made

    def send(self, effect: Send, run: FlowRun) -> None:
        """Send to an endpoint, or to the application."""
        attempt = run.sent = Attempt(self, effect, run)
        deadline = effect.deadline
        if deadline != INFINITY:
            attempt.expiry = self.engine.deadline(until(self.engine.now, deadline), attempt.expired)
        endpoint = effect.endpoint
        if type(endpoint) is Local:
            attempt.link = LOCAL
            key: Address | int = endpoint.port
        else:
            effect.request.context.tries += 1
            key = endpoint.address
        channel = self.channels.get(key)
        if channel is None:
            channel = self.channels[key] = Channel()
        attempt.channel = channel
        conn = channel.conn
        if conn is not None and not conn.closed:
            attempt.dispatch(conn)
            return
        channel.waiting.append(attempt.opened)
        if not channel.opening:
            channel.opening = True
            self._open(channel, endpoint)

    def _open(self, channel: Channel, endpoint: Endpoint) -> None:
        def opened(conn: Conn | Refusal) -> None:
            channel.opening = False
            if isinstance(conn, Conn):
                conn.user_timeout = CLIENT_USER_TIMEOUT
                channel.conn = conn
                tcp = channel.tcp = self._tcp(endpoint)
                conn.on_close.append(lambda reason: tcp.close(errno_of(reason)))
            waiting, channel.waiting = channel.waiting, []
            for waiter in waiting:
                waiter(conn)

        if isinstance(endpoint, Local):
            self.net.dial("127.0.0.1", endpoint.port, opened, user=self.user)
            return
        address = endpoint.address
        timeout = self.proxy.config.outbound_connect_timeout
        if address.identity is None:
            self.net.dial(address.ip, address.port, opened, user=self.user, timeout=timeout)
        else:
            self.dial_tls(address.ip, address.port, address.identity, opened, timeout)

    def _tcp(self, endpoint: Endpoint) -> Connection:
        """The metrics of a connection just made."""
        direction, concrete = "inbound", None
        if not isinstance(endpoint, Local):
            direction, concrete = "outbound", self._concrete(endpoint)
        labels = self.proxy.connected_labels(concrete, endpoint)
        return self.proxy.tcp_open(direction, "dst", labels)

    def _concrete(self, endpoint: Endpoint) -> Concrete | None:
        """Whose endpoint it is."""
        for destination in self.proxy.destinations.values():
            for concrete in destination.concretes:
                if endpoint in concrete.endpoints.values():
                    return concrete
        return None

    def dial_tls(
        self,
        ip: str,
        port: int,
        server_name: str,
        done: Callable[[Conn | Refusal], object],
        timeout: float,
    ) -> None:
        """Open a mutual-TLS connection and check that the server is who it should be."""
        mine = self.credentials
        hello = Hello(server_name, mine.certificate, mine.name)

        def opened(conn: Conn | Refusal) -> None:
            if isinstance(conn, Conn):
                now = self.engine.calendar.epoch + self.engine.now
                answer = conn.answer
                if not isinstance(answer, Hello) or judge(answer, server_name, mine.anchors, now):
                    conn.close()
                    conn = Refusal("tls")
            done(conn)

        self.net.dial(ip, port, opened, user=self.user, hello=hello, timeout=timeout)

    def close(self) -> None:
        """The proxy is gone: so are its connections."""
        for channel in self.channels.values():
            if channel.conn is not None:
                channel.conn.close("reset")

    def forget(self, address: Address) -> None:
        """The endpoint is gone from its destination: close its connection once nothing is on it."""
        channel = self.channels.pop(address, None)
        if channel is not None and channel.conn is not None and not channel.conn.pending:
            channel.conn.close()

    # -- the tables ------------------------------------------------------------------------------------

    def link_to(self, conn: Conn) -> int:
        """The number of (this pod, that pod) in the attempts table."""
        name = conn.server_name
        found = self._links.get(name)
        if found is None:
            found = self._links[name] = self.tables.links.number((self.container.pod.name, name))
        return found

    def link_to_address(self, address: Address) -> int:
        """The same for an endpoint no connection was made to."""
        return self.tables.links.number((self.container.pod.name, f"{address.ip}:{address.port}"))


def errno_of(reason: str) -> str:
    """The ``errno`` label of a closed connection."""
    return {"reset": "ECONNRESET", "unreachable": "ETIMEDOUT"}.get(reason, "")
