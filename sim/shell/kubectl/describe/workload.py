"""``kubectl describe`` of what makes pods: Deployments and the like, Jobs, CronJobs, and autoscalers."""

from sim.cluster.api.scale import selector_text
from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.pod import controller_line
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines, template_lines
from sim.shell.kubectl.printing.layout import human_duration, instant, long_date
from sim.shell.kubectl.tables.table import selector
from sim.shell.kubectl.writing.revisions import owned_replicasets, revision_of

__all__ = [
    "describe_autoscaler",
    "describe_cronjob",
    "describe_deployment",
    "describe_job",
    "describe_replicas",
]


def _head(obj: Obj) -> list[str]:
    meta = obj["metadata"]
    return [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]


def _marks(obj: Obj) -> list[str]:
    meta = obj["metadata"]
    return labels_lines("Labels", meta.get("labels")) + mapping_lines("Annotations", meta.get("annotations"))


def describe_deployment(call: Call, obj: Obj) -> list[str]:
    """Replicas, strategy, template, conditions, ReplicaSets, events."""
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status", {})
    strategy = spec.get("strategy") or {}
    counts = [
        f"{spec.get('replicas', 1)} desired",
        f"{status.get('updatedReplicas', 0)} updated",
        f"{status.get('replicas', 0)} total",
        f"{status.get('availableReplicas', 0)} available",
        f"{status.get('unavailableReplicas', 0)} unavailable",
    ]
    lines = [
        *_head(obj),
        f"CreationTimestamp:\t{long_date(meta['creationTimestamp'])}",
        *_marks(obj),
        f"Selector:\t{selector(spec.get('selector'))}",
        f"Replicas:\t{' | '.join(counts)}",
        f"StrategyType:\t{strategy.get('type', '')}",
        f"MinReadySeconds:\t{spec.get('minReadySeconds', 0)}",
    ]
    if strategy.get("rollingUpdate"):
        rolling = strategy["rollingUpdate"]
        text = f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge"
        lines.append(f"RollingUpdateStrategy:\t{text}")
    lines += ["Pod Template:", *template_lines(spec["template"], indent="  ")]
    lines += _conditions(status.get("conditions") or [])
    return lines + _replicaset_lines(call, obj) + event_lines(call, obj)


def _conditions(conditions: list[Obj]) -> list[str]:
    if not conditions:
        return []
    rows = [f"  {one['type']}\t{one['status']}\t{one.get('reason', '')}" for one in conditions]
    return ["Conditions:", "  Type\tStatus\tReason", "  ----\t------\t------", *rows]


def _replicaset_lines(call: Call, obj: Obj) -> list[str]:
    current = revision_of(obj)
    new, old = [], []
    for one in sorted(owned_replicasets(call, obj), key=lambda rs: str(rs["metadata"]["creationTimestamp"])):
        wanted, made = one["spec"].get("replicas", 0), one.get("status", {}).get("replicas", 0)
        text = f"{one['metadata']['name']} ({made}/{wanted} replicas created)"
        if revision_of(one) == current:
            new.append(text)
        else:
            old.append(text)
    return [f"OldReplicaSets:\t{', '.join(old) or '<none>'}", f"NewReplicaSet:\t{', '.join(new) or '<none>'}"]


def _pods_status(call: Call, obj: Obj) -> str:
    """How many of its pods are in which phase."""
    labels = selector_text(obj["spec"].get("selector"))
    found = call.client.list("pods", obj["metadata"]["namespace"], labels=labels) if labels else []
    uid = obj["metadata"].get("uid")
    phases = [
        pod.get("status", {}).get("phase", "Pending")
        for pod in found
        if any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences") or [])
    ]
    words = (("Running", "Running"), ("Pending", "Waiting"), ("Succeeded", "Succeeded"), ("Failed", "Failed"))
    return " / ".join(f"{phases.count(phase)} {word}" for phase, word in words)


def describe_replicas(call: Call, obj: Obj) -> list[str]:
    """A ReplicaSet, StatefulSet or DaemonSet."""
    spec, status = obj["spec"], obj.get("status", {})
    lines = _head(obj)
    if obj["kind"] != "ReplicaSet":
        lines.append(f"CreationTimestamp:\t{long_date(obj['metadata']['creationTimestamp'])}")
    lines += [f"Selector:\t{selector(spec.get('selector'))}", *_marks(obj), *controller_line(obj)]
    if obj["kind"] == "DaemonSet":
        for title, field in (
            ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
            ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
            ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
            ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ):
            lines.append(f"{title}:\t{status.get(field, 0)}")
    elif obj["kind"] == "StatefulSet":
        lines.append(f"Replicas:\t{spec.get('replicas', 1)} desired | {status.get('replicas', 0)} total")
        lines.append(f"Update Strategy:\t{(spec.get('updateStrategy') or {}).get('type', '')}")
    else:
        lines.append(f"Replicas:\t{status.get('replicas', 0)} current / {spec.get('replicas', 1)} desired")
    lines.append(f"Pods Status:\t{_pods_status(call, obj)}")
    lines += ["Pod Template:", *template_lines(spec["template"], indent="  ")]
    return lines + _conditions(status.get("conditions") or []) + event_lines(call, obj)


def describe_job(call: Call, obj: Obj) -> list[str]:
    """A Job: how often it ran and how it ended."""
    spec, status = obj["spec"], obj.get("status", {})
    lines = [*_head(obj), f"Selector:\t{selector(spec.get('selector'))}", *_marks(obj), *controller_line(obj)]
    lines.append(f"Parallelism:\t{spec.get('parallelism', 1)}")
    lines.append(f"Completions:\t{spec.get('completions', '<unset>')}")
    if spec.get("backoffLimit") is not None:
        lines.append(f"Backoff Limit:\t{spec['backoffLimit']}")
    if status.get("startTime"):
        lines.append(f"Start Time:\t{long_date(status['startTime'])}")
    if status.get("completionTime"):
        lines.append(f"Completed At:\t{long_date(status['completionTime'])}")
        length = instant(status["completionTime"]) - instant(status["startTime"])
        lines.append(f"Duration:\t{human_duration(length)}")
    ready = f" ({status['ready']} Ready)" if status.get("ready") is not None else ""
    counts = (("Active" + ready, "active"), ("Succeeded", "succeeded"), ("Failed", "failed"))
    lines.append("Pods Statuses:\t" + " / ".join(f"{status.get(field, 0)} {word}" for word, field in counts))
    lines += ["Pod Template:", *template_lines(spec["template"], indent="  ")]
    return lines + event_lines(call, obj)


def describe_cronjob(call: Call, obj: Obj) -> list[str]:
    """A CronJob: its schedule, when it last ran, and the template of its Jobs."""
    spec, status = obj["spec"], obj.get("status", {})
    last = status.get("lastScheduleTime")
    deadline = spec.get("startingDeadlineSeconds")
    active = ", ".join(one.get("name", "") for one in status.get("active") or [])
    lines = [
        *_head(obj),
        *_marks(obj),
        f"Schedule:\t{spec.get('schedule', '')}",
        f"Concurrency Policy:\t{spec.get('concurrencyPolicy', 'Allow')}",
        f"Suspend:\t{bool(spec.get('suspend'))}",
        f"Successful Job History Limit:\t{spec.get('successfulJobsHistoryLimit', 3)}",
        f"Failed Job History Limit:\t{spec.get('failedJobsHistoryLimit', 1)}",
        f"Starting Deadline Seconds:\t{f'{deadline}s' if deadline is not None else '<unset>'}",
        "Pod Template:",
        *template_lines(spec["jobTemplate"]["spec"]["template"], indent="  "),
        f"Last Schedule Time:\t{long_date(last) if last else '<unset>'}",
        f"Active Jobs:\t{active or '<none>'}",
    ]
    return lines + event_lines(call, obj)


def describe_autoscaler(call: Call, obj: Obj) -> list[str]:
    """A HorizontalPodAutoscaler: what it reads, what it steers to, and why."""
    from sim.shell.kubectl.tables.workload import AUTOSCALER

    spec, status = obj["spec"], obj.get("status", {})
    cells = AUTOSCALER.cells(obj, call.view())
    counts = f"{status.get('currentReplicas', 0)} current / {status.get('desiredReplicas', 0)} desired"
    lines = [
        *_head(obj),
        *_marks(obj),
        f"CreationTimestamp:\t{long_date(obj['metadata']['creationTimestamp'])}",
        f"Reference:\t{cells[1]}",
        *_metric_lines(spec, status),
        f"Min replicas:\t{spec.get('minReplicas', '<unset>')}",
        f"Max replicas:\t{spec.get('maxReplicas', '')}",
        f"{spec.get('scaleTargetRef', {}).get('kind', '')} pods:\t{counts}",
    ]
    return lines + _conditions(status.get("conditions") or []) + event_lines(call, obj)


def _metric_lines(spec: Obj, status: Obj) -> list[str]:
    """What it reads now and what it steers to, in the form of the object's own version."""
    if spec.get("targetCPUUtilizationPercentage") is not None:  # autoscaling/v1
        now = status.get("currentCPUUtilizationPercentage")
        return [
            f"Target CPU utilization:\t{spec['targetCPUUtilizationPercentage']}%",
            f"Current CPU utilization:\t{'<unknown>' if now is None else now}%",
        ]
    lines = ["Metrics:\t( current / target )"]
    current = {
        one.get("resource", {}).get("name"): one["resource"].get("current", {})
        for one in status.get("currentMetrics") or []
        if one.get("resource")
    }
    for metric in spec.get("metrics") or []:
        resource = metric.get("resource") or {}
        name, target = resource.get("name", ""), resource.get("target") or {}
        now = current.get(name, {})
        if target.get("averageUtilization") is None:
            text = f"{now.get('averageValue', '<unknown>')} / {target.get('averageValue', '<auto>')}"
            lines.append(f"  resource {name} on pods:\t{text}")
            continue
        used = now.get("averageUtilization")
        reads = "<unknown>" if used is None else f"{used}% ({now.get('averageValue', '')})"
        title = f"  resource {name} on pods  (as a percentage of request):"
        lines.append(f"{title}\t{reads} / {target['averageUtilization']}%")
    return lines
