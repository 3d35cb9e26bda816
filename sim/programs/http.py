"""How programs speak HTTP over the simulated network: servers, pooled clients, streams.

A client records what its caller wanted (table ``requests``), and, where no proxy does it, each send
(``attempts``). HTTP/1.1 clients keep idle connections; gRPC clients multiplex over one connection per
authority, which is what pins them to one pod without a mesh.
"""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeAlias, cast

import simpy

from mesh.messages import Peer, Request, Response, fail
from sim.cluster.net import Conn, Exchange, NetNs, Refusal, UnknownName
from sim.cluster.program import Container, HttpReply
from sim.engine import Deadline, Engine, Tables
from sim.engine.tables import NO_GRPC, Outcome
from sim.programs.faults import Faults, Verdict
from sim.programs.task import Handled, Hop, Steps, Task

__all__ = ["REGISTRY_TYPE", "Caller", "Client", "Handler", "HttpServer", "Stream", "outcome_of", "serve"]

Handler: TypeAlias = Callable[[Request, Peer], Handled]
INFINITY = float("inf")
REGISTRY_TYPE = "application/x-registry"  # asks /metrics for the registry itself instead of its text

# gRPC codes that count as failures: Unknown, DeadlineExceeded, PermissionDenied, Internal, Unavailable
# and DataLoss.
# Source: linkerd2-proxy linkerd/proxy/client-policy/src/grpc.rs
GRPC_FAILURES = frozenset({2, 4, 7, 13, 14, 15})

TRANSPORT_OUTCOMES = {
    "timeout": Outcome.TIMEOUT,
    "connect timeout": Outcome.TIMEOUT,
    "refused": Outcome.REFUSED,
    "reset": Outcome.REFUSED,
    "tls": Outcome.REFUSED,
    "unreachable": Outcome.UNREACHABLE,
}


def outcome_of(response: Response) -> Outcome:
    """What became of a request, from its response."""
    if response.error:
        return TRANSPORT_OUTCOMES.get(response.error, Outcome.UNREACHABLE)
    grpc = response.grpc_status
    if response.status < 500 and grpc in (None, 0):
        headers = response.headers
        if headers is None or "l5d-proxy-error" not in headers:
            return Outcome.OK
    return _proxy_outcome(response) or (
        Outcome.APP_ERROR if response.status >= 500 or grpc in GRPC_FAILURES else Outcome.OK
    )


def _proxy_outcome(response: Response) -> Outcome | None:
    """The outcome of a response a proxy made up; None for an application's own."""
    message = (response.headers or {}).get("l5d-proxy-error")
    if message is None:
        return None
    if "fail-fast" in message:
        return Outcome.FAILFAST
    if response.status in (403, 429):
        return Outcome.UNAUTHORIZED if response.status == 403 else Outcome.RATE_LIMITED
    if response.status == 504:
        return Outcome.TIMEOUT
    return Outcome.UNREACHABLE if response.status == 502 else Outcome.FAILFAST


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


class HttpServer:
    """A handler listening on a port of a container's pod."""

    __slots__ = ("container", "faults", "handler", "port", "workload")

    def __init__(
        self, container: Container, port: int, handler: Handler, faults: Faults | None = None
    ) -> None:
        self.container = container
        self.port = port
        self.handler = handler
        self.faults = faults
        self.workload = f"{container.pod.namespace}/{container.pod.workload}"

    def accept(self, conn: Conn, hello: Any) -> Any:
        """Remember who is at the other end. Applications present no TLS credentials of the mesh."""
        conn.state = Peer(conn.peer_ip, None, "loopback" if conn.link is None else "no_tls_from_remote")
        return Refusal("tls") if hello is not None else None

    def serve(self, exchange: Exchange) -> None:
        """Run the handler for one request."""
        request: Request = exchange.request
        if self.faults is not None and self.faults.rules:
            verdict = self.faults.judge(self.workload, request)
            if verdict is not None:
                self._faulty(exchange, verdict)
                return
        self._handle(exchange)

    def _faulty(self, exchange: Exchange, verdict: Verdict) -> None:
        """Delay the request, or answer it with an error, or only spare it the program's own failure."""
        exchange.request.context.spared = verdict.spared
        if verdict.response is not None:
            exchange.reply(verdict.response, verdict.delay)
        elif verdict.delay:
            self.container.engine.call_in(verdict.delay, self._handle, exchange)
        else:
            self._handle(exchange)

    def _handle(self, exchange: Exchange) -> None:
        if not self.container.alive:
            return
        request: Request = exchange.request
        handled = self.handler(request, exchange.conn.state)
        if type(handled) is Response:
            self._reply(exchange, handled)
        else:
            done = partial(self._reply, exchange)
            Task(self.container, cast(Steps, handled), done, request.context).resume(None)

    def _reply(self, exchange: Exchange, response: Response) -> None:
        if type(response.body) is Stream:
            response.body.through(exchange.conn)
        exchange.reply(response)


def serve(container: Container, port: int, handler: Handler, *, faults: Faults | None = None) -> HttpServer:
    """Listen on ``port`` of the container's pod; the kubelet closes it when the container stops.

    Faults of the pod's workload apply when ``faults`` is given.

    Raises:
        OSError: the port is taken.
    """
    server = HttpServer(container, port, handler, faults)
    container.pod.net.listen(port, server)
    container.ports.append(port)
    return server


class Pending:
    """A request a client waits for."""

    __slots__ = ("client", "conn", "done", "exchange", "expiry", "hop", "request", "start")

    def __init__(self, client: "Client", request: Request, done: Callable[[Response], object]) -> None:
        self.client = client
        self.request = request
        self.done: Callable[[Response], object] | None = done
        self.start = client.engine._now
        self.conn: Conn | None = None
        self.exchange: Exchange | None = None
        self.expiry: Deadline | None = None

    def opened(self, conn: Conn | Refusal) -> None:
        """The connection it waited for is there, or is not."""
        if type(conn) is Refusal:
            self.finish(fail(conn.error))
        elif self.done is None:  # its deadline passed meanwhile
            self.client.put_back(self.request, conn)  # type: ignore[arg-type]
        else:
            self.send(conn)  # type: ignore[arg-type]

    def send(self, conn: Conn) -> None:
        """Send it on ``conn``."""
        self.conn = conn
        if not conn.redirected:
            self.request.context.tries += 1
        self.exchange = conn.send(self.request, self.answered)

    def answered(self, response: Any) -> None:
        """The reply came, or the connection broke."""
        if type(response) is Refusal:
            response = fail(response.error)
        self.finish(response)

    def expired(self, _: Any) -> None:
        """The caller's deadline passed."""
        if self.exchange is not None:
            self.exchange.abandon()
        self.finish(fail("timeout"))

    def finish(self, response: Response) -> None:
        """Hand the response to the caller, record it, and give the connection back."""
        done, self.done = self.done, None
        if done is None:
            return
        if self.expiry is not None:
            self.expiry.cancel()
        client, conn = self.client, self.conn
        if client.recorder is not None:
            client.recorder.record(self, response)
        if conn is not None and not conn.closed and not self.request.grpc:
            if response.error or (client.drops_errors and response.status >= 500 and response.size):
                conn.close()
            else:
                client.put_back(self.request, conn)
        done(response)


class Recorder:
    """Writes a client's requests, and its own sends, to the result tables."""

    __slots__ = ("_edges", "_links", "container", "tables")

    def __init__(self, container: Container, tables: Tables) -> None:
        self.container = container
        self.tables = tables
        self._edges: dict[tuple[str, str], int] = {}
        self._links: dict[str, int] = {}

    def record(self, pending: Pending, response: Response) -> None:
        """One row of ``requests``; one of ``attempts`` unless the pod's proxy wrote it."""
        request, hop, start = pending.request, pending.request.context, pending.start
        latency = pending.client.engine._now - start
        outcome = outcome_of(response)
        grpc = response.grpc_status
        self.tables.requests.append(
            hop.trace,
            start,
            latency,
            self._edge(request),
            response.status,
            NO_GRPC if grpc is None else grpc,
            outcome,
            hop.tries if hop.tries < 255 else 255,
        )
        conn = pending.conn
        if conn is not None and not conn.redirected:
            link = self._links.get(conn.server_name)
            if link is None:
                link = self.tables.links.number((self.container.pod.name, conn.server_name))
                self._links[conn.server_name] = link
            self.tables.attempts.append(hop.trace, start, latency, link, response.status, 2, outcome)

    def _edge(self, request: Request) -> int:
        path = request.path
        if "?" in path:
            path = path.partition("?")[0]
        key = (request.authority, path)
        found = self._edges.get(key)
        if found is None:
            destination = request.authority.rpartition(":")[0] or request.authority
            found = self.tables.edges.number((self.container.pod.workload, destination, path))
            if len(self._edges) < self.tables.edges.LIMIT:
                self._edges[key] = found
        return found


class Client:
    """An HTTP client of a container.

    Args:
        container: whose network, and so whose proxy if it has one, requests go through.
        record: write rows to the result tables: applications do, the control plane does not.
        drops_errors: close the connection after an error response whose body nobody reads, as Go's
            default transport does (emojivoto's vote-bot).
    """

    # How long an idle connection is kept. Source: Go net/http DefaultTransport.IdleConnTimeout, 90 s.
    IDLE = 90.0

    def __init__(self, container: Container, *, record: bool = False, drops_errors: bool = False) -> None:
        self.container = container
        self.engine = container.engine
        self.drops_errors = drops_errors
        self.recorder: Recorder | None = None
        if record and container.tables is not None:
            self.recorder = Recorder(container, container.tables)
        self._idle: dict[str, list[Conn]] = {}
        self._shared: dict[str, Conn] = {}
        self._opening: dict[str, list[Pending]] = {}
        self._anonymous = self.engine.stream("anonymous")

    def call(self, request: Request, done: Callable[[Response], object], timeout: float = INFINITY) -> None:
        """Send ``request``; ``done(response)`` is called once, with a transport failure as status 0."""
        if request.context is None:
            request.context = Hop(0, self._anonymous.getrandbits(64))
        pending = Pending(self, request, done)
        if timeout != INFINITY:
            pending.expiry = self.engine.deadline(timeout, pending.expired)
        if request.grpc:
            self._call_shared(pending, request.authority)
            return
        idle = self._idle.get(request.authority)
        while idle:
            conn = idle.pop()
            if not conn.closed:
                if self.engine._now - conn.used <= self.IDLE:
                    pending.send(conn)
                    return
                conn.close()
        self._dial(request.authority, pending.opened)

    def _call_shared(self, pending: Pending, authority: str) -> None:
        conn = self._shared.get(authority)
        if conn is not None and not conn.closed:
            pending.send(conn)
            return
        waiting = self._opening.get(authority)
        if waiting is not None:
            waiting.append(pending)
            return
        self._opening[authority] = [pending]

        def opened(conn: Conn | Refusal) -> None:
            if isinstance(conn, Conn):
                self._shared[authority] = conn
            for waiter in self._opening.pop(authority):
                waiter.opened(conn)

        self._dial(authority, opened)

    def _dial(self, authority: str, done: Callable[[Conn | Refusal], object]) -> None:
        host, _, port = authority.rpartition(":")
        if not host:
            host, port = authority, "80"
        pod = self.container.pod
        try:
            ip = pod.net.network.dns.resolve(host, pod.namespace)[0]
        except UnknownName:
            self.engine.call_in(0.0, done, Refusal("unreachable"))
            return
        pod.net.dial(ip, int(port), done, user=self.container.user)

    def put_back(self, request: Request, conn: Conn) -> None:
        """An HTTP/1.1 connection is idle again."""
        if request.grpc:
            return
        conn.used = self.engine._now
        self._idle.setdefault(request.authority, []).append(conn)

    def close(self) -> None:
        """Close every connection."""
        for conns in [*self._idle.values(), list(self._shared.values())]:
            for conn in conns:
                conn.close()
        self._idle.clear()
        self._shared.clear()


class Caller:
    """HTTP for those who are not programs: kubelets, the API server, people with a port-forward.

    Implements :class:`sim.cluster.program.HttpCaller`. One connection a call.
    """

    # How a Go client words a transport failure.
    WORDS = {  # noqa: RUF012 - read only
        "refused": "connect: connection refused",
        "reset": "connection reset by peer",
        "unreachable": "connect: no route to host",
        "connect timeout": "i/o timeout",
        "timeout": "context deadline exceeded",
        "tls": "remote error: tls: bad certificate",
    }

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def call(
        self,
        source: NetNs,
        host: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Generator[simpy.Event, Any, HttpReply]:
        """One request from ``source``; method ``CONNECT`` only opens a connection (a TCP probe)."""
        try:
            ip = source.network.dns.resolve(host, source.search)[0]
        except UnknownName:
            return HttpReply(0, None, f"dial tcp: lookup {host}: no such host")
        event = self.engine.event()
        request = Request(method, f"{host}:{port}", path, headers=headers, body=body)
        request.context = Hop(0, self.engine.stream("anonymous").getrandbits(64))
        call = OneCall(event, request)
        expiry = self.engine.deadline(timeout, call.answered, Refusal("timeout"))
        source.dial(ip, port, call.opened)
        response: Response = yield event
        expiry.cancel()
        if call.conn is not None and not isinstance(response.body, Stream):
            call.conn.close()
        if response.error:
            words = self.WORDS.get(response.error, response.error)
            where = f"dial tcp {ip}:{port}: " if call.conn is None else ""
            return HttpReply(0, None, where + words)
        return HttpReply(response.status, response.body, headers=response.headers)


class OneCall:
    """A request on a connection of its own."""

    __slots__ = ("conn", "event", "request")

    def __init__(self, event: simpy.Event, request: Request) -> None:
        self.event = event
        self.request = request
        self.conn: Conn | None = None

    def opened(self, conn: Conn | Refusal) -> None:
        """Send, unless opening failed or was only what was wanted."""
        if isinstance(conn, Refusal):
            self.answered(conn)
            return
        self.conn = conn
        if self.event.triggered:
            conn.close()
        elif self.request.method == "CONNECT":
            self.answered(Response(200))
        else:
            conn.send(self.request, self.answered)

    def answered(self, response: Any) -> None:
        """Wake the caller, once."""
        if not self.event.triggered:
            self.event.succeed(fail(response.error) if isinstance(response, Refusal) else response)
