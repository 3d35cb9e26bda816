"""Servers: a handler listening on a port of a pod."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

from mesh.messages import Peer, Request, Response
from sim.cluster.net import Conn, Exchange, Refusal
from sim.cluster.program import Container
from sim.programs.faults import Faults, Verdict
from sim.programs.http.stream import Stream
from sim.programs.task import Handled, Steps, Task

__all__ = ["REGISTRY_TYPE", "Handler", "HttpServer", "serve"]

Handler: TypeAlias = Callable[[Request, Peer], Handled]
REGISTRY_TYPE = "application/x-registry"  # asks /metrics for the registry itself instead of its text


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
