"""Faults: each changes what it says at once, without a rollout, and fault clear ends it."""

import re

import pytest

from sim.scenario.loader import from_data
from sim.shell.sandbox import Sandbox

APP = "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f - >/dev/null; sleep 30"
GATEWAY = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
VOTE = "curl -s -o /dev/null -w '%{http_code} %{time_total}' 'localhost:8080/api/vote?choice=:doughnut:'"


def out(sandbox: Sandbox, line: str) -> str:
    result = sandbox.sh(line)
    assert result.status == 0, result
    return result.stdout


@pytest.fixture
def app() -> Sandbox:
    """emojivoto without a mesh, with a port-forward to web."""
    sandbox = Sandbox(seed=1)
    sandbox.shell.reraise = True
    out(sandbox, APP)
    out(sandbox, "kubectl -n emojivoto port-forward svc/web-svc 8080:80 &")
    return sandbox


@pytest.fixture(scope="module")
def meshed() -> Sandbox:
    """The control plane and an injected emojivoto. Tests clear their faults."""
    sandbox = Sandbox(seed=1, edition="stable-2.8.1")
    sandbox.shell.reraise = True
    out(sandbox, "linkerd install | kubectl apply -f - > /dev/null; sleep 60")
    out(
        sandbox,
        "curl -sL https://run.linkerd.io/emojivoto.yml | linkerd inject - 2>/dev/null | "
        "kubectl apply -f -; sleep 60",
    )
    return sandbox


def pods(sandbox: Sandbox, namespace: str = "emojivoto") -> dict[str, str]:
    """Pod name → its node, of those that run."""
    text = out(sandbox, f"kubectl get po -n {namespace} -o wide --no-headers")
    return {row[0]: row[6] for row in map(str.split, text.splitlines()) if row[2] == "Running"}


def test_an_error_rate_takes_the_place_of_the_programs_own(app: Sandbox) -> None:
    before = pods(app)
    assert out(app, VOTE).startswith("500")
    out(app, "fault error deploy/voting --route VoteDoughnut --rate 0")
    assert out(app, VOTE).startswith("200")
    assert pods(app) == before
    out(app, "fault error deploy/voting --route VoteDoughnut --rate 100%")
    assert out(app, "fault list").count("\n") == 1
    assert out(app, VOTE).startswith("500")
    out(app, "fault error deploy/web --rate 1 --status 503")
    assert out(app, VOTE).startswith("503")
    assert "error -n emojivoto deploy/web --rate 1 --status 503" in out(app, "fault list")
    out(app, "fault clear")
    assert out(app, "fault list") == "no faults\n"
    assert not app.world.faults.rules


def test_latency_is_added(app: Sandbox) -> None:
    out(app, "fault latency deploy/emoji --route FindByShortcode --add 250ms")
    assert 0.25 < float(out(app, VOTE).split()[1]) < 0.3
    assert float(out(app, "curl -s -o /dev/null -w '%{time_total}' localhost:8080/api/list")) < 0.1
    out(app, "fault clear 1")
    assert float(out(app, VOTE).split()[1]) < 0.1


def test_a_slow_pod_computes_slower_even_after_a_restart(app: Sandbox) -> None:
    name = next(pod for pod in pods(app) if pod.startswith("web"))
    usual = float(out(app, "curl -s -o /dev/null -w '%{time_total}' localhost:8080/api/list"))
    out(app, f"fault slow {name} --by 100")
    slow = float(out(app, "curl -s -o /dev/null -w '%{time_total}' localhost:8080/api/list"))
    assert slow > 3 * usual
    out(app, f"fault kill {name}; sleep 5")
    assert float(out(app, "curl -s -o /dev/null -w '%{time_total}' localhost:8080/api/list")) > 3 * usual
    out(app, "fault clear")
    assert float(out(app, "curl -s -o /dev/null -w '%{time_total}' localhost:8080/api/list")) < 3 * usual


def test_killed_containers_are_restarted(app: Sandbox) -> None:
    name = next(pod for pod in pods(app) if pod.startswith("voting"))
    assert out(app, f"fault kill {name}") == f"killed pod/{name}\n"
    out(app, "sleep 5")
    assert out(app, f"kubectl -n emojivoto get po {name} --no-headers").split()[3] == "1"
    assert out(app, "fault kill deploy/web --container web-svc").startswith("killed web-svc of pod/web-")
    assert app.sh("fault kill deploy/web -c nope").stderr.startswith("fault: pod web-")


def test_draining_moves_pods_and_clearing_uncordons(app: Sandbox) -> None:
    node = next(iter(pods(app).values()))
    assert f"node/{node} cordoned" in out(app, f"fault drain {node}")
    out(app, "sleep 60")
    assert len(pods(app)) == 4
    assert node not in pods(app).values()
    assert "SchedulingDisabled" in out(app, f"kubectl get node {node}")
    out(app, "fault clear")
    assert "SchedulingDisabled" not in out(app, f"kubectl get node {node}")


def test_a_partition_cuts_and_heals(app: Sandbox) -> None:
    out(app, "fault partition node-1 node-2; fault partition node-1 node-3; fault partition node-2 node-3")
    links = app.cluster.network.topology
    assert not links.link("node-1", "node-2").up
    assert out(app, "fault list").count("partition") == 3
    out(app, "fault clear 1")
    assert links.link("node-1", "node-2").up
    assert not links.link("node-1", "node-3").up
    out(app, "fault clear")


def test_zones_can_be_cut_from_one_another() -> None:
    sandbox = Sandbox(scenario=from_data({"cluster": {"zones": ["a", "b"], "nodes": 4}}))
    out(sandbox, "fault partition a b; fault loss a b 0.5")
    links = sandbox.cluster.network.topology
    assert not links.link("node-1", "node-2").up
    assert links.link("node-1", "node-3").up
    assert links.link("node-1", "node-4").loss == 0.5


def test_the_api_server_cannot_reach_a_pod_it_is_cut_off_from(app: Sandbox) -> None:
    name, node = next((pod, node) for pod, node in pods(app).items() if pod.startswith("web"))
    out(app, f"fault partition control-plane {node}")
    refused = app.sh(f"kubectl -n emojivoto exec {name} -- env")
    assert refused.status != 0
    assert "error dialing backend" in refused.stderr
    assert app.sh(VOTE).status == 52
    out(app, "fault clear")
    assert out(app, VOTE)


def test_loss_costs_retransmissions(app: Sandbox) -> None:
    out(app, "fault loss node-1 node-2 0.3")
    assert app.cluster.network.topology.link("node-1", "node-2").loss == 0.3
    out(app, "fault clear")
    assert app.cluster.network.topology.link("node-1", "node-2").loss == 0.0


def test_a_skewed_clock_shows_in_the_check() -> None:
    sandbox = Sandbox(edition="stable-2.8.1")

    def verdict() -> str:
        return next(line for line in sandbox.sh("linkerd check --pre").stdout.splitlines() if "skew" in line)

    out(sandbox, "sleep 1h")
    assert verdict().startswith("√")
    out(sandbox, "fault skew node-2 -20m")
    assert verdict().startswith("‼")
    out(sandbox, "fault clear")
    assert verdict().startswith("√")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fault error deploy/web --rate 2", "--rate 2: a share lies between 0 and 1 (or 0% and 100%)"),
        (
            "fault error deploy/web --rate banana",
            "--rate banana: a share lies between 0 and 1 (or 0% and 100%)",
        ),
        ("fault error deploy/web --rate -1", "--rate -1: a share lies between 0 and 1 (or 0% and 100%)"),
        ("fault error deploy/web", "--rate is missing: which share of the requests fails, between 0 and 1?"),
        ("fault error deploy/nosuch --rate 2", "--rate 2: a share lies between 0 and 1"),
        ("fault error deploy/wbe --rate 1", "no deploy/wbe; did you mean deploy/web?"),
        ("fault error deploy/web -n default --rate 1", "no deploy/web in namespace default"),
        ("fault error web --rate 1", "'web' is no workload: write it as deploy/web"),
        (
            "fault error deploy/web --rate 1 --status 99",
            "--status 99: an HTTP status lies between 100 and 599",
        ),
        ("fault error deploy/web --rtae 1", "unknown flag: --rtae (did you mean --rate?)"),
        ("fault error", "usage: fault error WORKLOAD [--route …] [--rate …] [--status …]"),
        ("fault latency deploy/web --add 5", "--add 5: write a time such as 250ms, 2s or 5m"),
        ("fault latency deploy/web --add 2h", "--add 2h: at most an hour"),
        ("fault latency deploy/web", "--add is missing: how much, such as 250ms?"),
        ("fault kill nosuch", "no po/nosuch"),
        ("fault slow deploy/web --by 0.5", "--by 0.5: how many times slower, more than 1"),
        ("fault drain node-9", "no node 'node-9'; did you mean node-3?"),
        ("fault partition node-1 node-1", "node-1 and itself: name two nodes or zones"),
        ("fault partition node-1 mars", "no node or zone 'mars'"),
        ("fault loss node-1 node-2 1", "P 1: that is a partition: fault partition A B"),
        ("fault loss node-1 node-2 1.5", "P 1.5: a share lies between 0 and 1 (or 0% and 100%)"),
        ("fault skew node-1 5", "D 5: write a time such as 250ms, 2s or 5m"),
        ("fault expire banana", "'banana' cannot expire: leaf, issuer or anchor can"),
        (
            "fault expire leaf",
            "no secret linkerd-identity-issuer in namespace linkerd: install the control plane first",
        ),
        ("fault down banana", "no component 'banana'; no control plane is installed"),
        ("fault lits", "no fault 'lits'; did you mean list?"),
        ("fault clear 7", "no fault 7 (none is in force)"),
        ("fault clear x", "usage: fault clear [ID] (fault list shows the IDs)"),
    ],
)
def test_impossible_faults_say_why(app: Sandbox, line: str, message: str) -> None:
    result = app.sh(line)
    assert result.status == 1
    assert re.fullmatch(r"fault: [^\n]+\n", result.stderr)
    assert result.stderr.startswith(f"fault: {message}")
    assert app.faults.all() == []


def test_answers_of_one_pod_of_many_cannot_be_changed(app: Sandbox) -> None:
    name = next(iter(pods(app)))
    assert app.sh(f"fault error po/{name} --rate 1").stderr == (
        f"fault: po/{name} belongs to a workload: name that, such as deploy/web\n"
    )
    out(app, "kubectl run lone -n emojivoto --image=nginx; sleep 10")
    out(app, "kubectl -n emojivoto port-forward po/lone 9090:80 &")
    out(app, "fault error po/lone --rate 1 --status 502")
    assert out(app, "curl -s -o /dev/null -w '%{http_code}' localhost:9090") == "502"


def test_a_name_in_two_namespaces_needs_a_namespace(app: Sandbox) -> None:
    out(app, "kubectl create ns two; kubectl create deployment web -n two --image=nginx")
    assert (
        "is in several namespaces (emojivoto, two): say which with -n"
        in app.sh("fault error deploy/web --rate 1").stderr
    )
    out(app, "fault error deploy/web -n two --rate 1")
    assert [rule.workload for rule in app.world.faults.rules.values()] == ["two/deploy/web"]


def test_help_names_every_fault(app: Sandbox) -> None:
    text = out(app, "fault --help")
    for verb in (
        "error",
        "latency",
        "slow",
        "kill",
        "drain",
        "partition",
        "loss",
        "skew",
        "expire",
        "down",
        "list",
        "clear",
    ):
        assert f"fault {verb}" in text


# -- faults in the mesh ------------------------------------------------------------------------------------


def test_a_component_that_is_down_crashes_until_it_is_cleared(meshed: Sandbox) -> None:
    out(meshed, "fault down proxy-injector; sleep 20")
    assert "CrashLoopBackOff" in out(meshed, "kubectl get po -n linkerd")
    assert "is down already" in meshed.sh("fault down proxy-injector").stderr
    assert meshed.sh("fault down proxy-injecter").stderr == (
        "fault: no component 'proxy-injecter'; did you mean proxy-injector?\n"
    )
    out(meshed, "fault clear; sleep 30")
    assert "CrashLoopBackOff" not in out(meshed, "kubectl get po -n linkerd")
    out(meshed, "fault down prometheus; sleep 20")
    assert meshed.sh("linkerd stat -n emojivoto deploy").status != 0
    out(meshed, "fault clear; sleep 60")
    assert "100.00%" in out(meshed, "linkerd stat -n emojivoto deploy")


def errors(sandbox: Sandbox) -> list[str]:
    """Lines of linkerd check that are errors."""
    return [
        line for line in sandbox.sh("linkerd check --wait 1s").stdout.splitlines() if line.startswith("×")
    ]


def test_an_expired_issuer_fails_the_check_and_certifies_nobody(meshed: Sandbox) -> None:
    out(meshed, "fault expire issuer; sleep 5")
    assert errors(meshed)[0] == "× issuer cert is within its validity period"
    assert meshed.sh("fault expire issuer").stderr == "fault: the issuer has expired already\n"
    out(meshed, "kubectl -n emojivoto delete po --all; sleep 20")
    assert "1/2" in out(meshed, "kubectl get po -n emojivoto")
    out(meshed, "fault clear; sleep 30")
    assert errors(meshed) == []


def test_the_certificates_of_edge_expire_too() -> None:
    sandbox = Sandbox()
    sandbox.shell.reraise = True
    out(sandbox, f"curl -sL {GATEWAY} | kubectl apply -f -; linkerd install --crds | kubectl apply -f -")
    out(sandbox, "linkerd install | kubectl apply -f -; sleep 60")
    assert errors(sandbox) == []
    for kind, title in (
        ("issuer", "× issuer cert is within its validity period"),
        ("anchor", "× trust anchors are within their validity period"),
    ):
        out(sandbox, f"fault expire {kind}; sleep 5")
        assert errors(sandbox)[0] == title
        out(sandbox, "fault clear; sleep 5")
        assert errors(sandbox) == []


def test_an_expired_anchor_fails_the_check(meshed: Sandbox) -> None:
    out(meshed, "fault expire anchor; sleep 5")
    assert errors(meshed)[0] == "× trust anchors are within their validity period"
    out(meshed, "fault clear; sleep 60")
    assert errors(meshed) == []


def test_expired_leaves_are_refused_by_new_connections(meshed: Sandbox) -> None:
    out(meshed, "kubectl -n emojivoto delete po --all; sleep 40")
    assert "fault" in out(meshed, "fault expire leaf")
    out(meshed, "fault kill -n emojivoto deploy/vote-bot -c linkerd-proxy; sleep 30")
    attempts = meshed.tables.requests.array()
    recent = attempts[attempts["start_s"] > meshed.engine.now - 10.0]
    assert len(recent) > 0
    assert not (recent["status"] == 200).any()
    out(meshed, "fault clear; sleep 60")
    attempts = meshed.tables.requests.array()
    recent = attempts[attempts["start_s"] > meshed.engine.now - 10.0]
    assert (recent["status"] == 200).any()
