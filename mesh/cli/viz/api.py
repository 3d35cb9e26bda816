"""How the metrics commands reach the API pod that answers them, and the flags they share."""

from typing import Any

from mesh.cli.console import Console
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.kube import KubeError, Obj
from mesh.viz.resources import Resource, ResourceError, parse_resource, parse_resources

__all__ = [
    "NAMESPACE_FLAGS",
    "PEER_FLAGS",
    "api",
    "ask",
    "named",
    "peer",
    "running_pod",
    "scope",
    "viz_namespace",
]

API_PORT = 8085
EXTENSION = "linkerd.io/extension=viz"
NAMESPACE_FLAGS = (
    Flag("namespace", "n", default="default", help="Namespace of the specified resource"),
    Flag("all-namespaces", "A", kind="bool", help="Show resources of all namespaces"),
)
PEER_FLAGS = (
    Flag("to", help="Only requests to this resource: KIND/NAME"),
    Flag("to-namespace", help="Namespace of --to (default: that of the specified resource)"),
    Flag("from", help="Only requests from this resource: KIND/NAME"),
    Flag("from-namespace", help="Namespace of --from (default: that of the specified resource)"),
)


def viz_namespace(console: Console) -> str:
    """Where the metrics components are: with the control plane, or where the extension was installed.

    Raises:
        KubeError: the extension is not installed.
    """
    if not console.edition.viz_prefix:
        return console.namespace
    for namespace in console.kube.list("namespaces", labels=EXTENSION):
        return str(namespace["metadata"]["name"])
    raise KubeError(
        "NotFound",
        "the linkerd-viz extension is not installed: no namespace carries the label "
        f"{EXTENSION}; install it with: linkerd viz install | kubectl apply -f -",
    )


def running_pod(console: Console, namespace: str, deployment: str) -> str:
    """The name of a running pod of a Deployment of the mesh's own.

    Raises:
        KubeError: there is none; the message says what to do.
    """
    hint = "validate the install with: linkerd viz check" if _edge(console) else ""
    hint = hint or "validate the install with: linkerd check"
    try:
        found = console.kube.get("deployments.apps", deployment, namespace)
    except KubeError as error:
        if error.reason != "NotFound":
            raise
        raise KubeError("NotFound", f"cannot connect to Linkerd: {error.message}; {hint}") from None
    labels = found["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    pods = [pod for pod in console.kube.list("pods", namespace, labels=selector) if _runs(pod)]
    if not pods:
        what = f"no pod of deploy/{deployment} is running in namespace {namespace}"
        raise KubeError("Unreachable", f"cannot connect to Linkerd: {what}; {hint}")
    return str(pods[0]["metadata"]["name"])


def _edge(console: Console) -> bool:
    return console.edition.viz_prefix


def _runs(pod: Obj) -> bool:
    return pod.get("status", {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def api(console: Console) -> tuple[str, str]:
    """Namespace and pod of the API that knows the figures: ``public-api`` or ``metrics-api``.

    Raises:
        KubeError: it is not there.
    """
    namespace = viz_namespace(console)
    return namespace, running_pod(
        console, namespace, "metrics-api" if _edge(console) else "linkerd-controller"
    )


def ask(console: Console, method: str, body: dict[str, Any], timeout: float = 30.0) -> Any:
    """What the API answers to ``/api/v1/METHOD``.

    Raises:
        KubeError: nothing answered, or the API says why it cannot.
    """
    namespace, pod = api(console)
    reply = console.kube.request(namespace, pod, API_PORT, "POST", f"/api/v1/{method}", body, timeout)
    if reply.status == 0:
        raise KubeError("Unreachable", f"cannot connect to Linkerd: pod {namespace}/{pod}: {reply.error}")
    if not isinstance(reply.body, dict) or (reply.status != 200 and "error" not in reply.body):
        raise KubeError("Unreachable", f"pod {namespace}/{pod} answered {method} with HTTP {reply.status}")
    if "error" in reply.body:
        raise KubeError("InternalError", str(reply.body["error"]), reply.status)
    return reply.body


def scope(parsed: Parsed) -> str:
    """The namespace asked for; empty for all."""
    return "" if parsed["all-namespaces"] else str(parsed["namespace"])


def named(parsed: Parsed) -> list[Resource]:
    """The resources that the command line names.

    Raises:
        FlagError: none, or not a resource.
    """
    try:
        return parse_resources([*parsed.args, *parsed.rest_after_dashdash], scope(parsed))
    except ResourceError as error:
        raise FlagError(str(error)) from None


def peer(parsed: Parsed, flag: str) -> Resource | None:
    """The resource of ``--to`` or ``--from``, None without the flag.

    Raises:
        FlagError: not a resource.
    """
    if not parsed[flag]:
        return None
    try:
        return parse_resource(parsed[flag], parsed[f"{flag}-namespace"] or parsed["namespace"])
    except ResourceError as error:
        raise FlagError(f"--{flag}: {error}", flag) from None
