"""curl on the operator's machine: the bundled pages, and localhost through a port-forward.

Inside pods :mod:`sim.shell.client.exec` fetches instead.
"""

import re
from typing import TYPE_CHECKING

from mesh.cli.console import Result
from sim.shell.commands.transfer import Answer, Ask, answer, transfer

if TYPE_CHECKING:
    from sim.shell.context import Context

__all__ = ["curl"]


def curl(context: "Context", argv: list[str], stdin: str) -> Result:
    """curl on the operator's machine."""
    return transfer(argv, lambda ask: _outside(context, ask), context)


def _outside(context: "Context", ask: Ask) -> Answer:
    """A request from the operator's machine."""
    if ask.host in ("localhost", "127.0.0.1", "::1"):
        return _forwarded(context, ask)
    if re.fullmatch(r"[\d.]+|[0-9a-f:]+", ask.host):
        context.sleep(ask.timeout)
        where = f"{ask.host} port {ask.port} after {ask.timeout * 1000:.0f} ms"
        return Answer(
            failure=(28, f"Failed to connect to {where}: Connection timed out"), seconds=ask.timeout
        )
    from sim.shell.urls import NoSuchHost, fetch

    try:
        page = fetch(ask.url, context.engine.date())
    except NoSuchHost:
        return Answer(failure=(6, f"Could not resolve host: {ask.host}{_hint(context, ask.host)}"))
    except FileNotFoundError as problem:
        return Answer(failure=(78, str(problem)))
    if ask.method not in ("GET", "HEAD"):
        return Answer(405, "", {"content-type": "text/plain"})
    return Answer(
        page.status, page.text, {"content-type": page.kind, "content-length": str(len(page.text.encode()))}
    )


def _hint(context: "Context", host: str) -> str:
    """Cluster names are known only inside pods: say so."""
    name, _, rest = host.partition(".")
    namespace = rest.partition(".")[0]
    service = context.client.api.find("services", name, namespace or "default")
    if service is None:
        return ""
    return " (a Service's name is known only inside pods: use kubectl port-forward or kubectl exec)"


def _forwarded(context: "Context", ask: Ask) -> Answer:
    """A request through a running port-forward."""
    from mesh.cli.kube import KubeError

    forward = context.jobs.forward(ask.port)
    if forward is None:
        text = f"Failed to connect to {ask.host} port {ask.port} after 0 ms: Couldn't connect to server"
        return Answer(failure=(7, text))
    started = context.engine.now
    steps = context.client.forwarded(
        forward.namespace, forward.pod, forward.port, ask.method, ask.path, ask.body, ask.timeout, ask.headers
    )
    try:
        reply = context.client.run(steps, ask.timeout + 60.0)
    except KubeError:
        return Answer(failure=(52, "Empty reply from server"))
    return answer(reply, context.engine.now - started, port_forward=True)
