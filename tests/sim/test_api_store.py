"""The store: versions, generations, selectors, watches and what they see of changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cluster.api import BadRequest, Conflict, Expired, NotFound, UnknownResource, WatchEvent, clone
from sim.cluster.api.selectors import matches_labels, matches_selector, parse_labels
from sim.cluster.api.store import REMEMBERED
from tests.sim.api_harness import ApiBench, config, deployment, pod, service


def test_every_write_has_the_next_number_and_a_write_of_the_same_none() -> None:
    bench = ApiBench()
    first = bench.create(config(a="1"))
    assert first["metadata"]["resourceVersion"] == str(bench.api.resource_version)
    before = bench.api.resource_version
    assert bench.run(bench.api.update(clone(first))) is first
    assert bench.patch("cm", "settings", {"data": {"a": "1"}}) is first
    assert bench.api.replace_now(clone(first)) is first
    assert bench.api.resource_version == before
    changed = bench.patch("cm", "settings", {"data": {"a": "2"}})
    assert changed["metadata"]["resourceVersion"] == str(before + 1)
    assert first["data"] == {"a": "1"}, "a stored object is never changed in place"


def test_generation_counts_changes_of_spec_only() -> None:
    bench = ApiBench()
    made = bench.create(deployment())
    assert made["metadata"]["generation"] == 1
    bench.patch("deploy", "web", {"metadata": {"annotations": {"note": "x"}}})
    bench.api.set_status("deploy", "web", "shop", {"readyReplicas": 1})
    assert bench.api.get("deploy", "web", "shop")["metadata"]["generation"] == 1
    assert bench.patch("deploy", "web", {"spec": {"replicas": 4}})["metadata"]["generation"] == 2
    assert "generation" not in bench.create(pod())["metadata"]


def test_status_is_written_through_its_own_door_only() -> None:
    bench = ApiBench()
    bench.create(deployment() | {"status": {"readyReplicas": 9}})
    made = bench.api.get("deploy", "web", "shop")
    assert made["status"] == {}
    bench.api.set_status("deployments.apps", "web", "shop", {"readyReplicas": 1})
    stale = clone(bench.api.get("deploy", "web", "shop"))
    stale["status"] = {"readyReplicas": 7}
    stale["spec"]["replicas"] = 3
    kept = bench.api.replace_now(stale)
    assert (kept["status"], kept["spec"]["replicas"]) == ({"readyReplicas": 1}, 3)
    bench.patch(
        "deploy", "web", {"status": {"readyReplicas": 2}, "spec": {"replicas": 9}}, subresource="status"
    )
    after = bench.api.get("deploy", "web", "shop")
    assert (after["status"], after["spec"]["replicas"]) == ({"readyReplicas": 2}, 3)
    version = bench.api.resource_version
    assert bench.api.set_status("deploy", "web", "shop", {"readyReplicas": 2}) is after
    assert bench.api.resource_version == version


def test_the_store_keeps_no_object_of_the_caller() -> None:
    bench = ApiBench()
    mine = config(a="1")
    bench.create(mine)
    mine["data"]["a"] = "changed"
    assert bench.api.get("cm", "settings", "shop")["data"] == {"a": "1"}
    status = {"phase": "Running"}
    bench.create(pod())
    bench.api.set_status("pods", "web-1", "shop", status)
    status["phase"] = "Failed"
    assert bench.api.get("pods", "web-1", "shop")["status"] == {"phase": "Running"}


def test_stale_versions_conflict() -> None:
    bench = ApiBench()
    stale = clone(bench.create(config(a="1")))
    bench.patch("cm", "settings", {"data": {"a": "2"}})
    with pytest.raises(
        Conflict, match="the object has been modified; please apply your changes to the latest"
    ):
        bench.run(bench.api.update(stale))
    with pytest.raises(Conflict):
        bench.api.replace_now(stale)
    version = stale["metadata"]["resourceVersion"]
    error = bench.refused(
        bench.api.patch("cm", "settings", "shop", {"metadata": {"resourceVersion": version}}, "merge")
    )
    assert (error.reason, error.code) == ("Conflict", 409)
    del stale["metadata"]["resourceVersion"]
    assert bench.run(bench.api.update(stale))["data"] == {"a": "1"}


def test_lists_are_sorted_and_selected() -> None:
    bench = ApiBench()
    bench.namespace("bank")
    for namespace, name, tier in (("shop", "b", "x"), ("shop", "a", "y"), ("bank", "c", "x")):
        made = pod(name, {"tier": tier})
        made["metadata"]["namespace"] = namespace
        bench.create(made)
    bench.api.set_status("pods", "a", "shop", {"phase": "Running"})

    def names(namespace: str | None = None, **selectors: str) -> list[str]:
        return [obj["metadata"]["name"] for obj in bench.api.list("po", namespace, **selectors)]

    assert names() == ["c", "a", "b"]
    assert names("shop") == ["a", "b"]
    assert names(labels="tier=x") == ["c", "b"]
    assert names(labels="tier in (x, z),!other") == ["c", "b"]
    assert names(labels="tier notin (x)") == ["a"]
    assert names(fields="status.phase!=Running") == ["c", "b"]
    assert names(fields="metadata.namespace=shop,metadata.name=b") == ["b"]
    with pytest.raises(BadRequest, match="field label not supported"):
        names(fields="spec.colour=red")
    with pytest.raises(BadRequest, match="unable to parse requirement"):
        names(labels="a=b,,(")


def test_a_watcher_sees_objects_enter_and_leave_its_selector() -> None:
    bench = ApiBench()
    bench.create(pod("old"))
    seen: list[tuple[str, str]] = []

    def note(event: WatchEvent) -> None:
        seen.append((event.type, event.object["metadata"]["name"]))

    watch = bench.api.watch("pods", note, labels="app=web")
    everything: list[str] = []
    bench.api.watch("pods", lambda event: everything.append(event.type), initial=False)
    bench.create(pod("new", {"app": "other"}))
    bench.patch("po", "new", {"metadata": {"labels": {"app": "web"}}})
    bench.patch("po", "new", {"metadata": {"labels": {"x": "y"}}})
    bench.patch("po", "new", {"metadata": {"labels": {"app": "other"}}})
    bench.api.delete("po", "new", "shop")
    bench.api.delete("po", "old", "shop")
    assert seen == [
        ("ADDED", "old"),
        ("ADDED", "new"),
        ("MODIFIED", "new"),
        ("DELETED", "new"),
        ("DELETED", "old"),
    ]
    assert everything == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED", "DELETED"]
    watch.stop()
    watch.stop()
    bench.create(pod("late"))
    assert len(seen) == 5


def test_events_carry_the_object_before_the_change() -> None:
    bench = ApiBench()
    events: list[WatchEvent] = []
    bench.api.watch("cm", events.append, initial=False)
    first = bench.create(config(a="1"))
    second = bench.patch("cm", "settings", {"data": {"a": "2"}})
    bench.api.delete("cm", "settings", "shop")
    added, changed, deleted = events
    assert (added.old, changed.old, deleted.old) == (None, first, second)
    assert changed.object is second
    assert deleted.resource_version == bench.api.resource_version > changed.resource_version
    assert changed.resource == "configmaps"


def test_writes_inside_a_watcher_reach_everybody_in_order() -> None:
    bench = ApiBench()
    first: list[str] = []
    second: list[str] = []

    def answer(event: WatchEvent) -> None:
        first.append(event.object["data"]["n"])
        if event.object["data"]["n"] == "1":
            bench.api.replace_now(config(n="2"))

    bench.api.watch("cm", answer, initial=False)
    bench.api.watch("cm", lambda event: second.append(event.object["data"]["n"]), initial=False)
    bench.create(config(n="1"))
    assert first == second == ["1", "2"]


def test_a_watch_begun_inside_a_watcher_sees_each_object_once() -> None:
    bench = ApiBench()
    seen: list[str] = []

    def begin(event: WatchEvent) -> None:
        if event.object["metadata"]["name"] == "go":
            bench.api.create_now(config("made"))
            bench.api.watch("cm", lambda inner: seen.append(inner.object["metadata"]["name"]))

    bench.api.watch("cm", begin, initial=False)
    bench.create(config("go"))
    shop = [name for name in seen if name in ("go", "made")]
    assert sorted(shop) == ["go", "made"]


def test_history_replays_what_it_remembers() -> None:
    bench = ApiBench()
    start = bench.api.resource_version
    bench.create(pod("a"))
    middle = bench.api.resource_version
    bench.patch("po", "a", {"metadata": {"labels": {"app": "other"}}})
    assert [event.type for event in bench.api.history("po", start)] == ["ADDED", "MODIFIED"]
    assert [event.type for event in bench.api.history("po", middle)] == ["MODIFIED"]
    assert [event.type for event in bench.api.history("po", middle, labels="app=web")] == ["DELETED"]
    for number in range(REMEMBERED):
        bench.api.set_status("pods", "a", "shop", {"n": number})
    with pytest.raises(Expired, match="too old resource version"):
        bench.api.history("po", start)


def test_words_for_resources() -> None:
    api = ApiBench().api
    for word in ("po", "pods", "pod", "Pod", "pods.v1."):
        assert api.resource(word).key == "pods"
    for word in ("deploy", "deployments.apps", "Deployment", "deployment.v1.apps"):
        assert api.resource(word).key == "deployments.apps"
    assert api.resource("pods.metrics.k8s.io").kind == "PodMetrics"
    with pytest.raises(
        UnknownResource, match=r'the server doesn\'t have a resource type "pdos" \(did you mean "pods"'
    ):
        api.resource("pdos")
    with pytest.raises(NotFound, match=r'^deployments\.apps "x" not found$'):
        api.get("deploy", "x", "shop")
    with pytest.raises(NotFound, match=r'^pods "x" not found$'):
        api.get("po", "x", "shop")


@pytest.mark.parametrize(
    ("version", "served", "missing"),
    [
        (
            "v1.15.12-gke.20",
            {"crd": "v1beta1", "cj": "v1beta1", "psp": "v1beta1", "mutatingwebhookconfigurations": "v1beta1"},
            ("endpointslices", "ingressclasses"),
        ),
        ("v1.18.0", {"crd": "v1", "endpointslices": "v1beta1", "hpa": "v1"}, ("ingressclasses",)),
        ("v1.25.3", {"crd": "v1", "endpointslices": "v1", "hpa": "v2", "cj": "v1"}, ("psp",)),
    ],
)
def test_a_clusters_version_decides_what_it_serves(
    version: str, served: dict[str, str], missing: tuple[str, ...]
) -> None:
    api = ApiBench(version).api
    assert {word: api.resource(word).version for word in served} == served
    for word in missing:
        with pytest.raises(UnknownResource):
            api.resource(word)


def test_an_unknown_version_of_a_known_kind_names_the_served_one() -> None:
    bench = ApiBench("v1.15.12-gke.20")
    error = bench.refused(bench.api.create({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {}}))
    assert error.message == (
        'no matches for kind "CronJob" in version "batch/v1" (this cluster serves CronJob as batch/v1beta1)'
    )
    old = deployment() | {"apiVersion": "extensions/v1beta1"}
    assert bench.create(old)["apiVersion"] == "apps/v1"


def test_two_servers_with_one_seed_are_equal() -> None:
    def story(seed: int) -> list[object]:
        bench = ApiBench(seed=seed)
        made = [bench.create(deployment()), bench.create(service())]
        unnamed = pod()
        unnamed["metadata"] = {"generateName": "web-79db6f4548-", "namespace": "shop"}
        return [*made, bench.create(unnamed)]

    assert story(1) == story(1)
    assert story(1) != story(2)


KEYS, VALUES = st.sampled_from("abc"), st.sampled_from(["x", "y", "z"])


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES), KEYS, st.sets(VALUES, min_size=1))
@settings(max_examples=200, deadline=None)
def test_text_and_object_selectors_agree(
    labels: dict[str, str], equal: dict[str, str], key: str, values: set[str]
) -> None:
    among = ",".join(sorted(values))
    for operator, text in (("In", f"{key} in ({among})"), ("NotIn", f"{key} notin ({among})")):
        terms = [f"{name}={value}" for name, value in equal.items()] + [text]
        selector = {
            "matchLabels": equal,
            "matchExpressions": [{"key": key, "operator": operator, "values": sorted(values)}],
        }
        assert matches_labels(parse_labels(",".join(terms)), labels) == matches_selector(selector, labels)
