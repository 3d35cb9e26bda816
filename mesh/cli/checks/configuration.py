"""Category linkerd-config: is everything there that ``install`` printed?"""

from collections.abc import Callable, Iterable

from mesh.cli.checks.existence import crds_exist, require_names
from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip
from mesh.cli.installation.install import core_documents
from mesh.cli.manifests import edge, stable
from mesh.cli.manifests.settings import Settings, chart_values, proxy_values
from mesh.control.certificates import Pair
from mesh.editions import Edition

__all__ = ["EDGE_CONFIG", "STABLE_CONFIG", "expected_names"]

RBAC = "rbac.authorization.k8s.io"
WEBHOOKS = "webhookconfigurations.admissionregistration.k8s.io"
CONTROL_PLANE_NS = "linkerd.io/control-plane-ns"


def expected_names(edition: Edition, namespace: str, *, heartbeat: bool = True) -> dict[str, set[str]]:
    """Names of the control plane's objects by kind, taken from the manifests themselves."""
    values = {**chart_values(edition), "disableHeartBeat": not heartbeat}
    hooks = {*edge.WEBHOOK_SERVICES, *stable.WEBHOOK_SERVICES}
    nothing = Pair("", "")
    settings = Settings(
        edition,
        namespace,
        values,
        proxy_values(edition, namespace, values),
        nothing,
        dict.fromkeys(hooks, nothing),
        0,
    )
    found: dict[str, set[str]] = {}
    for heading, objects in core_documents(settings, []):
        for item in objects if heading != "Grafana" else ():  # the add-on has a category of its own
            found.setdefault(item["kind"], set()).add(item["metadata"]["name"])
    return found


def _namespace(context: CheckContext) -> None:
    context.get("namespaces", context.namespace)


def _exist(kind: str, resource: str, *, labelled: bool = True) -> Callable[[CheckContext], None]:
    """A check that every object of a kind is there, by the label of its control plane."""

    def run(context: CheckContext) -> None:
        heartbeat = not context.heartbeat_disabled()
        expected = expected_names(context.console.edition, context.namespace, heartbeat=heartbeat)[kind]
        label = f"{CONTROL_PLANE_NS}={context.namespace}"
        found = (
            context.list(resource, labels=label) if labelled else context.list(resource, context.namespace)
        )
        require_names(f"{kind}s" if not kind.endswith("y") else f"{kind[:-1]}ies", expected, found)

    return run


def _init_user(context: CheckContext) -> None:
    """Docker cannot give capabilities to a user that is not root."""
    config = context.config()
    if config.get("cniEnabled"):
        raise Skip
    runtimes = [
        ((node.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion", "")
        for node in context.list("nodes")
    ]
    root = bool((config.get("proxyInit") or {}).get("runAsRoot"))
    if any(runtime.startswith("docker:") for runtime in runtimes) and not root:
        raise CheckError(
            "there are nodes using the docker container runtime: proxy-init container must run as root user"
        )


def _common() -> Iterable[Check]:
    kinds = (
        ("ClusterRole", f"clusterroles.{RBAC}", "cr"),
        ("ClusterRoleBinding", f"clusterrolebindings.{RBAC}", "crb"),
        ("ServiceAccount", "serviceaccounts", "sa"),
        ("MutatingWebhookConfiguration", f"mutating{WEBHOOKS}", "mwc"),
        ("ValidatingWebhookConfiguration", f"validating{WEBHOOKS}", "vwc"),
    )
    yield Check("control plane Namespace exists", "l5d-existence-ns", _namespace, fatal=True)
    for kind, resource, anchor in kinds:
        if kind.startswith("Mutating"):
            name = "control plane CustomResourceDefinitions exist"
            yield Check(name, "l5d-existence-crd", crds_exist, fatal=True)
        labelled = kind != "ServiceAccount"
        check = _exist(kind, resource, labelled=labelled)
        yield Check(f"control plane {kind}s exist", f"l5d-existence-{anchor}", check, fatal=True)


STABLE_CONFIG = (
    *_common(),
    Check(
        "control plane PodSecurityPolicies exist",
        "l5d-existence-psp",
        _exist("PodSecurityPolicy", "podsecuritypolicies.policy"),
        fatal=True,
    ),
)
EDGE_CONFIG = (
    *_common(),
    Check(
        "proxy-init container runs as root user if docker container runtime is used",
        "l5d-proxy-init-run-as-root",
        _init_user,
    ),
)
