"""The proxy's settings as environment variables, in the order in which each edition's chart prints them.

*Source:* charts/partials/templates/_proxy.tpl of edge-26.8.3 and stable-2.8.1.
"""

import math
from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.injection.quantity import cores
from mesh.control.values import STABLE, ProxyValues

__all__ = ["ACCOUNT_TOKEN_FILE", "END_ENTITY_PATH", "TOKEN_PATH", "edge_env", "stable_env"]

Obj: TypeAlias = dict[str, Any]

END_ENTITY_PATH = "/var/run/linkerd/identity/end-entity"
TOKEN_PATH = "/var/run/secrets/tokens"  # noqa: S105 - a folder
ACCOUNT_TOKEN_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
NO_TIMEOUT = "8760h"  # 365 days stand for "never" in protocol detection


def _field(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _var(name: str, value: str) -> Obj:
    """A setting of the proxy; names in capitals get its prefix."""
    return {"name": f"LINKERD2_PROXY_{name}" if name[0].isupper() else name, "value": value}


def _service(values: ProxyValues, name: str, port: int, owner: str) -> str:
    """Address of a control-plane service; the component that offers it finds it on localhost."""
    if values.component == owner:
        return f"localhost.:{port}"
    dot = "" if values.edition == STABLE else "."
    return f"{name}.{values.namespace}.svc.{values.cluster_domain}{dot}:{port}"


def _suffixes(values: ProxyValues) -> str:
    return "." if values.external_profiles else f"svc.{values.cluster_domain}."


def stable_env(values: ProxyValues) -> list[Obj]:
    """The variables of 2.8.1's proxy, in order."""
    env = [
        _var("LOG", values.log_level),
        _var("DESTINATION_SVC_ADDR", _service(values, "linkerd-dst", 8086, "linkerd-destination")),
        _var("DESTINATION_GET_NETWORKS", values.cluster_networks),
        _var("CONTROL_LISTEN_ADDR", f"0.0.0.0:{values.control_port}"),
        _var("ADMIN_LISTEN_ADDR", f"0.0.0.0:{values.admin_port}"),
        _var("OUTBOUND_LISTEN_ADDR", f"127.0.0.1:{values.outbound_port}"),
        _var("INBOUND_LISTEN_ADDR", f"0.0.0.0:{values.inbound_port}"),
        _var("DESTINATION_GET_SUFFIXES", _suffixes(values)),
        _var("DESTINATION_PROFILE_SUFFIXES", _suffixes(values)),
        _var("INBOUND_ACCEPT_KEEPALIVE", "10000ms"),
        _var("OUTBOUND_CONNECT_KEEPALIVE", "10000ms"),
        _field("_pod_ns", "metadata.namespace"),
        _var("DESTINATION_CONTEXT", "ns:$(_pod_ns)"),
    ]
    if values.component == "linkerd-prometheus":
        env.append(_var("OUTBOUND_ROUTER_CAPACITY", "10000"))
    if values.require_identity_ports:
        env.append(_var("INBOUND_PORTS_REQUIRE_IDENTITY", values.require_identity_ports))
    if values.ingress:
        env.append(_var("INGRESS_MODE", "true"))
    if values.disable_identity:
        env.append(_var("IDENTITY_DISABLED", "disabled"))
    else:
        env += _stable_identity(values)
    if values.disable_tap:
        env.append(_var("TAP_DISABLED", "true"))
    elif not values.disable_identity:
        env.append(_var("TAP_SVC_NAME", _account("linkerd-tap")))
    return env


def _stable_identity(values: ProxyValues) -> list[Obj]:
    return [
        _var("IDENTITY_DIR", END_ENTITY_PATH),
        _var("IDENTITY_TRUST_ANCHORS", values.trust_anchors.strip() + "\n"),
        _var("IDENTITY_TOKEN_FILE", ACCOUNT_TOKEN_FILE),
        _var("IDENTITY_SVC_ADDR", _service(values, "linkerd-identity", 8080, "linkerd-identity")),
        _field("_pod_sa", "spec.serviceAccountName"),
        _var("_l5d_ns", values.namespace),
        _var("_l5d_trustdomain", values.trust_domain),
        _var("IDENTITY_LOCAL_NAME", _account("$(_pod_sa)", "$(_pod_ns)")),
        _var("IDENTITY_SVC_NAME", _account("linkerd-identity")),
        _var("DESTINATION_SVC_NAME", _account("linkerd-destination")),
    ]


def _account(account: str, namespace: str = "$(_l5d_ns)") -> str:
    """A name of 2.8.1, left for the kubelet to fill in."""
    return f"{account}.{namespace}.serviceaccount.identity.$(_l5d_ns).$(_l5d_trustdomain)"


def edge_env(values: ProxyValues) -> list[Obj]:
    """The variables of edge's proxy, in order."""
    env = [*_edge_pod(), *_edge_cores(values)]
    if values.require_identity_ports:
        env.append(_var("INBOUND_PORTS_REQUIRE_IDENTITY", values.require_identity_ports))
        env.append(_var("INBOUND_PORTS_REQUIRE_TLS", values.require_identity_ports))
    env += [*_edge_control(values), *_edge_listeners(values), *_edge_transport(values)]
    env += _edge_identity(values)
    if values.access_log:
        env.append(_var("ACCESS_LOG", values.access_log))
    if values.shutdown_grace_period:
        env.append(_var("SHUTDOWN_GRACE_PERIOD", values.shutdown_grace_period))
    env += [{"name": name, "value": value} for name, value in values.additional_env]
    return env


def _edge_pod() -> list[Obj]:
    return [
        _field("_pod_name", "metadata.name"),
        _field("_pod_ns", "metadata.namespace"),
        _field("_pod_uid", "metadata.uid"),
        _field("_pod_ip", "status.podIP"),
        _field("_pod_nodeName", "spec.nodeName"),
        {"name": "_pod_containerName", "value": labels.PROXY_CONTAINER},
    ]


def _edge_cores(values: ProxyValues) -> list[Obj]:
    """Worker threads: the CPU request is the least, the limit the most, in whole cores."""
    least = max(1, math.ceil(cores(values.cpu_request))) if values.cpu_request else 1
    env = [_var("CORES", str(least)), _var("CORES_MIN", str(least))]
    if values.cpu_limit:
        env.append(_var("CORES_MAX", str(max(1, math.ceil(cores(values.cpu_limit))))))
    if values.cpu_ratio_limit:
        env.append(_var("CORES_MAX_RATIO", values.cpu_ratio_limit))
    return env


def _edge_control(values: ProxyValues) -> list[Obj]:
    """Logging, and whom to ask about destinations and policy."""
    hidden = "" if values.log_http_headers == "insecure" else ",[{headers}]=off,[{request}]=off"
    return [
        _var("SHUTDOWN_ENDPOINT_ENABLED", _bool(values.admin_shutdown)),
        _var("LOG", values.log_level + hidden),
        _var("LOG_FORMAT", values.log_format),
        _var("DESTINATION_SVC_ADDR", _service(values, "linkerd-dst-headless", 8086, "linkerd-destination")),
        _var("DESTINATION_PROFILE_NETWORKS", values.cluster_networks),
        _var("POLICY_SVC_ADDR", _service(values, "linkerd-policy", 8090, "linkerd-destination")),
        _var("POLICY_WORKLOAD", '{"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}\n'),
        _var("INBOUND_DEFAULT_POLICY", values.default_inbound_policy),
        _var("POLICY_CLUSTER_NETWORKS", values.cluster_networks),
        _var("CONTROL_STREAM_INITIAL_TIMEOUT", "3s"),
        _var("CONTROL_STREAM_IDLE_TIMEOUT", "5m"),
        _var("CONTROL_STREAM_LIFETIME", "1h"),
        _var("INBOUND_CONNECT_TIMEOUT", values.inbound_connect_timeout),
        _var("OUTBOUND_CONNECT_TIMEOUT", values.outbound_connect_timeout),
        _var("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", values.outbound_discovery_idle),
        _var("INBOUND_DISCOVERY_IDLE_TIMEOUT", values.inbound_discovery_idle),
    ]


def _edge_listeners(values: ProxyValues) -> list[Obj]:
    env = []
    if values.disable_outbound_detect_timeout:
        env.append(_var("OUTBOUND_DETECT_TIMEOUT", NO_TIMEOUT))
    if values.disable_inbound_detect_timeout:
        env.append(_var("INBOUND_DETECT_TIMEOUT", NO_TIMEOUT))
    env += [
        _var("CONTROL_LISTEN_ADDR", f"0.0.0.0:{values.control_port}"),
        _var("ADMIN_LISTEN_ADDR", f"0.0.0.0:{values.admin_port}"),
        _var("OUTBOUND_LISTEN_ADDR", f"127.0.0.1:{values.outbound_port}"),
        _var("OUTBOUND_LISTEN_ADDRS", f"127.0.0.1:{values.outbound_port}"),
        _var("INBOUND_LISTEN_ADDR", f"0.0.0.0:{values.inbound_port}"),
        _field("LINKERD2_PROXY_INBOUND_IPS", "status.podIPs"),
        _var("INBOUND_PORTS", values.inbound_ports),
    ]
    if values.gateway:
        env.append(_var("INBOUND_GATEWAY_SUFFIXES", f"svc.{values.cluster_domain}."))
    if values.ingress:
        env.append(_var("INGRESS_MODE", "true"))
    return env


def _edge_transport(values: ProxyValues) -> list[Obj]:
    env = [
        _var("DESTINATION_PROFILE_SUFFIXES", _suffixes(values)),
        _var("INBOUND_ACCEPT_KEEPALIVE", "10000ms"),
        _var("OUTBOUND_CONNECT_KEEPALIVE", "10000ms"),
        _var("INBOUND_ACCEPT_USER_TIMEOUT", "30s"),
        _var("OUTBOUND_CONNECT_USER_TIMEOUT", "30s"),
        _var("OUTBOUND_METRICS_HOSTNAME_LABELS", _bool(values.hostname_labels)),
        _var("INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", "10s"),
        _var("INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", "3s"),
        _var("OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", "10s"),
        _var("OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", "3s"),
    ]
    if values.opaque_ports:
        env.append(_var("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", values.opaque_ports))
    context = '{"ns":"$(_pod_ns)", "nodeName":"$(_pod_nodeName)", "pod":"$(_pod_name)"}\n'
    env.append(_var("DESTINATION_CONTEXT", context))
    return env


def _edge_identity(values: ProxyValues) -> list[Obj]:
    tail = f"serviceaccount.identity.{values.namespace}.{values.trust_domain}"
    token_file = f"{TOKEN_PATH}/{labels.TOKEN_VOLUME}" if values.token_projection else ACCOUNT_TOKEN_FILE
    return [
        _field("_pod_sa", "spec.serviceAccountName"),
        _var("_l5d_ns", values.namespace),
        _var("_l5d_trustdomain", values.trust_domain),
        _var("IDENTITY_DIR", END_ENTITY_PATH),
        _var("IDENTITY_TRUST_ANCHORS", values.trust_anchors.strip() + "\n"),
        _var("IDENTITY_TOKEN_FILE", token_file),
        _var("IDENTITY_SVC_ADDR", _service(values, "linkerd-identity-headless", 8080, "linkerd-identity")),
        _var("IDENTITY_LOCAL_NAME", f"$(_pod_sa).$(_pod_ns).{tail}"),
        _var("IDENTITY_SVC_NAME", f"linkerd-identity.{values.namespace}.{tail}"),
        _var("DESTINATION_SVC_NAME", f"linkerd-destination.{values.namespace}.{tail}"),
        _var("POLICY_SVC_NAME", f"linkerd-destination.{values.namespace}.{tail}"),
    ]


def _bool(flag: bool) -> str:
    return "true" if flag else "false"
