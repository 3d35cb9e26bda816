"""Category linkerd-data-plane: the proxies of the workloads."""

from typing import Any

from mesh.cli.checks.existence import API_PORT, controller_pod
from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip, listing
from mesh.cli.checks.pods import meshed
from mesh.cli.checks.versions import proxy_checks
from mesh.cli.kube import Obj

__all__ = ["EDGE_DATA_PLANE", "STABLE_DATA_PLANE", "metrics_present"]

OPAQUE = "config.linkerd.io/opaque-ports"
# Keys that mean something as annotations only, and are easily written as labels.
MISPLACED = ("linkerd.io/inject",)
CONFIG_PREFIX = "config.linkerd.io/"
LABELS_OF_NAMESPACES = ("config.linkerd.io/admission-webhooks",)


def namespace_exists(context: CheckContext) -> None:
    """The namespace that ``-n`` names."""
    if not context.data_plane_namespace:
        raise Skip
    try:
        context.get("namespaces", context.data_plane_namespace)
    except CheckError:
        raise CheckError(f'The "{context.data_plane_namespace}" namespace does not exist') from None


def _workloads(context: CheckContext) -> list[Obj]:
    """The meshed pods that are looked at.

    Raises:
        CheckError: there is none.
    """
    pods = meshed(context, context.data_plane_namespace or None)
    if not pods:
        where = f' in the "{context.data_plane_namespace}" namespace' if context.data_plane_namespace else ""
        raise CheckError(f'no "linkerd-proxy" containers found{where}')
    return pods


def _metrics(context: CheckContext) -> None:
    metrics_present(context, context.namespace, controller_pod(context))


def metrics_present(context: CheckContext, namespace: str, pod: str) -> None:
    """Prometheus has heard of every meshed pod, as the API pod says.

    Raises:
        CheckError: it lists the pods without metrics.
    """
    expected = {f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in _workloads(context)}
    body = {"namespace": context.data_plane_namespace}
    answer: Any = context.ask(namespace, pod, API_PORT, "POST", "/api/v1/ListPods", body)
    known = {item["name"] for item in answer.get("pods", ()) if item.get("added")}
    missing = sorted(expected - known)
    if missing:
        raise CheckError(f"Data plane metrics not found for {', '.join(missing)}.")


def _misplaced(labels: dict[str, str]) -> list[str]:
    """Keys among ``labels`` that only work as annotations."""
    return [
        key
        for key in sorted(labels)
        if key in MISPLACED or (key.startswith(CONFIG_PREFIX) and key not in LABELS_OF_NAMESPACES)
    ]


def _labels(context: CheckContext, resource: str, kind: str) -> None:
    found = context.list(resource, context.data_plane_namespace or None)
    if resource == "pods":
        found = [
            item for item in found if "linkerd.io/control-plane-ns" in (item["metadata"].get("labels") or {})
        ]
    lines = [
        f"{item['metadata']['namespace']}/{item['metadata']['name']}\n\t\t{key}"
        for item in found
        for key in _misplaced(item["metadata"].get("labels") or {})
    ]
    if lines:
        raise listing(f"Some labels on data plane {kind} should be annotations:", lines)


def _pod_labels(context: CheckContext) -> None:
    _labels(context, "pods", "pods")


def _service_labels(context: CheckContext) -> None:
    _labels(context, "services", "services")


def _service_annotations(context: CheckContext) -> None:
    """What marks a service for other clusters is a label."""
    key = "mirror.linkerd.io/exported"
    lines = [
        f"{item['metadata']['namespace']}/{item['metadata']['name']}\n\t\t{key}"
        for item in context.list("services", context.data_plane_namespace or None)
        if key in (item["metadata"].get("annotations") or {})
    ]
    if lines:
        raise listing("Some annotations on data plane services should be labels instead:", lines)


def _ports(annotations: dict[str, str], default: str) -> set[str]:
    text = annotations.get(OPAQUE, default)
    return {part.strip() for part in text.split(",") if part.strip()}


def _opaque(context: CheckContext) -> None:
    """A service and the pods behind it agree on which ports are opaque."""
    default = ",".join(context.console.edition.opaque_ports)
    namespace = context.data_plane_namespace or None
    pods = meshed(context, namespace)
    lines = []
    for item in context.list("services", namespace):
        selector = (item.get("spec") or {}).get("selector")
        annotations = item["metadata"].get("annotations") or {}
        if not selector or OPAQUE not in annotations:
            continue
        for pod in pods:
            same = pod["metadata"]["namespace"] == item["metadata"]["namespace"]
            if not same or not selector.items() <= (pod["metadata"].get("labels") or {}).items():
                continue
            own = _ports(pod["metadata"].get("annotations") or {}, default)
            lines += [
                f"service/{item['metadata']['name']} has the annotation {OPAQUE} but "
                f"pod/{pod['metadata']['name']} lacks port {port} in it"
                for port in sorted(_ports(annotations, default) - own)
            ]
    if lines:
        raise listing("opaque ports differ:", lines)


READY, CURRENT, SAME = proxy_checks(
    _workloads,
    ("data plane proxies are ready", "data plane is up-to-date", "data plane and cli versions match"),
    ("l5d-data-plane-ready", "l5d-data-plane-version", "l5d-data-plane-cli-version"),
)
EXISTS = Check("data plane namespace exists", "l5d-data-plane-exists", namespace_exists, fatal=True)
STABLE_DATA_PLANE = (
    EXISTS,
    READY,
    Check("data plane proxy metrics are present in Prometheus", "l5d-data-plane-prom", _metrics, retry=True),
    CURRENT,
    SAME,
)
LABELS = "l5d-data-plane-pod-labels"
EDGE_DATA_PLANE = (
    EXISTS,
    READY,
    CURRENT,
    SAME,
    Check("data plane pod labels are configured correctly", LABELS, _pod_labels, warning=True),
    Check(
        "data plane service labels are configured correctly",
        "l5d-data-plane-services-labels",
        _service_labels,
        warning=True,
    ),
    Check(
        "data plane service annotations are configured correctly",
        "l5d-data-plane-services-annotations",
        _service_annotations,
        warning=True,
    ),
    Check("opaque ports are properly annotated", "linkerd-opaque-ports-definition", _opaque, warning=True),
)
