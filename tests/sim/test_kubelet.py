"""Kubelets: pods from binding to removal, on a real API server and network."""

from itertools import pairwise
from typing import Any

import pytest

from sim.cluster.api import BadRequest
from sim.cluster.node.pulls import Backoff
from tests.sim.clusters import Lab, Polite, Web, container, deployment, pod, ready, state

Obj = dict[str, Any]


def service_account_ready(lab: Lab) -> Lab:
    lab.run(1.0)
    return lab


@pytest.fixture
def lab() -> Lab:
    return service_account_ready(Lab(1))


def test_a_pod_runs_after_sandbox_pull_and_start(lab: Lab) -> None:
    lab.create(pod())
    began = lab.engine.now
    lab.run(10)
    found = lab.pod("p")
    assert found["status"]["phase"] == "Running"
    assert ready(found)
    assert found["status"]["podIP"].startswith("10.4.0.")
    assert found["status"]["hostIP"] == "10.128.0.2"
    # 10 ms to schedule, 0.5 s sandbox, 0.3 s + 30 MB / 50 MB/s pull, 0.3 s create and start
    first = next(r for r in lab.tables.pods if r.phase == "Running")
    assert first.t_s - began == pytest.approx(0.01 + 0.5 + 0.9 + 0.3)
    reasons = lab.reasons()
    assert reasons == sorted(reasons, key=["Scheduled", "Pulling", "Pulled", "Created", "Started"].index)


def test_an_image_is_pulled_once_a_node(lab: Lab) -> None:
    lab.create(pod("a"))
    lab.run(10)
    lab.create(pod("b"))
    lab.run(10)
    assert lab.messages("Pulling") == ['Pulling image "sleeper:v1"']
    assert 'Container image "sleeper:v1" already present on machine' in lab.messages("Pulled")


@pytest.mark.parametrize(
    ("version", "figures", "created"),
    [
        ("v1.15.12-gke.20", "", "Created container main"),
        ("v1.24.7", " in 900ms", "Created container main"),
        ("v1.28.3", " in 900ms (900ms including waiting)", "Created container main"),
        (
            "v1.32.4",
            " in 900ms (900ms including waiting). Image size: 30000000 bytes.",
            "Created container: main",
        ),
    ],
)
def test_the_kubelet_speaks_as_its_version_does(version: str, figures: str, created: str) -> None:
    lab = service_account_ready(Lab(1, version=version))
    lab.create(pod())
    lab.run(10)
    assert lab.messages("Pulled") == [f'Successfully pulled image "sleeper:v1"{figures}']
    assert lab.messages("Created") == [created]


def test_a_pull_that_waited_for_another_says_how_long(lab: Lab) -> None:
    lab.create(pod("a"))
    lab.create(pod("b", container("polite:v1")))
    lab.run(10)
    told = [text.partition(" in ")[2].partition(" including")[0] for text in lab.messages("Pulled")]
    first, second = (text.split(" (") for text in told)
    assert first == ["900ms", "900ms"]
    assert second[0] == "900ms"
    assert 1.7 < float(second[1].removesuffix("s")) <= 1.8


def test_unknown_image_backs_off_while_the_rest_of_the_pod_runs(lab: Lab) -> None:
    lab.create(pod("p", container("nowhere:v1", "bad"), container("sleeper:v1", "good")))
    seen: list[tuple[float, str]] = []
    began = lab.engine.now
    for _ in range(700):
        lab.run(0.5)
        reason = state(lab.pod("p"))["state"].get("waiting", {}).get("reason")
        if reason and (not seen or seen[-1][1] != reason):
            seen.append((lab.engine.now - began, reason))
    assert [reason for _, reason in seen[:5]] == [
        "ContainerCreating",
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImagePull",
        "ImagePullBackOff",
    ]
    failures = [when for when, reason in seen if reason == "ErrImagePull"]
    gaps = [later - earlier for earlier, later in pairwise(failures)]
    assert gaps == pytest.approx([10.3, 20.3, 40.3, 80.3, 160.3], abs=0.6)
    found = lab.pod("p")
    assert state(found, 1)["state"].keys() == {"running"}
    assert found["status"]["phase"] == "Pending"
    assert not ready(found)
    assert "Failed" in lab.reasons()


def test_a_crashing_container_restarts_at_once_then_after_10_20_40_s(lab: Lab) -> None:
    starts: list[float] = []
    crashing = container("task:v1", env=[{"name": "CODE", "value": "3"}, {"name": "SECONDS", "value": "0"}])
    lab.create(pod("p", crashing))
    last = -1
    for _ in range(4000):
        lab.run(0.1)
        statuses = lab.pod("p").get("status", {}).get("containerStatuses")
        if statuses and statuses[0]["restartCount"] != last:
            last = statuses[0]["restartCount"]
            starts.append(lab.engine.now)
        if statuses and statuses[0]["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff":
            assert statuses[0]["lastState"]["terminated"]["exitCode"] == 3
    gaps = [later - earlier for earlier, later in pairwise(starts[1:])]
    assert gaps[:4] == pytest.approx([10.3, 20.3, 40.3, 80.3], abs=0.5)
    assert lab.pod("p")["status"]["phase"] == "Running"  # restartPolicy Always never ends
    assert any(text.startswith("Back-off restarting") for text in lab.messages("BackOff"))


def test_back_off_ends_at_five_minutes_and_is_forgotten_after_ten(lab: Lab) -> None:
    backoff, now, waits = Backoff(), 0.0, []
    for _ in range(8):
        waits.append(backoff.ended(now))
        now += waits[-1] + 1.0
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.ended(now + 601) == 0
    pulls = Backoff()
    assert [pulls.failed(0.0), pulls.failed(10.0), pulls.failed(30.0)] == [10, 20, 40]


def test_init_containers_run_in_order_before_the_others(lab: Lab) -> None:
    first, second = (container("task:v1", name, env=[{"name": "SECONDS", "value": "2"}]) for name in "ab")
    lab.create(pod("p", container(), initContainers=[first, second]))
    lab.run(3)
    found = lab.pod("p")
    assert found["status"]["phase"] == "Pending"
    assert state(found, 0, "initContainerStatuses")["state"].keys() == {"running"}
    assert state(found, 1, "initContainerStatuses")["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert state(found)["state"] == {"waiting": {"reason": "PodInitializing"}}
    lab.run(12)
    found = lab.pod("p")
    assert ready(found)
    ends = [s["state"]["terminated"] for s in found["status"]["initContainerStatuses"]]
    assert [end["reason"] for end in ends] == ["Completed", "Completed"]
    assert ends[0]["finishedAt"] <= ends[1]["startedAt"]


def test_a_failing_init_container_is_retried_and_with_never_fails_the_pod(lab: Lab) -> None:
    bad = container("task:v1", "bad", env=[{"name": "CODE", "value": "1"}])
    lab.create(pod("again", container(), initContainers=[bad]))
    lab.create(pod("never", container(), initContainers=[bad], restartPolicy="Never"))
    lab.run(60)
    assert state(lab.pod("again"), 0, "initContainerStatuses")["restartCount"] >= 2
    assert lab.pod("again")["status"]["phase"] == "Pending"
    assert lab.pod("never")["status"]["phase"] == "Failed"
    assert not any(key[1] == "never" and key[2] == "main" for key in lab.programs)


def sidecar(name: str = "proxy", **more: Any) -> Obj:
    return container("web:v1", name, restartPolicy="Always", **more)


def test_native_sidecar_starts_first_counts_in_ready_and_outlives_the_app(lab: Lab) -> None:
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 120}
    lab.create(pod("p", container("sleeper:v1"), initContainers=[sidecar(startupProbe=probe)]))
    lab.run(12)
    found = lab.pod("p")
    assert ready(found)
    assert state(found, 0, "initContainerStatuses")["started"] is True
    rows = [row for row in lab.tables.pods if row.pod == "p"]
    assert rows[-1].ready == "2/2"
    proxy_started = found["status"]["initContainerStatuses"][0]["state"]["running"]["startedAt"]
    app_started = found["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    assert proxy_started < app_started  # it waited for the startup probe
    began = lab.engine.now
    lab.api.delete("pods", "p", "default", grace=10)
    lab.run(9.9)
    assert lab.program("p", "proxy").container.alive
    lab.run(2)
    assert lab.api.find("pods", "p") is None
    app, proxy = lab.program("p").container, lab.program("p", "proxy").container
    assert [line for _, line in app.logs] == ["started", "SIGTERM", "stopped"]
    assert app.logs[-1][0] <= proxy.logs[-1][0]
    assert app.logs[-1][0] == pytest.approx(began + 10)


def test_a_job_like_pod_with_a_native_sidecar_completes(lab: Lab) -> None:
    lab.create(pod("p", container("task:v1"), initContainers=[sidecar()], restartPolicy="Never"))
    lab.run(20)
    found = lab.pod("p")
    assert found["status"]["phase"] == "Succeeded"
    assert state(found, 0, "initContainerStatuses")["state"]["terminated"]["exitCode"] == 0
    assert lab.network.at(found["status"]["podIP"]) is None


def test_an_ordinary_sidecar_keeps_such_a_pod_running(lab: Lab) -> None:
    lab.create(pod("p", container("task:v1"), container("web:v1", "proxy"), restartPolicy="Never"))
    lab.run(60)
    assert lab.pod("p")["status"]["phase"] == "Running"
    assert not ready(lab.pod("p"))


def test_on_failure_restarts_until_success(lab: Lab) -> None:
    failing = container("task:v1", env=[{"name": "CODE", "value": "1"}])
    lab.create(pod("f", failing, restartPolicy="OnFailure"))
    lab.create(pod("s", container("task:v1"), restartPolicy="OnFailure"))
    lab.run(40)
    assert state(lab.pod("f"))["restartCount"] >= 2
    assert lab.pod("f")["status"]["phase"] == "Running"
    assert lab.pod("s")["status"]["phase"] == "Succeeded"
    assert state(lab.pod("s"))["restartCount"] == 0


def test_termination_uses_the_whole_grace_period_if_the_program_ignores_it(lab: Lab) -> None:
    lab.create(pod("stubborn", container("sleeper:v1")))
    lab.create(pod("polite", container("polite:v1")))
    lab.run(10)
    ip = lab.pod("stubborn")["status"]["podIP"]
    for name in ("stubborn", "polite"):
        lab.api.delete("pods", name)
    lab.run(0.1)
    assert lab.api.find("pods", "polite") is None
    assert "deletionTimestamp" in lab.pod("stubborn")["metadata"]
    lab.run(29.8)
    assert lab.program("stubborn").container.alive
    lab.run(0.2)
    assert lab.api.find("pods", "stubborn") is None
    assert lab.network.at(ip) is None
    assert not lab.program("stubborn").container.alive
    phases = [row.phase for row in lab.tables.pods if row.pod == "stubborn"]
    assert phases[-3:] == ["Terminating", "Terminating", "Deleted"] or phases[-2:] == [
        "Terminating",
        "Deleted",
    ]


def test_a_second_deletion_can_shorten_the_grace_period(lab: Lab) -> None:
    lab.create(pod("p", container("sleeper:v1")))
    lab.run(10)
    lab.api.delete("pods", "p")
    lab.run(5)
    lab.api.delete("pods", "p", grace=2)
    lab.run(2.1)
    assert lab.api.find("pods", "p") is None
    assert [line for _, line in lab.program("p").container.logs].count("SIGTERM") == 1


def test_forced_deletion_kills_at_once(lab: Lab) -> None:
    lab.create(pod("p", container("sleeper:v1")))
    lab.run(10)
    running = lab.program("p").container
    lab.api.delete("pods", "p", grace=0)
    lab.run(0.1)
    assert lab.api.find("pods", "p") is None
    assert not running.alive
    assert lab.kubelets["node-0"].workers == {}


def test_pre_stop_sleep_comes_before_sigterm_and_counts_in_the_grace_period(lab: Lab) -> None:
    hook = {"preStop": {"exec": {"command": ["/bin/sleep", "7"]}}}
    lab.create(pod("p", container("polite:v1", lifecycle=hook)))
    lab.run(10)
    lab.api.delete("pods", "p")
    lab.run(6.9)
    assert lab.program("p").container.alive
    lab.run(0.2)
    assert lab.api.find("pods", "p") is None


def test_containers_start_one_after_the_other_with_their_post_start_hooks(lab: Lab) -> None:
    slow = container("web:v1", "proxy", lifecycle={"postStart": {"exec": {"command": ["sleep", "5"]}}})
    lab.create(pod("p", slow, container("polite:v1", "app")))
    lab.run(5)
    assert not any(key[2] == "app" for key in lab.programs)
    assert not state(lab.pod("p"), 1)["ready"]
    lab.run(6)
    assert ready(lab.pod("p"))


def test_kill_hooks_and_previous_logs(lab: Lab) -> None:
    lab.create(pod("p", container("sleeper:v1")))
    kubelet = lab.kubelets["node-0"]
    lab.run(0.1)
    with pytest.raises(BadRequest, match="is waiting to start: ContainerCreating"):
        kubelet.logs("default", "p", "main")
    lab.run(10)
    assert [line for _, line in kubelet.logs("default", "p", "main")] == ["started"]
    with pytest.raises(BadRequest, match="previous terminated container"):
        kubelet.logs("default", "p", "main", previous=True)
    assert kubelet.kill_container("default", "p", "main", oom=True)
    assert state(lab.pod("p"))["state"]["terminated"]["reason"] == "OOMKilled"
    assert not kubelet.kill_container("default", "p", "main")
    lab.run(5)
    assert [line for _, line in kubelet.logs("default", "p", "main", previous=True)] == ["started", "stopped"]
    assert state(lab.pod("p"))["restartCount"] == 1
    assert kubelet.container("default", "p", "main") is not None


class Greedy(Polite):
    """Wants a port that is taken."""

    def start(self) -> None:
        self.container.pod.net.listen(8080, None)  # type: ignore[arg-type]


def test_a_program_that_cannot_have_its_port_logs_it_and_exits(lab: Lab) -> None:
    lab.images.add("greedy", lab.remembering(Greedy))
    lab.create(pod("p", container("web:v1", "first"), container("greedy:v1", "second")))
    lab.run(10)
    found = lab.pod("p")
    assert state(found, 0)["state"].keys() == {"running"}
    assert state(found, 1)["restartCount"] >= 1
    assert state(found, 1)["lastState"]["terminated"]["exitCode"] == 1
    (_, line), *_ = lab.kubelets["node-0"].logs("default", "p", "second")
    assert line.endswith("bind: address already in use")


def test_another_image_restarts_the_container(lab: Lab) -> None:
    lab.create(pod("p", container("polite:v1")))
    lab.run(10)
    lab.patch("pods", "p", {"spec": {"containers": [{"name": "main", "image": "web:v2"}]}})
    lab.run(10)
    assert state(lab.pod("p"))["image"] == "web:v2"
    assert state(lab.pod("p"))["restartCount"] == 1
    assert isinstance(lab.program("p"), Web)
    assert "Container main definition changed, will be restarted" in lab.messages("Killing")


def test_status_is_written_only_when_it_changed(lab: Lab) -> None:
    lab.create(pod("p", container("web:v1", readinessProbe={"httpGet": {"port": 8080}, "periodSeconds": 1})))
    lab.run(30)
    before = lab.pod("p")
    lab.run(300)
    assert lab.pod("p") is before


def test_an_idle_cluster_costs_nothing_without_probes(lab: Lab) -> None:
    lab.create(pod("p", container("sleeper:v1")))
    lab.run(60)
    assert lab.idles(3600)


def test_two_runs_are_equal() -> None:
    def run() -> tuple[Any, ...]:
        lab = service_account_ready(Lab(3, seed=5))
        for index in range(6):
            lab.create(pod(f"p{index}", container("task:v1", env=[{"name": "CODE", "value": "1"}])))
        lab.run(100)
        return tuple(lab.tables.pods), tuple(lab.tables.events), lab.pods()

    assert run() == run()


def test_a_failed_machine_is_unreachable_and_its_pods_move() -> None:
    lab = service_account_ready(Lab(2))
    lab.create(deployment("web", 2))
    lab.run(20)
    lost = next(iter(lab.pods()))
    name = lost["spec"]["nodeName"]
    lab.kubelets[name].fail()
    lab.run(39)
    assert ready(lab.pod(lost["metadata"]["name"]))  # nobody knows yet
    lab.run(2)
    assert not ready(lab.pod(lost["metadata"]["name"]))
    taints = lab.api.get("nodes", name)["spec"]["taints"]
    assert {taint["key"] for taint in taints} == {"node.kubernetes.io/unreachable"}
    lab.run(310)
    moved = [p for p in lab.pods() if "deletionTimestamp" not in p["metadata"]]
    assert len(moved) == 2
    assert {p["spec"]["nodeName"] for p in moved}.isdisjoint({name})
    lab.kubelets[name].recover()
    lab.run(60)
    assert len(lab.pods()) == 2
    assert "taints" not in lab.api.get("nodes", name)["spec"]
