"""Who may do what in stable-2.8.1: roles, bindings and accounts of each component.

*Source:* the ``*-rbac.yaml`` templates of that release.
"""

from mesh.cli.manifests.objects import (
    RBAC,
    READ,
    Obj,
    binding,
    cluster_role,
    object_of,
    role,
    rule,
    service_account,
)
from mesh.cli.manifests.settings import CONTROL_PLANE_NS, Settings

__all__ = ["component_rbac", "psp", "tap_rbac", "web_rbac"]

WORKLOADS = rule("extensions apps", "daemonsets deployments replicasets statefulsets")
JOBS = rule("extensions batch", "cronjobs jobs")
PROFILES = rule("linkerd.io", "serviceprofiles")
SPLITS = rule("split.smi-spec.io", "trafficsplits")
REPLICASETS = rule("apps", "replicasets")

# Rules of the one ClusterRole that a component has, by component.
RULES: dict[str, tuple[Obj, ...]] = {
    "identity": (
        rule("authentication.k8s.io", "tokenreviews", ("create",)),
        rule("apps", "deployments", ("get",)),
        rule("core", "events", ("create", "patch")),
    ),
    "controller": (
        WORKLOADS,
        JOBS,
        rule("core", "pods endpoints services replicationcontrollers namespaces"),
        PROFILES,
        SPLITS,
    ),
    "destination": (
        REPLICASETS,
        rule("batch", "jobs"),
        rule("core", "pods endpoints services nodes namespaces"),
        PROFILES,
        SPLITS,
    ),
    "proxy-injector": (
        rule("core", "events", ("create", "patch")),
        rule("core", "namespaces replicationcontrollers"),
        rule("core", "pods", ("list", "watch")),
        rule("extensions apps", "deployments replicasets daemonsets statefulsets"),
        rule("extensions batch", "cronjobs jobs"),
    ),
    "sp-validator": (rule("core", "pods", ("list",)),),
    "prometheus": (rule("core", "nodes nodes/proxy pods", READ),),
}


def component_rbac(settings: Settings, component: str) -> list[Obj]:
    """ClusterRole, binding and account of a component that needs no more than those."""
    naming = settings.naming(component)
    account = f"linkerd-{component}"
    objects = []
    if component in RULES:
        name = f"linkerd-{settings.namespace}-{component}"
        objects.append(cluster_role(naming, name, *RULES[component]))
        objects.append(binding(naming, name, "ClusterRole", name, [account]))
    if component == "heartbeat":
        config = rule("core", "configmaps", ("get",), ["linkerd-config"])
        objects.append(role(naming, account, config))
        objects.append(binding(naming, account, "Role", account, [account]))
    objects.append(service_account(naming, account))
    return objects


def web_rbac(settings: Settings) -> list[Obj]:
    """The dashboard may run the checks and watch taps."""
    naming = settings.naming("web")
    check, admin = f"linkerd-{settings.namespace}-web-check", f"linkerd-{settings.namespace}-web-admin"
    own = (
        rule("core", "configmaps", ("get",), ["linkerd-config"]),
        rule("core", "namespaces configmaps", ("get",)),
        rule("core", "serviceaccounts pods", ("list",)),
        rule("apps", "replicasets", ("list",)),
    )
    checks = (
        rule(RBAC, "clusterroles clusterrolebindings", ("list",)),
        rule("apiextensions.k8s.io", "customresourcedefinitions", ("list",)),
        rule(
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations validatingwebhookconfigurations",
            ("list",),
        ),
        rule("policy", "podsecuritypolicies", ("list",)),
        rule("linkerd.io", "serviceprofiles", ("list",)),
        rule("apiregistration.k8s.io", "apiservices", ("get",)),
    )
    tap_admin = f"linkerd-{settings.namespace}-tap-admin"
    return [
        role(naming, "linkerd-web", *own),
        binding(naming, "linkerd-web", "Role", "linkerd-web", ["linkerd-web"]),
        cluster_role(naming, check, *checks),
        binding(naming, check, "ClusterRole", check, ["linkerd-web"]),
        binding(naming, admin, "ClusterRole", tap_admin, ["linkerd-web"]),
        service_account(naming, "linkerd-web"),
    ]


def tap_rbac(settings: Settings) -> list[Obj]:
    """Tap reads workloads, and delegates authentication to the API server it extends."""
    naming = settings.naming("tap")
    name = f"linkerd-{settings.namespace}-tap"
    rules = (rule("core", "pods services replicationcontrollers namespaces nodes"), WORKLOADS, JOBS)
    reader = binding(
        naming, f"{name}-auth-reader", "Role", "extension-apiserver-authentication-reader", ["linkerd-tap"]
    )
    reader["metadata"]["namespace"] = "kube-system"
    delegator = binding(
        naming, f"{name}-auth-delegator", "ClusterRole", "system:auth-delegator", ["linkerd-tap"]
    )
    return [
        cluster_role(naming, name, *rules),
        cluster_role(naming, f"{name}-admin", rule("tap.linkerd.io", "*", ("watch",))),
        binding(naming, name, "ClusterRole", name, ["linkerd-tap"]),
        delegator,
        service_account(naming, "linkerd-tap"),
        reader,
    ]


def psp(settings: Settings) -> list[Obj]:
    """The PodSecurityPolicy under which the control plane's pods may redirect their own traffic."""
    name = f"linkerd-{settings.namespace}-control-plane"
    naming = settings.naming("control-plane")
    labels = {CONTROL_PLANE_NS: settings.namespace}
    ranges = {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 65535}]}
    spec = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "allowedCapabilities": ["NET_ADMIN", "NET_RAW"],
        "requiredDropCapabilities": ["ALL"],
        "hostNetwork": False,
        "hostIPC": False,
        "hostPID": False,
        "seLinux": {"rule": "RunAsAny"},
        "runAsUser": {"rule": "RunAsAny"},
        "supplementalGroups": ranges,
        "fsGroup": ranges,
        "volumes": ["configMap", "emptyDir", "secret", "projected", "downwardAPI", "persistentVolumeClaim"],
    }
    accounts = sorted(workload.account for workload in settings.edition.core)
    if not settings.values["disableHeartBeat"]:
        accounts = sorted([*accounts, "linkerd-heartbeat"])
    use = rule("policy extensions", "podsecuritypolicies", ("use",), [name])
    objects = [
        object_of("policy/v1beta1", "PodSecurityPolicy", naming.metadata(name, cluster=True), spec=spec),
        role(naming, "linkerd-psp", use),
        binding(naming, "linkerd-psp", "Role", "linkerd-psp", accounts),
    ]
    for found in objects:
        found["metadata"]["labels"] = dict(labels)
    return objects
