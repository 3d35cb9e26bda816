"""Same scenario, seed and log: the same transcript and tables, byte for byte, in any process."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.shell.sandbox import Sandbox
from sim.shell.terminal import transcript
from tests.sim.walk import EDGE, EMOJIVOTO, GATEWAY, INJECT, STABLE

ROOT = Path(__file__).parents[2]
Digest = dict[str, str]

INSTALLS = {
    STABLE: ["linkerd check --pre", "linkerd install | kubectl apply -f -", "linkerd check"],
    EDGE: [
        GATEWAY,
        "linkerd install --crds | kubectl apply -f -",
        "linkerd install | kubectl apply -f -",
        "linkerd check",
        "linkerd viz install | kubectl apply -f -",
        "linkerd viz check",
    ],
}
LINES = [
    EMOJIVOTO,
    "sleep 60",
    INJECT,
    "kubectl -n emojivoto rollout status deploy/web",
    "kubectl -n emojivoto scale deploy/emoji --replicas 3",
    "sleep 60",
    "fault error -n emojivoto deploy/emoji --rate 30%",
    "fault latency -n emojivoto deploy/voting --add 50ms",
    "fault loss node-1 node-2 0.1",
    "fault kill -n emojivoto deploy/voting",
    "sleep 60",
    "VIZ stat -n emojivoto deploy -o wide",
    "VIZ edges -n emojivoto deploy -o wide",
    "VIZ top -n emojivoto deploy/web --hide-sources",
    "VIZ tap -n emojivoto deploy/web -o wide | head -n 20",
    "kubectl -n emojivoto autoscale deploy/web --min 1 --max 3 --cpu-percent 20",
    "kubectl -n emojivoto port-forward svc/web-svc 8080:80 &",
    "curl -s http://localhost:8080/api/leaderboard",
    "fault drain node-3",
    "fault clear",
    "kubectl -n emojivoto delete po -l app=vote-bot --grace-period 0 --force",
    "sleep 90",
    "kubectl top po -n emojivoto",
    "kubectl get po -A -o wide",
    "kubectl get events -n emojivoto",
    "kubectl logs -n emojivoto deploy/vote-bot -c vote-bot --tail 20",
    "kubectl describe -n emojivoto deploy/web",
    "kubectl get deploy,rs,po,svc,ep,hpa,cm,secret -A -o yaml",
]


def script(edition: str) -> str:
    viz = "linkerd viz" if edition == EDGE else "linkerd"
    return "".join(f"{line}\n" for line in ["set +e", *INSTALLS[edition], *LINES]).replace("VIZ", viz)


def played(edition: str, seed: int) -> tuple[Sandbox, str]:
    """A sandbox after the script, and its transcript."""
    sandbox = Sandbox(edition=edition, seed=seed)
    out: list[str] = []
    transcript(sandbox, script(edition), lambda channel, text: out.append(f"{channel}{text}"))
    return sandbox, "".join(out)


def digest(sandbox: Sandbox, text: str) -> Digest:
    """Hashes of the transcript, the tables, and every object of the API server."""
    tables, api = sandbox.tables, sandbox.api
    objects = [api.list(resource.key) for resource in api.resources() if "list" in resource.verbs]
    parts = {
        "transcript": text.encode(),
        "requests": tables.requests.array().tobytes(),
        "attempts": tables.attempts.array().tobytes(),
        "names": repr((tables.edges.keys, tables.links.keys)).encode(),
        "pods": repr(tables.pods).encode(),
        "events": repr(tables.events).encode(),
        "objects": json.dumps(objects).encode(),
        "now": repr(sandbox.engine.now).encode(),
    }
    return {name: f"{len(data)} {hashlib.sha256(data).hexdigest()}" for name, data in parts.items()}


def elsewhere(edition: str, seed: int, hash_seed: str) -> Digest:
    """The digest as another process finds it."""
    code = "import json; from tests.sim.test_determinism import digest, played\n"
    code += f"print(json.dumps(digest(*played({edition!r}, {seed}))))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: Digest = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module", params=[STABLE, EDGE])
def edition(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def first(edition: str) -> tuple[Sandbox, str]:
    return played(edition, 11)


def test_the_script_does_much(first: tuple[Sandbox, str]) -> None:
    sandbox, text = first
    for word in ("created", "configured", "√", "deployment.apps/emoji", "kind: List", "Voting for"):
        assert word in text, word
    complaints = [line for line in text.splitlines() if line.startswith(("2error", "2Error", "2fault:"))]
    assert complaints == []
    assert len(sandbox.tables.requests) > 500
    assert len(sandbox.tables.attempts) > 500
    assert len(sandbox.tables.pods) > 100
    assert len(sandbox.tables.events) > 100


def test_twice_in_one_process(edition: str, first: tuple[Sandbox, str]) -> None:
    assert digest(*played(edition, 11)) == digest(*first)


def test_in_another_process(edition: str, first: tuple[Sandbox, str]) -> None:
    """With other hashes of strings, in another time zone."""
    other = "4242" if os.environ.get("PYTHONHASHSEED") != "4242" else "1"
    assert elsewhere(edition, 11, other) == digest(*first)


def test_another_seed_differs(edition: str, first: tuple[Sandbox, str]) -> None:
    known, other = digest(*first), digest(*played(edition, 12))
    for name in ("transcript", "requests", "attempts", "pods", "objects"):
        assert other[name] != known[name], name


def test_two_sandboxes_in_turn_do_not_disturb_each_other() -> None:
    """Lines of two sandboxes interleaved: each as if it were alone."""
    lines = script(STABLE).splitlines()[2:10]
    alone = [Sandbox(edition=STABLE, seed=seed) for seed in (1, 2)]
    expected = [[sandbox.sh(line) for line in lines] for sandbox in alone]
    turns = [Sandbox(edition=STABLE, seed=seed) for seed in (1, 2)]
    found: list[list[object]] = [[], []]
    for line in lines:
        for results, sandbox in zip(found, turns, strict=True):
            results.append(sandbox.sh(line))
    assert found == expected
    for one, other in zip(alone, turns, strict=True):
        assert one.tables.requests.array().tobytes() == other.tables.requests.array().tobytes()
        assert one.tables.pods == other.tables.pods


def test_a_log_replays_to_the_same_state() -> None:
    sandbox = Sandbox(edition=STABLE, seed=5)
    for line in (EMOJIVOTO, *LINES[4:11], "kubectl get po -n emojivoto"):
        assert sandbox.sh(line).status == 0
        sandbox.advance(7.5)
    again = Sandbox(edition=STABLE, seed=5)
    again.replay(sandbox.log)
    assert len(sandbox.log) == 9
    again.advance(sandbox.engine.now - again.engine.now)
    assert again.tables.requests.array().tobytes() == sandbox.tables.requests.array().tobytes()
    assert again.tables.events == sandbox.tables.events
    assert again.api.resource_version == sandbox.api.resource_version


def test_advancing_in_many_steps_is_advancing_in_one() -> None:
    whole, steps = (Sandbox(edition=STABLE, seed=9) for _ in range(2))
    for sandbox in (whole, steps):
        for line in (*INSTALLS[STABLE], EMOJIVOTO, INJECT):
            sandbox.sh(line)
    end = whole.engine.now + 120.0
    whole.advance(120.0)
    while steps.engine.now < end:
        steps.advance(min(0.37, end - steps.engine.now))
    assert steps.tables.requests.array().tobytes() == whole.tables.requests.array().tobytes()
    assert steps.tables.attempts.array().tobytes() == whole.tables.attempts.array().tobytes()
    assert steps.tables.pods == whole.tables.pods
