"""Namespaces come furnished and go in two phases; what is owned goes with its owner; autoscaling."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cluster.controllers.autoscaler import PodLoad, desired_replicas
from tests.sim.clusters import Lab, container, deployment, pod, ready

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(3)
    made.run(1.0)
    return made


def namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def inside(obj: Obj, name: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "namespace": name}}


@pytest.mark.parametrize(("version", "holds_ca"), [("v1.15.12-gke.20", False), ("v1.32.4", True)])
def test_a_namespace_comes_with_an_account_and_the_root_certificate(version: str, holds_ca: bool) -> None:
    lab = Lab(1, version=version)
    lab.create(namespace("shop"))
    lab.run(1)
    assert lab.api.find("serviceaccounts", "default", "shop") is not None
    assert (lab.api.find("configmaps", "kube-root-ca.crt", "shop") is not None) is holds_ca
    lab.api.delete("serviceaccounts", "default", "shop")
    lab.run(1)
    assert lab.api.find("serviceaccounts", "default", "shop") is not None


def test_a_manifest_that_begins_with_its_namespace_runs(lab: Lab) -> None:
    lab.create(namespace("shop"))
    lab.create(inside(deployment("web"), "shop"))  # at once: the account is not there yet
    lab.run(10)
    assert [ready(p) for p in lab.pods("shop")] == [True]


def test_a_namespace_is_emptied_and_then_goes(lab: Lab) -> None:
    lab.create(namespace("shop"))
    for name, image in (("web", "sleeper:v1"), ("db", "polite:v1")):
        lab.create(inside(deployment(name, 2, image), "shop"))
    lab.create(inside(pod("single", container("polite:v1")), "shop"))
    lab.run(10)
    lab.api.delete("namespaces", "shop")
    assert lab.api.get("namespaces", "shop")["status"]["phase"] == "Terminating"
    lab.run(5)
    left = lab.pods("shop")
    assert {p["spec"]["containers"][0]["image"] for p in left} == {"sleeper:v1"}
    assert all("deletionTimestamp" in p["metadata"] for p in left)
    assert lab.api.list("deployments.apps", "shop") == []
    assert lab.api.find("namespaces", "shop") is not None
    lab.run(30)
    assert lab.api.find("namespaces", "shop") is None
    for resource in lab.api.resources():
        if resource.namespaced and resource.stored:
            assert lab.api.list(resource.key, "shop") == [], resource.key
    lab.create(namespace("shop"))
    lab.create(inside(deployment("web"), "shop"))
    lab.run(10)
    assert [ready(p) for p in lab.pods("shop")] == [True]


def test_dependents_go_in_the_background(lab: Lab) -> None:
    lab.create(deployment("web", 2, "sleeper:v1"))
    lab.run(10)
    lab.api.delete("deployments.apps", "web")
    assert lab.api.find("deployments.apps", "web") is None
    lab.run(1)
    assert lab.api.list("replicasets.apps") == []
    assert all("deletionTimestamp" in p["metadata"] for p in lab.pods())
    lab.run(31)
    assert lab.pods() == []


def test_in_the_foreground_the_owner_waits(lab: Lab) -> None:
    lab.create(deployment("web", 2, "sleeper:v1"))
    lab.run(10)
    lab.api.delete("deployments.apps", "web", propagation="Foreground")
    lab.run(20)
    assert "deletionTimestamp" in lab.api.get("deployments.apps", "web")["metadata"]
    assert len(lab.api.list("replicasets.apps")) == 1
    assert len(lab.pods()) == 2
    lab.run(15)
    assert lab.api.find("deployments.apps", "web") is None
    assert lab.api.list("replicasets.apps") == []
    assert lab.pods() == []


def test_orphans_stay(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(10)
    names = {p["metadata"]["name"] for p in lab.pods()}
    lab.api.delete("deployments.apps", "web", propagation="Orphan")
    lab.run(10)
    assert len(lab.api.list("replicasets.apps")) == 1
    lab.create(deployment("web", 2))  # the same template: adopted
    lab.run(10)
    assert {p["metadata"]["name"] for p in lab.pods()} == names
    assert len(lab.api.list("replicasets.apps")) == 1


def test_an_object_whose_owner_never_was_goes(lab: Lab) -> None:
    orphan = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "namespace": "default",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": "0"}],
        },
    }
    lab.create(orphan)
    lab.run(1)
    assert lab.api.find("configmaps", "c") is None


def test_custom_resources_are_collected_too(lab: Lab) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "toys.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "toys", "kind": "Toy", "singular": "toy"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }
    lab.create(definition)
    lab.run(1)
    owner = lab.create(pod("p", container("polite:v1")))
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner["metadata"]["uid"]}
    meta = {"name": "t", "namespace": "default", "ownerReferences": [reference]}
    lab.create({"apiVersion": "example.org/v1", "kind": "Toy", "metadata": meta, "spec": {}})
    lab.run(10)
    assert lab.api.find("toys.example.org", "t") is not None
    lab.api.delete("pods", "p")
    lab.run(5)
    assert lab.api.find("toys.example.org", "t") is None


# -- the autoscaler ------------------------------------------------------------------------------------------


def loads(*used: float | None) -> list[PodLoad]:
    return [PodLoad(value, 0.1, True) for value in used]


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        ((0.05,), 1),
        ((0.054,), 1),  # within the tolerance
        ((0.1,), 2),
        ((0.1, 0.1), 4),
        ((0.01, 0.01, 0.01), 1),
        ((0.12, None), 3),  # a silent pod counts as idle on the way up
        ((0.01, None), 2),  # and as on target on the way down
    ],
)
def test_the_formula(used: tuple[float | None, ...], wanted: int) -> None:
    assert desired_replicas(len(used), 50.0, loads(*used))[0] == wanted


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=10), st.floats(1, 100))
def test_the_formula_is_the_ratio_outside_the_tolerance(used: list[float], target: float) -> None:
    wanted, percent = desired_replicas(len(used), target, loads(*used))
    assert percent == pytest.approx(100 * sum(used) / (0.1 * len(used)))
    ratio = percent / target
    if abs(ratio - 1) <= 0.1:
        assert wanted == len(used)
    else:
        assert wanted - 1 <= ratio * len(used) + 1e-6
        assert wanted >= ratio * len(used) - 1e-6


def busy(lab: Lab, cores: float) -> None:
    """Keep that many workers busy in every running pod, for long."""
    for found in lab.pods():
        running = lab.program(found["metadata"]["name"]).container
        running.cpu.kill()
        for _ in range(int(cores)):
            running.cpu.submit(1e6, lambda _: None)


def autoscaler(**spec: Any) -> Obj:
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 6,
            "targetCPUUtilizationPercentage": 50,
            **spec,
        },
    }


def replicas(lab: Lab) -> int:
    return int(lab.api.get("deployments.apps", "web")["spec"]["replicas"])


def test_the_autoscaler_follows_the_cpu_account_and_is_slow_to_shrink(lab: Lab) -> None:
    made = deployment("web", 1)
    made["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    lab.create(made)
    lab.run(60)
    lab.create(autoscaler())
    busy(lab, 1)
    lab.run(90)
    assert replicas(lab) == 2
    status = lab.api.get("hpa", "web")["status"]
    assert status["currentReplicas"] == 2
    assert any(text.startswith("New size: 2; reason: cpu") for text in lab.messages("SuccessfulRescale"))
    busy(lab, 0)
    lab.run(290)
    assert replicas(lab) == 2
    lab.run(150)
    assert replicas(lab) == 1
    lab.api.delete("hpa", "web")
    lab.run(30)
    assert lab.idles(3600)


def test_the_autoscaler_stays_in_its_bounds_and_tells_why_it_cannot(lab: Lab) -> None:
    lab.create(deployment("web", 1))
    lab.create(autoscaler(minReplicas=2))
    lab.run(40)
    assert replicas(lab) == 2
    conditions = lab.api.get("hpa", "web")["status"]["conditions"]
    assert conditions[0]["reason"] == "FailedGetResourceMetric"


def test_cordon_keeps_new_pods_away_and_taints_the_node(lab: Lab) -> None:
    lab.patch("nodes", "node-0", {"spec": {"unschedulable": True}}, "")
    lab.run(0.1)
    keys = [taint["key"] for taint in lab.api.get("nodes", "node-0")["spec"]["taints"]]
    assert keys == ["node.kubernetes.io/unschedulable"]
    lab.create(deployment("web", 4))
    lab.run(10)
    assert {p["spec"]["nodeName"] for p in lab.pods()} == {"node-1", "node-2"}
    lab.patch("nodes", "node-0", {"spec": {"unschedulable": None}}, "")
    lab.run(0.1)
    assert not lab.api.get("nodes", "node-0")["spec"].get("taints")


def test_a_no_execute_taint_evicts_what_does_not_tolerate_it(lab: Lab) -> None:
    toleration = {"key": "sick", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}
    lab.create(pod("brief", container("polite:v1"), nodeName="node-0", tolerations=[toleration]))
    lab.create(pod("none", container("polite:v1"), nodeName="node-0"))
    lab.run(10)
    lab.patch("nodes", "node-0", {"spec": {"taints": [{"key": "sick", "effect": "NoExecute"}]}}, "")
    lab.run(5)
    assert lab.api.find("pods", "none") is None
    assert ready(lab.pod("brief"))
    lab.run(20)
    assert lab.api.find("pods", "brief") is None
