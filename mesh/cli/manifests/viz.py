"""All documents of ``linkerd viz install``: the metrics extension in a namespace of its own.

*Source:* viz/charts of edge-26.8.3. *Differs:* the extension's own policy resources are left out.
"""

from collections.abc import Iterator

from mesh.cli.manifests import webhooks
from mesh.cli.manifests.objects import (
    RBAC,
    READ,
    Naming,
    Obj,
    binding,
    cluster_role,
    config_map,
    object_of,
    role,
    rule,
    service,
    service_account,
)
from mesh.cli.manifests.prometheus import prometheus_config
from mesh.cli.manifests.settings import Settings
from mesh.cli.manifests.workloads import viz_deployment
from mesh.editions import Workload

__all__ = ["WEBHOOK_SERVICES", "viz_documents"]

WEBHOOK_SERVICES = ("tap", "tap-injector")
EXTENSION = "linkerd.io/extension"
SERVICES: dict[str, tuple[tuple[str, int, int | str], ...]] = {
    "metrics-api": (("http", 8085, 8085),),
    "prometheus": (("admin", 9090, 9090),),
    "tap": (("grpc", 8088, 8088), ("apiserver", 443, "apiserver")),
    "tap-injector": (("tap-injector", 443, "tap-injector"),),
    "web": (("http", 8084, 8084), ("admin", 9994, 9994)),
}
WORKLOADS = rule("extensions apps", "daemonsets deployments replicasets statefulsets")
JOBS = rule("extensions batch", "cronjobs jobs")


def viz_documents(settings: Settings) -> Iterator[tuple[str, list[Obj]]]:
    """Sections with a heading each."""
    yield "Linkerd Viz Extension Namespace", [_namespace(settings)]
    yield "Metrics API RBAC", _metrics_rbac(settings)
    yield "Prometheus RBAC", _prometheus_rbac(settings)
    yield "Tap RBAC", _tap_rbac(settings)
    yield "Tap Injector RBAC", _tap_injector_rbac(settings)
    yield "Web RBAC", _web_rbac(settings)
    for workload in settings.edition.viz:
        yield workload.component.replace("-", " ").title(), _component(settings, workload)


def _naming(settings: Settings, component: str) -> Naming:
    labels = {EXTENSION: "viz", "component": component, "namespace": settings.viz_namespace}
    return Naming(settings.viz_namespace, labels, settings.created_by)


def _namespace(settings: Settings) -> Obj:
    metadata = {
        "name": settings.viz_namespace,
        "labels": {EXTENSION: "viz", "pod-security.kubernetes.io/enforce": "privileged"},
        "annotations": {
            "linkerd.io/inject": "enabled",
            "config.linkerd.io/proxy-await": "enabled",
        },
    }
    return object_of("v1", "Namespace", metadata)


def _metrics_rbac(settings: Settings) -> list[Obj]:
    naming, name = _naming(settings, "metrics-api"), f"linkerd-{settings.viz_namespace}-metrics-api"
    policies = " ".join(crd.plural for crd in settings.edition.crds if crd.group == "policy.linkerd.io")
    rules = (
        WORKLOADS,
        JOBS,
        rule("core", "pods endpoints services replicationcontrollers namespaces"),
        rule("linkerd.io", "serviceprofiles"),
        rule("policy.linkerd.io", policies),
        rule("gateway.networking.k8s.io", "httproutes grpcroutes"),
    )
    return [
        cluster_role(naming, name, *rules),
        binding(naming, name, "ClusterRole", name, ["metrics-api"]),
        service_account(naming, "metrics-api"),
    ]


def _prometheus_rbac(settings: Settings) -> list[Obj]:
    naming, name = _naming(settings, "prometheus"), f"linkerd-{settings.viz_namespace}-prometheus"
    return [
        cluster_role(naming, name, rule("core", "nodes nodes/proxy pods", READ)),
        binding(naming, name, "ClusterRole", name, ["prometheus"]),
        service_account(naming, "prometheus"),
    ]


def _tap_rbac(settings: Settings) -> list[Obj]:
    """Tap reads workloads, and delegates authentication to the API server it extends."""
    naming, name = _naming(settings, "tap"), f"linkerd-{settings.viz_namespace}-tap"
    account = ["tap"]
    rules = (rule("core", "pods services replicationcontrollers namespaces nodes"), WORKLOADS, JOBS)
    reader = binding(
        naming, f"{name}-auth-reader", "Role", "extension-apiserver-authentication-reader", account
    )
    reader["metadata"]["namespace"] = "kube-system"
    admin = (rule("tap.linkerd.io", "*", ("watch",)), rule("core", "namespaces", ("list",)))
    return [
        cluster_role(naming, name, *rules),
        cluster_role(naming, f"{name}-admin", *admin),
        binding(naming, name, "ClusterRole", name, account),
        binding(naming, f"{name}-auth-delegator", "ClusterRole", "system:auth-delegator", account),
        service_account(naming, "tap"),
        reader,
        webhooks.tls_secret(settings, naming, "tap"),
        webhooks.tap_api(settings, naming, "tap"),
    ]


def _tap_injector_rbac(settings: Settings) -> list[Obj]:
    naming = _naming(settings, "tap-injector")
    return [
        cluster_role(naming, "linkerd-tap-injector", rule("core", "namespaces")),
        binding(naming, "linkerd-tap-injector", "ClusterRole", "linkerd-tap-injector", ["tap-injector"]),
        service_account(naming, "tap-injector"),
        webhooks.tls_secret(settings, naming, "tap-injector"),
        webhooks.tap_injector_webhook(settings, naming),
    ]


def _web_rbac(settings: Settings) -> list[Obj]:
    """The dashboard may read the control plane's configuration, run the checks and watch taps."""
    naming, name = _naming(settings, "web"), f"linkerd-{settings.viz_namespace}-web"
    core = Naming(settings.namespace, naming.labels, naming.created_by)
    own = (
        rule("core", "configmaps", ("get",), ["linkerd-config"]),
        rule("core", "namespaces configmaps", ("get",)),
        rule("core", "serviceaccounts pods", ("list",)),
        rule("apps", "replicasets", ("list",)),
    )
    hooks = "mutatingwebhookconfigurations validatingwebhookconfigurations"
    checks = (
        rule(RBAC, "clusterroles clusterrolebindings", ("list",)),
        rule("apiextensions.k8s.io", "customresourcedefinitions", ("list",)),
        rule("admissionregistration.k8s.io", hooks, ("list",)),
        rule("linkerd.io", "serviceprofiles", ("list",)),
        rule("core", "nodes pods services", ("list",)),
        rule("apiregistration.k8s.io", "apiservices", ("get",)),
    )
    tap_admin = f"linkerd-{settings.viz_namespace}-tap-admin"
    return [
        role(core, "web", *own),
        binding(core, "web", "Role", "web", ["web"], account_namespace=settings.viz_namespace),
        cluster_role(naming, f"{name}-check", *checks),
        binding(naming, f"{name}-check", "ClusterRole", f"{name}-check", ["web"]),
        binding(naming, f"{name}-admin", "ClusterRole", tap_admin, ["web"]),
        cluster_role(naming, f"{name}-api", rule("core", "namespaces", ("list",))),
        binding(naming, f"{name}-api", "ClusterRole", f"{name}-api", ["web"]),
        service_account(naming, "web"),
    ]


def _component(settings: Settings, workload: Workload) -> list[Obj]:
    naming = _naming(settings, workload.component)
    objects: list[Obj] = []
    if workload.component == "prometheus":
        objects.append(
            config_map(naming, "prometheus-config", {"prometheus.yml": prometheus_config(settings)})
        )
    selector = {EXTENSION: "viz", "component": workload.component}
    objects.append(service(naming, workload.name, SERVICES[workload.component], selector))
    return [*objects, viz_deployment(settings, workload)]
