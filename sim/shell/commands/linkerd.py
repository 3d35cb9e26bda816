"""The linkerd command in the sandbox: gives it the cluster, the files and the time."""

from sim.shell.context import Context, Result
from sim.shell.jobs import Forward

__all__ = ["linkerd"]

# kubectl of the editions' days. Source: the tutorial (v1.16.6-beta.0); for edge, the server's own version.
KUBECTL = {"stable-2.8.1": "v1.16.6-beta.0"}


def linkerd(context: Context, argv: list[str], stdin: str) -> Result:
    """Run linkerd of the sandbox's edition."""
    from mesh.cli.console import Console
    from mesh.cli.linkerd import linkerd as command
    from mesh.editions import edition

    name = context.host.edition
    forwards: list[Forward] = []

    def forward(namespace: str, pod: str, local: int, port: int) -> None:
        if context.jobs.forward(local) is not None:
            raise OSError(f"listen tcp 127.0.0.1:{local}: bind: address already in use")
        forwards.append(context.client.portforward(namespace, pod, local, port))

    console = Console(
        kube=context.client,
        edition=edition(name),
        now=context.now,
        sleep=context.sleep,
        read=context.read,
        listdir=context.files.listdir,
        stdin=stdin,
        rng=context.engine.stream("linkerd"),
        forward=forward,
        kubectl_version=KUBECTL.get(name, context.client.api.version.partition("-")[0]),
    )
    result = command(argv, console)
    if result.status == 0 and forwards:
        context.jobs.add(context.text, forwards=tuple(forwards))
    return result
