"""What a cluster already holds of Linkerd and of what it needs: whether an installation may go on."""

from collections.abc import Iterable

from mesh.cli.console import Console
from mesh.cli.kube import KubeError
from mesh.cli.manifests.gateway import GATEWAY_GROUP

__all__ = ["NO_GATEWAY", "has_crds", "has_gateway_api", "refusal"]

RBAC = "rbac.authorization.k8s.io"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
NO_CRDS = "Error: Linkerd CRDs must be installed first: run `linkerd install --crds | kubectl apply -f -`"
NO_GATEWAY = (
    "Error: the Gateway API CRDs are not installed, and Linkerd requires them: run `kubectl apply -f "
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml` first, "
    "or add --set installGatewayAPI=true to `linkerd install --crds`"
)


def has_crds(console: Console, names: Iterable[str]) -> bool:
    """Whether the cluster knows all these resource types.

    Raises:
        KubeError: the cluster cannot be asked.
    """
    return {crd["metadata"]["name"] for crd in console.kube.list(CRDS)} >= set(names)


def has_gateway_api(console: Console) -> bool:
    """Whether the cluster knows the routes of Gateway API's standard channel."""
    return has_crds(console, [f"httproutes.{GATEWAY_GROUP}", f"grpcroutes.{GATEWAY_GROUP}"])


def refusal(console: Console) -> str:
    """Why the control plane must not be installed on this cluster now; empty when it may.

    Raises:
        KubeError: the cluster cannot be asked.
    """
    namespace, edition = console.namespace, console.edition
    if edition.separate_crds and not has_crds(console, [crd.name for crd in edition.crds]):
        return NO_CRDS
    if edition.separate_crds and not has_gateway_api(console):
        return NO_GATEWAY
    try:
        console.kube.get("configmaps", "linkerd-config", namespace)
    except KubeError as error:
        if error.reason == "NotFound":
            return _leftovers(console)
        raise
    return (
        f"Error: Linkerd has already been installed on your cluster in the {namespace} namespace: remove it "
        "with `linkerd uninstall | kubectl delete -f -`, or use the --ignore-cluster flag to print the "
        "manifests anyway"
    )


def _leftovers(console: Console) -> str:
    """Cluster-wide objects that an installation of the same namespace left behind."""
    label, found = f"linkerd.io/control-plane-ns={console.namespace}", []
    for kind in ("clusterrole", "clusterrolebinding"):
        items = console.kube.list(f"{kind}s.{RBAC}", labels=label)
        found += [f"{kind}.{RBAC}/{item['metadata']['name']}" for item in items]
    if not found:
        return ""
    listed = "".join(f"  {name}\n" for name in sorted(found))
    return (
        "Unable to install the Linkerd control plane. It appears that there is an existing installation:\n\n"
        f"{listed}\nRemove these objects with `linkerd install --ignore-cluster | kubectl delete -f -`, or "
        "use the --ignore-cluster flag to overwrite them"
    )
