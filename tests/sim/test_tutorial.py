"""The whole tutorial, line by line, in both editions: every line of its table is printed, and is true."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mesh.cli.console import Result
from mesh.yaml import load_all
from sim.shell.sandbox import Sandbox
from tests.sim.walk import (
    EDGE,
    EMOJIVOTO,
    GATEWAY,
    INJECT,
    STABLE,
    UNMESHED,
    WORKLOADS,
    do,
    quiet,
    rows,
    stat,
    template_hash,
    viz,
    workload,
)

ROOT = Path(__file__).parents[2]
SCRIPT = (
    "kubectl version --short",
    "linkerd version",
    "linkerd check --pre",
    "linkerd install | kubectl apply -f -",
    "linkerd check",
    EMOJIVOTO,
    "sleep 190",
    "kubectl get po -n emojivoto",
    "linkerd stat -n emojivoto deploy",
    INJECT,
    "kubectl -n emojivoto rollout status deploy/web",
    "sleep 300",
    "kubectl get po -n emojivoto",
    "linkerd stat -n emojivoto deploy",
    "linkerd edges -n emojivoto deploy",
)
TODAY = (
    GATEWAY,
    "kubectl version",
    "linkerd version",
    "linkerd check --pre",
    "linkerd install --crds | kubectl apply -f -",
    "linkerd install | kubectl apply -f -",
    "linkerd check",
    "linkerd viz install | kubectl apply -f -",
    "linkerd viz check",
    EMOJIVOTO,
    "sleep 190",
    "kubectl get po -n emojivoto",
    "linkerd viz stat -n emojivoto deploy --unmeshed",
    INJECT,
    "kubectl -n emojivoto rollout status deploy/web",
    "sleep 300",
    "kubectl get po -n emojivoto",
    "linkerd viz stat -n emojivoto deploy",
    "linkerd viz edges -n emojivoto deploy",
)

API = ("kubernetes-api", ("can initialize the client", "can query the Kubernetes API"))
VERSION_281 = (
    "kubernetes-version",
    ("is running the minimum Kubernetes API version", "is running the minimum kubectl version"),
)
VERSION = ("kubernetes-version", ("is running the minimum Kubernetes API version",))
GATEWAY_CRDS = ("gateway-api-crd", ("Gateway API CRDs are installed",))
SETUP = (
    "pre-kubernetes-setup",
    (
        "control plane namespace does not already exist",
        "can create non-namespaced resources",
        "can create ServiceAccounts",
        "can create Services",
        "can create Deployments",
        "can create CronJobs",
        "can create ConfigMaps",
        "can create Secrets",
        "can read Secrets",
        "can read extension-apiserver-authentication configmap",
        "no clock skew detected",
    ),
)
CAPABILITY = ("pre-kubernetes-capability", ("has NET_ADMIN capability", "has NET_RAW capability"))
CLI = ("linkerd-version", ("can determine the latest version", "cli is up-to-date"))
EXISTENCE_281 = (
    "linkerd-existence",
    (
        "'linkerd-config' config map exists",
        "heartbeat ServiceAccount exist",
        "control plane replica sets are ready",
        "no unschedulable pods",
        "controller pod is running",
        "can initialize the client",
        "can query the control plane API",
    ),
)
EXISTENCE = (
    "linkerd-existence",
    (
        "'linkerd-config' config map exists",
        "heartbeat ServiceAccount exist",
        "control plane replica sets are ready",
        "no unschedulable pods",
        "control plane pods are ready",
        "cluster networks contains all node podCIDRs",
        "cluster networks contains all pods",
        "cluster networks contains all services",
    ),
)
CONFIG = (
    "control plane Namespace exists",
    "control plane ClusterRoles exist",
    "control plane ClusterRoleBindings exist",
    "control plane ServiceAccounts exist",
    "control plane CustomResourceDefinitions exist",
    "control plane MutatingWebhookConfigurations exist",
    "control plane ValidatingWebhookConfigurations exist",
)
CONFIG_281 = ("linkerd-config", (*CONFIG, "control plane PodSecurityPolicies exist"))
CONFIG_EDGE = (
    "linkerd-config",
    (*CONFIG, "proxy-init container runs as root user if docker container runtime is used"),
)
IDENTITY = (
    "linkerd-identity",
    (
        "certificate config is valid",
        "trust anchors are using supported crypto algorithm",
        "trust anchors are within their validity period",
        "trust anchors are valid for at least 60 days",
        "issuer cert is using supported crypto algorithm",
        "issuer cert is within its validity period",
        "issuer cert is valid for at least 60 days",
        "issuer cert is issued by the trust anchor",
    ),
)
WEBHOOKS = (
    "linkerd-webhooks-and-apisvc-tls",
    (
        "proxy-injector webhook has valid cert",
        "proxy-injector cert is valid for at least 60 days",
        "sp-validator webhook has valid cert",
        "sp-validator cert is valid for at least 60 days",
        "policy-validator webhook has valid cert",
        "policy-validator cert is valid for at least 60 days",
    ),
)
API_281 = (
    "linkerd-api",
    (
        "control plane pods are ready",
        "control plane self-check",
        "[kubernetes] control plane can talk to Kubernetes",
        "[prometheus] control plane can talk to Prometheus",
        "tap api service is running",
    ),
)
PLANE_281 = (
    "control-plane-version",
    ("control plane is up-to-date", "control plane and cli versions match"),
)
PLANE = ("control-plane-version", ("can retrieve the control plane version", *PLANE_281[1]))
ADDONS = ("linkerd-addons", ("'linkerd-config-addons' config map exists",))
GRAFANA = (
    "linkerd-grafana",
    (
        "grafana add-on service account exists",
        "grafana add-on config map exists",
        "grafana pod is running",
    ),
)
PROXIES = (
    "linkerd-control-plane-proxy",
    (
        "control plane proxies are healthy",
        "control plane proxies are up-to-date",
        "control plane proxies and cli versions match",
    ),
)
EXTENSIONS = ("linkerd-extension-checks", ("namespace configuration for extensions",))
VIZ = (
    "linkerd-viz",
    (
        "linkerd-viz Namespace exists",
        "can initialize the client",
        "linkerd-viz ClusterRoles exist",
        "linkerd-viz ClusterRoleBindings exist",
        "tap API server has valid cert",
        "tap API server cert is valid for at least 60 days",
        "tap API service is running",
        "linkerd-viz pods are injected",
        "viz extension pods are running",
        "viz extension proxies are healthy",
        "viz extension proxies are up-to-date",
        "viz extension proxies and cli versions match",
        "prometheus is installed and configured correctly",
        "viz extension self-check",
    ),
)
Page = Sequence[tuple[str, tuple[str, ...]]]
PRE_281: Page = (API, VERSION_281, SETUP, CAPABILITY, CLI)
CHECK_281: Page = (
    *(API, VERSION_281, EXISTENCE_281, CONFIG_281, IDENTITY, API_281, CLI, PLANE_281, ADDONS, GRAFANA),
)
PRE: Page = (API, VERSION, GATEWAY_CRDS, SETUP, CLI)
CORE: Page = (
    *(API, VERSION, GATEWAY_CRDS, EXISTENCE, CONFIG_EDGE, IDENTITY, WEBHOOKS, CLI, PLANE, PROXIES),
    EXTENSIONS,
)


def page(categories: Page) -> str:
    """What ``linkerd check`` prints when all is well."""
    parts = [
        "\n".join([title, "-" * len(title), *(f"√ {check}" for check in checks)])
        for title, checks in categories
    ]
    return "\n\n".join([*parts, "Status check results are √\n"])


def walk(edition: str, script: Sequence[str]) -> tuple[Sandbox, list[Result]]:
    """A sandbox after the script, and what each line printed."""
    sandbox = Sandbox(edition=edition)
    return sandbox, [sandbox.sh(line) for line in script]


class Walked:
    """The script's results by line; a line that stands twice has its first and second result."""

    def __init__(self, edition: str, script: Sequence[str]) -> None:
        self.sandbox, self.results = walk(edition, script)
        self.script = script
        # Keep what is seen now: other tests of the module go on with the sandbox.
        self.lines = list(zip(script, self.results, strict=True))

    def __getitem__(self, line: str) -> Result:
        return self.nth(line, 0)

    def nth(self, line: str, n: int) -> Result:
        """The n-th result of a line."""
        return [result for text, result in self.lines if text == line][n]


@pytest.fixture(scope="module")
def stable() -> Walked:
    return Walked(STABLE, SCRIPT)


@pytest.fixture(scope="module")
def today() -> Walked:
    return Walked(EDGE, TODAY)


@pytest.fixture(scope="module", params=[STABLE, EDGE])
def walked(request: pytest.FixtureRequest) -> Walked:
    name = "stable" if request.param == STABLE else "today"
    return request.getfixturevalue(name)  # type: ignore[no-any-return]


def test_every_line_succeeds(walked: Walked) -> None:
    assert [(line, result.stderr) for line, result in walked.lines if result.status] == []


def test_only_inject_and_install_speak_on_standard_error(walked: Walked) -> None:
    speaking = {line for line, result in walked.lines if result.stderr}
    assert speaking <= {INJECT, "linkerd install --crds | kubectl apply -f -"}


def test_versions(stable: Walked, today: Walked) -> None:
    assert stable["kubectl version --short"].stdout == (
        "Client Version: v1.16.6-beta.0\nServer Version: v1.15.12-gke.20\n"
    )
    assert stable["linkerd version"].stdout == "Client version: stable-2.8.1\nServer version: unavailable\n"
    lines = today["kubectl version"].stdout.splitlines()
    assert lines[0].startswith("Client Version: v1.32")
    assert lines[-1] == "Server Version: v1.32.4"
    lines = today["linkerd version"].stdout.splitlines()
    assert re.fullmatch(r"Client version: edge-\d\d\.\d+\.\d+", lines[0])
    assert lines[1:] == ["Server version: unavailable"]


def test_the_server_version_is_there_after_the_install(walked: Walked) -> None:
    client, server = quiet(walked.sandbox, "linkerd version").splitlines()
    assert server.removeprefix("Server version: ") == client.removeprefix("Client version: ")


def test_all_checks_in_order_and_nothing_else(stable: Walked, today: Walked) -> None:
    assert stable["linkerd check --pre"].stdout == page(PRE_281)
    assert stable["linkerd check"].stdout == page(CHECK_281)
    assert today["linkerd check --pre"].stdout == page(PRE)
    assert today["linkerd check"].stdout == page(CORE)
    assert today["linkerd viz check"].stdout == page([VIZ])
    assert quiet(today.sandbox, "linkerd check") == page([*CORE, VIZ])


def test_the_install_stream_begins_with_the_namespace() -> None:
    text = quiet(Sandbox(edition=STABLE), "linkerd install")
    assert text.startswith("---\n")
    objects = load_all(text)
    assert len(objects) > 50
    assert objects[0] == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "linkerd",
            "annotations": {"linkerd.io/inject": "disabled"},
            "labels": {
                "linkerd.io/is-control-plane": "true",
                "config.linkerd.io/admission-webhooks": "disabled",
                "linkerd.io/control-plane-ns": "linkerd",
            },
        },
    }


def test_install_prints_one_line_an_object(walked: Walked) -> None:
    lines = walked["linkerd install | kubectl apply -f -"].stdout.splitlines()
    assert lines[0] == "namespace/linkerd created"
    assert len(lines) == len(set(lines)) > 30
    assert all(re.fullmatch(r"[a-z.0-9]+/\S+ created", line) for line in lines)


def test_emojivoto_is_eleven_objects(walked: Walked) -> None:
    assert walked[EMOJIVOTO].stdout.splitlines() == [
        "namespace/emojivoto created",
        *(f"serviceaccount/{name} created" for name in ("emoji", "voting", "web")),
        *(f"service/{name}-svc created" for name in ("emoji", "voting", "web")),
        *(f"deployment.apps/{name} created" for name in WORKLOADS),
    ]


def test_pods_before_and_after(walked: Walked) -> None:
    line = "kubectl get po -n emojivoto"
    before, after = rows(walked.nth(line, 0).stdout), rows(walked.nth(line, 1).stdout)
    assert walked[line].stdout.splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    for pods, ready in ((before, "1/1"), (after, "2/2")):
        assert [workload(pod) for pod in pods] == list(WORKLOADS)
        assert {tuple(cells[:3]) for cells in pods.values()} == {(ready, "Running", "0")}
    assert {cells[3] for cells in before.values()} == {"3m10s"}
    old, new = ({workload(pod): template_hash(pod) for pod in pods} for pods in (before, after))
    assert all(old[name] != new[name] for name in WORKLOADS), "a new template has a new hash"
    assert len({*old.values(), *new.values()}) == 8


def test_the_mesh_shows_nothing_then_figures(walked: Walked) -> None:
    before, after = (rows(result.stdout) for line, result in walked.lines if " stat " in line)
    assert before == dict.fromkeys(WORKLOADS, UNMESHED)
    assert list(after) == list(WORKLOADS)
    assert after["vote-bot"] == ["1/1", *UNMESHED[1:]]
    for name, success, rate in (("emoji", 100.0, 2.0), ("voting", 84.14, 1.0), ("web", 92.07, 2.0)):
        meshed, share, rps, *latency, connections = after[name]
        assert meshed == "1/1"
        # The minute's share has a deviation of 4.8 (voting) or 2.4 points (web); three of them and a bit.
        assert float(share.rstrip("%")) == pytest.approx(success, abs=0 if name == "emoji" else 16)
        assert float(rps.removesuffix("rps")) == pytest.approx(rate, abs=0.11)
        figures = [int(cell.removesuffix("ms")) for cell in latency]
        assert 1 <= figures[0] <= figures[1] <= figures[2] <= 20
        assert int(connections) >= 1


def test_inject_reports_and_apply_configures(walked: Walked) -> None:
    result = walked[INJECT]
    assert result.stdout.splitlines() == [f"deployment.apps/{name} configured" for name in WORKLOADS]
    reported = [line for line in result.stderr.splitlines() if line]
    assert reported == [f'deployment "{name}" injected' for name in WORKLOADS]


def test_the_rollout_is_followed_to_its_end(walked: Walked) -> None:
    lines = walked["kubectl -n emojivoto rollout status deploy/web"].stdout.splitlines()
    assert lines[-1] == 'deployment "web" successfully rolled out'
    assert all(line.startswith("Waiting for deployment ") for line in lines[:-1])


def test_the_edges_are_secured(walked: Walked) -> None:
    text = walked.lines[-1][1].stdout
    assert text.splitlines()[0].split() == ["SRC", "DST", "SRC_NS", "DST_NS", "SECURED"]
    lines = [line.split() for line in text.splitlines()[1:]]
    inside = sorted((cells[0], cells[1]) for cells in lines if cells[2] == "emojivoto")
    assert inside == [("vote-bot", "web"), ("web", "emoji"), ("web", "voting")]
    assert {cells[-1] for cells in lines} == {"√"}


REPORT = "'http://localhost:50750/api/tps-reports?resource_type=deployment&namespace=emojivoto'"
CURVES = (
    """'{"resource": {"kind": "deployment", "namespace": "emojivoto", "name": "web"}, """
    """"from": FROM, "to": TO, "step": 10}' http://localhost:50750/grafana/api/ds/query"""
)


def report(sandbox: Sandbox) -> dict[str, tuple[int, int]]:
    """Meshed pods and answers of the last minute as the dashboard's page asks for them."""
    found = json.loads(quiet(sandbox, f"curl -s {REPORT}"))["rows"]
    return {
        row["resource"]["name"]: (
            row["pods"]["meshed"],
            row["figures"]["success"] + row["figures"]["failure"] if row["figures"] else 0,
        )
        for row in found
    }


def test_the_dashboard_is_opened_and_has_figures(stable: Walked, today: Walked) -> None:
    assert quiet(stable.sandbox, "linkerd dashboard &").splitlines()[1:] == [
        "http://localhost:50750",
        "Grafana dashboard available at:",
        "http://localhost:50750/grafana",
        "Opening Linkerd dashboard in the default browser",
    ]
    lines = quiet(today.sandbox, "linkerd viz dashboard &").splitlines()
    assert lines[1] == "http://localhost:50750"
    assert lines[-1] == "Opening Linkerd dashboard in the default browser"
    for walked in (stable, today):
        shown = report(walked.sandbox)
        assert {meshed for meshed, _ in shown.values()} == {1}
        assert shown["vote-bot"][1] == 0
        assert 110 <= shown["web"][1] <= 122
        assert 55 <= shown["voting"][1] <= 61
        page_ = quiet(walked.sandbox, "curl -s http://localhost:50750/namespaces/emojivoto")
        assert "<td>emoji</td><td>1/1</td><td>100.00%</td><td>2.0rps</td>" in page_
        assert "<td>vote-bot</td><td>1/1</td>" + "<td>---</td>" * 5 in page_
    sandbox = stable.sandbox
    now = sandbox.engine.now
    line = CURVES.replace("FROM", f"{now - 120}").replace("TO", f"{now}")
    panels = json.loads(quiet(sandbox, f"curl -s -H 'Content-Type: application/json' -d {line}"))["panels"]
    rates = next(panel["series"] for panel in panels if panel["title"] == "REQUEST RATE")
    assert any(1.5 < value < 2.5 for curve in rates for _, value in curve["points"])
    for walked in (stable, today):
        quiet(walked.sandbox, "kill %1")
        assert walked.sandbox.sh("curl -s http://localhost:50750/").status != 0


def test_the_dashboard_before_injection() -> None:
    """emojivoto is listed, none of its pods is meshed, and there are no figures."""
    sandbox = Sandbox(edition=STABLE)
    for line in SCRIPT[: SCRIPT.index(INJECT)]:
        do(sandbox, line)
    quiet(sandbox, "linkerd dashboard &")
    assert report(sandbox) == dict.fromkeys(WORKLOADS, (0, 0))
    assert "emojivoto</a></td><td>0/4</td><td>---" in quiet(sandbox, "curl -s http://localhost:50750/")
    shown = quiet(sandbox, "curl -s http://localhost:50750/namespaces/emojivoto")
    assert shown.count("<td>0/1</td>" + "<td>---</td>" * 5) == 4


def test_replaying_the_tutorial_takes_two_seconds_of_computing() -> None:
    walk(STABLE, SCRIPT)  # imports and caches are not the replay's
    before = os.times()
    walk(STABLE, SCRIPT)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 2.0


def test_the_page_and_its_doughnut(walked: Walked) -> None:
    sandbox = walked.sandbox
    do(sandbox, "kubectl -n emojivoto port-forward svc/web-svc 8080:80 &")
    assert "<title>" in quiet(sandbox, "curl -s http://localhost:8080/")
    assert quiet(sandbox, "curl -s http://localhost:8080/api/list").count('"shortcode"') == 99
    assert ":joy:" in quiet(sandbox, "curl -s http://localhost:8080/api/list")
    status = "curl -s -o /dev/null -w '%{http_code}\\n' "
    vote = status + "'http://localhost:8080/api/vote?choice=:CHOICE:'"
    assert quiet(sandbox, vote.replace("CHOICE", "doughnut")) == "500\n"
    assert quiet(sandbox, vote.replace("CHOICE", "joy")) == "200\n"
    assert '"votes"' in quiet(sandbox, "curl -s http://localhost:8080/api/leaderboard")
    quiet(sandbox, "kill %1")


def test_edge_leaves_unmeshed_rows_out_unless_asked() -> None:
    sandbox = Sandbox(edition=EDGE)
    for line in TODAY[: TODAY.index(EMOJIVOTO) + 1]:
        do(sandbox, line)
    sandbox.advance(60.0)
    assert sandbox.sh("linkerd viz stat -n emojivoto deploy").stderr == "No traffic found.\n"
    assert stat(sandbox) == dict.fromkeys(WORKLOADS, UNMESHED)
    assert viz(sandbox, "stat -n emojivoto deploy").endswith("--unmeshed")


def transcript(edition: str, script: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """``meshdojo sh -`` with the script on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "sim.cli", "sh", "-", "--edition", edition],
        input="".join(f"{line}\n" for line in script),
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_the_same_script_through_the_command(stable: Walked) -> None:
    done = transcript(STABLE, SCRIPT)
    assert done.returncode == 0, done.stderr
    expected = "".join(f"$ {line}\n{result.stdout}" for line, result in stable.lines)
    assert done.stdout == expected
    assert done.stderr == "".join(result.stderr for result in stable.results)


def test_the_command_stops_at_the_first_line_that_fails() -> None:
    done = transcript(STABLE, ["kubectl version --short", "kubectl get po/web", "linkerd check"])
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "$ kubectl get po/web"
    assert done.stderr == 'Error from server (NotFound): pods "web" not found\n'
