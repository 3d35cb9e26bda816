"""Probes are real requests: they flip readiness, restart, and hold others back."""

from typing import Any

import pytest

from mesh.messages import Peer, Request, Response
from sim.programs.task import Pause
from tests.sim.clusters import Lab, Web, container, pod, ready, state

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(1)
    made.run(1.0)
    return made


def get(path: str = "/", **more: Any) -> Obj:
    return {"httpGet": {"path": path, "port": 8080}, **more}


def test_readiness_follows_the_answers_with_thresholds(lab: Lab) -> None:
    lab.create(pod("p", container("web:v1", readinessProbe=get(periodSeconds=2, failureThreshold=3))))
    lab.run(10)
    assert ready(lab.pod("p"))
    lab.program("p").answers["/"] = 503
    lab.run(3.9)
    assert ready(lab.pod("p"))  # at most two failures so far
    lab.run(3)
    found = lab.pod("p")
    assert not ready(found)
    assert state(found)["restartCount"] == 0
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in lab.messages("Unhealthy")
    conditions = {c["type"]: c for c in found["status"]["conditions"]}
    assert conditions["Ready"]["reason"] == "ContainersNotReady"
    assert conditions["Ready"]["message"] == "containers with unready status: [main]"
    assert conditions["Ready"]["lastTransitionTime"] > conditions["PodScheduled"]["lastTransitionTime"]
    lab.program("p").answers["/"] = 204
    lab.run(2.1)
    assert ready(lab.pod("p"))


def test_a_pod_without_a_listener_is_not_ready_and_says_so(lab: Lab) -> None:
    lab.create(pod("p", container("sleeper:v1", readinessProbe=get(periodSeconds=1))))
    lab.run(10)
    assert not ready(lab.pod("p"))
    ip = lab.pod("p")["status"]["podIP"]
    text = f'Readiness probe failed: Get "http://{ip}:8080/": dial tcp {ip}:8080: connect: connection refused'
    assert text in lab.messages("Unhealthy")


def test_liveness_restarts_after_its_threshold_with_the_grace_period(lab: Lab) -> None:
    probe = get("/live", periodSeconds=5, failureThreshold=2)
    lab.create(pod("p", container("web:v1", livenessProbe=probe)))
    lab.run(20)
    assert state(lab.pod("p"))["restartCount"] == 0
    first = lab.program("p")
    first.answers["/live"] = 500
    lab.run(16)
    assert not first.container.alive
    assert "Container main failed liveness probe, will be restarted" in lab.messages("Killing")
    lab.run(3)
    found = lab.pod("p")
    assert state(found)["restartCount"] == 1
    assert state(found)["lastState"]["terminated"]["exitCode"] == 0
    assert ready(found)


def test_startup_probe_holds_the_others_back(lab: Lab) -> None:
    main = container(
        "web:v1",
        startupProbe=get("/started", periodSeconds=1, failureThreshold=30),
        livenessProbe=get("/live", periodSeconds=1, failureThreshold=1),
        readinessProbe=get("/ready", periodSeconds=1),
    )
    lab.images.add("slow", lab.remembering(Slow))
    lab.create(pod("p", {**main, "image": "slow:v1"}))
    lab.run(12)
    found = lab.pod("p")
    assert state(found)["started"] is False
    assert state(found)["restartCount"] == 0  # liveness would have killed it
    program = lab.program("p")
    assert "/live" not in program.asked
    program.answers.update({"/started": 200, "/live": 200, "/ready": 200})
    lab.run(2.5)
    assert ready(lab.pod("p"))
    assert {"/live", "/ready"} <= set(program.asked)
    asked = len(program.asked)
    lab.run(5)
    assert "/started" not in program.asked[asked:]


class Slow(Web):
    """Not started, alive or ready until it is told so; remembers what it was asked."""

    def __init__(self, container: Any) -> None:
        super().__init__(container)
        self.answers = {"/": 500}
        self.asked: list[str] = []

    def handle(self, request: Request, peer: Peer) -> Response:
        self.asked.append(request.path)
        return super().handle(request, peer)


def test_a_startup_probe_that_never_succeeds_restarts(lab: Lab) -> None:
    lab.images.add("slow", lab.remembering(Slow))
    lab.create(pod("p", container("slow:v1", startupProbe=get(periodSeconds=1, failureThreshold=3))))
    lab.run(12)
    assert state(lab.pod("p"))["restartCount"] >= 1
    assert any("failed startup probe" in text for text in lab.messages("Killing"))


def test_beats_count_from_the_pods_arrival_and_skip_the_delay(lab: Lab) -> None:
    lab.images.add("slow", lab.remembering(Slow))
    began = lab.engine.now + 0.01  # scheduled
    probe = get("/ready", initialDelaySeconds=2, periodSeconds=10)
    lab.create(pod("p", container("slow:v1", readinessProbe=probe)))
    lab.run(9.9)
    assert lab.program("p").asked == []
    lab.run(0.2)
    assert lab.program("p").asked == ["/ready"]
    assert lab.engine.now == pytest.approx(began + 10, abs=0.2)


def test_tcp_probe_is_a_connection(lab: Lab) -> None:
    tcp = {"tcpSocket": {"port": "http"}, "periodSeconds": 1}
    ports = [{"name": "http", "containerPort": 8080}]
    lab.create(pod("open", container("web:v1", readinessProbe=tcp, ports=ports)))
    lab.create(pod("shut", container("sleeper:v1", readinessProbe=tcp, ports=ports)))
    lab.run(10)
    assert ready(lab.pod("open"))
    assert not ready(lab.pod("shut"))
    ip = lab.pod("shut")["status"]["podIP"]
    text = f"Readiness probe failed: dial tcp {ip}:8080: connect: connection refused"
    assert text in lab.messages("Unhealthy")


def test_a_slow_answer_times_out(lab: Lab) -> None:
    lab.images.add("stuck", lab.remembering(Stuck))
    lab.create(pod("p", container("stuck:v1", readinessProbe=get(periodSeconds=2, timeoutSeconds=1))))
    lab.run(10)
    assert not ready(lab.pod("p"))
    assert any("context deadline exceeded" in text for text in lab.messages("Unhealthy"))


class Stuck(Web):
    """Answers after an hour."""

    def handle(self, request: Request, peer: Peer) -> Any:
        def steps() -> Any:
            yield Pause(3600.0)
            return Response(200)

        return steps()


def test_probes_stop_with_the_container(lab: Lab) -> None:
    lab.images.add("slow", lab.remembering(Slow))
    lab.create(pod("p", container("slow:v1", readinessProbe=get(periodSeconds=1))))
    lab.run(10)
    program = lab.program("p")
    lab.api.delete("pods", "p", grace=0)
    asked = len(program.asked)
    lab.run(10)
    assert len(program.asked) == asked
    assert lab.idles(1000)
