"""The default inbound policies."""

from typing import Any

import pytest

from mesh.control.policy import PolicyConfig, inbound_policy
from mesh.editions import edition

CONFIG = PolicyConfig.of(edition("edge"))
EVERYWHERE = ("0.0.0.0/0", "::/0")


def a_pod(**annotations: str) -> dict[str, Any]:
    marks = {f"config.linkerd.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    probe = {"httpGet": {"path": "/ready", "port": "http"}}
    container = {
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": probe,
        "livenessProbe": {"httpGet": {"port": 9990}},
        "startupProbe": probe,
    }
    return {"metadata": {"annotations": marks}, "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("name", "networks", "tls"),
    [
        ("all-unauthenticated", EVERYWHERE, "none"),
        ("all-authenticated", EVERYWHERE, "identity"),
        ("cluster-unauthenticated", CONFIG.cluster_networks, "none"),
        ("cluster-authenticated", CONFIG.cluster_networks, "identity"),
        ("audit", EVERYWHERE, "none"),
    ],
)
def test_default_policies(name: str, networks: tuple[str, ...], tls: str) -> None:
    found = inbound_policy(a_pod(default_inbound_policy=name), 8080, CONFIG)
    assert (found.kind, found.name, found.protocol, found.detect_timeout_s) == ("default", name, "detect", 10)
    (authorization,) = found.authorizations
    assert authorization.networks == networks
    assert authorization.tls == tls
    assert authorization.identities == (("*",) if tls == "identity" else ())


def test_deny_lets_nobody_in_but_probes() -> None:
    found = inbound_policy(a_pod(default_inbound_policy="deny"), 8080, CONFIG)
    assert found.authorizations == ()
    assert found.probes == ("/ready",)
    assert inbound_policy(a_pod(), 9990, CONFIG).probes == ("/",)
    assert inbound_policy(a_pod(), 1, CONFIG).probes == ()


def test_what_is_not_annotated_is_the_installations() -> None:
    assert inbound_policy(a_pod(), 80, CONFIG).name == "all-unauthenticated"
    strict = PolicyConfig("deny")
    assert inbound_policy(a_pod(), 80, strict).name == "deny"
    assert inbound_policy(a_pod(default_inbound_policy="nonsense"), 80, strict).name == "deny"


def test_opaque_ports() -> None:
    assert inbound_policy(a_pod(), 3306, CONFIG).protocol == "opaque"
    assert inbound_policy(a_pod(opaque_ports="80"), 80, CONFIG).protocol == "opaque"
    assert inbound_policy(a_pod(opaque_ports="80"), 3306, CONFIG).protocol == "detect"
