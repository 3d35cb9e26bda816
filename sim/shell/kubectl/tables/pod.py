"""The row of a pod: READY, STATUS and RESTARTS are worked out from its containers, not stored."""

from dataclasses import dataclass

from sim.shell.kubectl.printing.layout import age
from sim.shell.kubectl.tables.table import Kind, Obj, View, columns

__all__ = ["POD", "PodState", "is_sidecar", "pod_state"]

RESTART_AGES_SINCE = 22  # the minor version from which servers add "(5m ago)" to RESTARTS


@dataclass(slots=True)
class PodState:
    """What ``kubectl get`` says of a pod's containers."""

    ready: int
    total: int
    status: str
    restarts: int
    last_restart: str  # RFC 3339; empty when nothing restarted

    def count(self, container: Obj) -> None:
        """Add a container's restarts."""
        self.restarts += container.get("restartCount", 0)
        finished = (container.get("lastState", {}).get("terminated") or {}).get("finishedAt") or ""
        self.last_restart = max(self.last_restart, finished)


def is_sidecar(container: Obj | None) -> bool:
    """Whether an init container keeps running beside the others (a native sidecar)."""
    return container is not None and container.get("restartPolicy") == "Always"


def pod_state(pod: Obj) -> PodState:
    """READY, STATUS and RESTARTS of a pod.

    *Source:* the server-side pod printer of Kubernetes 1.32: init containers in order decide until all are
    done (native sidecars count once started), then the ordinary ones, the first of them last and so on top.
    """
    spec, status = pod.get("spec", {}), pod.get("status", {})
    inits = {container["name"]: container for container in spec.get("initContainers") or []}
    total = len(spec.get("containers") or []) + sum(map(is_sidecar, inits.values()))
    phase = status.get("phase", "Pending")
    state = PodState(0, total, status.get("reason") or phase, 0, "")
    sidecars = PodState(0, 0, "", 0, "")
    initializing = _init(status.get("initContainerStatuses") or [], inits, state, sidecars)
    if not initializing or _condition(status, "Initialized"):
        state.restarts, state.last_restart = sidecars.restarts, sidecars.last_restart
        _ordinary(status, state)
    if pod.get("metadata", {}).get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            state.status = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            state.status = "Terminating"
    return state


def _init(statuses: list[Obj], inits: dict[str, Obj], state: PodState, sidecars: PodState) -> bool:
    """Walk the init containers; True when one of them is not done yet, which then names the status."""
    for index, container in enumerate(statuses):
        state.count(container)
        sidecar = is_sidecar(inits.get(container["name"]))
        if sidecar:
            sidecars.count(container)
        now = container.get("state", {})
        terminated, waiting = now.get("terminated"), now.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if sidecar and container.get("started"):
            state.ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            state.status = f"Init:{_ending(terminated)}"
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            state.status = f"Init:{waiting['reason']}"
        else:
            state.status = f"Init:{index}/{len(inits)}"
        return True
    return False


def _ordinary(status: Obj, state: PodState) -> None:
    """Walk the ordinary containers, last to first."""
    running = False
    for container in reversed(status.get("containerStatuses") or []):
        state.count(container)
        now = container.get("state", {})
        waiting, terminated = now.get("waiting") or {}, now.get("terminated")
        if waiting.get("reason"):
            state.status = waiting["reason"]
        elif terminated is not None:
            state.status = _ending(terminated)
        elif container.get("ready") and now.get("running") is not None:
            running = True
            state.ready += 1
    if state.status == "Completed" and running:
        state.status = "Running" if _condition(status, "Ready") else "NotReady"


def _ending(terminated: Obj) -> str:
    """Why a container ended, in a word."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _condition(status: Obj, name: str) -> bool:
    """Whether the pod's condition of that name is True."""
    return any(c["type"] == name and c["status"] == "True" for c in status.get("conditions") or [])


def _gates(pod: Obj) -> str:
    """The READINESS GATES cell: how many of the pod's own conditions hold."""
    gates = [gate["conditionType"] for gate in pod.get("spec", {}).get("readinessGates") or []]
    if not gates:
        return "<none>"
    return f"{sum(_condition(pod.get('status', {}), gate) for gate in gates)}/{len(gates)}"


def _cells(pod: Obj, view: View) -> list[str]:
    state = pod_state(pod)
    restarts = str(state.restarts)
    if state.restarts and state.last_restart and view.minor >= RESTART_AGES_SINCE:
        restarts = f"{restarts} ({age(state.last_restart, view.now)} ago)"
    status = pod.get("status", {})
    return [
        pod["metadata"]["name"],
        f"{state.ready}/{state.total}",
        state.status,
        restarts,
        view.age(pod),
        status.get("podIP") or "<none>",
        pod.get("spec", {}).get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        _gates(pod),
    ]


POD = Kind(columns("NAME|READY|STATUS|RESTARTS|AGE", "IP|NODE|NOMINATED NODE|READINESS GATES"), _cells)
