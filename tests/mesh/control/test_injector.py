"""The webhook: precedence of configuration, the ordered patch, answers, events and counters."""

import base64
import json
from dataclasses import replace
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.control.config import ConfigError, from_config
from mesh.control.injection.annotations import SETTINGS, parse_duration, parse_ports
from mesh.control.injection.workload import Workload
from mesh.control.injector import Admission, admit, configure, inject, review
from mesh.control.values import defaults
from mesh.yaml import dump

STABLE = replace(defaults("stable-2.8.1"), trust_anchors="ANCHORS\n")
EDGE = replace(defaults("edge"), trust_anchors="ANCHORS\n")
ON = {"linkerd.io/inject": "enabled"}
C = "config.linkerd.io/"


def a_pod(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"generateName": "web-5f-", "labels": {"app": "web"}}
    if annotations is not None:
        metadata["annotations"] = annotations
    container = {"name": "web", "image": "x", "ports": [{"containerPort": 3306, "name": "db"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container], **spec},
    }


def ask(obj: dict[str, Any], namespace: dict[str, str], config: Any = EDGE, owner: Any = None) -> Admission:
    request = {"uid": "u1", "kind": {"kind": obj["kind"]}, "namespace": "shop", "object": obj}
    return admit(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request},
        namespace={"metadata": {"name": "shop", "annotations": namespace}},
        owner=owner or ("Deployment", "web"),
        config=config,
    )


def ops_of(answer: Admission) -> list[dict[str, Any]]:
    response = answer.review["response"]
    return json.loads(base64.b64decode(response["patch"])) if "patch" in response else []


def test_patch_is_ordered_as_the_charts_native() -> None:
    paths = [op["path"] for op in ops_of(ask(a_pod(), ON))]
    assert paths == [
        "/metadata/annotations",
        "/metadata/annotations/linkerd.io~1created-by",
        "/metadata/annotations/linkerd.io~1proxy-version",
        "/metadata/annotations/linkerd.io~1trust-root-sha256",
        "/metadata/labels/linkerd.io~1control-plane-ns",
        "/metadata/labels/linkerd.io~1proxy-deployment",
        "/metadata/labels/linkerd.io~1workload-ns",
        "/spec/volumes",
        "/spec/initContainers",
        "/spec/volumes/-",
        "/spec/initContainers/0",
        "/spec/volumes/-",
        "/spec/volumes/-",
        "/spec/initContainers/1",
    ]


def test_patch_is_ordered_as_the_charts_2_8_1() -> None:
    pod = a_pod({"a": "b"}, volumes=[{"name": "v"}], initContainers=[{"name": "first"}])
    paths = [op["path"] for op in ops_of(ask(pod, ON, STABLE))]
    assert paths == [
        "/metadata/annotations/linkerd.io~1created-by",
        "/metadata/annotations/linkerd.io~1identity-mode",
        "/metadata/annotations/linkerd.io~1proxy-version",
        "/metadata/labels/linkerd.io~1control-plane-ns",
        "/metadata/labels/linkerd.io~1proxy-deployment",
        "/metadata/labels/linkerd.io~1workload-ns",
        "/spec/initContainers/-",
        "/spec/volumes/-",
        "/spec/containers/-",
    ]


@pytest.mark.parametrize(
    ("annotations", "where"),
    [
        ({C + "proxy-enable-native-sidecar": "false"}, "/spec/containers/0"),
        (
            {C + "proxy-enable-native-sidecar": "false", C + "proxy-await": "disabled"},
            "/spec/containers/-",
        ),
        (
            {
                "config.alpha.linkerd.io/proxy-enable-native-sidecar": "false",
                C + "proxy-enable-native-sidecar": "true",
            },
            "/spec/initContainers/1",
        ),
        (
            {
                "config.alpha.linkerd.io/proxy-enable-native-sidecar": "true",
                "config.beta.linkerd.io/proxy-enable-native-sidecar": "false",
            },
            "/spec/containers/0",
        ),
    ],
)
def test_where_the_proxy_goes(annotations: dict[str, str], where: str) -> None:
    ops = ops_of(ask(a_pod({**ON, **annotations}), {}))
    assert ops[-1]["path"] == where
    assert ops[-1]["value"]["name"] == "linkerd-proxy"


def test_cni_and_debug() -> None:
    ops = ops_of(ask(a_pod({**ON, C + "enable-debug-sidecar": "true"}), {}, replace(EDGE, cni=True)))
    named = [
        (op["path"], op["value"]["name"])
        for op in ops
        if isinstance(op["value"], dict) and "name" in op["value"]
    ]
    assert named == [
        ("/spec/initContainers/0", "linkerd-network-validator"),
        ("/spec/containers/-", "linkerd-debug"),
        ("/spec/volumes/-", "linkerd-identity-end-entity"),
        ("/spec/volumes/-", "linkerd-identity-token"),
        ("/spec/initContainers/1", "linkerd-proxy"),
    ]
    stable = ops_of(ask(a_pod(dict(ON)), {}, replace(STABLE, cni=True)))
    assert [op["path"] for op in stable if "nitContainers" in op["path"]] == []


def test_answer_event_and_counters_when_injected() -> None:
    answer = ask(a_pod(), ON)
    assert answer.review["response"]["uid"] == "u1"
    assert answer.review["response"]["allowed"] is True
    assert answer.review["response"]["patchType"] == "JSONPatch"
    assert answer.event is not None
    assert (answer.event.reason, answer.event.kind, answer.event.name, answer.event.namespace) == (
        "Injected",
        "Deployment",
        "web",
        "shop",
    )
    assert dict(answer.response_labels) == {
        "owner_kind": "deployment",
        "namespace": "shop",
        "annotation_at": "namespace",
        "skip": "false",
        "skip_reason": "",
    }
    assert answer.request_labels == answer.response_labels[:3]


def test_answer_event_and_counters_when_skipped() -> None:
    answer = ask(a_pod(hostNetwork=True), {}, STABLE)
    assert answer.review["response"] == {"uid": "u1", "allowed": True}
    assert answer.event is not None
    assert answer.event.reason == "InjectionSkipped"
    assert answer.event.message == (
        "Linkerd sidecar proxy injection skipped: hostNetwork is enabled, neither the namespace nor the pod "
        'have the annotation "linkerd.io/inject:enabled"'
    )
    assert dict(answer.response_labels)["skip_reason"] == (
        "host_network_enabled,injection_enable_annotation_absent"
    )


def test_review_is_the_answer_alone() -> None:
    request = {"uid": "7", "kind": {"kind": "Pod"}, "namespace": "n", "object": a_pod(dict(ON))}
    answer = review(
        {"apiVersion": "admission.k8s.io/v1beta1", "request": request},
        namespace={"metadata": {"name": "n"}},
        owner=None,
        config=STABLE,
    )
    assert answer["apiVersion"] == "admission.k8s.io/v1beta1"
    patched = jsonpatch.apply_patch(
        request["object"], json.loads(base64.b64decode(answer["response"]["patch"]))
    )
    assert [c["name"] for c in patched["spec"]["containers"]] == ["web", "linkerd-proxy"]
    assert not [key for key in patched["metadata"]["labels"] if key.startswith("linkerd.io/proxy-")]


def test_namespaces_give_way_to_pods_and_are_copied_in_edge() -> None:
    namespace = {
        **ON,
        C + "proxy-cpu-request": "100m",
        C + "proxy-memory-request": "20Mi",
        C + "proxy-cpu-ratio-limit": "0.5",
        C + "no-such-setting": "x",
    }
    pod = a_pod({C + "proxy-cpu-request": "200m"})
    patched = jsonpatch.apply_patch(pod, ops_of(ask(pod, namespace)))
    annotations = patched["metadata"]["annotations"]
    assert annotations[C + "proxy-cpu-request"] == "200m"
    assert annotations[C + "proxy-memory-request"] == "20Mi"
    assert C + "proxy-cpu-ratio-limit" not in annotations
    assert C + "no-such-setting" not in annotations
    proxy = patched["spec"]["initContainers"][1]
    assert proxy["resources"] == {"requests": {"cpu": "200m", "memory": "20Mi"}}
    assert "LINKERD2_PROXY_CORES_MAX_RATIO" not in {variable["name"] for variable in proxy["env"]}
    stable = jsonpatch.apply_patch(pod, ops_of(ask(pod, namespace, STABLE)))
    assert C + "proxy-memory-request" not in stable["metadata"]["annotations"]
    assert stable["spec"]["containers"][1]["resources"]["requests"] == {"cpu": "200m", "memory": "20Mi"}


# One good and one bad text for every annotation; the attribute it sets and what it becomes.
TABLE = {
    "proxy-image": ("reg/p", "", "proxy_image", "reg/p"),
    "proxy-version": ("v9", "", "proxy_version", "v9"),
    "image-pull-policy": ("Always", "Sometimes", "pull_policy", "Always"),
    "inbound-port": ("5143", "port", "inbound_port", 5143),
    "outbound-port": ("5140", "0", "outbound_port", 5140),
    "control-port": ("5190", "65536", "control_port", 5190),
    "admin-port": ("5191", "-1", "admin_port", 5191),
    "skip-inbound-ports": ("25,8000-8010", "x", "skip_inbound_ports", "25,8000-8010"),
    "skip-outbound-ports": ("25, 26", "9-8", "skip_outbound_ports", "25,26"),
    "skip-subnets": ("10.0.0.0/8", "ten", "skip_subnets", "10.0.0.0/8"),
    "opaque-ports": ("db,25", "nosuch", "opaque_ports", "3306,25"),
    "proxy-require-identity-inbound-ports": ("443", "https", "require_identity_ports", "443"),
    "default-inbound-policy": ("deny", "maybe", "default_inbound_policy", "deny"),
    "proxy-cpu-request": ("100m", "much", "cpu_request", "100m"),
    "proxy-cpu-limit": ("1", "-1", "cpu_limit", "1"),
    "proxy-memory-request": ("20Mi", "20Mo", "memory_request", "20Mi"),
    "proxy-memory-limit": ("1e9", "", "memory_limit", "1e9"),
    "proxy-ephemeral-storage-request": ("1Gi", "x", "ephemeral_storage_request", "1Gi"),
    "proxy-ephemeral-storage-limit": ("1Gi", "x", "ephemeral_storage_limit", "1Gi"),
    "proxy-cpu-ratio-limit": ("0.25", "2", "cpu_ratio_limit", "0.25"),
    "proxy-uid": ("1000", "root", "uid", 1000),
    "proxy-gid": ("1000", "root", "gid", 1000),
    "proxy-log-level": ("debug", "", "log_level", "debug"),
    "proxy-log-format": ("json", "xml", "log_format", "json"),
    "proxy-log-http-headers": ("insecure", "on", "log_http_headers", "insecure"),
    "access-log": ("apache", "nginx", "access_log", "apache"),
    "proxy-await": ("disabled", "no", "await_proxy", False),
    "proxy-enable-native-sidecar": ("false", "maybe", "native", False),
    "shutdown-grace-period": ("1m30s", "90", "shutdown_grace_period", "1m30s"),
    "proxy-admin-shutdown": ("enabled", "yes", "admin_shutdown", True),
    "proxy-outbound-connect-timeout": ("2s", "2", "outbound_connect_timeout", "2s"),
    "proxy-inbound-connect-timeout": ("200ms", "fast", "inbound_connect_timeout", "200ms"),
    "proxy-outbound-discovery-cache-unused-timeout": ("9s", "x", "outbound_discovery_idle", "9s"),
    "proxy-inbound-discovery-cache-unused-timeout": ("9s", "x", "inbound_discovery_idle", "9s"),
    "proxy-disable-outbound-protocol-detect-timeout": ("true", "x", "disable_outbound_detect_timeout", True),
    "proxy-disable-inbound-protocol-detect-timeout": ("true", "x", "disable_inbound_detect_timeout", True),
    "proxy-metrics-hostname-labels": ("true", "x", "hostname_labels", True),
    "enable-external-profiles": ("true", "x", "external_profiles", True),
    "enable-gateway": ("true", "x", "gateway", True),
    "close-wait-timeout": ("30s", "30", "close_wait_timeout_s", 30),
    "enable-debug-sidecar": ("true", "x", "debug", True),
    "debug-image": ("reg/d", "", "debug_image", "reg/d"),
    "debug-image-version": ("v1", "", "debug_version", "v1"),
    "debug-image-pull-policy": ("Never", "x", "debug_pull_policy", "Never"),
}


@pytest.mark.parametrize("name", TABLE)
def test_each_annotation_is_read_and_bad_values_only_warn(name: str) -> None:
    good, bad, attribute, value = TABLE[name]
    values, _, warnings = configure(Workload.of(a_pod({C + name: good})), {}, EDGE)
    assert getattr(values, attribute) == value
    assert warnings == ()
    answer = ask(a_pod({**ON, C + name: bad}), {})
    assert len(answer.warnings) == 1
    assert C + name in answer.warnings[0]
    assert ops_of(answer), "the pod is injected all the same"
    kept, _, _ = configure(Workload.of(a_pod({C + name: bad})), {}, EDGE)
    assert getattr(kept, attribute) == getattr(EDGE, attribute)


def test_the_table_above_is_complete() -> None:
    known = {
        setting.key.removeprefix(C)
        for setting in SETTINGS
        if setting.known_in("edge") and setting.key.startswith(C)
    }
    assert known == set(TABLE)


def test_2_8_1_knows_fewer() -> None:
    annotations = {C + "opaque-ports": "25", C + "proxy-await": "enabled", C + "disable-tap": "true"}
    values, _, warnings = configure(Workload.of(a_pod(annotations)), {}, STABLE)
    assert warnings == ()
    assert values.disable_tap
    assert values.opaque_ports == ""
    assert not values.await_proxy


def test_image_overrides_reach_the_init_container_in_edge_only() -> None:
    annotations = {C + "proxy-image": "reg/p", C + "proxy-version": "v9", **ON}
    edge = ops_of(ask(a_pod(annotations), {}))
    assert {
        op["value"]["image"]
        for op in edge
        if "image" in (op["value"] if isinstance(op["value"], dict) else {})
    } == {"reg/p:v9"}
    stable = {
        op["value"]["name"]: op["value"]["image"]
        for op in ops_of(ask(a_pod(annotations), {}, STABLE))
        if isinstance(op["value"], dict) and "image" in op["value"]
    }
    assert stable == {"linkerd-proxy": "reg/p:v9", "linkerd-init": "gcr.io/linkerd-io/proxy-init:v1.3.3"}


def test_additional_env_merges_by_name() -> None:
    config = replace(EDGE, additional_env=(("A", "1"), ("B", "1")))
    key = C + "proxy-additional-env"
    namespace = {key: '[{"name":"B","value":"2"},{"name":"C","value":"2"}]'}
    pod = a_pod({key: '[{"name":"C","value":"3"}]'})
    values, copied, warnings = configure(Workload.of(pod), namespace, config)
    assert values.additional_env == (("A", "1"), ("B", "2"), ("C", "3"))
    assert copied == {}
    assert warnings == ()
    _, _, warnings = configure(Workload.of(a_pod({key: "{"})), {}, config)
    assert "not JSON" in warnings[0]


def test_ingress_mode_from_either_side() -> None:
    for pod, namespace in (({"linkerd.io/inject": "ingress"}, {}), ({}, {"linkerd.io/inject": "ingress"})):
        values, _, _ = configure(Workload.of(a_pod(pod)), namespace, EDGE)
        assert values.ingress


def test_opaque_ports_for_those_left_outside() -> None:
    pod = a_pod()
    ops = ops_of(ask(pod, {}))
    assert ops == [
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/config.linkerd.io~1opaque-ports", "value": "3306"},
    ]
    assert ops_of(ask(pod, {C + "opaque-ports": "9999"}))[-1]["value"] == "9999"
    assert ops_of(ask(a_pod({C + "opaque-ports": "1"}), {C + "opaque-ports": "2"})) == []
    assert ops_of(ask(pod, {}, STABLE)) == []


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"port": 80, "targetPort": 3306}], "80"),
        ([{"port": 5432}], "5432"),
        ([{"port": 5432, "targetPort": "db"}], None),
        ([{"port": 5432, "targetPort": 80}], None),
        ([], None),
    ],
)
def test_opaque_ports_of_services(ports: list[dict[str, Any]], expected: str | None) -> None:
    service = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": ports}}
    answer = ask(service, ON)
    ops = ops_of(answer)
    assert (ops[-1]["value"] if ops else None) == expected
    assert answer.event is None


def test_config_maps_of_both_forms() -> None:
    chart = {
        "linkerdVersion": "edge-99.1.1",
        "identityTrustAnchorsPEM": "A",
        "proxy": {"ports": {"admin": 5191}, "await": False, "resources": {"cpu": {"request": "10m"}}},
        "proxyInit": {"ignoreInboundPorts": ""},
    }
    edge = from_config({"metadata": {"namespace": "mesh"}, "data": {"values": dump(chart)}})
    assert (edge.namespace, edge.version, edge.admin_port, edge.await_proxy) == (
        "mesh",
        "edge-99.1.1",
        5191,
        False,
    )
    assert edge.cpu_request == "10m"
    assert edge.skip_inbound_ports == ""
    assert edge.skip_outbound_ports == "4567,4568"
    assert edge.image.endswith(":edge-99.1.1")
    overall = {"version": "stable-2.8.1", "identityContext": {"trustAnchorsPem": "A"}, "cniEnabled": True}
    proxy = {"proxyUid": "2202", "inboundPort": {"port": 1}, "ignoreOutboundPorts": [{"portRange": "25-26"}]}
    data = {"global": json.dumps(overall), "proxy": json.dumps(proxy)}
    stable = from_config({"data": data})
    assert (stable.uid, stable.inbound_port, stable.skip_outbound_ports, stable.cni) == (
        2202,
        1,
        "25-26",
        True,
    )
    assert stable.edition == "stable-2.8.1"
    assert from_config({"data": {"values": "{}"}}, "ANCHORS").trust_anchors == "ANCHORS"


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({}, "neither key 'values' nor key 'global'"),
        ({"values": "a: ["}, "key values: line"),
        ({"values": "- 1"}, "not an object"),
        ({"values": "proxy: {uid: many}"}, "uid is 'many', not a number"),
    ],
)
def test_config_maps_that_cannot_be_read(data: dict[str, str], part: str) -> None:
    with pytest.raises(ConfigError, match="ConfigMap linkerd-config") as caught:
        from_config({"data": data})
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=12))
def test_parsers_refuse_or_read(text: str) -> None:
    for parse in (parse_duration, parse_ports):
        try:
            read = parse(text)
        except ValueError:
            with pytest.raises(ValueError, match=r"."):
                parse(text)
        else:
            assert parse(text) == read


def test_the_workload_is_left_as_it_was() -> None:
    pod = a_pod(dict(ON))
    before = json.dumps(pod)
    inject(Workload.of(pod, ("deployment", "web")), {}, EDGE, "me")
    assert json.dumps(pod) == before
