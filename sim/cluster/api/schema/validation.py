"""Validation: the rules of each kind, and which fields may not change."""

from collections.abc import Callable
from typing import Any

from sim.cluster.api.errors import BadRequest, invalid
from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource
from sim.cluster.api.schema import kinds, workloads
from sim.cluster.api.schema.rules import Problems, bad, check_count, check_labels, name_problem

__all__ = ["check_name", "check_object", "misshapen", "negative_replicas"]


def misshapen(resource: Resource) -> str:
    """The text for an object whose parts are not shaped as its kind prescribes."""
    return f"{resource.kind} cannot be handled: a list, object or value stands where its kind has another"


def check_name(resource: Resource, obj: Obj) -> None:
    """Check an object's own name, labels and annotations.

    Raises:
        Invalid: they break the kinds.
    """
    problems: Problems = []
    meta = obj["metadata"]
    name = meta.get("name")
    if not name:
        problems.append(
            ("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        )
    elif problem := name_problem(resource, str(name)):
        problems.append(("metadata.name", f'Invalid value: "{name}": {problem}', "FieldValueInvalid"))
    check_labels(meta.get("labels"), "metadata.labels", problems)
    if problems:
        raise invalid(resource, name or "", problems)


def check_object(resource: Resource, new: Obj, old: Obj | None = None) -> None:
    """Check the rules of an object's kind and, if ``old`` is given, what may not change since.

    Raises:
        Invalid: some are broken; all are named.
        BadRequest: a value stands where its kind has another shape.
    """
    problems: Problems = []
    check = None if resource.custom else KINDS.get(resource.kind)
    try:
        if check is not None:
            check(new, problems)
        if old is not None:
            _check_changes(resource, new, old, problems)
    except (AttributeError, KeyError, TypeError):
        # The rules walk the object as its kind prescribes; a webhook or patch left something else there.
        raise BadRequest(misshapen(resource)) from None
    if problems:
        raise invalid(
            resource, new["metadata"].get("name") or new["metadata"].get("generateName", ""), problems
        )


def negative_replicas(resource: Resource, name: str, replicas: Any) -> None:
    """Check a number of replicas.

    Raises:
        Invalid: it is negative, or no whole number.
    """
    problems: Problems = []
    check_count(replicas, "spec.replicas", problems)
    if problems:
        raise invalid(resource, name, problems)


def _check_changes(resource: Resource, new: Obj, old: Obj, problems: Problems) -> None:
    """Fields that cannot change have not."""
    if resource.kind == "Pod":
        _check_pod_change(new, old, problems)
    for path in IMMUTABLE.get(resource.key, ()):
        if _at(new, path) != _at(old, path):
            why = "cannot change roleRef" if path == "roleRef" else "field is immutable"
            bad(problems, path, _at(new, path), why)
    if resource.kind in ("ConfigMap", "Secret") and old.get("immutable"):
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                text = "Forbidden: field is immutable when `immutable` is set"
                problems.append((field, text, "FieldValueForbidden"))


IMMUTABLE: dict[str, tuple[str, ...]] = {
    "deployments.apps": ("spec.selector",),
    "replicasets.apps": ("spec.selector",),
    "daemonsets.apps": ("spec.selector",),
    "statefulsets.apps": ("spec.selector", "spec.serviceName"),
    "jobs.batch": ("spec.selector", "spec.template", "spec.completions"),
    "rolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "clusterrolebindings.rbac.authorization.k8s.io": ("roleRef",),
    "secrets": ("type",),
    "customresourcedefinitions.apiextensions.k8s.io": ("spec.group", "spec.scope", "spec.names.plural"),
}
POD_MAY_CHANGE = (
    "containers",
    "initContainers",
    "activeDeadlineSeconds",
    "tolerations",
    "nodeName",
    "priority",
)


def _check_pod_change(new: Obj, old: Obj, problems: Problems) -> None:
    """Of a running pod only images and little else may change."""

    def frozen(pod: Obj) -> Any:
        spec = {key: value for key, value in pod["spec"].items() if key not in POD_MAY_CHANGE}
        for field in ("containers", "initContainers"):
            spec[field] = [
                {k: v for k, v in one.items() if k != "image"} for one in pod["spec"].get(field) or ()
            ]
        return spec

    if frozen(new) != frozen(old):
        text = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
            "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds` or `spec.tolerations` "
            "(only additions to existing tolerations)"
        )
        problems.append(("spec", text, "FieldValueForbidden"))


def _at(obj: Obj, path: str) -> Any:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


KINDS: dict[str, Callable[[Obj, Problems], None]] = {
    "ConfigMap": kinds.config_map,
    "ClusterRole": kinds.role,
    "ClusterRoleBinding": kinds.binding,
    "CronJob": workloads.cron_job,
    "DaemonSet": workloads.workload,
    "Deployment": workloads.deployment,
    "HorizontalPodAutoscaler": kinds.autoscaler,
    "Job": workloads.job,
    "MutatingWebhookConfiguration": kinds.webhooks,
    "Pod": workloads.pod,
    "PodDisruptionBudget": kinds.disruption_budget,
    "ReplicaSet": workloads.workload,
    "Role": kinds.role,
    "RoleBinding": kinds.binding,
    "Secret": kinds.config_map,
    "Service": kinds.service,
    "StatefulSet": workloads.workload,
    "ValidatingWebhookConfiguration": kinds.webhooks,
}
