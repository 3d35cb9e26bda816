"""Rows of what makes pods: Deployments and the like, Jobs, CronJobs; and of autoscalers."""

from typing import Any

from sim.shell.kubectl.printing.layout import age, human_duration, instant
from sim.shell.kubectl.tables.table import Kind, Obj, View, columns, container_cells, selector

__all__ = ["AUTOSCALER", "CRONJOB", "DAEMONSET", "DEPLOYMENT", "JOB", "REPLICASET", "STATEFULSET"]


def _wide(obj: Obj) -> list[str]:
    """CONTAINERS, IMAGES and SELECTOR."""
    spec = obj.get("spec", {})
    return [*container_cells(spec.get("template", {})), selector(spec.get("selector"))]


def _replicas(obj: Obj) -> int:
    wanted = obj.get("spec", {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def _number(obj: Obj, field: str) -> str:
    return str(obj.get("status", {}).get(field) or 0)


def _deployment(obj: Obj, view: View) -> list[str]:
    return [
        obj["metadata"]["name"],
        f"{_number(obj, 'readyReplicas')}/{_replicas(obj)}",
        _number(obj, "updatedReplicas"),
        _number(obj, "availableReplicas"),
        view.age(obj),
        *_wide(obj),
    ]


def _replicaset(obj: Obj, view: View) -> list[str]:
    return [
        obj["metadata"]["name"],
        str(_replicas(obj)),
        _number(obj, "replicas"),
        _number(obj, "readyReplicas"),
        view.age(obj),
        *_wide(obj),
    ]


def _statefulset(obj: Obj, view: View) -> list[str]:
    return [
        obj["metadata"]["name"],
        f"{_number(obj, 'readyReplicas')}/{_replicas(obj)}",
        view.age(obj),
        *_wide(obj)[:2],
    ]


def _daemonset(obj: Obj, view: View) -> list[str]:
    nodes = obj.get("spec", {}).get("template", {}).get("spec", {}).get("nodeSelector")
    return [
        obj["metadata"]["name"],
        _number(obj, "desiredNumberScheduled"),
        _number(obj, "currentNumberScheduled"),
        _number(obj, "numberReady"),
        _number(obj, "updatedNumberScheduled"),
        _number(obj, "numberAvailable"),
        selector(nodes),
        view.age(obj),
        *_wide(obj),
    ]


def _job_status(obj: Obj) -> str:
    """Complete, Failed, Suspended, Terminating or Running."""
    true = [c["type"] for c in obj.get("status", {}).get("conditions") or [] if c["status"] == "True"]
    for name, word in (("Complete", "Complete"), ("Failed", "Failed")):
        if name in true:
            return word
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return "Suspended" if "Suspended" in true else "Running"


def _completions(obj: Obj) -> str:
    spec = obj.get("spec", {})
    succeeded = _number(obj, "succeeded")
    wanted, parallel = spec.get("completions"), spec.get("parallelism") or 0
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    return f"{succeeded}/1 of {parallel}" if parallel > 1 else f"{succeeded}/1"


def _job(obj: Obj, view: View) -> list[str]:
    status = obj.get("status", {})
    duration = ""
    if status.get("startTime"):
        ended = status.get("completionTime")
        end = instant(ended) if ended else view.now
        duration = human_duration(end - instant(status["startTime"]))
    return [
        obj["metadata"]["name"],
        _job_status(obj),
        _completions(obj),
        duration,
        view.age(obj),
        *_wide(obj),
    ]


def _cronjob(obj: Obj, view: View) -> list[str]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    last = status.get("lastScheduleTime")
    template = spec.get("jobTemplate", {}).get("spec", {})
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or "<none>",
        str(bool(spec.get("suspend"))),
        str(len(status.get("active") or [])),
        age(last, view.now) if last else "<none>",
        view.age(obj),
        *container_cells(template.get("template", {})),
        selector(template.get("selector")),
    ]


def _metric_target(metric: Obj, current: list[Obj], minor: int) -> str:
    """``cpu: 12%/80%``: what a metric of an autoscaler reads, and the value it steers to."""
    resource = metric.get("resource") or {}
    name, target = resource.get("name", ""), resource.get("target") or {}
    found: Any = next(
        (
            c.get("resource", {}).get("current", {})
            for c in current
            if c.get("resource", {}).get("name") == name
        ),
        {},
    )
    if target.get("averageUtilization") is not None:
        now = found.get("averageUtilization")
        text = f"{'<unknown>' if now is None else f'{now}%'}/{target['averageUtilization']}%"
    else:
        text = f"{found.get('averageValue') or '<unknown>'}/{target.get('averageValue', '<auto>')}"
    return f"{name}: {text}" if minor >= 30 else text


def _autoscaler(obj: Obj, view: View) -> list[str]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    reference = spec.get("scaleTargetRef", {})
    metrics = spec.get("metrics") or []
    targets = [_metric_target(m, status.get("currentMetrics") or [], view.minor) for m in metrics]
    percent = spec.get("targetCPUUtilizationPercentage")
    if not metrics and percent is not None:  # autoscaling/v1
        now = status.get("currentCPUUtilizationPercentage")
        label = "cpu: " if view.minor >= 30 else ""
        targets = [f"{label}{'<unknown>' if now is None else f'{now}%'}/{percent}%"]
    least = spec.get("minReplicas")
    return [
        obj["metadata"]["name"],
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        ", ".join(targets) or "<none>",
        "<unset>" if least is None else str(least),
        str(spec.get("maxReplicas", "")),
        _number(obj, "currentReplicas"),
        view.age(obj),
    ]


SHOWN = "CONTAINERS|IMAGES|SELECTOR"
DEPLOYMENT = Kind(columns("NAME|READY|UP-TO-DATE|AVAILABLE|AGE", SHOWN), _deployment)
REPLICASET = Kind(columns("NAME|DESIRED|CURRENT|READY|AGE", SHOWN), _replicaset)
STATEFULSET = Kind(columns("NAME|READY|AGE", "CONTAINERS|IMAGES"), _statefulset)
DAEMONSET = Kind(
    columns("NAME|DESIRED|CURRENT|READY|UP-TO-DATE|AVAILABLE|NODE SELECTOR|AGE", SHOWN), _daemonset
)
JOB = Kind(columns("NAME|STATUS|COMPLETIONS|DURATION|AGE", SHOWN), _job, since=(("STATUS", 30),))
CRONJOB = Kind(
    columns("NAME|SCHEDULE|TIMEZONE|SUSPEND|ACTIVE|LAST SCHEDULE|AGE", SHOWN),
    _cronjob,
    since=(("TIMEZONE", 30),),
)
AUTOSCALER = Kind(columns("NAME|REFERENCE|TARGETS|MINPODS|MAXPODS|REPLICAS|AGE"), _autoscaler)
