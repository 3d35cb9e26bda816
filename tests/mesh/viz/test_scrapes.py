"""Discovery and relabelling, and the tap injector's patch."""

import base64
import json
from typing import Any

import pytest

from mesh.viz.scrapes import pod_targets, relabel, seconds
from mesh.viz.tapping import review

POD: dict[str, Any] = {
    "metadata": {
        "namespace": "emojivoto",
        "name": "web-1",
        "labels": {
            "app": "web-svc",
            "pod-template-hash": "5c",
            "linkerd.io/control-plane-ns": "linkerd",
            "linkerd.io/proxy-deployment": "web",
            "linkerd.io/proxy-job": "seed",
        },
    },
    "spec": {
        "nodeName": "node-1",
        "containers": [
            {"name": "web-svc", "ports": [{"containerPort": 8080, "name": "http"}]},
            {"name": "linkerd-proxy", "ports": [{"containerPort": 4191, "name": "linkerd-admin"}]},
        ],
        "initContainers": [{"name": "linkerd-init"}],
    },
    "status": {"phase": "Running", "podIP": "10.4.0.7"},
}


def test_each_declared_port_is_a_target() -> None:
    found = list(pod_targets(POD))
    assert [target["__address__"] for target in found] == ["10.4.0.7:8080", "10.4.0.7:4191"]
    assert found[1]["__meta_kubernetes_pod_container_name"] == "linkerd-proxy"
    assert found[1]["__meta_kubernetes_pod_label_linkerd_io_proxy_deployment"] == "web"
    waiting = {**POD, "status": {"phase": "Pending"}}
    assert list(pod_targets(waiting)) == [], "without an address there is nothing to scrape"


def test_the_rules_of_the_installed_configuration() -> None:
    """A pod's labels become metric labels as the reference says, KIND labels without their prefix."""
    from mesh.cli.manifests import prometheus

    rules = prometheus._proxies(Settings())["relabel_configs"]
    found = [relabel(target, rules) for target in pod_targets(POD)]
    assert found[0] is None, "only proxies are kept"
    assert found[1] is not None
    visible = {name: value for name, value in found[1].items() if not name.startswith("__")}
    assert visible == {
        "app": "web-svc",
        "pod_template_hash": "5c",
        "control_plane_ns": "linkerd",
        "deployment": "web",
        "k8s_job": "seed",
        "namespace": "emojivoto",
        "pod": "web-1",
    }


class Settings:
    """What the job's rules depend on."""

    namespace = "linkerd"

    class edition:
        viz_prefix = True


def test_relabelling() -> None:
    labels = {"a": "1", "b": "2"}
    joined = {"source_labels": ["a", "b"], "separator": "-", "target_label": "c"}
    assert relabel(labels, [joined]) == {"a": "1", "b": "2", "c": "1-2"}
    assert relabel(labels, [{"source_labels": ["a"], "action": "drop", "regex": "1|2"}]) is None
    assert relabel(labels, [{"source_labels": ["a"], "action": "keep", "regex": "2"}]) is None
    assert relabel(labels, [{"action": "labelkeep", "regex": "b"}]) == {"b": "2"}
    partly = {"source_labels": ["x"], "regex": "(.)-(.)", "target_label": "y", "replacement": "${2}$1"}
    assert relabel({"x": "p-q"}, [partly]) == {"x": "p-q", "y": "qp"}
    assert relabel({"x": "pq"}, [partly]) == {"x": "pq"}, "no match, no replacement"
    assert relabel({"x": "1"}, [{"source_labels": ["none"], "target_label": "x"}]) == {}, (
        "empty labels vanish"
    )
    with pytest.raises(ValueError, match="hashmod"):
        relabel(labels, [{"action": "hashmod"}])


@pytest.mark.parametrize(("text", "want"), [("10s", 10.0), ("1m", 60.0), ("1h30m", 5400.0), ("500ms", 0.5)])
def test_durations(text: str, want: float) -> None:
    assert seconds(text) == want


@pytest.mark.parametrize("text", ["", "10", "ten", "0s", "1x", "-1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a valid duration"):
        seconds(text)


def patched(pod: dict[str, Any], namespace: dict[str, Any]) -> list[Any]:
    """The patch of the tap injector, decoded."""
    answer = review({"kind": "AdmissionReview", "request": {"uid": "u", "object": pod}}, namespace, "tap.viz")
    assert answer["response"]["allowed"]
    assert answer["response"]["uid"] == "u"
    patch = answer["response"].get("patch")
    return json.loads(base64.b64decode(patch)) if patch else []


def test_the_tap_injector_marks_pods_with_a_proxy() -> None:
    ops = patched(POD, {})
    assert ops == [
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/viz.linkerd.io~1tap-enabled", "value": "true"},
        {"op": "add", "path": "/spec/containers/1/env", "value": []},
        {
            "op": "add",
            "path": "/spec/containers/1/env/-",
            "value": {"name": "LINKERD2_PROXY_TAP_SVC_NAME", "value": "tap.viz"},
        },
    ]
    assert patched({"spec": {"containers": [{"name": "app"}]}}, {}) == []
    off = {"metadata": {"annotations": {"viz.linkerd.io/disable-tap": "true"}}}
    assert patched(POD, off) == []
    assert patched({**POD, **off}, {}) == []
