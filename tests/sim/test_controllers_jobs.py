"""Jobs, CronJobs, DaemonSets, StatefulSets."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from sim.cluster.controllers.workloads.cron import BadSchedule, Schedule
from tests.sim.clusters import Lab, container, ready

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(3)
    made.run(1.0)
    return made


def task(seconds: float = 1.0, code: int = 0) -> Obj:
    env = [{"name": "SECONDS", "value": str(seconds)}, {"name": "CODE", "value": str(code)}]
    return container("task:v1", env=env)


def job(name: str = "j", work: Obj | None = None, policy: str = "Never", **spec: Any) -> Obj:
    template = {"spec": {"containers": [work or task()], "restartPolicy": policy}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {**spec, "template": template},
    }


def outcome(lab: Lab, name: str = "j") -> tuple[str, str]:
    for entry in lab.api.get("jobs.batch", name)["status"].get("conditions") or ():
        if entry["status"] == "True" and entry["type"] in ("Complete", "Failed"):
            return entry["type"], entry["reason"]
    return "", ""


def test_a_job_completes(lab: Lab) -> None:
    lab.create(job())
    lab.run(10)
    status = lab.api.get("jobs.batch", "j")["status"]
    assert outcome(lab)[0] == "Complete"
    assert status["succeeded"] == 1
    assert "active" not in status
    assert status["completionTime"] > status["startTime"]
    assert len(lab.pods()) == 1  # kept for its logs
    assert lab.pods()[0]["metadata"]["labels"]["job-name"] == "j"
    assert lab.tables.pods[-1].workload == "job/j"


def test_completions_run_parallelism_at_a_time(lab: Lab) -> None:
    lab.create(job(work=task(5), completions=5, parallelism=2))
    most = 0
    for _ in range(100):
        lab.run(0.5)
        most = max(most, lab.api.get("jobs.batch", "j").get("status", {}).get("active", 0))
    assert most == 2
    assert outcome(lab)[0] == "Complete"
    assert lab.api.get("jobs.batch", "j")["status"]["succeeded"] == 5


def test_backoff_limit_and_its_growing_waits(lab: Lab) -> None:
    lab.create(job(work=task(code=1), backoffLimit=3))
    lab.run(120)
    assert outcome(lab) == ("Failed", "BackoffLimitExceeded")
    assert lab.api.get("jobs.batch", "j")["status"]["failed"] == 4
    starts = sorted(p["status"]["startTime"] for p in lab.pods())
    seconds = [lab.engine.calendar.seconds(start) for start in starts]
    gaps = [b - a for a, b in pairwise(seconds)]
    assert gaps == pytest.approx([13, 23, 43], abs=2)


def test_on_failure_restarts_in_place_and_counts(lab: Lab) -> None:
    lab.create(job(work=task(code=1), policy="OnFailure", backoffLimit=2))
    lab.run(100)
    assert outcome(lab) == ("Failed", "BackoffLimitExceeded")
    assert len(lab.api.list("pods")) <= 1


def test_deadline_ttl_and_suspension(lab: Lab) -> None:
    lab.create(job("slow", work=task(1000), activeDeadlineSeconds=20))
    lab.create(job("brief", ttlSecondsAfterFinished=15))
    lab.create(job("held", suspend=True))
    lab.run(12)
    assert outcome(lab, "brief")[0] == "Complete"
    assert lab.pods(labels="job-name=held") == []
    lab.run(70)
    assert outcome(lab, "slow") == ("Failed", "DeadlineExceeded")
    assert lab.pods(labels="job-name=slow") == []
    assert lab.api.find("jobs.batch", "brief") is None
    assert lab.pods(labels="job-name=brief") == []
    lab.patch("jobs.batch", "held", {"spec": {"suspend": False}})
    lab.run(15)
    assert outcome(lab, "held")[0] == "Complete"


# -- cron --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("*/5 * * * *", "2020-07-15 09:02", "2020-07-15 09:05"),
        ("0 0 * * *", "2020-07-15 09:00", "2020-07-16 00:00"),
        ("30 9-17/4 * * *", "2020-07-15 09:30", "2020-07-15 13:30"),
        ("0 12 * * mon,FRI", "2020-07-15 09:00", "2020-07-17 12:00"),
        ("0 0 13 * 5", "2020-07-15 00:00", "2020-07-17 00:00"),  # either day suffices
        ("0 0 29 feb *", "2021-01-01 00:00", "2024-02-29 00:00"),
        ("@hourly", "2020-12-31 23:30", "2021-01-01 00:00"),
        ("1,2,40-42 * * * *", "2020-07-15 09:02", "2020-07-15 09:40"),
        ("15/20 * * * *", "2020-07-15 09:16", "2020-07-15 09:35"),
        ("0 0 * * 0", "2020-07-15 09:00", "2020-07-19 00:00"),
    ],
)
def test_schedules(text: str, after: str, due: str) -> None:
    def date(value: str) -> datetime:
        return datetime.strptime(value, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)

    assert Schedule.parse(text).next_after(date(after)) == date(due)


@pytest.mark.parametrize(
    "text", ["* * * *", "60 * * * *", "a * * * *", "*/0 * * * *", "5-1 * * * *", "0 0 * * 7", "", "@never"]
)
def test_bad_schedules(text: str) -> None:
    with pytest.raises(BadSchedule):
        Schedule.parse(text)


def test_a_schedule_that_is_never_due() -> None:
    assert Schedule.parse("0 0 30 feb *").next_after(datetime(2020, 1, 1, tzinfo=UTC)) is None


def cron(schedule: str, work: Obj | None = None, version: str = "batch/v1", **spec: Any) -> Obj:
    return {
        "apiVersion": version,
        "kind": "CronJob",
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": job(work=work)["spec"]}, **spec},
    }


def jobs(lab: Lab) -> list[str]:
    return [j["metadata"]["name"] for j in lab.api.list("jobs.batch")]


@pytest.mark.parametrize(
    ("cluster", "version"), [("v1.15.12-gke.20", "batch/v1beta1"), ("v1.32.4", "batch/v1")]
)
def test_a_cron_job_runs_on_time_and_keeps_its_history(cluster: str, version: str) -> None:
    lab = Lab(1, version=cluster)  # starts at 09:00:00
    lab.run(1)
    lab.create(cron("*/2 * * * *", version=version))
    lab.run(118)
    assert jobs(lab) == []
    lab.run(10)
    minute = int(lab.engine.calendar.epoch) // 60 + 2
    assert jobs(lab) == [f"c-{minute}"]
    stored = lab.api.get("cronjobs.batch", "c")
    assert stored["status"]["lastScheduleTime"].endswith("09:02:00Z")
    lab.run(600)
    assert jobs(lab) == [f"c-{minute + 2 * i}" for i in (3, 4, 5)]  # three are kept
    assert len(lab.pods()) == 3
    assert "active" not in lab.api.get("cronjobs.batch", "c")["status"]
    assert lab.tables.pods[-1].workload == "cj/c"


@pytest.mark.parametrize(("policy", "count"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_concurrency_policies(lab: Lab, policy: str, count: int) -> None:
    lab.create(cron("* * * * *", task(1000), concurrencyPolicy=policy))
    lab.run(60 * 3 + 5)
    assert len(jobs(lab)) == count
    epoch = int(lab.engine.calendar.epoch) // 60
    assert jobs(lab)[0] == f"c-{epoch + (3 if policy == 'Replace' else 1)}"
    assert len(lab.api.get("cronjobs.batch", "c")["status"]["active"]) == count


def test_suspension_and_a_bad_schedule(lab: Lab) -> None:
    lab.create(cron("* * * * *", suspend=True))
    lab.run(220)
    assert jobs(lab) == []
    lab.patch("cronjobs.batch", "c", {"spec": {"suspend": False, "startingDeadlineSeconds": 30}})
    lab.run(1)
    assert jobs(lab) == []  # 09:03:00 was missed more than 30 s ago
    lab.run(25)
    assert len(jobs(lab)) == 1
    lab.patch("cronjobs.batch", "c", {"spec": {"schedule": "61 * * * *"}})
    lab.run(100)
    assert any("unparseable schedule: 61 * * * *" in text for text in lab.messages("UnparseableSchedule"))


# -- daemon sets, stateful sets ------------------------------------------------------------------------------


def daemon(image: str = "polite:v1", **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [container(image)]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "d", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "d"}}, "template": template, **spec},
    }


def test_a_daemon_set_has_a_pod_on_every_node_that_takes_it(lab: Lab) -> None:
    lab.patch("nodes", "node-1", {"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}}, "")
    lab.create(daemon())
    lab.run(10)
    assert sorted(p["spec"]["nodeName"] for p in lab.pods()) == ["node-0", "node-2"]
    lab.patch("nodes", "node-1", {"spec": {"taints": None}}, "")
    lab.patch("nodes", "node-0", {"spec": {"unschedulable": True}}, "")  # daemons do not mind
    lab.run(10)
    assert sorted(p["spec"]["nodeName"] for p in lab.pods()) == ["node-0", "node-1", "node-2"]
    status = lab.api.get("daemonsets.apps", "d")["status"]
    assert (status["desiredNumberScheduled"], status["numberReady"], status["numberAvailable"]) == (3, 3, 3)
    assert lab.tables.pods[-1].workload == "ds/d"


def test_a_daemon_sets_update_replaces_one_at_a_time(lab: Lab) -> None:
    lab.create(daemon())
    lab.run(20)
    fewest = 3
    lab.patch("daemonsets.apps", "d", {"spec": {"template": daemon("polite:v2")["spec"]["template"]}})
    for _ in range(300):
        lab.run(0.1)
        fewest = min(fewest, sum(map(ready, lab.pods())))
    assert fewest == 2
    assert {p["spec"]["containers"][0]["image"] for p in lab.pods()} == {"polite:v2"}
    assert lab.api.get("daemonsets.apps", "d")["status"]["updatedNumberScheduled"] == 3


def stateful(replicas: int = 3, image: str = "polite:v1", **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": "s"}}, "spec": {"containers": [container(image)]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "s", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": "s",
            "selector": {"matchLabels": {"app": "s"}},
            "template": template,
            **spec,
        },
    }


def headless() -> Obj:
    spec = {"clusterIP": "None", "selector": {"app": "s"}, "ports": [{"name": "http", "port": 8080}]}
    meta = {"name": "s", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def test_a_stateful_set_starts_in_order_with_names_that_resolve(lab: Lab) -> None:
    lab.create(headless())
    lab.create(stateful())
    order: list[str] = []
    for _ in range(150):
        lab.run(0.1)
        for found in lab.pods():
            if found["metadata"]["name"] not in order:
                order.append(found["metadata"]["name"])
                assert all(ready(p) for p in lab.pods() if p is not found)
    assert order == ["s-0", "s-1", "s-2"]
    ips = {p["metadata"]["name"]: p["status"]["podIP"] for p in lab.pods()}
    assert lab.network.dns.resolve("s-1.s", "default") == [ips["s-1"]]
    assert sorted(lab.network.dns.resolve("s")) == sorted(ips.values())
    assert lab.program("s-1").container.env["HOSTNAME"] == "s-1"


def test_a_stateful_set_keeps_names_and_updates_from_the_end(lab: Lab) -> None:
    lab.create(stateful(podManagementPolicy="Parallel"))
    lab.run(10)
    uid = lab.pod("s-1")["metadata"]["uid"]
    lab.api.delete("pods", "s-1")
    lab.run(10)
    assert lab.pod("s-1")["metadata"]["uid"] != uid
    lab.patch("statefulsets.apps", "s", {"spec": {"template": stateful(3, "polite:v2")["spec"]["template"]}})
    lab.run(2)
    images = {p["metadata"]["name"]: p["spec"]["containers"][0]["image"] for p in lab.pods()}
    assert images["s-0"] == "polite:v1"
    lab.run(30)
    status = lab.api.get("statefulsets.apps", "s")["status"]
    assert status["updatedReplicas"] == status["readyReplicas"] == 3
    assert status["currentRevision"] == status["updateRevision"]
    lab.patch("statefulsets.apps", "s", {"spec": {"replicas": 1}})
    lab.run(10)
    assert [p["metadata"]["name"] for p in lab.pods()] == ["s-0"]


def test_a_partition_holds_the_lower_ordinals(lab: Lab) -> None:
    lab.create(stateful(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}))
    lab.run(20)
    lab.patch("statefulsets.apps", "s", {"spec": {"template": stateful(3, "polite:v2")["spec"]["template"]}})
    lab.run(30)
    images = [p["spec"]["containers"][0]["image"] for p in lab.pods()]
    assert images == ["polite:v1", "polite:v1", "polite:v2"]
