"""``linkerd check`` in a whole sandbox: well after an installation, and ill when its cause is broken."""

import pytest

from sim.shell.sandbox import Sandbox

GATEWAY = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
INSTALL = {
    "stable-2.8.1": ("linkerd install | kubectl apply -f -",),
    "edge": (
        f"kubectl apply -f {GATEWAY}",
        "linkerd install --crds | kubectl apply -f -",
        "linkerd install | kubectl apply -f -",
    ),
}
RESTRICTED = """kubectl apply -f - <<EOF
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata: {name: restricted}
spec:
  privileged: false
  seLinux: {rule: RunAsAny}
  runAsUser: {rule: RunAsAny}
  fsGroup: {rule: RunAsAny}
  supplementalGroups: {rule: RunAsAny}
  volumes: ['*']
EOF"""


def installed(edition: str) -> Sandbox:
    sandbox = Sandbox(edition=edition)
    for line in INSTALL[edition]:
        done = sandbox.sh(line)
        assert done.status == 0, done.stderr
    return sandbox


@pytest.mark.parametrize("edition", list(INSTALL))
def test_an_installation_is_well_and_knows_its_version(edition: str) -> None:
    sandbox = installed(edition)
    done = sandbox.sh("linkerd check -o short")
    assert (done.stdout, done.status) == ("Status check results are √\n", 0)
    assert sandbox.engine.now < 120
    assert "unavailable" not in sandbox.sh("linkerd version").stdout


def test_the_extension_of_edge_is_well() -> None:
    sandbox = installed("edge")
    assert sandbox.sh("linkerd check -o short").status == 0
    assert sandbox.sh("linkerd viz install | kubectl apply -f -").status == 0
    done = sandbox.sh("linkerd check")
    assert done.status == 0, done.stdout
    assert "√ viz extension self-check\n" in done.stdout
    assert "‼" not in done.stdout


@pytest.mark.parametrize(
    ("edition", "cause", "line"),
    [
        (
            "stable-2.8.1",
            "kubectl delete cm -n linkerd linkerd-config",
            "× 'linkerd-config' config map exists",
        ),
        ("edge", "kubectl delete cm -n linkerd linkerd-config", "× 'linkerd-config' config map exists"),
        ("stable-2.8.1", "fault expire issuer", "× issuer cert is within its validity period"),
        ("edge", "fault expire issuer", "× issuer cert is within its validity period"),
        ("edge", "fault expire anchor", "× trust anchors are within their validity period"),
        (
            "stable-2.8.1",
            "kubectl scale -n linkerd deploy/linkerd-controller --replicas=0",
            "× controller pod is running",
        ),
        (
            "edge",
            "kubectl scale -n linkerd deploy/linkerd-destination --replicas=0",
            "× control plane pods are ready",
        ),
        (
            "stable-2.8.1",
            "kubectl delete clusterrole linkerd-linkerd-identity",
            "× control plane ClusterRoles exist",
        ),
        ("stable-2.8.1", "fault down prometheus", "× control plane pods are ready"),
    ],
)
def test_a_broken_cause_shows(edition: str, cause: str, line: str) -> None:
    sandbox = installed(edition)
    assert sandbox.sh("linkerd check -o short").status == 0
    assert sandbox.sh(cause).status == 0
    done = sandbox.sh("linkerd check -o short --wait 30s")
    assert line in done.stdout.splitlines()
    assert done.status == 1


def test_clocks_and_capabilities_are_warnings() -> None:
    sandbox = Sandbox(edition="stable-2.8.1")
    sandbox.sh("sleep 1000")
    assert sandbox.sh("linkerd check --pre -o short").stdout == "Status check results are √\n"
    sandbox.sh("fault skew node-2 6m")
    assert sandbox.sh(RESTRICTED).status == 0
    done = sandbox.sh("linkerd check --pre -o short")
    assert "‼ no clock skew detected\n    clock skew detected for node(s): node-2\n" in done.stdout
    assert "‼ has NET_ADMIN capability\n" in done.stdout
    assert done.stdout.endswith("Status check results are √\n")
    assert done.status == 0


def test_an_old_cluster() -> None:
    done = Sandbox(edition="stable-2.8.1", version="v1.12.9").sh("linkerd check --pre -o short")
    assert "× is running the minimum Kubernetes API version\n" in done.stdout
    assert done.status == 1


@pytest.mark.parametrize("edition", list(INSTALL))
def test_uninstall_leaves_nothing_and_installing_again_works(edition: str) -> None:
    sandbox = installed(edition)
    sandbox.sh("linkerd check")
    assert sandbox.sh("linkerd uninstall | kubectl delete -f -").status == 0
    sandbox.sh("sleep 60")
    assert "linkerd" not in sandbox.sh("kubectl get clusterroles,crd,ns").stdout
    for line in INSTALL[edition]:
        assert sandbox.sh(line).status == 0
    assert sandbox.sh("linkerd check -o short").stdout == "Status check results are √\n"
