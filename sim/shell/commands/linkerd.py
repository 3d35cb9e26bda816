"""The linkerd command in the sandbox: gives it the cluster, the files and the time."""

from sim.shell.context import Context, Result

__all__ = ["linkerd"]

# kubectl of the editions' days. Source: the tutorial (v1.16.6-beta.0); for edge, the server's own version.
KUBECTL = {"stable-2.8.1": "v1.16.6-beta.0"}


def linkerd(context: Context, argv: list[str], stdin: str) -> Result:
    """Run linkerd of the sandbox's edition."""
    from mesh.cli.console import Console
    from mesh.cli.linkerd import linkerd as command
    from mesh.editions import edition

    name = context.host.edition
    console = Console(
        kube=context.client,
        edition=edition(name),
        now=context.now,
        sleep=context.sleep,
        read=context.read,
        listdir=context.files.listdir,
        stdin=stdin,
        rng=context.engine.stream("linkerd"),
        kubectl_version=KUBECTL.get(name, context.client.api.version.partition("-")[0]),
    )
    result = command(argv, console)
    if result.status == 0 and "dashboard" in argv:
        context.jobs.add(context.text)
    return result
