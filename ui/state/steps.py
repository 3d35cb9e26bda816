"""The tutorial's steps: the lines each types, and how the cluster shows that it was taken."""

from collections.abc import Callable
from dataclasses import dataclass

from sim.shell.sandbox import Sandbox
from ui.state import golden
from ui.state.cluster import DEMO, available, injected, pods
from ui.state.live import Live

__all__ = ["INJECT", "UNINJECT", "Step", "steps"]

INJECT = f"kubectl get -n {DEMO} deploy -o yaml | linkerd inject - | kubectl apply -f -"
UNINJECT = f"kubectl get -n {DEMO} deploy -o yaml | linkerd uninject - | kubectl apply -f -"
GATEWAY = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        id: names its texts: ``step.ID`` and ``step.ID.text``.
        lines: what its button types, one script.
        done: whether the cluster shows that it was taken.
    """

    id: str
    lines: tuple[str, ...]
    done: Callable[[Live], bool]

    @property
    def script(self) -> str:
        """The lines as typed."""
        return "\n".join(self.lines)


def _passed(live: Live, line: str) -> bool:
    """A command that only looks leaves nothing in the cluster: it is done when it succeeded."""
    return any(line in shown.line and not shown.status for shown in live.transcript)


def _exists(sandbox: Sandbox, resource: str, name: str, namespace: str | None = None) -> bool:
    return sandbox.api.find(resource, name, namespace) is not None


def _prechecked(live: Live) -> bool:
    return _passed(live, "linkerd check --pre") or _installed(live)


def _installed(live: Live) -> bool:
    return bool(live.sandbox.api.list("deployments.apps", "linkerd"))


def _viz_installed(live: Live) -> bool:
    return bool(live.sandbox.api.list("deployments.apps", "linkerd-viz"))


def _working(live: Live) -> bool:
    """All of the control plane (and of viz, in edge) is ready."""
    sandbox = live.sandbox
    viz = sandbox.edition != "edge" or available(sandbox, "linkerd-viz")
    return available(sandbox, "linkerd") and viz


def _deployed(live: Live) -> bool:
    return _exists(live.sandbox, "deployments.apps", "voting", DEMO)


def _running(live: Live) -> bool:
    found = live.sandbox.api.list("deployments.apps", DEMO)
    return bool(found) and all((obj.get("status") or {}).get("readyReplicas", 0) for obj in found)


def _injected(live: Live) -> bool:
    return injected(live.sandbox, DEMO)


def _meshed(live: Live) -> bool:
    found = pods(live.sandbox, DEMO)
    return bool(found) and all(pod.well and pod.meshed for pod in found)


def _figures(live: Live) -> bool:
    return any(row.success is not None for row in golden.read(live.sandbox, DEMO).rows)


def steps(edition: str) -> tuple[Step, ...]:
    """The steps in an edition, in order."""
    edge = edition == "edge"
    stat = f"linkerd {'viz ' if edge else ''}stat -n {DEMO} deploy"
    install = (
        (
            f"kubectl apply -f {GATEWAY}",
            "linkerd install --crds | kubectl apply -f -",
            "linkerd install | kubectl apply -f -",
        )
        if edge
        else ("linkerd install | kubectl apply -f -",)
    )
    viz = (Step("viz", ("linkerd viz install | kubectl apply -f -",), _viz_installed),) if edge else ()
    first = f"kubectl apply -f {GATEWAY}\nlinkerd check --pre" if edge else "linkerd check --pre"
    before = Step("pre", tuple(first.split("\n")), _prechecked)
    return (
        before,
        Step("install", install[1:] if edge else install, _installed),
        *viz,
        Step("check", ("linkerd check",), _working),
        Step("deploy", ("curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -",), _deployed),
        Step("pods", ("sleep 190", f"kubectl get po -n {DEMO}"), _running),
        Step("inject", (INJECT,), _injected),
        Step(
            "rollout",
            (f"kubectl -n {DEMO} rollout status deploy/web", "sleep 30", f"kubectl get po -n {DEMO}"),
            _meshed,
        ),
        Step("stat", ("sleep 60", stat), _figures),
    )
