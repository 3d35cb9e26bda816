"""``kubectl cordon``, ``uncordon`` and ``drain``."""

from collections.abc import Callable

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.cluster.api.selectors import matches_selector
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import DRY_RUN, SELECTOR
from sim.shell.kubectl.targets import Found
from sim.shell.kubectl.writing.apply import dry_run, suffix
from sim.shell.kubectl.writing.delete import gone

__all__ = ["CORDON", "DRAIN", "UNCORDON"]

RETRY = 5.0  # seconds between tries to evict a pod whose budget forbids it. Source: kubectl drain
PATIENCE = 3600.0  # seconds that drain waits without --timeout
FINISHED = ("Succeeded", "Failed")
MIRROR = "kubernetes.io/config.mirror"


def _nodes(call: Call, verb: str) -> list[Found]:
    """The nodes named or selected."""
    resource = call.client.resource("nodes")
    if bool(call.args) == bool(call["selector"]):
        raise Failure(f"error: kubectl {verb} takes the name of a node, or --selector")
    if call["selector"]:
        found = call.client.list("nodes", labels=call["selector"])
        return [Found(resource, obj) for obj in found]
    nodes = []
    for word in call.args:
        name = word.partition("/")[2] if word.startswith(("node/", "nodes/", "no/")) else word
        try:
            nodes.append(Found(resource, call.client.get("nodes", name)))
        except KubeError as error:
            call.refused(error)
    return nodes


def _set(call: Call, node: Found, unschedulable: bool) -> None:
    done = "cordoned" if unschedulable else "uncordoned"
    if bool(node.obj["spec"].get("unschedulable")) == unschedulable:
        call.print(f"node/{node.name} already {done}{suffix(call)}")
        return
    if dry_run(call) == "none":
        patch = {"spec": {"unschedulable": unschedulable or None}}
        call.client.patch("nodes", node.name, None, patch, "strategic")
    call.print(f"node/{node.name} {done}{suffix(call)}")


def _setter(verb: str, unschedulable: bool) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        for node in _nodes(call, verb):
            _set(call, node, unschedulable)

    return run


# -- drain ------------------------------------------------------------------------------------


def drain(call: Call) -> None:
    """Cordon nodes, then evict their pods and wait until they are gone."""
    limit = call["timeout"] or PATIENCE
    for node in _nodes(call, "drain"):
        _set(call, node, True)
        pods = _evictable(call, node)
        if pods is None:
            continue
        if dry_run(call) != "none":
            for pod in pods:
                call.print(f"evicting pod {pod.namespace}/{pod.name}{suffix(call)}")
        elif not _evict_all(call, pods, call.context.engine.now + limit):
            call.fail(f'error: unable to drain node "{node.name}": drain did not complete within {limit:g}s')
            continue
        call.print(f"node/{node.name} drained{suffix(call)}")


def _evictable(call: Call, node: Found) -> list[Found] | None:
    """The pods to evict; None, and the call failed, when a flag is missing for one of them."""
    resource = call.client.resource("pods")
    labels = call["pod-selector"]
    pods = [
        Found(resource, pod)
        for pod in call.client.list("pods", None, labels=labels, fields=f"spec.nodeName={node.name}")
        if MIRROR not in (pod["metadata"].get("annotations") or {})
    ]
    daemons = [pod for pod in pods if _controller(pod.obj) == "DaemonSet"]
    rest = [pod for pod in pods if pod not in daemons]
    running = [pod for pod in rest if pod.obj.get("status", {}).get("phase") not in FINISHED]
    problems = []
    if daemons and not call["ignore-daemonsets"]:
        problems.append(("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", daemons))
    alone = [pod for pod in running if not _controller(pod.obj)]
    if alone and not call["force"]:
        problems.append(("Pods that declare no controller (use --force to override)", alone))
    local = [
        pod for pod in running if any("emptyDir" in volume for volume in pod.obj["spec"].get("volumes") or [])
    ]
    if local and not (call["delete-emptydir-data"] or call["delete-local-data"]):
        flag = "--delete-emptydir-data" if call.client_minor() >= 20 else "--delete-local-data"
        problems.append((f"Pods with local storage (use {flag} to override)", local))
    if problems:
        texts = [
            f"cannot delete {what}: {', '.join(_place(pod) for pod in found)}" for what, found in problems
        ]
        call.fail(f'error: unable to drain node "{node.name}" due to error: {", ".join(texts)}')
        return None
    if daemons:
        call.warn(f"Warning: ignoring DaemonSet-managed Pods: {', '.join(map(_place, daemons))}")
    return rest


def _place(pod: Found) -> str:
    return f"{pod.namespace}/{pod.name}"


def _controller(pod: Obj) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner["kind"]) for owner in owners if owner.get("controller")), "")


def _evict_all(call: Call, pods: list[Found], end: float) -> bool:
    """Evict pods as their budgets allow; False when ``end`` came first."""
    waiting, said = list(pods), set[str]()
    leaving: list[Found] = []
    while waiting or leaving:
        for pod in list(waiting):
            if pod.name not in said:
                said.add(pod.name)
                call.print(f"evicting pod {_place(pod)}")
            if _blocked(call, pod.obj):
                continue
            waiting.remove(pod)
            leaving.append(pod)
            _delete(call, pod)
        for pod in [one for one in leaving if gone(call, one)]:
            leaving.remove(pod)
            call.print(f"pod/{pod.name} evicted")
        if not waiting and not leaving:
            return True
        left = end - call.context.engine.now
        if left <= 0:
            return False
        call.context.sleep(min(RETRY if waiting and not leaving else 0.5, left))
    return True


def _delete(call: Call, pod: Found) -> None:
    grace = call["grace-period"] if call["grace-period"] >= 0 else None
    try:
        call.client.delete("pods", pod.name, pod.namespace, grace=grace)
    except KubeError as error:
        if error.reason != "NotFound":
            raise


def _blocked(call: Call, pod: Obj) -> bool:
    """Whether a PodDisruptionBudget allows no disruption of this pod now."""
    labels = pod["metadata"].get("labels") or {}
    for budget in call.client.list("poddisruptionbudgets", pod["metadata"]["namespace"]):
        if not matches_selector(budget["spec"].get("selector"), labels):
            continue
        if budget.get("status", {}).get("disruptionsAllowed", 0) < 1:
            line = (
                f'error when evicting pods/"{pod["metadata"]["name"]}" -n "{pod["metadata"]["namespace"]}" '
                "(will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget."
            )
            if f"{line}\n" not in call.err:
                call.warn(line)
            return True
    return False


CORDON = Verb(
    "cordon NODE [flags]",
    "Keep new pods off a node; those that run there stay.",
    _setter("cordon", True),
    (SELECTOR, DRY_RUN),
)
UNCORDON = Verb(
    "uncordon NODE [flags]", "Let new pods on a node again.", _setter("uncordon", False), (SELECTOR, DRY_RUN)
)
DRAIN = Verb(
    usage="drain NODE [flags]",
    about=(
        "Move all pods off a node: cordon it, then evict its pods and wait until they are gone.\n\n"
        "Pods of the mesh keep their keys in an emptyDir: they need --delete-emptydir-data."
    ),
    run=drain,
    flags=(
        SELECTOR,
        DRY_RUN,
        Flag("ignore-daemonsets", kind="bool", help="Leave pods of DaemonSets where they are"),
        Flag("delete-emptydir-data", kind="bool", help="Also pods with an emptyDir, whose contents are lost"),
        Flag("delete-local-data", kind="bool", help="Old name of --delete-emptydir-data", hidden=True),
        Flag("force", kind="bool", help="Also pods that nothing will replace"),
        Flag("grace-period", kind="int", default=-1, help="Seconds a pod gets to end by itself"),
        Flag("pod-selector", help="Only pods with these labels"),
        Flag("timeout", kind="duration", help="How long to wait at most (0: an hour)"),
        Flag("disable-eviction", kind="bool", help="Accepted", hidden=True),
    ),
    examples="kubectl drain node-2 --ignore-daemonsets --delete-emptydir-data",
)
