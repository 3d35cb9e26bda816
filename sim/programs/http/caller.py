"""HTTP for those who are not programs: kubelets, the API server, people with a port-forward."""

from collections.abc import Generator
from typing import Any

import simpy

from mesh.messages import Request, Response, fail
from sim.cluster.net import Conn, NetNs, Refusal, UnknownName
from sim.cluster.program import HttpReply
from sim.engine import Engine
from sim.programs.http.stream import Stream
from sim.programs.task import Hop

__all__ = ["Caller"]


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
