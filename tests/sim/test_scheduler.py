"""The scheduler: who fits where, why not, and which node is better."""

from typing import Any

import pytest

from tests.sim.clusters import Lab, container, deployment, pod

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(3)
    made.run(1.0)
    return made


def asking(cpu: str = "100m", memory: str = "10Mi") -> Obj:
    return container("polite:v1", resources={"requests": {"cpu": cpu, "memory": memory}})


def why(lab: Lab, *pods: Obj) -> list[str]:
    for made in pods:
        lab.create(made)
    lab.run(1.0)
    return lab.messages("FailedScheduling")


def test_insufficient_cpu_in_kubernetes_words(lab: Lab) -> None:
    assert why(lab, pod("p", asking("64"))) == ["0/3 nodes are available: 3 Insufficient cpu."]
    found = lab.pod("p")
    assert found["status"]["phase"] == "Pending"
    condition = next(c for c in found["status"]["conditions"] if c["type"] == "PodScheduled")
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    assert condition["message"] == "0/3 nodes are available: 3 Insufficient cpu."


def test_reasons_are_counted_over_nodes(lab: Lab) -> None:
    lab.patch("nodes", "node-0", {"spec": {"unschedulable": True}}, "")
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    lab.patch("nodes", "node-1", {"spec": {"taints": [taint]}}, "")
    lab.run(0.1)
    text = (
        "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, "
        "1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were unschedulable."
    )
    assert why(lab, pod("p", asking("64", "64Gi"))) == [text]


def test_selectors_and_affinity_to_nodes(lab: Lab) -> None:
    text = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    assert why(lab, pod("p", nodeSelector={"disk": "ssd"})) == [text]
    lab.patch("nodes", "node-2", {"metadata": {"labels": {"disk": "ssd"}}}, "")
    lab.run(5)
    assert lab.pod("p")["spec"]["nodeName"] == "node-2"  # a changed node brings it back
    expression = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-0", "node-2"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    lab.create(pod("q", affinity=affinity))
    lab.run(1)
    assert lab.pod("q")["spec"]["nodeName"] == "node-1"


def test_tolerations_open_tainted_nodes(lab: Lab) -> None:
    for name in ("node-0", "node-1", "node-2"):
        taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
        lab.patch("nodes", name, {"spec": {"taints": [taint]}}, "")
    lab.create(pod("no", tolerations=[{"key": "dedicated", "value": "web", "effect": "NoSchedule"}]))
    lab.create(pod("yes", tolerations=[{"key": "dedicated", "operator": "Exists"}]))
    lab.run(1)
    assert "nodeName" not in lab.pod("no")["spec"]
    assert lab.pod("yes")["spec"]["nodeName"]


def anti(key: str, app: str = "p") -> Obj:
    term = {"labelSelector": {"matchLabels": {"set": app}}, "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_anti_affinity_by_host_and_zone(lab: Lab) -> None:
    for index in range(4):
        made = pod(f"h{index}", affinity=anti("kubernetes.io/hostname"))
        made["metadata"]["labels"]["set"] = "p"
        lab.create(made)
    lab.run(1)
    placed = [p["spec"].get("nodeName") for p in lab.pods()]
    assert sorted(filter(None, placed)) == ["node-0", "node-1", "node-2"]
    text = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."
    assert lab.messages("FailedScheduling") == [text]
    lone = pod("z")
    lone["metadata"]["labels"]["set"] = "q"
    lab.create(lone)
    lab.run(1)
    zone = lab.kubelets[lab.pod("z")["spec"]["nodeName"]].node.zone
    lab.create(pod("away", affinity=anti("topology.kubernetes.io/zone", "q")))
    lab.run(1)
    assert lab.kubelets[lab.pod("away")["spec"]["nodeName"]].node.zone != zone


def test_affinity_to_pods_follows_them_and_lets_the_first_in(lab: Lab) -> None:
    term = {"labelSelector": {"matchLabels": {"set": "p"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for index in range(3):
        made = pod(f"a{index}", affinity=affinity)
        made["metadata"]["labels"]["set"] = "p"
        lab.create(made)
    lab.run(1)
    assert len({p["spec"]["nodeName"] for p in lab.pods()}) == 1
    text = "0/3 nodes are available: 3 node(s) didn't match pod affinity rules."
    stranger = {"labelSelector": {"matchLabels": {"set": "none"}}, "topologyKey": "kubernetes.io/hostname"}
    alone = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [stranger]}}
    assert why(lab, pod("alone", affinity=alone)) == [text]


def test_replicas_spread_over_nodes(lab: Lab) -> None:
    lab.create(deployment("web", 6))
    lab.run(5)
    nodes = [p["spec"]["nodeName"] for p in lab.pods()]
    assert sorted(nodes.count(f"node-{i}") for i in range(3)) == [2, 2, 2]


def test_the_emptiest_node_is_preferred(lab: Lab) -> None:
    for index in range(2):
        lab.create(pod(f"big{index}", asking("2", "4Gi"), nodeName=f"node-{index}"))
    lab.create(pod("p", asking()))
    lab.run(1)
    assert lab.pod("p")["spec"]["nodeName"] == "node-2"


def test_a_parked_pod_is_tried_when_room_appears(lab: Lab) -> None:
    for index in range(3):
        lab.create(pod(f"big{index}", asking("3")))
    lab.run(5)
    lab.create(pod("p", asking("3")))
    lab.run(30)
    assert "nodeName" not in lab.pod("p")["spec"]
    room = lab.pod("big1")["spec"]["nodeName"]
    lab.api.delete("pods", "big1")
    lab.run(2)
    assert lab.pod("p")["spec"]["nodeName"] == room
    assert lab.idles(3600)


def test_finished_pods_give_their_requests_back(lab: Lab) -> None:
    for index in range(3):
        lab.create(
            pod(
                f"t{index}",
                {**asking("3"), "image": "task:v1"},
                restartPolicy="Never",
            )
        )
    lab.run(0.5)
    lab.create(pod("p", asking("3")))
    lab.run(20)
    assert lab.pod("p")["spec"]["nodeName"]


def test_pods_of_other_schedulers_and_without_nodes() -> None:
    lab = Lab(0)
    lab.run(1)
    lab.create(pod("other", schedulerName="mine"))
    assert why(lab, pod("p")) == ["no nodes available to schedule pods"]
    assert "conditions" not in (lab.pod("other").get("status") or {})
