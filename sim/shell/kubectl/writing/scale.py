"""``kubectl scale`` and ``autoscale``: how many replicas a workload has, or what decides it."""

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import DRY_RUN, FILES, PRINTED, RECORD, SELECTED
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.targets import Found, find
from sim.shell.kubectl.writing.apply import dry_run, suffix

__all__ = ["AUTOSCALE", "SCALE"]


def scale(call: Call) -> None:
    """Write the scale of every object named."""
    if not call.given("replicas") or call["replicas"] < 0:
        raise Failure(
            "error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
        )
    wanted = call["replicas"]
    if wanted > 2**31 - 1:
        raise Failure(f"error: --replicas={wanted} is more than a replica count can be")
    found = find(call, call.args, verb="scale")
    if not found and not call.status:
        raise Failure("error: no objects passed to scale")
    for one in found:
        if "scale" not in one.resource.subresources:
            call.fail(f"error: {one.resource.plural} cannot be scaled: they have no replicas")
            continue
        current = one.obj["spec"].get("replicas", 1)
        expected = call["current-replicas"]
        if expected >= 0 and current != expected:
            call.fail(f"error: Expected replicas to be {expected}, was {current}")
            continue
        _scale_one(call, one, wanted)


def _scale_one(call: Call, one: Found, wanted: int) -> None:
    mode = dry_run(call)
    try:
        if mode != "client":
            patch = {"spec": {"replicas": wanted}}
            call.client.patch(
                one.resource.key,
                one.name,
                one.namespace,
                patch,
                "merge",
                subresource="scale",
                dry_run=mode == "server",
            )
        stored = one.obj if mode != "none" else call.client.get(one.resource.key, one.name, one.namespace)
    except KubeError as error:
        call.refused(error)
        return
    show(call, Found(one.resource, stored), "scaled" + suffix(call))
    if call["timeout"] and mode == "none":
        _wait(call, one, wanted)


def _wait(call: Call, one: Found, wanted: int) -> None:
    def reached() -> bool:
        status = call.client.get(one.resource.key, one.name, one.namespace).get("status", {})
        return bool(status.get("replicas", 0) == wanted)

    if not call.wait_until(reached, call["timeout"]):
        call.fail("error: timed out waiting for the condition")


def autoscale(call: Call) -> None:
    """Make a HorizontalPodAutoscaler for every object named."""
    most, least, percent = call["max"], call["min"], call["cpu-percent"]
    if call["cpu"]:
        percent = _percent(call["cpu"])
    if most < 1:
        raise Failure("error: --max=MAXPODS is required and must be at least 1, max: " + str(most))
    if most < max(least, 1):
        raise Failure(
            f"error: --max=MAXPODS must be larger or equal to --min=MINPODS, max: {most}, min: {least}"
        )
    for one in find(call, call.args, verb="autoscale"):
        if "scale" not in one.resource.subresources:
            call.fail(f"error: cannot autoscale a {one.obj['kind']}: it has no replicas")
            continue
        obj: Obj = {
            "apiVersion": "autoscaling/v1",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": call["name"] or one.name, "namespace": one.namespace},
            "spec": {
                "maxReplicas": most,
                "scaleTargetRef": {
                    "apiVersion": one.obj["apiVersion"],
                    "kind": one.obj["kind"],
                    "name": one.name,
                },
            },
        }
        if least > 0:
            obj["spec"]["minReplicas"] = least
        if percent > 0:
            obj["spec"]["targetCPUUtilizationPercentage"] = percent
        _create(call, obj)


def _percent(text: str) -> int:
    if not text.rstrip("%").isdigit():
        raise Failure(f'error: --cpu "{text}": write a share of the CPU request, such as 80%')
    return int(text.rstrip("%"))


def _create(call: Call, obj: Obj) -> None:
    mode = dry_run(call)
    resource = call.client.resource("horizontalpodautoscalers.autoscaling")
    try:
        made = obj if mode == "client" else call.client.create(obj, dry_run=mode == "server")
    except KubeError as error:
        call.refused(error)
        return
    show(call, Found(resource, made), "autoscaled" + suffix(call))


SCALE = Verb(
    usage="scale --replicas=COUNT (TYPE/NAME... | TYPE NAME... | -l SELECTOR | --all | -f FILE) [flags]",
    about="Set how many replicas a Deployment, ReplicaSet or StatefulSet is to have.",
    run=scale,
    flags=(
        *FILES,
        *SELECTED,
        *PRINTED,
        DRY_RUN,
        RECORD,
        Flag("replicas", kind="int", help="How many; needed"),
        Flag("current-replicas", kind="int", default=-1, help="Only if it has this many now"),
        Flag("all", kind="bool", help="All objects of the type in the namespace"),
        Flag("timeout", kind="duration", help="Wait at most so long for the replicas"),
    ),
    examples="""
kubectl -n emojivoto scale deploy/web --replicas=3
kubectl -n linkerd scale --replicas=0 deploy/linkerd-proxy-injector
""",
)
AUTOSCALE = Verb(
    usage="autoscale TYPE/NAME --max=MAXPODS [--min=MINPODS] [--cpu-percent=CPU] [flags]",
    about="Let the CPU use of its pods decide how many replicas a workload has.",
    run=autoscale,
    flags=(
        *FILES,
        *PRINTED,
        DRY_RUN,
        RECORD,
        Flag("max", kind="int", default=-1, help="At most so many; needed"),
        Flag("min", kind="int", default=-1, help="At least so many"),
        Flag(
            "cpu-percent",
            kind="int",
            default=-1,
            help="Average CPU use to steer to, in percent of the request",
        ),
        Flag("cpu", help="The same, written 80%", hidden=True),
        Flag("name", help="Name of the autoscaler; the workload's unless given"),
    ),
    examples="kubectl -n emojivoto autoscale deploy/web --min=1 --max=5 --cpu-percent=80",
)
