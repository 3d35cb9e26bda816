"""``kubectl run`` and ``expose``: a pod of an image, and a Service for what runs."""

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.creating.create import submit
from sim.shell.kubectl.creating.generators import pairs, pod, port_number, selected_by
from sim.shell.kubectl.flagsets import DRY_RUN, FIELD_MANAGER, FILES, PRINTED, RECORD, SELECTOR
from sim.shell.kubectl.targets import Found, find
from sim.shell.kubectl.writing.apply import VALIDATE
from sim.shell.kubectl.writing.delete import gone

__all__ = ["EXPOSE", "RUN"]

START = 60.0  # seconds an attached pod gets to start. Source: kubectl run --pod-running-timeout, 1m


def run(call: Call) -> None:
    """Create a pod; with ``-i`` or ``--attach`` wait for it and print what it wrote."""
    if not call.args:
        raise Failure("error: NAME is required for run: kubectl run NAME --image=IMAGE")
    attached = call["attach"] or call["stdin"] or call["tty"] or call["rm"]
    if call["rm"] and not (call["attach"] or call["stdin"] or call["tty"]):
        raise Failure("error: --rm should only be used for attached containers (-i, -t or --attach)")
    name = call.args[0]
    if call.rest and attached and _runnable(call):
        _one_shot(call, name)
        return
    submit(call, pod(call, name))
    if call["expose"]:
        if not call["port"]:
            raise Failure("error: --port must be set when exposing a service")
        submit(call, _service_of_pod(call, name))
    if attached and call["dry-run"] == "none":
        _attach(call, name)


def _service_of_pod(call: Call, name: str) -> Obj:
    number = port_number(call["port"], call["port"])
    ports = [{"port": number, "protocol": "TCP", "targetPort": number}]
    spec = {"ports": ports, "selector": pairs(call["labels"], "label") or {"run": name}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _runnable(call: Call) -> bool:
    """Whether the words after ``--`` are a command that containers have here."""
    from sim.shell.client.exec import COMMANDS

    return call.rest[0] in COMMANDS or call.rest[0] in ("sh", "/bin/sh")


def _one_shot(call: Call, name: str) -> None:
    """``kubectl run curl --rm -it --image=… -- curl URL``: a pod that lives for one command.

    The pod is made without the command, the command runs in it as with exec, then it is deleted.
    """
    words = list(call.rest)
    call.parsed.rest_after_dashdash = []
    made = call.client.create(
        {**pod(call, name), "metadata": {**pod(call, name)["metadata"], "namespace": call.namespace}}
    )
    found = Found(call.client.resource("pods"), made)
    try:
        if call.wait_until(lambda: _ready(call, name), START):
            result = call.client.exec(call.namespace, name, name, words, call.stdin)
            call.write(result.stdout)
            if result.stderr:
                call.warn(result.stderr)
            call.status = result.status
        else:
            call.fail(f"error: timed out waiting for the condition: pod {name} did not become ready")
    finally:
        if call["rm"]:
            call.client.delete("pods", name, call.namespace, grace=1)
            call.wait_until(lambda: gone(call, found), START)
            call.print(f'pod "{name}" deleted')


def _ready(call: Call, name: str) -> bool:
    conditions = call.client.get("pods", name, call.namespace).get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _attach(call: Call, name: str) -> None:
    """Wait until the pod runs or has ended, then print its log."""

    def started() -> bool:
        status = call.client.get("pods", name, call.namespace).get("status", {})
        return status.get("phase") in ("Running", "Succeeded", "Failed")

    if not call.wait_until(started, START):
        call.fail("error: timed out waiting for the condition")
        return
    try:
        for _, line in call.client.logs(call.namespace, name, name):
            call.print(line)
    except KubeError as error:
        call.refused(error)


# -- expose -----------------------------------------------------------------------------------


def expose(call: Call) -> None:
    """Make a Service that selects the pods of a workload, a pod or another Service."""
    if not call.args and not call["filename"]:
        raise Failure("error: You must provide one or more resources by argument or filename.")
    for found in find(call, call.args, verb="expose"):
        if found.obj["kind"] not in (
            "Pod",
            "Service",
            "Deployment",
            "ReplicaSet",
            "ReplicationController",
            "StatefulSet",
        ):
            raise Failure(f"error: cannot expose a {found.obj['kind']}")
        submit(call, _service(call, found), "exposed")


def _service(call: Call, found: Found) -> Obj:
    labels = pairs(call["selector"], "selector") if call["selector"] else selected_by(call, found.obj)
    spec: Obj = {"ports": _ports(call, found), "selector": labels}
    if call["type"]:
        spec["type"] = call["type"]
    if call["cluster-ip"]:
        spec["clusterIP"] = call["cluster-ip"]
    meta: Obj = {"name": call["name"] or found.name, "namespace": found.namespace}
    own = pairs(call["labels"], "label") or found.obj["metadata"].get("labels")
    if own:
        meta["labels"] = dict(own)
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def _ports(call: Call, found: Found) -> list[Obj]:
    """``--port``, or every port the containers or the Service have."""
    target = call["target-port"]
    given = call["port"]
    if not given:
        numbers = _own_ports(found.obj)
        if not numbers:
            raise Failure("error: couldn't find port via --port flag or introspection; use --port=PORT")
    else:
        numbers = [port_number(part, part) for part in given.split(",")]
    ports = []
    for index, number in enumerate(numbers):
        aim: int | str = int(target) if target.isdigit() else target
        port = {"port": number, "protocol": call["protocol"] or "TCP", "targetPort": aim or number}
        if len(numbers) > 1:
            port["name"] = f"port-{index + 1}"
        ports.append(port)
    return ports


def _own_ports(obj: Obj) -> list[int]:
    spec = obj.get("spec", {})
    if obj["kind"] == "Service":
        return [port["port"] for port in spec.get("ports") or []]
    containers = (spec if obj["kind"] == "Pod" else spec.get("template", {}).get("spec", {})).get(
        "containers"
    ) or []
    return [port["containerPort"] for container in containers for port in container.get("ports") or []]


RUN = Verb(
    usage="run NAME --image=IMAGE [--env=A=b] [--port=PORT] [flags] [-- COMMAND or ARGS]",
    about=(
        "Create a pod that runs an image. What the image does is decided by its name: kubectl describe says\n"
        "when nothing is known by it (ImagePullBackOff). With --rm -it and one of the commands that kubectl\n"
        "exec knows, the pod lives for that command."
    ),
    run=run,
    flags=(
        *PRINTED,
        DRY_RUN,
        VALIDATE,
        FIELD_MANAGER,
        RECORD,
        Flag("image", help="Image to run; needed"),
        Flag("env", kind="array", help="NAME=VALUE for the container; may be repeated"),
        Flag("port", help="Port the container listens on"),
        Flag("labels", "l", help="Labels of the pod: a=b,c=d"),
        Flag("annotations", kind="array", help="Annotations of the pod: a=b"),
        Flag(
            "restart",
            default="Always",
            choices=("Always", "OnFailure", "Never"),
            help="When containers start again",
        ),
        Flag("command", kind="bool", help="The words after -- are the command, not its arguments"),
        Flag("expose", kind="bool", help="Make a Service for it too; needs --port"),
        Flag("attach", kind="bool", help="Wait for the pod and print what it wrote"),
        Flag("stdin", "i", kind="bool", help="Same as --attach here"),
        Flag("tty", "t", kind="bool", help="Accepted"),
        Flag("rm", kind="bool", help="Delete the pod afterwards; with -i, -t or --attach"),
        Flag("quiet", "q", kind="bool", help="Accepted", hidden=True),
        Flag("image-pull-policy", help="Always, IfNotPresent or Never"),
        Flag("overrides", help="Not supported here", hidden=True),
    ),
    examples="""
kubectl run web --image=buoyantio/emojivoto-web:v11 --port=8080
kubectl run curl --rm -it --image=curlimages/curl -- curl http://web-svc.emojivoto
""",
)
EXPOSE = Verb(
    usage="expose TYPE/NAME [--port=PORT] [--target-port=PORT] [--name=NAME] [flags]",
    about="Make a Service that leads to the pods of a workload, a pod or another Service.",
    run=expose,
    flags=(
        *FILES,
        *PRINTED,
        DRY_RUN,
        FIELD_MANAGER,
        RECORD,
        SELECTOR,
        Flag("port", help="The Service's port; the container's unless given"),
        Flag("target-port", help="The container's port or its name"),
        Flag("name", help="The Service's name; the object's unless given"),
        Flag(
            "type",
            choices=("", "ClusterIP", "NodePort", "LoadBalancer"),
            help="ClusterIP, NodePort or LoadBalancer",
        ),
        Flag("protocol", help="TCP or UDP"),
        Flag("cluster-ip", help="The address; None makes it headless"),
        Flag("labels", help="Labels of the Service: a=b"),
    ),
    examples="kubectl -n emojivoto expose deploy/web --port=80 --target-port=8080 --name=web-too",
)
