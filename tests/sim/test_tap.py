"""tap and top: single requests as the proxies of a running cluster report them."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from sim.programs.linkerd import LinkerdProxy
from sim.programs.linkerd.control import ControlClient
from sim.programs.linkerd.tap import OBSERVE
from sim.shell.sandbox import Sandbox

EMOJIVOTO = "curl -sL https://run.linkerd.io/emojivoto.yml | linkerd inject {} - | kubectl apply -f -"
WEB = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local"


def do(sandbox: Sandbox, line: str) -> str:
    """Run a line that must succeed; what it printed."""
    result = sandbox.sh(line)
    assert result.status == 0, f"{line}: {result.stderr}"
    return result.stdout


def installed() -> Sandbox:
    sandbox = Sandbox(edition="stable-2.8.1")
    do(sandbox, "linkerd install | kubectl apply -f -")
    do(sandbox, "sleep 60")
    return sandbox


@pytest.fixture(scope="module")
def running() -> Sandbox:
    """stable-2.8.1 with the meshed application under load."""
    sandbox = installed()
    do(sandbox, EMOJIVOTO.format(""))
    do(sandbox, "sleep 60")
    return sandbox


def pod_of(sandbox: Sandbox, app: str) -> Any:
    (pod,) = sandbox.api.list("pods", "emojivoto", labels=f"app={app}")
    return pod


def proxy_of(sandbox: Sandbox, app: str) -> LinkerdProxy:
    pod = pod_of(sandbox, app)
    kubelet = sandbox.cluster.kubelets[pod["spec"]["nodeName"]]
    runner = kubelet.runner("emojivoto", pod["metadata"]["name"], "linkerd-proxy")
    assert runner is not None
    assert isinstance(runner.program, LinkerdProxy)
    return runner.program


def test_the_doughnut_as_tap_shows_it(running: Sandbox) -> None:
    """A gRPC failure outbound with HTTP status 200; a plain 500 to web's own caller."""
    lines = do(running, "linkerd tap -n emojivoto deploy/web --for 30s").splitlines()
    voting = pod_of(running, "voting-svc")["status"]["podIP"]
    begun = next(line for line in lines if line.endswith("VotingService/VoteDoughnut"))
    assert re.fullmatch(
        rf"req id=\d+:\d+ proxy=out src=[\d.]+:\d{{5}} dst={voting}:8080 tls=true :method=POST "
        r":authority=voting-svc\.emojivoto:8080 :path=/emojivoto\.v1\.VotingService/VoteDoughnut",
        begun,
    )
    number = begun.split()[1]
    response, end = (line for line in lines if line.split()[1] == number and line is not begun)
    assert re.search(r"tls=true :status=200 latency=\d+µs$", response)
    assert re.search(r"tls=true grpc-status=Unknown duration=\d+µs response-length=0B$", end)
    failed = [line for line in lines if ":status=500" in line]
    assert failed
    for line in failed:
        assert line.startswith("rsp ")
        assert "proxy=in " in line
        assert "tls=true" in line


def test_a_request_is_three_lines_in_order(running: Sandbox) -> None:
    lines = do(running, "linkerd tap -n emojivoto deploy/web --for 20s").splitlines()
    kinds: dict[str, list[str]] = {}
    for line in lines:
        kind, number, *_ = line.split()
        kinds.setdefault(number, []).append(kind)
    # Only what was still under way at the end lacks its answer.
    assert Counter(map(tuple, kinds.values())).most_common(1)[0][0] == ("req", "rsp", "end")
    assert all(found == ["req", "rsp", "end"][: len(found)] for found in kinds.values())


def test_both_sides_of_a_request_name_each_other(running: Sandbox) -> None:
    """The same requests at web's outbound and at voting's inbound proxy."""
    wanted = "--for 10s -o json --path /emojivoto.v1.VotingService"
    out = [
        json.loads(line)
        for line in do(running, f"linkerd tap -n emojivoto deploy/web {wanted}").split("\n")[:-1]
    ]
    into = [
        json.loads(line) for line in do(running, f"linkerd tap -n emojivoto po {wanted}").split("\n")[:-1]
    ]
    assert {event["direction"] for event in out} == {"out"}
    assert {event["direction"] for event in into} == {"in", "out"}
    for event in (*out, *into):
        assert event["source_labels"]["deployment"] == "web"
        assert event["target_labels"]["deployment"] == "voting"
        assert event["target"] == f"{pod_of(running, 'voting-svc')['status']['podIP']}:8080"
        assert event["source"].startswith(pod_of(running, "web-svc")["status"]["podIP"] + ":")
    # What leaves one proxy arrives at the other, a little later each.
    begins = [(event["at"], event["direction"]) for event in into if event["kind"] == "req"]
    assert [direction for _, direction in begins] == ["out", "in"] * (len(begins) // 2)


def test_filters_choose_before_the_limit_counts(running: Sandbox) -> None:
    lines = do(
        running, "linkerd tap -n emojivoto deploy/web --for 10s --path /api/vote --method get --max-rps 1"
    ).splitlines()
    begun = [line for line in lines if line.startswith("req ")]
    assert 5 <= len(begun) <= 10
    assert all(":path=/api/vote" in line and ":method=GET" in line for line in begun)
    every = do(running, "linkerd tap -n emojivoto deploy/web --for 10s --max-rps 1").splitlines()
    assert sum(line.startswith("req ") for line in every) <= 10


def test_top_counts_what_happened(running: Sandbox) -> None:
    before = running.engine.now
    out = do(running, "linkerd top -n emojivoto deploy/web --for 60s").splitlines()
    assert out[0].startswith("Source    Destination  Method  Path ")
    rows = {tuple(line.split()[:4]): line.split()[4:] for line in out[1:]}
    truth = running.tables.requests.array()
    edges = running.tables.edges.keys
    within = truth[truth["start_s"] >= before]
    votes = sum(
        count
        for edge, count in Counter(within["edge"].tolist()).items()
        if edges[edge] == ("deploy/vote-bot", "web-svc.emojivoto", "/api/vote")
    )
    assert abs(int(rows["vote-bot", "web", "GET", "/api/vote"][0]) - votes) <= 1
    assert rows["web", "emoji", "POST", "/emojivoto.v1.EmojiService/ListAll"][-1] == "100.00%"
    assert rows["web", "voting", "POST", "/emojivoto.v1.VotingService/VoteDoughnut"][-1] == "0.00%"


@pytest.mark.parametrize(
    ("client", "message"),
    [("vote-bot", "Unauthorized peer: default.emojivoto"), ("host", "Unauthenticated peer")],
)
def test_only_the_tap_controller_is_let_in(running: Sandbox, client: str, message: str) -> None:
    """Another proxy with a good certificate, and somebody without one."""
    ip = pod_of(running, "web-svc")["status"]["podIP"]
    proxy = proxy_of(running, "vote-bot")
    control = ControlClient(proxy, f"{ip}:4190", WEB if client == "vote-bot" else "")
    call = control.call(OBSERVE, {"seconds": 5.0, "max_rps": 10.0})
    response = running.engine.run_process(running.engine.process(call), running.engine.now + 20.0)
    assert response.grpc_status == 16
    assert response.grpc_message.startswith(message)


def test_a_malformed_request_is_refused(running: Sandbox) -> None:
    ip = pod_of(running, "web-svc")["status"]["podIP"]
    (pod,) = running.api.list("pods", "linkerd", labels="linkerd.io/control-plane-component=tap")
    runner = running.cluster.kubelets[pod["spec"]["nodeName"]].runner(
        "linkerd", pod["metadata"]["name"], "linkerd-proxy"
    )
    assert runner is not None
    assert isinstance(runner.program, LinkerdProxy)
    control = ControlClient(runner.program, f"{ip}:4190", WEB)
    for path, body, status in (
        (OBSERVE, {"seconds": 5.0}, 3),
        (OBSERVE, {"seconds": -1.0, "max_rps": 1.0}, 3),
        (OBSERVE, {"seconds": 1.0, "max_rps": 1.0, "match": {"colour": "red"}}, 3),
        ("/Other", {}, 12),
    ):
        call = control.call(path, body)
        response = running.engine.run_process(running.engine.process(call), running.engine.now + 20.0)
        assert response.grpc_status == status


def test_nothing_stays_behind(running: Sandbox) -> None:
    """After a tap no proxy watches any more, and the tap controller holds no connection to it."""
    do(running, "linkerd tap -n emojivoto deploy/web --for 2s")
    do(running, "sleep 30")
    assert proxy_of(running, "web-svc").proxy.taps == []
    assert not proxy_of(running, "web-svc").container.pod.net.sockets[4190].conns


def test_tap_disabled_by_annotation() -> None:
    sandbox = installed()
    do(sandbox, EMOJIVOTO.format("--disable-tap"))
    do(sandbox, "sleep 60")
    assert 4190 not in proxy_of(sandbox, "web-svc").container.pod.net.open_ports
    result = sandbox.sh("linkerd tap -n emojivoto deploy/web --for 2s")
    assert result.status == 1
    assert "config.linkerd.io/disable-tap" in result.stderr


def test_edge_taps_only_pods_made_after_the_extension() -> None:
    sandbox = Sandbox(edition="edge")
    release = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
    do(sandbox, f"kubectl apply -f {release}")
    do(sandbox, "linkerd install --crds | kubectl apply -f -")
    do(sandbox, "linkerd install | kubectl apply -f -")
    do(sandbox, "sleep 60")
    do(sandbox, EMOJIVOTO.format(""))
    do(sandbox, "linkerd viz install | kubectl apply -f -")
    do(sandbox, "sleep 60")
    assert 4190 not in proxy_of(sandbox, "web-svc").container.pod.net.open_ports
    assert "no pods to tap" in sandbox.sh("linkerd viz tap -n emojivoto deploy/web --for 2s").stderr
    do(sandbox, "kubectl rollout restart -n emojivoto deploy")
    do(sandbox, "sleep 90")
    lines = do(sandbox, "linkerd viz tap -n emojivoto deploy/web --for 30s").splitlines()
    assert any("grpc-status=Unknown" in line and "tls=true" in line for line in lines)
    table = do(sandbox, "linkerd viz top -n emojivoto deploy/web --for 10s")
    assert "100.00%" in table


def test_taps_change_nothing_of_what_happens() -> None:
    """A tapped run and one without give the same requests with the same outcomes."""

    def run(line: str) -> dict[int, list[tuple[int, int]]]:
        sandbox = installed()
        do(sandbox, EMOJIVOTO.format(""))
        do(sandbox, "sleep 60")
        do(sandbox, line)
        sandbox.advance(40.0)
        found: dict[int, list[tuple[int, int]]] = {}
        for row in sandbox.tables.requests.array():
            found.setdefault(int(row["trace"]), []).append((int(row["edge"]), int(row["outcome"])))
        return found

    tapped, quiet = run("linkerd tap -n emojivoto deploy/web --for 20s"), run("sleep 20")
    last = min(max(tapped), max(quiet)) - 2  # the last ones may still be under way
    assert last > 100
    assert [tapped[n] for n in range(1, last)] == [quiet[n] for n in range(1, last)]
