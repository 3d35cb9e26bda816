"""Discovery: scenarios of services that change, errors, look-ups by address, profiles."""

from dataclasses import dataclass
from typing import Any

import pytest

from mesh.control.destination import DestinationError, DestinationService
from mesh.control.discovery.endpoints import Context, DiscoveryConfig, in_ports
from mesh.control.names import Target, TargetError, parse_target
from mesh.editions import edition
from mesh.messages import Address, EndpointUpdate, Profile

Obj = dict[str, Any]
WEB = "web-svc.shop.svc.cluster.local"
TOKEN = '{"ns":"client","nodeName":"n1","pod":"c"}'


@dataclass(frozen=True)
class Event:
    type: str
    object: Obj


def service(name: str = "web-svc", ip: str = "10.0.0.1", **spec: Any) -> Obj:
    ports = spec.pop("ports", [{"name": "http", "port": 80, "targetPort": 8080}])
    annotations = spec.pop("annotations", {})
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
        "spec": {"clusterIP": ip, "ports": ports, **spec},
    }


def pod(name: str, ip: str, *, meshed: str = "linkerd", annotations: Obj | None = None, **more: Any) -> Obj:
    labels = {"pod-template-hash": "5f", "linkerd.io/proxy-deployment": "web"}
    if meshed:
        labels["linkerd.io/control-plane-ns"] = meshed
    owner = [{"kind": "ReplicaSet", "name": "web-5f", "controller": True}]
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": labels,
            "annotations": annotations or {},
            "ownerReferences": owner,
        },
        "spec": {"serviceAccountName": "web", "nodeName": "n1", **more},
        "status": {"phase": "Running", "podIP": ip},
    }


def slice_of(*entries: Obj | tuple[str, str], name: str = "web-svc-a", port: int = 8080) -> Obj:
    endpoints = []
    for entry in entries:
        if isinstance(entry, tuple):
            target = {"kind": "Pod", "namespace": "shop", "name": entry[0]}
            entry = {"addresses": [entry[1]], "targetRef": target, "conditions": {"ready": True}}
        endpoints.append(entry)
    return {
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "web-svc"},
        },
        "ports": [{"name": "http", "port": port}],
        "endpoints": endpoints,
    }


def endpoints_of(*ready: tuple[str, str], not_ready: tuple[tuple[str, str], ...] = ()) -> Obj:
    def entries(pairs: tuple[tuple[str, str], ...]) -> list[Obj]:
        return [
            {"ip": ip, "targetRef": {"kind": "Pod", "namespace": "shop", "name": name}} for name, ip in pairs
        ]

    subset = {
        "addresses": entries(ready),
        "notReadyAddresses": entries(not_ready),
        "ports": [{"name": "http", "port": 8080}],
    }
    return {
        "kind": "Endpoints",
        "metadata": {"name": "web-svc", "namespace": "shop"},
        "subsets": [subset] if ready or not_ready else [],
    }


def fed(*objects: Obj, name: str = "edge") -> DestinationService:
    made = DestinationService(DiscoveryConfig.of(edition(name)))
    for obj in objects:
        assert made.apply(Event("ADDED", obj)) == []
    return made


def get(made: DestinationService, path: str = WEB, token: str = TOKEN, who: object = "s") -> Any:
    updates = made.get(path, token, who)
    assert len(updates) <= 1
    return updates[0][1] if updates else None


def get_profile(made: DestinationService, path: str = WEB, token: str = TOKEN, who: object = "p") -> Profile:
    ((subscriber, update),) = made.get_profile(path, token, who)
    assert subscriber == who
    assert isinstance(update, Profile)
    return update


def only(updates: list[Any]) -> Any:
    ((_, update),) = updates
    return update


def ips(update: EndpointUpdate) -> list[tuple[str, int]]:
    return [(address.ip, address.port) for address in update.add]


def test_first_update_says_everything() -> None:
    made = fed(service(), pod("a", "10.1.0.1"), slice_of(("a", "10.1.0.1")))
    update = get(made)
    assert update.labels == (("namespace", "shop"), ("service", "web-svc"))
    (address,) = update.add
    assert (address.ip, address.port, address.hint, address.weight) == ("10.1.0.1", 8080, "h2", 10_000)
    assert address.identity == "web.shop.serviceaccount.identity.linkerd.cluster.local"
    assert dict(address.labels) == {
        "pod": "a",
        "deployment": "web",
        "serviceaccount": "web",
        "control_plane_ns": "linkerd",
        "pod_template_hash": "5f",
        "zone_locality": "unknown",
    }


def test_scale_up_and_down_with_endpoints_and_2_8_1() -> None:
    made = fed(service(), endpoints_of(), name="stable-2.8.1")
    made.apply(Event("ADDED", pod("a", "10.1.0.1")))
    made.apply(Event("ADDED", pod("b", "10.1.0.2")))
    first = get(made, token="ns:client")
    assert first == EndpointUpdate(no_endpoints=True, exists=True)
    up = only(made.apply(Event("MODIFIED", endpoints_of(("a", "10.1.0.1"), ("b", "10.1.0.2")))))
    assert ips(up) == [("10.1.0.1", 8080), ("10.1.0.2", 8080)]
    assert "zone_locality" not in dict(up.add[0].labels)
    assert made.apply(Event("MODIFIED", endpoints_of(("a", "10.1.0.1"), ("b", "10.1.0.2")))) == []
    down = only(
        made.apply(Event("MODIFIED", endpoints_of(("b", "10.1.0.2"), not_ready=(("a", "10.1.0.1"),))))
    )
    assert down == EndpointUpdate(remove=(("10.1.0.1", 8080),))
    empty = only(made.apply(Event("MODIFIED", endpoints_of(not_ready=(("b", "10.1.0.2"),)))))
    assert empty == EndpointUpdate(no_endpoints=True, exists=True)
    assert made.apply(Event("MODIFIED", endpoints_of())) == []
    gone = only(made.apply(Event("DELETED", service())))
    assert gone == EndpointUpdate(no_endpoints=True, exists=False)


def test_edge_is_silent_until_something_is_ready() -> None:
    made = fed(service(), pod("a", "10.1.0.1"))
    assert get(made) is None
    unready = {
        "addresses": ["10.1.0.1"],
        "conditions": {"ready": False},
        "targetRef": {"kind": "Pod", "namespace": "shop", "name": "a"},
    }
    assert made.apply(Event("ADDED", slice_of(unready))) == []
    for ready in (True, None):
        up = only(made.apply(Event("MODIFIED", slice_of({**unready, "conditions": {"ready": ready}}))))
        assert ips(up) == [("10.1.0.1", 8080)]
        gone = only(made.apply(Event("DELETED", slice_of())))
        assert gone == EndpointUpdate(remove=(("10.1.0.1", 8080),))


def test_several_slices_are_one_set_without_duplicates() -> None:
    made = fed(
        service(),
        pod("a", "10.1.0.1"),
        pod("b", "10.1.0.2"),
        slice_of(("a", "10.1.0.1")),
        slice_of(("a", "10.1.0.1"), ("b", "10.1.0.2"), name="web-svc-b"),
    )
    assert ips(get(made)) == [("10.1.0.1", 8080), ("10.1.0.2", 8080)]
    assert made.apply(Event("DELETED", slice_of(name="web-svc-a"))) == []


@pytest.mark.parametrize(
    ("meshed", "annotations", "identity", "hint"),
    [
        ("linkerd", {}, True, "h2"),
        ("", {}, False, ""),
        ("another-mesh", {}, False, "h2"),
        ("linkerd", {"config.linkerd.io/skip-inbound-ports": "25,8000-9000"}, False, ""),
        ("linkerd", {"config.linkerd.io/skip-inbound-ports": "25"}, True, "h2"),
        ("linkerd", {"config.linkerd.io/opaque-ports": "8080"}, True, "opaque"),
        ("linkerd", {"config.linkerd.io/opaque-ports": "25,http"}, True, "opaque"),
        ("linkerd", {"config.linkerd.io/skip-inbound-ports": "http"}, False, ""),
        ("linkerd", {"linkerd.io/identity-mode": "disabled"}, False, "h2"),
    ],
)
def test_identity_and_hint(meshed: str, annotations: Obj, identity: bool, hint: str) -> None:
    containers = [{"ports": [{"name": "http", "containerPort": 8080}]}]
    meshed_pod = pod("a", "10.1.0.1", meshed=meshed, annotations=annotations, containers=containers)
    made = fed(service(), meshed_pod, slice_of(("a", "10.1.0.1")))
    (address,) = get(made).add
    assert (address.identity is not None) is identity
    assert address.hint == hint


def test_default_lists_are_the_editions() -> None:
    mysql = service(ports=[{"name": "http", "port": 3306}])
    objects = (mysql, pod("a", "10.1.0.1"), slice_of(("a", "10.1.0.1"), port=3306))
    assert get(fed(*objects), f"{WEB}:3306").add[0].hint == "opaque"
    assert get(fed(*objects, name="stable-2.8.1"), f"{WEB}:3306").add[0].hint == "h2"
    skipped = (
        service(ports=[{"name": "http", "port": 4567}]),
        objects[1],
        slice_of(("a", "10.1.0.1"), port=4567),
    )
    assert get(fed(*skipped), f"{WEB}:4567").add[0].identity is None


def test_a_pod_that_changes_is_told_again_once() -> None:
    made = fed(service(), pod("a", "10.1.0.1", meshed=""), slice_of(("a", "10.1.0.1")))
    assert get(made).add[0].identity is None
    update = only(made.apply(Event("MODIFIED", pod("a", "10.1.0.1"))))
    assert update.add[0].identity is not None
    assert update.remove == ()
    touched = pod("a", "10.1.0.1")
    touched["status"]["containerStatuses"] = [{"ready": True}]
    assert made.apply(Event("MODIFIED", touched)) == []


def test_ports_are_joined_by_name() -> None:
    two = service(ports=[{"name": "http", "port": 80, "targetPort": "web"}, {"name": "grpc", "port": 81}])
    found = slice_of(("a", "10.1.0.1"))
    found["ports"] = [{"name": "grpc", "port": 9000}, {"name": "http", "port": 9001}]
    made = fed(two, pod("a", "10.1.0.1"), found)
    assert ips(get(made, f"{WEB}:80", who=1)) == [("10.1.0.1", 9001)]
    assert ips(get(made, f"{WEB}:81", who=2)) == [("10.1.0.1", 9000)]
    assert ips(get(made, f"{WEB}:99", who=3)) == [("10.1.0.1", 99)]
    assert made.subscribers == 3


def test_headless_instances_by_host_name() -> None:
    first = {"addresses": ["10.1.0.1"], "hostname": "web-0"}
    second = {"addresses": ["10.1.0.2"], "hostname": "web-1"}
    made = fed(service(ip="None"), slice_of(first, second))
    assert ips(get(made, f"web-1.{WEB}:80")) == [("10.1.0.2", 8080)]
    assert ips(get(made, f"{WEB}:80", who="all")) == [("10.1.0.1", 8080), ("10.1.0.2", 8080)]
    endpoint = get_profile(made, f"web-1.{WEB}:8080").endpoint
    assert endpoint is not None
    assert endpoint.ip == "10.1.0.2"


def node(name: str, zone: str) -> Obj:
    return {"kind": "Node", "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}}


def zoned(ip: str, zone: str, hint: str | None) -> Obj:
    hints = {"hints": {"forZones": [{"name": hint}]}} if hint else {}
    return {"addresses": [ip], "zone": zone, "nodeName": f"node-{zone}", **hints}


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (("z1", "z2"), ["10.1.0.1"]),
        (("z2", "z2"), ["10.1.0.1", "10.1.0.2"]),
        (("z1", None), ["10.1.0.1", "10.1.0.2"]),
        ((None, None), ["10.1.0.1", "10.1.0.2"]),
    ],
)
def test_topology_hints_are_all_or_nothing(hints: tuple[str | None, ...], expected: list[str]) -> None:
    made = fed(
        service(),
        node("n1", "z1"),
        slice_of(zoned("10.1.0.1", "z1", hints[0]), zoned("10.1.0.2", "z2", hints[1])),
    )
    update = get(made)
    assert [ip for ip, _ in ips(update)] == expected
    localities = [dict(address.labels)["zone_locality"] for address in update.add]
    assert localities == ["local", "remote"][: len(expected)]


def test_internal_traffic_policy_local() -> None:
    entries = (
        {"addresses": ["10.1.0.1"], "nodeName": "n1"},
        {"addresses": ["10.1.0.2"], "nodeName": "n2"},
    )
    made = fed(service(internalTrafficPolicy="Local"), slice_of(*entries))
    assert ips(get(made)) == [("10.1.0.1", 8080)]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("10.0.0.1:80", "InvalidArgument"),
        ("[::1]:80", "InvalidArgument"),
        ("example.com:80", "InvalidArgument"),
        ("a.b.c.shop.svc.cluster.local", "InvalidArgument"),
        ("web-svc.shop.svc.other.domain", "InvalidArgument"),
        (f"{WEB}:0", "InvalidArgument"),
        (f"{WEB}:65536", "InvalidArgument"),
        (f"{WEB}:", "InvalidArgument"),
        (f"{WEB}:http", "InvalidArgument"),
        ("", "InvalidArgument"),
        (":80", "InvalidArgument"),
        ("nosuch.shop.svc.cluster.local:80", "NotFound"),
        ("outside.shop.svc.cluster.local:80", "InvalidArgument"),
    ],
)
def test_refused_paths(path: str, code: str) -> None:
    external = service("outside", "", type="ExternalName", externalName="example.com")
    made = fed(service(), external)
    with pytest.raises(DestinationError) as caught:
        made.get(path, TOKEN, "s")
    assert caught.value.code == code
    assert made.subscribers == 0


def test_2_8_1_waits_for_services_that_do_not_exist() -> None:
    made = fed(name="stable-2.8.1")
    assert get(made) == EndpointUpdate(no_endpoints=True, exists=False)
    assert only(made.apply(Event("ADDED", service()))) == EndpointUpdate(no_endpoints=True, exists=True)


def test_unsubscribed_hear_nothing() -> None:
    made = fed(service(), pod("a", "10.1.0.1"))
    get(made)
    get_profile(made, who="s")
    made.unsubscribe("s")
    made.unsubscribe("never seen")
    assert made.subscribers == 0
    assert made.apply(Event("ADDED", slice_of(("a", "10.1.0.1")))) == []


def test_subscribing_again_starts_over() -> None:
    made = fed(service(), service("other", "10.0.0.2"), pod("a", "10.1.0.1"), slice_of(("a", "10.1.0.1")))
    assert get(made) is not None
    assert get(made) is not None
    assert get(made, "other.shop.svc.cluster.local") is None
    assert made.apply(Event("MODIFIED", slice_of())) == []
    made.unsubscribe("s")
    assert made.apply(Event("MODIFIED", service())) == []


def test_each_subscriber_is_told_once() -> None:
    made = fed(service(), pod("a", "10.1.0.1"))
    for who in range(3):
        get(made, who=who)
    updates = made.apply(Event("ADDED", slice_of(("a", "10.1.0.1"))))
    assert [who for who, _ in updates] == [0, 1, 2]


# -- profiles --------------------------------------------------------------------------------------------


def test_cluster_ip_is_the_services_profile() -> None:
    made = fed(service())
    assert get_profile(made, "10.0.0.1:80") == Profile(name=WEB)
    assert get_profile(made, f"{WEB}:80", who="n") == Profile(name=WEB)


def test_pod_address_is_an_endpoint_with_identity() -> None:
    made = fed(service(), pod("a", "10.1.0.1"))
    found = get_profile(made, "10.1.0.1:8080")
    assert found.name == ""
    assert found.endpoint is not None
    assert found.endpoint.identity is not None
    assert dict(found.endpoint.labels)["namespace"] == "shop"
    assert get_profile(made, "10.1.0.1:3306", who="db").opaque


def test_unknown_address_is_an_endpoint_without_metadata_until_a_pod_has_it() -> None:
    made = fed()
    assert get_profile(made, "93.184.216.34:443").endpoint == Address("93.184.216.34", 443)
    get_profile(made, "10.1.0.9:80", who="later")
    update = only(made.apply(Event("ADDED", pod("a", "10.1.0.9"))))
    assert update.endpoint.identity is not None
    update = only(made.apply(Event("DELETED", pod("a", "10.1.0.9"))))
    assert update.endpoint == Address("10.1.0.9", 80)
    update = only(made.apply(Event("ADDED", service(ip="10.1.0.9"))))
    assert update == Profile(name=WEB)


def test_pods_that_share_their_hosts_address_are_told_apart_by_port() -> None:
    one = pod("a", "10.9.0.1", hostNetwork=True, containers=[{"ports": [{"containerPort": 80}]}])
    two = pod("b", "10.9.0.1", hostNetwork=True, containers=[{"ports": [{"containerPort": 81}]}], meshed="")
    done = pod("c", "10.9.0.1")
    done["status"]["phase"] = "Succeeded"
    made = fed(done, one, two)
    names = []
    for port in (80, 81, 82):
        endpoint = get_profile(made, f"10.9.0.1:{port}", who=port).endpoint
        assert endpoint is not None
        names.append(dict(endpoint.labels).get("pod"))
    assert names == ["a", "b", None]


def service_profile(namespace: str, route: str) -> Obj:
    return {
        "kind": "ServiceProfile",
        "metadata": {"name": WEB, "namespace": namespace},
        "spec": {
            "routes": [{"name": route, "condition": {"pathRegex": "/"}}],
            "retryBudget": {"retryRatio": 0.5, "minRetriesPerSecond": 1, "ttl": "5s"},
        },
    }


def test_the_clients_service_profile_wins_wholesale() -> None:
    made = fed(service())
    assert get_profile(made).routes == ()
    update = only(made.apply(Event("ADDED", service_profile("shop", "from the service"))))
    assert update.routes[0]["name"] == "from the service"
    assert update.retry_budget["retryRatio"] == 0.5
    mine = service_profile("client", "from the client")
    del mine["spec"]["retryBudget"]
    update = only(made.apply(Event("ADDED", mine)))
    assert update.routes[0]["name"] == "from the client"
    # One that says nothing of it gets Linkerd's default, not the other profile's.
    assert update.retry_budget == {"retryRatio": 0.2, "minRetriesPerSecond": 10, "ttl": "10s"}
    assert made.apply(Event("MODIFIED", service_profile("shop", "changed"))) == []
    assert made.apply(Event("ADDED", service_profile("elsewhere", "x"))) == []
    update = only(made.apply(Event("DELETED", mine)))
    assert update.routes[0]["name"] == "changed"


def test_overrides_and_traffic_splits() -> None:
    made = fed(service(), name="stable-2.8.1")
    get_profile(made, f"{WEB}:80", token="ns:client")
    split = {
        "kind": "TrafficSplit",
        "metadata": {"name": "ts", "namespace": "shop"},
        "spec": {
            "service": "web-svc",
            "backends": [{"service": "v1", "weight": "900m"}, {"service": "v2", "weight": 1}],
        },
    }
    update = only(made.apply(Event("ADDED", split)))
    assert update.overrides == (
        ("v1.shop.svc.cluster.local:80", 9000),
        ("v2.shop.svc.cluster.local:80", 10_000),
    )
    profile = service_profile("shop", "r")
    profile["spec"]["dstOverrides"] = [{"authority": "v3.shop.svc.cluster.local", "weight": "2"}]
    update = only(made.apply(Event("ADDED", profile)))
    assert update.overrides == (("v3.shop.svc.cluster.local:80", 20_000),)
    made.apply(Event("DELETED", profile))
    assert only(made.apply(Event("DELETED", split))).overrides == ()


def test_opaque_services() -> None:
    marked = service(annotations={"config.linkerd.io/opaque-ports": "80"})
    assert get_profile(fed(marked), "10.0.0.1:80").opaque
    assert get_profile(fed(service()), "10.0.0.1:3306").opaque
    assert not get_profile(fed(service(), name="stable-2.8.1"), "10.0.0.1:3306").opaque


# -- owners and names ------------------------------------------------------------------------------------


def test_owners_through_replica_sets_without_the_meshs_labels() -> None:
    plain = pod("a", "10.1.0.1", meshed="")
    plain["metadata"]["labels"] = {}
    replica_set = {
        "kind": "ReplicaSet",
        "metadata": {
            "name": "web-5f",
            "namespace": "shop",
            "ownerReferences": [{"kind": "Deployment", "name": "shop-web", "controller": True}],
        },
    }
    made = fed(service(), plain, slice_of(("a", "10.1.0.1")))
    assert dict(get(made).add[0].labels)["replicaset"] == "web-5f"
    update = only(made.apply(Event("ADDED", replica_set)))
    assert dict(update.add[0].labels)["deployment"] == "shop-web"
    assert made.apply(Event("MODIFIED", replica_set)) == []


def test_jobs_are_k8s_jobs() -> None:
    worker = pod("a", "10.1.0.1")
    worker["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "import", "controller": True}]
    made = fed(service(), worker, slice_of(("a", "10.1.0.1")))
    assert dict(get(made).add[0].labels)["k8s_job"] == "import"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (WEB, Target("web-svc", "shop", 80)),
        (f"{WEB}.:8080", Target("web-svc", "shop", 8080)),
        (f"web-0.{WEB.upper()}:1", Target("web-svc", "shop", 1, "web-0")),
        ("10.0.0.1", Target("", "", 80, ip="10.0.0.1")),
        ("[fd00::1]:8080", Target("", "", 8080, ip="fd00::1")),
        ("fd00::1", Target("", "", 80, ip="fd00::1")),
    ],
)
def test_targets(path: str, target: Target) -> None:
    assert parse_target(path) == target


def test_another_domain() -> None:
    assert parse_target("a.b.svc.my.dom", "my.dom").service == "a"
    with pytest.raises(TargetError):
        parse_target("a.b.svc.cluster.local", "my.dom")


@pytest.mark.parametrize(
    ("token", "context"),
    [
        (TOKEN, Context("client", "n1", "c")),
        (TOKEN + "\n", Context("client", "n1", "c")),
        ("ns:client", Context("client")),
        ("", Context()),
        ("{", Context()),
        ("[1]", Context()),
    ],
)
def test_tokens(token: str, context: Context) -> None:
    assert Context.parse(token) == context


@pytest.mark.parametrize(
    ("port", "text", "inside"),
    [
        (25, "25", True),
        (26, "25", False),
        (85, "25, 80-90", True),
        (91, "80-90", False),
        (5, "x,-,5-x", False),
    ],
)
def test_port_lists(port: int, text: str, inside: bool) -> None:
    assert in_ports(port, text) is inside
