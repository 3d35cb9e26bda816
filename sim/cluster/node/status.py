"""What a kubelet reports of a pod: phase, conditions and the state of each container."""

from typing import TYPE_CHECKING, Any

from sim.cluster.node.quantity import quantity

if TYPE_CHECKING:
    from sim.cluster.node.containers import ContainerRunner
    from sim.cluster.node.pods import PodWorker

__all__ = ["container_status", "describe_state", "pod_status", "quality_of_service", "ready_count"]

Obj = dict[str, Any]


def container_status(runner: "ContainerRunner") -> Obj:
    """An entry of containerStatuses or initContainerStatuses."""
    status: Obj = {
        "name": runner.name,
        "image": runner.spec.get("image", ""),
        "imageID": runner.image_id,
        "lastState": runner.last_state,
        "ready": runner.ready,
        "restartCount": runner.restarts,
        "started": runner.started,
        "state": runner.state,
    }
    if runner.container_id:
        status["containerID"] = runner.container_id
    return status


def phase(worker: "PodWorker") -> str:
    """The pod's phase.

    *Source:* kubelet's getPhase: Pending until every container ran once; then Running while one runs or will
    run again; else Succeeded or Failed.
    """
    if any(not settled(runner) for runner in worker.inits):
        failed = worker.failed and not any("running" in runner.state for runner in worker.inits)
        return "Failed" if failed else "Pending"
    running = stopped = waiting = succeeded = 0
    for runner in worker.apps:
        if "running" in runner.state:
            running += 1
        elif "terminated" in runner.state or runner.last_state:
            stopped += 1
            ended = runner.state.get("terminated") or runner.last_state.get("terminated") or {}
            succeeded += ended.get("exitCode") == 0
        else:
            waiting += 1
    policy = worker.spec.get("restartPolicy", "Always")
    if waiting and not worker.stopping:
        return "Pending"
    if running or not stopped:
        return "Running" if running else "Pending"
    if policy == "Always" and not worker.failed:
        return "Running"
    if succeeded == stopped:
        return "Succeeded"
    return "Failed" if policy == "Never" or worker.finished else "Running"


def settled(runner: "ContainerRunner") -> bool:
    """Whether what follows this init container may go on."""
    if runner.kind == "sidecar":
        return bool(runner.up.triggered)
    return bool(runner.finished.triggered and runner.ready)


def _condition(kind: str, lacking: list[str], reason: str, noun: str) -> Obj:
    if not lacking:
        return {"type": kind, "status": "True"}
    text = f"containers with {noun} status: [{' '.join(lacking)}]"
    return {"type": kind, "status": "False", "reason": reason, "message": text}


def conditions(worker: "PodWorker", old: list[Obj], phase_: str) -> list[Obj]:
    """The conditions, with the time each last changed kept from ``old``."""
    incomplete = [r.name for r in worker.inits if not settled(r)]
    unready = [r.name for r in worker.counted if not r.ready]
    ready = _condition("Ready", unready, "ContainersNotReady", "unready")
    contained = _condition("ContainersReady", unready, "ContainersNotReady", "unready")
    if phase_ in ("Succeeded", "Failed"):
        reason = "PodCompleted" if phase_ == "Succeeded" else "PodFailed"
        ready = {"type": "Ready", "status": "False", "reason": reason}
        contained = {"type": "ContainersReady", "status": "False", "reason": reason}
    fresh = [
        _condition("Initialized", incomplete, "ContainersNotInitialized", "incomplete"),
        ready,
        contained,
        {"type": "PodScheduled", "status": "True"},
    ]
    before = {entry["type"]: entry for entry in old}
    now = worker.engine.timestamp()
    for entry in fresh:
        known = before.pop(entry["type"], None)
        unchanged = known is not None and known.get("status") == entry["status"]
        entry["lastTransitionTime"] = known.get("lastTransitionTime", now) if known and unchanged else now
        entry["lastProbeTime"] = None
    return fresh + list(before.values())


def pod_status(worker: "PodWorker", stored: Obj) -> Obj:
    """The whole status; ``stored`` is the present one, whose foreign conditions are kept."""
    phase_ = phase(worker)
    status: Obj = {
        "phase": phase_,
        "conditions": conditions(worker, stored.get("conditions") or [], phase_),
        "hostIP": worker.node.ip,
        "qosClass": quality_of_service(worker.spec),
        "startTime": worker.start_time,
        "containerStatuses": [container_status(r) for r in sorted(worker.apps, key=lambda r: r.name)],
    }
    if worker.inits:
        status["initContainerStatuses"] = [container_status(runner) for runner in worker.inits]
    if worker.ip:
        status["podIP"] = worker.ip
        status["podIPs"] = [{"ip": worker.ip}]
    for key in ("reason", "message", "nominatedNodeName"):
        if key in stored:
            status[key] = stored[key]
    return status


def quality_of_service(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort."""
    guaranteed, anything = True, False
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        limits, wanted = resources.get("limits") or {}, resources.get("requests") or {}
        anything = anything or any(name in limits or name in wanted for name in ("cpu", "memory"))
        for name in ("cpu", "memory"):
            limit = limits.get(name)
            if limit is None or quantity(wanted.get(name, limit)) != quantity(limit):
                guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def describe_state(runner: "ContainerRunner") -> str:
    """``web-svc=running``, ``web-svc=waiting(CrashLoopBackOff)``: for the table of pods."""
    kind, detail = next(iter(runner.state.items()))
    reason = detail.get("reason")
    return f"{runner.name}={kind}({reason})" if reason else f"{runner.name}={kind}"


def ready_count(worker: "PodWorker") -> str:
    """``1/2``: ready containers of those that count, native sidecars included."""
    return f"{sum(r.ready for r in worker.counted)}/{len(worker.counted)}"
