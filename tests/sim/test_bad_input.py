"""Bad input: one clear line on standard error, a status that is not 0, and nothing changed."""

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sim.shell.sandbox import Sandbox
from tests.sim.walk import EMOJIVOTO, STABLE, do, install

ROOT = Path(__file__).parents[2]
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: nginx}]}
"""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
FILES = {
    "malformed.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n bad: [1, 2\n",
    "tab.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n",
    "twice.yml": "apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: x}\n",
    "kind.yml": "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: x}\n",
    "version.yml": "apiVersion: apps/v7\nkind: Deployment\nmetadata: {name: x}\n",
    "edge-only.yml": "apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: {name: x}\n",
    "nameless.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
    "typo.yml": DEPLOYMENT.replace("replicas: 1", "replica: 1"),
    "deep-typo.yml": DEPLOYMENT.replace("image: nginx", "imagee: nginx, image: nginx"),
    "type.yml": DEPLOYMENT.replace("replicas: 1", "replicas: many"),
    "negative.yml": DEPLOYMENT.replace("replicas: 1", "replicas: -1"),
    "selector.yml": DEPLOYMENT.replace("matchLabels: {app: shop}", "matchLabels: {app: other}"),
    "imageless.yml": DEPLOYMENT.replace(", image: nginx", ""),
    "name.yml": DEPLOYMENT.replace("name: shop, namespace", "name: Shop_1, namespace"),
    "list.yml": "- just\n- a list\n",
    "text.yml": "just text\n",
    "empty.yml": "",
    "bomb.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\ndata:\n  x: y\n" + BOMB,
    "deep.yml": "a: " + "[" * 5000 + "]" * 5000 + "\n",
    "long.yml": "a: " + "x" * 1_100_000 + "\n",
    "binary.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \x01}\n",
    "good.yml": DEPLOYMENT,
}
# line → what its one error line must contain
CASES = {
    # the list
    "kubectl apply -f malformed.yml": "malformed.yml",
    "kubectl apply -f kind.yml": 'no matches for kind "Deploymnet"',
    "kubectly get po": "kubectl",
    "linkerd cheak": "check",
    "kubectl apply -f missing.yml": "missing.yml",
    "kubectl get po --wrong": "--wrong",
    "kubectl get po -n": "-n",
    "linkerd stat deploy --no-such-flag": "--no-such-flag",
    "kubectl get po |": "syntax",
    "| kubectl apply -f -": "syntax",
    "kubectl apply -f typo.yml": "replica",
    "kubectl apply -f deep-typo.yml": "imagee",
    "fault error -n emojivoto deploy/web --rate 2": "between 0 and 1",
    "sleep banana": "banana",
    # more of each kind
    "kubectl apply -f tab.yml": "tab.yml",
    "kubectl apply -f twice.yml": "twice.yml",
    "kubectl apply -f version.yml": "apps/v7",
    "kubectl apply -f edge-only.yml": 'no matches for kind "Server"',
    "kubectl apply -f nameless.yml": "name",
    "kubectl apply -f type.yml": "replicas",
    "kubectl apply -f negative.yml": "replicas",
    "kubectl apply -f selector.yml": "selector",
    "kubectl apply -f imageless.yml": "image",
    "kubectl apply -f name.yml": "Shop_1",
    "kubectl apply -f list.yml": "list.yml",
    "kubectl apply -f text.yml": "text.yml",
    "kubectl apply -f empty.yml": "no objects",
    "kubectl apply -f binary.yml": "binary.yml",
    "kubectl apply -f bomb.yml": "bomb.yml",
    "kubectl apply -f deep.yml": "deep.yml",
    "kubectl apply -f long.yml": "long.yml",
    "kubectl apply -f /etc/passwd": "/etc/passwd",
    "kubectl apply -f ../secret.yml": "..",
    "cat /etc/passwd": "/etc/passwd",
    "cat ../../x": "..",
    "echo x > /tmp/x": "/tmp/x",
    "kubectl apply": "-f",
    "kubectl apply -f -": "no objects",
    "kubectl apply -f https://example.com/x.yml": "example.com",
    "curl -sL https://run.linkerd.io/emojivto.yml | kubectl apply -f -": "emojivoto.yml",
    "curl https://example.com/": "example.com",
    "curl http://localhost:9999/": "localhost",
    "kubectl get pots": "pots",
    "kubectl get po nope -n emojivoto": "nope",
    "kubectl get po -o yamll": "yamll",
    "kubectl get po -o jsonpath={.items[": "jsonpath",
    "kubectl get po -l 'a in ('": "a in (",
    "kubectl delete deploy nope -n emojivoto": "nope",
    "kubectl scale -n emojivoto deploy/web --replicas banana": "banana",
    "kubectl scale -n emojivoto deploy/web --replicas -3": "greater than or equal to 0",
    "kubectl scale -n emojivoto deploy/nope --replicas 2": "nope",
    "kubectl rollout status -n emojivoto deploy/nope": "nope",
    "kubectl logs -n emojivoto nope": "nope",
    "kubectl exec -n emojivoto nope -- env": "nope",
    "kubectl exec -n emojivoto deploy/web -- rm -rf /": "rm",
    "kubectl patch -n emojivoto deploy/web -p '{\"spec\": '": "unable to parse",
    'kubectl patch -n emojivoto deploy/web --type json -p \'[{"op":"move"}]\'': "patch",
    "kubectl set image -n emojivoto deploy/web nope=nginx": "nope",
    "kubectl port-forward -n emojivoto svc/web-svc 8080:81": "81",
    "kubectl port-forward -n emojivoto svc/web-svc banana": "banana",
    "kubectl wait -n emojivoto --for=condition=Ready po/nope": "nope",
    "kubectl create deployment": "NAME",
    "kubectl run x": "image",
    "kubectl --context nope get po": "nope",
    "kubectl frobnicate": "frobnicate",
    "linkerd inject missing.yml": "missing.yml",
    "linkerd inject malformed.yml": "malformed.yml",
    "linkerd stat": "resource",
    "linkerd stat ,": "resource",
    "linkerd stat deploy -t banana": "banana",
    "linkerd install --frob": "--frob",
    "linkerd check --wait banana": "banana",
    "linkerd check --output frob": "frob",
    "fault errors deploy/web": "error",
    "fault error -n emojivoto deploy/web --rate -1": "-1",
    "fault error -n emojivoto deploy/web --rate nan": "nan",
    "fault error -n emojivoto deploy/web --rate inf": "inf",
    "fault error -n emojivoto deploy/nope --rate 0.5": "nope",
    "fault latency -n emojivoto deploy/web --add banana": "banana",
    "fault latency -n emojivoto deploy/web --add -1s": "-1s",
    "fault slow nope": "nope",
    "fault kill nope": "nope",
    "fault drain nope": "nope",
    "fault partition node-1 node-1": "node-1",
    "fault loss node-1 node-2 1.5": "1.5",
    "fault skew node-1 banana": "banana",
    "fault expire nope": "nope",
    "fault down nope": "nope",
    "fault clear 99": "99",
    "sleep": "sleep",
    "sleep -5": "-5",
    "sleep 1e99": "1e99",
    "sleep 99999d": "long",
    "sleep nan": "nan",
    "grep": "grep",
    "grep -E '(' good.yml": "(",
    "head -n banana good.yml": "banana",
    "wc missing.yml": "missing.yml",
    "echo 'open": "never closed",
    'echo "open': "never closed",
    "cat <<END": "END",
    "echo $(": "(",
    "for x in a b; do echo $x; done": "not supported",
    "if true; then echo x; fi": "not supported",
    "sudo kubectl get po": "sudo",
    "vi good.yml": "vi",
    "ssh node-1": "ssh",
    "kubectl get po && | cat": "syntax",
    "&& kubectl get po": "syntax",
    "kubectl apply -f < ": "syntax",
    "kubectl get po > ": "syntax",
    "cat < missing.yml": "missing.yml",
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    made = Sandbox(edition=STABLE, mounts=FILES)
    install(made)
    do(made, EMOJIVOTO)
    made.advance(60.0)
    return made


def state(sandbox: Sandbox) -> tuple[object, ...]:
    """Everything a command could have changed."""
    specs = [
        {key: value for key, value in obj.items() if key != "status"}
        | {"metadata": {**obj["metadata"], "resourceVersion": ""}}
        for resource in ("deployments.apps", "services", "configmaps", "secrets", "namespaces", "pods")
        for obj in sandbox.api.list(resource)
    ]
    return (
        json.dumps(specs, sort_keys=True),
        [fault.text for fault in sandbox.faults.all()],
        [job.number for job in sandbox.jobs.running()],
        dict(sandbox.environ),
        dict(sandbox.files.written),
        len(sandbox.world.faults.rules),
    )


@pytest.mark.parametrize("line", CASES)
def test_one_clear_line_and_nothing_changed(sandbox: Sandbox, line: str) -> None:
    before, version, now = state(sandbox), sandbox.api.resource_version, sandbox.engine.now
    result = sandbox.sh(line)
    assert result.status != 0
    assert result.stderr.endswith("\n")
    shown = result.stderr.splitlines()
    assert len(shown) == 1, result.stderr
    assert CASES[line] in shown[0]
    assert len(shown[0]) < 500
    for word in ("Traceback", "internal error", "Error:  ", "None", "KeyError", "  File"):
        assert word not in result.stderr
    assert sandbox.engine.now - now < 3.0, "reading may cost a moment, no more"
    assert state(sandbox) == before
    if sandbox.engine.now == now:
        assert sandbox.api.resource_version == version


def test_a_line_of_a_megabyte_is_refused_at_once(sandbox: Sandbox) -> None:
    before, now = state(sandbox), sandbox.engine.now
    for line in (
        "echo " + "x" * 1_000_000,
        "x" * 1_000_001,
        "kubectl get po " + "-n x " * 200_001,
        "'" * 1_000_001,
        "$(" * 500_001,
        "echo " + "a " * 500_001,
    ):
        began = cpu()
        result = sandbox.sh(line)
        assert cpu() - began < 0.5
        assert result.status != 0
        assert result.stderr.count("\n") == 1
        assert len(result.stderr) < 300
        assert result.stdout == ""
    assert (state(sandbox), sandbox.engine.now) == (before, now)
    assert max(len(text) for _, text in sandbox.log) < 1_000_000, "it is not kept either"


def cpu() -> float:
    """Seconds of CPU this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", ["bomb.yml", "deep.yml", "long.yml"])
@pytest.mark.parametrize(
    "command", ["kubectl apply -f {}", "cat {} | kubectl apply -f -", "linkerd inject {}"]
)
def test_bombs_are_refused_quickly(sandbox: Sandbox, name: str, command: str) -> None:
    before = state(sandbox)
    began, size = cpu(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = sandbox.sh(command.format(name))
    assert cpu() - began < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size < 100_000, "kilobytes"
    assert result.status != 0
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 500
    assert state(sandbox) == before


def test_one_bad_object_in_a_file_keeps_the_others_out() -> None:
    """Unless a definition beside it would bring its kind, nothing of the file is applied."""
    text = "---\n".join([DEPLOYMENT, FILES["kind.yml"], DEPLOYMENT.replace("name: shop, n", "name: two, n")])
    sandbox = Sandbox(edition=STABLE, mounts={"three.yml": text})
    result = sandbox.sh("kubectl apply -f three.yml")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert sandbox.api.list("deployments.apps") == []


def test_a_failing_line_stops_the_script_and_its_status_is_the_scripts() -> None:
    sandbox = Sandbox(edition=STABLE)
    result = sandbox.sh("echo one\nsleep banana\necho two")
    assert (result.stdout, result.status) == ("one\n", 1)
    assert sandbox.engine.now == 0.0
    result = sandbox.sh("set +e\necho one\nsleep banana\necho two")
    assert result.stdout == "one\ntwo\n"
    assert result.status == 1, "0 only if every line succeeded"


WORDS = (
    *(
        "kubectl",
        "linkerd",
        "fault",
        "sleep",
        "cat",
        "echo",
        "grep",
        "head",
        "curl",
        "watch",
        "xargs",
        "export",
    ),
    *("get", "apply", "delete", "scale", "stat", "inject", "check", "install", "describe", "logs", "error"),
    *(
        "po",
        "deploy",
        "svc",
        "ns",
        "all",
        "emojivoto",
        "web",
        "deploy/web",
        "po/web",
        "good.yml",
        "missing.yml",
    ),
    *(
        "-n",
        "-f",
        "-o",
        "--replicas",
        "--rate",
        "--add",
        "--",
        "-",
        "-A",
        "-h",
        "--help",
        "-l",
        "--all",
        "-i",
    ),
    *(
        "|",
        "||",
        "&&",
        ";",
        "&",
        ">",
        ">>",
        "<",
        "<<",
        "<<<",
        "2>&1",
        "'",
        '"',
        "\\",
        "$",
        "$(",
        ")",
        "(",
        "{",
        "}",
    ),
    *(
        "*",
        "?",
        "~",
        "!",
        "#",
        "=",
        ",",
        ":",
        "/",
        "..",
        ".",
        "%",
        "\x00",
        "\x1b[2J",
        "\n",
        "\t",
        "\r",
        "\ufeff",
    ),
    *(
        "0",
        "-1",
        "1e9",
        "999999999999999999999",
        "nan",
        "banana",
        "名前",
        "🍩",
        "END",
        "yaml",
        "json",
        "wide",
    ),
    *("{.items[*].metadata.name}", "jsonpath={", "app=web,x!=y", "$HOME", "${X", "`", "http://localhost:1/"),
)


@pytest.mark.parametrize("seed", range(8))
def test_random_lines_never_break_the_shell(seed: int) -> None:
    """Whatever is typed: no exception, no internal error, and the shell goes on."""
    sandbox = Sandbox(edition=STABLE, mounts={"good.yml": DEPLOYMENT})
    do(sandbox, EMOJIVOTO)
    sandbox.shell.reraise = True  # a defect raises here instead of being told in a line
    rng = random.Random(seed)
    for _ in range(150):
        line = " ".join(rng.choices(WORDS, k=rng.randint(1, 8)))
        result = sandbox.sh(line)
        assert isinstance(result.status, int), line
        assert "Traceback" not in result.stderr
        if result.status and not result.stdout and "grep" not in line:
            assert result.stderr, line
    assert sandbox.sh("echo still here").stdout == "still here\n"


# -- through the command ------------------------------------------------------------------------------------


def command(*argv: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sim.cli", *argv],
        input=text,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.mark.parametrize(
    ("argv", "text", "says"),
    [
        (("sh", "-"), "sleep banana\n", "banana"),
        (("sh", "-"), "kubectly get po\n", "kubectl"),
        (("sh", "-"), "kubectl get po |\n", "syntax"),
        (("sh", "-"), "echo " + "x" * 1_100_000 + "\n", "1,000,000"),
        (("sh", "no-such-file"), "", "no-such-file"),
        (("sh", "-", "--edition", "stable-9"), "", "stable-9"),
        (("sh", "-", "--seed", "banana"), "", "--seed"),
        (("sh", "-", "--mount", "/no/such/folder"), "", "/no/such/folder"),
        (("run", "no-such-scenario"), "", "no-such-scenario"),
        (("run", "01", "--set", "seed"), "", "PATH=VALUE"),
        (("run", "01", "--set", "sed=3"), "", "seed"),
        (("frobnicate",), "", "frobnicate"),
    ],
)
def test_the_command_says_it_in_one_line(argv: tuple[str, ...], text: str, says: str) -> None:
    done = command(*argv, text=text)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
