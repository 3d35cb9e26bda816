"""Every cause that a check is there for turns its line × or ‼, and the verdict follows its severity."""

import base64
import datetime
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mesh.cli.checks.catalogue import plan
from mesh.cli.kube import KubeError
from mesh.control.certificates import Pair, make_root
from mesh.editions import EDITIONS
from tests.mesh.fake_kube import START, Bench

DAY = 86_400.0
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
VALIDATING = "validatingwebhookconfigurations.admissionregistration.k8s.io"
ROLES = "clusterroles.rbac.authorization.k8s.io"
BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
TAP = "v1alpha1.tap.linkerd.io"
Break = Callable[[Bench], object]


def drop(resource: str, name: str, namespace: str = "") -> Break:
    return lambda bench: bench.kube.drop(resource, name, namespace)


def deny(verb: str, resource: str) -> Break:
    return lambda bench: bench.kube.denied.add((verb, resource))


def later(days: float) -> Break:
    def run(bench: Bench) -> None:
        bench.clock += days * DAY
        bench.beat()

    return run


def unready(deployment: str, namespace: str = "linkerd", container: str = "linkerd-proxy") -> Break:
    def run(bench: Bench) -> None:
        for pod in bench.kube.pods_of(deployment, namespace):
            for state in pod["status"]["containerStatuses"] + pod["status"]["initContainerStatuses"]:
                if state["name"] == container:
                    state["ready"] = False

    return run


def image(deployment: str, namespace: str, tag: str) -> Break:
    def run(bench: Bench) -> None:
        for pod in bench.kube.pods_of(deployment, namespace):
            for entry in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
                if entry["name"] == "linkerd-proxy":
                    entry["image"] = entry["image"].rpartition(":")[0] + f":{tag}"

    return run


def skewed(bench: Bench) -> None:
    node = bench.kube.at("nodes", "node-2")
    node["status"]["conditions"][0]["lastHeartbeatTime"] = "2020-07-15T09:06:00Z"


def no_capability(bench: Bench) -> None:
    bench.kube.put(
        {
            "apiVersion": "policy/v1beta1",
            "kind": "PodSecurityPolicy",
            "metadata": {"name": "restricted"},
            "spec": {"allowedCapabilities": []},
        }
    )


def capability_of_others(bench: Bench) -> None:
    no_capability(bench)
    policy = bench.kube.at("podsecuritypolicies.policy", "restricted")
    policy["spec"]["allowedCapabilities"] = ["NET_ADMIN", "NET_RAW"]
    bench.kube.denied.add(("use", "podsecuritypolicies"))


def replica_failure(bench: Bench) -> None:
    found = bench.kube.at("replicasets.apps", "linkerd-identity-5d4f", "linkerd")
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    found["status"] = {"conditions": [condition]}


def unschedulable(bench: Bench) -> None:
    pod = next(bench.kube.pods_of("linkerd-identity"))
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    pod["status"]["conditions"] = [condition]


def silent(component: str, port: int) -> Break:
    return lambda bench: bench.kube.answers.pop((component, port))


def issuer(make: Callable[[], Pair], *, anchors: bool = False, key: bool = True) -> Break:
    def run(bench: Bench) -> None:
        pair = make()
        secret = bench.kube.at("secrets", "linkerd-identity-issuer", "linkerd")
        secret["data"]["crt.pem"] = base64.b64encode(pair.cert_pem.encode()).decode()
        if key:
            secret["data"]["key.pem"] = base64.b64encode(pair.key_pem.encode()).decode()
        if anchors:
            set_anchors(bench, pair.cert_pem)

    return run


def set_anchors(bench: Bench, pem: str) -> None:
    if bench.edition.viz_prefix:
        bench.kube.at("configmaps", "linkerd-identity-trust-roots", "linkerd")["data"]["ca-bundle.crt"] = pem
        return
    data = bench.kube.at("configmaps", "linkerd-config", "linkerd")["data"]
    config = json.loads(data["global"])
    config["identityContext"]["trustAnchorsPem"] = pem
    data["global"] = json.dumps(config)


def anchors(make: Callable[[], Pair]) -> Break:
    return lambda bench: set_anchors(bench, make().cert_pem)


def root(start: float = 0.0, days: float = 365) -> Callable[[], Pair]:
    return lambda: make_root("other.linkerd", random.Random(9), START + start * DAY, days * DAY)


def p384_root() -> Pair:
    key = ec.derive_private_key(12345, ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "p384")])
    begin = datetime.datetime.fromtimestamp(START, datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 5, begin, begin + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


def tap_gone(bench: Bench) -> None:
    found = bench.kube.at("apiservices.apiregistration.k8s.io", TAP)
    text = "no response from https://10.4.0.9:8089"
    found["status"]["conditions"] = [
        {"type": "Available", "status": "False", "reason": "FailedDiscoveryCheck", "message": text}
    ]


def newest(stable: str, edge: str) -> Break:
    def run(bench: Bench) -> None:
        text = json.dumps({"stable": stable, "edge": edge})
        bench.files.texts["https://versioncheck.linkerd.io/version.json"] = text

    return run


def old_server(bench: Bench) -> None:
    if bench.edition.viz_prefix:
        data = bench.kube.at("configmaps", "linkerd-config", "linkerd")["data"]
        data["values"] = data["values"].replace("linkerdVersion: edge-26.8.3", "linkerdVersion: edge-26.7.1")
    else:
        answer = bench.answer

        def older(method: str, path: str, body: Any) -> Any:
            reply = answer(method, path, body)
            return replace(reply, body={"releaseVersion": "stable-2.8.0"}) if "Version" in path else reply

        bench.kube.answers["controller", 8085] = older


def outside_networks(kind: str) -> Break:
    def run(bench: Bench) -> None:
        if kind == "nodes":
            bench.kube.at("nodes", "node-1")["spec"]["podCIDRs"] = ["198.18.0.0/24"]
        elif kind == "pods":
            next(bench.kube.pods_of("linkerd-identity"))["status"]["podIP"] = "198.18.0.9"
        else:
            bench.kube.at("services", "linkerd-dst", "linkerd")["spec"]["clusterIP"] = "198.18.0.9"

    return run


def wrong_bundle(bench: Bench) -> None:
    hook = bench.kube.at(MUTATING, "linkerd-proxy-injector-webhook-config")["webhooks"][0]
    other = bench.kube.at(VALIDATING, "linkerd-sp-validator-webhook-config")["webhooks"][0]
    hook["clientConfig"]["caBundle"] = other["clientConfig"]["caBundle"]


def label_pod(bench: Bench) -> None:
    next(bench.kube.pods_of("web", "app"))["metadata"]["labels"]["config.linkerd.io/proxy-cpu-request"] = "1"


def service(labels: dict[str, str], annotations: dict[str, str]) -> Break:
    def run(bench: Bench) -> None:
        metadata = {"name": "web-svc", "namespace": "app", "labels": labels, "annotations": annotations}
        spec = {"selector": {"app": "web"}, "ports": [{"port": 80}], "clusterIP": "10.0.0.9"}
        bench.kube.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    return run


def second_viz(bench: Bench) -> None:
    metadata = {"name": "other", "labels": {"linkerd.io/extension": "viz"}}
    bench.kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def uninjected(bench: Bench) -> None:
    pod = next(bench.kube.pods_of("tap", "linkerd-viz"))
    pod["spec"]["initContainers"] = []


DEFAULT_POLICY = "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY"


def denying(bench: Bench) -> None:
    """The proxies let nobody in by default."""
    for pod in bench.kube.pods_of("web", "app"):
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())):
            if container["name"] == "linkerd-proxy":
                kept = [one for one in container.get("env", ()) if one["name"] != DEFAULT_POLICY]
                container["env"] = [*kept, {"name": DEFAULT_POLICY, "value": "deny"}]


def docker(bench: Bench) -> None:
    info = bench.kube.at("nodes", "node-1")["status"]["nodeInfo"]
    info["containerRuntimeVersion"] = "docker://19.3.1"


def kubernetes(version: str) -> Break:
    return lambda bench: setattr(bench.kube, "git_version", version)


def prometheus_down(bench: Bench) -> None:
    bench.prometheus_error = "cannot query Prometheus: connection refused"


def unscraped(bench: Bench) -> None:
    bench.scraped = False


def kubectl(version: str) -> Break:
    return lambda bench: setattr(bench.console, "kubectl_version", version)


def exempt(bench: Bench) -> None:
    """What the HA documentation asks for."""
    labels = {"config.linkerd.io/admission-webhooks": "disabled"}
    bench.kube.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "labels": labels}}
    )


def one_replica(bench: Bench) -> None:
    exempt(bench)
    bench.kube.scale("linkerd-identity", 1)


def unreachable(bench: Bench) -> None:
    bench.kube.down = True


def forbidden_version(bench: Bench) -> None:
    def version() -> Any:
        bench.kube.calls.append(("version", ""))
        raise KubeError("Forbidden", "forbidden: User cannot get path /version", 403)

    bench.kube.version = version  # type: ignore[method-assign]


def no_document(bench: Bench) -> None:
    bench.files.texts.clear()


S, E, BOTH = ("stable-2.8.1",), ("edge",), ("stable-2.8.1", "edge")
PRE, ALL, PROXY = "check --pre", "check", "check --proxy -n app"
# editions, command, cause, the line that must turn, its icon
MATRIX: tuple[tuple[tuple[str, ...], str, Break, str, str], ...] = (
    (BOTH, PRE, unreachable, "can initialize the client", "×"),
    (BOTH, PRE, forbidden_version, "can query the Kubernetes API", "×"),
    (S, PRE, kubernetes("v1.12.9"), "is running the minimum Kubernetes API version", "×"),
    (E, PRE, kubernetes("v1.30.4"), "is running the minimum Kubernetes API version", "×"),
    (S, PRE, kubectl("v1.12.9"), "is running the minimum kubectl version", "×"),
    (S, PRE, kubectl("nonsense"), "is running the minimum kubectl version", "×"),
    (E, PRE, drop(CRDS, "httproutes.gateway.networking.k8s.io"), "Gateway API CRDs are installed", "×"),
    (BOTH, PRE, deny("create", "clusterroles"), "can create non-namespaced resources", "×"),
    (BOTH, PRE, deny("create", "serviceaccounts"), "can create ServiceAccounts", "×"),
    (BOTH, PRE, deny("create", "services"), "can create Services", "×"),
    (BOTH, PRE, deny("create", "deployments"), "can create Deployments", "×"),
    (BOTH, PRE, deny("create", "cronjobs"), "can create CronJobs", "×"),
    (BOTH, PRE, deny("create", "configmaps"), "can create ConfigMaps", "×"),
    (BOTH, PRE, deny("create", "secrets"), "can create Secrets", "×"),
    (BOTH, PRE, deny("get", "secrets"), "can read Secrets", "×"),
    (
        BOTH,
        PRE,
        drop("configmaps", "extension-apiserver-authentication", "kube-system"),
        "can read extension-apiserver-authentication configmap",
        "×",
    ),
    (BOTH, PRE, skewed, "no clock skew detected", "‼"),
    (S, PRE, no_capability, "has NET_ADMIN capability", "‼"),
    (S, PRE, capability_of_others, "has NET_RAW capability", "‼"),
    (BOTH, PRE, no_document, "can determine the latest version", "‼"),
    (BOTH, PRE, newest("stable-2.8.9", "edge-26.9.1"), "cli is up-to-date", "‼"),
    (
        E,
        "check --crds",
        drop(CRDS, "servers.policy.linkerd.io"),
        "control plane CustomResourceDefinitions exist",
        "×",
    ),
    (BOTH, ALL, drop("configmaps", "linkerd-config", "linkerd"), "'linkerd-config' config map exists", "×"),
    (
        BOTH,
        ALL,
        drop("serviceaccounts", "linkerd-heartbeat", "linkerd"),
        "heartbeat ServiceAccount exist",
        "×",
    ),
    (BOTH, ALL, replica_failure, "control plane replica sets are ready", "×"),
    (S, ALL, unschedulable, "no unschedulable pods", "×"),
    (E, ALL, unschedulable, "no unschedulable pods", "‼"),
    (S, ALL, lambda b: b.kube.scale("linkerd-controller", 0), "controller pod is running", "×"),
    (S, ALL, silent("controller", 9995), "can initialize the client", "×"),
    (S, ALL, silent("controller", 8085), "can query the control plane API", "×"),
    (E, ALL, lambda b: b.kube.scale("linkerd-destination", 0), "control plane pods are ready", "×"),
    (E, ALL, unready("linkerd-identity"), "control plane pods are ready", "×"),
    (S, ALL, unready("linkerd-web", container="web"), "control plane pods are ready", "×"),
    (E, ALL, outside_networks("nodes"), "cluster networks contains all node podCIDRs", "×"),
    (E, ALL, outside_networks("pods"), "cluster networks contains all pods", "×"),
    (E, ALL, outside_networks("services"), "cluster networks contains all services", "×"),
    (BOTH, ALL, drop("namespaces", "linkerd"), "control plane Namespace exists", "×"),
    (BOTH, ALL, drop(ROLES, "linkerd-linkerd-identity"), "control plane ClusterRoles exist", "×"),
    (BOTH, ALL, drop(BINDINGS, "linkerd-linkerd-identity"), "control plane ClusterRoleBindings exist", "×"),
    (
        BOTH,
        ALL,
        drop("serviceaccounts", "linkerd-identity", "linkerd"),
        "control plane ServiceAccounts exist",
        "×",
    ),
    (
        BOTH,
        ALL,
        drop(CRDS, "serviceprofiles.linkerd.io"),
        "control plane CustomResourceDefinitions exist",
        "×",
    ),
    (
        BOTH,
        ALL,
        drop(MUTATING, "linkerd-proxy-injector-webhook-config"),
        "control plane MutatingWebhookConfigurations exist",
        "×",
    ),
    (
        BOTH,
        ALL,
        drop(VALIDATING, "linkerd-sp-validator-webhook-config"),
        "control plane ValidatingWebhookConfigurations exist",
        "×",
    ),
    (
        S,
        ALL,
        drop("podsecuritypolicies.policy", "linkerd-linkerd-control-plane"),
        "control plane PodSecurityPolicies exist",
        "×",
    ),
    (E, ALL, docker, "proxy-init container runs as root user if docker container runtime is used", "×"),
    (BOTH, ALL, drop("secrets", "linkerd-identity-issuer", "linkerd"), "certificate config is valid", "×"),
    (BOTH, ALL, issuer(root(), key=False), "certificate config is valid", "×"),
    (BOTH, ALL, anchors(p384_root), "trust anchors are using supported crypto algorithm", "×"),
    (BOTH, ALL, later(366), "trust anchors are within their validity period", "×"),
    (BOTH, ALL, anchors(root(start=1)), "trust anchors are within their validity period", "×"),
    (BOTH, ALL, later(310), "trust anchors are valid for at least 60 days", "‼"),
    (BOTH, ALL, issuer(p384_root), "issuer cert is using supported crypto algorithm", "×"),
    (BOTH, ALL, issuer(root(start=-10, days=5)), "issuer cert is within its validity period", "×"),
    (BOTH, ALL, issuer(root(start=2)), "issuer cert is within its validity period", "×"),
    (BOTH, ALL, issuer(root(days=50)), "issuer cert is valid for at least 60 days", "‼"),
    (BOTH, ALL, issuer(root()), "issuer cert is issued by the trust anchor", "×"),
    (E, ALL, wrong_bundle, "proxy-injector webhook has valid cert", "×"),
    (
        E,
        ALL,
        drop("secrets", "linkerd-sp-validator-k8s-tls", "linkerd"),
        "sp-validator webhook has valid cert",
        "×",
    ),
    (E, ALL, later(310), "policy-validator cert is valid for at least 60 days", "‼"),
    (S, ALL, prometheus_down, "[prometheus] control plane can talk to Prometheus", "×"),
    (S, ALL, tap_gone, "tap api service is running", "‼"),
    (BOTH, ALL, old_server, "control plane is up-to-date", "‼"),
    (BOTH, ALL, old_server, "control plane and cli versions match", "‼"),
    (
        E,
        ALL,
        image("linkerd-destination", "linkerd", "edge-26.7.1"),
        "control plane proxies are up-to-date",
        "‼",
    ),
    (
        E,
        ALL,
        image("linkerd-destination", "linkerd", "edge-26.7.1"),
        "control plane proxies and cli versions match",
        "‼",
    ),
    (E, ALL, second_viz, "namespace configuration for extensions", "‼"),
    (
        S,
        ALL,
        drop("configmaps", "linkerd-config-addons", "linkerd"),
        "'linkerd-config-addons' config map exists",
        "×",
    ),
    (
        S,
        ALL,
        drop("serviceaccounts", "linkerd-grafana", "linkerd"),
        "grafana add-on service account exists",
        "×",
    ),
    (
        S,
        ALL,
        drop("configmaps", "linkerd-grafana-config", "linkerd"),
        "grafana add-on config map exists",
        "×",
    ),
    (E, ALL, drop(ROLES, "linkerd-linkerd-viz-tap"), "linkerd-viz ClusterRoles exist", "×"),
    (E, ALL, drop(BINDINGS, "linkerd-linkerd-viz-tap"), "linkerd-viz ClusterRoleBindings exist", "×"),
    (E, ALL, drop("secrets", "tap-k8s-tls", "linkerd-viz"), "tap API server has valid cert", "×"),
    (E, ALL, later(310), "tap API server cert is valid for at least 60 days", "‼"),
    (E, ALL, tap_gone, "tap API service is running", "‼"),
    (E, ALL, uninjected, "linkerd-viz pods are injected", "‼"),
    (E, ALL, lambda b: b.kube.scale("web", 0, "linkerd-viz"), "viz extension pods are running", "‼"),
    (E, ALL, unready("web", "linkerd-viz"), "viz extension proxies are healthy", "‼"),
    (E, ALL, image("web", "linkerd-viz", "edge-26.7.1"), "viz extension proxies are up-to-date", "‼"),
    (E, ALL, image("web", "linkerd-viz", "edge-26.7.1"), "viz extension proxies and cli versions match", "‼"),
    (
        E,
        ALL,
        lambda b: b.kube.scale("prometheus", 0, "linkerd-viz"),
        "prometheus is installed and configured correctly",
        "‼",
    ),
    (E, ALL, silent("metrics-api", 8085), "viz extension self-check", "×"),
    (E, ALL, prometheus_down, "viz extension self-check", "×"),
    (BOTH, PROXY, drop("namespaces", "app"), "data plane namespace exists", "×"),
    (BOTH, PROXY, anchors(root()), "data plane proxies certificate match CA", "‼"),
    (BOTH, PROXY, unready("web", "app"), "data plane proxies are ready", "×"),
    (BOTH, PROXY, image("web", "app", "edge-26.7.1"), "data plane is up-to-date", "‼"),
    (BOTH, PROXY, image("web", "app", "edge-26.7.1"), "data plane and cli versions match", "‼"),
    (S, PROXY, unscraped, "data plane proxy metrics are present in Prometheus", "×"),
    (E, PROXY, unscraped, "data plane proxy metrics are present in Prometheus", "‼"),
    (E, PROXY, label_pod, "data plane pod labels are configured correctly", "‼"),
    (
        E,
        PROXY,
        service({"linkerd.io/inject": "enabled"}, {}),
        "data plane service labels are configured correctly",
        "‼",
    ),
    (
        E,
        PROXY,
        service({}, {"mirror.linkerd.io/exported": "true"}),
        "data plane service annotations are configured correctly",
        "‼",
    ),
    (
        E,
        PROXY,
        service({}, {"config.linkerd.io/opaque-ports": "80"}),
        "opaque ports are properly annotated",
        "‼",
    ),
    (E, PROXY, denying, "prometheus is authorized to scrape data plane pods", "‼"),
)
ROWS = [
    pytest.param(name, line, cause, text, icon, id=f"{name}-{text}-{number}")
    for number, (names, line, cause, text, icon) in enumerate(MATRIX)
    for name in names
]


@pytest.mark.parametrize(("name", "line", "cause", "text", "icon"), ROWS)
def test_a_broken_cause_turns_its_line(name: str, line: str, cause: Break, text: str, icon: str) -> None:
    bench = Bench(name)
    if line != PRE:
        bench.install()
    if line == PROXY:
        bench.meshed_app()
    well = bench.run(f"{line} --wait 0s")
    assert well.status == 0
    cause(bench)
    done = bench.run(f"{line} --wait 0s")
    lines = done.stdout.splitlines()
    assert f"{icon} {text}" in lines, done.stdout
    place = lines.index(f"{icon} {text}")
    assert lines[place + 1].startswith("    ")
    assert any(hint.strip().startswith("see https://linkerd.io/") for hint in lines[place + 1 : place + 8])
    broken = any(entry.startswith("× ") for entry in lines)
    assert done.status == (1 if broken else 0)
    assert lines[-1] == f"Status check results are {'×' if broken else '√'}"
    if icon == "×":
        assert broken


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (lambda bench: None, "pod injection disabled on kube-system"),
        (one_replica, "multiple replicas of control plane pods"),
    ],
)
def test_high_availability_checks(cause: Break, text: str) -> None:
    bench = Bench("stable-2.8.1").install("--ha")
    bench.kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    exempt(bench)
    assert f"√ {text}" in bench.run("check --wait 0s").stdout
    bench.kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    cause(bench)
    done = bench.run("check --wait 0s")
    assert f"‼ {text}" in done.stdout
    assert done.status == 0


def test_a_single_replica_under_ha_in_edge() -> None:
    bench = Bench("edge").install("--ha")
    assert "√ multiple replicas of control plane pods" in bench.run("check --wait 0s").stdout
    bench.kube.scale("linkerd-identity", 1)
    done = bench.run("check --wait 0s")
    assert "    not enough replicas available for linkerd-identity\n" in done.stdout


def test_grafana_pod() -> None:
    bench = Bench("stable-2.8.1").install()
    bench.kube.at("configmaps", "linkerd-config-addons", "linkerd")["data"]["values"] = (
        "grafana:\n  enabled: false\n"
    )
    assert "grafana add-on" not in bench.run("check").stdout


def test_grafana_down_is_no_fault_of_the_control_plane() -> None:
    bench = Bench("stable-2.8.1").install()
    bench.kube.scale("linkerd-grafana", 0)
    done = bench.run("check --wait 0s")
    assert "√ control plane pods are ready\n" in done.stdout
    assert "× grafana pod is running\n" in done.stdout
    assert done.status == 1


def test_a_policy_lets_prometheus_scrape() -> None:
    bench = Bench("edge").install()
    bench.meshed_app()
    denying(bench)
    line = "prometheus is authorized to scrape data plane pods\n"
    told = bench.run("check --proxy --wait 0s").stdout
    names = [pod["metadata"]["name"] for pod in bench.kube.pods_of("web", "app")]
    assert names
    assert f"‼ {line}" in told
    assert all(f"* app/{name}\n" in told for name in names)
    metadata = {"name": "prometheus-scrape", "namespace": "app"}
    policy = {"apiVersion": "policy.linkerd.io/v1alpha1", "kind": "AuthorizationPolicy", "metadata": metadata}
    bench.kube.put({**policy, "spec": {"requiredAuthenticationRefs": []}})
    assert f"√ {line}" in bench.run("check --proxy --wait 0s").stdout


def test_control_plane_proxies() -> None:
    """A pod whose proxy is ill beside one that is well: the control plane works, its proxies do not all."""
    bench = Bench("edge").install()
    bench.kube.scale("linkerd-identity", 2)
    pod = next(bench.kube.pods_of("linkerd-identity"))
    pod["status"]["containerStatuses"][1]["ready"] = False
    done = bench.run("check --wait 0s")
    assert "√ control plane pods are ready\n" in done.stdout
    assert "× control plane proxies are healthy\n" in done.stdout
    assert done.status == 1


# Lines whose cause is tested in a way of its own above, or which fall with the one before them.
ELSEWHERE = {
    "control plane namespace does not already exist": "test_an_existing_namespace",
    "control plane self-check": "silent API: fails at 'can query the control plane API' before it",
    "can retrieve the control plane version": "configuration map: fatal before it",
    "control plane proxies are healthy": "test_control_plane_proxies",
    "grafana pod is running": "test_grafana_down_is_no_fault_of_the_control_plane",
    "pod injection disabled on kube-system": "test_high_availability_checks",
    "multiple replicas of control plane pods": "test_high_availability_checks",
    "linkerd-viz Namespace exists": "test_check.py: viz check without the extension",
}


def test_an_existing_namespace() -> None:
    for name in ("stable-2.8.1", "edge"):
        done = Bench(name).install().run("check --pre")
        assert '× control plane namespace does not already exist\n    The "linkerd" namespace' in done.stdout
        assert done.status == 1


WEBHOOKS = ("proxy-injector", "sp-validator", "policy-validator")  # three webhooks, the same two checks


def test_every_line_has_a_cause_that_turns_it() -> None:
    """No check is without a test that breaks it, in each edition that has it."""
    shown = {(name, text) for names, _, _, text, _ in MATRIX for name in names}
    for edition in EDITIONS:
        checks = [check for mode in edition.checks for _, found in plan(edition, mode) for check in found]
        for text in {check.description for check in checks} - set(ELSEWHERE):
            name, space, rest = text.partition(" ")
            alike = {(edition.name, hook + space + rest) for hook in WEBHOOKS} if name in WEBHOOKS else set()
            assert {(edition.name, text), *alike} & shown, (edition.name, text)
