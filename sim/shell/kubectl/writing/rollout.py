"""``kubectl rollout``: follow, restart, pause and resume the replacement of a workload's pods."""

from collections.abc import Callable
from types import MappingProxyType

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, FILES, OUTPUT, SELECTOR
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.targets import Found, fetch, wanted
from sim.shell.kubectl.writing.revisions import HISTORY, UNDO

__all__ = ["RESTARTED_AT", "ROLLOUT", "rollout_state", "workloads"]

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
LONGEST = 3600.0  # seconds of simulated time that `status` waits without --timeout
KINDS = ("Deployment", "DaemonSet", "StatefulSet")


def workloads(call: Call, doing: str) -> list[Found]:
    """The workloads a rollout verb is about.

    Raises:
        Failure: none is named, or one is of a kind that does not roll out.
    """
    if call.flag("filename"):
        from sim.shell.kubectl.sources import live, load

        found = list(live(call, load(call)))
    else:
        if not call.args:
            raise Failure(f"error: required resource not specified: kubectl rollout {doing} deploy/NAME")
        found = list(fetch(call, wanted(call, call.args)))
        if not found and not call.status:
            raise Failure(f"error: no resources found in {call.namespace} namespace")
    for one in found:
        if one.obj["kind"] not in KINDS:
            raise Failure(f'error: {one.resource.plural} "{one.name}" {doing} is not supported')
    return found


# -- status --


def rollout_state(obj: Obj) -> tuple[str, bool]:
    """Kubectl's line about a rollout, and whether it is over.

    Raises:
        Failure: it will not get any further.
    """
    meta, status = obj["metadata"], obj.get("status", {})
    name = {"Deployment": "deployment", "DaemonSet": "daemon set", "StatefulSet": "statefulset"}[obj["kind"]]
    if meta.get("generation", 0) > status.get("observedGeneration", 0):
        return f"Waiting for {name} spec update to be observed...", False
    return {"Deployment": _deployment, "DaemonSet": _daemonset, "StatefulSet": _statefulset}[obj["kind"]](obj)


def _deployment(obj: Obj) -> tuple[str, bool]:
    name, status = obj["metadata"]["name"], obj.get("status", {})
    for condition in status.get("conditions") or []:
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise Failure(f'error: deployment "{name}" exceeded its progress deadline')
    wanted_replicas = obj["spec"].get("replicas", 1)
    total, updated, available = (
        status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")
    )
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted_replicas:
        return f"{waiting}{updated} out of {wanted_replicas} new replicas have been updated...", False
    if total > updated:
        return f"{waiting}{total - updated} old replicas are pending termination...", False
    if available < updated:
        return f"{waiting}{available} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def _daemonset(obj: Obj) -> tuple[str, bool]:
    name, status = obj["metadata"]["name"], obj.get("status", {})
    desired, updated, available = (
        status.get(field, 0)
        for field in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    )
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < desired:
        return f"{waiting}{updated} out of {desired} new pods have been updated...", False
    if available < desired:
        return f"{waiting}{available} of {desired} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True


def _statefulset(obj: Obj) -> tuple[str, bool]:
    status, replicas = obj.get("status", {}), obj["spec"].get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    revision = status.get("updateRevision", "")
    if ready < replicas:
        return f"Waiting for {replicas - ready} pods to be ready...", False
    if updated < replicas and status.get("currentRevision") != revision:
        return (
            f"waiting for statefulset rolling update to complete {updated} pods at revision {revision}...",
            False,
        )
    current = status.get("currentReplicas", replicas)
    return f"statefulset rolling update complete {current} pods at revision {revision}...", True


def status(call: Call) -> None:
    """Print how far a rollout is, and go on until it is over."""
    limit = call["timeout"] or LONGEST
    end = call.context.engine.now + limit
    for found in workloads(call, "status"):
        _follow(call, found, end)


def _follow(call: Call, found: Found, end: float) -> None:
    said = ""

    def over() -> bool:
        nonlocal said
        line, done = rollout_state(call.client.get(found.resource.key, found.name, found.namespace))
        if line != said:
            said = line
            call.print(line)
        return done

    if over() or not call["watch"]:
        return
    if not call.wait_until(over, end - call.context.engine.now):
        raise Failure("error: timed out waiting for the condition")


# -- restart, pause, resume --


def restart(call: Call) -> None:
    """Stamp the pod template, so that every pod is replaced."""
    stamp = call.context.engine.timestamp()
    for found in workloads(call, "restart"):
        if found.obj["spec"].get("paused"):
            call.fail(
                f'error: {found.resource.key} "{found.name}" can\'t restart paused deployment '
                "(run rollout resume first)"
            )
            continue
        annotations = found.obj["spec"]["template"].get("metadata", {}).get("annotations") or {}
        if annotations.get(RESTARTED_AT) == stamp:
            call.fail(
                "error: if restart has already been triggered within the past second, "
                "please wait before attempting to trigger another"
            )
            continue
        template = {"metadata": {"annotations": {RESTARTED_AT: stamp}}}
        _change(call, found, {"spec": {"template": template}}, "restarted")


def _change(call: Call, found: Found, patch: Obj, done: str) -> None:
    try:
        stored = call.client.patch(found.resource.key, found.name, found.namespace, patch, "strategic")
    except KubeError as error:
        call.refused(error)
        return
    show(call, Found(found.resource, stored), done)


def _pauser(pausing: bool) -> Callable[[Call], None]:
    done = "paused" if pausing else "resumed"

    def run(call: Call) -> None:
        for found in workloads(call, "pause" if pausing else "resume"):
            if found.obj["kind"] != "Deployment":
                raise Failure(f"error: {found.resource.plural} cannot be {done}; only deployments can")
            if bool(found.obj["spec"].get("paused")) == pausing:
                state = "already paused" if pausing else "not paused"
                call.fail(f'error: {found.resource.key} "{found.name}" is {state}')
                continue
            _change(call, found, {"spec": {"paused": pausing}}, done)

    return run


ROLLOUT = Verb(
    usage="rollout COMMAND TYPE/NAME [flags]",
    about="Follow, restart, undo and list the rollouts of Deployments, DaemonSets and StatefulSets.",
    examples="""
kubectl -n emojivoto rollout status deploy/web
kubectl -n emojivoto rollout restart deploy
kubectl -n emojivoto rollout undo deploy/web --to-revision=1
""",
    verbs=MappingProxyType(
        {
            "history": HISTORY,
            "pause": Verb(
                "rollout pause deploy/NAME",
                "Let changes of the template gather",
                _pauser(True),
                (*FILES, SELECTOR, OUTPUT),
            ),
            "restart": Verb(
                "rollout restart (TYPE/NAME | TYPE)",
                "Replace every pod of a workload, or of all workloads of a type",
                restart,
                (*FILES, SELECTOR, OUTPUT, ALL_NAMESPACES),
            ),
            "resume": Verb(
                "rollout resume deploy/NAME",
                "Roll out again after a pause",
                _pauser(False),
                (*FILES, SELECTOR, OUTPUT),
            ),
            "status": Verb(
                "rollout status (TYPE/NAME | TYPE) [flags]",
                "Wait until a rollout is over, printing how far it is; simulated time passes",
                status,
                (
                    *FILES,
                    SELECTOR,
                    Flag("timeout", kind="duration", help="How long to wait at most (0: an hour)"),
                    Flag("watch", "w", kind="bool", default=True, help="Wait until it is over"),
                    Flag("revision", kind="int", help="Accepted", hidden=True),
                ),
            ),
            "undo": UNDO,
        }
    ),
)
