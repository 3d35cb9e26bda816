"""`stat`: queries, rows and tables, against hand-worked figures."""

import json

import pytest

from mesh.viz.query import evaluate
from mesh.viz.resources import Owners, Resource, ResourceError, parse_resources
from mesh.viz.samples import SampleStore
from mesh.viz.stat import StatRequest, StatRow, problem, queries, rows
from mesh.viz.tables import stat_json, stat_tables

Obj = dict[str, object]


def pod(name: str, owner: str, *, meshed: bool = True, phase: str = "Running", ns: str = "emojivoto") -> Obj:
    labels = {"app": owner} | ({"linkerd.io/control-plane-ns": "linkerd"} if meshed else {})
    reference = {"kind": "ReplicaSet", "name": f"{owner}-5c", "controller": True}
    metadata = {"name": name, "namespace": ns, "labels": labels, "ownerReferences": [reference]}
    return {"kind": "Pod", "metadata": metadata, "spec": {}, "status": {"phase": phase}}


def replicaset(owner: str, ns: str = "emojivoto") -> Obj:
    reference = {"kind": "Deployment", "name": owner, "controller": True}
    metadata = {"name": f"{owner}-5c", "namespace": ns, "ownerReferences": [reference]}
    return {"kind": "ReplicaSet", "metadata": metadata}


def deployment(name: str, ns: str = "emojivoto") -> Obj:
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": ns}}


class Scraped:
    """A store fed with a steady load: every 10 s each deployment's pod is scraped."""

    def __init__(self) -> None:
        self.store = SampleStore()

    def steady(self, deploy: str, good: float, bad: float, latency: float, ticks: int = 7) -> None:
        """``good`` and ``bad`` responses a second of ``latency`` ms, for 60 s up to t = 60."""
        target = (("deployment", deploy), ("namespace", "emojivoto"), ("pod", f"{deploy}-1"))
        inbound = (("direction", "inbound"), ("tls", "true"))
        bounds = ("1", "2", "3", "4", "5", "10", "+Inf")
        series = [
            ("response_total", (*inbound, ("classification", "success"))),
            ("response_total", (*inbound, ("classification", "failure"))),
            ("tcp_open_connections", (("direction", "inbound"), ("peer", "src"))),
            ("tcp_read_bytes_total", (("direction", "inbound"), ("peer", "src"))),
        ]
        series += [("response_latency_ms_bucket", (*inbound, ("le", bound))) for bound in bounds]
        for tick in range(ticks):
            t = 10.0 * tick
            counts = [(good + bad) * t if latency <= float(bound) else 0.0 for bound in bounds]
            self.store.ingest(target, t, series, [1000 + good * t, 1000 + bad * t, 3, 120 * t, *counts])

    def rows(self, request: StatRequest, *, objects: list[Obj], pods: list[Obj]) -> list[StatRow]:
        results = [evaluate(query, self.store, 60.0) for query in queries(request)]
        owners = Owners([replicaset(name) for name in ("web", "emoji", "vote-bot", "voting")])
        return rows(request, results, objects, pods, owners)


@pytest.fixture
def emojivoto() -> tuple[Scraped, list[Obj], list[Obj]]:
    scraped = Scraped()
    scraped.steady("web", 106 / 60, 12 / 60, 4.0)
    scraped.steady("emoji", 118 / 60, 0.0, 1.0)
    scraped.steady("voting", 49 / 60, 10 / 60, 1.0)
    scraped.steady("vote-bot", 0.0, 0.0, 1.0)
    names = ("web", "emoji", "voting", "vote-bot")
    return scraped, [deployment(name) for name in names], [pod(f"{name}-1", name) for name in names]


DEPLOY = StatRequest(Resource("deployment", "emojivoto"))


def test_the_tutorials_table(emojivoto: tuple[Scraped, list[Obj], list[Obj]]) -> None:
    scraped, objects, pods = emojivoto
    table = stat_tables([scraped.rows(DEPLOY, objects=objects, pods=pods)], namespaces=False, wide=False)
    assert table == (
        "NAME       MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "emoji         1/1   100.00%   2.0rps           1ms           1ms           1ms          3\n"
        "vote-bot      1/1         -        -             -             -             -          -\n"
        "voting        1/1    83.05%   1.0rps           1ms           1ms           1ms          3\n"
        "web           1/1    89.83%   2.0rps           4ms           4ms           4ms          3\n"
    )


def test_requests_per_second_are_whole_responses_over_the_window(
    emojivoto: tuple[Scraped, list[Obj], list[Obj]],
) -> None:
    scraped, objects, pods = emojivoto
    figures = {row.resource.name: row.figures for row in scraped.rows(DEPLOY, objects=objects, pods=pods)}
    assert figures["emoji"].rps == 118 / 60
    assert round(figures["emoji"].rps, 2) == 1.97
    assert (figures["voting"].success, figures["voting"].failure) == (49, 10)
    assert round(figures["voting"].success_rate, 4) == 0.8305
    assert round(figures["voting"].rps, 2) == 0.98


def test_before_injection_rows_stand_without_figures() -> None:
    pods = [pod("web-1", "web", meshed=False), pod("emoji-1", "emoji", meshed=False)]
    objects = [deployment("web"), deployment("emoji")]
    table = stat_tables([Scraped().rows(DEPLOY, objects=objects, pods=pods)], namespaces=False, wide=False)
    assert table == (
        "NAME    MESHED   SUCCESS   RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "emoji      0/1         -     -             -             -             -          -\n"
        "web        0/1         -     -             -             -             -          -\n"
    )


def test_meshed_counts_pods_that_run_or_will() -> None:
    leaving = pod("web-9", "web")
    leaving["metadata"]["deletionTimestamp"] = "2020-07-15T09:00:00Z"  # type: ignore[index]
    pods = [
        pod("web-1", "web"),
        pod("web-2", "web", meshed=False, phase="Pending"),
        pod("web-3", "web", phase="Failed"),
        pod("web-4", "web", phase="Succeeded"),
        leaving,
    ]
    (row,) = Scraped().rows(DEPLOY, objects=[deployment("web")], pods=pods)
    assert (row.pods.meshed, row.pods.running, row.pods.failed) == (1, 2, 1)


def test_all_namespaces_wide_and_several_kinds(emojivoto: tuple[Scraped, list[Obj], list[Obj]]) -> None:
    scraped, objects, pods = emojivoto
    deploys = scraped.rows(StatRequest(Resource("deployment")), objects=objects[:1], pods=pods)
    request = StatRequest(Resource("pod", "", "web-1"))
    pod_rows = scraped.rows(request, objects=pods[:1], pods=pods)
    space = [{"kind": "Namespace", "metadata": {"name": "emojivoto"}}]
    spaces = scraped.rows(StatRequest(Resource("namespace")), objects=space, pods=pods)
    assert stat_tables([deploys, [], pod_rows, spaces], namespaces=True, wide=True) == (
        "NAMESPACE   NAME         MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99"
        "   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC\n"
        "emojivoto   deploy/web      1/1    89.83%   2.0rps           4ms           4ms           4ms"
        "          3         120.0B/s            0.0B/s\n"
        "\n"
        "NAMESPACE   NAME        STATUS   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99"
        "   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC\n"
        "emojivoto   po/web-1   Running      1/1    89.83%   2.0rps           4ms           4ms           4ms"
        "          3         120.0B/s            0.0B/s\n"
        "\n"
        "NAME           MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99"
        "   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC\n"
        "ns/emojivoto      4/4    92.54%   4.9rps           1ms           4ms           4ms"
        "         12         480.0B/s            0.0B/s\n"
    )


def test_json_has_nulls_where_nothing_was_measured(emojivoto: tuple[Scraped, list[Obj], list[Obj]]) -> None:
    scraped, objects, pods = emojivoto
    made = stat_json([scraped.rows(DEPLOY, objects=objects, pods=pods)])
    assert [entry["name"] for entry in made] == ["emoji", "vote-bot", "voting", "web"]
    assert made[1]["success"] is None
    assert made[1]["meshed"] == "1/1"
    assert made[3]["success"] == pytest.approx(106 / 118)
    assert json.loads(json.dumps(made)) == made


def test_rows_survive_the_journey(emojivoto: tuple[Scraped, list[Obj], list[Obj]]) -> None:
    scraped, objects, pods = emojivoto
    for row in scraped.rows(DEPLOY, objects=objects, pods=pods):
        assert StatRow.from_json(json.loads(json.dumps(row.to_json()))) == row
    request = StatRequest(Resource("deployment", "a", "b"), 30.0, Resource("service", "a", "c"))
    assert StatRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


WEB, EVERY = Resource("deployment", "e", "web"), Resource("deployment", "e")


@pytest.mark.parametrize(
    ("request_", "selector", "by"),
    [
        (
            StatRequest(WEB),
            'deployment="web", direction="inbound", namespace="e"',
            "namespace, deployment",
        ),
        (
            StatRequest(EVERY, to=Resource("deployment", "e", "voting")),
            'direction="outbound", dst_deployment="voting", dst_namespace="e", namespace="e"',
            "namespace, deployment",
        ),
        (
            StatRequest(EVERY, source=WEB),
            'deployment="web", direction="outbound", dst_namespace="e", namespace="e"',
            "dst_namespace, dst_deployment",
        ),
        (
            StatRequest(Resource("service", "e", "web-svc")),
            'authority=~"web-svc\\\\.e\\\\.svc\\\\.cluster\\\\.local.*", direction="outbound"',
            "dst_namespace, dst_service",
        ),
        (StatRequest(Resource("namespace")), 'direction="inbound"', "namespace"),
        (
            StatRequest(Resource("job", "e", "seed")),
            'direction="inbound", k8s_job="seed", namespace="e"',
            "namespace, k8s_job",
        ),
    ],
)
def test_what_is_asked_of_prometheus(request_: StatRequest, selector: str, by: str) -> None:
    asked = queries(request_)
    assert str(asked[0]) == (
        f"sum(increase(response_total{{{selector}}}[1m])) by ({by}, classification, tls)"
    )
    assert str(asked[2]).startswith(
        f"histogram_quantile(0.95, sum(irate(response_latency_ms_bucket{{{selector}}}"
    )
    assert 'peer="' in str(asked[4])


def test_requests_from_one_resource_are_counted_by_it() -> None:
    scraped = Scraped()
    target = (("deployment", "web"), ("namespace", "emojivoto"), ("pod", "web-1"))
    labels = (
        ("direction", "outbound"),
        ("dst_deployment", "voting"),
        ("dst_namespace", "emojivoto"),
        ("classification", "success"),
    )
    for tick in range(7):
        scraped.store.ingest(target, 10.0 * tick, [("response_total", labels)], [10.0 * tick])
    request = StatRequest(
        Resource("deployment", "emojivoto"), source=Resource("deployment", "emojivoto", "web")
    )
    found = scraped.rows(request, objects=[deployment("voting"), deployment("web")], pods=[])
    assert [(row.resource.name, row.figures.success) for row in found] == [("voting", 60)]
    back = StatRequest(Resource("deployment", "emojivoto"), to=Resource("deployment", "emojivoto", "voting"))
    found = scraped.rows(back, objects=[deployment("voting"), deployment("web")], pods=[])
    assert [row.resource.name for row in found] == ["web"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["deploy"], [("deployment", "")]),
        (["deploy/web"], [("deployment", "web")]),
        (["deploy", "web", "emoji"], [("deployment", "web"), ("deployment", "emoji")]),
        (["po", "deploy", "ns", "svc"], [(k, "") for k in ("pod", "deployment", "namespace", "service")]),
        (["po,deploy"], [("pod", ""), ("deployment", "")]),
        (["deploy/web", "po/x"], [("deployment", "web"), ("pod", "x")]),
        (["Deployments.apps"], [("deployment", "")]),
    ],
)
def test_resources_on_the_command_line(words: list[str], named: list[tuple[str, str]]) -> None:
    assert [(r.kind, r.name) for r in parse_resources(words, "n")] == named


def test_namespaces_are_in_no_namespace() -> None:
    assert parse_resources(["ns/emojivoto"], "linkerd") == [Resource("namespace", "", "emojivoto")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deplpy"], "did you mean 'deploy'"),
        ([], "name a resource"),
        (["deploy/"], "KIND/NAME"),
        (["a/b/c"], "KIND/NAME"),
        (["all", "po"], "cannot be combined"),
        (["qqqq"], "try one of"),
    ],
)
def test_resources_that_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        parse_resources(words, "n")


def test_requests_that_are_refused() -> None:
    web, svc = Resource("deployment", "e", "web"), Resource("service", "e", "web-svc")
    assert "at least 15s" in problem(StatRequest(web, 14.0))
    assert "together" in problem(StatRequest(web, to=svc, source=web))
    assert "service" in problem(StatRequest(web, source=svc))
    assert problem(StatRequest(web, 15.0, to=svc)) == ""
