"""The control plane's programs in a running cluster: what they answer, and what happens without them."""

import json
import math
from typing import Any

import pytest

from mesh.viz.query import Query, evaluate_sum, matchers
from sim.programs.controlplane import stores
from sim.shell.sandbox import Sandbox

INJECT = "kubectl get -n emojivoto deploy -o yaml | linkerd inject - | kubectl apply -f -"


def do(sandbox: Sandbox, line: str) -> str:
    """Run a line that must succeed; what it printed."""
    result = sandbox.sh(line)
    assert result.status == 0, f"{line}: {result.stderr}"
    return result.stdout


def installed(*, emojivoto: bool = True) -> Sandbox:
    """stable-2.8.1 with the demo application, not injected yet."""
    sandbox = Sandbox(edition="stable-2.8.1")
    do(sandbox, "linkerd install | kubectl apply -f -")
    do(sandbox, "sleep 60")
    if emojivoto:
        do(sandbox, "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -")
        do(sandbox, "sleep 30")
    return sandbox


@pytest.fixture(scope="module")
def running() -> Sandbox:
    """An injected application two minutes later. Tests that use it only look."""
    sandbox = installed()
    do(sandbox, INJECT)
    do(sandbox, "sleep 125")
    return sandbox


def pod_of(sandbox: Sandbox, namespace: str, component: str) -> str:
    label = f"linkerd.io/control-plane-component={component}"
    (pod,) = sandbox.api.list("pods", namespace, labels=label)
    return str(pod["metadata"]["name"])


def ask(sandbox: Sandbox, component: str, port: int, path: str, body: Any = None) -> Any:
    """What a pod of the control plane answers."""
    method = "GET" if body is None else "POST"
    reply = sandbox.client.request("linkerd", pod_of(sandbox, "linkerd", component), port, method, path, body)
    assert reply.status == 200, reply
    return reply.body


def table(text: str) -> dict[str, list[str]]:
    """Rows of a printed table by their first cell."""
    return {line.split()[0]: line.split() for line in text.splitlines()[1:] if line}


# -- figures ----------------------------------------------------------------------------------------------


def test_stat_after_injection(running: Sandbox) -> None:
    rows = table(do(running, "linkerd stat -n emojivoto deploy"))
    assert rows["vote-bot"][1:] == ["1/1", "-", "-", "-", "-", "-", "-"], "nothing calls the bot"
    assert rows["emoji"][1:4] == ["1/1", "100.00%", "2.0rps"]
    assert rows["web"][1] == rows["voting"][1] == "1/1"
    assert rows["voting"][3] == "1.0rps"
    for name in ("web", "voting"):
        assert 60.0 < float(rows[name][2].rstrip("%")) < 100.0, "the doughnut fails"


def test_the_figures_are_counts_over_a_minute(running: Sandbox) -> None:
    (row,) = json.loads(do(running, "linkerd stat -n emojivoto deploy/web -o json"))
    count = row["rps"] * 60
    assert count == pytest.approx(round(count), abs=1e-9)
    failures = count * (1 - row["success"])
    assert failures == pytest.approx(round(failures), abs=1e-9)


def test_what_the_mesh_saw_is_what_happened(running: Sandbox) -> None:
    """Counters scraped from web's proxy against the requests its client recorded."""
    store = stores(running.cluster)[0]
    wanted = matchers({"deployment": "web", "direction": "inbound", "target_port": "8080"})
    target = next(t for t in store.targets.values() if ("deployment", "web") in t.labels)
    begin, end = target.times[-7], target.times[-1]
    query = Query("instant", "response_total", wanted, 0.0, ())
    seen = evaluate_sum(query, store, end) - evaluate_sum(query, store, begin)
    names = running.tables.edges.keys
    rows = running.tables.requests.array()
    done = rows["start_s"] + rows["latency_s"]
    to_web = [i for i, name in enumerate(names) if name[0] == "deploy/vote-bot"]
    happened = sum(1 for row, t in zip(rows, done, strict=True) if row["edge"] in to_web and begin < t <= end)
    assert seen > 100
    assert abs(seen - happened) <= 2, "only what was under way at the scrapes may differ"


def test_edges_are_secured(running: Sandbox) -> None:
    printed = do(running, "linkerd edges -n emojivoto deploy -o wide")
    lines = [line.split() for line in printed.splitlines()[1:]]
    inside = {(line[0], line[1]): line for line in lines if line[2] == "emojivoto"}
    assert set(inside) == {("vote-bot", "web"), ("web", "emoji"), ("web", "voting")}
    assert all(line[-1] == "√" for line in lines)
    assert inside["web", "voting"][4:6] == ["web.emojivoto", "voting.emojivoto"]
    assert ["linkerd-prometheus", "web", "linkerd", "emojivoto"] in [line[:4] for line in lines]


def test_clients_and_services_have_their_own_view(running: Sandbox) -> None:
    to = table(do(running, "linkerd stat -n emojivoto deploy --to svc/voting-svc"))
    assert list(to) == ["web"]
    source = table(do(running, "linkerd stat -n emojivoto deploy --from deploy/web"))
    assert sorted(source) == ["emoji", "voting"]
    services = table(do(running, "linkerd stat -n emojivoto svc"))
    assert sorted(services) == ["emoji-svc", "voting-svc", "web-svc"]
    assert services["emoji-svc"][1:3] == ["-", "100.00%"]


def test_prometheus_scrapes_every_proxy_at_its_own_time(running: Sandbox) -> None:
    targets = ask(running, "prometheus", 9090, "/api/v1/targets")["data"]["activeTargets"]
    proxies = [target for target in targets if target["scrapePool"] == "linkerd-proxy"]
    assert len(proxies) == 13
    assert {target["health"] for target in targets} == {"up"}
    store = stores(running.cluster)[0]
    offsets = set()
    for target in store.targets.values():
        if ("job", "linkerd-proxy") in target.labels:
            steps = [b - a for a, b in zip(target.times[1:], target.times[2:], strict=False)]
            assert all(math.isclose(step, 10.0) for step in steps)
            offsets.add(round(target.times[-1] % 10, 2))
    assert len(offsets) > 8, "scrapes are spread over the interval"


def test_the_self_check_and_the_list_of_pods(running: Sandbox) -> None:
    results = ask(running, "controller", 8085, "/api/v1/SelfCheck", {})["results"]
    assert [(entry["subsystemName"], entry["status"]) for entry in results] == [
        ("kubernetes", "OK"),
        ("prometheus", "OK"),
    ]
    pods = ask(running, "controller", 8085, "/api/v1/ListPods", {"namespace": "emojivoto"})["pods"]
    assert {(pod["owner"], pod["added"]) for pod in pods} == {
        (f"deployment/{name}", True) for name in ("emoji", "vote-bot", "voting", "web")
    }


def test_the_dashboard_and_grafana_show_the_metrics(running: Sandbox) -> None:
    path = "/api/tps-reports?resource_type=deployment&namespace=emojivoto&window=1m"
    rows = {row["resource"]["name"]: row for row in ask(running, "web", 8084, path)["rows"]}
    assert rows["web"]["figures"]["success"] > 80
    assert len(ask(running, "grafana", 3000, "/api/search")) > 10
    now = running.engine.now
    resource = {"kind": "deployment", "namespace": "emojivoto", "name": "web"}
    body = {"resource": resource, "from": now - 60, "to": now, "step": 10}
    panels = {
        panel["title"]: panel for panel in ask(running, "grafana", 3000, "/api/ds/query", body)["panels"]
    }
    (rate,) = [line for line in panels["REQUEST RATE"]["series"] if line["legend"] == "🔒"]
    assert all(1.0 < value < 3.0 for _, value in rate["points"])
    assert len(rate["points"]) == 7
    (success,) = panels["SUCCESS RATE"]["series"]
    assert all(0.0 <= value <= 1.0 for _, value in success["points"])


def test_certificates_leave_events_on_service_accounts(running: Sandbox) -> None:
    events = running.api.list("events", "emojivoto")
    issued = {e["involvedObject"]["name"] for e in events if e["reason"] == "IssuedLeafCertificate"}
    assert issued == {"default", "emoji", "voting", "web"}
    injected = {e["involvedObject"]["name"] for e in events if e["reason"] == "Injected"}
    assert injected == {"emoji", "vote-bot", "voting", "web"}


def test_errors_say_what_to_do(running: Sandbox) -> None:
    for line, text in [
        ("linkerd stat -t 5s deploy", "at least 15s"),
        ("linkerd stat deplo", "did you mean 'deploy'"),
        ("linkerd edges svc", "a service has no edges"),
        ("linkerd stat deploy --from svc/x", "--from cannot be a service"),
        ("linkerd stat deploy --to x", "--to: there is no kind of resource called 'x'"),
        ("linkerd routes deploy/vote-bot -n emojivoto", "no Service leads to deployment/vote-bot"),
        ("linkerd tap -n emojivoto svc/web-svc", "name one resource that owns pods"),
        ("linkerd dashboard --port 99999", "99999 is not a port"),
    ]:
        result = running.sh(line)
        assert result.status == 1
        assert text in result.stderr
        assert result.stderr.count("\n") == 1, result.stderr


# -- without them -----------------------------------------------------------------------------------------


def test_nothing_is_seen_before_injection_while_traffic_runs() -> None:
    sandbox = installed()
    rows = table(do(sandbox, "linkerd stat -n emojivoto deploy"))
    assert [row[1:] for row in rows.values()] == [["0/1", "-", "-", "-", "-", "-", "-"]] * 4
    assert len(sandbox.tables.requests) > 50


def test_without_a_control_plane_commands_say_so() -> None:
    sandbox = Sandbox(edition="stable-2.8.1")
    for verb in ("stat deploy", "edges deploy", "routes deploy", "tap deploy", "dashboard"):
        result = sandbox.sh(f"linkerd {verb}")
        assert (result.status, result.stdout) == (1, "")
        assert "validate the install with: linkerd check" in result.stderr
    edge = Sandbox(edition="edge")
    result = edge.sh("linkerd viz stat deploy")
    assert "linkerd viz install | kubectl apply -f -" in result.stderr


def test_without_prometheus_there_are_no_figures_but_traffic() -> None:
    sandbox = installed()
    do(sandbox, INJECT)
    do(sandbox, "kubectl scale -n linkerd deploy/linkerd-prometheus --replicas 0")
    do(sandbox, "sleep 60")
    before = len(sandbox.tables.requests)
    do(sandbox, "sleep 60")
    result = sandbox.sh("linkerd stat -n emojivoto deploy")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: cannot query Prometheus at linkerd-prometheus.linkerd.svc")
    assert len(sandbox.tables.requests) > before + 200


def test_a_slower_scrape_makes_figures_lag_and_a_restart_forgets() -> None:
    sandbox = installed()
    do(sandbox, INJECT)
    do(sandbox, "sleep 120")
    config = sandbox.api.get("configmaps", "linkerd-prometheus-config", "linkerd")["data"]["prometheus.yml"]
    patch = json.dumps({"data": {"prometheus.yml": config.replace("10s", "60s")}})
    do(sandbox, f"kubectl patch -n linkerd cm linkerd-prometheus-config --type merge -p '{patch}'")
    do(sandbox, "kubectl rollout restart -n linkerd deploy/linkerd-prometheus")
    do(sandbox, "sleep 100")
    rows = table(do(sandbox, "linkerd stat -n emojivoto deploy"))
    assert rows["web"][2] == "-", "a minute holds one scrape, and the past is gone with the pod"
    do(sandbox, "sleep 60")
    rows = table(do(sandbox, "linkerd stat -n emojivoto deploy -t 3m"))
    assert rows["web"][2] != "-"


def test_without_the_injector_new_pods_have_no_proxy() -> None:
    sandbox = installed()
    do(sandbox, "kubectl scale -n linkerd deploy/linkerd-proxy-injector --replicas 0")
    do(sandbox, "sleep 40")
    do(sandbox, INJECT)
    do(sandbox, "sleep 90")
    ready = {line.split()[1] for line in do(sandbox, "kubectl get po -n emojivoto").splitlines()[1:]}
    assert ready == {"1/1"}


def test_an_injector_without_rights_fails_with_a_log_line() -> None:
    sandbox = installed()
    do(sandbox, "kubectl delete clusterrole linkerd-linkerd-proxy-injector")
    do(sandbox, INJECT)
    do(sandbox, "sleep 90")
    ready = {line.split()[1] for line in do(sandbox, "kubectl get po -n emojivoto").splitlines()[1:]}
    assert ready == {"1/1"}
    logs = do(sandbox, "kubectl logs -n linkerd deploy/linkerd-proxy-injector -c proxy-injector")
    assert "cannot get resource" in logs


def test_a_controller_without_rights_is_not_ready_until_it_has_them() -> None:
    sandbox = installed(emojivoto=False)
    saved = do(sandbox, "kubectl get clusterrole linkerd-linkerd-destination -o yaml")
    do(sandbox, "kubectl delete clusterrole linkerd-linkerd-destination")
    do(sandbox, "kubectl delete po -n linkerd -l linkerd.io/control-plane-component=destination")
    do(sandbox, "sleep 40")
    pods = do(sandbox, "kubectl get po -n linkerd -l linkerd.io/control-plane-component=destination")
    assert "1/2" in pods
    logs = do(sandbox, "kubectl logs -n linkerd deploy/linkerd-destination -c destination")
    assert "failed to list services: services is forbidden" in logs
    sandbox.client.create(load(saved))
    do(sandbox, "sleep 60")
    pods = do(sandbox, "kubectl get po -n linkerd -l linkerd.io/control-plane-component=destination")
    assert "2/2" in pods


def load(text: str) -> dict[str, Any]:
    """A manifest without what the server filled in."""
    from mesh.yaml import load_all

    obj = load_all(text)[0]
    name = obj["metadata"]["name"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {"name": name},
        "rules": obj["rules"],
    }


def test_a_bad_issuer_is_refused_and_a_bad_profile_too() -> None:
    sandbox = installed(emojivoto=False)
    patch = json.dumps({"data": {"crt.pem": "bm9uc2Vuc2U="}})  # "nonsense"
    do(sandbox, f"kubectl patch -n linkerd secret linkerd-identity-issuer --type merge -p '{patch}'")
    do(sandbox, "sleep 120")
    reasons = {event["reason"] for event in sandbox.api.list("events", "linkerd")}
    assert "IssuerUpdateSkipped" in reasons
    bad = (
        "apiVersion: linkerd.io/v1alpha2\nkind: ServiceProfile\n"
        "metadata: {name: web.default.svc.cluster.local}\n"
        "spec:\n  routes:\n  - name: slow\n    timeout: soon\n    condition: {method: GET}\n"
    )
    result = sandbox.sh(f"cat <<END | kubectl apply -f -\n{bad}END\n")
    assert result.status == 1
    assert "linkerd-sp-validator.linkerd.io" in result.stderr
    assert "timeout is not a duration" in result.stderr


def test_the_heartbeat_ends_with_success() -> None:
    sandbox = installed(emojivoto=False)
    do(sandbox, "kubectl create job --from=cronjob/linkerd-heartbeat -n linkerd beat")
    do(sandbox, "sleep 30")
    job = sandbox.api.get("jobs.batch", "beat", "linkerd")
    assert job["status"]["succeeded"] == 1


# -- edge -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def edge() -> Sandbox:
    """The current edition with its metrics extension; the demo application is not injected."""
    sandbox = Sandbox(edition="edge")
    release = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
    for line in (
        f"kubectl apply -f {release}",
        "linkerd install --crds | kubectl apply -f -",
        "linkerd install | kubectl apply -f -",
        "sleep 60",
        "linkerd viz install | kubectl apply -f -",
        "sleep 60",
        "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -",
        "sleep 60",
    ):
        do(sandbox, line)
    return sandbox


def test_edge_hides_what_is_not_meshed_unless_asked(edge: Sandbox) -> None:
    result = edge.sh("linkerd viz stat -n emojivoto deploy")
    assert (result.status, result.stdout, result.stderr) == (0, "", "No traffic found.\n")
    rows = table(do(edge, "linkerd viz stat -n emojivoto deploy --unmeshed"))
    assert [row[1] for row in rows.values()] == ["0/1"] * 4
    assert sorted(table(do(edge, "linkerd viz stat -n emojivoto svc"))) == [
        "emoji-svc",
        "voting-svc",
        "web-svc",
    ]
    rows = table(do(edge, "linkerd viz stat -n linkerd-viz deploy"))
    assert {row[1] for row in rows.values()} == {"1/1"}, "the extension is in the mesh itself"


def test_edge_refuses_a_window_below_the_scrape_interval(edge: Sandbox) -> None:
    config = edge.api.get("configmaps", "prometheus-config", "linkerd-viz")["data"]["prometheus.yml"]
    patch = json.dumps({"data": {"prometheus.yml": config.replace("10s", "45s")}})
    do(edge, f"kubectl patch -n linkerd-viz cm prometheus-config --type merge -p '{patch}'")
    do(edge, "kubectl rollout restart -n linkerd-viz deploy/prometheus")
    do(edge, "sleep 60")
    result = edge.sh("linkerd viz stat -n emojivoto deploy -t 30s")
    assert result.status == 1
    assert "shorter than the scrape interval (45s)" in result.stderr


def test_edge_marks_new_pods_as_tappable(edge: Sandbox) -> None:
    do(edge, "kubectl annotate ns emojivoto linkerd.io/inject=enabled")
    do(edge, "kubectl rollout restart -n emojivoto deploy/web")
    do(edge, "sleep 75")
    (pod,) = edge.api.list("pods", "emojivoto", labels="app=web-svc")
    assert pod["metadata"]["annotations"]["viz.linkerd.io/tap-enabled"] == "true"
    (proxy,) = [part for part in pod["spec"]["initContainers"] if part["name"] == "linkerd-proxy"]
    names = {entry["name"]: entry.get("value") for entry in proxy["env"]}
    expected = "tap.linkerd-viz.serviceaccount.identity.linkerd.cluster.local"
    assert names["LINKERD2_PROXY_TAP_SVC_NAME"] == expected
    result = edge.sh("linkerd viz tap -n emojivoto deploy/emoji")
    assert "no pods to tap for deployment/emoji" in result.stderr


def test_malformed_requests_are_answered(running: Sandbox) -> None:
    name = pod_of(running, "linkerd", "controller")
    for path, body in [
        ("StatSummary", {}),
        ("Edges", {"kind": "x", "why": 1}),
        ("TopRoutes", {"window": "1m"}),
    ]:
        reply = running.client.request("linkerd", name, 8085, "POST", f"/api/v1/{path}", body)
        assert reply.status == 500
        assert "malformed request" in reply.body["error"]
    assert running.client.request("linkerd", name, 8085, "POST", "/api/v1/Nothing", {}).status == 404
