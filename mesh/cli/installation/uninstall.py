"""``linkerd uninstall``: prints what an installation consists of, for ``kubectl delete``."""

from collections.abc import Iterable

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, Parsed
from mesh.cli.kube import KubeError, Obj
from mesh.cli.verb import Verb, fail
from mesh.yaml import dump

__all__ = ["UNINSTALL", "VIZ_UNINSTALL"]

# Cluster-wide kinds, and namespaced ones outside the installation's own namespace.
KINDS = (
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "podsecuritypolicies.policy",
    "apiservices.apiregistration.k8s.io",
)
FORCE = Flag("force", kind="bool", help="Force uninstall even if there are injected pods or extensions")


def _uninstall(parsed: Parsed, console: Console) -> Result:
    namespace = console.namespace
    label = f"linkerd.io/control-plane-ns={namespace}"
    objects = _found(console, label, namespace)
    if not objects:
        return fail(
            f"Error: no Linkerd control plane found in the {namespace} namespace: nothing to uninstall"
        )
    problem = "" if parsed["force"] else _in_use(console, label)
    return fail(problem) if problem else Result(stdout=_render(objects))


def _viz_uninstall(_: Parsed, console: Console) -> Result:
    objects = _found(console, "linkerd.io/extension=viz", console.edition.viz_namespace)
    if not objects:
        return fail("Error: the viz extension is not installed: nothing to uninstall")
    return Result(stdout=_render(objects))


def _found(console: Console, label: str, namespace: str) -> list[Obj]:
    """The labelled objects outside ``namespace``, then the Namespace, which takes the rest with it."""
    found: list[Obj] = []
    for kind in KINDS:
        items = _listed(console, kind, label)
        found += [item for item in items if item["metadata"].get("namespace") != namespace]
    return found + _listed(console, "namespaces", label)


def _listed(console: Console, kind: str, label: str) -> list[Obj]:
    """The objects with that label; none when the cluster does not know the kind.

    Raises:
        KubeError: the cluster cannot be asked.
    """
    try:
        return console.kube.list(kind, labels=label)
    except KubeError as error:
        if error.reason == "NotFound":
            return []
        raise


def _in_use(console: Console, label: str) -> str:
    """Why the control plane is still needed; empty when it is not."""
    extensions = [
        ns["metadata"]["name"] for ns in console.kube.list("namespaces", labels="linkerd.io/extension")
    ]
    if extensions:
        return (
            f"Error: the extension in namespace {extensions[0]} needs the control plane: uninstall it first "
            "(`linkerd viz uninstall | kubectl delete -f -`), or use --force"
        )
    component = "linkerd.io/control-plane-component"
    pods = [
        pod["metadata"]
        for pod in console.kube.list("pods", labels=label)
        if component not in pod["metadata"].get("labels", {})
    ]
    if not pods:
        return ""
    names = ", ".join(f"{pod['namespace']}/{pod['name']}" for pod in pods[:3]) + (
        ", …" if len(pods) > 3 else ""
    )
    return (
        f"Error: {len(pods)} pods are still injected ({names}): uninject and roll them out first, "
        "or use --force"
    )


def _render(objects: Iterable[Obj]) -> str:
    """Names only: kubectl delete needs no more."""
    documents = []
    for found in objects:
        metadata = {"name": found["metadata"]["name"]}
        if found["metadata"].get("namespace"):
            metadata["namespace"] = found["metadata"]["namespace"]
        documents.append({"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata})
    return "".join(f"---\n{dump(document)}" for document in documents)


UNINSTALL = Verb(
    name="uninstall",
    run=_uninstall,
    flags=(FORCE,),
    summary="Output Kubernetes resources to uninstall Linkerd control plane",
    about="Print the objects that make up the control plane. Refuses while anything still needs it.",
    example="""  # Remove the control plane
  {cmd} | kubectl delete -f -
""",
)
VIZ_UNINSTALL = Verb(
    name="uninstall",
    run=_viz_uninstall,
    summary="Output Kubernetes resources to uninstall the Linkerd-viz extension",
    about="Print the objects that make up the metrics extension.",
    example="""  # Remove the metrics extension
  {cmd} | kubectl delete -f -
""",
)
