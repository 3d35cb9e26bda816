"""Writes: names, defaults, allocated values, the three patches, scale, dry runs, deletion."""

import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cluster.api import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    UnsupportedMediaType,
    clone,
)
from sim.cluster.api.objects import ALPHABET, generated_name, owner_reference, template_hash
from sim.cluster.api.patch import merge_patch
from tests.sim.api_harness import ApiBench, config, crd, deployment, pod, service, widget

Obj = dict[str, Any]

# -- names and hashes ------------------------------------------------------------


def test_generated_names_look_like_kubernetes_names() -> None:
    bench = ApiBench()
    unnamed = pod()
    unnamed["metadata"] = {"generateName": "web-79db6f4548-", "namespace": "shop"}
    names = {bench.create(unnamed)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(f"web-79db6f4548-[{ALPHABET}]{{5}}", name) for name in names)
    assert len(generated_name("x" * 80, random.Random(1))) == 63


def test_template_hash_ignores_what_the_controller_adds() -> None:
    template = deployment()["spec"]["template"]
    marked = clone(template)
    marked["metadata"] |= {"creationTimestamp": None}
    marked["metadata"]["labels"]["pod-template-hash"] = "abc"
    assert template_hash(template) == template_hash(marked)
    assert re.fullmatch(f"[{ALPHABET}]{{5,10}}", template_hash(template))
    marked["spec"]["containers"][0]["image"] += "x"
    assert template_hash(template) != template_hash(marked)


def test_a_name_is_taken_once() -> None:
    bench = ApiBench()
    bench.create(config())
    with pytest.raises(AlreadyExists, match=r'^configmaps "settings" already exists$'):
        bench.create(config())
    with pytest.raises(BadRequest, match="resourceVersion should not be set"):
        bench.create({**config("other"), "metadata": {"name": "other", "resourceVersion": "1"}})
    with pytest.raises(NotFound, match=r'^namespaces "nowhere" not found$'):
        bench.create({**config(), "metadata": {"name": "x", "namespace": "nowhere"}})


# -- defaults ------------------------------------------------------------


def test_deployments_and_their_pods_get_defaults() -> None:
    spec = ApiBench().create(deployment())["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    inner = spec["template"]["spec"]
    assert (inner["restartPolicy"], inner["terminationGracePeriodSeconds"]) == ("Always", 30)
    container = inner["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("host:5000/nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("host:5000/nginx@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    made = ApiBench().create(pod(containers=[{"name": "web", "image": image}]))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_probes_and_quality_of_service() -> None:
    probe = {"httpGet": {"port": 80}}
    resources = {"limits": {"cpu": 1, "memory": "64Mi"}}
    container = {"name": "web", "image": "web:v1", "readinessProbe": probe, "resources": resources}
    made = ApiBench().create(pod(containers=[container]))
    got = made["spec"]["containers"][0]
    assert got["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert got["resources"] == {
        "limits": {"cpu": "1", "memory": "64Mi"},
        "requests": {"cpu": "1", "memory": "64Mi"},
    }
    assert made["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}


def test_services_keep_their_address_when_replaced() -> None:
    bench = ApiBench()
    made = bench.create(service(type="NodePort"))
    address, port = made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]
    assert made["spec"]["clusterIPs"] == [address]
    assert 30_000 <= port < 32_768
    assert made["spec"]["ports"][0]["targetPort"] == 80
    again = bench.run(bench.api.update(service(type="NodePort", selector={"app": "other"})))
    assert again["spec"]["clusterIP"] == address
    assert again["spec"]["ports"][0]["nodePort"] == port
    with pytest.raises(Invalid, match=r"spec.clusterIP: Invalid value: \"10.96.1.1\": field is immutable"):
        bench.patch("svc", "web-svc", {"spec": {"clusterIP": "10.96.1.1"}})


def test_addresses_are_given_once_and_given_back() -> None:
    bench = ApiBench()
    made = bench.create(service("a", clusterIP="10.96.7.7"))
    assert made["spec"]["clusterIP"] == "10.96.7.7"
    with pytest.raises(Invalid, match="provided IP is already allocated"):
        bench.create(service("b", clusterIP="10.96.7.7"))
    with pytest.raises(Invalid, match="not in the valid range"):
        bench.create(service("b", clusterIP="192.0.2.1"))
    bench.api.delete("svc", "a", "shop")
    assert bench.create(service("b", clusterIP="10.96.7.7"))["spec"]["clusterIP"] == "10.96.7.7"
    assert bench.create(service("c", clusterIP="None"))["spec"]["clusterIP"] == "None"
    assert bench.create(service("d", clusterIP="None"))["spec"]["clusterIP"] == "None"


def test_secrets_jobs_and_namespaces() -> None:
    bench = ApiBench()
    secret = {**config("s"), "kind": "Secret", "data": {}, "stringData": {"a": "b"}}
    made = bench.create(secret)
    assert (made["type"], made["data"]) == ("Opaque", {"a": "Yg=="})
    assert "stringData" not in made
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "j", "image": "j:v1"}]}}
    job = bench.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "once", "namespace": "shop"},
            "spec": {"template": template},
        }
    )
    uid = job["metadata"]["uid"]
    assert job["spec"]["selector"] == {"matchLabels": {"controller-uid": uid}}
    assert job["spec"]["template"]["metadata"]["labels"] == {"controller-uid": uid, "job-name": "once"}
    assert (job["spec"]["completions"], job["spec"]["backoffLimit"]) == (1, 6)
    space = bench.api.get("ns", "shop")
    assert space["spec"] == {"finalizers": ["kubernetes"]}
    assert space["status"] == {"phase": "Active"}
    assert space["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}


# -- patches ------------------------------------------------------------


def test_the_three_patches() -> None:
    bench = ApiBench()
    bench.create(deployment())
    env = {"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]}
    merged = bench.patch("deploy", "web", {"spec": {"template": {"spec": env}}})
    container = merged["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["env"]) == ("example/web:v1", [{"name": "A", "value": "1"}])
    bench.patch("deploy", "web", {"metadata": {"labels": {"a": "b", "none": None}}}, "merge")
    got = bench.patch("deploy", "web", [{"op": "replace", "path": "/spec/replicas", "value": 5}], "json")
    assert (got["spec"]["replicas"], got["metadata"]["labels"]) == (5, {"a": "b"})


@pytest.mark.parametrize(
    ("patch", "kind", "error", "text"),
    [
        ([{"op": "test", "path": "/spec/replicas", "value": 7}], "json", Invalid, "error in our request"),
        ([{"op": "remove", "path": "/spec/nothing"}], "json", Invalid, "cannot be applied"),
        ([{"op": "fly", "path": "/spec"}], "json", Invalid, "cannot be applied"),
        ({"op": "add"}, "json", BadRequest, "a list of operations"),
        ([1], "merge", BadRequest, "must be an object"),
        ({"metadata": {"name": "other"}}, "merge", BadRequest, "does not match the name on the URL"),
        ({"metadata": None}, "merge", BadRequest, "metadata"),
        ({"kind": "Pod"}, "merge", BadRequest, "cannot change an object's kind"),
        (
            {"spec": {"replicas": -1}},
            "strategic",
            Invalid,
            "spec.replicas: Invalid value: -1: must be greater",
        ),
        (
            {"spec": {"replcias": 1}},
            "strategic",
            BadRequest,
            'unknown field "spec.replcias" \\(did you mean "rep',
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}},
            "strategic",
            BadRequest,
            "merge key",
        ),
        ({"spec": {"selector": {"matchLabels": {"app": "b"}}}}, "strategic", Invalid, "field is immutable"),
        ({"spec": 3}, "merge", BadRequest, 'spec: invalid type: got "integer", expected "object"'),
        ({}, "magic", BadRequest, "unknown patch kind"),
    ],
)
def test_bad_patches_change_nothing(patch: Any, kind: str, error: type[ApiError], text: str) -> None:
    bench = ApiBench()
    made = bench.create(deployment())
    with pytest.raises(error, match=text):
        bench.patch("deploy", "web", patch, kind)
    assert bench.api.get("deploy", "web", "shop") is made


def test_custom_resources_take_no_strategic_patch() -> None:
    bench = ApiBench()
    bench.create(crd())
    bench.create(widget())
    with pytest.raises(UnsupportedMediaType, match="application/merge-patch"):
        bench.patch("widgets", "one", {"spec": {"size": 2}})
    assert bench.patch("widgets", "one", {"spec": {"size": 2}}, "merge")["spec"]["size"] == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


@given(OBJECTS, OBJECTS)
@settings(max_examples=200, deadline=None)
def test_merging_the_same_patch_twice_is_merging_it_once(old: Obj, patch: Obj) -> None:
    once = merge_patch(old, patch)
    assert merge_patch(once, patch) == once
    assert merge_patch({}, patch) == without_nulls(patch)
    assert merge_patch(old, {}) == old


@given(OBJECTS)
@settings(max_examples=100, deadline=None)
def test_a_clone_shares_nothing(value: Obj) -> None:
    copy = clone(value)
    assert copy == value

    def parts(part: Any) -> list[int]:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        own = [id(part)] if isinstance(part, dict | list) else []
        return own + [number for one in inner for number in parts(one)]

    assert not set(parts(copy)) & set(parts(value))


# -- scale and dry runs ------------------------------------------------------------


def test_scale_is_a_small_object() -> None:
    bench = ApiBench()
    bench.create(deployment(replicas=2))
    scale = bench.patch("deploy", "web", {"spec": {"replicas": 4}}, "merge", subresource="scale")
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == (
        "Scale",
        {"replicas": 4},
        "app=web",
    )
    assert bench.api.get("deploy", "web", "shop")["spec"]["replicas"] == 4
    scale = clone(scale)
    scale["spec"]["replicas"] = 1
    bench.run(bench.api.update(scale, subresource="scale", resource="deploy"))
    assert bench.api.get("deploy", "web", "shop")["spec"]["replicas"] == 1
    with pytest.raises(Conflict):
        bench.run(bench.api.update(scale, subresource="scale", resource="deploy"))
    with pytest.raises(Invalid, match="must be greater than or equal to 0"):
        bench.patch("deploy", "web", {"spec": {"replicas": -1}}, "merge", subresource="scale")
    bench.create(config())
    with pytest.raises(ApiError, match="no scale subresource"):
        bench.patch("cm", "settings", {"spec": {"replicas": 1}}, "merge", subresource="scale")


def test_dry_runs_check_everything_and_store_nothing() -> None:
    bench = ApiBench()
    before = bench.api.resource_version
    shown = bench.create(deployment(), dry_run=True)
    assert shown["spec"]["replicas"] == 1
    with pytest.raises(Invalid):
        bench.create(deployment(replicas=-1), dry_run=True)
    assert bench.api.find("deploy", "web", "shop") is None
    assert bench.api.resource_version == before
    bench.create(deployment())
    before = bench.api.resource_version
    assert bench.patch("deploy", "web", {"spec": {"replicas": 3}}, dry_run=True)["spec"]["replicas"] == 3
    bench.create(service(clusterIP="10.96.9.9"), dry_run=True)
    bench.api.delete("deploy", "web", "shop", dry_run=True)
    assert bench.api.get("deploy", "web", "shop")["spec"]["replicas"] == 1
    assert bench.api.resource_version == before
    assert bench.create(service(clusterIP="10.96.9.9"))["spec"]["clusterIP"] == "10.96.9.9"


# -- deletion ------------------------------------------------------------


def test_a_pod_on_a_node_goes_in_two_phases() -> None:
    bench = ApiBench()
    bench.create(pod("free"))
    bench.api.delete("po", "free", "shop")
    assert bench.api.find("po", "free", "shop") is None
    bound = clone(bench.create(pod("bound")))
    bound["spec"]["nodeName"] = "node-1"
    bench.api.replace_now(bound)
    leaving = bench.api.delete("po", "bound", "shop")
    assert leaving["metadata"]["deletionGracePeriodSeconds"] == 30
    assert bench.engine.calendar.seconds(leaving["metadata"]["deletionTimestamp"]) == 30
    assert bench.api.delete("po", "bound", "shop", grace=60) is leaving, "a grace period only shrinks"
    assert bench.api.delete("po", "bound", "shop", grace=5)["metadata"]["deletionGracePeriodSeconds"] == 5
    bench.api.remove("po", "bound", "shop")
    with pytest.raises(NotFound):
        bench.api.remove("po", "bound", "shop")


@pytest.mark.parametrize(("phase", "grace"), [("Succeeded", None), ("Failed", None), ("Running", 0)])
def test_nothing_is_awaited_of_a_pod_that_ended_or_must_go(phase: str, grace: float | None) -> None:
    bench = ApiBench()
    bench.create(pod(nodeName="node-1"))
    bench.api.set_status("po", "web-1", "shop", {"phase": phase})
    bench.api.delete("po", "web-1", "shop", grace=grace)
    assert bench.api.find("po", "web-1", "shop") is None


def test_a_namespace_ends_in_two_phases() -> None:
    bench = ApiBench()
    leaving = bench.api.delete("ns", "shop")
    assert leaving["status"]["phase"] == "Terminating"
    assert leaving["metadata"]["deletionTimestamp"]
    error = bench.refused(bench.api.create(config()))
    assert (error.reason, error.code) == ("Forbidden", 403)
    assert error.message == (
        'configmaps "settings" is forbidden: unable to create new content in namespace shop '
        "because it is being terminated"
    )
    with pytest.raises(Forbidden, match="because it is being terminated"):
        bench.api.create_now(config())
    bench.api.remove("ns", "shop")
    assert bench.api.find("ns", "shop") is None
    with pytest.raises(Forbidden, match="may not be deleted"):
        bench.api.delete("ns", "kube-system")
    with pytest.raises(Conflict, match="not being deleted"):
        bench.api.remove("ns", "default")


def test_finalizers_hold_an_object_until_the_last_is_gone() -> None:
    bench = ApiBench()
    held = config()
    held["metadata"]["finalizers"] = ["example.com/a", "example.com/b"]
    bench.create(held)
    assert bench.api.delete("cm", "settings", "shop")["metadata"]["deletionTimestamp"]
    bench.patch("cm", "settings", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}})
    assert bench.api.get("cm", "settings", "shop")["metadata"]["finalizers"] == ["example.com/b"]
    last = clone(bench.api.get("cm", "settings", "shop"))
    last["metadata"]["finalizers"] = []
    bench.api.replace_now(last)
    assert bench.api.find("cm", "settings", "shop") is None


def test_what_becomes_of_dependents() -> None:
    bench = ApiBench()
    owner = bench.create(config("owner"))
    child = config("child")
    child["metadata"]["ownerReferences"] = [owner_reference(owner)]
    bench.create(child)
    assert [one["metadata"]["name"] for one in bench.api.owned(owner["metadata"]["uid"])] == ["child"]
    waiting = bench.api.delete("cm", "owner", "shop", propagation="Foreground")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    other = bench.create(config("other"))
    child["metadata"] |= {"name": "second", "ownerReferences": [owner_reference(other)]}
    bench.create(child)
    bench.api.delete("cm", "other", "shop", propagation="Orphan")
    assert "ownerReferences" not in bench.api.get("cm", "second", "shop")["metadata"]
    assert bench.api.find("cm", "other", "shop") is None
    with pytest.raises(BadRequest, match="propagationPolicy"):
        bench.api.delete("cm", "second", "shop", propagation="Sideways")
    with pytest.raises(BadRequest, match="grace period"):
        bench.api.delete("cm", "second", "shop", grace=-1)


# -- events ------------------------------------------------------------


def test_repeated_events_are_counted() -> None:
    bench = ApiBench()
    made = bench.create(pod())
    for _ in range(3):
        bench.api.event(made, "Warning", "BackOff", "Back-off restarting", component="kubelet")
        bench.engine.run_until(bench.engine.now + 10)
    bench.api.event(made, "Normal", "Pulled", "Image pulled", component="kubelet")
    found = bench.api.list("events", "shop", fields=f"involvedObject.uid={made['metadata']['uid']}")
    assert {(one["reason"], one["count"]) for one in found} == {("BackOff", 3), ("Pulled", 1)}
    back_off = next(one for one in found if one["reason"] == "BackOff")
    assert (back_off["firstTimestamp"], back_off["lastTimestamp"]) == (
        "2020-07-15T09:00:00Z",
        "2020-07-15T09:00:20Z",
    )
    assert back_off["involvedObject"]["kind"] == "Pod"
    rows = bench.tables.events
    assert len(rows) == 4
    assert (rows[0].t_s, rows[0].source, rows[0].object) == (0.0, "kubelet", "Pod shop/web-1")


def test_events_are_forgotten_after_an_hour() -> None:
    bench = ApiBench()
    made = bench.create(pod())
    bench.api.event(made, "Normal", "Once", "once", component="test")
    bench.api.event(made, "Normal", "Often", "often", component="test")
    bench.engine.run_until(1_800)
    bench.api.event(made, "Normal", "Often", "often", component="test")
    bench.engine.run_until(3_700)
    bench.api.event(made, "Normal", "Late", "late", component="test")
    assert {one["reason"] for one in bench.api.list("events")} == {"Often", "Late"}


def test_events_about_objects_of_a_namespace_that_goes_are_only_noted() -> None:
    bench = ApiBench()
    made = bench.create(pod())
    bench.api.delete("ns", "shop")
    bench.api.event(made, "Normal", "Killing", "Stopping container web", component="kubelet")
    assert bench.api.list("events") == []
    assert len(bench.tables.events) == 1
