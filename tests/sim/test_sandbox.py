"""The whole sandbox: sessions repeat, bad input changes nothing, scenarios are set up, curl reaches pods."""

import random
import re
import subprocess
import sys

import pytest

from sim.scenario.loader import Problems, load
from sim.shell.sandbox import Sandbox

APP = "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -"
WEB = """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers: [{name: nginx, image: "nginx:1.25", ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def made(**arguments: object) -> Sandbox:
    sandbox = Sandbox(**arguments)  # type: ignore[arg-type]
    sandbox.shell.reraise = True
    return sandbox


def out(sandbox: Sandbox, line: str) -> str:
    result = sandbox.sh(line)
    assert result.status == 0, result
    return result.stdout


@pytest.fixture
def sandbox() -> Sandbox:
    return made(
        mounts={
            "web.yml": WEB,
            "broken.yml": "a: [1,\n",
            "bomb.yml": BOMB,
            "typo.yml": WEB.replace("image:", "imgae:"),
        }
    )


def state(sandbox: Sandbox) -> tuple[object, ...]:
    """All that a line could have changed."""
    shell = sandbox.shell
    return (
        sandbox.engine.now,
        sandbox.api.resource_version,
        sandbox.files.names(),
        dict(sandbox.environ),
        [job.text for job in sandbox.jobs.running()],
        [fault.text for fault in sandbox.faults.all()],
        dict(sandbox.world.faults.rules),
        (shell.errexit, shell.nounset, shell.pipefail),
    )


@pytest.mark.parametrize(
    "line",
    [
        "kubectl apply -f broken.yml",
        "kubectl apply -f bomb.yml",
        "kubectl apply -f typo.yml",
        "kubectl apply -f nofile.yml",
        "kubectl apply -f https://run.linkerd.io/emojvoto.yml",
        "kubectl apply -f ../web.yml",
        "kubectl apply -f /etc/passwd",
        "echo 'kind: Nope' | kubectl apply -f -",
        "echo 'apiVersion: v9\nkind: Pod\nmetadata: {name: x}' | kubectl apply -f -",
        "echo '{' | kubectl apply -f -",
        "kubectl get nosuchkind",
        "kubectl get po nosuchpod",
        "kubectl get po --nosuchflag",
        "kubectl frobnicate",
        "kubectl scale deploy/none --replicas=2",
        "kubctl get po",
        "linkerd --nosuchflag",
        "linkerd frobnicate",
        "linkerd inject nofile.yml",
        "linkerd inject nofile.yml | kubectl apply -f -",
        "cat nofile.yml | kubectl apply -f -",
        "kubectl get po |",
        "| cat",
        "cat web.yml | kubctl apply -f -",
        "for i in 1 2; do kubectl get po; done",
        "sleep banana",
        "sleep -5",
        "fault error deploy/web --rate 2",
        "fault error deploy/nosuch --rate 0.5",
        "fault latency deploy/web --add banana",
        "fault drain node-9",
        "fault nosuch",
        "fault skew node-1 soon",
        "curl http://nosuch.example/",
        "curl http://web.default/",
        "curl http://localhost:8080/",
        "echo x > /tmp/x",
        "cat ../../etc/passwd",
        "kubectl port-forward svc/nosuch 8080:80",
        "export 9=1",
        "set -z",
        "echo 'unclosed",
    ],
)
def test_bad_input_is_one_error_line_and_changes_nothing(sandbox: Sandbox, line: str) -> None:
    before = state(sandbox)
    result = sandbox.sh(line)
    assert result.status != 0
    assert result.stdout == ""
    assert re.fullmatch(r"[^\n]+\n", result.stderr), result.stderr
    assert "Traceback" not in result.stderr
    assert "internal error" not in result.stderr
    assert state(sandbox) == before


VOCABULARY = """
kubectl linkerd curl fault get describe apply create delete run expose scale autoscale set env image
rollout status restart undo history logs exec annotate label patch wait top events version
port-forward -n emojivoto -A -o yaml json wide name jsonpath={.items[*].metadata.name}
custom-columns=A:.metadata.name -l app=web-svc deploy deploy/web po svc web svc/web-svc -f - x.yml
--replicas=2 --replicas=x -- web-svc=a:v1 a=b a- --all --image=nginx -c check inject uninject
install stat edges routes tap --pre error latency slow kill drain partition loss skew expire down
list clear node-1 node-2 0.5 10s --rate 0.5 --add 1s leaf --timeout=5s --for=condition=Ready --help
-p {} --type=merge --type=json [] 8080:80 & | grep head -3 ; && || > < f $X 'a b' "" --tail=2
--sort-by=.metadata.name --field-selector=a=b -it sh cat date http://web-svc.emojivoto
localhost:8080 cm secret sa ns crd nodes --dry-run --show-labels -h tail wc sort watch sleep 1
export set +e -e pwd help jobs kill %1
"""
WORDS = VOCABULARY.split()


@pytest.mark.parametrize("seed", [1, 2])
def test_lines_of_random_words_never_break_the_sandbox(seed: int) -> None:
    luck = random.Random(seed)
    sandbox = made(edition="stable-2.8.1")
    out(sandbox, APP + "; sleep 20")
    for _ in range(400):
        first = luck.choice(["kubectl", "kubectl", "linkerd", "fault", "curl", luck.choice(WORDS)])
        line = " ".join([first, *luck.choices(WORDS, k=luck.randrange(6))])
        result = sandbox.sh(line)  # a defect raises
        assert "Traceback" not in result.stderr, line


def test_a_megabyte_is_refused_and_not_kept(sandbox: Sandbox) -> None:
    assert sandbox.sh("kubectl " + "x" * 1_000_000).status != 0
    assert sandbox.log == []


def test_the_same_session_gives_the_same_transcript_and_tables() -> None:
    lines = [
        APP,
        "sleep 30",
        "kubectl get po -A -o wide",
        "fault kill -n emojivoto deploy/web",
        "sleep 30",
        "kubectl get po -A",
    ]

    def session() -> tuple[object, ...]:
        sandbox = made(seed=3)
        texts = [(sandbox.engine.now, sandbox.sh(line)) for line in lines]
        tables = sandbox.tables
        return (
            texts,
            tables.requests.array().tobytes(),
            tables.attempts.array().tobytes(),
            tables.pods,
            tables.events,
        )

    first = session()
    assert first == session()
    assert len(first[1]) > 1000  # type: ignore[arg-type]


def test_a_log_replays_to_the_same_state() -> None:
    sandbox = made(seed=5)
    for line in (APP, "sleep 20", "X=1; echo $X > f", "kubectl scale -n emojivoto deploy/web --replicas=2"):
        out(sandbox, line)
        sandbox.advance(1.5)
    again = made(seed=5)
    again.replay(sandbox.log)
    again.advance(sandbox.engine.now - again.engine.now)
    line = "kubectl get po -A -o yaml"
    assert again.sh(line).stdout == sandbox.sh(line).stdout
    assert again.files.written == sandbox.files.written


def test_advance_and_history(sandbox: Sandbox) -> None:
    sandbox.advance(2.5)
    out(sandbox, "true")
    assert sandbox.log == [(2.5, "true")]
    assert "2.5s  true" in out(sandbox, "history")
    for wrong in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="time passes"):
            sandbox.advance(wrong)


def test_editions_have_their_own_dates_and_versions() -> None:
    assert out(made(edition="stable-2.8.1"), "kubectl version --short") == (
        "Client Version: v1.16.6-beta.0\nServer Version: v1.15.12-gke.20\n"
    )
    assert out(made(), "date +%F") == "2026-09-01\n"
    assert len(out(made(nodes=5), "kubectl get nodes -o name").split()) == 5
    with pytest.raises(Problems, match="edition must be"):
        made(edition="stable")
    with pytest.raises(Problems, match="no preset"):
        made(preset="fast")


def test_curl_through_a_port_forward_lets_time_pass(sandbox: Sandbox) -> None:
    out(sandbox, "kubectl apply -f web.yml; sleep 20; kubectl port-forward svc/web 8080:80 &")
    assert "port-forward" in out(sandbox, "jobs")
    before = sandbox.engine.now
    assert "Welcome to nginx" in out(sandbox, "curl -s http://localhost:8080/")
    assert 0.0 < sandbox.engine.now - before < 0.1
    assert out(sandbox, "curl -s -o /dev/null -w '%{http_code}\\n' localhost:8080/none") == "404\n"
    assert out(sandbox, "curl -si localhost:8080/").startswith(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"
    )
    assert sandbox.sh("curl -f localhost:8080/none").status == 22
    busy = sandbox.sh("kubectl port-forward svc/web 8080:80 &")
    assert busy.status == 1
    assert "address already in use" in busy.stderr
    out(sandbox, "kubectl delete po web --grace-period=0 --force; sleep 5")
    gone = sandbox.sh("curl -s http://localhost:8080/")
    assert (gone.status, gone.stderr) == (52, "curl: (52) Empty reply from server\n")
    out(sandbox, "kill %1")
    assert sandbox.sh("curl -s http://localhost:8080/").status == 7


def test_a_forwarded_port_where_nothing_listens(sandbox: Sandbox) -> None:
    out(sandbox, "kubectl apply -f web.yml; sleep 20; kubectl port-forward po/web 9999 &")
    assert sandbox.sh("curl -s localhost:9999").status == 52


def test_service_names_are_known_inside_pods_only(sandbox: Sandbox) -> None:
    out(sandbox, "kubectl apply -f web.yml; sleep 20")
    outside = sandbox.sh("curl -s http://web.default")
    assert outside.status == 6
    assert outside.stderr == (
        "curl: (6) Could not resolve host: web.default "
        "(a Service's name is known only inside pods: use kubectl port-forward or kubectl exec)\n"
    )
    assert "Welcome" in out(sandbox, "kubectl exec web -- curl -s http://web.default/")
    assert sandbox.sh("kubectl exec web -- curl -s http://nobody").stderr.startswith(
        "curl: (6) Could not resolve host: nobody"
    )
    assert sandbox.sh("kubectl exec web -- curl -s --max-time 2 http://10.4.0.200").stderr.startswith(
        "curl: (28)"
    )
    assert "PATH=" in out(sandbox, "kubectl exec web -- env")


def test_addresses_of_the_cluster_are_out_of_reach(sandbox: Sandbox) -> None:
    result = sandbox.sh("curl --max-time 3 http://10.4.0.2/")
    assert result.status == 28
    assert sandbox.engine.now == 3.0


def test_a_scenario_is_set_up_before_its_first_line() -> None:
    scenario = load("""\
schema: 1
seed: 2
horizon: 2m
cluster: {nodes: 2}
network: {latency: 1ms, loss: 0.01}
proxy: {preset: none}
apps:
  shop:
    services:
      web: {port: 8080, routes: {/: [{work: 2ms}, {call: db}]}}
      db: {routes: {/: [{work: 1ms}]}}
load:
  people: {target: "web.shop:8080", rps: 20}
  bots: {target: "web.shop:8080", users: 2, think: 1s, namespace: bots}
workloads:
  deploy/web: {replicas: 3}
timeline:
- {at: 30s, run: kubectl -n shop get deploy web -o name}
- {at: 60s, run: kubectl nosuchverb}
""")
    sandbox = made(scenario=scenario)
    assert [(entry.at, result.status) for entry, result in sandbox.happen(120.0)] == [(30.0, 0), (60.0, 1)]
    assert sandbox.engine.now == 120.0
    assert out(sandbox, "kubectl get deploy -n shop web -o jsonpath={.status.readyReplicas}") == "3"
    rows = sandbox.tables.requests.array()
    assert len(rows) > 20 * 80
    assert sandbox.world.cost.latency == ()
    link = sandbox.cluster.network.topology.link("node-1", "node-2")
    assert link.loss == 0.01
    assert link.base >= 0.001
    assert sorted(sandbox.world.sources) == ["bots/deploy/bots", "load/deploy/people"]


def test_the_preset_decides_what_a_proxy_costs() -> None:
    cost = made().world.cost
    assert len(cost.latency) == 256
    assert cost.label.startswith("physical")
    assert made(preset="none").world.cost.latency == ()


def test_starting_a_shell_imports_nothing_heavy() -> None:
    code = """
import sys
from sim.shell.sandbox import Sandbox
sandbox = Sandbox()
sandbox.sh("kubectl get po")
sandbox.sh("linkerd version")
heavy = ("scipy", "matplotlib", "pandas", "streamlit", "altair", "typer", "rich")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
