"""``kubectl exec``: one command in a container."""

import shlex

from mesh.cli.flags import Flag
from sim.shell.kubectl.call import Call, Failure, Verb
from sim.shell.kubectl.pods import choose_container, pod_of

__all__ = ["EXEC"]

SHELLS = ("sh", "bash", "ash", "/bin/sh", "/bin/bash")
SHELLISH = frozenset("|&;<>()$`\\\n*?")
DEPRECATED = (
    "kubectl exec [POD] [COMMAND] is DEPRECATED and will be removed in a future version. "
    "Use kubectl exec [POD] -- [COMMAND] instead."
)


def run(call: Call) -> None:
    """Run it, from inside the pod's network and so through its proxy."""
    if not call.args:
        raise Failure("error: pod, type/name or --filename must be specified")
    words = [*call.args[1:], *call.rest]
    if not words:
        raise Failure(
            "error: you must specify at least one command for the container: kubectl exec POD -- COMMAND"
        )
    if call.args[1:]:
        call.warn(DEPRECATED)
    words = _unwrapped(words)
    pod, _ = pod_of(call, call.args[0])
    container = choose_container(call, pod, call["container"], running=True)
    meta = pod["metadata"]
    result = call.client.exec(
        meta["namespace"], meta["name"], container, words, call.stdin if call["stdin"] else ""
    )
    call.write(result.stdout)
    if result.stderr:
        call.warn(result.stderr)
    if result.status:
        call.status = result.status
        if not result.stderr.startswith("error:"):
            call.warn(f"command terminated with exit code {result.status}")


def _unwrapped(words: list[str]) -> list[str]:
    """The command inside ``sh -c '…'``, when it is a plain one.

    Raises:
        Failure: a shell without a command, or one that needs a real shell.
    """
    if words[0] not in SHELLS:
        return words
    if len(words) < 3 or words[1] != "-c":
        raise Failure(
            "error: there is no shell inside containers here; give one command: kubectl exec POD -- curl URL"
        )
    text = words[2]
    try:
        inside = shlex.split(text)
    except ValueError as error:
        raise Failure(f"error: sh -c: {str(error).lower()}") from None
    quoteless = "".join(part for index, part in enumerate(text.split("'")) if index % 2 == 0)
    if not inside or SHELLISH & set(quoteless):
        raise Failure(
            "error: sh -c runs only one plain command here, without pipes, variables or redirections"
        )
    return inside


EXEC = Verb(
    usage="exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [ARGS]",
    about=(
        "Run a command in a container: curl, env, cat of mounted files, nslookup, date, hostname, echo.\n\n"
        "curl inside a pod goes out through the pod's network, and so through its proxy when it has one."
    ),
    run=run,
    flags=(
        Flag("container", "c", help="The container"),
        Flag("stdin", "i", kind="bool", help="Pass standard input to the command"),
        Flag("tty", "t", kind="bool", help="Accepted"),
        Flag("quiet", "q", kind="bool", help="Accepted", hidden=True),
        Flag("pod-running-timeout", kind="duration", default=60.0, help="Accepted", hidden=True),
    ),
    examples="""
kubectl -n emojivoto exec deploy/web -c web-svc -- curl -s http://voting-svc:8801/metrics
kubectl -n emojivoto exec web-5f9b8d6c7-abcde -c linkerd-proxy -- env
""",
)
