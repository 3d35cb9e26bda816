"""Admission webhooks, the extension API server of tap, and their certificates.

*Source:* charts of both editions: hooks, selectors, rules, time limits.
"""

from typing import Any

from mesh.cli.manifests.objects import Naming, Obj, b64, object_of, secret
from mesh.cli.manifests.settings import Settings

__all__ = [
    "injector_webhook",
    "policy_webhook",
    "sp_webhook",
    "tap_api",
    "tap_injector_webhook",
    "tls_secret",
]

NOT_DISABLED = {"key": "config.linkerd.io/admission-webhooks", "operator": "NotIn", "values": ["disabled"]}
NOT_SYSTEM = {
    "key": "kubernetes.io/metadata.name",
    "operator": "NotIn",
    "values": ["kube-system", "cert-manager"],
}
TIMEOUT_S = 10


def tls_secret(settings: Settings, naming: Naming, service: str) -> Obj:
    """The Secret with the certificate that ``service`` shows to the API server."""
    pair = settings.webhooks[service]
    if settings.edition.viz_prefix:
        data = {"tls.crt": pair.cert_pem, "tls.key": pair.key_pem}
        return secret(naming, f"{service}-k8s-tls", data, "kubernetes.io/tls")
    return secret(naming, f"{service}-tls", {"crt.pem": pair.cert_pem, "key.pem": pair.key_pem}, "Opaque")


def injector_webhook(settings: Settings) -> Obj:
    """Pods (and in edge services) that are created go past the proxy injector."""
    edge = settings.edition.viz_prefix
    hook = _hook(settings, "linkerd-proxy-injector.linkerd.io", "linkerd-proxy-injector")
    expressions: list[Any] = [NOT_DISABLED, NOT_SYSTEM] if edge else [NOT_DISABLED]
    hook["namespaceSelector"] = {"matchExpressions": expressions}
    if edge:
        absent = ("linkerd.io/control-plane-component", "linkerd.io/cni-resource")
        hook["objectSelector"] = {
            "matchExpressions": [{"key": key, "operator": "DoesNotExist"} for key in absent]
        }
    hook["rules"] = [_rule(["CREATE"], "", ["v1"], ["pods", "services"] if edge else ["pods"])]
    if edge:
        hook["rules"][0]["scope"] = "Namespaced"
    return _configuration(
        settings, "Mutating", "proxy-injector", "linkerd-proxy-injector-webhook-config", hook
    )


def sp_webhook(settings: Settings) -> Obj:
    """ServiceProfiles are validated."""
    component = "destination" if settings.edition.viz_prefix else "sp-validator"
    hook = _hook(settings, "linkerd-sp-validator.linkerd.io", "linkerd-sp-validator")
    hook["namespaceSelector"] = {"matchExpressions": [NOT_DISABLED]}
    hook["rules"] = [_rule(["CREATE", "UPDATE"], "linkerd.io", ["v1alpha1", "v1alpha2"], ["serviceprofiles"])]
    return _configuration(settings, "Validating", component, "linkerd-sp-validator-webhook-config", hook)


def policy_webhook(settings: Settings) -> Obj:
    """Policy resources and Gateway API routes are validated."""
    hook = _hook(settings, "linkerd-policy-validator.linkerd.io", "linkerd-policy-validator")
    hook["namespaceSelector"] = {"matchExpressions": [NOT_DISABLED]}
    own = [crd.plural for crd in settings.edition.crds if crd.group == "policy.linkerd.io"]
    routes = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes"]
    hook["rules"] = [
        _rule(["CREATE", "UPDATE"], "policy.linkerd.io", ["*"], own),
        _rule(["CREATE", "UPDATE"], "gateway.networking.k8s.io", ["*"], routes),
    ]
    return _configuration(
        settings, "Validating", "destination", "linkerd-policy-validator-webhook-config", hook
    )


def tap_injector_webhook(settings: Settings, naming: Naming) -> Obj:
    """Pods that are created are told where tap is."""
    hook = _hook(settings, "tap-injector.linkerd.io", "tap-injector", settings.viz_namespace)
    hook["namespaceSelector"] = {"matchExpressions": [NOT_SYSTEM]}
    hook["failurePolicy"] = "Ignore"
    hook["reinvocationPolicy"] = "IfNeeded"
    hook["rules"] = [{**_rule(["CREATE"], "", ["v1"], ["pods"]), "scope": "Namespaced"}]
    metadata = naming.metadata("linkerd-tap-injector-webhook-config", cluster=True)
    return object_of(
        "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", metadata, webhooks=[hook]
    )


def tap_api(settings: Settings, naming: Naming, service: str) -> Obj:
    """The API that ``linkerd tap`` watches, served by ``service``."""
    spec = {
        "group": "tap.linkerd.io",
        "version": "v1alpha1",
        "groupPriorityMinimum": 1000,
        "versionPriority": 100,
        "service": {"name": service, "namespace": naming.namespace},
        "caBundle": b64(settings.webhooks[service].cert_pem),
    }
    metadata = naming.metadata("v1alpha1.tap.linkerd.io", cluster=True)
    return object_of("apiregistration.k8s.io/v1", "APIService", metadata, spec=spec)


def _configuration(settings: Settings, mode: str, component: str, name: str, hook: Obj) -> Obj:
    version = "v1" if settings.edition.viz_prefix else "v1beta1"
    metadata = settings.naming(component).metadata(name, cluster=True)
    api_version = f"admissionregistration.k8s.io/{version}"
    return object_of(api_version, f"{mode}WebhookConfiguration", metadata, webhooks=[hook])


def _hook(settings: Settings, name: str, service: str, namespace: str = "") -> Obj:
    """A webhook without selectors and rules."""
    client: Obj = {
        "service": {"name": service, "namespace": namespace or settings.namespace, "path": "/"},
        "caBundle": b64(settings.webhooks[service].cert_pem),
    }
    hook: Obj = {"name": name, "clientConfig": client, "failurePolicy": settings.failure_policy}
    if settings.edition.viz_prefix:
        hook |= {"admissionReviewVersions": ["v1", "v1beta1"], "timeoutSeconds": TIMEOUT_S}
    hook["sideEffects"] = "None"
    return hook


def _rule(operations: list[str], group: str, versions: list[str], resources: list[str]) -> Obj:
    return {"operations": operations, "apiGroups": [group], "apiVersions": versions, "resources": resources}
