"""The rules of Services, configuration, roles and webhooks, as far as people break them.

*Source:* Kubernetes' validation, whose words these are; a small part of it.
"""

from typing import Any

from sim.cluster.api.objects import Obj
from sim.cluster.api.schema.rules import (
    CONFIG_KEY,
    DUPLICATE,
    SUBDOMAIN,
    Problems,
    bad,
    check_count,
    check_port,
    check_port_name,
    check_share,
    check_unique,
    choose,
    need,
)

__all__ = ["autoscaler", "binding", "config_map", "disruption_budget", "role", "service", "webhooks"]


def autoscaler(obj: Obj, problems: Problems) -> None:
    """A HorizontalPodAutoscaler."""
    spec = obj["spec"]
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if not (spec.get("scaleTargetRef") or {}).get("name"):
        need(problems, "spec.scaleTargetRef.name")
    if not isinstance(most, int) or most < 1:
        bad(problems, "spec.maxReplicas", most if most is not None else 0, "must be greater than 0")
    elif isinstance(least, int) and most < least:
        bad(problems, "spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    check_count(least, "spec.minReplicas", problems)


def disruption_budget(obj: Obj, problems: Problems) -> None:
    """A PodDisruptionBudget."""
    spec = obj["spec"]
    given = [one for one in ("minAvailable", "maxUnavailable") if spec.get(one) is not None]
    if len(given) > 1:
        bad(problems, "spec", "", "minAvailable and maxUnavailable cannot be both set")
    for field in given:
        check_share(spec[field], f"spec.{field}", problems)


def service(obj: Obj, problems: Problems) -> None:
    """A Service."""
    spec = obj["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    choose(problems, "spec.type", spec.get("type"), types)
    ports = spec.get("ports") or []
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            need(problems, "spec.externalName")
    elif not ports and spec.get("clusterIP") != "None":
        need(problems, "spec.ports")
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        if port.get("name"):
            check_unique(port["name"], names, f"{where}.name", problems)
        elif len(ports) > 1:
            need(problems, f"{where}.name")
        check_port(port.get("port"), f"{where}.port", problems)
        target = port.get("targetPort")
        if isinstance(target, int):
            check_port(target, f"{where}.targetPort", problems)
        elif target:
            check_port_name(str(target), set(), f"{where}.targetPort", problems)
        choose(problems, f"{where}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
        if (port.get("port"), port.get("protocol")) in numbers:
            problems.append((where, f"Duplicate value: {port.get('port')}", DUPLICATE))
        numbers.add((port.get("port"), port.get("protocol")))


def config_map(obj: Obj, problems: Problems) -> None:
    """Keys of a ConfigMap or Secret."""
    for field in ("data", "binaryData"):
        for key in obj.get(field) or ():
            if not CONFIG_KEY.match(key) or key in (".", ".."):
                why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                bad(problems, f"{field}[{key}]", key, why)


def role(obj: Obj, problems: Problems) -> None:
    """A Role or ClusterRole."""
    for index, rule in enumerate(obj.get("rules") or ()):
        where = f"rules[{index}]"
        if not rule.get("verbs"):
            need(problems, f"{where}.verbs", "verbs must contain at least one value")
        if not rule.get("nonResourceURLs"):
            if not rule.get("apiGroups"):
                need(problems, f"{where}.apiGroups", "resource rules must supply at least one api group")
            if not rule.get("resources"):
                need(problems, f"{where}.resources", "resource rules must supply at least one resource")


def binding(obj: Obj, problems: Problems) -> None:
    """A RoleBinding or ClusterRoleBinding."""
    reference = obj.get("roleRef") or {}
    choose(problems, "roleRef.kind", reference.get("kind", ""), ("ClusterRole", "Role"))
    if not reference.get("name"):
        need(problems, "roleRef.name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        where = f"subjects[{index}]"
        choose(problems, f"{where}.kind", subject.get("kind", ""), ("Group", "ServiceAccount", "User"))
        if not subject.get("name"):
            need(problems, f"{where}.name")
        homeless = subject.get("kind") == "ServiceAccount" and not subject.get("namespace")
        if homeless and obj["kind"] == "ClusterRoleBinding":
            need(problems, f"{where}.namespace")


def webhooks(obj: Obj, problems: Problems) -> None:
    """A MutatingWebhookConfiguration or ValidatingWebhookConfiguration."""
    v1 = obj["apiVersion"].endswith("/v1")
    for index, hook in enumerate(obj.get("webhooks") or ()):
        where = f"webhooks[{index}]"
        name = hook.get("name") or ""
        if not SUBDOMAIN.match(name) or name.count(".") < 2:
            bad(
                problems,
                f"{where}.name",
                name,
                "should be a domain with at least three segments separated by dots",
            )
        choose(problems, f"{where}.failurePolicy", hook.get("failurePolicy"), ("Fail", "Ignore"))
        config = hook.get("clientConfig") or {}
        if bool(config.get("url")) == bool(config.get("service")):
            need(problems, f"{where}.clientConfig", "exactly one of url or service is required")
        if not 1 <= (hook.get("timeoutSeconds") or 10) <= 30:
            why = "the timeout value must be between 1 and 30 seconds"
            bad(problems, f"{where}.timeoutSeconds", hook["timeoutSeconds"], why)
        if v1 and not hook.get("sideEffects"):
            need(problems, f"{where}.sideEffects", "must specify one of None, NoneOnDryRun")
        if v1 and not hook.get("admissionReviewVersions"):
            why = "must specify one of v1, v1beta1"
            need(problems, f"{where}.admissionReviewVersions", why)
