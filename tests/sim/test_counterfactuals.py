"""Take one part of the mesh away, and exactly what that part does is missing."""

import json
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh.yaml import dump_all, load_all
from sim.engine.tables import Outcome
from sim.shell.sandbox import Sandbox
from tests.sim.walk import (
    EDGE,
    EMOJIVOTO,
    INJECT,
    STABLE,
    UNMESHED,
    Traffic,
    do,
    install,
    ready,
    rows,
    stat,
    traffic,
    viz,
    workload,
)

Obj = dict[str, Any]
BOTH = pytest.mark.parametrize("edition", [STABLE, EDGE])
TO_WEB = ("deploy/vote-bot", "web-svc.emojivoto")
TO_EMOJI = ("deploy/web", "emoji-svc.emojivoto")
TO_VOTING = ("deploy/web", "voting-svc.emojivoto")
REFUSED = {Outcome.REFUSED, Outcome.UNREACHABLE}


def unmeshed(edition: str) -> Sandbox:
    """A control plane, and emojivoto without it."""
    sandbox = Sandbox(edition=edition)
    install(sandbox)
    do(sandbox, EMOJIVOTO)
    sandbox.advance(20.0)
    return sandbox


def meshed(edition: str) -> Sandbox:
    """A control plane with emojivoto injected, a minute later."""
    sandbox = unmeshed(edition)
    do(sandbox, INJECT)
    sandbox.advance(75.0)
    return sandbox


def apply(sandbox: Sandbox, objects: list[Obj]) -> None:
    """Apply objects as a student would paste them."""
    do(sandbox, f"cat <<'END' | kubectl apply -f -\n{dump_all(objects)}END\n")


def pod(sandbox: Sandbox, name: str, namespace: str = "emojivoto") -> Obj:
    """The newest pod of a workload that is not being deleted."""
    found = [
        one
        for one in sandbox.api.list("pods", namespace)
        if workload(one["metadata"]["name"]) == name and "deletionTimestamp" not in one["metadata"]
    ]
    return max(found, key=lambda one: int(one["metadata"]["resourceVersion"]))


def samples(
    sandbox: Sandbox, name: str, namespace: str = "emojivoto"
) -> Iterator[tuple[str, dict[str, str], float]]:
    """What a workload's proxy counts, read from its admin port."""
    one = pod(sandbox, name, namespace)["metadata"]["name"]
    reply = sandbox.client.request(namespace, one, 4191, "GET", "/metrics")
    assert reply.status == 200
    for family in text_string_to_metric_families(reply.body):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def counted(sandbox: Sandbox, name: str, metric: str = "request_total", **labels: str) -> float:
    """The sum of a counter of a workload's proxy over the series with those labels."""
    return sum(
        value
        for found, has, value in samples(sandbox, name)
        if found == metric and labels.items() <= has.items()
    )


def since(sandbox: Sandbox, edge: tuple[str, str], seconds: float) -> Traffic:
    """Client truth of an edge over the last while."""
    return traffic(sandbox, *edge, sandbox.engine.now - seconds)


def outcomes(sandbox: Sandbox, edge: tuple[str, str], begin: float) -> set[int]:
    """What became of the requests of an edge since ``begin``."""
    table = sandbox.tables.requests.array()
    keys = sandbox.tables.edges.keys
    return {int(row["outcome"]) for row in table[table["start_s"] >= begin] if keys[row["edge"]][:2] == edge}


def edited(sandbox: Sandbox, name: str, edit: Callable[[Obj], None]) -> None:
    """A Deployment with the mesh written into its manifest (``inject --manual``), then edited and applied."""
    line = f"kubectl get -n emojivoto deploy/{name} -o yaml | linkerd inject --manual -"
    (deployment,) = load_all(do(sandbox, line))
    edit(deployment["spec"]["template"]["spec"])
    apply(sandbox, [deployment])
    do(sandbox, f"kubectl -n emojivoto rollout status deploy/{name}")


def without(kind: str, name: str) -> Callable[[Obj], None]:
    """Take a container out of a pod's specification, if it is there."""

    def edit(spec: Obj) -> None:
        spec[kind] = [one for one in spec.get(kind) or () if one["name"] != name]

    return edit


# -- a sidecar's two halves -----------------------------------------------------------------------------


@BOTH
def test_a_proxy_without_linkerd_init_sees_nothing(edition: str) -> None:
    """Nothing sends the traffic through the proxy: it flows past."""
    sandbox = unmeshed(edition)
    for name in ("emoji", "vote-bot", "voting", "web"):
        edited(sandbox, name, without("initContainers", "linkerd-init"))
    sandbox.advance(100.0)
    assert set(ready(sandbox).values()) == {"2/2"}
    assert since(sandbox, TO_WEB, 60).count >= 115
    assert since(sandbox, TO_EMOJI, 60).success == 1.0
    assert 0.6 < since(sandbox, TO_VOTING, 60).success < 1.0
    for name in ("emoji", "vote-bot", "voting", "web"):
        assert counted(sandbox, name, direction="outbound") == 0.0
        assert counted(sandbox, name, "request_total", direction="inbound", target_port="8080") == 0.0
    assert stat(sandbox) == {key: ["1/1", *UNMESHED[1:]] for key in ("emoji", "vote-bot", "voting", "web")}


@BOTH
def test_linkerd_init_without_a_proxy_refuses_every_connection(edition: str) -> None:
    """The firewall sends all traffic to ports where nobody listens."""
    sandbox = unmeshed(edition)
    kind = "containers" if edition == STABLE else "initContainers"
    edited(sandbox, "web", without(kind, "linkerd-proxy"))
    sandbox.advance(40.0)
    begin = sandbox.engine.now
    sandbox.advance(30.0)
    web = pod(sandbox, "web")["metadata"]["name"]
    assert ready(sandbox)[web] == "1/1", "emojivoto has no probes that would notice"
    assert traffic(sandbox, *TO_WEB, begin).count >= 25, "the bot goes on trying"
    assert outcomes(sandbox, TO_WEB, begin) <= REFUSED
    assert traffic(sandbox, *TO_EMOJI, begin).count == 0
    url = "http://emoji-svc.emojivoto:8801/metrics"
    inside = sandbox.sh(f"kubectl exec -n emojivoto {web} -c web-svc -- curl -s {url}")
    assert inside.status == 7
    assert "Couldn't connect to server" in inside.stderr


def test_a_killed_proxy_refuses_connections_until_it_is_back() -> None:
    sandbox = meshed(STABLE)
    web = pod(sandbox, "web")["metadata"]["name"]
    begin = sandbox.engine.now
    do(sandbox, f"fault kill -n emojivoto {web} -c linkerd-proxy")
    sandbox.advance(1.5)
    assert ready(sandbox)[web] == "1/2"
    sandbox.advance(60.0)
    assert ready(sandbox)[web] == "2/2"
    cells = rows(do(sandbox, "kubectl get po -n emojivoto"))[web]
    assert cells[2].startswith("1"), "the container restarted, the pod did not"
    kinds = outcomes(sandbox, TO_WEB, begin)
    assert kinds - {Outcome.OK, Outcome.APP_ERROR}, "some were refused"
    assert outcomes(sandbox, TO_WEB, sandbox.engine.now - 30) <= {Outcome.OK, Outcome.APP_ERROR}


def test_a_proxy_killed_for_good_refuses_connections_for_good() -> None:
    """``restartPolicy: Never``: the application lives on behind a firewall that leads nowhere."""
    sandbox = unmeshed(STABLE)
    do(
        sandbox,
        "kubectl run lone -n emojivoto --restart=Never --image=buoyantio/emojivoto-emoji-svc:v11 "
        "--env=GRPC_PORT=8080 --env=PROM_PORT=8801 --annotations=linkerd.io/inject=enabled",
    )
    sandbox.advance(20.0)
    assert ready(sandbox)["lone"] == "2/2"
    address = pod_ip(sandbox, "lone")
    bot = pod(sandbox, "vote-bot")["metadata"]["name"]
    url = f"http://{address}:8801/metrics"
    line = f"kubectl exec -n emojivoto {bot} -- curl -s -o /dev/null -w '%{{http_code}}' {url}"
    assert do(sandbox, line) == "200"
    do(sandbox, "fault kill -n emojivoto lone -c linkerd-proxy")
    sandbox.advance(60.0)
    assert ready(sandbox)["lone"] == "1/2"
    refused = sandbox.sh(line)
    assert (refused.status, refused.stdout) == (7, "000")


def pod_ip(sandbox: Sandbox, name: str) -> str:
    return str(sandbox.api.get("pods", name, "emojivoto")["status"]["podIP"])


def test_linkerd_init_needs_its_capability() -> None:
    """Without NET_ADMIN iptables refuses, so the pod never starts."""
    sandbox = unmeshed(STABLE)
    line = "kubectl get -n emojivoto deploy/web -o yaml | linkerd inject --manual -"
    (deployment,) = load_all(do(sandbox, line))
    (init,) = deployment["spec"]["template"]["spec"]["initContainers"]
    init["securityContext"]["capabilities"] = {"drop": ["ALL"]}
    apply(sandbox, [deployment])
    sandbox.advance(60.0)
    states = {cells[1] for cells in rows(do(sandbox, "kubectl get po -n emojivoto -l app=web-svc")).values()}
    assert states & {"Init:CrashLoopBackOff", "Init:Error"}
    assert "Running" in states, "the old pod serves on"


# -- annotations ----------------------------------------------------------------------------------------


@BOTH
def test_skipped_outbound_ports_bypass_the_clients_proxy(edition: str) -> None:
    sandbox = meshed(edition)
    assert counted(sandbox, "web", direction="outbound") > 50
    meshed_calls = counted(sandbox, "voting", direction="inbound", tls="true")
    assert meshed_calls > 50
    annotate = (
        '{"spec":{"template":{"metadata":{"annotations":{"config.linkerd.io/skip-outbound-ports":"8080"}}}}}'
    )
    do(sandbox, f"kubectl patch -n emojivoto deploy/web -p '{annotate}'")
    do(sandbox, "kubectl rollout status -n emojivoto deploy/web")
    sandbox.advance(40.0)  # until the old pod is gone
    before = counted(sandbox, "voting", direction="inbound", tls="true")
    sandbox.advance(60.0)
    assert since(sandbox, TO_VOTING, 60).count >= 55
    assert counted(sandbox, "web", direction="outbound") == 0.0
    assert counted(sandbox, "web", direction="inbound") > 100, "only one direction is skipped"
    assert counted(sandbox, "voting", direction="inbound", tls="true") == before
    plain = [
        labels
        for name, labels, value in samples(sandbox, "voting")
        if name == "request_total"
        and labels["direction"] == "inbound"
        and labels["tls"] != "true"
        and value > 50
    ]
    assert plain
    assert all("client_id" not in labels for labels in plain), "the server sees nobody it knows"


@BOTH
def test_skipped_inbound_ports_bypass_the_servers_proxy(edition: str) -> None:
    sandbox = meshed(edition)
    annotate = (
        '{"spec":{"template":{"metadata":{"annotations":{"config.linkerd.io/skip-inbound-ports":"8080"}}}}}'
    )
    do(sandbox, f"kubectl patch -n emojivoto deploy/emoji -p '{annotate}'")
    do(sandbox, "kubectl rollout status -n emojivoto deploy/emoji")
    sandbox.advance(40.0)  # until the old pod is gone
    before = counted(sandbox, "web", direction="outbound", dst_deployment="emoji", tls="true")
    sandbox.advance(60.0)
    assert since(sandbox, TO_EMOJI, 50).success == 1.0
    assert counted(sandbox, "emoji", direction="inbound", target_port="8080") == 0.0
    assert stat(sandbox)["emoji"] == ["1/1", *UNMESHED[1:]]
    after = counted(sandbox, "web", direction="outbound", dst_deployment="emoji", tls="true")
    assert after == before, "the client was told that this port is not meshed"


# -- what watches ---------------------------------------------------------------------------------------


@BOTH
def test_without_prometheus_there_are_no_figures_while_traffic_runs(edition: str) -> None:
    sandbox = meshed(edition)
    namespace, name = (
        ("linkerd", "linkerd-prometheus") if edition == STABLE else ("linkerd-viz", "prometheus")
    )
    do(sandbox, f"kubectl scale -n {namespace} deploy/{name} --replicas 0")
    sandbox.advance(60.0)
    result = sandbox.sh(viz(sandbox, "stat -n emojivoto deploy"))
    assert (result.status, result.stdout) == (1, "")
    assert "Prometheus" in result.stderr
    assert result.stderr.count("\n") == 1
    assert since(sandbox, TO_WEB, 30).count >= 55
    before = counted(sandbox, "web", direction="inbound")
    sandbox.advance(10.0)
    assert counted(sandbox, "web", direction="inbound") > before, "the proxies count on"
    do(sandbox, f"kubectl scale -n {namespace} deploy/{name} --replicas 1")
    sandbox.advance(90.0)
    assert stat(sandbox)["web"][1] != "-"


def lag(interval: str) -> float:
    """Mean seconds from an outage of emoji until ``stat`` shows it, over four phases of a minute."""
    sandbox = unmeshed(STABLE)
    config = sandbox.api.get("configmaps", "linkerd-prometheus-config", "linkerd")["data"]["prometheus.yml"]
    assert "10s" in config
    patch = json.dumps({"data": {"prometheus.yml": config.replace("10s", interval)}})
    do(sandbox, f"kubectl patch -n linkerd cm linkerd-prometheus-config --type merge -p '{patch}'")
    do(sandbox, "kubectl rollout restart -n linkerd deploy/linkerd-prometheus")
    do(sandbox, INJECT)
    sandbox.advance(120.0)
    lags = []
    begin = 240.0 * (1 + sandbox.engine.now // 240.0)
    for place in range(4):
        sandbox.advance(begin + place * (240.0 + 15.0) - sandbox.engine.now)
        do(sandbox, "fault error -n emojivoto deploy/emoji --rate 1")
        lags.append(shown_after(sandbox))
        do(sandbox, "fault clear")
    return fmean(lags)


def shown_after(sandbox: Sandbox) -> float:
    """Seconds until ``stat`` says that emoji, which never fails by itself, has failed."""
    begin = sandbox.engine.now
    while True:
        (row,) = json.loads(do(sandbox, "linkerd stat -n emojivoto deploy/emoji -t 2m -o json"))
        if row["success"] is not None and row["success"] < 1.0:
            return sandbox.engine.now - begin
        assert sandbox.engine.now < begin + 200
        sandbox.advance(1.0)


def test_a_slower_scrape_makes_figures_lag() -> None:
    # A scrape brings what happened since the last one: on average half an interval passes until it is told.
    quick, slow = lag("10s"), lag("60s")
    assert 1.0 < quick < 15.0
    assert 25.0 < slow < 65.0


# -- the control plane ----------------------------------------------------------------------------------


@BOTH
def test_without_the_injector_new_pods_have_no_proxy(edition: str) -> None:
    sandbox = unmeshed(edition)
    do(sandbox, "kubectl scale -n linkerd deploy/linkerd-proxy-injector --replicas 0")
    sandbox.advance(40.0)
    old = set(ready(sandbox))
    do(sandbox, INJECT)
    sandbox.advance(90.0)
    assert not old & set(ready(sandbox)), "the template changed, so the pods are new"
    assert set(ready(sandbox).values()) == {"1/1"}
    assert since(sandbox, TO_WEB, 30).count >= 55
    do(sandbox, "kubectl scale -n linkerd deploy/linkerd-proxy-injector --replicas 1")
    sandbox.advance(60.0)
    do(sandbox, "kubectl rollout restart -n emojivoto deploy/web")
    sandbox.advance(90.0)
    assert {workload(name): cell for name, cell in ready(sandbox).items()}["web"] == "2/2"


@BOTH
def test_without_destination_known_endpoints_are_kept_and_new_ones_are_not_found(edition: str) -> None:
    sandbox = meshed(edition)
    line = (
        "kubectl exec -n emojivoto deploy/vote-bot -c vote-bot -- "
        "curl -s -m 30 -o /dev/null -w '%{http_code}' http://voting-svc.emojivoto:8801/metrics"
    )
    do(sandbox, "fault down destination")
    sandbox.advance(120.0)
    begin = sandbox.engine.now
    assert since(sandbox, TO_WEB, 60).count >= 115
    assert outcomes(sandbox, TO_WEB, begin - 60) <= {Outcome.OK, Outcome.APP_ERROR}
    assert counted(sandbox, "voting", direction="inbound", tls="true") > 100, "still mTLS"
    answer = sandbox.sh(line)
    assert answer.stdout in ("502", "503", "504"), answer
    do(sandbox, "fault clear")
    sandbox.advance(60.0)
    assert do(sandbox, line) == "200"


@BOTH
def test_without_identity_new_proxies_are_never_ready(edition: str) -> None:
    sandbox = unmeshed(edition)
    do(sandbox, "fault down identity")
    sandbox.advance(10.0)
    do(sandbox, INJECT)
    sandbox.advance(120.0)
    cells = rows(do(sandbox, "kubectl get po -n emojivoto"))
    old = {workload(name) for name, row in cells.items() if row[0] == "1/1"}
    waiting = {row[0] for row in cells.values()} - {"1/1"}
    assert old == {"emoji", "vote-bot", "voting", "web"}, "the rolling update waits for the new ones"
    assert waiting == ({"1/2"} if edition == STABLE else {"0/2"})
    assert since(sandbox, TO_WEB, 60).count >= 115, "the old pods serve on"
    do(sandbox, "fault clear")
    sandbox.advance(150.0)
    assert set(ready(sandbox).values()) == {"2/2"}


def test_identity_is_asked_once_a_day_so_its_outage_leaves_running_proxies_alone() -> None:
    sandbox = meshed(STABLE)
    do(sandbox, "fault down identity")
    sandbox.advance(600.0)
    assert since(sandbox, TO_WEB, 300).count >= 580
    assert outcomes(sandbox, TO_WEB, sandbox.engine.now - 300) <= {Outcome.OK, Outcome.APP_ERROR}
