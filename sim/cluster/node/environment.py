"""A container's environment: literals, references to fields, config maps and secrets, and ``$(VAR)``."""

import base64
import re
from math import ceil
from typing import TYPE_CHECKING, Any

from sim.cluster.node.quantity import quantity

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer
    from sim.cluster.node.node import Node

__all__ = ["ConfigError", "arguments", "environment", "expand", "field_reference", "resource_reference"]

Obj = dict[str, Any]

REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
SUBSCRIPT = re.compile(r"^(metadata\.(?:labels|annotations))\['(.+)'\]$")


class ConfigError(Exception):
    """The container cannot be configured: something it refers to is missing."""


def expand(text: str, variables: dict[str, str]) -> str:
    """``$(NAME)`` replaced by known variables, unknown ones left as they are, ``$$`` an escaped ``$``.

    *Source:* Kubernetes' third_party/forked/golang/expansion rules.
    """

    def replaced(match: re.Match[str]) -> str:
        if match.group(0) == "$$":
            return "$"
        return variables.get(match.group(1), match.group(0))

    return REFERENCE.sub(replaced, text) if "$" in text else text


def environment(api: "ApiServer", node: "Node", pod: Obj, container: Obj) -> dict[str, str]:
    """The variables a container sees, in Kubernetes' order of precedence: services, envFrom, env.

    Raises:
        ConfigError: a config map, secret, key or field does not exist and is not optional.
    """
    variables = _services(api, pod)
    variables["HOSTNAME"] = pod["spec"].get("hostname") or pod["metadata"]["name"]
    for source in container.get("envFrom") or ():
        variables.update(_everything(api, pod, source))
    for entry in container.get("env") or ():
        value = _value(api, node, pod, container, entry, variables)
        if value is not None:
            variables[entry["name"]] = value
    return variables


def arguments(container: Obj, variables: dict[str, str]) -> tuple[list[str], list[str]]:
    """Command and arguments after expansion."""
    command = [expand(str(word), variables) for word in container.get("command") or ()]
    args = [expand(str(word), variables) for word in container.get("args") or ()]
    return command, args


def _services(api: "ApiServer", pod: Obj) -> dict[str, str]:
    """``WEB_SVC_SERVICE_HOST`` and the like for the services that exist when the container starts."""
    variables: dict[str, str] = {}
    found = [s for s in api.list("services", "default") if s["metadata"]["name"] == "kubernetes"]
    if pod["spec"].get("enableServiceLinks", True):
        found += api.list("services", pod["metadata"]["namespace"])
    for service in found:
        address, ports = service["spec"].get("clusterIP"), service["spec"].get("ports") or ()
        if not ports or address in (None, "", "None"):
            continue
        prefix = service["metadata"]["name"].upper().replace("-", "_") + "_SERVICE"
        variables[f"{prefix}_HOST"] = address
        variables[f"{prefix}_PORT"] = str(ports[0]["port"])
        for port in ports:
            if port.get("name"):
                variables[f"{prefix}_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    return variables


def _everything(api: "ApiServer", pod: Obj, source: Obj) -> dict[str, str]:
    """All keys of an envFrom source, prefixed."""
    kind = "configMapRef" if "configMapRef" in source else "secretRef"
    data = lookup(api, pod, kind.removesuffix("Ref"), source[kind])
    prefix = source.get("prefix", "")
    return {prefix + key: value for key, value in (data or {}).items()}


def lookup(api: "ApiServer", pod: Obj, kind: str, reference: Obj) -> dict[str, str] | None:
    """The data of a config map or secret (decoded); None when it is missing and optional.

    Raises:
        ConfigError: it is missing and not optional.
    """
    resource = "configmaps" if kind == "configMap" else "secrets"
    name = reference.get("name") or reference.get("secretName") or ""
    found = api.find(resource, name, pod["metadata"]["namespace"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    data = dict(found.get("data") or {})
    if kind == "configMap":
        return data
    plain = {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return {**plain, **(found.get("stringData") or {})}


def _value(
    api: "ApiServer", node: "Node", pod: Obj, container: Obj, entry: Obj, variables: dict[str, str]
) -> str | None:
    """One variable's value; None leaves it unset."""
    source = entry.get("valueFrom")
    if not source:
        return expand(str(entry.get("value") or ""), variables)
    if "fieldRef" in source:
        return field_reference(node, pod, source["fieldRef"].get("fieldPath", ""))
    if "resourceFieldRef" in source:
        return resource_reference(node, pod, container, source["resourceFieldRef"])
    for key, kind, noun in (
        ("configMapKeyRef", "configMap", "ConfigMap"),
        ("secretKeyRef", "secret", "Secret"),
    ):
        if key in source:
            reference = source[key]
            data = lookup(api, pod, kind, reference)
            if data is not None and reference["key"] in data:
                return data[reference["key"]]
            if reference.get("optional"):
                return None
            where = f"{pod['metadata']['namespace']}/{reference['name']}"
            raise ConfigError(f"couldn't find key {reference['key']} in {noun} {where}")
    raise ConfigError(f"environment variable {entry.get('name')}: unknown valueFrom")


def field_reference(node: "Node", pod: Obj, path: str) -> str:
    """What a fieldRef stands for.

    Raises:
        ConfigError: the downward API does not offer that field.
    """
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    subscript = SUBSCRIPT.match(path)
    if subscript:
        return str((meta.get(subscript.group(1).partition(".")[2]) or {}).get(subscript.group(2), ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = meta.get(path.partition(".")[2]) or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(entries.items()))
    fields = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": node.name,
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        "status.hostIP": node.ip,
        "status.hostIPs": node.ip,
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": ",".join(entry["ip"] for entry in status.get("podIPs") or ()),
    }
    if path not in fields:
        raise ConfigError(f"field label not supported: {path}")
    return str(fields[path])


def resource_reference(node: "Node", pod: Obj, container: Obj, reference: Obj) -> str:
    """What a resourceFieldRef stands for, in units of its divisor, rounded up; a missing limit is the node's.

    Raises:
        ConfigError: there is no such container or resource.
    """
    name = reference.get("containerName") or container["name"]
    spec = pod["spec"]
    known = [*(spec.get("initContainers") or ()), *spec["containers"]]
    target = next((c for c in known if c["name"] == name), None)
    part, _, resource = reference.get("resource", "").partition(".")
    if target is None or part not in ("limits", "requests"):
        raise ConfigError(f"unknown resource {reference.get('resource')} of container {name}")
    resources = target.get("resources") or {}
    amount = (resources.get(part) or {}).get(resource)
    if amount is None and part == "limits":
        amount = node.allocatable().get(resource)
    divisor = quantity(reference.get("divisor") or "1") or 1.0
    return str(ceil(quantity(amount or "0") / divisor - 1e-9))
