"""All documents of ``linkerd install`` in edge, in its order: CRDs apart, then the control plane."""

from collections.abc import Iterator

from mesh.cli.manifests import config, webhooks
from mesh.cli.manifests.objects import (
    READ,
    Obj,
    binding,
    cluster_role,
    config_map,
    role,
    rule,
    secret,
    service,
    service_account,
)
from mesh.cli.manifests.settings import COMPONENT, Settings, chart_values
from mesh.cli.manifests.stable import namespace
from mesh.cli.manifests.workloads import deployment, disruption_budget, heartbeat
from mesh.editions import Workload
from mesh.yaml import dump

__all__ = ["WEBHOOK_SERVICES", "edge_documents"]

WEBHOOK_SERVICES = ("linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-policy-validator")
GATEWAY = "gateway.networking.k8s.io"
ROUTES = "httproutes grpcroutes tlsroutes tcproutes"

# Services by component: name, ports, headless.
SERVICES: dict[str, tuple[tuple[str, tuple[tuple[str, int, int | str], ...], bool], ...]] = {
    "identity": (
        ("linkerd-identity", (("grpc", 8080, 8080),), False),
        ("linkerd-identity-headless", (("grpc", 8080, 8080),), True),
    ),
    "destination": (
        ("linkerd-dst", (("grpc", 8086, 8086),), False),
        ("linkerd-dst-headless", (("grpc", 8086, 8086),), True),
        ("linkerd-sp-validator", (("sp-validator", 443, "sp-validator"),), False),
        ("linkerd-policy", (("grpc", 8090, 8090),), True),
        ("linkerd-policy-validator", (("policy-https", 443, "policy-https"),), False),
    ),
    "proxy-injector": (("linkerd-proxy-injector", (("proxy-injector", 443, "proxy-injector"),), False),),
}


def edge_documents(settings: Settings) -> Iterator[tuple[str, list[Obj]]]:
    """Sections with a heading each."""
    yield "Linkerd Namespace", [namespace(settings)]
    yield "Identity Controller Service", _identity_rbac(settings)
    yield "Destination Controller Service", _destination_rbac(settings)
    if not settings.values["disableHeartBeat"]:
        yield "Heartbeat RBAC", _heartbeat_rbac(settings)
    yield "Proxy Injector RBAC", _injector_rbac(settings)
    yield "Linkerd configuration", [config.edge_config(settings), *_config_rbac(settings)]
    for workload in settings.edition.core:
        yield f"{workload.component.replace('-', ' ').title()}", _component(settings, workload)
        if workload.component == "destination" and not settings.values["disableHeartBeat"]:
            yield "Heartbeat", [heartbeat(settings)]
    yield "Configuration overrides", [_overrides(settings)]


def _identity_rbac(settings: Settings) -> list[Obj]:
    naming, name = settings.naming("identity"), f"linkerd-{settings.namespace}-identity"
    rules = (
        rule("authentication.k8s.io", "tokenreviews", ("create",)),
        rule("apps", "deployments", ("get",)),
        rule("core", "events", ("create", "patch")),
    )
    return [
        cluster_role(naming, name, *rules),
        binding(naming, name, "ClusterRole", name, ["linkerd-identity"]),
        service_account(naming, "linkerd-identity"),
    ]


def _destination_rbac(settings: Settings) -> list[Obj]:
    """Rights of the three containers, and the certificates and registrations of two webhooks."""
    naming, name = settings.naming("destination"), f"linkerd-{settings.namespace}-destination"
    account = ["linkerd-destination"]
    discover, policy = _destination_rules(settings)
    return [
        cluster_role(naming, name, *discover),
        binding(naming, name, "ClusterRole", name, account),
        service_account(naming, "linkerd-destination"),
        webhooks.tls_secret(settings, naming, "linkerd-sp-validator"),
        webhooks.sp_webhook(settings),
        webhooks.tls_secret(settings, naming, "linkerd-policy-validator"),
        webhooks.policy_webhook(settings),
        cluster_role(naming, "linkerd-policy", *policy),
        binding(naming, "linkerd-destination-policy", "ClusterRole", "linkerd-policy", account),
        role(naming, "remote-discovery", rule("core", "secrets")),
        binding(naming, "linkerd-destination-remote-discovery", "Role", "remote-discovery", account),
    ]


def _destination_rules(settings: Settings) -> tuple[tuple[Obj, ...], tuple[Obj, ...]]:
    """What the destination container reads and writes, and what the policy container does."""
    policies = " ".join(crd.plural for crd in settings.edition.crds if crd.group == "policy.linkerd.io")
    with_status = "httproutes/status httplocalratelimitpolicies/status egressnetworks/status"
    route_status = " ".join(f"{route}/status" for route in ROUTES.split())
    discover = (
        rule("apps", "replicasets"),
        rule("batch", "jobs"),
        rule("core", "pods endpoints services nodes namespaces"),
        rule("linkerd.io", "serviceprofiles"),
        rule("workload.linkerd.io", "externalworkloads"),
        rule("coordination.k8s.io", "leases", ("create", "get", "update", "patch")),
        rule("core", "events", ("create", "patch")),
        rule("discovery.k8s.io", "endpointslices", (*READ, "create", "update", "patch", "delete")),
    )
    policy = (
        rule("core", "pods services", READ),
        rule("apps", "deployments", ("get",)),
        rule("policy.linkerd.io", policies, READ),
        rule(GATEWAY, ROUTES, READ),
        rule("policy.linkerd.io", with_status, ("patch",)),
        rule(GATEWAY, route_status, ("patch",)),
        rule("workload.linkerd.io", "externalworkloads", READ),
        rule("coordination.k8s.io", "leases", ("create", "get", "patch")),
    )
    return discover, policy


def _heartbeat_rbac(settings: Settings) -> list[Obj]:
    naming, account = settings.naming("heartbeat"), ["linkerd-heartbeat"]
    cluster = (
        rule("core", "namespaces", ("list",)),
        rule("linkerd.io", "serviceprofiles", ("list",)),
    )
    return [
        role(naming, "linkerd-heartbeat", rule("core", "configmaps", ("get",), ["linkerd-config"])),
        binding(naming, "linkerd-heartbeat", "Role", "linkerd-heartbeat", account),
        cluster_role(naming, "linkerd-heartbeat", *cluster),
        binding(naming, "linkerd-heartbeat", "ClusterRole", "linkerd-heartbeat", account),
        service_account(naming, "linkerd-heartbeat"),
    ]


def _injector_rbac(settings: Settings) -> list[Obj]:
    naming, name = settings.naming("proxy-injector"), f"linkerd-{settings.namespace}-proxy-injector"
    rules = (
        rule("core", "events", ("create", "patch")),
        rule("core", "namespaces replicationcontrollers"),
        rule("core", "pods", ("list", "watch")),
        rule("extensions apps", "deployments replicasets daemonsets statefulsets"),
        rule("extensions batch", "cronjobs jobs"),
    )
    return [
        cluster_role(naming, name, *rules),
        binding(naming, name, "ClusterRole", name, ["linkerd-proxy-injector"]),
        service_account(naming, "linkerd-proxy-injector"),
        webhooks.tls_secret(settings, naming, "linkerd-proxy-injector"),
        webhooks.injector_webhook(settings),
    ]


def _config_rbac(settings: Settings) -> list[Obj]:
    """Extensions may read the configuration."""
    naming, name = settings.naming("controller"), "ext-namespace-metadata-linkerd-config"
    return [role(naming, name, rule("core", "configmaps", ("get",), ["linkerd-config"]))]


def _component(settings: Settings, workload: Workload) -> list[Obj]:
    naming = settings.naming(workload.component)
    objects: list[Obj] = []
    if workload.component == "identity":
        pair = {"crt.pem": settings.issuer.cert_pem, "key.pem": settings.issuer.key_pem}
        anchors = {"ca-bundle.crt": settings.values["identityTrustAnchorsPEM"]}
        objects.append(secret(naming, "linkerd-identity-issuer", pair))
        objects.append(config_map(naming, "linkerd-identity-trust-roots", anchors))
    for name, ports, headless in SERVICES[workload.component]:
        objects.append(service(naming, name, ports, {COMPONENT: workload.component}, headless=headless))
    if settings.values["enablePodDisruptionBudget"]:
        objects.append(disruption_budget(settings, workload))
    return [*objects, deployment(settings, workload)]


def _overrides(settings: Settings) -> Obj:
    """What differs from the chart's defaults, for upgrades to start from."""
    changed = _difference(dict(settings.values), chart_values(settings.edition))
    name = "linkerd-config-overrides"
    return secret(settings.naming("controller"), name, {name: dump(changed)})


def _difference(values: Obj, defaults: Obj) -> Obj:
    """The entries of ``values`` that ``defaults`` lacks or has otherwise."""
    found: Obj = {}
    for key, value in values.items():
        before = defaults.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = _difference(value, before)
            if inner:
                found[key] = inner
        elif value != before:
            found[key] = value
    return found
