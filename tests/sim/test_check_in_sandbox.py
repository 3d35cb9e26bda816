"""``linkerd check`` in a running cluster: break the cause, and its line says so; mend it, and it is well."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mesh.cli.checks.catalogue import plan
from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip
from mesh.cli.console import Console
from mesh.editions import edition as edition_named
from sim.shell.sandbox import Sandbox
from tests.sim.walk import EDGE, GATEWAY, STABLE, do, install, meshed

GOOD, BAD = "Status check results are √", "Status check results are ×"
CHECK = "linkerd check --wait 10s"
HINTS = {STABLE: "https://linkerd.io/checks/", EDGE: "https://linkerd.io/2/checks/"}
UNRESTRICTED = """
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata: {name: NAME}
spec:
  CAPABILITIES
  fsGroup: {rule: RunAsAny}
  runAsUser: {rule: RunAsAny}
  seLinux: {rule: RunAsAny}
  supplementalGroups: {rule: RunAsAny}
  volumes: ['*']
"""


def installed(edition: str) -> Sandbox:
    sandbox = Sandbox(edition=edition)
    install(sandbox)
    return sandbox


def failing(text: str) -> list[str]:
    """The lines of checks that are not well."""
    return [line for line in text.splitlines() if line[:2] in ("× ", "‼ ")]


@dataclass(frozen=True)
class Cause:
    """One way to break things, and what check then says.

    Attributes:
        lines: what is typed.
        wait: seconds until it shows.
        says: the failing lines, all of them.
        fatal: nothing is printed after the last of them but the verdict.
        last: no other check comes after it.
    """

    edition: str
    lines: tuple[str, ...]
    says: tuple[str, ...]
    wait: float = 45.0
    fatal: bool = True
    last: bool = False
    command: str = CHECK

    @property
    def error(self) -> bool:
        """Whether one of them is an error: verdict × and status 1."""
        return any(line.startswith("×") for line in self.says)


SAVE = "kubectl get cm -n linkerd linkerd-config -o yaml | grep -v resourceVersion: > cm.yml"
SCALE = "kubectl scale -n linkerd deploy/{} --replicas 0"
CAUSES = {
    "config map deleted": Cause(
        STABLE,
        ("kubectl delete cm -n linkerd linkerd-config",),
        ("× 'linkerd-config' config map exists",),
    ),
    "config map deleted, edge": Cause(
        EDGE,
        ("kubectl delete cm -n linkerd linkerd-config",),
        ("× 'linkerd-config' config map exists",),
    ),
    "issuer expired": Cause(
        STABLE, ("fault expire issuer",), ("× issuer cert is within its validity period",)
    ),
    "issuer expired, edge": Cause(
        EDGE, ("fault expire issuer",), ("× issuer cert is within its validity period",)
    ),
    "anchor expired": Cause(
        STABLE, ("fault expire anchor",), ("× trust anchors are within their validity period",)
    ),
    "anchor expired, edge": Cause(
        EDGE, ("fault expire anchor",), ("× trust anchors are within their validity period",)
    ),
    "controller scaled to 0": Cause(
        STABLE, (SCALE.format("linkerd-controller"),), ("× controller pod is running",)
    ),
    "destination scaled to 0, edge": Cause(
        EDGE, (SCALE.format("linkerd-destination"),), ("× control plane pods are ready",)
    ),
    "identity scaled to 0": Cause(
        STABLE, (SCALE.format("linkerd-identity"),), ("× control plane pods are ready",)
    ),
    "identity down, edge": Cause(EDGE, ("fault down identity",), ("× control plane pods are ready",)),
    "ClusterRole removed": Cause(
        STABLE,
        ("kubectl delete clusterrole linkerd-linkerd-destination",),
        ("× control plane ClusterRoles exist",),
    ),
    "ClusterRole removed, edge": Cause(
        EDGE,
        ("kubectl delete clusterrole linkerd-linkerd-destination",),
        ("× control plane ClusterRoles exist",),
    ),
    "service account removed": Cause(
        STABLE, ("kubectl delete sa -n linkerd linkerd-heartbeat",), ("× heartbeat ServiceAccount exist",)
    ),
    "webhook removed": Cause(
        STABLE,
        ("kubectl delete mutatingwebhookconfiguration linkerd-proxy-injector-webhook-config",),
        ("× control plane MutatingWebhookConfigurations exist",),
    ),
    "Prometheus down": Cause(
        STABLE, (SCALE.format("linkerd-prometheus"),), ("× control plane pods are ready",)
    ),
    "Prometheus unreachable": Cause(
        STABLE,
        ("kubectl delete svc -n linkerd linkerd-prometheus",),
        ("× [prometheus] control plane can talk to Prometheus",),
    ),
    "Prometheus down, edge": Cause(
        EDGE,
        ("kubectl scale -n linkerd-viz deploy/prometheus --replicas 0",),
        (
            "‼ prometheus is installed and configured correctly",
            "× viz extension self-check",
        ),
        command="linkerd viz check --wait 10s",
    ),
    "Grafana down": Cause(
        STABLE, (SCALE.format("linkerd-grafana"),), ("× grafana pod is running",), fatal=False, last=True
    ),
    "tap down": Cause(
        STABLE,
        ("kubectl delete apiservice v1alpha1.tap.linkerd.io",),
        ("‼ tap api service is running",),
        fatal=False,
    ),
    "tap's webhook certificate, edge": Cause(
        EDGE,
        ("kubectl delete secret -n linkerd-viz tap-k8s-tls",),
        ("× tap API server has valid cert",),
        command="linkerd viz check --wait 10s",
    ),
    "injector's certificate, edge": Cause(
        EDGE,
        ("kubectl delete secret -n linkerd linkerd-proxy-injector-k8s-tls",),
        ("× proxy-injector webhook has valid cert",),
    ),
    "unschedulable pod": Cause(
        STABLE,
        (
            "kubectl cordon node-1",
            "kubectl cordon node-2",
            "kubectl cordon node-3",
            "kubectl scale -n linkerd deploy/linkerd-web --replicas 2",
        ),
        ("× no unschedulable pods",),
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_broken_cause_turns_its_line(name: str) -> None:
    cause = CAUSES[name]
    sandbox = installed(cause.edition)
    before = sandbox.sh(cause.command)
    assert (before.status, failing(before.stdout)) == (0, [])
    for line in cause.lines:
        do(sandbox, line)
    sandbox.advance(cause.wait)
    result = sandbox.sh(cause.command)
    assert tuple(failing(result.stdout)) == cause.says
    lines = result.stdout.splitlines()
    assert lines[-1] == (BAD if cause.error else GOOD)
    assert result.status == (1 if cause.error else 0)
    assert result.stderr == ""
    after = lines[lines.index(cause.says[-1]) + 1 :]
    assert after[0].startswith("    "), "the reason follows"
    assert any(line.startswith(f"    see {HINTS[cause.edition]}#l5d-") for line in after)
    if cause.error and cause.fatal:
        assert not any(line.startswith("√ ") for line in after), "a fatal failure ends the run"
    elif not cause.last:
        assert any(line.startswith("√ ") for line in after), "the run goes on"


@pytest.mark.parametrize("edition", [STABLE, EDGE])
def test_a_mended_cause_is_well_again(edition: str) -> None:
    sandbox = installed(edition)
    sandbox.sh("set +e")
    for broken, mended in (
        ("fault expire issuer", "fault clear"),
        ("fault down identity", "fault clear"),
        (
            f"{SAVE}\nkubectl delete -f cm.yml",
            "kubectl apply -f cm.yml",
        ),
    ):
        do(sandbox, broken)
        sandbox.advance(30.0)
        assert sandbox.sh(CHECK).status == 1, broken
        do(sandbox, mended)
        sandbox.advance(60.0)
        result = sandbox.sh("linkerd check")
        assert (result.status, failing(result.stdout)) == (0, []), mended


# -- before the installation ------------------------------------------------------------------------------


def pre(sandbox: Sandbox) -> tuple[int, list[str], str]:
    """Status, failing lines and verdict of ``linkerd check --pre``."""
    result = sandbox.sh("linkerd check --pre")
    return result.status, failing(result.stdout), result.stdout.splitlines()[-1]


@pytest.mark.parametrize("edition", [STABLE, EDGE])
@pytest.mark.parametrize("skew", ["30m", "-2h"])
def test_a_skewed_clock_is_a_warning(edition: str, skew: str) -> None:
    sandbox = Sandbox(edition=edition)
    if edition == EDGE:
        do(sandbox, GATEWAY)
    sandbox.advance(60.0)
    assert pre(sandbox) == (0, [], GOOD)
    do(sandbox, f"fault skew node-2 {skew}")
    sandbox.advance(60.0)
    assert pre(sandbox) == (0, ["‼ no clock skew detected"], GOOD)
    assert "node-2" in do(sandbox, "linkerd check --pre")
    do(sandbox, "fault clear")
    sandbox.advance(60.0)
    assert pre(sandbox) == (0, [], GOOD)


@pytest.mark.parametrize(
    ("edition", "version", "fine"),
    [
        (STABLE, "v1.12.10", False),
        (STABLE, "v1.13.0", True),
        (EDGE, "v1.30.9", False),
        (EDGE, "v1.31.0", True),
    ],
)
def test_an_old_cluster(edition: str, version: str, fine: bool) -> None:
    sandbox = Sandbox(edition=edition, version=version)
    if edition == EDGE:
        do(sandbox, GATEWAY)
    line = "× is running the minimum Kubernetes API version"
    status, lines, verdict = pre(sandbox)
    assert (status, lines, verdict) == ((0, [], GOOD) if fine else (1, [line], BAD))
    # After an installation it is said again; it is no fatal error.
    install(sandbox)
    result = sandbox.sh("linkerd check")
    assert failing(result.stdout) == ([] if fine else [line])
    assert "√ control plane Namespace exists" in result.stdout


def test_an_installed_control_plane_is_an_error_before_the_installation() -> None:
    sandbox = installed(STABLE)
    assert pre(sandbox) == (1, ["× control plane namespace does not already exist"], BAD)


def test_edge_wants_the_gateway_api() -> None:
    assert pre(Sandbox(edition=EDGE)) == (1, ["× Gateway API CRDs are installed"], BAD)


@pytest.mark.parametrize(
    ("allowed", "says"),
    [
        ("allowedCapabilities: [NET_RAW]", ["‼ has NET_ADMIN capability"]),
        ("allowedCapabilities: [NET_ADMIN]", ["‼ has NET_RAW capability"]),
        ("privileged: false", ["‼ has NET_ADMIN capability", "‼ has NET_RAW capability"]),
        ("allowedCapabilities: ['*']", []),
    ],
)
def test_pod_security_policies_may_deny_capabilities(allowed: str, says: list[str]) -> None:
    sandbox = Sandbox(edition=STABLE)
    policy = UNRESTRICTED.replace("NAME", "restricted").replace("CAPABILITIES", allowed)
    do(sandbox, f"cat <<'END' | kubectl apply -f -\n{policy}END\n")
    assert pre(sandbox) == (0, says, GOOD)


# -- certificates somebody brought --------------------------------------------------------------------------


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def certificate(
    name: str,
    days: float,
    begin: datetime,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate authority, signed by another or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


OWN = (
    "linkerd install --identity-trust-anchors-file ca.crt --identity-issuer-certificate-file issuer.crt "
    "--identity-issuer-key-file issuer.key | kubectl apply -f -"
)


@pytest.mark.parametrize("edition", [STABLE, EDGE])
@pytest.mark.parametrize(
    ("anchor_days", "issuer_days", "says"),
    [
        (3650, 365, []),
        (3650, 30, ["‼ issuer cert is valid for at least 60 days"]),
        (
            59,
            59,
            ["‼ trust anchors are valid for at least 60 days", "‼ issuer cert is valid for at least 60 days"],
        ),
    ],
)
def test_certificates_that_end_soon_are_warnings(
    edition: str, anchor_days: float, issuer_days: float, says: list[str]
) -> None:
    begin = datetime.fromtimestamp(Sandbox(edition=edition).engine.calendar.epoch, UTC)
    anchor = certificate("root.linkerd.cluster.local", anchor_days, begin, None)
    issuer = certificate("identity.linkerd.cluster.local", issuer_days, begin, anchor)
    key = issuer[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    mounts = {"ca.crt": pem(anchor[0]), "issuer.crt": pem(issuer[0]), "issuer.key": key.decode()}
    sandbox = Sandbox(edition=edition, mounts=mounts)
    if edition == EDGE:
        do(sandbox, GATEWAY)
        do(sandbox, "linkerd install --crds | kubectl apply -f -")
    do(sandbox, OWN)
    result = sandbox.sh("linkerd check")
    assert (result.status, failing(result.stdout)) == (0, says)
    assert result.stdout.splitlines()[-1] == GOOD


# -- every check looks -------------------------------------------------------------------------------------


@dataclass
class Recording:
    """The sandbox's client, and what was asked of it."""

    client: Any
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = getattr(self.client, name)

        def recorded(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(f"{name} {args[:2]}")
            return found(*args, **kwargs)

        return recorded


@pytest.mark.parametrize("name", [STABLE, EDGE])
def test_every_check_asks_the_running_cluster(name: str) -> None:
    sandbox = Sandbox(edition=name)
    meshed(sandbox)
    kube = Recording(sandbox.client)
    pages: list[str] = []

    def read(url: str) -> str:
        pages.append(url)
        return json.dumps({"stable": "stable-2.8.1", "edge": edition.version})

    edition = edition_named(name)
    console = Console(
        kube=kube,
        edition=edition,
        now=lambda: sandbox.engine.calendar.epoch + sandbox.engine.now,
        sleep=sandbox.advance,
        read=read,
        listdir=lambda _: [],
        stdin="",
        rng=sandbox.engine.stream("test"),
        kubectl_version="v1.16.6",
    )
    context = CheckContext(console, data_plane_namespace="emojivoto")
    silent = []
    seen = 0
    for mode in edition.checks:
        for category, checks in plan(edition, mode):
            for check in checks:
                kube.calls.clear()
                pages.clear()
                looked(check, context)
                seen += 1
                if not kube.calls and not pages:
                    silent.append(f"{category}: {check.description}")
    # kubectl is a program on the operator's machine: no cluster knows its version.
    operators = {"kubernetes-version: is running the minimum kubectl version"}
    assert set(silent) <= operators
    assert seen > 50


def looked(check: Check, context: CheckContext) -> None:
    """Run one check by itself; whatever it finds is fine here."""
    with suppress(CheckError, Skip):
        check.run(context)


def test_the_data_plane_is_checked_too() -> None:
    for name in (STABLE, EDGE):
        sandbox = Sandbox(edition=name)
        meshed(sandbox)
        result = sandbox.sh("linkerd check --proxy -n emojivoto")
        assert (result.status, failing(result.stdout)) == (0, []), result.stdout
        assert "√ data plane proxies are ready" in result.stdout
        assert "√ data plane proxies certificate match CA" in result.stdout
        # A proxy that cannot find identity is not ready.
        identity = "linkerd-identity" if name == STABLE else "linkerd-identity-headless"
        do(sandbox, f"kubectl delete svc -n linkerd {identity}")
        do(sandbox, "kubectl rollout restart -n emojivoto deploy/web")
        sandbox.advance(60.0)
        result = sandbox.sh(f"{CHECK} --proxy -n emojivoto")
        assert "× data plane proxies are ready" in failing(result.stdout), result.stdout
        assert result.status == 1
