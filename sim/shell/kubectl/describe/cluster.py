"""``kubectl describe`` of nodes, namespaces, ConfigMaps, Secrets and service accounts."""

import base64
import binascii

from sim.cluster.node.quantity import quantity
from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines
from sim.shell.kubectl.printing.layout import long_date
from sim.shell.kubectl.tables.cluster import node_roles

__all__ = ["describe_account", "describe_configmap", "describe_namespace", "describe_node", "describe_secret"]

MEBI = 1024 * 1024


def describe_namespace(call: Call, obj: Obj) -> list[str]:
    """A namespace, its quotas and limits."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines.append(f"Status:\t{obj.get('status', {}).get('phase', 'Active')}")
    for word, title in (("resourcequotas", "resource quota"), ("limitranges", "LimitRange resource")):
        found = call.client.list(word, meta["name"])
        names = ", ".join(one["metadata"]["name"] for one in found)
        lines += ["", f"{title[0].upper()}{title[1:]}: {names}" if names else f"No {title}."]
    return lines


def describe_configmap(call: Call, obj: Obj) -> list[str]:
    """A ConfigMap with its texts."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines += ["", "Data", "===="]
    for key, text in sorted((obj.get("data") or {}).items()):
        # A tab in somebody's text is no column.
        lines += [f"{key}:", "----", *text.rstrip("\n").replace("\t", "        ").split("\n"), ""]
    lines += ["", "BinaryData", "===="]
    for key, text in sorted((obj.get("binaryData") or {}).items()):
        lines.append(f"{key}: {_size(text)} bytes")
    return [*lines, "", *event_lines(call, obj)]


def _size(text: str) -> int:
    try:
        return len(base64.b64decode(text))
    except (binascii.Error, ValueError):
        return len(text)


def describe_secret(call: Call, obj: Obj) -> list[str]:
    """A Secret: the sizes of what it holds, not the contents."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines += ["", f"Type:\t{obj.get('type', 'Opaque')}", "", "Data", "===="]
    return lines + [f"{key}:\t{_size(text)} bytes" for key, text in sorted((obj.get("data") or {}).items())]


def describe_account(call: Call, obj: Obj) -> list[str]:
    """A ServiceAccount."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    for title, field in (("Image pull secrets", "imagePullSecrets"), ("Mountable secrets", "secrets")):
        names = [one.get("name", "") for one in obj.get(field) or []] or ["<none>"]
        lines += [f"{title}:\t{names[0]}", *(f"\t{name}" for name in names[1:])]
    return lines + event_lines(call, obj)


def describe_node(call: Call, obj: Obj) -> list[str]:
    """A node: conditions, capacity, what runs on it and what that asked for."""
    meta, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    lines = [f"Name:\t{meta['name']}", f"Roles:\t{node_roles(obj)}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines.append(f"CreationTimestamp:\t{long_date(meta['creationTimestamp'])}")
    taints = [
        f"{one.get('key')}{'=' + one['value'] if one.get('value') else ''}:{one.get('effect')}"
        for one in spec.get("taints") or []
    ] or ["<none>"]
    lines += [f"Taints:\t{taints[0]}", *(f"\t{taint}" for taint in taints[1:])]
    lines.append(f"Unschedulable:\t{str(bool(spec.get('unschedulable'))).lower()}")
    if status.get("conditions"):
        lines += ["Conditions:", "  Type\tStatus\tReason\tMessage", "  ----\t------\t------\t-------"]
        for one in status["conditions"]:
            lines.append(
                f"  {one['type']}\t{one['status']}\t{one.get('reason', '')}\t{one.get('message', '')}"
            )
    lines.append("Addresses:")
    lines += [f"  {one['type']}:\t{one['address']}" for one in status.get("addresses") or []]
    for title in ("Capacity", "Allocatable"):
        lines.append(f"{title}:")
        lines += [
            f"  {name}:\t{amount}" for name, amount in sorted((status.get(title.lower()) or {}).items())
        ]
    lines.append("System Info:")
    info = status.get("nodeInfo") or {}
    lines += [f"  {_title(name)}:\t{value}" for name, value in sorted(info.items())]
    return lines + _pods_on(call, obj) + event_lines(call, obj)


def _title(name: str) -> str:
    """``OS Image`` of ``osImage``."""
    words = "".join(f" {char}" if char.isupper() else char for char in name)
    return words[:1].upper() + words[1:]


def _pods_on(call: Call, node: Obj) -> list[str]:
    """Pods that have not ended, with the CPU and memory they requested."""
    fields = f"spec.nodeName={node['metadata']['name']},status.phase!=Succeeded,status.phase!=Failed"
    pods = call.client.list("pods", None, fields=fields)
    lines = [
        f"Non-terminated Pods:\t({len(pods)} in total)",
        "  Namespace\tName\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
        "  ---------\t----\t------------\t----------\t---------------\t-------------\t---",
    ]
    allocatable = node.get("status", {}).get("allocatable") or {}
    cores, memory = quantity(allocatable.get("cpu", "0")), quantity(allocatable.get("memory", "0"))
    totals = [0.0, 0.0, 0.0, 0.0]
    view = call.view()
    for pod in pods:
        amounts = _amounts(pod["spec"])
        totals = [total + amount for total, amount in zip(totals, amounts, strict=True)]
        cells = _amount_cells(amounts, cores, memory)
        meta = pod["metadata"]
        lines.append(f"  {meta['namespace']}\t{meta['name']}\t" + "\t".join(cells) + f"\t{view.age(pod)}")
    cells = _amount_cells(totals, cores, memory)
    return [
        *lines,
        "Allocated resources:",
        "  (Total limits may be over 100 percent, i.e., overcommitted.)",
        "  Resource\tRequests\tLimits",
        "  --------\t--------\t------",
        f"  cpu\t{cells[0]}\t{cells[1]}",
        f"  memory\t{cells[2]}\t{cells[3]}",
    ]


def _amounts(spec: Obj) -> list[float]:
    """CPU requests and limits in cores, memory requests and limits in bytes, of all containers that stay."""
    totals = [0.0, 0.0, 0.0, 0.0]
    staying = [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]
    for container in [*staying, *(spec.get("containers") or [])]:
        resources = container.get("resources") or {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        totals[0] += quantity(requests.get("cpu", limits.get("cpu", "0")))
        totals[1] += quantity(limits.get("cpu", "0"))
        totals[2] += quantity(requests.get("memory", limits.get("memory", "0")))
        totals[3] += quantity(limits.get("memory", "0"))
    return totals


def _amount_cells(amounts: list[float], cores: float, memory: float) -> list[str]:
    cells = [f"{_cpu(amount)} ({_share(amount, cores)}%)" for amount in amounts[:2]]
    return cells + [f"{_memory(amount)} ({_share(amount, memory)}%)" for amount in amounts[2:]]


def _cpu(cores: float) -> str:
    return "0" if not cores else f"{cores:.0f}" if cores == int(cores) else f"{round(cores * 1000)}m"


def _memory(size: float) -> str:
    return "0" if not size else f"{round(size / MEBI)}Mi"


def _share(amount: float, whole: float) -> int:
    return int(amount * 100 / whole) if whole else 0
