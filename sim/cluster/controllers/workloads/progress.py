"""A Deployment's status: counts, whether it is available, whether it progresses."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api.objects import clone
from sim.cluster.controllers.ownership import set_condition

if TYPE_CHECKING:
    from sim.cluster.controllers.workloads.rollout import Rolling
    from sim.engine import Engine

__all__ = ["complete", "deployment_status", "progress_deadline"]

Obj = dict[str, Any]

DEADLINE = 600  # progressDeadlineSeconds by default
NEVER = 2**31 - 1  # the value that stands for no deadline


def deployment_status(
    engine: "Engine", deployment: Obj, new: Obj | None, sets: list[Obj], limits: "Rolling"
) -> Obj:
    """The status that follows from its sets.

    *Source:* deployment controller: calculateStatus and syncRolloutStatus.
    """
    old: Obj = deployment.get("status") or {}

    def total(field: str) -> int:
        return sum(int((rs.get("status") or {}).get(field) or 0) for rs in sets)

    wanted = limits.replicas
    replicas, available = total("replicas"), total("availableReplicas")
    counts = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": replicas,
        "updatedReplicas": int(((new or {}).get("status") or {}).get("replicas") or 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(rs["spec"]["replicas"] for rs in sets) - available),
    }
    status: Obj = {k: v for k, v in counts.items() if v or k == "observedGeneration"}
    if "collisionCount" in old:
        status["collisionCount"] = old["collisionCount"]
    status["conditions"] = clone(old.get("conditions") or [])
    now = engine.timestamp()
    if available >= wanted - limits.unavailable:
        text = "Deployment has minimum availability."
        set_condition(status, "Available", "True", "MinimumReplicasAvailable", text, now)
    else:
        text = "Deployment does not have minimum availability."
        set_condition(status, "Available", "False", "MinimumReplicasUnavailable", text, now)
    _progress(engine, deployment, new, status, old)
    _failures(status, sets)
    return status


def complete(deployment: Obj, status: Obj) -> bool:
    """Whether every replica is of the present template and available, and none is left of another."""
    wanted = int(deployment["spec"].get("replicas", 1))
    return bool(
        status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def _progressing(status: Obj) -> Obj | None:
    for entry in status.get("conditions") or ():
        if entry["type"] == "Progressing":
            return dict(entry)
    return None


def _progress(engine: "Engine", deployment: Obj, new: Obj | None, status: Obj, old: Obj) -> None:
    """The Progressing condition; its lastUpdateTime is the time of the last progress."""
    now = engine.timestamp()
    limit = deployment["spec"].get("progressDeadlineSeconds", DEADLINE)
    if limit == NEVER:
        status["conditions"] = [c for c in status["conditions"] if c["type"] != "Progressing"]
        return
    present = _progressing(status)
    if deployment["spec"].get("paused"):
        if present is None or present["reason"] != "DeploymentPaused":
            text = "Deployment is paused"
            set_condition(status, "Progressing", "Unknown", "DeploymentPaused", text, now)
        return
    if present is not None and present["reason"] == "DeploymentPaused":
        text = "Deployment is resumed"
        set_condition(status, "Progressing", "Unknown", "DeploymentResumed", text, now)
        present = _progressing(status)
    name = new["metadata"]["name"] if new is not None else ""
    what = f'ReplicaSet "{name}"' if name else f'Deployment "{deployment["metadata"]["name"]}"'
    if complete(deployment, status):
        text = f"{what} has successfully progressed."
        set_condition(status, "Progressing", "True", "NewReplicaSetAvailable", text, now)
    elif present is None or (new is not None and name not in present["message"]):
        text = f'Created new replica set "{name}"'
        reason = "NewReplicaSetCreated"
        if new is not None and new["metadata"]["creationTimestamp"] != now:
            reason, text = "FoundNewReplicaSet", f'Found new replica set "{name}"'
        set_condition(status, "Progressing", "True", reason, text, now, touch=True)
    elif _moved(status, old):
        text = f"{what} is progressing."
        set_condition(status, "Progressing", "True", "ReplicaSetUpdated", text, now, touch=True)
    elif present["reason"] == "NewReplicaSetAvailable":
        return  # complete before, disturbed since: no new rollout, so no deadline
    elif _overdue(engine, present, limit):
        text = f"{what} has timed out progressing."
        set_condition(status, "Progressing", "False", "ProgressDeadlineExceeded", text, now)


def _moved(status: Obj, old: Obj) -> bool:
    """Whether the rollout is further than it was."""

    def olds(counts: Obj) -> int:
        return int(counts.get("replicas", 0)) - int(counts.get("updatedReplicas", 0))

    return bool(
        status.get("updatedReplicas", 0) > old.get("updatedReplicas", 0)
        or olds(status) < olds(old)
        or status.get("readyReplicas", 0) > old.get("readyReplicas", 0)
        or status.get("availableReplicas", 0) > old.get("availableReplicas", 0)
    )


def _overdue(engine: "Engine", present: Obj, limit: int) -> bool:
    return engine.now >= engine.calendar.seconds(present["lastUpdateTime"]) + limit


def progress_deadline(engine: "Engine", deployment: Obj, status: Obj) -> float | None:
    """Seconds until the deadline must be looked at; None if there is nothing to wait for."""
    limit = deployment["spec"].get("progressDeadlineSeconds", DEADLINE)
    present = _progressing(status)
    if limit == NEVER or present is None or present["status"] != "True" or complete(deployment, status):
        return None
    if present["reason"] == "NewReplicaSetAvailable":
        return None
    due = engine.calendar.seconds(present["lastUpdateTime"]) + limit
    return float(max(due - engine.now, 0.001))


def _failures(status: Obj, sets: list[Obj]) -> None:
    """A set that cannot create pods makes the Deployment say so."""
    rest = [c for c in status["conditions"] if c["type"] != "ReplicaFailure"]
    for rs in sets:
        for entry in (rs.get("status") or {}).get("conditions") or ():
            if entry["type"] == "ReplicaFailure" and entry["status"] == "True":
                known = [c for c in status["conditions"] if c["type"] == "ReplicaFailure"]
                same = known and known[0]["message"] == entry["message"]
                fresh = {**entry, "lastUpdateTime": entry["lastTransitionTime"]}
                status["conditions"] = [*rest, known[0] if same else fresh]
                return
    status["conditions"] = rest
