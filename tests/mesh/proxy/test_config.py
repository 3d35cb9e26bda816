"""The environment of a proxy's container."""

import pytest

from mesh.proxy.config import InvalidConfig, ProxyConfig, port_ranges
from tests.mesh.proxy.vectors import vector

P = "LINKERD2_PROXY_"


def test_an_empty_environment_gives_linkerds_defaults() -> None:
    built_in = ProxyConfig.from_env({})
    assert built_in == ProxyConfig()
    assert (built_in.outbound_failfast, built_in.inbound_failfast, built_in.outbound_idle) == (3.0, 1.0, 5.0)
    assert (built_in.outbound_connect_timeout, built_in.inbound_connect_timeout) == (1.0, 0.3)


def test_the_environment_of_an_injected_container() -> None:
    config = ProxyConfig.from_env(
        {
            P + "POLICY_SVC_ADDR": "linkerd-policy.linkerd.svc.cluster.local.:8090",
            P + "INBOUND_DEFAULT_POLICY": "cluster-authenticated",
            P + "POLICY_CLUSTER_NETWORKS": "10.0.0.0/8,fd00::/8",
            P + "INBOUND_CONNECT_TIMEOUT": "100ms",
            P + "OUTBOUND_CONNECT_TIMEOUT": "1000ms",
            P + "OUTBOUND_DISCOVERY_IDLE_TIMEOUT": "7s",
            P + "INBOUND_LISTEN_ADDR": "0.0.0.0:5143",
            P + "OUTBOUND_LISTEN_ADDRS": "127.0.0.1:5140,[::1]:5140",
            P + "ADMIN_LISTEN_ADDR": "0.0.0.0:5191",
            P + "INBOUND_IPS": "10.0.0.7,fd00::7",
            P + "IDENTITY_LOCAL_NAME": "web.emojivoto.serviceaccount.identity.linkerd.cluster.local",
            P + "OUTBOUND_HTTP_QUEUE_CAPACITY": "50",
            P + "INBOUND_PORTS": "8080,9090",
            P + "INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION": "25,4000-4002",
            "PATH": "/bin",
        },
        epoch=5.0,
        policy_labels=False,
    )
    assert config.inbound_ports == (8080, 9090)
    assert config.opaque_ports == ((25, 25), (4000, 4002))
    assert config.default_policy == "cluster-authenticated"
    assert config.cluster_networks == ("10.0.0.0/8", "fd00::/8")
    assert (config.inbound_connect_timeout, config.outbound_connect_timeout) == (0.1, 1.0)
    assert (config.outbound_idle, config.queue_capacity) == (7.0, 50)
    assert (config.inbound_port, config.outbound_port, config.admin_port) == (5143, 5140, 5191)
    assert config.pod_ip == "10.0.0.7"
    assert config.identity_name.startswith("web.emojivoto.")
    assert (config.epoch, config.policy_labels) == (5.0, False)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("INBOUND_CONNECT_TIMEOUT", "fast", "'fast' is not a duration"),
        ("ADMIN_LISTEN_ADDR", "0.0.0.0", "is not an address with a port"),
        ("ADMIN_LISTEN_ADDR", "0.0.0.0:70000", "is not an address with a port"),
        ("OUTBOUND_HTTP_QUEUE_CAPACITY", "many", "is not a number"),
        ("INBOUND_PORTS", "80,http", "'http' is not a port"),
        ("INBOUND_DEFAULT_POLICY", "all-unauthenticate", "expected one of all-unauthenticated"),
        ("INBOUND_DEFAULT_POLICY", "cluster-authenticated", "POLICY_CLUSTER_NETWORKS"),
    ],
)
def test_a_value_that_says_nothing_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        ProxyConfig.from_env({P + name: value})


def test_identity_can_be_off() -> None:
    assert not ProxyConfig.from_env({P + "IDENTITY_DISABLED": "true"}).identity


def test_port_ranges() -> None:
    spec = vector("ports-01")
    for text, expected in zip(spec["input"]["texts"], spec["expected"]["results"], strict=True):
        if expected == "error":
            with pytest.raises(InvalidConfig):
                port_ranges(text)
        else:
            assert port_ranges(text) == tuple(map(tuple, expected))
