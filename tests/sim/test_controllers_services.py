"""Endpoints, EndpointSlices, kube-proxy and DNS: only Ready pods get traffic."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sim.clusters import Lab, container, deployment, pod, ready

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(3)
    made.run(1.0)
    return made


def service(name: str = "web", *ports: Obj, **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"app": name},
            "ports": list(ports) or [{"port": 80, "targetPort": 8080}],
            **spec,
        },
    }


def web(name: str = "web", replicas: int = 2, period: int = 1) -> Obj:
    made = deployment(name, replicas, "web:v1")
    main = made["spec"]["template"]["spec"]["containers"][0]
    main["readinessProbe"] = {"httpGet": {"port": 8080}, "periodSeconds": period, "failureThreshold": 1}
    main["ports"] = [{"name": "http", "containerPort": 8080}]
    return made


def addresses(lab: Lab, name: str = "web", field: str = "addresses") -> list[str]:
    subsets = lab.api.get("endpoints", name).get("subsets") or ()
    return [entry["ip"] for subset in subsets for entry in subset.get(field) or ()]


def targets(lab: Lab, name: str = "web", port: int = 80) -> Any:
    return lab.network._services.get((lab.api.get("services", name)["spec"]["clusterIP"], port))


def ips(lab: Lab) -> set[str]:
    return {p["status"]["podIP"] for p in lab.pods() if ready(p)}


def test_only_ready_pods_are_endpoints(lab: Lab) -> None:
    lab.create(service())
    lab.create(web())
    lab.run(0.5)
    assert targets(lab) == []  # connections are refused, not lost
    lab.run(10)
    assert set(addresses(lab)) == ips(lab)
    assert {ip for ip, port in targets(lab) if port == 8080} == ips(lab)
    sick = lab.pods()[0]
    lab.program(sick["metadata"]["name"]).answers["/"] = 500
    lab.run(2)
    assert addresses(lab, field="notReadyAddresses") == [sick["status"]["podIP"]]
    assert len(addresses(lab)) == 1
    assert len(targets(lab)) == 1
    lab.program(sick["metadata"]["name"]).answers["/"] = 200
    lab.run(2)
    assert len(targets(lab)) == 2
    reference = lab.api.get("endpoints", "web")["subsets"][0]["addresses"][0]["targetRef"]
    assert reference["kind"] == "Pod"
    assert reference["uid"] == lab.pod(reference["name"])["metadata"]["uid"]


def test_terminating_pods_leave_at_once_and_stay_in_slices_as_terminating(lab: Lab) -> None:
    lab.create(service())
    lab.create(deployment("web", 2, "sleeper:v1"))
    lab.run(10)
    going = lab.pods()[0]
    lab.api.delete("pods", going["metadata"]["name"])
    lab.run(0.2)
    assert going["status"]["podIP"] not in addresses(lab)
    assert going["status"]["podIP"] not in addresses(lab, field="notReadyAddresses")
    slices = lab.api.list("endpointslices", "default", labels="kubernetes.io/service-name=web")
    entry = next(e for e in slices[0]["endpoints"] if e["addresses"] == [going["status"]["podIP"]])
    assert entry["conditions"] == {"ready": False, "serving": True, "terminating": True}
    lab.run(40)
    slices = lab.api.list("endpointslices", "default", labels="kubernetes.io/service-name=web")
    assert len(slices) == 1
    assert len(slices[0]["endpoints"]) == 2
    assert all(e["conditions"]["ready"] for e in slices[0]["endpoints"])
    assert {e["zone"] for e in slices[0]["endpoints"]} <= {"zone-0", "zone-1"}


def test_named_ports_may_differ_from_pod_to_pod(lab: Lab) -> None:
    lab.create(service("web", {"name": "http", "port": 80, "targetPort": "http"}))
    for name, number in (("a", 8080), ("b", 9090)):
        made = pod(name, container("polite:v1", ports=[{"name": "http", "containerPort": number}]))
        made["metadata"]["labels"] = {"app": "web"}
        lab.create(made)
    lonely = pod("c", container("polite:v1"))
    lonely["metadata"]["labels"] = {"app": "web"}
    lab.create(lonely)  # has no such port: no endpoint
    lab.run(10)
    assert sorted(port for _, port in targets(lab)) == [8080, 9090]
    assert len(lab.api.get("endpoints", "web")["subsets"]) == 2


def test_several_ports_keep_apart(lab: Lab) -> None:
    ports = [
        {"name": "grpc", "port": 8080, "targetPort": 8080},
        {"name": "prom", "port": 8801, "targetPort": 9000},
    ]
    lab.create(service("web", *ports))
    lab.create(deployment("web"))
    lab.run(10)
    (ip,) = ips(lab)
    assert targets(lab, port=8080) == [(ip, 8080)]
    assert targets(lab, port=8801) == [(ip, 9000)]


def test_cluster_addresses_and_names(lab: Lab) -> None:
    lab.create(service())
    lab.create(service("bare", clusterIP="None"))
    lab.create(deployment("bare", 2))
    lab.run(10)
    address = lab.api.get("services", "web")["spec"]["clusterIP"]
    dns = lab.network.dns
    for name in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local"):
        assert dns.resolve(name, "default") == [address]
    assert set(dns.resolve("bare")) == ips(lab)
    lab.api.delete("services", "web")
    lab.run(1)
    with pytest.raises(LookupError):
        dns.resolve("web")
    assert lab.network._services.get((address, 80)) is None
    assert lab.api.find("endpoints", "web") is None
    assert lab.api.list("endpointslices", "default", labels="kubernetes.io/service-name=web") == []


def test_unready_addresses_can_be_published(lab: Lab) -> None:
    lab.create(service("web", clusterIP="None", publishNotReadyAddresses=True))
    made = web(period=100)
    main = made["spec"]["template"]["spec"]["containers"][0]
    main["readinessProbe"]["initialDelaySeconds"] = 50
    lab.create(made)
    lab.run(10)
    assert len(lab.network.dns.resolve("web")) == 2


def test_a_selector_change_moves_the_endpoints(lab: Lab) -> None:
    lab.create(service())
    lab.create(deployment("web"))
    lab.create(deployment("other"))
    lab.run(10)
    before = addresses(lab)
    lab.patch("services", "web", {"spec": {"selector": {"app": "other"}}})
    lab.run(1)
    assert addresses(lab) != before
    assert len(addresses(lab)) == 1


def test_old_clusters_have_endpoints_only() -> None:
    lab = Lab(1, version="v1.15.12-gke.20")
    lab.run(1)
    lab.create(service())
    lab.create(deployment("web"))
    lab.run(10)
    assert len(addresses(lab)) == 1
    assert all(r.plural != "endpointslices" for r in lab.api.resources())


def test_a_request_through_the_service_reaches_a_pod(lab: Lab) -> None:
    lab.create(service())
    lab.create(web())
    lab.run(10)
    source = lab.kubelets["node-0"].net
    steps = lab.http.call(source, "web.default", 80, "GET", "/")
    reply = lab.engine.run_process(lab.engine.process(steps), lab.engine.now + 5)
    assert reply.status == 200


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(["sick", "well", "kill", "more", "less"]), st.integers(0, 9)), max_size=8
    )
)
def test_rules_follow_readiness_whatever_happens(steps: list[tuple[str, int]]) -> None:
    lab = Lab(2)
    lab.run(1)
    lab.create(service())
    lab.create(web())
    lab.run(10)
    for what, which in steps:
        pods = [p for p in lab.pods() if ready(p)]
        if what in ("more", "less"):
            now = lab.api.get("deployments.apps", "web")["spec"]["replicas"]
            lab.scale("web", max(0, min(5, now + (1 if what == "more" else -1))))
        elif pods:
            name = pods[which % len(pods)]["metadata"]["name"]
            if what == "kill":
                lab.kubelet(lab.pod(name)).kill_pod("default", name)
            else:
                lab.program(name).answers["/"] = 500 if what == "sick" else 200
        lab.run(1.7)
    lab.run(5)
    assert {ip for ip, _ in targets(lab)} == ips(lab) == set(addresses(lab))
