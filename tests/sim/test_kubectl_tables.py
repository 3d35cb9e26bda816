"""Tables and durations: every cell that is worked out and not stored."""

from typing import Any

import pytest

from sim.shell.kubectl.printing.layout import age, align, human_duration, instant, long_date, rows
from sim.shell.kubectl.tables import View, kind_of, pod_state, table
from sim.shell.kubectl.tables.table import selector

Obj = dict[str, Any]
NOW = instant("2026-09-01T10:00:00Z")
VIEW = View(NOW)

DURATIONS = (
    (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (1.9, "1s"), (119, "119s"), (120, "2m"), (194, "3m14s"),
    (599, "9m59s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"), (12_060, "3h21m"), (28_799, "7h59m"),
    (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (180_000, "2d2h"), (691_199, "7d23h"),
    (691_200, "8d"), (63_071_999, "729d"), (63_072_000, "2y"), (63_158_400, "2y1d"), (252_288_000, "8y"),
)  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_human_duration(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_age_and_dates() -> None:
    assert age("2026-09-01T09:56:46Z", NOW) == "3m14s"
    assert age("2026-09-01T09:56:46.250Z", NOW) == "3m13s"
    assert age(None, NOW) == "<unknown>"
    assert long_date("2020-07-15T09:00:00Z") == "Wed, 15 Jul 2020 09:00:00 +0000"


def test_rows_have_three_spaces_between_columns_and_none_at_the_end() -> None:
    text = rows([["NAME", "R", "AGE"], ["web-1", "1/1", "3m"], ["a", "10/10", ""]])
    assert text == "NAME    R       AGE\nweb-1   1/1     3m\na       10/10   "


def test_columns_are_runs_of_lines() -> None:
    text = align("Name:\tweb\nLabels:\ta=b\n\tc=d\nno cell\nX:\ty")
    assert text == "Name:    web\nLabels:  a=b\n         c=d\nno cell\nX:  y"


# -- pods ------------------------------------------------------------------------------------------------


def pod(containers: int = 1, inits: tuple[str, ...] = (), **status: Any) -> Obj:
    """A pod of that many containers; ``inits`` are names, sidecars end in ``!``."""
    init = [
        {"name": name.rstrip("!"), **({"restartPolicy": "Always"} if name.endswith("!") else {})}
        for name in inits
    ]
    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-09-01T09:50:00Z"},
        "spec": {
            "containers": [{"name": f"c{index}"} for index in range(containers)],
            "initContainers": init,
        },
        "status": {"phase": "Running", **status},
    }


def state(name: str, kind: str, *, ready: bool = False, restarts: int = 0, **inside: Any) -> Obj:
    return {"name": name, "state": {kind: inside}, "ready": ready, "restartCount": restarts}


RUNNING = state("c0", "running", ready=True)
POD_CASES: tuple[tuple[str, Obj, tuple[int, int, str, int]], ...] = (
    ("fresh", pod(phase="Pending"), (0, 1, "Pending", 0)),
    ("running", pod(containerStatuses=[RUNNING]), (1, 1, "Running", 0)),
    (
        "not ready",
        pod(2, containerStatuses=[RUNNING, state("c1", "running")]),
        (1, 2, "Running", 0),
    ),
    (
        "creating",
        pod(phase="Pending", containerStatuses=[state("c0", "waiting", reason="ContainerCreating")]),
        (0, 1, "ContainerCreating", 0),
    ),
    (
        "crashing",
        pod(containerStatuses=[state("c0", "waiting", reason="CrashLoopBackOff", restarts=4)]),
        (0, 1, "CrashLoopBackOff", 4),
    ),
    (
        "no such image",
        pod(phase="Pending", containerStatuses=[state("c0", "waiting", reason="ImagePullBackOff")]),
        (0, 1, "ImagePullBackOff", 0),
    ),
    (
        "done",
        pod(phase="Succeeded", containerStatuses=[state("c0", "terminated", reason="Completed", exitCode=0)]),
        (0, 1, "Completed", 0),
    ),
    (
        "failed without a reason",
        pod(phase="Failed", containerStatuses=[state("c0", "terminated", exitCode=3)]),
        (0, 1, "ExitCode:3", 0),
    ),
    (
        "killed",
        pod(phase="Failed", containerStatuses=[state("c0", "terminated", exitCode=137, signal=9)]),
        (0, 1, "Signal:9", 0),
    ),
    (
        "one of two done",
        pod(
            2,
            conditions=[{"type": "Ready", "status": "True"}],
            containerStatuses=[RUNNING, state("c1", "terminated", reason="Completed", exitCode=0)],
        ),
        (1, 2, "Running", 0),
    ),
    (
        "one of two done, not ready",
        pod(2, containerStatuses=[RUNNING, state("c1", "terminated", reason="Completed", exitCode=0)]),
        (1, 2, "NotReady", 0),
    ),
    (
        "first init container waits",
        pod(
            inits=("a", "b"),
            phase="Pending",
            initContainerStatuses=[state("a", "waiting", reason="PodInitializing"), state("b", "waiting")],
        ),
        (0, 1, "Init:0/2", 0),
    ),
    (
        "second init container runs",
        pod(
            inits=("a", "b"),
            phase="Pending",
            initContainerStatuses=[state("a", "terminated", exitCode=0), state("b", "running")],
        ),
        (0, 1, "Init:1/2", 0),
    ),
    (
        "init container crashes",
        pod(
            inits=("a",),
            phase="Pending",
            initContainerStatuses=[state("a", "waiting", reason="CrashLoopBackOff", restarts=2)],
        ),
        (0, 1, "Init:CrashLoopBackOff", 2),
    ),
    (
        "init container failed",
        pod(inits=("a",), phase="Pending", initContainerStatuses=[state("a", "terminated", exitCode=7)]),
        (0, 1, "Init:ExitCode:7", 0),
    ),
    (
        "init containers done, containers not yet",
        pod(
            inits=("a",),
            phase="Pending",
            initContainerStatuses=[state("a", "terminated", exitCode=0, reason="Completed")],
            containerStatuses=[state("c0", "waiting", reason="PodInitializing")],
        ),
        (0, 1, "PodInitializing", 0),
    ),
    (
        "sidecar runs: it counts",
        pod(
            inits=("a", "proxy!"),
            initContainerStatuses=[
                state("a", "terminated", exitCode=0, restarts=1),
                {**state("proxy", "running", ready=True, restarts=2), "started": True},
            ],
            containerStatuses=[RUNNING],
        ),
        (2, 2, "Running", 2),
    ),
    (
        "sidecar not started yet",
        pod(
            inits=("proxy!",),
            phase="Pending",
            initContainerStatuses=[{**state("proxy", "running"), "started": False}],
            containerStatuses=[state("c0", "waiting", reason="PodInitializing")],
        ),
        (0, 2, "Init:0/1", 0),
    ),
    ("evicted", pod(phase="Failed", reason="Evicted"), (0, 1, "Evicted", 0)),
)


@pytest.mark.parametrize(
    ("obj", "expected"), [case[1:] for case in POD_CASES], ids=[case[0] for case in POD_CASES]
)
def test_pod_state(obj: Obj, expected: tuple[int, int, str, int]) -> None:
    found = pod_state(obj)
    assert (found.ready, found.total, found.status, found.restarts) == expected


def test_pods_that_leave() -> None:
    going = pod(containerStatuses=[RUNNING])
    going["metadata"]["deletionTimestamp"] = "2026-09-01T10:00:10Z"
    assert pod_state(going).status == "Terminating"
    lost = pod(containerStatuses=[RUNNING], reason="NodeLost")
    lost["metadata"]["deletionTimestamp"] = "2026-09-01T10:00:10Z"
    assert pod_state(lost).status == "Unknown"
    over = pod(
        phase="Succeeded", containerStatuses=[state("c0", "terminated", reason="Completed", exitCode=0)]
    )
    over["metadata"]["deletionTimestamp"] = "2026-09-01T10:00:10Z"
    assert pod_state(over).status == "Completed"


def test_restarts_say_when_since_1_22() -> None:
    container = state("c0", "running", ready=True, restarts=3)
    container["lastState"] = {"terminated": {"finishedAt": "2026-09-01T09:55:00Z"}}
    obj = pod(containerStatuses=[container])
    new = table(kind_of("pods"), [obj], VIEW).rows[0][0]
    old = table(kind_of("pods"), [obj], View(NOW, 15)).rows[0][0]
    assert new[:5] == ["p", "1/1", "Running", "3 (5m ago)", "10m"]
    assert old[:5] == ["p", "1/1", "Running", "3", "10m"]


# -- other kinds -----------------------------------------------------------------------------------------

META = {"name": "x", "creationTimestamp": "2026-09-01T09:58:00Z"}
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}
ROWS: tuple[tuple[str, Obj, str], ...] = (
    (
        "deployments.apps",
        {
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE},
            "status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
        },
        "x|2/3|1|2|2m|a,b|i:1,j:2|app=x",
    ),
    ("deployments.apps", {"spec": {"replicas": 0, "template": TEMPLATE}}, "x|0/0|0|0|2m|a,b|i:1,j:2|<none>"),
    (
        "replicasets.apps",
        {"spec": {"replicas": 2, "template": TEMPLATE}, "status": {"replicas": 2, "readyReplicas": 1}},
        "x|2|2|1|2m|a,b|i:1,j:2|<none>",
    ),
    (
        "services",
        {
            "spec": {
                "clusterIP": "10.0.0.1",
                "ports": [{"port": 80}, {"port": 53, "protocol": "UDP", "nodePort": 30053}],
            }
        },
        "x|ClusterIP|10.0.0.1|<none>|80/TCP,53:30053/UDP|2m|<none>",
    ),
    (
        "services",
        {"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "selector": {"b": "2", "a": "1"}}},
        "x|LoadBalancer|10.0.0.1|<pending>|<none>|2m|a=1,b=2",
    ),
    (
        "services",
        {"spec": {"type": "ExternalName", "externalName": "db.example"}},
        "x|ExternalName|<none>|db.example|<none>|2m|<none>",
    ),
    (
        "endpoints",
        {"subsets": [{"addresses": [{"ip": f"10.0.0.{n}"} for n in range(2, 7)], "ports": [{"port": 80}]}]},
        "x|10.0.0.2:80,10.0.0.3:80,10.0.0.4:80 + 2 more...|2m",
    ),
    ("endpoints", {}, "x|<none>|2m"),
    (
        "jobs.batch",
        {
            "spec": {"completions": 1, "template": TEMPLATE},
            "status": {
                "succeeded": 1,
                "startTime": "2026-09-01T09:58:00Z",
                "completionTime": "2026-09-01T09:58:07Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
        },
        "x|Complete|1/1|7s|2m|a,b|i:1,j:2|<none>",
    ),
    (
        "cronjobs.batch",
        {
            "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}},
            "status": {"lastScheduleTime": "2026-09-01T09:59:30Z", "active": [{}]},
        },
        "x|*/5 * * * *|<none>|False|1|30s|2m|a,b|i:1,j:2|<none>",
    ),
    (
        "nodes",
        {
            "spec": {"unschedulable": True},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"kubeletVersion": "v1.32.4"},
                "addresses": [{"type": "InternalIP", "address": "10.1.0.1"}],
            },
        },
        "x|Ready,SchedulingDisabled|<none>|2m|v1.32.4|10.1.0.1|<none>|<unknown>|<unknown>|<unknown>",
    ),
    (
        "horizontalpodautoscalers.autoscaling",
        {
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "maxReplicas": 5,
                "metrics": [{"resource": {"name": "cpu", "target": {"averageUtilization": 80}}}],
            }
        },
        "x|Deployment/web|cpu: <unknown>/80%|<unset>|5|0|2m",
    ),
    ("secrets", {"type": "Opaque", "data": {"a": "", "b": ""}}, "x|Opaque|2|2m"),
    (
        "rolebindings.rbac.authorization.k8s.io",
        {
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [
                {"kind": "ServiceAccount", "namespace": "n", "name": "s"},
                {"kind": "User", "name": "u"},
            ],
        },
        "x|Role/r|2m|u||n/s",
    ),
    (
        "events",
        {
            "type": "Warning",
            "reason": "Failed",
            "involvedObject": {"kind": "Pod", "name": "p"},
            "message": "no\n",
            "lastTimestamp": "2026-09-01T09:59:00Z",
            "firstTimestamp": "2026-09-01T09:50:00Z",
            "count": 3,
            "source": {"component": "kubelet", "host": "n1"},
        },
        "60s|Warning|Failed|pod/p||kubelet, n1|no|10m|3|x",
    ),
    ("widgets.example.com", {}, "x|2m"),
)


@pytest.mark.parametrize(("key", "obj", "expected"), ROWS)
def test_rows_of_kinds(key: str, obj: Obj, expected: str) -> None:
    made = table(kind_of(key), [{**obj, "metadata": META}], VIEW)
    assert "|".join(made.rows[0][0]) == expected
    assert len(made.rows[0][0]) == len(made.columns)


def test_columns_that_older_servers_lack() -> None:
    names = [column.name for column in table(kind_of("jobs.batch"), [], View(NOW, 15)).columns]
    assert names[:4] == ["NAME", "COMPLETIONS", "DURATION", "AGE"]


def test_selectors_as_text() -> None:
    expression = {"key": "tier", "operator": "NotIn", "values": ["b", "a"]}
    exists = {"key": "x", "operator": "DoesNotExist"}
    chosen = {"matchLabels": {"app": "web"}, "matchExpressions": [expression, exists]}
    assert selector(chosen) == "app=web,tier notin (a,b),!x"
    assert selector({}) == "<none>"
