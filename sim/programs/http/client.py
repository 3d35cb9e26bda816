"""Clients: pooled connections, and rows in the result tables.

A client records what its caller wanted (table ``requests``), and, where no proxy does it, each send
(``attempts``). HTTP/1.1 clients keep idle connections; gRPC clients multiplex over one connection per
authority, which is what pins them to one pod without a mesh.
"""

from collections.abc import Callable
from typing import Any

from mesh.messages import Request, Response, fail
from sim.cluster.net import Conn, Exchange, Refusal, UnknownName
from sim.cluster.program import Container
from sim.engine import Deadline, Tables
from sim.engine.tables import NO_GRPC
from sim.programs.http.outcomes import outcome_of
from sim.programs.task import Hop

__all__ = ["Client"]

INFINITY = float("inf")


class Pending:
    """A request a client waits for."""

    __slots__ = ("client", "conn", "done", "exchange", "expiry", "request", "start")

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
