"""Rows of nodes, namespaces, configuration, events and the small kinds of the control plane."""

from sim.shell.kubectl.printing.layout import age
from sim.shell.kubectl.tables.table import Kind, Obj, View, columns

__all__ = [
    "APISERVICE",
    "CONFIGMAP",
    "DISRUPTION_BUDGET",
    "EVENT",
    "LEASE",
    "NAMESPACE",
    "NODE",
    "PRIORITY_CLASS",
    "QUOTA",
    "SECRET",
    "SECURITY_POLICY",
    "SERVICE_ACCOUNT",
    "WEBHOOKS",
    "event_object",
    "event_seen",
    "node_roles",
    "node_status",
]

ROLE_LABEL = "node-role.kubernetes.io/"


def node_status(node: Obj) -> str:
    """``Ready``, ``NotReady`` or ``Unknown``, with ``SchedulingDisabled`` when cordoned."""
    conditions = node.get("status", {}).get("conditions") or []
    ready = next((c["status"] for c in conditions if c["type"] == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if node.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def node_roles(node: Obj) -> str:
    """The roles named by a node's labels; ``<none>`` for a worker."""
    labels = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(ROLE_LABEL) for key in labels if key.startswith(ROLE_LABEL)}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return ",".join(sorted(roles - {""})) or "<none>"


def _address(node: Obj, kind: str) -> str:
    addresses = node.get("status", {}).get("addresses") or []
    return next((a["address"] for a in addresses if a["type"] == kind), "<none>")


def _node(node: Obj, view: View) -> list[str]:
    info = node.get("status", {}).get("nodeInfo", {})
    return [
        node["metadata"]["name"],
        node_status(node),
        node_roles(node),
        view.age(node),
        info.get("kubeletVersion", ""),
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        info.get("osImage") or "<unknown>",
        info.get("kernelVersion") or "<unknown>",
        info.get("containerRuntimeVersion") or "<unknown>",
    ]


def _namespace(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], obj.get("status", {}).get("phase", "Active"), view.age(obj)]


def _configmap(obj: Obj, view: View) -> list[str]:
    held = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], str(held), view.age(obj)]


def _secret(obj: Obj, view: View) -> list[str]:
    return [
        obj["metadata"]["name"],
        obj.get("type", "Opaque"),
        str(len(obj.get("data") or {})),
        view.age(obj),
    ]


def _service_account(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], str(len(obj.get("secrets") or [])), view.age(obj)]


def _lease(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], obj.get("spec", {}).get("holderIdentity") or "", view.age(obj)]


def _webhooks(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], str(len(obj.get("webhooks") or [])), view.age(obj)]


def _apiservice(obj: Obj, view: View) -> list[str]:
    service = obj.get("spec", {}).get("service")
    conditions = obj.get("status", {}).get("conditions") or []
    found = next((c for c in conditions if c["type"] == "Available"), None)
    available = "Unknown" if found is None else found["status"]
    if found is not None and available != "True" and found.get("reason"):
        available += f" ({found['reason']})"
    where = f"{service['namespace']}/{service['name']}" if service else "Local"
    return [obj["metadata"]["name"], where, available, view.age(obj)]


def _disruption_budget(obj: Obj, view: View) -> list[str]:
    spec = obj.get("spec", {})
    return [
        obj["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        str(obj.get("status", {}).get("disruptionsAllowed", 0)),
        view.age(obj),
    ]


def _priority_class(obj: Obj, view: View) -> list[str]:
    is_default = str(bool(obj.get("globalDefault"))).lower()
    return [obj["metadata"]["name"], str(obj.get("value", 0)), is_default, view.age(obj)]


def _security_policy(obj: Obj, view: View) -> list[str]:
    spec = obj.get("spec", {})
    rules = [
        spec.get(name, {}).get("rule", "")
        for name in ("seLinux", "runAsUser", "fsGroup", "supplementalGroups")
    ]
    return [
        obj["metadata"]["name"],
        str(bool(spec.get("privileged"))).lower(),
        ",".join(spec.get("allowedCapabilities") or []),
        *rules,
        str(bool(spec.get("readOnlyRootFilesystem"))).lower(),
        ",".join(spec.get("volumes") or []),
    ]


def event_object(event: Obj) -> str:
    """``pod/web-1`` of an event."""
    about = event.get("involvedObject", {})
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def event_seen(event: Obj) -> str:
    """When an event was last seen, RFC 3339."""
    created = event["metadata"].get("creationTimestamp", "")
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or created)


def _event(event: Obj, view: View) -> list[str]:
    about, source = event.get("involvedObject", {}), event.get("source", {})
    first = event.get("firstTimestamp") or event.get("eventTime")
    whence = ", ".join(filter(None, (source.get("component"), source.get("host"))))
    return [
        age(event_seen(event), view.now),
        event.get("type", ""),
        event.get("reason", ""),
        event_object(event),
        about.get("fieldPath", ""),
        whence or event.get("reportingComponent", ""),
        event.get("message", "").strip(),
        age(first, view.now),
        str(event.get("count") or 1),
        event["metadata"]["name"],
    ]


def _quota(obj: Obj, view: View) -> list[str]:
    hard = obj.get("status", {}).get("hard") or obj.get("spec", {}).get("hard") or {}
    used = obj.get("status", {}).get("used") or {}
    split: dict[bool, list[str]] = {True: [], False: []}
    for name in sorted(hard):
        split[name.startswith("limits.")].append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    return [obj["metadata"]["name"], ", ".join(split[False]), ", ".join(split[True]), view.age(obj)]


NODE = Kind(
    columns(
        "NAME|STATUS|ROLES|AGE|VERSION", "INTERNAL-IP|EXTERNAL-IP|OS-IMAGE|KERNEL-VERSION|CONTAINER-RUNTIME"
    ),
    _node,
)
NAMESPACE = Kind(columns("NAME|STATUS|AGE"), _namespace)
CONFIGMAP = Kind(columns("NAME|DATA|AGE"), _configmap)
SECRET = Kind(columns("NAME|TYPE|DATA|AGE"), _secret)
SERVICE_ACCOUNT = Kind(columns("NAME|SECRETS|AGE"), _service_account)
LEASE = Kind(columns("NAME|HOLDER|AGE"), _lease)
WEBHOOKS = Kind(columns("NAME|WEBHOOKS|AGE"), _webhooks)
APISERVICE = Kind(columns("NAME|SERVICE|AVAILABLE|AGE"), _apiservice)
DISRUPTION_BUDGET = Kind(
    columns("NAME|MIN AVAILABLE|MAX UNAVAILABLE|ALLOWED DISRUPTIONS|AGE"), _disruption_budget
)
PRIORITY_CLASS = Kind(columns("NAME|VALUE|GLOBAL-DEFAULT|AGE"), _priority_class)
SECURITY_POLICY = Kind(
    columns("NAME|PRIV|CAPS|SELINUX|RUNASUSER|FSGROUP|SUPGROUP|READONLYROOTFS|VOLUMES"), _security_policy
)
EVENT = Kind(
    (
        *columns("LAST SEEN|TYPE|REASON|OBJECT", "SUBOBJECT|SOURCE"),
        *columns("MESSAGE", "FIRST SEEN|COUNT|NAME"),
    ),
    _event,
)
QUOTA = Kind(columns("NAME|REQUEST|LIMIT|AGE"), _quota)
