"""kubectl against a running cluster: what waits, what follows, what reaches into pods."""

import re

import pytest

from mesh.cli.console import Result
from sim.shell.sandbox import Sandbox

SIDE = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox","command":["sleep"]}]}}}}'
EMOJIVOTO = "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -"


def out(box: Sandbox, line: str) -> str:
    """What a line that must succeed printed."""
    result = box.sh(line)
    assert result.status == 0, result
    return result.stdout


def failed(box: Sandbox, line: str) -> str:
    result: Result = box.sh(line)
    assert result.status == 1, result
    assert result.stderr.count("\n") == 1, result
    return result.stderr.rstrip("\n")


@pytest.fixture
def box() -> Sandbox:
    made = Sandbox(edition="edge")
    made.shell.reraise = True
    out(made, EMOJIVOTO)
    out(made, "kubectl config set-context --current --namespace=emojivoto")
    out(made, "kubectl wait deploy --all --for=condition=Available")
    out(made, "sleep 1")  # kube-proxy follows a tenth of a second later
    return made


def test_apply_prints_the_eleven_objects_in_order() -> None:
    box = Sandbox(edition="edge")
    assert out(box, EMOJIVOTO).splitlines() == [
        "namespace/emojivoto created",
        *(f"serviceaccount/{name} created" for name in ("emoji", "voting", "web")),
        *(f"service/{name}-svc created" for name in ("emoji", "voting", "web")),
        *(f"deployment.apps/{name} created" for name in ("emoji", "vote-bot", "voting", "web")),
    ]
    out(box, "sleep 194")
    lines = out(box, "kubectl get po -n emojivoto").splitlines()
    assert lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [line.split()[1:] for line in lines[1:]] == [["1/1", "Running", "0", "3m14s"]] * 4


def test_piping_yaml_through_and_back(box: Sandbox) -> None:
    text = out(box, "kubectl get deploy -o yaml | kubectl apply -f -")
    assert text.splitlines() == [
        f"deployment.apps/{name} configured" for name in ("emoji", "vote-bot", "voting", "web")
    ]
    before = out(box, "kubectl get rs -o name")
    out(box, "sleep 20")
    assert out(box, "kubectl get rs -o name") == before


def test_rollout_of_a_new_image(box: Sandbox) -> None:
    out(box, "kubectl set image deploy/web web-svc=buoyantio/emojivoto-web:v12")
    assert out(box, "kubectl rollout status deploy/web").splitlines()[-2:] == [
        'Waiting for deployment "web" rollout to finish: 1 old replicas are pending termination...',
        'deployment "web" successfully rolled out',
    ]
    assert out(box, "kubectl rollout history deploy/web").splitlines()[1:4] == [
        "REVISION  CHANGE-CAUSE",
        "1         <none>",
        "2         <none>",
    ]
    shown = out(box, "kubectl rollout history deploy/web --revision=1")
    assert "with revision #1" in shown
    assert "emojivoto-web:v11" in shown
    assert out(box, "kubectl rollout undo deploy/web") == "deployment.apps/web rolled back\n"
    out(box, "kubectl rollout status deploy/web")
    assert "emojivoto-web:v11" in out(box, "kubectl get deploy web -o wide")
    revisions = re.findall(r"^(\d+) ", out(box, "kubectl rollout history deploy/web"), re.M)
    assert revisions == ["2", "3"]
    assert "skipped rollback" in out(box, "kubectl rollout undo deploy/web --to-revision=3")


def test_rollout_that_cannot_finish(box: Sandbox) -> None:
    out(box, "kubectl set image deploy/web web-svc=nowhere/nothing:v1")
    before = box.engine.now
    assert (
        failed(box, "kubectl rollout status deploy/web --timeout=30s")
        == "error: timed out waiting for the condition"
    )
    assert box.engine.now == before + 30
    states = out(box, "kubectl get po -l app=web-svc")
    assert "ImagePullBackOff" in states
    assert "1/1     Running" in states
    described = out(box, "kubectl describe po -l app=web-svc")
    assert 'Failed to pull image "nowhere/nothing:v1"' in described
    warned = out(box, "kubectl events --types=Warning")
    assert "ImagePullBackOff" in warned
    assert failed(box, "kubectl rollout status deploy/web") == (
        'error: deployment "web" exceeded its progress deadline'
    )


def test_restart_pause_resume(box: Sandbox) -> None:
    assert out(box, "kubectl rollout restart deploy").count("restarted") == 4
    assert "within the past second" in box.sh("kubectl rollout restart deploy/web").stderr
    out(box, "kubectl rollout status deploy")
    out(box, "kubectl rollout pause deploy/web")
    assert "already paused" in failed(box, "kubectl rollout pause deploy/web")
    before = out(box, "kubectl get rs -o name")
    out(box, "kubectl set env deploy/web A=b")
    out(box, "sleep 10")
    assert out(box, "kubectl get rs -o name") == before
    assert "can't restart paused deployment" in failed(box, "kubectl rollout restart deploy/web")
    out(box, "kubectl rollout resume deploy/web")
    out(box, "sleep 10")
    assert out(box, "kubectl get rs -o name") != before


def test_scale_and_wait(box: Sandbox) -> None:
    out(box, "kubectl scale deploy/web --replicas=3")
    out(box, "kubectl wait deploy/web --for=jsonpath='{.status.readyReplicas}'=3 --timeout=60s")
    assert out(box, "kubectl wait po -l app=web-svc --for=condition=Ready").count("condition met") == 3
    assert out(box, "kubectl get deploy web --no-headers").split()[:4] == ["web", "3/3", "3", "3"]
    assert "3 desired | 3 updated | 3 total | 3 available" in out(box, "kubectl describe deploy web")
    assert out(box, "kubectl get ep web-svc -o jsonpath='{.subsets[*].addresses[*].ip}'").count(".") == 9
    out(box, "kubectl scale deploy/web --replicas=0")
    assert out(box, "kubectl wait po -l app=web-svc --for=delete --timeout=60s").count("condition met") == 3
    before = box.engine.now
    error = failed(box, "kubectl wait deploy/web --for=jsonpath='{.status.readyReplicas}'=1 --timeout=5s")
    assert error == "error: timed out waiting for the condition on deployments/web"
    assert box.engine.now == before + 5


def test_delete_waits_until_the_pod_is_gone(box: Sandbox) -> None:
    name = out(box, "kubectl get po -l app=emoji-svc -o jsonpath='{.items[0].metadata.name}'")
    before = box.engine.now
    assert out(box, f"kubectl delete po {name}") == f'pod "{name}" deleted\n'
    assert box.engine.now > before
    assert name not in out(box, "kubectl get po")
    assert out(box, "kubectl delete po -l app=emoji-svc --wait=false").count("deleted") == 1
    assert "Terminating" in out(box, "kubectl get po -l app=emoji-svc")
    forced = box.sh("kubectl delete po -l app=web-svc --force --grace-period=0")
    assert "force deleted" in forced.stdout
    assert forced.stderr.startswith("Warning: Immediate deletion")
    assert out(box, "kubectl delete ns emojivoto") == 'namespace "emojivoto" deleted\n'
    assert "emojivoto" not in out(box, "kubectl get ns")


def test_watch_follows_a_restart(box: Sandbox) -> None:
    out(box, "kubectl delete po -l app=emoji-svc --wait=false")
    text = out(box, "kubectl get po -l app=emoji-svc -w --timeout=40s")
    statuses = [line.split()[2] for line in text.splitlines()[1:]]
    for status in ("Terminating", "ContainerCreating", "Running"):
        assert status in statuses
    assert all(len(line) == len(line.rstrip()) for line in text.splitlines())


def test_logs(box: Sandbox) -> None:
    out(box, "sleep 60")
    lines = out(box, "kubectl logs deploy/web").splitlines()
    assert len(lines) > 3
    assert out(box, "kubectl logs deploy/web --tail=2").splitlines() == lines[-2:]
    assert out(box, "kubectl logs -l app=web-svc --prefix --tail=1").startswith("[pod/web-")
    stamped = out(box, "kubectl logs deploy/web --timestamps --tail=1")
    assert re.match(r"2026-09-01T09:0\d:\d\d\.\d{9}Z ", stamped)
    since = out(box, "kubectl logs deploy/web --since=20s").splitlines()
    assert 0 < len(since) < len(lines)
    assert lines[-len(since) :] == since
    before = box.engine.now
    followed = out(box, "kubectl logs deploy/web -f --tail=0 --timeout=45s").splitlines()
    assert box.engine.now == before + 45
    assert followed
    assert out(box, "kubectl logs deploy/web").splitlines() == lines + followed
    assert "is not valid for pod" in failed(box, "kubectl logs deploy/web -c nope")
    assert "(BadRequest)" in failed(box, "kubectl logs deploy/web -p")


def test_logs_of_several_pods(box: Sandbox) -> None:
    out(box, "kubectl scale deploy/web --replicas=2")
    out(box, "sleep 5")
    result = box.sh("kubectl logs deploy/web --tail=1")
    assert result.stderr.startswith("Found 2 pods, using pod/web-")


def test_containers_when_there_are_several(box: Sandbox) -> None:
    out(box, f"kubectl patch deploy emoji -p '{SIDE}'")
    out(box, "sleep 40")
    first = out(box, "kubectl get po -l app=emoji-svc -o jsonpath='{.items[0].spec.containers[0].name}'")
    result = box.sh("kubectl logs deploy/emoji --tail=1")
    assert result.stderr.startswith(f'Defaulted container "{first}" out of: ')


def test_containers_with_an_old_client() -> None:
    box = Sandbox(edition="stable-2.8.1")
    out(box, EMOJIVOTO)
    out(box, f"kubectl -n emojivoto patch deploy emoji -p '{SIDE}'")
    out(box, "sleep 40")
    error = failed(box, "kubectl -n emojivoto logs deploy/emoji")
    assert error.startswith(
        "Error from server (BadRequest): a container name must be specified for pod emoji-"
    )
    result = box.sh("kubectl -n emojivoto exec deploy/emoji -- hostname")
    assert result.stderr.startswith("Defaulting container name to ")


def test_exec(box: Sandbox) -> None:
    assert "WEB_PORT=8080" in out(box, "kubectl exec deploy/web -- env").splitlines()
    name = out(box, "kubectl get po -l app=web-svc -o jsonpath='{.items[0].metadata.name}'")
    assert out(box, f"kubectl exec -it {name} -c web-svc -- hostname") == f"{name}\n"
    page = out(box, "kubectl exec deploy/web -- curl -s http://voting-svc:8801/metrics")
    assert "grpc_server_handled_total" in page
    inner = "curl -s -o /dev/null -w %{http_code} http://web-svc"
    assert out(box, f"kubectl exec deploy/web -- sh -c '{inner}'") == "200"
    refused = box.sh("kubectl exec deploy/web -- curl -s http://web-svc:81")
    assert refused.status == 7
    assert refused.stderr.endswith("command terminated with exit code 7\n")
    assert box.sh("kubectl exec deploy/web -- vi x").status == 126
    assert "DEPRECATED" in box.sh("kubectl exec deploy/web hostname").stderr


def test_port_forward(box: Sandbox) -> None:
    text = out(box, "kubectl port-forward svc/web-svc 8080:80 &")
    assert text == "Forwarding from 127.0.0.1:8080 -> 8080\nForwarding from [::1]:8080 -> 8080\n"
    assert ":joy:" in out(box, "curl -s http://localhost:8080/api/list")
    assert "address already in use" in failed(box, "kubectl port-forward deploy/web 8080 &")
    assert "127.0.0.1:30000 -> 8080" in out(box, "kubectl port-forward deploy/web :http &")
    before = box.engine.now
    held = box.sh("kubectl port-forward po/$(kubectl get po -l app=web-svc -o name | head -c -1) 9090:8080")
    assert held.status == 1  # `pod/pod/…` is no name
    held = box.sh("kubectl port-forward deploy/web 9090:8080 --timeout=15s")
    assert "held for 15 s" in held.stderr
    assert box.engine.now == before + 15
    assert box.sh("curl -s http://localhost:9090").status == 7
    assert "does not have a service port 81" in failed(box, "kubectl port-forward svc/web-svc 8081:81")
    assert "invalid port format" in failed(box, "kubectl port-forward deploy/web a:b:c")


def test_top(box: Sandbox) -> None:
    out(box, "sleep 60")
    lines = out(box, "kubectl top pod --sort-by=cpu").splitlines()
    assert lines[0].split() == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert len(lines) == 5
    nodes = [line.split() for line in out(box, "kubectl top node").splitlines()]
    assert nodes[0] == ["NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"]
    assert [row[0] for row in nodes[1:]] == ["node-1", "node-2", "node-3"]
    assert len(out(box, "kubectl top pod --containers -A").splitlines()[0].split()) == 5
    assert "not found" in failed(box, "kubectl top pod nope")


def test_cordon_and_drain(box: Sandbox) -> None:
    assert out(box, "kubectl cordon node-1") == "node/node-1 cordoned\n"
    assert out(box, "kubectl cordon node-1") == "node/node-1 already cordoned\n"
    assert "Ready,SchedulingDisabled" in out(box, "kubectl get nodes")
    out(box, "kubectl uncordon node-1")
    out(box, "kubectl run alone --image=busybox")
    out(box, "kubectl wait po/alone --for=condition=Ready")
    node = out(box, "kubectl get po alone -o jsonpath='{.spec.nodeName}'")
    result = box.sh(f"kubectl drain {node}")
    assert (
        "cannot delete Pods that declare no controller (use --force to override): emojivoto/alone"
        in result.stderr
    )
    text = out(box, f"kubectl drain {node} --force")
    assert "pod/alone evicted" in text
    assert text.endswith(f"node/{node} drained\n")
    assert out(box, f"kubectl get po -A --field-selector spec.nodeName={node} -o name") == ""


def test_a_budget_holds_back_a_drain(box: Sandbox) -> None:
    budget = (
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: keep}\n"
        "spec: {minAvailable: 1, selector: {matchLabels: {app: web-svc}}}\n"
    )
    box.files.write("pdb.yaml", budget)
    out(box, "kubectl apply -f pdb.yaml")
    out(box, "sleep 1")
    node = out(box, "kubectl get po -l app=web-svc -o jsonpath='{.items[0].spec.nodeName}'")
    result = box.sh(f"kubectl drain {node} --timeout=20s")
    assert result.status == 1
    assert "would violate the pod's disruption budget" in result.stderr
    assert "drain did not complete within 20s" in result.stderr


def test_a_pod_for_one_command(box: Sandbox) -> None:
    result = box.sh(
        "kubectl run curl --rm -it --image=curlimages/curl -- curl -s http://web-svc.emojivoto/api/list"
    )
    assert result.status == 0, result
    assert ":joy:" in result.stdout
    assert result.stdout.endswith('pod "curl" deleted\n')
    assert "curl" not in out(box, "kubectl get po -o name")


def test_run_expose_and_events(box: Sandbox) -> None:
    out(box, "kubectl run emoji2 --image=emojivoto-emoji-svc:v11 --port=8080 --env=GRPC_PORT=8080 --expose")
    out(box, "kubectl wait po/emoji2 --for=condition=Ready")
    assert re.search(r"^Endpoints: +10\.", out(box, "kubectl describe svc emoji2"), re.M)
    reasons = [
        line.split()[2] for line in out(box, "kubectl events --for po/emoji2 --no-headers").splitlines()
    ]
    assert reasons[0] == "Scheduled"
    assert reasons[-2:] == ["Created", "Started"]


def test_autoscaler_reads_the_nodes_account(box: Sandbox) -> None:
    out(box, "kubectl autoscale deploy/web --min=1 --max=3 --cpu-percent=50")
    out(box, "sleep 90")
    assert re.search(r"cpu: \d+%/50%", out(box, "kubectl get hpa"))
    assert "resource cpu on pods  (as a percentage of request):" in out(box, "kubectl describe hpa web")


def test_same_lines_same_transcript() -> None:
    lines = [
        EMOJIVOTO,
        "sleep 30",
        "kubectl get po -n emojivoto -o yaml",
        "kubectl get events -A",
        "kubectl top pod -A",
    ]

    def transcript() -> list[str]:
        box = Sandbox(edition="edge", seed=3)
        return [box.sh(line).stdout for line in lines]

    assert transcript() == transcript()


@pytest.mark.parametrize(
    ("edition", "runtime", "kernel"),
    [("stable-2.8.1", "docker://19.3.1", "4.19.112+"), ("edge", "containerd://1.7.24", "6.6.72+")],
)
def test_nodes_run_the_software_of_their_time(edition: str, runtime: str, kernel: str) -> None:
    box = Sandbox(edition=edition)
    rows = out(box, "kubectl get nodes -o wide").splitlines()[1:]
    assert [row.split()[-2:] for row in rows] == [[kernel, runtime]] * 3
    out(box, EMOJIVOTO)
    out(box, "sleep 60")
    ids = out(box, "kubectl get po -n emojivoto -o jsonpath='{.items[*].status..containerID}'").split()
    assert len(ids) == 4
    assert {one.partition(":")[0] for one in ids} == {runtime.partition(":")[0]}


def test_an_unchanged_node_status_is_posted_every_five_minutes() -> None:
    box = Sandbox(edition="edge")
    out(box, "sleep 400")
    lines = out(box, "kubectl describe node node-1").splitlines()
    ready = re.split(r"\s{2,}", next(line for line in lines if re.match(r"\s+Ready\s", line)).strip())
    assert ready[2:4] == ["Tue, 01 Sep 2026 09:05:00 +0000", "Tue, 01 Sep 2026 09:00:00 +0000"]
