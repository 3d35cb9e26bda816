"""``kubectl describe pod``."""

from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.containers import container_lines
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines, toleration_lines
from sim.shell.kubectl.describe.volumes import volume_lines
from sim.shell.kubectl.printing.layout import long_date

__all__ = ["controller_line", "describe_pod"]


def controller_line(obj: Obj) -> list[str]:
    """``Controlled By:  ReplicaSet/web-5f9b8d6c7``, or nothing."""
    for owner in obj["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return [f"Controlled By:\t{owner['kind']}/{owner['name']}"]
    return []


def describe_pod(call: Call, pod: Obj) -> list[str]:
    """Where it runs, its containers and their states, conditions, volumes, events."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    lines = [
        f"Name:\t{meta['name']}",
        f"Namespace:\t{meta['namespace']}",
        f"Priority:\t{spec.get('priority', 0)}",
    ]
    if spec.get("serviceAccountName"):
        lines.append(f"Service Account:\t{spec['serviceAccountName']}")
    host = f"/{status['hostIP']}" if status.get("hostIP") else ""
    lines.append(f"Node:\t{spec['nodeName']}{host}" if spec.get("nodeName") else "Node:\t<none>")
    if status.get("startTime"):
        lines.append(f"Start Time:\t{long_date(status['startTime'])}")
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines += _status_lines(pod)
    lines += controller_line(pod)
    for title, specs, states in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
    ):
        if spec.get(specs):
            lines.append(f"{title}:")
            found = {state["name"]: state for state in status.get(states) or []}
            for container in spec[specs]:
                lines += container_lines(container, found.get(container["name"]), pod=pod)
    if status.get("conditions"):
        lines += ["Conditions:", "  Type\tStatus"]
        # kubectl ends these cells in a space, which widens the column.
        lines += [f"  {one['type']} \t{one['status']} " for one in status["conditions"]]
    lines += volume_lines(spec)
    lines.append(f"QoS Class:\t{status.get('qosClass') or qos_class(spec)}")
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("nodeSelector") or {}).items()))
    lines.append(f"Node-Selectors:\t{selector or '<none>'}")
    lines += toleration_lines(spec.get("tolerations") or [])
    return lines + event_lines(call, pod)


def _status_lines(pod: Obj) -> list[str]:
    status = pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        since = long_date(pod["metadata"]["deletionTimestamp"])
        grace = pod["metadata"].get("deletionGracePeriodSeconds", 30)
        lines = [f"Status:\tTerminating (ends {since})", f"Termination Grace Period:\t{grace}s"]
    else:
        lines = [f"Status:\t{status.get('phase', 'Pending')}"]
    for title, field in (("Reason", "reason"), ("Message", "message")):
        if status.get(field):
            lines.append(f"{title}:\t{status[field]}")
    ip = status.get("podIP", "")
    lines.append(f"IP:\t{ip}")
    return lines + (["IPs:", f"  IP:\t{ip}"] if ip else ["IPs:\t<none>"])


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort.

    *Source:* Kubernetes' rule over the requests and limits of cpu and memory.
    """
    everything = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    resources = [container.get("resources") or {} for container in everything]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    for one in resources:
        limits, requests = one.get("limits") or {}, one.get("requests") or {}
        if any(
            name not in limits or requests.get(name, limits[name]) != limits[name]
            for name in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"
