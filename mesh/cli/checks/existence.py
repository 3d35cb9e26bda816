"""Categories linkerd-crd and linkerd-existence: is a control plane there, and does it run?"""

import ipaddress
from collections.abc import Iterable

from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip, listing
from mesh.cli.checks.pods import owner_name, require_running, running
from mesh.cli.kube import Obj

__all__ = ["CRD", "EDGE_EXISTENCE", "STABLE_EXISTENCE", "controller_pod", "require_names"]

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
CONTROLLER = "linkerd-controller"
ADDONS = frozenset({"linkerd-grafana"})
API_PORT, ADMIN_PORT = 8085, 9995


def require_names(kind: str, expected: Iterable[str], found: Iterable[Obj]) -> None:
    """Make sure that objects of these names are there.

    Raises:
        CheckError: it lists the missing ones.
    """
    present = {item["metadata"]["name"] for item in found}
    missing = [name for name in sorted(expected) if name not in present]
    if missing:
        raise CheckError(f"missing {kind}: {', '.join(missing)}")


def crds_exist(context: CheckContext) -> None:
    """The edition's own resource types are known."""
    names = [crd.name for crd in context.console.edition.crds]
    require_names("CustomResourceDefinitions", names, context.list(CRDS))


def _config_map(context: CheckContext) -> None:
    context.get("configmaps", "linkerd-config", context.namespace)


def _heartbeat(context: CheckContext) -> None:
    if context.heartbeat_disabled():
        raise Skip
    require_names(
        "ServiceAccounts", ["linkerd-heartbeat"], context.list("serviceaccounts", context.namespace)
    )


def _replica_sets(context: CheckContext) -> None:
    """No ReplicaSet of the control plane says that it cannot make its pods."""
    sets = context.list("replicasets.apps", context.namespace)
    if not sets:
        raise CheckError(f"no ReplicaSet in the {context.namespace} namespace")
    failures = [
        f"{item['metadata']['name']}: {condition.get('message') or condition.get('reason', '')}"
        for item in sets
        for condition in (item.get("status") or {}).get("conditions") or ()
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
    ]
    if failures:
        raise CheckError("\n".join(failures))


def _schedulable(context: CheckContext) -> None:
    stuck = [
        f"{pod['metadata']['name']}: {condition.get('message', '')}"
        for pod in context.list("pods", context.namespace)
        for condition in (pod.get("status") or {}).get("conditions") or ()
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable"
    ]
    if stuck:
        raise CheckError("\n".join(stuck))


def controller_pod(context: CheckContext) -> str:
    """A running pod of 2.8.1's controller.

    Raises:
        CheckError: there is none.
    """
    for pod in context.list("pods", context.namespace):
        if owner_name(pod, CONTROLLER) and running(pod):
            return str(pod["metadata"]["name"])
    raise CheckError(f'No running pods for "{CONTROLLER}"')


def _controller(context: CheckContext) -> None:
    controller_pod(context)


def _client(context: CheckContext) -> None:
    """The controller's pod can be reached."""
    context.ask(context.namespace, controller_pod(context), ADMIN_PORT, "GET", "/ping")


def _api(context: CheckContext) -> None:
    """The public API answers."""
    answer = context.ask(context.namespace, controller_pod(context), API_PORT, "POST", "/api/v1/Version")
    if not isinstance(answer, dict) or not answer.get("releaseVersion"):
        raise CheckError("the control plane API did not say which version it is")


def core_ready(context: CheckContext) -> None:
    """Every Deployment of the control plane has a pod that is ready; add-ons have checks of their own."""
    deployments = [one.name for one in context.console.edition.core if one.name not in ADDONS]
    require_running(context.list("pods", context.namespace), deployments)


def _networks(context: CheckContext) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The configured cluster networks.

    Raises:
        CheckError: the configuration is missing or malformed.
    """
    text = str(context.config().get("clusterNetworks", ""))
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise CheckError(f"clusterNetworks: {error}") from None


def _outside(context: CheckContext, named: Iterable[tuple[str, str]]) -> list[str]:
    """Names of those whose address or network is in none of the cluster networks."""
    networks = _networks(context)
    lost = []
    for name, text in named:
        subnet = ipaddress.ip_network(text)
        inside = any(
            subnet.version == network.version and subnet.subnet_of(network)  # type: ignore[arg-type]
            for network in networks
        )
        if not inside:
            lost.append(f"{name} ({text})")
    return lost


def _node_networks(context: CheckContext) -> None:
    cidrs = [
        (node["metadata"]["name"], cidr)
        for node in context.list("nodes")
        for cidr in (node.get("spec") or {}).get("podCIDRs") or [(node.get("spec") or {}).get("podCIDR")]
        if cidr
    ]
    lost = _outside(context, cidrs)
    if lost:
        raise listing("the following nodes have podCIDRs outside clusterNetworks:", lost)


def _pod_networks(context: CheckContext) -> None:
    addresses = [
        (f"{pod['metadata']['namespace']}/{pod['metadata']['name']}", pod["status"]["podIP"])
        for pod in context.list("pods")
        if not (pod.get("spec") or {}).get("hostNetwork") and (pod.get("status") or {}).get("podIP")
    ]
    lost = _outside(context, addresses)
    if lost:
        raise listing("the following pods have addresses outside clusterNetworks:", lost)


def _service_networks(context: CheckContext) -> None:
    addresses = [
        (f"{item['metadata']['namespace']}/{item['metadata']['name']}", item["spec"]["clusterIP"])
        for item in context.list("services")
        if (item.get("spec") or {}).get("clusterIP") not in (None, "", "None")
    ]
    lost = _outside(context, addresses)
    if lost:
        raise listing("the following services have addresses outside clusterNetworks:", lost)


CRD = (
    Check(
        "control plane CustomResourceDefinitions exist",
        "l5d-existence-crd",
        crds_exist,
        fatal=True,
        retry=True,
    ),
)
COMMON = (
    Check("'linkerd-config' config map exists", "l5d-existence-linkerd-config", _config_map, fatal=True),
    Check("heartbeat ServiceAccount exist", "l5d-existence-sa", _heartbeat, fatal=True),
    Check(
        "control plane replica sets are ready",
        "l5d-existence-replicasets",
        _replica_sets,
        fatal=True,
        retry=True,
    ),
)
UNSCHEDULABLE = ("no unschedulable pods", "l5d-existence-unschedulable-pods", _schedulable)
STABLE_EXISTENCE = (
    *COMMON,
    Check(*UNSCHEDULABLE, fatal=True, retry=True),
    Check("controller pod is running", "l5d-existence-controller", _controller, fatal=True, retry=True),
    Check("can initialize the client", "l5d-existence-client", _client, fatal=True),
    Check("can query the control plane API", "l5d-existence-api", _api, fatal=True, retry=True),
)
EDGE_EXISTENCE = (
    *COMMON,
    Check(*UNSCHEDULABLE, warning=True, retry=True),
    Check("control plane pods are ready", "l5d-api-control-ready", core_ready, fatal=True, retry=True),
    Check("cluster networks contains all node podCIDRs", "l5d-cluster-networks-cidr", _node_networks),
    Check("cluster networks contains all pods", "l5d-cluster-networks-pods", _pod_networks),
    Check("cluster networks contains all services", "l5d-cluster-networks-pods", _service_networks),
)
