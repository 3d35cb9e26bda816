"""What the page reads off the cluster's objects: workloads, pods, what is installed, what is in force."""

from dataclasses import dataclass
from typing import Any

from mesh.viz.resources import selects
from mesh.viz.samples import SampleStore
from sim.lab.run import stores
from sim.shell.sandbox import Sandbox

__all__ = [
    "Knobs",
    "Pod",
    "age",
    "api_down",
    "available",
    "injected",
    "knobs",
    "namespaces",
    "pods",
    "store",
    "targets",
]

Obj = dict[str, Any]
PROXY = "linkerd-proxy"
DEMO = "emojivoto"
DOUGHNUT = "VoteDoughnut"


@dataclass(frozen=True, slots=True)
class Pod:
    """One row of ``kubectl get pods``."""

    name: str
    ready: str
    status: str
    restarts: int
    age: str
    node: str
    workload: str
    meshed: bool

    @property
    def well(self) -> bool:
        """Running, with every container ready."""
        ready, _, total = self.ready.partition("/")
        return self.status == "Running" and ready == total


@dataclass(frozen=True, slots=True)
class Knobs:
    """Where the controls of the demo application stand, as the cluster says.

    Attributes:
        deployed: it is there.
        injected: every Deployment's template asks for a proxy.
        doughnut: share of doughnut votes that fail.
        delay_ms: added to each workload's answers by a fault, by name; ``delays`` has the faults' numbers.
        bots: replicas of vote-bot.
    """

    deployed: bool
    injected: bool
    doughnut: float
    delay_ms: dict[str, float]
    delays: dict[str, int]
    bots: int


def namespaces(sandbox: Sandbox) -> list[str]:
    """Namespaces with Deployments, the demo's first."""
    found = {obj["metadata"]["namespace"] for obj in sandbox.api.list("deployments.apps")}
    return sorted(found, key=lambda name: (name != DEMO, name))


def available(sandbox: Sandbox, namespace: str) -> bool:
    """Whether every Deployment of a namespace has all its pods ready, and there is one."""
    found = sandbox.api.list("deployments.apps", namespace)
    return bool(found) and all(
        (obj.get("status") or {}).get("readyReplicas", 0) >= obj["spec"].get("replicas", 1)
        and (obj.get("status") or {}).get("updatedReplicas", 0) >= obj["spec"].get("replicas", 1)
        for obj in found
    )


def api_down(sandbox: Sandbox) -> bool:
    """Whether no pod of the component that answers ``linkerd stat`` is ready."""
    namespace, component = (
        ("linkerd-viz", "metrics-api") if sandbox.edition == "edge" else ("linkerd", "controller")
    )
    labels = (
        f"{'component' if namespace == 'linkerd-viz' else 'linkerd.io/control-plane-component'}={component}"
    )
    return not any(_ready(pod) for pod in sandbox.api.list("pods", namespace, labels=labels))


def _ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def store(sandbox: Sandbox) -> SampleStore | None:
    """What the running Prometheus has scraped; None when none runs."""
    found = stores(sandbox)
    return found[0] if found else None


def targets(sandbox: Sandbox, namespace: str) -> dict[str, str]:
    """Authority of each Service (``web-svc.emojivoto``) → Deployment behind it, by selectors."""
    found = {}
    workloads = sandbox.api.list("deployments.apps", namespace)
    for service in sandbox.api.list("services", namespace):
        for workload in workloads:
            if selects(service["spec"].get("selector"), workload["spec"]["template"]):
                found[f"{service['metadata']['name']}.{namespace}"] = workload["metadata"]["name"]
    return found


def injected(sandbox: Sandbox, namespace: str) -> bool:
    """Whether every Deployment's template asks for a proxy, and there is one."""
    found = sandbox.api.list("deployments.apps", namespace)
    return bool(found) and all(
        (obj["spec"]["template"]["metadata"].get("annotations") or {}).get("linkerd.io/inject") == "enabled"
        for obj in found
    )


# -- pods -------------------------------------------------------------------------------------------------


def pods(sandbox: Sandbox, namespace: str) -> list[Pod]:
    """The pods of a namespace, by name."""
    owners = {pod.pod: pod.workload for pod in sandbox.tables.pods if pod.namespace == namespace}
    now = sandbox.engine.now
    return [_pod(sandbox, obj, owners, now) for obj in sandbox.api.list("pods", namespace)]


def _pod(sandbox: Sandbox, obj: Obj, owners: dict[str, str], now: float) -> Pod:
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    counted = list(status.get("containerStatuses") or ())
    counted += [one for one in status.get("initContainerStatuses") or () if one["name"] in sidecars]
    ready = sum(1 for one in counted if one.get("ready"))
    names = {c["name"] for c in spec["containers"]} | sidecars
    created = sandbox.engine.calendar.seconds(meta["creationTimestamp"])
    return Pod(
        name=meta["name"],
        ready=f"{ready}/{len(names)}",
        status=_status(obj),
        restarts=sum(int(one.get("restartCount", 0)) for one in counted),
        age=age(now - created),
        node=spec.get("nodeName") or "",
        workload=owners.get(meta["name"], ""),
        meshed=PROXY in names,
    )


def _status(obj: Obj) -> str:
    """STATUS as kubectl shows it: why an init container or a container waits or ended, else the phase."""
    status = obj.get("status") or {}
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    for one in status.get("initContainerStatuses") or ():
        state = one.get("state") or {}
        reason = (state.get("waiting") or {}).get("reason") or (state.get("terminated") or {}).get("reason")
        if reason and reason != "Completed":
            return f"Init:{reason}" if reason != "PodInitializing" else reason
    for one in status.get("containerStatuses") or ():
        state = one.get("state") or {}
        for kind in ("waiting", "terminated"):
            reason = (state.get(kind) or {}).get("reason")
            if reason:
                return str(reason)
    return str(status.get("phase", "Pending"))


def age(seconds: float) -> str:
    """A duration as kubectl shows ages: ``45s``, ``3m10s``, ``14m``, ``2h5m``."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m" if hours < 8 and minutes else f"{hours}h"


# -- controls ---------------------------------------------------------------------------------------------


def knobs(sandbox: Sandbox) -> Knobs:
    """Where the demo's controls stand."""
    doughnut, delay_ms = 1.0, {}
    prefix = f"{DEMO}/deploy/"
    for rule in sandbox.world.faults.rules.values():
        name = rule.workload.removeprefix(prefix)
        if name == rule.workload:
            continue
        if rule.rate is not None and rule.route == DOUGHNUT and name == "voting":
            doughnut = rule.rate
        if rule.rate is None and not rule.route:
            delay_ms[name] = rule.delay * 1000.0
    bot = sandbox.api.find("deployments.apps", "vote-bot", DEMO)
    return Knobs(
        deployed=sandbox.api.find("deployments.apps", "voting", DEMO) is not None,
        injected=injected(sandbox, DEMO),
        doughnut=doughnut,
        delay_ms=delay_ms,
        delays=_delays(sandbox),
        bots=int(bot["spec"].get("replicas", 1)) if bot else 0,
    )


def _delays(sandbox: Sandbox) -> dict[str, int]:
    """Numbers of the latency faults by workload, as ``fault list`` has them."""
    found = {}
    for fault in sandbox.faults.all():
        words = fault.text.split()
        if words[:1] == ["latency"] and "--route" not in words:
            name = next((word for word in words if word.startswith("deploy/")), "")
            found[name.removeprefix("deploy/")] = fault.number
    return found
