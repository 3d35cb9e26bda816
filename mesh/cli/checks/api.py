"""Categories linkerd-api, linkerd-addons and linkerd-grafana of stable-2.8.1."""

from typing import Any

from mesh.cli.checks.existence import API_PORT, controller_pod, core_ready
from mesh.cli.checks.model import Check, CheckContext, CheckError, Finding, Skip
from mesh.cli.checks.pods import require_running
from mesh.yaml import YamlError, load_all

__all__ = ["ADDONS", "API", "GRAFANA", "api_service", "self_check"]

TAP_SERVICE = "v1alpha1.tap.linkerd.io"


def self_check(context: CheckContext, namespace: str, pod: str) -> list[Finding]:
    """What the API pod found out about what it needs itself.

    Raises:
        CheckError: it does not answer.
    """
    answer: Any = context.ask(namespace, pod, API_PORT, "POST", "/api/v1/SelfCheck")
    results = answer.get("results") if isinstance(answer, dict) else None
    if not results:
        raise CheckError("the self-check has no results")
    return [
        Finding(
            f"[{result['subsystemName']}] {result['checkDescription']}",
            "" if result["status"] == "OK" else result.get("friendlyMessageToUser") or result["status"],
        )
        for result in results
    ]


def _self_check(context: CheckContext) -> list[Finding]:
    return self_check(context, context.namespace, controller_pod(context))


def api_service(context: CheckContext) -> None:
    """The API server says that it reaches tap's API.

    Raises:
        CheckError: it does not, and why.
    """
    found = context.get("apiservices.apiregistration.k8s.io", TAP_SERVICE)
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Available":
            if condition["status"] == "True":
                return
            raise CheckError(f"{condition.get('reason', '')}: {condition.get('message', '')}")
    raise CheckError(f"{TAP_SERVICE} service not available")


def _addons(context: CheckContext) -> None:
    context.get("configmaps", "linkerd-config-addons", context.namespace)


def _grafana(context: CheckContext) -> None:
    """Whether the add-on is on.

    Raises:
        Skip: it was switched off.
        CheckError: nobody knows: the add-ons' ConfigMap cannot be read.
    """
    data = context.get("configmaps", "linkerd-config-addons", context.namespace).get("data") or {}
    try:
        (values,) = load_all(data.get("values", "{}"), name="linkerd-config-addons")
        enabled = bool((values.get("grafana") or {}).get("enabled"))
    except (YamlError, ValueError, AttributeError) as error:
        raise CheckError(f"the ConfigMap linkerd-config-addons cannot be read: {error}") from None
    if not enabled:
        raise Skip


def _grafana_account(context: CheckContext) -> None:
    _grafana(context)
    context.get("serviceaccounts", "linkerd-grafana", context.namespace)


def _grafana_config(context: CheckContext) -> None:
    _grafana(context)
    context.get("configmaps", "linkerd-grafana-config", context.namespace)


def _grafana_pod(context: CheckContext) -> None:
    _grafana(context)
    require_running(context.list("pods", context.namespace), ["linkerd-grafana"])


API = (
    Check("control plane pods are ready", "l5d-api-control-ready", core_ready, fatal=True, retry=True),
    Check("control plane self-check", "l5d-api-control-api", _self_check, fatal=True, retry=True),
    Check("tap api service is running", "l5d-tap-api", api_service, warning=True, retry=True),
)
ADDONS = (Check("'linkerd-config-addons' config map exists", "l5d-linkerd-config-addons", _addons),)
GRAFANA = (
    Check("grafana add-on service account exists", "l5d-grafana-sa-exists", _grafana_account),
    Check("grafana add-on config map exists", "l5d-grafana-cm-exists", _grafana_config),
    Check("grafana pod is running", "l5d-grafana-pod-running", _grafana_pod, retry=True),
)
