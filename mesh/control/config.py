"""The ConfigMap linkerd-config as values, in either edition's form."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh.control.values import EDGE, STABLE, ProxyValues, defaults
from mesh.yaml import YamlError, load_all

__all__ = ["ConfigError", "from_config"]


class ConfigError(ValueError):
    """The ConfigMap linkerd-config cannot be read; ``str()`` is one line."""


def from_config(config: Mapping[str, Any], trust_anchors: str = "") -> ProxyValues:
    """The values that ConfigMap ``linkerd-config`` holds, over the defaults of its edition.

    Args:
        config: the ConfigMap. Key ``values`` (YAML) is edge's form, ``global`` and ``proxy`` (JSON) 2.8.1's.
        trust_anchors: PEM, for edge's when the values do not carry them.

    Raises:
        ConfigError: neither form is there, or the text in it is malformed.
    """
    data = config.get("data") or {}
    if "values" in data:
        values = _edge(_parse(data["values"], "values"))
    elif "global" in data:
        values = _stable(_parse(data["global"], "global"), _parse(data.get("proxy", "{}"), "proxy"))
    else:
        raise ConfigError("ConfigMap linkerd-config has neither key 'values' nor key 'global'")
    namespace = (config.get("metadata") or {}).get("namespace") or values.namespace
    return replace(values, namespace=namespace, trust_anchors=values.trust_anchors or trust_anchors)


def _parse(text: str, key: str) -> dict[str, Any]:
    try:
        documents = load_all(text, name=f"ConfigMap linkerd-config, key {key}")
    except YamlError as error:
        raise ConfigError(str(error).removeprefix("error: ")) from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError(f"ConfigMap linkerd-config, key {key}: not an object")
    return documents[0]


def _at(obj: Any, path: str) -> Any:
    """The value at ``a.b.c``, None when some part is missing."""
    for part in path.split("."):
        if not isinstance(obj, dict):
            return None
        obj = obj.get(part)
    return obj


# Path in the chart's values -> attribute. An empty text in the chart means "not set" where 0 is no choice.
EDGE_PATHS = (
    ("clusterDomain", "cluster_domain"),
    ("identityTrustDomain", "trust_domain"),
    ("identityTrustAnchorsPEM", "trust_anchors"),
    ("clusterNetworks", "cluster_networks"),
    ("cniEnabled", "cni"),
    ("proxy.nativeSidecar", "native"),
    ("proxy.image.name", "proxy_image"),
    ("proxy.image.version", "proxy_version"),
    ("proxy.image.pullPolicy", "pull_policy"),
    ("proxyInit.image.name", "init_image"),
    ("proxyInit.image.version", "init_version"),
    ("debugContainer.image.name", "debug_image"),
    ("debugContainer.image.version", "debug_version"),
    ("debugContainer.image.pullPolicy", "debug_pull_policy"),
    ("proxy.ports.inbound", "inbound_port"),
    ("proxy.ports.outbound", "outbound_port"),
    ("proxy.ports.control", "control_port"),
    ("proxy.ports.admin", "admin_port"),
    ("proxyInit.ignoreInboundPorts", "skip_inbound_ports"),
    ("proxyInit.ignoreOutboundPorts", "skip_outbound_ports"),
    ("proxyInit.skipSubnets", "skip_subnets"),
    ("proxyInit.closeWaitTimeoutSecs", "close_wait_timeout_s"),
    ("proxy.opaquePorts", "opaque_ports"),
    ("proxy.requireIdentityOnInboundPorts", "require_identity_ports"),
    ("proxy.defaultInboundPolicy", "default_inbound_policy"),
    ("proxy.resources.cpu.request", "cpu_request"),
    ("proxy.resources.cpu.limit", "cpu_limit"),
    ("proxy.resources.memory.request", "memory_request"),
    ("proxy.resources.memory.limit", "memory_limit"),
    ("proxy.resources.ephemeral-storage.request", "ephemeral_storage_request"),
    ("proxy.resources.ephemeral-storage.limit", "ephemeral_storage_limit"),
    ("proxy.uid", "uid"),
    ("proxy.gid", "gid"),
    ("proxy.logLevel", "log_level"),
    ("proxy.logFormat", "log_format"),
    ("proxy.logHTTPHeaders", "log_http_headers"),
    ("proxy.accessLog", "access_log"),
    ("proxy.await", "await_proxy"),
    ("proxy.waitBeforeExitSeconds", "wait_before_exit_s"),
    ("proxy.shutdownGracePeriod", "shutdown_grace_period"),
    ("proxy.enableShutdownEndpoint", "admin_shutdown"),
    ("proxy.outboundConnectTimeout", "outbound_connect_timeout"),
    ("proxy.inboundConnectTimeout", "inbound_connect_timeout"),
    ("proxy.outboundDiscoveryCacheUnusedTimeout", "outbound_discovery_idle"),
    ("proxy.inboundDiscoveryCacheUnusedTimeout", "inbound_discovery_idle"),
    ("proxy.disableOutboundProtocolDetectTimeout", "disable_outbound_detect_timeout"),
    ("proxy.disableInboundProtocolDetectTimeout", "disable_inbound_detect_timeout"),
    ("proxy.metrics.hostnameLabels", "hostname_labels"),
    ("proxy.enableExternalProfiles", "external_profiles"),
    ("proxy.isGateway", "gateway"),
    ("proxy.isIngress", "ingress"),
    ("identity.serviceAccountTokenProjection", "token_projection"),
)


def _edge(chart: dict[str, Any]) -> ProxyValues:
    base = defaults(EDGE)
    version = str(chart.get("linkerdVersion") or base.version)
    base = replace(base, version=version, proxy_version=version, init_version=version)
    return _with(base, {attribute: _at(chart, path) for path, attribute in EDGE_PATHS})


def _stable(overall: dict[str, Any], proxy: dict[str, Any]) -> ProxyValues:
    """2.8.1's protobuf-JSON: ports are ``{"port": 4143}``, numbers may be text."""
    base = defaults(STABLE)
    disable_external = proxy.get("disableExternalProfiles")
    found = {
        "version": overall.get("version"),
        "namespace": overall.get("linkerdNamespace"),
        "cluster_domain": overall.get("clusterDomain"),
        "cni": overall.get("cniEnabled"),
        "trust_domain": _at(overall, "identityContext.trustDomain"),
        "trust_anchors": _at(overall, "identityContext.trustAnchorsPem"),
        "proxy_image": _at(proxy, "proxyImage.imageName"),
        "proxy_version": proxy.get("proxyVersion"),
        "pull_policy": _at(proxy, "proxyImage.pullPolicy"),
        "init_image": _at(proxy, "proxyInitImage.imageName"),
        "init_version": proxy.get("proxyInitImageVersion"),
        "debug_image": _at(proxy, "debugImage.imageName"),
        "debug_version": proxy.get("debugImageVersion"),
        "inbound_port": _at(proxy, "inboundPort.port"),
        "outbound_port": _at(proxy, "outboundPort.port"),
        "control_port": _at(proxy, "controlPort.port"),
        "admin_port": _at(proxy, "adminPort.port"),
        "skip_inbound_ports": _stable_ports(proxy.get("ignoreInboundPorts")),
        "skip_outbound_ports": _stable_ports(proxy.get("ignoreOutboundPorts")),
        "cpu_request": _at(proxy, "resource.requestCpu"),
        "cpu_limit": _at(proxy, "resource.limitCpu"),
        "memory_request": _at(proxy, "resource.requestMemory"),
        "memory_limit": _at(proxy, "resource.limitMemory"),
        "uid": proxy.get("proxyUid"),
        "log_level": _at(proxy, "logLevel.level"),
        "external_profiles": None if disable_external is None else not disable_external,
    }
    return _with(base, found)


def _stable_ports(ports: Any) -> str | None:
    """``[{"portRange": "25"}, {"port": 26}]`` or plain text, as one list in text."""
    if not isinstance(ports, list):
        return ports if isinstance(ports, str) else None
    return ",".join(
        str(p.get("portRange", p.get("port", ""))) if isinstance(p, dict) else str(p) for p in ports
    )


def _with(base: ProxyValues, found: Mapping[str, Any]) -> ProxyValues:
    """``base`` with every found setting, in the attribute's own type."""
    changes: dict[str, Any] = {}
    for attribute, value in found.items():
        before = getattr(base, attribute)
        if value is None or (value == "" and not isinstance(before, str)):
            continue
        if isinstance(before, bool):
            changes[attribute] = str(value).lower() == "true"
        elif isinstance(before, int):
            try:
                changes[attribute] = int(value)
            except (TypeError, ValueError):
                raise ConfigError(
                    f"ConfigMap linkerd-config: {attribute} is {value!r}, not a number"
                ) from None
        else:
            changes[attribute] = _text(value)
    return replace(base, **changes)


def _text(value: Any) -> str:
    """Text as a chart prints it; lists of ports become a comma-separated list."""
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)
