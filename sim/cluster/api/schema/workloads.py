"""The rules of pods and of what runs them, as far as people break them.

*Source:* Kubernetes' validation, whose words these are; a small part of it.
"""

import re

from sim.cluster.api.objects import Obj
from sim.cluster.api.schema.quantity import quantity
from sim.cluster.api.schema.rules import (
    ENV_NAME,
    SUBDOMAIN,
    SUBDOMAIN_TEXT,
    Problems,
    bad,
    check_count,
    check_labels,
    check_port,
    check_port_name,
    check_share,
    check_unique,
    choose,
    need,
)
from sim.cluster.api.selectors import matches_selector

__all__ = ["cron_job", "deployment", "job", "pod", "workload"]

CRON_FIELD = re.compile(r"^[\d*/,?A-Za-z-]+$")


def pod(obj: Obj, problems: Problems) -> None:
    """A Pod."""
    _pod_spec(obj["spec"], "spec", problems)


def _pod_spec(spec: Obj, path: str, problems: Problems) -> None:
    if not spec.get("containers"):
        need(problems, f"{path}.containers")
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        check_unique(volume.get("name"), volumes, f"{path}.volumes[{index}].name", problems)
        if len(volume) > 2:
            text = "Forbidden: may not specify more than 1 volume type"
            problems.append((f"{path}.volumes[{index}]", text, "FieldValueForbidden"))
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{index}]"
            check_unique(container.get("name"), names, f"{where}.name", problems)
            _container(container, where, volumes, problems)
    choose(problems, f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "OnFailure", "Never"))
    choose(
        problems,
        f"{path}.dnsPolicy",
        spec.get("dnsPolicy"),
        ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    )
    check_count(spec.get("terminationGracePeriodSeconds"), f"{path}.terminationGracePeriodSeconds", problems)
    account = spec.get("serviceAccountName")
    if account and not SUBDOMAIN.match(account):
        bad(problems, f"{path}.serviceAccountName", account, SUBDOMAIN_TEXT)


def _container(container: Obj, path: str, volumes: set[str], problems: Problems) -> None:
    image = container.get("image")
    if not image:
        need(problems, f"{path}.image")
    elif image != image.strip():
        bad(problems, f"{path}.image", image, "must not have leading or trailing whitespace")
    choose(
        problems,
        f"{path}.imagePullPolicy",
        container.get("imagePullPolicy"),
        ("Always", "IfNotPresent", "Never"),
    )
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{index}]"
        if port.get("containerPort") is None:
            need(problems, f"{where}.containerPort")
        else:
            check_port(port["containerPort"], f"{where}.containerPort", problems)
        if port.get("name"):
            check_port_name(port["name"], names, f"{where}.name", problems)
        choose(problems, f"{where}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
    for index, variable in enumerate(container.get("env") or ()):
        _env(variable, f"{path}.env[{index}]", problems)
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{index}]"
        if not mount.get("mountPath"):
            need(problems, f"{where}.mountPath")
        if mount.get("name") not in volumes:
            problems.append((f"{where}.name", f'Not found: "{mount.get("name")}"', "FieldValueNotFound"))
    _resources(container.get("resources") or {}, f"{path}.resources", problems)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe):
            _probe(container[probe], f"{path}.{probe}", problems)


def _env(variable: Obj, path: str, problems: Problems) -> None:
    if not variable.get("name"):
        need(problems, f"{path}.name")
    elif not ENV_NAME.match(variable["name"]):
        why = "a valid environment variable name must consist of letters, digits, '_', '-', or '.'"
        bad(problems, f"{path}.name", variable["name"], why)
    source = variable.get("valueFrom")
    if source is not None:
        if variable.get("value"):
            bad(problems, f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
            bad(problems, f"{path}.valueFrom", "", text)


def _resources(resources: Obj, path: str, problems: Problems) -> None:
    amounts: dict[tuple[str, str], float] = {}
    for field in ("limits", "requests"):
        for name, text in (resources.get(field) or {}).items():
            try:
                amounts[field, name] = value = quantity(text)
            except ValueError as error:
                bad(problems, f"{path}.{field}.{name}", str(text), str(error))
                continue
            if value < 0:
                bad(problems, f"{path}.{field}.{name}", str(text), "must be greater than or equal to 0")
    for (field, name), value in amounts.items():
        limit = amounts.get(("limits", name))
        if field == "requests" and limit is not None and value > limit:
            text = str(resources["requests"][name])
            bad(problems, f"{path}.requests", text, f"must be less than or equal to {name} limit")


def _probe(probe: Obj, path: str, problems: Problems) -> None:
    handlers = [one for one in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(one) is not None]
    if not handlers:
        need(problems, path, "must specify a handler type")
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
        check_port(port, f"{path}.{handlers[0]}.port", problems)


# -- workloads ----------------------------------------------------------------------------------------


def workload(obj: Obj, problems: Problems) -> None:
    """What Deployments, ReplicaSets, StatefulSets and DaemonSets share."""
    spec = obj["spec"]
    check_count(spec.get("replicas"), "spec.replicas", problems)
    check_count(spec.get("minReadySeconds"), "spec.minReadySeconds", problems)
    template = spec["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    selector = spec.get("selector")
    if not selector:
        need(problems, "spec.selector")
    elif not matches_selector(selector, labels):
        bad(problems, "spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    check_labels(labels, "spec.template.metadata.labels", problems)
    _pod_spec(template["spec"], "spec.template.spec", problems)
    if template["spec"].get("restartPolicy") in ("OnFailure", "Never"):
        choose(problems, "spec.template.spec.restartPolicy", template["spec"]["restartPolicy"], ("Always",))


def deployment(obj: Obj, problems: Problems) -> None:
    """A Deployment."""
    workload(obj, problems)
    strategy = obj["spec"]["strategy"]
    choose(problems, "spec.strategy.type", strategy.get("type"), ("Recreate", "RollingUpdate"))
    rolling = strategy.get("rollingUpdate")
    if rolling and strategy.get("type") == "Recreate":
        text = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        problems.append(("spec.strategy.rollingUpdate", text, "FieldValueForbidden"))
    elif rolling:
        path = "spec.strategy.rollingUpdate"
        values = [rolling.get("maxUnavailable"), rolling.get("maxSurge")]
        check_share(values[0], f"{path}.maxUnavailable", problems)
        check_share(values[1], f"{path}.maxSurge", problems)
        if all(str(value).rstrip("%") == "0" for value in values):
            bad(problems, f"{path}.maxUnavailable", values[0], "may not be 0 when `maxSurge` is 0")


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
        choose(problems, f"{path}.template.spec.restartPolicy", "Always", ("OnFailure", "Never"))


def cron_job(obj: Obj, problems: Problems) -> None:
    """A CronJob."""
    spec = obj["spec"]
    schedule = spec.get("schedule")
    if not schedule:
        need(problems, "spec.schedule")
    elif not schedule.startswith("@") and not _is_cron(schedule.split()):
        bad(
            problems,
            "spec.schedule",
            schedule,
            "expected exactly 5 fields of numbers, names, '*', '/', ',' and '-'",
        )
    choose(problems, "spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    _job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", problems)


def _is_cron(fields: list[str]) -> bool:
    return len(fields) == 5 and all(CRON_FIELD.match(field) for field in fields)
