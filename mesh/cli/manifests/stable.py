"""All documents of ``linkerd install`` in stable-2.8.1, in its order."""

from collections.abc import Iterator

from mesh.cli.manifests import config, stable_rbac, webhooks
from mesh.cli.manifests.crds import definitions
from mesh.cli.manifests.objects import Obj, config_map, object_of, secret, service
from mesh.cli.manifests.prometheus import prometheus_config
from mesh.cli.manifests.settings import COMPONENT, Settings
from mesh.cli.manifests.workloads import deployment, heartbeat
from mesh.editions import Workload

__all__ = ["WEBHOOK_SERVICES", "stable_documents"]

WEBHOOK_SERVICES = ("linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-tap")
# Services by component: name and ports (name, port, target).
SERVICES: dict[str, tuple[str, tuple[tuple[str, int, int | str], ...]]] = {
    "identity": ("linkerd-identity", (("grpc", 8080, 8080),)),
    "controller": ("linkerd-controller-api", (("http", 8085, 8085),)),
    "destination": ("linkerd-dst", (("grpc", 8086, 8086),)),
    "web": ("linkerd-web", (("http", 8084, 8084), ("admin-http", 9994, 9994))),
    "proxy-injector": ("linkerd-proxy-injector", (("proxy-injector", 443, "proxy-injector"),)),
    "sp-validator": ("linkerd-sp-validator", (("sp-validator", 443, "sp-validator"),)),
    "tap": ("linkerd-tap", (("grpc", 8088, 8088), ("apiserver", 443, "apiserver"))),
    "grafana": ("linkerd-grafana", (("http", 3000, 3000),)),
    "prometheus": ("linkerd-prometheus", (("admin-http", 9090, 9090),)),
}


def stable_documents(settings: Settings, flags: list[tuple[str, str]]) -> Iterator[tuple[str, list[Obj]]]:
    """Sections with a heading each; ``flags`` are those given to the command."""
    heartbeats = not settings.values["disableHeartBeat"]
    yield "Linkerd Namespace", [namespace(settings)]
    yield "Identity Controller Service RBAC", stable_rbac.component_rbac(settings, "identity")
    yield "Controller RBAC", stable_rbac.component_rbac(settings, "controller")
    yield "Destination Controller Service RBAC", stable_rbac.component_rbac(settings, "destination")
    if heartbeats:
        yield "Heartbeat RBAC", stable_rbac.component_rbac(settings, "heartbeat")
    yield "Web RBAC", stable_rbac.web_rbac(settings)
    profiles, splits = definitions(settings.edition, settings.namespace)
    yield "Service Profile CRD", [profiles]
    yield "TrafficSplit CRD", [splits]
    yield "Proxy Injector RBAC", _hooked(settings, "proxy-injector", webhooks.injector_webhook(settings))
    yield "Service Profile Validator RBAC", _hooked(settings, "sp-validator", webhooks.sp_webhook(settings))
    tap = settings.naming("tap")
    api = webhooks.tap_api(settings, tap, "linkerd-tap")
    yield (
        "Tap RBAC",
        [*stable_rbac.tap_rbac(settings), webhooks.tls_secret(settings, tap, "linkerd-tap"), api],
    )
    yield "Control Plane PSP", stable_rbac.psp(settings)
    yield "Linkerd configuration", [config.stable_config(settings, flags)]
    for workload in settings.edition.core:
        yield f"{workload.component.replace('-', ' ').title()}", _component(settings, workload)
        if workload.component == "destination" and heartbeats:
            yield "Heartbeat", [heartbeat(settings)]
        if workload.component == "tap":
            yield "Linkerd add-ons configuration", [config.addons_config(settings)]


def namespace(settings: Settings) -> Obj:
    """The control plane's Namespace: its own pods are meshed by their manifests, not by the injector."""
    labels = {
        "linkerd.io/is-control-plane": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        "linkerd.io/control-plane-ns": settings.namespace,
    }
    metadata = {
        "name": settings.namespace,
        "annotations": {"linkerd.io/inject": "disabled"},
        "labels": labels,
    }
    return object_of("v1", "Namespace", metadata)


def _hooked(settings: Settings, component: str, webhook: Obj) -> list[Obj]:
    """Rights, certificate and registration of a webhook."""
    naming = settings.naming(component)
    rights = stable_rbac.component_rbac(settings, component)
    return [*rights, webhooks.tls_secret(settings, naming, f"linkerd-{component}"), webhook]


def _component(settings: Settings, workload: Workload) -> list[Obj]:
    """Configuration, Service and Deployment of a component; add-ons bring their rights along."""
    component = workload.component
    naming = settings.naming(component)
    objects: list[Obj] = []
    if component == "identity":
        pair = {"crt.pem": settings.issuer.cert_pem, "key.pem": settings.issuer.key_pem}
        objects.append(secret(naming, "linkerd-identity-issuer", pair))
    if component in ("grafana", "prometheus"):
        objects += stable_rbac.component_rbac(settings, component)
    if component == "grafana":
        objects.append(config.grafana_config(settings))
    if component == "prometheus":
        data = {"prometheus.yml": prometheus_config(settings)}
        objects.append(config_map(naming, "linkerd-prometheus-config", data))
    name, ports = SERVICES[component]
    objects.append(service(naming, name, ports, {COMPONENT: component}))
    return [*objects, deployment(settings, workload)]
