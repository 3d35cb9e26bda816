"""The sidecar's containers, both editions: variables in order, ports, probes, switches."""

from dataclasses import replace
from typing import Any

import pytest

from mesh.control.sidecar import init_container, proxy_container, volumes
from mesh.control.values import ProxyValues, ServiceAccountMount, defaults

STABLE = replace(defaults("stable-2.8.1"), trust_anchors="ANCHORS\n")
EDGE = replace(defaults("edge"), trust_anchors="ANCHORS\n", inbound_ports="8080,9990")

STABLE_NAMES = """LOG DESTINATION_SVC_ADDR DESTINATION_GET_NETWORKS CONTROL_LISTEN_ADDR ADMIN_LISTEN_ADDR
OUTBOUND_LISTEN_ADDR INBOUND_LISTEN_ADDR DESTINATION_GET_SUFFIXES DESTINATION_PROFILE_SUFFIXES
INBOUND_ACCEPT_KEEPALIVE OUTBOUND_CONNECT_KEEPALIVE _pod_ns DESTINATION_CONTEXT IDENTITY_DIR
IDENTITY_TRUST_ANCHORS IDENTITY_TOKEN_FILE IDENTITY_SVC_ADDR _pod_sa _l5d_ns _l5d_trustdomain
IDENTITY_LOCAL_NAME IDENTITY_SVC_NAME DESTINATION_SVC_NAME TAP_SVC_NAME"""
EDGE_NAMES = """_pod_name _pod_ns _pod_uid _pod_ip _pod_nodeName _pod_containerName CORES CORES_MIN
SHUTDOWN_ENDPOINT_ENABLED LOG LOG_FORMAT DESTINATION_SVC_ADDR DESTINATION_PROFILE_NETWORKS POLICY_SVC_ADDR
POLICY_WORKLOAD INBOUND_DEFAULT_POLICY POLICY_CLUSTER_NETWORKS CONTROL_STREAM_INITIAL_TIMEOUT
CONTROL_STREAM_IDLE_TIMEOUT CONTROL_STREAM_LIFETIME INBOUND_CONNECT_TIMEOUT OUTBOUND_CONNECT_TIMEOUT
OUTBOUND_DISCOVERY_IDLE_TIMEOUT INBOUND_DISCOVERY_IDLE_TIMEOUT CONTROL_LISTEN_ADDR ADMIN_LISTEN_ADDR
OUTBOUND_LISTEN_ADDR OUTBOUND_LISTEN_ADDRS INBOUND_LISTEN_ADDR INBOUND_IPS INBOUND_PORTS
DESTINATION_PROFILE_SUFFIXES INBOUND_ACCEPT_KEEPALIVE OUTBOUND_CONNECT_KEEPALIVE INBOUND_ACCEPT_USER_TIMEOUT
OUTBOUND_CONNECT_USER_TIMEOUT OUTBOUND_METRICS_HOSTNAME_LABELS INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL
INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL
OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION DESTINATION_CONTEXT _pod_sa
_l5d_ns _l5d_trustdomain IDENTITY_DIR IDENTITY_TRUST_ANCHORS IDENTITY_TOKEN_FILE IDENTITY_SVC_ADDR
IDENTITY_LOCAL_NAME IDENTITY_SVC_NAME DESTINATION_SVC_NAME POLICY_SVC_NAME"""


def env(values: ProxyValues) -> dict[str, Any]:
    found = proxy_container(values)["env"]
    names = [variable["name"].removeprefix("LINKERD2_PROXY_") for variable in found]
    assert len(set(names)) == len(names)
    return {name: variable.get("value", variable) for name, variable in zip(names, found, strict=True)}


@pytest.mark.parametrize(("values", "names"), [(STABLE, STABLE_NAMES), (EDGE, EDGE_NAMES)])
def test_variables_in_the_charts_order(values: ProxyValues, names: str) -> None:
    assert list(env(values)) == names.split()


def test_what_2_8_1_says() -> None:
    found = env(STABLE)
    assert found["DESTINATION_SVC_ADDR"] == "linkerd-dst.linkerd.svc.cluster.local:8086"
    assert found["IDENTITY_SVC_ADDR"] == "linkerd-identity.linkerd.svc.cluster.local:8080"
    assert found["DESTINATION_CONTEXT"] == "ns:$(_pod_ns)"
    assert found["IDENTITY_TRUST_ANCHORS"] == "ANCHORS\n"
    assert found["IDENTITY_TOKEN_FILE"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    container = proxy_container(STABLE)
    assert "restartPolicy" not in container
    assert "startupProbe" not in container
    assert container["image"] == "gcr.io/linkerd-io/proxy:stable-2.8.1"
    init = init_container(STABLE)
    assert init["image"] == "gcr.io/linkerd-io/proxy-init:v1.3.3"
    assert init["args"] == [
        "--incoming-proxy-port",
        "4143",
        "--outgoing-proxy-port",
        "4140",
        "--proxy-uid",
        "2102",
        "--inbound-ports-to-ignore",
        "4190,4191",
    ]
    assert init["resources"]["limits"] == {"cpu": "100m", "memory": "50Mi"}
    assert [volume["name"] for volume in volumes(STABLE)] == ["linkerd-identity-end-entity"]


def test_what_edge_says() -> None:
    found = env(EDGE)
    assert found["DESTINATION_SVC_ADDR"] == "linkerd-dst-headless.linkerd.svc.cluster.local.:8086"
    assert found["POLICY_SVC_ADDR"] == "linkerd-policy.linkerd.svc.cluster.local.:8090"
    assert found["INBOUND_PORTS"] == "8080,9990"
    assert found["IDENTITY_TOKEN_FILE"] == "/var/run/secrets/tokens/linkerd-identity-token"
    container = proxy_container(EDGE)
    assert container["restartPolicy"] == "Always"
    assert container["startupProbe"] == {
        "failureThreshold": 120,
        "httpGet": {"path": "/ready", "port": 4191},
        "periodSeconds": 1,
    }
    assert container["livenessProbe"]["initialDelaySeconds"] == 10
    assert container["readinessProbe"]["initialDelaySeconds"] == 2
    assert [port["containerPort"] for port in container["ports"]] == [4143, 4191]
    init = init_container(EDGE)
    assert init["image"] == container["image"]
    assert init["command"] == ["/usr/lib/linkerd/linkerd2-proxy-init"]
    assert init["args"][-4:] == [
        "--inbound-ports-to-ignore",
        "4190,4191,4567,4568",
        "--outbound-ports-to-ignore",
        "4567,4568",
    ]
    assert init["securityContext"]["capabilities"]["add"] == ["NET_ADMIN", "NET_RAW"]
    assert [volume["name"] for volume in volumes(EDGE)] == [
        "linkerd-proxy-init-xtables-lock",
        "linkerd-identity-end-entity",
        "linkerd-identity-token",
    ]


def test_components_reach_themselves_on_localhost() -> None:
    for values in (STABLE, EDGE):
        destination = env(replace(values, component="linkerd-destination"))
        assert destination["DESTINATION_SVC_ADDR"] == "localhost.:8086"
        assert destination["IDENTITY_SVC_ADDR"] != "localhost.:8080"
        assert env(replace(values, component="linkerd-identity"))["IDENTITY_SVC_ADDR"] == "localhost.:8080"
    assert env(replace(EDGE, component="linkerd-destination"))["POLICY_SVC_ADDR"] == "localhost.:8090"
    init = init_container(replace(STABLE, component="linkerd-web"))
    assert init["args"][-2:] == ["--outbound-ports-to-ignore", "443"]


@pytest.mark.parametrize(
    ("request_", "limit", "cores", "most"),
    [("1m", "", "1", None), ("1001m", "", "2", None), ("1", "1500m", "1", "2"), ("", "", "1", None)],
)
def test_cores_are_whole(request_: str, limit: str, cores: str, most: str | None) -> None:
    found = env(replace(EDGE, cpu_request=request_, cpu_limit=limit))
    assert found["CORES_MIN"] == cores
    assert found.get("CORES_MAX") == most


def test_switches_of_an_ordinary_container() -> None:
    values = replace(EDGE, native=False, wait_before_exit_s=7)
    container = proxy_container(values)
    assert container["lifecycle"]["postStart"]["exec"]["command"][-2:] == ["--timeout=2m", "--port=4191"]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sleep", "7"]
    assert "restartPolicy" not in container
    assert "startupProbe" not in container
    assert "postStart" not in proxy_container(replace(values, await_proxy=False))["lifecycle"]
    assert "lifecycle" not in proxy_container(replace(values, native=True))
    stable = proxy_container(replace(STABLE, wait_before_exit_s=7))
    assert stable["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/bash", "-c", "sleep 7"]


def test_the_rest_of_the_switches() -> None:
    found = env(
        replace(
            EDGE,
            require_identity_ports="443",
            disable_outbound_detect_timeout=True,
            disable_inbound_detect_timeout=True,
            gateway=True,
            ingress=True,
            external_profiles=True,
            log_http_headers="insecure",
            access_log="json",
            shutdown_grace_period="30s",
            cpu_ratio_limit="0.5",
            opaque_ports="",
            additional_env=(("A", "1"),),
        )
    )
    assert found["INBOUND_PORTS_REQUIRE_IDENTITY"] == found["INBOUND_PORTS_REQUIRE_TLS"] == "443"
    assert found["OUTBOUND_DETECT_TIMEOUT"] == found["INBOUND_DETECT_TIMEOUT"] == "8760h"
    assert found["INBOUND_GATEWAY_SUFFIXES"] == "svc.cluster.local."
    assert found["INGRESS_MODE"] == "true"
    assert found["DESTINATION_PROFILE_SUFFIXES"] == "."
    assert "{headers}" not in found["LOG"]
    assert found["ACCESS_LOG"] == "json"
    assert found["SHUTDOWN_GRACE_PERIOD"] == "30s"
    assert found["CORES_MAX_RATIO"] == "0.5"
    assert "INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION" not in found
    assert found["A"] == "1"
    assert list(found)[-1] == "A"


def test_init_arguments_on_request() -> None:
    init = init_container(replace(EDGE, close_wait_timeout_s=30, skip_subnets="10.1.0.0/16", gid=7))
    assert "--proxy-gid" in init["args"]
    assert init["args"][-4:] == ["--timeout-close-wait-secs", "30", "--subnets-to-ignore", "10.1.0.0/16"]
    assert init["securityContext"]["privileged"] is True
    assert init["securityContext"]["runAsUser"] == 0


def test_2_8_1_without_identity_or_tap_and_with_the_pods_account() -> None:
    mount = ServiceAccountMount("default-token-x", "/var/run/secrets/kubernetes.io/serviceaccount")
    values = replace(STABLE, disable_identity=True, disable_tap=True, account_mount=mount)
    found = env(values)
    assert found["IDENTITY_DISABLED"] == "disabled"
    assert found["TAP_DISABLED"] == "true"
    assert "IDENTITY_DIR" not in found
    assert proxy_container(values)["volumeMounts"] == [
        {"mountPath": mount.path, "name": "default-token-x", "readOnly": True}
    ]
    assert volumes(values) == []
