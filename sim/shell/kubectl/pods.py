"""Which pod and which container a command is about, when it was given a workload or no container."""

from typing import TYPE_CHECKING

from mesh.cli.kube import KubeError
from sim.cluster.api.scale import selector_text
from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.tables.pod import pod_state
from sim.shell.kubectl.targets import resource_of

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource

__all__ = ["choose_container", "pod_of", "pod_selector", "pods_of"]

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
DEFAULTS_SINCE = 21  # minor version of kubectl from which a container is chosen when none is named


def pod_selector(obj: Obj) -> str:
    """The label selector of a workload's or Service's pods; empty when it has none."""
    spec = obj.get("spec", {})
    chosen = spec.get("selector")
    if obj["kind"] in ("Service", "ReplicationController"):
        return ",".join(f"{key}={value}" for key, value in sorted((chosen or {}).items()))
    return selector_text(chosen)


def pods_of(call: Call, resource: "Resource", name: str) -> list[Obj]:
    """The pod of that name, or the pods of a workload or Service, those that run first.

    Raises:
        Failure: the kind has no pods, or none are there.
        KubeError: no such object.
    """
    obj = call.client.get(resource.key, name, call.namespace if resource.namespaced else None)
    if resource.key == "pods":
        return [obj]
    selector = pod_selector(obj)
    if not selector:
        kind = f"{resource.group}/{resource.version}" if resource.group else resource.version
        raise Failure(f"error: cannot get the pods of {kind}, Kind={obj['kind']}: it selects none")
    found = call.client.list("pods", obj["metadata"]["namespace"], labels=selector)
    return sorted(found, key=_eligibility)


def _eligibility(pod: Obj) -> tuple[bool, bool, bool, str]:
    state = pod_state(pod)
    phase = pod.get("status", {}).get("phase")
    leaving = bool(pod["metadata"].get("deletionTimestamp"))
    return leaving, phase != "Running", state.ready < state.total, pod["metadata"]["name"]


def pod_of(call: Call, word: str) -> tuple[Obj, int]:
    """The pod that ``web-1``, ``po/web-1`` or ``deploy/web`` means, and among how many it was chosen.

    Raises:
        Failure: there is none.
    """
    kind, slash, name = word.partition("/")
    if slash and (not kind or not name or "/" in name):
        raise Failure(f"error: arguments in resource/name form must have a single resource and name: {word}")
    resource = resource_of(call, kind if slash else "pods")
    found = pods_of(call, resource, name if slash else word)
    if not found:
        raise Failure(f"error: no pods of {word} are there in namespace {call.namespace}")
    return found[0], len(found)


def choose_container(call: Call, pod: Obj, asked: str, *, running: bool = False) -> str:
    """The container to use: the one asked for, the annotated one, the only one, or the first.

    Args:
        running: for exec, where clients that know no default take the first with a word about it.

    Raises:
        Failure: the pod has no such container.
        KubeError: an old client, and nothing says which of several.
    """
    name = pod["metadata"]["name"]
    containers = [container["name"] for container in pod["spec"]["containers"]]
    inits = [container["name"] for container in pod["spec"].get("initContainers") or []]
    if asked:
        if asked not in containers + inits:
            known = ", ".join(containers + inits)
            raise Failure(f"error: container {asked} is not valid for pod {name}; it has {known}")
        return asked
    if len(containers) == 1 and not inits:
        return str(containers[0])
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, "")
    if call.client_minor() >= DEFAULTS_SINCE:
        if annotated in containers:
            return str(annotated)
        if len(containers) > 1 or inits:
            everything = ", ".join(containers + [f"{init} (init)" for init in inits])
            call.warn(f'Defaulted container "{containers[0]}" out of: {everything}')
        return str(containers[0])
    if len(containers) == 1:
        return str(containers[0])
    if running:
        call.warn(f"Defaulting container name to {containers[0]}.")
        call.warn(
            f"Use 'kubectl describe pod/{name} -n {call.namespace}' to see all of the containers in this pod."
        )
        return str(containers[0])
    others = f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
    raise KubeError(
        "BadRequest",
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(containers)}]{others}",
        400,
    )
