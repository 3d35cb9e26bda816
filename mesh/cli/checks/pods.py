"""Questions about pods that several checks ask."""

from collections.abc import Iterable

from mesh.cli.checks.model import CheckContext, CheckError
from mesh.cli.kube import Obj

__all__ = [
    "PROXY",
    "meshed",
    "not_ready",
    "owner_name",
    "proxy_of",
    "ready",
    "require_running",
    "running",
    "unready_containers",
    "unready_proxies",
]

PROXY = "linkerd-proxy"
CONTROL_PLANE_NS = "linkerd.io/control-plane-ns"
COMPONENT = "linkerd.io/control-plane-component"


def running(pod: Obj) -> bool:
    """Whether the pod's phase is Running and it is not on its way out."""
    phase = (pod.get("status") or {}).get("phase")
    return bool(phase == "Running" and not pod["metadata"].get("deletionTimestamp"))


def finished(pod: Obj) -> bool:
    """Whether the pod's work is over: completed, failed or evicted."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def unready_containers(pod: Obj) -> list[str]:
    """Names of the containers that should be ready and are not; restartable init containers count."""
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    restartable = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    states = [*(status.get("containerStatuses") or ())]
    states += [state for state in status.get("initContainerStatuses") or () if state["name"] in restartable]
    known = {state["name"] for state in states}
    missing = [c["name"] for c in spec.get("containers") or () if c["name"] not in known]
    return [state["name"] for state in states if not state.get("ready")] + missing


def ready(pod: Obj) -> bool:
    """Whether the pod runs and all its containers are ready."""
    return running(pod) and not unready_containers(pod)


def not_ready(pods: Iterable[Obj]) -> list[str]:
    """A line about each pod that runs and is not ready."""
    return [
        f"pod/{pod['metadata']['name']} container {', '.join(names)} is not ready"
        for pod in pods
        if running(pod) and (names := unready_containers(pod))
    ]


def unready_proxies(pods: Iterable[Obj]) -> list[str]:
    """A line about each pod that runs and whose proxy is not ready, whatever its other containers are."""
    return [
        f"pod/{pod['metadata']['name']} container {PROXY} is not ready"
        for pod in pods
        if running(pod) and PROXY in unready_containers(pod)
    ]


def owner_name(pod: Obj, deployment: str) -> bool:
    """Whether the pod's name is one that this Deployment's pods have: ``NAME-HASH-SUFFIX``."""
    parts = pod["metadata"]["name"].rsplit("-", 2)
    return len(parts) == 3 and parts[0] == deployment


def require_running(pods: list[Obj], deployments: Iterable[str]) -> None:
    """Make sure that each Deployment has a running pod, and that the running pods are ready.

    Raises:
        CheckError: the first Deployment without pods, or the first pod that is not ready.
    """
    for deployment in deployments:
        own = [pod for pod in pods if owner_name(pod, deployment) and running(pod)]
        if not own:
            raise CheckError(f'No running pods for "{deployment}"')
        lines = not_ready(own)
        if lines and not any(ready(pod) for pod in own):
            raise CheckError(lines[0])


def proxy_of(pod: Obj) -> Obj | None:
    """The specification of the pod's proxy."""
    spec = pod.get("spec") or {}
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        if container["name"] == PROXY:
            found: Obj = container
            return found
    return None


def meshed(context: CheckContext, namespace: str | None, *, control_plane: bool = False) -> list[Obj]:
    """The pods of the data plane that still run (or with ``control_plane`` those of the control plane).

    Raises:
        CheckError: the pods may not be read.
    """
    found = context.list("pods", namespace, labels=f"{CONTROL_PLANE_NS}={context.namespace}")
    return [
        pod
        for pod in found
        if proxy_of(pod) and not finished(pod) and (COMPONENT in pod["metadata"]["labels"]) == control_plane
    ]
