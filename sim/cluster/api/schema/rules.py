"""The rules of the built-in kinds that people break: each check adds what it finds to a list of problems.

*Source:* Kubernetes' validation, whose words these are; a small part of it.
"""

import re
from collections.abc import Iterable
from typing import Any

from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource
from sim.cluster.api.schema.quantity import quantity
from sim.cluster.api.selectors import matches_selector

__all__ = [
    "Problems",
    "autoscaler",
    "binding",
    "check_count",
    "check_labels",
    "config_map",
    "cron_job",
    "deployment",
    "disruption_budget",
    "job",
    "name_problem",
    "pod",
    "role",
    "service",
    "webhooks",
    "workload",
]

Problems = list[tuple[str, str, str]]

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
SERVICE_LABEL = re.compile(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
ENV_NAME = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
CONFIG_KEY = re.compile(r"^[-._a-zA-Z0-9]{1,253}$")
PERCENT = re.compile(r"^[0-9]+%$")
CRON_FIELD = re.compile(r"^[\d*/,?A-Za-z-]+$")

LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc')"
)
SERVICE_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123')"
)
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com')"
)
VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue')"
)
PORT_TEXT = "must be between 1 and 65535, inclusive"
REQUIRED, INVALID, UNSUPPORTED, DUPLICATE = (
    "FieldValueRequired",
    "FieldValueInvalid",
    "FieldValueNotSupported",
    "FieldValueDuplicate",
)


def _bad(problems: Problems, path: str, value: Any, why: str) -> None:
    shown = f'"{value}"' if isinstance(value, str) else value
    problems.append((path, f"Invalid value: {shown}: {why}", INVALID))


def _need(problems: Problems, path: str, why: str = "") -> None:
    problems.append((path, f"Required value: {why}" if why else "Required value", REQUIRED))


def _choose(problems: Problems, path: str, value: Any, choices: Iterable[str]) -> None:
    if value not in choices:
        known = ", ".join(f'"{one}"' for one in sorted(choices))
        problems.append((path, f'Unsupported value: "{value}": supported values: {known}', UNSUPPORTED))


def name_problem(resource: Resource, name: str) -> str:
    """Why a name is not allowed for objects of a resource; empty when it is."""
    if resource.group == "rbac.authorization.k8s.io":
        return (
            "may not be '.' or '..', or contain '/' or '%'"
            if name in (".", "..") or re.search("[/%]", name)
            else ""
        )
    if resource.key == "services":
        return "" if SERVICE_LABEL.match(name) else SERVICE_TEXT
    if resource.key == "namespaces":
        return "" if LABEL.match(name) else LABEL_TEXT
    if len(name) > 253:
        return "must be no more than 253 characters"
    return "" if SUBDOMAIN.match(name) else SUBDOMAIN_TEXT


def check_labels(labels: Any, path: str, problems: Problems) -> None:
    """Keys and values of labels."""
    for key, value in (labels or {}).items():
        if not QUALIFIED.match(str(key)):
            _bad(problems, path, key, "name part must consist of alphanumeric characters, '-', '_' or '.'")
        if len(str(value)) > 63:
            _bad(problems, path, value, "must be no more than 63 characters")
        elif not LABEL_VALUE.match(str(value)):
            _bad(problems, path, value, VALUE_TEXT)


def check_count(value: Any, path: str, problems: Problems) -> None:
    """A whole number of at least 0."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        _bad(problems, path, value, "must be an integer")
    elif value is not None and value < 0:
        _bad(problems, path, value, "must be greater than or equal to 0")


def _check_port(value: Any, path: str, problems: Problems) -> None:
    if not isinstance(value, int) or not 1 <= value <= 65_535:
        _bad(problems, path, value, PORT_TEXT)


# -- pods -------------------------------------------------------------------------------------------------------


def pod(obj: Obj, problems: Problems) -> None:
    """A Pod."""
    _pod_spec(obj["spec"], "spec", problems)


def _pod_spec(spec: Obj, path: str, problems: Problems) -> None:
    if not spec.get("containers"):
        _need(problems, f"{path}.containers")
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        _check_unique(volume.get("name"), volumes, f"{path}.volumes[{index}].name", problems)
        if len(volume) > 2:
            text = "Forbidden: may not specify more than 1 volume type"
            problems.append((f"{path}.volumes[{index}]", text, "FieldValueForbidden"))
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{index}]"
            _check_unique(container.get("name"), names, f"{where}.name", problems)
            _container(container, where, volumes, problems)
    _choose(problems, f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "OnFailure", "Never"))
    _choose(
        problems,
        f"{path}.dnsPolicy",
        spec.get("dnsPolicy"),
        ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    )
    check_count(spec.get("terminationGracePeriodSeconds"), f"{path}.terminationGracePeriodSeconds", problems)
    account = spec.get("serviceAccountName")
    if account and not SUBDOMAIN.match(account):
        _bad(problems, f"{path}.serviceAccountName", account, SUBDOMAIN_TEXT)


def _check_unique(name: Any, seen: set[str], path: str, problems: Problems) -> None:
    """A DNS label that no sibling has."""
    if not name:
        _need(problems, path)
    elif not LABEL.match(str(name)):
        _bad(problems, path, name, LABEL_TEXT)
    elif name in seen:
        problems.append((path, f'Duplicate value: "{name}"', DUPLICATE))
    seen.add(str(name))


def _container(container: Obj, path: str, volumes: set[str], problems: Problems) -> None:
    image = container.get("image")
    if not image:
        _need(problems, f"{path}.image")
    elif image != image.strip():
        _bad(problems, f"{path}.image", image, "must not have leading or trailing whitespace")
    _choose(
        problems,
        f"{path}.imagePullPolicy",
        container.get("imagePullPolicy"),
        ("Always", "IfNotPresent", "Never"),
    )
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{index}]"
        if port.get("containerPort") is None:
            _need(problems, f"{where}.containerPort")
        else:
            _check_port(port["containerPort"], f"{where}.containerPort", problems)
        if port.get("name"):
            _check_port_name(port["name"], names, f"{where}.name", problems)
        _choose(problems, f"{where}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
    for index, variable in enumerate(container.get("env") or ()):
        _env(variable, f"{path}.env[{index}]", problems)
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{index}]"
        if not mount.get("mountPath"):
            _need(problems, f"{where}.mountPath")
        if mount.get("name") not in volumes:
            problems.append((f"{where}.name", f'Not found: "{mount.get("name")}"', "FieldValueNotFound"))
    _resources(container.get("resources") or {}, f"{path}.resources", problems)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe):
            _probe(container[probe], f"{path}.{probe}", problems)


def _check_port_name(name: str, names: set[str], path: str, problems: Problems) -> None:
    if len(name) > 15:
        _bad(problems, path, name, "must be no more than 15 characters")
    elif not LABEL.match(name) or not re.search("[a-z]", name) or "--" in name:
        _bad(problems, path, name, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    elif name in names:
        problems.append((path, f'Duplicate value: "{name}"', DUPLICATE))
    names.add(name)


def _env(variable: Obj, path: str, problems: Problems) -> None:
    if not variable.get("name"):
        _need(problems, f"{path}.name")
    elif not ENV_NAME.match(variable["name"]):
        why = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.'"
        _bad(problems, f"{path}.name", variable["name"], why)
    source = variable.get("valueFrom")
    if source is not None:
        if variable.get("value"):
            _bad(problems, f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
            _bad(problems, f"{path}.valueFrom", "", text)


def _resources(resources: Obj, path: str, problems: Problems) -> None:
    amounts: dict[tuple[str, str], float] = {}
    for field in ("limits", "requests"):
        for name, text in (resources.get(field) or {}).items():
            try:
                amounts[field, name] = value = quantity(text)
            except ValueError as error:
                _bad(problems, f"{path}.{field}.{name}", str(text), str(error))
                continue
            if value < 0:
                _bad(problems, f"{path}.{field}.{name}", str(text), "must be greater than or equal to 0")
    for (field, name), value in amounts.items():
        limit = amounts.get(("limits", name))
        if field == "requests" and limit is not None and value > limit:
            text = str(resources["requests"][name])
            _bad(problems, f"{path}.requests", text, f"must be less than or equal to {name} limit")


def _probe(probe: Obj, path: str, problems: Problems) -> None:
    handlers = [one for one in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(one) is not None]
    if not handlers:
        _need(problems, path, "must specify a handler type")
    elif len(handlers) > 1:
        text = "Forbidden: may not specify more than 1 handler type"
        problems.append((f"{path}.{handlers[1]}", text, "FieldValueForbidden"))
    for field in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        check_count(probe.get(field), f"{path}.{field}", problems)
    port = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
    if isinstance(port, int):
        _check_port(port, f"{path}.{handlers[0]}.port", problems)


# -- workloads ----------------------------------------------------------------------------------------------------


def workload(obj: Obj, problems: Problems) -> None:
    """What Deployments, ReplicaSets, StatefulSets and DaemonSets share."""
    spec = obj["spec"]
    check_count(spec.get("replicas"), "spec.replicas", problems)
    check_count(spec.get("minReadySeconds"), "spec.minReadySeconds", problems)
    template = spec["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    selector = spec.get("selector")
    if not selector:
        _need(problems, "spec.selector")
    elif not matches_selector(selector, labels):
        _bad(problems, "spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    check_labels(labels, "spec.template.metadata.labels", problems)
    _pod_spec(template["spec"], "spec.template.spec", problems)
    if template["spec"].get("restartPolicy") in ("OnFailure", "Never"):
        _choose(problems, "spec.template.spec.restartPolicy", template["spec"]["restartPolicy"], ("Always",))


def deployment(obj: Obj, problems: Problems) -> None:
    """A Deployment."""
    workload(obj, problems)
    strategy = obj["spec"]["strategy"]
    _choose(problems, "spec.strategy.type", strategy.get("type"), ("Recreate", "RollingUpdate"))
    rolling = strategy.get("rollingUpdate")
    if rolling and strategy.get("type") == "Recreate":
        text = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        problems.append(("spec.strategy.rollingUpdate", text, "FieldValueForbidden"))
    elif rolling:
        path = "spec.strategy.rollingUpdate"
        values = [rolling.get("maxUnavailable"), rolling.get("maxSurge")]
        _share(values[0], f"{path}.maxUnavailable", problems)
        _share(values[1], f"{path}.maxSurge", problems)
        if all(str(value).rstrip("%") == "0" for value in values):
            _bad(problems, f"{path}.maxUnavailable", values[0], "may not be 0 when `maxSurge` is 0")


def _share(value: Any, path: str, problems: Problems) -> None:
    """A count or a percentage."""
    if isinstance(value, str):
        if not PERCENT.match(value):
            _bad(
                problems,
                path,
                value,
                "a valid percent string must be a numeric string followed by an ending '%'",
            )
    else:
        check_count(value, path, problems)


def job(obj: Obj, problems: Problems) -> None:
    """A Job."""
    _job_spec(obj["spec"], "spec", problems)


def _job_spec(spec: Obj, path: str, problems: Problems) -> None:
    for field in (
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ):
        check_count(spec.get(field), f"{path}.{field}", problems)
    template = spec["template"]["spec"]
    _pod_spec(template, f"{path}.template.spec", problems)
    if template.get("restartPolicy") == "Always":
        _choose(problems, f"{path}.template.spec.restartPolicy", "Always", ("OnFailure", "Never"))


def cron_job(obj: Obj, problems: Problems) -> None:
    """A CronJob."""
    spec = obj["spec"]
    schedule = spec.get("schedule")
    if not schedule:
        _need(problems, "spec.schedule")
    elif not schedule.startswith("@") and not _is_cron(schedule.split()):
        _bad(
            problems,
            "spec.schedule",
            schedule,
            "expected exactly 5 fields of numbers, names, '*', '/', ',' and '-'",
        )
    _choose(problems, "spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    _job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", problems)


def _is_cron(fields: list[str]) -> bool:
    return len(fields) == 5 and all(CRON_FIELD.match(field) for field in fields)


def autoscaler(obj: Obj, problems: Problems) -> None:
    """A HorizontalPodAutoscaler."""
    spec = obj["spec"]
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if not (spec.get("scaleTargetRef") or {}).get("name"):
        _need(problems, "spec.scaleTargetRef.name")
    if not isinstance(most, int) or most < 1:
        _bad(problems, "spec.maxReplicas", most if most is not None else 0, "must be greater than 0")
    elif isinstance(least, int) and most < least:
        _bad(problems, "spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    check_count(least, "spec.minReplicas", problems)


def disruption_budget(obj: Obj, problems: Problems) -> None:
    """A PodDisruptionBudget."""
    spec = obj["spec"]
    given = [one for one in ("minAvailable", "maxUnavailable") if spec.get(one) is not None]
    if len(given) > 1:
        _bad(problems, "spec", "", "minAvailable and maxUnavailable cannot be both set")
    for field in given:
        _share(spec[field], f"spec.{field}", problems)


# -- services and configuration ---------------------------------------------------------------------------------------


def service(obj: Obj, problems: Problems) -> None:
    """A Service."""
    spec = obj["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    _choose(problems, "spec.type", spec.get("type"), types)
    ports = spec.get("ports") or []
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            _need(problems, "spec.externalName")
    elif not ports and spec.get("clusterIP") != "None":
        _need(problems, "spec.ports")
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        if port.get("name"):
            _check_unique(port["name"], names, f"{where}.name", problems)
        elif len(ports) > 1:
            _need(problems, f"{where}.name")
        _check_port(port.get("port"), f"{where}.port", problems)
        target = port.get("targetPort")
        if isinstance(target, int):
            _check_port(target, f"{where}.targetPort", problems)
        elif target:
            _check_port_name(str(target), set(), f"{where}.targetPort", problems)
        _choose(problems, f"{where}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
        if (port.get("port"), port.get("protocol")) in numbers:
            problems.append((where, f"Duplicate value: {port.get('port')}", DUPLICATE))
        numbers.add((port.get("port"), port.get("protocol")))


def config_map(obj: Obj, problems: Problems) -> None:
    """Keys of a ConfigMap or Secret."""
    for field in ("data", "binaryData"):
        for key in obj.get(field) or ():
            if not CONFIG_KEY.match(key) or key in (".", ".."):
                why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                _bad(problems, f"{field}[{key}]", key, why)


def role(obj: Obj, problems: Problems) -> None:
    """A Role or ClusterRole."""
    for index, rule in enumerate(obj.get("rules") or ()):
        where = f"rules[{index}]"
        if not rule.get("verbs"):
            _need(problems, f"{where}.verbs", "verbs must contain at least one value")
        if not rule.get("nonResourceURLs"):
            if not rule.get("apiGroups"):
                _need(problems, f"{where}.apiGroups", "resource rules must supply at least one api group")
            if not rule.get("resources"):
                _need(problems, f"{where}.resources", "resource rules must supply at least one resource")


def binding(obj: Obj, problems: Problems) -> None:
    """A RoleBinding or ClusterRoleBinding."""
    reference = obj.get("roleRef") or {}
    _choose(problems, "roleRef.kind", reference.get("kind", ""), ("ClusterRole", "Role"))
    if not reference.get("name"):
        _need(problems, "roleRef.name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        where = f"subjects[{index}]"
        _choose(problems, f"{where}.kind", subject.get("kind", ""), ("Group", "ServiceAccount", "User"))
        if not subject.get("name"):
            _need(problems, f"{where}.name")
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            if obj["kind"] == "ClusterRoleBinding":
                _need(problems, f"{where}.namespace")


def webhooks(obj: Obj, problems: Problems) -> None:
    """A MutatingWebhookConfiguration or ValidatingWebhookConfiguration."""
    v1 = obj["apiVersion"].endswith("/v1")
    for index, hook in enumerate(obj.get("webhooks") or ()):
        where = f"webhooks[{index}]"
        name = hook.get("name") or ""
        if not SUBDOMAIN.match(name) or name.count(".") < 2:
            _bad(
                problems,
                f"{where}.name",
                name,
                "should be a domain with at least three segments separated by dots",
            )
        _choose(problems, f"{where}.failurePolicy", hook.get("failurePolicy"), ("Fail", "Ignore"))
        config = hook.get("clientConfig") or {}
        if bool(config.get("url")) == bool(config.get("service")):
            _need(problems, f"{where}.clientConfig", "exactly one of url or service is required")
        if not 1 <= (hook.get("timeoutSeconds") or 10) <= 30:
            why = "the timeout value must be between 1 and 30 seconds"
            _bad(problems, f"{where}.timeoutSeconds", hook["timeoutSeconds"], why)
        if v1 and not hook.get("sideEffects"):
            _need(problems, f"{where}.sideEffects", "must specify one of None, NoneOnDryRun")
        if v1 and not hook.get("admissionReviewVersions"):
            why = "must specify one of v1, v1beta1"
            _need(problems, f"{where}.admissionReviewVersions", why)
