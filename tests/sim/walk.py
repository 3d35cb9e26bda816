"""The tutorial's steps, and readers of what its commands print."""

from dataclasses import dataclass

from sim.shell.sandbox import Sandbox

EMOJIVOTO = "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -"
INJECT = "kubectl get -n emojivoto deploy -o yaml | linkerd inject - | kubectl apply -f -"
GATEWAY = (
    "kubectl apply -f https://github.com/kubernetes-sigs/gateway-api/releases/download/"
    "v1.2.1/standard-install.yaml"
)
STABLE, EDGE = "stable-2.8.1", "edge"
WORKLOADS = ("emoji", "vote-bot", "voting", "web")
UNMESHED = ["0/1", "-", "-", "-", "-", "-", "-"]


def do(sandbox: Sandbox, line: str) -> str:
    """Run a line that must succeed; what it printed."""
    result = sandbox.sh(line)
    assert result.status == 0, f"{line}: {result.stderr or result.stdout}"
    return result.stdout


def quiet(sandbox: Sandbox, line: str) -> str:
    """Run a line that must succeed without a word on standard error."""
    result = sandbox.sh(line)
    assert (result.status, result.stderr) == (0, ""), line
    return result.stdout


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a printed table by their first cell, the header left out."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:] if line.strip()}


def install(sandbox: Sandbox) -> None:
    """Install the control plane (and the metrics extension, where that is apart) and wait until it runs."""
    if sandbox.edition == EDGE:
        do(sandbox, GATEWAY)
        do(sandbox, "linkerd install --crds | kubectl apply -f -")
    do(sandbox, "linkerd install | kubectl apply -f -")
    sandbox.advance(50.0)
    if sandbox.edition == EDGE:
        do(sandbox, "linkerd viz install | kubectl apply -f -")
        sandbox.advance(50.0)


def meshed(sandbox: Sandbox) -> None:
    """The tutorial without its pauses: control plane, emojivoto, injection, and a settled minute."""
    install(sandbox)
    do(sandbox, EMOJIVOTO)
    sandbox.advance(20.0)
    do(sandbox, INJECT)
    sandbox.advance(75.0)


def viz(sandbox: Sandbox, words: str) -> str:
    """A line of the metrics command, as the edition names it; edge leaves unmeshed rows out unless asked."""
    if sandbox.edition != EDGE:
        return f"linkerd {words}"
    return f"linkerd viz {words}" + (" --unmeshed" if words.startswith("stat") else "")


def stat(sandbox: Sandbox, words: str = "-n emojivoto deploy") -> dict[str, list[str]]:
    """The table of ``linkerd stat``."""
    return rows(do(sandbox, viz(sandbox, f"stat {words}")))


def ready(sandbox: Sandbox, namespace: str = "emojivoto") -> dict[str, str]:
    """READY of each pod, by name."""
    return {name: cells[0] for name, cells in rows(do(sandbox, f"kubectl get po -n {namespace}")).items()}


def workload(pod: str) -> str:
    """``web`` of ``web-5d4c8b7d9-x2x4z``."""
    return pod.rsplit("-", 2)[0]


def template_hash(pod: str) -> str:
    """``5d4c8b7d9`` of ``web-5d4c8b7d9-x2x4z``."""
    return pod.rsplit("-", 2)[1]


@dataclass(frozen=True)
class Traffic:
    """Client truth of one edge over a while: requests answered, and the share that succeeded."""

    count: int
    success: float


def traffic(
    sandbox: Sandbox, source: str, authority: str, begin: float = 0.0, end: float = float("inf")
) -> Traffic:
    """What ``source`` wanted of ``authority`` between two times, by when it asked.

    Args:
        source: ``deploy/vote-bot``.
        authority: ``web-svc.emojivoto``, without a port.
    """
    table = sandbox.tables.requests.array()
    numbers = [i for i, key in enumerate(sandbox.tables.edges.keys) if key[:2] == (source, authority)]
    chosen = table[[row in numbers for row in table["edge"]]] if numbers else table[:0]
    chosen = chosen[(chosen["start_s"] >= begin) & (chosen["start_s"] < end)]
    return Traffic(len(chosen), float((chosen["outcome"] == 0).mean()) if len(chosen) else float("nan"))
