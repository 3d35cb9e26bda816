"""``kubectl describe node``: conditions, capacity, and what its pods asked for."""

from mesh.cli.kube import KubeError
from sim.cluster.node.quantity import quantity
from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines
from sim.shell.kubectl.printing.layout import long_date
from sim.shell.kubectl.tables.cluster import node_roles

__all__ = ["describe_node"]

MEBI = 1024 * 1024
SYSTEM_INFO = (
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
    ("Kube-Proxy Version", "kubeProxyVersion"),
)


def describe_node(call: Call, obj: Obj) -> list[str]:
    """A node: labels, conditions, capacity, what runs on it and what that asked for."""
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
    lines += _lease_lines(call, meta["name"]) + _condition_lines(status.get("conditions") or [])
    lines.append("Addresses:")
    lines += [f"  {one['type']}:\t{one['address']}" for one in status.get("addresses") or []]
    for title in ("Capacity", "Allocatable"):
        lines.append(f"{title}:")
        lines += [
            f"  {name}:\t{amount}" for name, amount in sorted((status.get(title.lower()) or {}).items())
        ]
    lines.append("System Info:")
    info = status.get("nodeInfo") or {}
    lines += [f"  {title}:\t{info[field]}" for title, field in SYSTEM_INFO if info.get(field)]
    for title, field in (("PodCIDR", "podCIDR"), ("ProviderID", "providerID")):
        lines += [f"{title}:\t{spec[field]}"] if spec.get(field) else []
    return lines + _pods_on(call, obj) + event_lines(call, obj)


def _lease_lines(call: Call, name: str) -> list[str]:
    """The lease by which the kubelet says that it lives."""
    try:
        spec = call.client.get("leases.coordination.k8s.io", name, "kube-node-lease").get("spec", {})
    except KubeError:
        return []  # clusters before 1.14 have no leases
    renewed = spec.get("renewTime")
    holder = spec.get("holderIdentity", "<unset>")
    return [
        "Lease:",
        f"  HolderIdentity:\t{holder}",
        f"  RenewTime:\t{long_date(renewed) if renewed else '<unset>'}",
    ]


def _condition_lines(conditions: list[Obj]) -> list[str]:
    if not conditions:
        return []
    head = ("Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message")
    lines = ["Conditions:", "  " + "\t".join(head), "  " + "\t".join("-" * len(name) for name in head)]
    for one in conditions:
        times = (one.get("lastHeartbeatTime"), one.get("lastTransitionTime"))
        cells = (
            one["type"],
            one["status"],
            *(long_date(when) if when else "<unknown>" for when in times),
            one.get("reason", ""),
            one.get("message", ""),
        )
        lines.append("  " + "\t".join(cells))
    return lines


def _pods_on(call: Call, node: Obj) -> list[str]:
    """Pods that have not ended, with the CPU and memory they asked for and may use."""
    fields = f"spec.nodeName={node['metadata']['name']},status.phase!=Succeeded,status.phase!=Failed"
    pods = call.client.list("pods", None, fields=fields)
    lines = [
        f"Non-terminated Pods:\t({len(pods)} in total)",
        "  Namespace\tName\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
        "  ---------\t----\t------------\t----------\t---------------\t-------------\t---",
    ]
    whole = {name: quantity(text) for name, text in (node.get("status", {}).get("allocatable") or {}).items()}
    totals = [0.0, 0.0, 0.0, 0.0]
    view = call.view()
    for pod in pods:
        amounts = [
            _amount(pod["spec"], field, name)
            for name in ("cpu", "memory")
            for field in ("requests", "limits")
        ]
        totals = [total + amount for total, amount in zip(totals, amounts, strict=True)]
        cells = [
            pod["metadata"]["namespace"],
            pod["metadata"]["name"],
            *_cells(amounts, whole),
            view.age(pod),
        ]
        lines.append("  " + "\t".join(cells))
    cells = _cells(totals, whole)
    return [
        *lines,
        "Allocated resources:",
        "  (Total limits may be over 100 percent, i.e., overcommitted.)",
        "  Resource\tRequests\tLimits",
        "  --------\t--------\t------",
        f"  cpu\t{cells[0]}\t{cells[1]}",
        f"  memory\t{cells[2]}\t{cells[3]}",
    ]


def _amount(spec: Obj, field: str, name: str) -> float:
    """What a pod asks for (``requests``) or may use (``limits``).

    Its containers together, or its largest init stage. *Source:* KEP-753, as kubectl counts:
    sidecars run beside everything that follows them.
    """
    beside = peak = 0.0
    for container in spec.get("initContainers") or []:
        own = _own(container, field, name)
        if container.get("restartPolicy") == "Always":
            beside += own
        else:
            peak = max(peak, beside + own)
    return max(peak, beside + sum(_own(container, field, name) for container in spec.get("containers") or []))


def _own(container: Obj, field: str, name: str) -> float:
    amounts = (container.get("resources") or {}).get(field) or {}
    return quantity(amounts.get(name, "0"))


def _cells(amounts: list[float], whole: dict[str, float]) -> list[str]:
    """Amounts with their share of what the node can give away."""
    cores, memory = whole.get("cpu", 0.0), whole.get("memory", 0.0)
    cells = [f"{_cpu(amount)} ({_share(amount, cores)}%)" for amount in amounts[:2]]
    return cells + [f"{_memory(amount)} ({_share(amount, memory)}%)" for amount in amounts[2:]]


def _cpu(cores: float) -> str:
    return f"{cores:.0f}" if cores == int(cores) else f"{round(cores * 1000)}m"


def _memory(size: float) -> str:
    return f"{round(size / MEBI)}Mi" if size else "0"


def _share(amount: float, whole: float) -> int:
    return int(amount * 100 / whole) if whole else 0
