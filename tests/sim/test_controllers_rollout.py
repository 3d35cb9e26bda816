"""Deployments and ReplicaSets: rolling updates within their limits, history, pauses, failures."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.cluster.controllers.workloads.revisions import REVISION
from sim.cluster.controllers.workloads.rollout import Rolling, SetSize, proportions, resolve, scale_down_old
from tests.sim.clusters import Lab, deployment, ready

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(3)
    made.run(1.0)
    return made


def sets(lab: Lab, name: str = "web") -> dict[str, Obj]:
    """ReplicaSets by revision."""
    found = lab.api.list("replicasets.apps", "default", labels=f"app={name}")
    return {rs["metadata"]["annotations"][REVISION]: rs for rs in found}


def image(value: str) -> Obj:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": value}]}}}}


def condition(obj: Obj, kind: str) -> Obj:
    return next((c for c in obj["status"].get("conditions") or () if c["type"] == kind), {})


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "limits"),
    [
        (4, "25%", "25%", (1, 1)),
        (1, "25%", "25%", (1, 0)),
        (10, "25%", "25%", (3, 2)),
        (3, 0, 0, (0, 1)),
        (3, 0, "10%", (0, 1)),
        (7, 2, 3, (2, 3)),
        (2, 1, 5, (1, 2)),
    ],
)
def test_percentages_round_as_kubernetes_does(
    replicas: int, surge: int | str, unavailable: int | str, limits: tuple[int, int]
) -> None:
    found = resolve(replicas, surge, unavailable)
    assert (found.surge, found.unavailable) == limits


def test_broken_old_pods_go_first() -> None:
    olds = [SetSize("a", 3, 1), SetSize("b", 2, 2)]
    limits = Rolling(5, 2, 1)
    # 7 pods, at least 4 available; new: 2 wanted, 2 available
    assert scale_down_old(limits, SetSize("n", 2, 2), olds) == {"a": 0}
    assert scale_down_old(limits, SetSize("n", 2, 0), olds) == {"a": 2}


def test_scaling_in_mid_rollout_keeps_proportions() -> None:
    sizes = [SetSize("old", 8, 8), SetSize("new", 5, 5)]
    assert proportions(sizes, 13, 19) == {"old": 12, "new": 7}
    assert proportions(sizes, 13, 13) == {"old": 8, "new": 5}
    assert sum(proportions(sizes, 13, 7).values()) == 7


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    replicas=st.integers(1, 7),
    surge=st.one_of(st.integers(0, 3), st.sampled_from(["0%", "25%", "50%", "100%"])),
    unavailable=st.one_of(st.integers(0, 3), st.sampled_from(["0%", "25%", "50%", "100%"])),
    program=st.sampled_from(["polite", "web"]),
)
def test_a_rolling_update_never_leaves_its_limits(
    replicas: int, surge: int | str, unavailable: int | str, program: str
) -> None:
    if str(surge).rstrip("%") == "0" and str(unavailable).rstrip("%") == "0":
        surge = 1  # both zero are refused by the API
    lab = Lab(3)
    lab.run(1)
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    made = deployment("web", replicas, f"{program}:v1", strategy={"rollingUpdate": rolling})
    if program == "web":
        probe = {"httpGet": {"port": 8080}, "periodSeconds": 3}
        made["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    lab.create(made)
    lab.run(20)
    limits = resolve(replicas, surge, unavailable)
    bad: list[str] = []

    def watch(event: Any) -> None:
        living = [p for p in lab.pods() if "deletionTimestamp" not in p["metadata"]]
        able = sum(ready(p) for p in living)
        if able < replicas - limits.unavailable:
            bad.append(f"{lab.engine.now}: {able} available")
        if len(living) > replicas + limits.surge:
            bad.append(f"{lab.engine.now}: {len(living)} pods")

    lab.api.watch("pods", watch, initial=False)
    lab.patch("deployments.apps", "web", image(f"{program}:v2"))
    lab.run(200)
    assert bad == []
    status = lab.api.get("deployments.apps", "web")["status"]
    assert status["updatedReplicas"] == status["availableReplicas"] == status["replicas"] == replicas
    assert "unavailableReplicas" not in status
    images = {p["spec"]["containers"][0]["image"] for p in lab.pods()}
    assert images == {f"{program}:v2"}


def test_conditions_and_counts_of_a_finished_rollout(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(0.1)
    early = lab.api.get("deployments.apps", "web")
    assert condition(early, "Available")["status"] == "False"
    assert condition(early, "Progressing")["reason"] in ("NewReplicaSetCreated", "ReplicaSetUpdated")
    assert early["status"]["unavailableReplicas"] == 2
    lab.run(10)
    found = lab.api.get("deployments.apps", "web")
    assert condition(found, "Available")["reason"] == "MinimumReplicasAvailable"
    progressing = condition(found, "Progressing")
    assert progressing["reason"] == "NewReplicaSetAvailable"
    name = sets(lab)["1"]["metadata"]["name"]
    assert progressing["message"] == f'ReplicaSet "{name}" has successfully progressed.'
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"] == 1
    assert lab.messages("ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 2"]
    assert name == f"web-{sets(lab)['1']['spec']['selector']['matchLabels']['pod-template-hash']}"


@pytest.mark.parametrize(
    ("version", "up", "down"),
    [
        ("v1.15.12-gke.20", "up replica set {} to 2", "down replica set {} to 1"),
        ("v1.28.3", "up replica set {} to 2", "down replica set {} to 1 from 2"),
        ("v1.32.4", "up replica set {} from 0 to 2", "down replica set {} from 2 to 1"),
    ],
)
def test_scaling_is_told_in_the_words_of_the_version(version: str, up: str, down: str) -> None:
    lab = Lab(version=version)
    lab.create(deployment("web", 2))
    lab.run(10)
    lab.patch("deployments.apps", "web", {"spec": {"replicas": 1}})
    lab.run(10)
    name = sets(lab)["1"]["metadata"]["name"]
    assert lab.messages("ScalingReplicaSet") == [f"Scaled {way.format(name)}" for way in (up, down)]


def test_undo_reuses_the_replica_set_and_renumbers_it(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(20)
    first = sets(lab)["1"]["metadata"]
    lab.patch("deployments.apps", "web", image("polite:v2"))
    lab.run(30)
    lab.patch("deployments.apps", "web", image("polite:v3"))
    lab.run(30)
    assert sorted(sets(lab)) == ["1", "2", "3"]
    lab.patch("deployments.apps", "web", image("polite:v1"))
    lab.run(30)
    assert sorted(sets(lab)) == ["2", "3", "4"]
    again = sets(lab)["4"]["metadata"]
    assert again["uid"] == first["uid"]
    assert again["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert lab.api.get("deployments.apps", "web")["metadata"]["annotations"][REVISION] == "4"
    assert {p["metadata"]["labels"]["pod-template-hash"] for p in lab.pods()} == {first["name"][4:]}


def test_the_revision_annotation_comes_back(lab: Lab) -> None:
    lab.create(deployment("web"))
    lab.run(20)
    lab.patch("deployments.apps", "web", {"metadata": {"annotations": {REVISION: None}}})
    lab.run(1)
    assert lab.api.get("deployments.apps", "web")["metadata"]["annotations"][REVISION] == "1"
    assert len(sets(lab)) == 1


def test_a_no_op_apply_changes_nothing_and_status_is_quiet(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(20)
    before = [lab.api.list("deployments.apps"), lab.api.list("replicasets.apps"), lab.pods()]
    lab.patch("deployments.apps", "web", image("polite:v1"))
    lab.run(900)
    assert [lab.api.list("deployments.apps"), lab.api.list("replicasets.apps"), lab.pods()] == before
    assert lab.idles(3600)


def test_restart_annotation_makes_a_new_set(lab: Lab) -> None:
    lab.create(deployment("web"))
    lab.run(20)
    old = {p["metadata"]["name"] for p in lab.pods()}
    at = {"kubectl.kubernetes.io/restartedAt": "2020-07-15T09:00:00Z"}
    lab.patch("deployments.apps", "web", {"spec": {"template": {"metadata": {"annotations": at}}}})
    lab.run(30)
    assert sorted(sets(lab)) == ["1", "2"]
    assert old.isdisjoint(p["metadata"]["name"] for p in lab.pods())


def test_recreate_waits_until_the_old_pods_are_gone(lab: Lab) -> None:
    lab.create(deployment("web", 2, "sleeper:v1", strategy={"type": "Recreate", "rollingUpdate": None}))
    lab.run(20)
    lab.patch("deployments.apps", "web", image("sleeper:v2"))
    images: set[frozenset[str]] = set()
    for _ in range(400):
        lab.run(0.1)
        images.add(frozenset(p["spec"]["containers"][0]["image"] for p in lab.pods()))
    assert frozenset({"sleeper:v1", "sleeper:v2"}) not in images
    lab.run(10)
    assert [ready(p) for p in lab.pods()] == [True, True]
    assert {p["spec"]["containers"][0]["image"] for p in lab.pods()} == {"sleeper:v2"}


def test_pause_holds_the_template_but_not_the_scale(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(20)
    lab.patch("deployments.apps", "web", {"spec": {"paused": True}})
    lab.patch("deployments.apps", "web", image("polite:v2"))
    lab.scale("web", 4)
    lab.run(20)
    assert list(sets(lab)) == ["1"]
    assert sum(map(ready, lab.pods())) == 4
    assert condition(lab.api.get("deployments.apps", "web"), "Progressing")["reason"] == "DeploymentPaused"
    lab.patch("deployments.apps", "web", {"spec": {"paused": None}})
    lab.run(30)
    assert {p["spec"]["containers"][0]["image"] for p in lab.pods()} == {"polite:v2"}


def test_scaling_up_and_down(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(20)
    old = {p["metadata"]["name"] for p in lab.pods()}
    lab.scale("web", 5)
    lab.run(10)
    assert sum(map(ready, lab.pods())) == 5
    lab.scale("web", 2)
    lab.run(10)
    assert {p["metadata"]["name"] for p in lab.pods()} == old  # the newest went
    lab.scale("web", 0)
    lab.run(10)
    assert lab.pods() == []
    assert lab.api.get("deployments.apps", "web")["status"].get("replicas", 0) == 0


def test_a_stuck_rollout_keeps_the_old_pods_and_passes_its_deadline(lab: Lab) -> None:
    lab.create(deployment("web", 4, progressDeadlineSeconds=60))
    lab.run(20)
    lab.patch("deployments.apps", "web", image("nowhere:v1"))
    lab.run(50)
    assert sum(map(ready, lab.pods())) == 3
    found = lab.api.get("deployments.apps", "web")
    assert condition(found, "Progressing")["status"] == "True"
    lab.run(20)
    found = lab.api.get("deployments.apps", "web")
    progressing = condition(found, "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert "has timed out progressing." in progressing["message"]
    lab.patch("deployments.apps", "web", image("polite:v1"))
    lab.run(30)
    found = lab.api.get("deployments.apps", "web")
    assert condition(found, "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_scaling_a_stuck_rollout_is_proportional(lab: Lab) -> None:
    # The example of Kubernetes' documentation on proportional scaling: 10 replicas, surge 3, unavailable 2.
    lab.create(deployment("web", 10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}))
    lab.run(20)
    lab.patch("deployments.apps", "web", image("nowhere:v1"))
    lab.run(20)
    assert [sets(lab)[r]["spec"]["replicas"] for r in "12"] == [8, 5]
    lab.scale("web", 15)
    lab.run(20)
    assert [sets(lab)[r]["spec"]["replicas"] for r in "12"] == [11, 7]


def test_old_sets_beyond_the_history_limit_go(lab: Lab) -> None:
    lab.create(deployment("web", 1, revisionHistoryLimit=2))
    for version in range(2, 7):
        lab.run(20)
        lab.patch("deployments.apps", "web", image(f"polite:v{version}"))
    lab.run(20)
    assert sorted(sets(lab)) == ["4", "5", "6"]


def test_min_ready_seconds_delays_availability(lab: Lab) -> None:
    lab.create(deployment("web", 1, minReadySeconds=30))
    lab.run(20)
    status = lab.api.get("deployments.apps", "web")["status"]
    assert status["readyReplicas"] == 1
    assert "availableReplicas" not in status
    lab.run(20)
    assert lab.api.get("deployments.apps", "web")["status"]["availableReplicas"] == 1


def test_a_refused_pod_is_told_and_tried_again(lab: Lab) -> None:
    made = deployment("web", 3)
    made["spec"]["template"]["spec"]["serviceAccountName"] = "missing"
    lab.create(made)
    lab.run(5)
    assert lab.pods() == []
    text = 'error looking up service account default/missing: serviceaccount "missing" not found'
    assert any(text in message for message in lab.messages("FailedCreate"))
    failure = condition(lab.api.get("deployments.apps", "web"), "ReplicaFailure")
    assert failure["reason"] == "FailedCreate"
    lab.create(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "missing", "namespace": "default"},
        }
    )
    lab.run(20)
    assert sum(map(ready, lab.pods())) == 3
    assert condition(lab.api.get("deployments.apps", "web"), "ReplicaFailure") == {}


def test_a_pod_whose_label_is_taken_away_is_released_and_replaced(lab: Lab) -> None:
    lab.create(deployment("web", 2))
    lab.run(20)
    quarantined = lab.pods()[0]["metadata"]["name"]
    lab.patch("pods", quarantined, {"metadata": {"labels": {"app": "quarantine"}}})
    lab.run(10)
    assert len(lab.pods(labels="app=web")) == 2
    assert not lab.pod(quarantined)["metadata"].get("ownerReferences")
    lab.patch("pods", quarantined, {"metadata": {"labels": {"app": "web"}}})
    lab.run(20)
    assert len(lab.pods()) == 2  # adopted again, one too many went


def test_deleting_a_pod_brings_another(lab: Lab) -> None:
    lab.create(deployment("web"))
    lab.run(20)
    old = lab.pods()[0]["metadata"]["name"]
    lab.api.delete("pods", old)
    lab.run(10)
    assert [p["metadata"]["name"] != old and ready(p) for p in lab.pods()] == [True]


def test_two_runs_are_equal() -> None:
    def run() -> tuple[Any, ...]:
        lab = Lab(3, seed=7)
        lab.run(1)
        lab.create(deployment("web", 4))
        lab.run(20)
        lab.patch("deployments.apps", "web", image("polite:v2"))
        lab.run(40)
        return tuple(lab.tables.pods), tuple(lab.tables.events), lab.pods(), lab.api.list("endpoints")

    assert run() == run()


def test_names_are_drawn_from_a_stream_of_their_own() -> None:
    names = []
    for extra in (False, True):
        lab = Lab(3, seed=3)
        lab.run(1)
        if extra:
            lab.engine.stream("something", "else").random()
        lab.create(deployment("web", 2))
        lab.run(10)
        names.append([p["metadata"]["name"] for p in lab.pods()])
    assert names[0] == names[1]


def test_hash_ignores_the_hash_label_and_timestamp(lab: Lab) -> None:
    made = deployment("web")
    made["spec"]["template"]["metadata"]["creationTimestamp"] = None
    lab.create(made)
    lab.create(deployment("other"))
    lab.run(10)
    lab.patch("deployments.apps", "web", {"spec": {"template": {"metadata": {"creationTimestamp": None}}}})
    lab.run(10)
    assert len(sets(lab)) == 1
