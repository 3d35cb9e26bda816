"""Lifecycle hooks and exec: what a kubelet asks of a running container besides probes.

A program may offer ``execute(command)``, a generator for a simpy process that returns the exit code of
running ``command`` in its container. Programs that do not are taken to have the command and to succeed at
once, except ``sleep``, which every image has.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.net import Refusal

if TYPE_CHECKING:
    from sim.cluster.node.containers import ContainerRunner

__all__ = ["execute", "port_number", "run_hook", "try_connect", "try_http"]

Obj = dict[str, Any]
Outcome = Generator[simpy.Event, Any, str]


def run_hook(runner: "ContainerRunner", handler: Obj, timeout: float = 30.0) -> Outcome:
    """Run a postStart, preStop or probe handler; returns what went wrong, empty if nothing did."""
    try:
        if "exec" in handler:
            code = yield from execute(runner, handler["exec"].get("command") or [])
            return f"command exited with {code}" if code else ""
        if "httpGet" in handler:
            return (yield from try_http(runner, handler["httpGet"], timeout))
        if "tcpSocket" in handler:
            return (yield from try_connect(runner, handler["tcpSocket"], timeout))
        if "grpc" in handler:
            return (yield from try_connect(runner, handler["grpc"], timeout))
        if "sleep" in handler:
            yield runner.engine.timeout(float(handler["sleep"].get("seconds", 0)))
    except simpy.Interrupt:
        return "interrupted"
    return ""


def execute(runner: "ContainerRunner", command: list[str]) -> Generator[simpy.Event, Any, int]:
    """Run a command in a container; returns its exit code."""
    run = getattr(runner.program, "execute", None)
    if run is not None:
        return int((yield from run(command)))
    if command and command[0].rpartition("/")[2] == "sleep":
        try:
            seconds = float(command[1].removesuffix("s"))
        except (IndexError, ValueError):
            return 1
        yield runner.engine.timeout(seconds)
    return 0


def port_number(runner: "ContainerRunner", port: int | str) -> int | None:
    """A handler's port; a name is looked up in the container's ports."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    for entry in runner.spec.get("ports") or ():
        if entry.get("name") == port:
            return int(entry["containerPort"])
    return None


def try_http(runner: "ContainerRunner", get: Obj, timeout: float) -> Outcome:
    """A GET from the node; 200 to 399 succeed."""
    worker = runner.worker
    port = port_number(runner, get.get("port", 80))
    if port is None:
        return f"couldn't find port: {get.get('port')}"
    host, path = get.get("host") or worker.ip, get.get("path") or "/"
    headers = {entry["name"]: entry["value"] for entry in get.get("httpHeaders") or ()}
    headers.setdefault("user-agent", "kube-probe/1")
    reply = yield from worker.http.call(
        worker.node_net, host, port, "GET", path, headers=headers, timeout=timeout
    )
    if reply.status == 0:
        scheme = str(get.get("scheme") or "HTTP").lower()
        return f'Get "{scheme}://{host}:{port}{path}": {reply.error}'
    if not 200 <= reply.status < 400:
        return f"HTTP probe failed with statuscode: {reply.status}"
    return ""


def try_connect(runner: "ContainerRunner", socket: Obj, timeout: float) -> Outcome:
    """Open a connection from the node and close it.

    *Differs:* gRPC health checks end here too: that the port answers counts, not what it says.
    """
    worker = runner.worker
    port = port_number(runner, socket.get("port", 0))
    if port is None:
        return f"couldn't find port: {socket.get('port')}"
    answered = runner.engine.event()
    worker.node_net.dial(socket.get("host") or worker.ip, port, answered.succeed, timeout=timeout)
    answer = yield answered
    if isinstance(answer, Refusal):
        what = "connection refused" if answer.error == "refused" else answer.error
        return f"dial tcp {worker.ip}:{port}: connect: {what}"
    answer.close()
    return ""
