"""Validation: typing mistakes in fields first, then the rules of each kind."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.cluster.api.errors import BadRequest, did_you_mean, invalid
from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource
from sim.cluster.api.schema import rules
from sim.cluster.api.schema.fields import Field, Schema
from sim.cluster.api.schema.rules import Problems

if TYPE_CHECKING:
    from sim.cluster.api.crds import Definitions

__all__ = ["FieldChecker", "check_changes", "check_name", "check_object", "negative_replicas"]

Mistakes = list[str]
MAX_DEPTH = 64
JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
WANTED = {
    "text": "string",
    "int": "integer",
    "bool": "boolean",
    "port": "integer or string",
    "amount": "quantity",
}


class FieldChecker:
    """Finds fields that a kind does not have, and values of the wrong type."""

    def __init__(self, schema: Schema, definitions: "Definitions") -> None:
        self.schema = schema
        self.definitions = definitions

    def check_fields(self, resource: Resource, obj: Obj) -> None:
        """Compare an object with the known fields of its kind; kinds without a table pass.

        Raises:
            BadRequest: all mistakes in one line, as kubectl words them.
        """
        mistakes: Mistakes = []
        if resource.custom:
            schema = self.definitions.schema(resource.key)
            if schema:
                self._custom(
                    {k: v for k, v in obj.items() if k not in ("metadata", "kind", "apiVersion")},
                    schema,
                    "",
                    mistakes,
                )
        elif resource.kind in self.schema.kinds:
            self._object(obj, self.schema.kinds[resource.kind], "", mistakes)
        self._value(obj.get("metadata"), Field("ObjectMeta", "one", None), "metadata", mistakes)
        if mistakes:
            unique = list(dict.fromkeys(mistakes))
            text = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
            raise BadRequest(f"error validating data: {text}")

    # -- built-in kinds -------------------------------------------------------------------------------------

    def _object(self, obj: Obj, fields: dict[str, Field], path: str, mistakes: Mistakes) -> None:
        for name, value in obj.items():
            field = fields.get(name)
            if field is None:
                mistakes.append(_unknown(path, name, fields))
            elif value is not None:
                self._value(value, field, f"{path}.{name}" if path else str(name), mistakes)

    def _value(self, value: Any, field: Field, path: str, mistakes: Mistakes) -> None:
        if field.type == "any" or value is None:
            return
        if field.shape == "list":
            if not isinstance(value, list):
                mistakes.append(_mistyped(path, value, "array"))
                return
            for index, item in enumerate(value):
                self._single(item, field.type, f"{path}[{index}]", mistakes)
        elif field.shape == "map" or field.type == "map":
            if not isinstance(value, dict):
                mistakes.append(_mistyped(path, value, "object"))
                return
            for key, item in value.items():
                self._single(item, "text" if field.type == "map" else field.type, f"{path}.{key}", mistakes)
        else:
            self._single(value, field.type, path, mistakes)

    def _single(self, value: Any, type_: str, path: str, mistakes: Mistakes) -> None:
        known = _SCALARS.get(type_)
        if known is not None:
            if value is not None and type(value) not in known:
                mistakes.append(_mistyped(path, value, WANTED[type_]))
        elif not isinstance(value, dict):
            mistakes.append(_mistyped(path, value, "object"))
        elif type_ not in self.schema.open:
            self._object(value, self.schema.types[type_], path, mistakes)

    # -- custom kinds: the part of OpenAPI that CRDs use -------------------------------------------------------

    def _custom(self, value: Any, schema: Obj, path: str, mistakes: Mistakes, depth: int = 0) -> None:
        wanted = schema.get("type")
        if value is None or depth > MAX_DEPTH or schema.get("x-kubernetes-int-or-string"):
            return
        if wanted and not _is_json(value, wanted):
            mistakes.append(_mistyped(path, value, wanted))
        elif isinstance(value, dict):
            self._custom_object(value, schema, path, mistakes, depth)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._custom(item, schema.get("items") or {}, f"{path}[{index}]", mistakes, depth + 1)
        elif schema.get("enum") and value not in schema["enum"]:
            supported = ", ".join(f'"{one}"' for one in schema["enum"])
            mistakes.append(f'{path}: Unsupported value: "{value}": supported values: {supported}')

    def _custom_object(self, value: Obj, schema: Obj, path: str, mistakes: Mistakes, depth: int) -> None:
        properties, extra = schema.get("properties"), schema.get("additionalProperties")
        for name in schema.get("required") or ():
            if name not in value and name not in ("metadata", "kind", "apiVersion"):
                mistakes.append(f"{path}.{name}: Required value".removeprefix("."))
        closed = properties and not extra and not schema.get("x-kubernetes-preserve-unknown-fields")
        for name, item in value.items():
            where = f"{path}.{name}" if path else str(name)
            if properties and name in properties:
                self._custom(item, properties[name], where, mistakes, depth + 1)
            elif isinstance(extra, dict):
                self._custom(item, extra, where, mistakes, depth + 1)
            elif closed and not (path == "" and name == "status"):
                mistakes.append(_unknown(path, name, properties or {}))


_SCALARS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "int": (int,),
    "bool": (bool,),
    "port": (int, str),
    "amount": (int, float, str),
}


def _is_json(value: Any, wanted: str) -> bool:
    name = JSON_NAMES.get(type(value), "")
    return name == wanted or (wanted == "number" and name == "integer")


def _unknown(path: str, name: Any, fields: dict[str, Any]) -> str:
    where = f"{path}.{name}" if path else str(name)
    return f'unknown field "{where}"{did_you_mean(str(name), fields)}'


def _mistyped(path: str, value: Any, wanted: str) -> str:
    got = JSON_NAMES.get(type(value), type(value).__name__)
    return f'{path}: invalid type: got "{got}", expected "{wanted}"'


# -- rules ------------------------------------------------------------------------------------------------------


def check_name(resource: Resource, obj: Obj) -> None:
    """Check an object's own name, labels and annotations.

    Raises:
        Invalid: they break the rules.
    """
    problems: Problems = []
    meta = obj["metadata"]
    name = meta.get("name")
    if not name:
        problems.append(
            ("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        )
    elif problem := rules.name_problem(resource, str(name)):
        problems.append(("metadata.name", f'Invalid value: "{name}": {problem}', "FieldValueInvalid"))
    rules.check_labels(meta.get("labels"), "metadata.labels", problems)
    if problems:
        raise invalid(resource, name or "", problems)


def check_object(resource: Resource, obj: Obj, minor: int) -> None:
    """Check the rules of the object's kind; custom kinds have none here.

    Raises:
        Invalid: some are broken; all are named.
        BadRequest: a value stands where its kind has another shape.
    """
    check = None if resource.custom else KINDS.get(resource.kind)
    if check is None:
        return
    problems: Problems = []
    try:
        check(obj, problems)
    except (AttributeError, KeyError, TypeError):
        # The rules walk the object as its kind prescribes; a webhook or patch left something else there.
        raise BadRequest(
            f"{resource.kind} cannot be handled: a list, object or value stands where its kind has another"
        ) from None
    if problems:
        raise invalid(
            resource, obj["metadata"].get("name") or obj["metadata"].get("generateName", ""), problems
        )


def negative_replicas(resource: Resource, name: str, replicas: Any) -> None:
    """Check a number of replicas.

    Raises:
        Invalid: it is negative, or no whole number.
    """
    problems: Problems = []
    rules.check_count(replicas, "spec.replicas", problems)
    if problems:
        raise invalid(resource, name, problems)


def check_changes(resource: Resource, new: Obj, old: Obj) -> None:
    """Check that fields that cannot change have not.

    Raises:
        Invalid: one has.
    """
    problems: Problems = []
    if resource.kind == "Pod":
        _check_pod_change(new, old, problems)
    for path in IMMUTABLE.get(resource.key, ()):
        if _at(new, path) != _at(old, path):
            text = f"Invalid value: {_brief(_at(new, path))}: field is immutable"
            if path == "roleRef":
                text = f"Invalid value: {_brief(_at(new, path))}: cannot change roleRef"
            problems.append((path, text, "FieldValueInvalid"))
    if resource.kind in ("ConfigMap", "Secret") and old.get("immutable"):
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                text = "Forbidden: field is immutable when `immutable` is set"
                problems.append((field, text, "FieldValueForbidden"))
    if problems:
        raise invalid(resource, old["metadata"]["name"], problems)


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


def _brief(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else re.sub(r"\s+", " ", str(value))
    return text if len(text) <= 200 else text[:197] + "..."


KINDS: dict[str, Callable[[Obj, Problems], None]] = {
    "ConfigMap": rules.config_map,
    "ClusterRole": rules.role,
    "ClusterRoleBinding": rules.binding,
    "CronJob": rules.cron_job,
    "DaemonSet": rules.workload,
    "Deployment": rules.deployment,
    "HorizontalPodAutoscaler": rules.autoscaler,
    "Job": rules.job,
    "MutatingWebhookConfiguration": rules.webhooks,
    "Pod": rules.pod,
    "PodDisruptionBudget": rules.disruption_budget,
    "ReplicaSet": rules.workload,
    "Role": rules.role,
    "RoleBinding": rules.binding,
    "Secret": rules.config_map,
    "Service": rules.service,
    "StatefulSet": rules.workload,
    "ValidatingWebhookConfiguration": rules.webhooks,
}
