"""``kubectl port-forward``: a local port that leads to a pod."""

import re

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.jobs import Forward
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.pods import pods_of
from sim.shell.kubectl.targets import resource_of

__all__ = ["PORT_FORWARD"]

HOLD = 60.0  # seconds of simulated time that a forward in the foreground lasts
FIRST_FREE = 30000
PAIR = re.compile(r"(?:(\d*):)?([\w.-]+)\Z")


def forward(call: Call) -> None:
    """Choose a pod, open the ports; in the foreground hold them for a while."""
    if len(call.args) < 2:
        raise Failure("error: TYPE/NAME and list of ports are required for port-forward")
    kind, slash, name = call.args[0].partition("/")
    resource = resource_of(call, kind if slash else "pods")
    name = name if slash else kind
    obj = call.client.get(resource.key, name, call.namespace)
    pods = [pod for pod in pods_of(call, resource, name) if not pod["metadata"].get("deletionTimestamp")]
    if not pods:
        raise Failure(f"error: no pod of {call.args[0]} is there to forward to")
    forwards = [_forward(call, obj, pods[0], text) for text in call.args[1:]]
    text = call.context.text or "kubectl port-forward"
    try:
        job = call.context.jobs.add(text, forwards=tuple(forwards))
    except OSError as error:
        raise Failure(f"error: {error}") from None
    for one in forwards:
        call.print(f"Forwarding from 127.0.0.1:{one.local} -> {one.port}")
        call.print(f"Forwarding from [::1]:{one.local} -> {one.port}")
    if call.context.background:
        return
    call.context.sleep(call["timeout"])
    call.context.jobs.kill(job.number)
    call.warn(
        f"port-forward: held for {call['timeout']:g} s of simulated time and closed; "
        "end the line with & to keep it open while other commands run"
    )


def _forward(call: Call, obj: Obj, pod: Obj, text: str) -> Forward:
    match = PAIR.match(text)
    if match is None:
        raise Failure(f"error: invalid port format '{text}': write LOCAL:REMOTE, PORT or :REMOTE")
    local, remote = match.groups()
    number = _service_port(obj, pod, remote) if obj["kind"] == "Service" else _pod_port(pod, remote)
    if local is None:
        local = remote if remote.isdigit() else str(number)
    wanted = int(local) if local else call.context.jobs.free_port(FIRST_FREE)
    if not 0 < wanted < 65536:
        raise Failure(f"error: invalid port {wanted}: a port is a number from 1 to 65535")
    meta = pod["metadata"]
    try:
        return call.client.portforward(meta["namespace"], meta["name"], wanted, number)
    except KubeError as error:
        raise Failure(f"error: {error.message}") from None


def _service_port(obj: Obj, pod: Obj, text: str) -> int:
    """The pod's port behind a port of a Service, given by number or name."""
    for port in obj["spec"].get("ports") or []:
        if text in (str(port["port"]), port.get("name")):
            target = port.get("targetPort", port["port"])
            if obj["spec"].get("clusterIP") == "None":
                target = port["port"]
            return target if isinstance(target, int) else _pod_port(pod, target)
    ports = ", ".join(str(port["port"]) for port in obj["spec"].get("ports") or []) or "none"
    name = obj["metadata"]["name"]
    raise Failure(f"error: Service {name} does not have a service port {text}; it has {ports}")


def _pod_port(pod: Obj, text: str) -> int:
    """A port of a pod, given by number or name."""
    if text.isdigit():
        number = int(text)
        if not 0 < number < 65536:
            raise Failure(f"error: invalid port {text}: a port is a number from 1 to 65535")
        return number
    spec = pod["spec"]
    for container in (spec.get("containers") or []) + (spec.get("initContainers") or []):
        for port in container.get("ports") or []:
            if port.get("name") == text:
                return int(port["containerPort"])
    raise Failure(f"error: Pod '{pod['metadata']['name']}' does not have a named port '{text}'")


PORT_FORWARD = Verb(
    usage="port-forward TYPE/NAME [LOCAL_PORT:]REMOTE_PORT... [flags] [&]",
    about=(
        "Lead a port of this machine to a pod: of its own name, of a workload, or behind a Service.\n\n"
        "End the line with & to keep it open (jobs lists it, kill %1 ends it). In the foreground it is held\n"
        "for --timeout of simulated time."
    ),
    run=forward,
    flags=(
        Flag("address", kind="list", default=("localhost",), help="Accepted; always localhost", hidden=True),
        Flag("timeout", kind="duration", default=HOLD, help="In the foreground: how long to hold it"),
        Flag("pod-running-timeout", kind="duration", default=60.0, help="Accepted", hidden=True),
    ),
    examples="""
kubectl -n emojivoto port-forward svc/web-svc 8080:80 &
curl http://localhost:8080
kubectl -n linkerd port-forward deploy/linkerd-controller 9995 &
""",
)
