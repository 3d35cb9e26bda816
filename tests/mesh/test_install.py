"""The manifests: complete, consistent, repeatable, as the flags say."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mesh.cli.manifests.settings import chart_values, proxy_values
from mesh.control.certificates import certificates, make_leaf, make_root, not_after, not_before
from mesh.control.config import from_config
from mesh.control.sidecar import init_container, proxy_container
from mesh.control.verification import verify
from mesh.editions import EDITIONS, edition
from mesh.yaml import load_all
from tests.mesh.fake_kube import CLUSTER_WIDE, RESOURCES, START, Bench

NAMES = [known.name for known in EDITIONS]
Obj = dict[str, Any]
RBAC_KINDS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
# Objects the cluster itself brings, to which bindings refer.
BUILT_IN = {("ClusterRole", "system:auth-delegator"), ("Role", "extension-apiserver-authentication-reader")}


def documents(name: str, flags: str = "") -> list[Obj]:
    """Everything that an installation of the edition applies."""
    bench = Bench(name)
    lines = ["install --crds --ignore-cluster"] if name == "edge" else []
    lines += [
        f"install --ignore-cluster {flags}",
        *(["viz install --ignore-cluster"] if name == "edge" else []),
    ]
    found: list[Obj] = []
    for line in lines:
        done = bench.run(line)
        assert done.status == 0, done.stderr
        found += load_all(done.stdout)
    return found


def of(found: list[Obj], kind: str) -> dict[str, Obj]:
    return {item["metadata"]["name"]: item for item in found if item["kind"] == kind}


@pytest.fixture(scope="module", params=NAMES)
def installed(request: pytest.FixtureRequest) -> tuple[str, list[Obj]]:
    return request.param, documents(request.param)


def test_every_document_is_a_kubernetes_object(installed: tuple[str, list[Obj]]) -> None:
    _, found = installed
    keys = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in found]
    assert len(keys) == len(set(keys))
    for item in found:
        assert item["apiVersion"]
        assert ("namespace" in item["metadata"]) == (item["kind"] not in CLUSTER_WIDE), item["metadata"]
        assert item["kind"] in RESOURCES


def test_the_tutorials_namespace_comes_first() -> None:
    text = Bench("stable-2.8.1").run("install").stdout
    assert text.startswith("---\n")
    assert load_all(text)[0] == {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {
            "name": "linkerd",
            "annotations": {"linkerd.io/inject": "disabled"},
            "labels": {
                "linkerd.io/is-control-plane": "true",
                "config.linkerd.io/admission-webhooks": "disabled",
                "linkerd.io/control-plane-ns": "linkerd",
            },
        },
    }
    assert 2_800 < text.count("\n") < 3_600  # the tutorial's author counted 3,160 lines


def test_definitions_come_before_use(installed: tuple[str, list[Obj]]) -> None:
    """Applied in order, no object needs one that comes later: namespaces, accounts, configuration first."""
    _, found = installed
    seen: set[tuple[str, str]] = set()
    namespaces = {"default", "kube-system"}
    for item in found:
        namespace = item["metadata"].get("namespace")
        assert namespace is None or namespace in namespaces, item["metadata"]
        if item["kind"] == "Namespace":
            namespaces.add(item["metadata"]["name"])
        if item["kind"] == "Deployment":
            spec = item["spec"]["template"]["spec"]
            assert ("ServiceAccount", spec["serviceAccountName"]) in seen
            for volume in spec["volumes"]:
                if "configMap" in volume:
                    assert ("ConfigMap", volume["configMap"]["name"]) in seen, volume
                if "secret" in volume:
                    assert ("Secret", volume["secret"]["secretName"]) in seen, volume
        seen.add((item["kind"], item["metadata"]["name"]))


def test_deployments_and_their_images_are_the_editions(installed: tuple[str, list[Obj]]) -> None:
    name, found = installed
    known = edition(name)
    deployments = of(found, "Deployment")
    assert list(deployments) == [workload.name for workload in known.workloads] or set(deployments) == {
        workload.name for workload in known.workloads
    }
    for workload in known.workloads:
        spec = deployments[workload.name]["spec"]["template"]["spec"]
        own = {c["name"]: c for c in spec["containers"] if c["name"] != "linkerd-proxy"}
        assert list(own) == [part.name for part in workload.parts]
        for part in workload.parts:
            container = own[part.name]
            assert container["image"] == known.image(part)
            assert [port["containerPort"] for port in container["ports"]] == [p.number for p in part.ports]
            assert container["livenessProbe"]["httpGet"] == {"path": part.live, "port": part.probe}
            assert container["readinessProbe"]["httpGet"] == {"path": part.ready, "port": part.probe}
            assert not any("{" in arg for arg in container.get("args", ()))
    assert len(of(found, "CronJob")) == 1


def test_counts_of_the_editions() -> None:
    stable, edge = documents("stable-2.8.1"), documents("edge")
    assert len(of(stable, "Deployment")) == 9
    assert set(of(stable, "CustomResourceDefinition")) == {
        "serviceprofiles.linkerd.io",
        "trafficsplits.split.smi-spec.io",
    }
    assert len(of(edge, "Deployment")) == 8
    assert len(of(edge, "CustomResourceDefinition")) == 10


def test_every_account_and_role_that_is_named_exists(installed: tuple[str, list[Obj]]) -> None:
    _, found = installed
    accounts = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for item in found
        if item["kind"] == "ServiceAccount"
    }
    roles = {(item["kind"], item["metadata"]["name"]) for item in found if item["kind"].endswith("Role")}
    used = set()
    for item in found:
        if not item["kind"].endswith("Binding"):
            continue
        reference = item["roleRef"]
        assert (reference["kind"], reference["name"]) in roles | BUILT_IN, item["metadata"]
        for subject in item["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts, item["metadata"]
            used.add((subject["namespace"], subject["name"]))
    for item in found:
        if item["kind"] == "Deployment":
            account = item["spec"]["template"]["spec"]["serviceAccountName"]
            assert (item["metadata"]["namespace"], account) in accounts


def test_services_select_the_pods_they_are_for(installed: tuple[str, list[Obj]]) -> None:
    _, found = installed
    templates = [item["spec"]["template"] for item in found if item["kind"] == "Deployment"]
    for item in found:
        if item["kind"] != "Service":
            continue
        selector = item["spec"]["selector"].items()
        (template,) = [t for t in templates if selector <= t["metadata"]["labels"].items()]
        ports = [port for c in template["spec"]["containers"] for port in c["ports"]]
        for port in item["spec"]["ports"]:
            assert port["targetPort"] in {p["containerPort"] for p in ports} | {p["name"] for p in ports}


def test_selectors_match_templates(installed: tuple[str, list[Obj]]) -> None:
    _, found = installed
    for item in of(found, "Deployment").values():
        labels = item["spec"]["template"]["metadata"]["labels"]
        assert item["spec"]["selector"]["matchLabels"].items() <= labels.items()


def hooks(found: list[Obj]) -> Iterator[tuple[str, Obj]]:
    for item in found:
        for hook in item.get("webhooks", ()):
            yield item["kind"], hook


def test_webhooks_lead_to_services_whose_certificates_they_trust(installed: tuple[str, list[Obj]]) -> None:
    name, found = installed
    services, secrets = of(found, "Service"), of(found, "Secret")
    suffix, key = ("-k8s-tls", "tls.crt") if name == "edge" else ("-tls", "crt.pem")
    clients = [
        (hook["clientConfig"]["service"], hook["clientConfig"]["caBundle"]) for _, hook in hooks(found)
    ]
    clients += [(i["spec"]["service"], i["spec"]["caBundle"]) for i in of(found, "APIService").values()]
    assert len(clients) == (3 if name == "stable-2.8.1" else 5)
    for service, bundle in clients:
        assert services[service["name"]]["metadata"]["namespace"] == service["namespace"]
        pem = base64.b64decode(secrets[service["name"] + suffix]["data"][key])
        host = f"{service['name']}.{service['namespace']}.svc"
        assert verify(pem, "", base64.b64decode(bundle), host, START) == ""
        assert verify(pem, "", base64.b64decode(bundle), host, START + 366 * 86_400) == "expired"


def test_the_issuer_is_a_root_for_a_year(installed: tuple[str, list[Obj]]) -> None:
    _, found = installed
    data = of(found, "Secret")["linkerd-identity-issuer"]["data"]
    pem = base64.b64decode(data["crt.pem"]).decode()
    assert (not_before(pem), not_after(pem)) == (START, START + 365 * 86_400)
    (certificate,) = certificates(pem)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=identity.linkerd.cluster.local"


def test_core_pods_carry_the_injectors_own_sidecar(installed: tuple[str, list[Obj]]) -> None:
    """Nothing is injected into the control plane: its manifests spell out what the injector would add."""
    name, found = installed
    known = edition(name)
    roots = of(found, "ConfigMap").get("linkerd-identity-trust-roots", {"data": {}})
    config = of(found, "ConfigMap")["linkerd-config"]
    values = from_config(config, roots["data"].get("ca-bundle.crt", ""))
    for workload in known.core:
        template = of(found, "Deployment")[workload.name]["spec"]["template"]
        spec = template["spec"]
        ports = sorted(str(p.number) for part in workload.parts for p in part.ports)
        mine = replace(values, component=workload.name, inbound_ports=",".join(ports))
        if known.viz_prefix:
            mine = replace(mine, skip_outbound_ports="443,6443")
        if known.viz_prefix and workload.component == "identity":
            mine = replace(mine, native=False, await_proxy=False)
        assert spec["initContainers"][0] == init_container(mine)
        proxies = [c for c in spec["containers"] + spec["initContainers"] if c["name"] == "linkerd-proxy"]
        assert proxies == [proxy_container(mine)]
        mounted = {
            mount["name"]
            for c in spec["containers"] + spec["initContainers"]
            for mount in c.get("volumeMounts", ())
        }
        assert mounted <= {volume["name"] for volume in spec["volumes"]}
        labels = template["metadata"]["labels"]
        assert labels["linkerd.io/control-plane-ns"] == "linkerd"
        assert labels["linkerd.io/proxy-deployment"] == workload.name


def test_viz_pods_are_left_to_the_injector() -> None:
    deployments = of(documents("edge"), "Deployment")
    for workload in edition("edge").viz:
        template = deployments[workload.name]["spec"]["template"]
        assert template["metadata"]["annotations"]["linkerd.io/inject"] == "enabled"
        assert "initContainers" not in template["spec"]


def test_the_configuration_reads_back_as_the_editions_defaults(installed: tuple[str, list[Obj]]) -> None:
    name, found = installed
    known = edition(name)
    config = of(found, "ConfigMap")["linkerd-config"]
    values = from_config(config)
    assert values.trust_anchors.startswith("-----BEGIN CERTIFICATE-----")
    expected = proxy_values(known, "linkerd", chart_values(known))
    assert replace(values, trust_anchors="", debug_version="") == replace(expected, debug_version="")
    assert "PRIVATE KEY" not in json.dumps(config)


def test_2_8_1_remembers_the_flags_it_was_given() -> None:
    found = documents("stable-2.8.1", "--ha --proxy-log-level debug --disable-heartbeat")
    install = json.loads(of(found, "ConfigMap")["linkerd-config"]["data"]["install"])
    assert install == {
        "cliVersion": "stable-2.8.1",
        "flags": [
            {"name": "disable-heartbeat", "value": "true"},
            {"name": "ha", "value": "true"},
            {"name": "proxy-log-level", "value": "debug"},
        ],
    }
    assert of(found, "CronJob") == {}


@pytest.mark.parametrize("name", NAMES)
def test_high_availability(name: str) -> None:
    found = documents(name, "--ha")
    known = edition(name)
    for workload in known.core:
        item = of(found, "Deployment")[workload.name]
        many = workload.component not in ("web", "grafana", "prometheus")
        assert item["spec"]["replicas"] == (3 if many else 1), workload.name
        containers = item["spec"]["template"]["spec"]["containers"]
        assert all(
            "resources" in container for container in containers if container["name"] != "linkerd-proxy"
        )
        affinity = item["spec"]["template"]["spec"].get("affinity", {}).get("podAntiAffinity", {})
        assert bool(affinity) == many
    core_hooks = [hook for _, hook in hooks(found) if hook["name"] != "tap-injector.linkerd.io"]
    assert {hook["failurePolicy"] for hook in core_hooks} == {"Fail"}
    assert len(of(found, "PodDisruptionBudget")) == (3 if name == "edge" else 0)
    assert {hook["failurePolicy"] for _, hook in hooks(documents(name))} == {"Ignore"}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    one, two = (Bench(name, seed=7).run("install --ignore-cluster").stdout for _ in range(2))
    assert one == two
    other = Bench(name, seed=8).run("install --ignore-cluster").stdout
    changed = {
        item["metadata"]["name"]
        for item, twin in zip(load_all(one), load_all(other), strict=True)
        if item != twin
    }
    assert "linkerd-identity-issuer" in changed
    assert "linkerd" not in changed


def test_two_installations_from_one_console_differ_in_their_keys() -> None:
    bench = Bench("stable-2.8.1")
    assert bench.run("install").stdout != bench.run("install").stdout


def test_flags_reach_the_manifests() -> None:
    line = (
        "--controller-replicas 2 --registry example.org/mesh --proxy-cpu-request 100m "
        "--proxy-memory-limit 64Mi --skip-outbound-ports 25,587 --proxy-log-level trace "
        "--identity-trust-domain mesh.local"
    )
    for name in NAMES:
        found = documents(name, line)
        item = of(found, "Deployment")["linkerd-proxy-injector"]["spec"]
        spec = item["template"]["spec"]
        proxy = next(c for c in spec["containers"] + spec["initContainers"] if c["name"] == "linkerd-proxy")
        assert item["replicas"] == 2
        assert proxy["image"].startswith("example.org/mesh/proxy:")
        assert spec["containers"][0]["image"].startswith("example.org/mesh/controller:")
        assert proxy["resources"] == {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}}
        values = from_config(of(found, "ConfigMap")["linkerd-config"])
        assert (values.skip_outbound_ports, values.trust_domain) == ("25,587", "mesh.local")
        assert values.log_level == "trace"


def test_values_reach_the_controllers_arguments() -> None:
    line = "--identity-issuance-lifetime 1h --identity-trust-domain mesh.local --controller-log-level debug"
    args = of(documents("edge", line), "Deployment")["linkerd-identity"]["spec"]["template"]["spec"]
    assert {
        "-identity-issuance-lifetime=1h0m0s",
        "-identity-trust-domain=mesh.local",
        "-log-level=debug",
    } <= set(args["containers"][0]["args"])
    config = of(documents("stable-2.8.1", line), "ConfigMap")["linkerd-config"]["data"]["global"]
    context = json.loads(config)["identityContext"]
    assert (context["issuanceLifetime"], context["trustDomain"]) == ("3600s", "mesh.local")


def test_set_and_values_files() -> None:
    bench = Bench("edge")
    bench.files.texts["mesh.yaml"] = "controllerReplicas: 2\nproxy:\n  logLevel: debug\n"
    sets = "--set controllerReplicas=4,proxy.await=false --set-string proxy.accessLog=1"
    line = f"install --ignore-cluster -f mesh.yaml {sets}"
    values = load_all(of(load_all(bench.run(line).stdout), "ConfigMap")["linkerd-config"]["data"]["values"])[
        0
    ]
    assert values["controllerReplicas"] == 4
    assert values["proxy"]["logLevel"] == "debug"
    assert values["proxy"]["await"] is False
    assert values["proxy"]["accessLog"] == "1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "install --set proxy.logLvel=debug",
            "Error: --set: the chart has no value proxy.logLvel (did you mean proxy.logLevel?)",
        ),
        ("install --set proxy", 'Error: failed parsing --set data: "proxy" is not of the form key=value'),
        ("install --set controllerReplicas=0", "Error: --controller-replicas must be at least 1"),
        ("install --set proxy.uid=root", "Error: ConfigMap linkerd-config: uid is 'root', not a number"),
        ("install -f nowhere.yaml", "Error: nowhere.yaml: no such file"),
        (
            "install --identity-issuer-key-file key.pem",
            "Error: --identity-issuer-key-file needs --identity-trust-anchors-file too",
        ),
        ("install --cluster-domain", "Error: flag needs an argument: --cluster-domain"),
    ],
)
def test_mistakes_get_one_line(line: str, message: str) -> None:
    done = Bench("edge").run(line + " --ignore-cluster" if not line.endswith("domain") else line)
    assert (done.stdout, done.status) == ("", 1)
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1


FILES = (
    "--identity-trust-anchors-file ca.crt --identity-issuer-certificate-file issuer.crt "
    "--identity-issuer-key-file issuer.key"
)


def certified(bench: Bench, *, days: float = 30) -> None:
    rng = bench.console.rng
    root = make_root("root.linkerd.cluster.local", rng, START, 365 * 86_400)
    name = "identity.linkerd.cluster.local"
    issuer = make_leaf(root, [name], rng, START, days * 86_400, authority=True)
    bench.files.texts |= {
        "ca.crt": root.cert_pem,
        "issuer.crt": issuer.cert_pem,
        "issuer.key": issuer.key_pem,
    }


@pytest.mark.parametrize("name", NAMES)
def test_certificates_of_ones_own(name: str) -> None:
    bench = Bench(name)
    certified(bench)
    done = bench.run(f"install --ignore-cluster {FILES}")
    assert done.status == 0, done.stderr
    found = load_all(done.stdout)
    secret = of(found, "Secret")["linkerd-identity-issuer"]["data"]
    assert base64.b64decode(secret["crt.pem"]).decode() == bench.files.texts["issuer.crt"]
    assert bench.files.texts["ca.crt"] == from_config(of(found, "ConfigMap")["linkerd-config"]).trust_anchors


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ca.crt", "the issuer's certificate is refused by the trust anchors: unknown authority"),
        ("issuer.key", "the issuer's key does not belong to its certificate"),
        ("issuer.crt", "the issuer cannot be read"),
    ],
)
def test_certificates_that_do_not_fit(name: str, text: str) -> None:
    bench = Bench("edge")
    certified(bench)
    other = make_root("other", bench.console.rng, START, 86_400)
    bench.files.texts[name] = {"ca.crt": other.cert_pem, "issuer.key": other.key_pem, "issuer.crt": "x"}[name]
    done = bench.run(f"install --ignore-cluster {FILES}")
    assert (done.stdout, done.status) == ("", 1)
    assert done.stderr.startswith(f"Error: {text}"), done.stderr
    assert done.stderr.count("\n") == 1


def test_an_expired_issuer_is_refused() -> None:
    bench = Bench("edge")
    certified(bench, days=1)
    bench.clock += 2 * 86_400
    assert "expired" in bench.run(f"install --ignore-cluster {FILES}").stderr


def test_edge_installs_in_the_right_order_only() -> None:
    bench = Bench("edge")
    gateway = [key for key in bench.kube.objects if "gateway" in key[2]]
    kept = {key: bench.kube.objects.pop(key) for key in gateway}
    assert "Gateway API CRDs are not installed" in bench.run("install --crds").stderr
    bring = bench.run("install --crds --set installGatewayAPI=true")
    assert {
        f"{kind}.gateway.networking.k8s.io" for kind in ("httproutes", "grpcroutes", "tcproutes", "tlsroutes")
    } <= set(of(load_all(bring.stdout), "CustomResourceDefinition"))
    bench.kube.objects |= kept
    assert "Linkerd CRDs must be installed first" in bench.run("install").stderr
    crds = bench.run("install --crds")
    assert crds.stderr.startswith("Rendering Linkerd CRDs...\n")
    bench.kube.apply(crds.stdout)
    assert "viz needs a Linkerd control plane" in bench.run("viz install").stderr
    done = bench.run("install")
    assert (done.stderr, done.status) == ("", 0)
    bench.kube.apply(done.stdout)
    assert "has already been installed" in bench.run("install").stderr
    bench.kube.apply(bench.run("viz install").stdout)
    assert "already installed in the linkerd-viz namespace" in bench.run("viz install").stderr


def test_2_8_1_refuses_to_install_over_what_is_there() -> None:
    bench = Bench("stable-2.8.1").install()
    assert "has already been installed" in bench.run("install").stderr
    bench.kube.drop("configmaps", "linkerd-config", "linkerd")
    done = bench.run("install")
    assert done.status == 1
    assert "clusterrole.rbac.authorization.k8s.io/linkerd-linkerd-identity" in done.stderr
    assert bench.run("install --ignore-cluster").status == 0


def test_the_heartbeat_runs_ten_minutes_after_the_time_of_installation() -> None:
    bench = Bench("edge")
    bench.clock = START + 55 * 60
    found = load_all(bench.run("install --ignore-cluster").stdout)
    assert of(found, "CronJob")["linkerd-heartbeat"]["spec"]["schedule"] == "5 10 * * *"
    assert of(found, "CronJob")["linkerd-heartbeat"]["apiVersion"] == "batch/v1"


def test_prometheus_scrapes_every_ten_seconds(installed: tuple[str, list[Obj]]) -> None:
    name, found = installed
    configs = of(found, "ConfigMap")
    text = configs["prometheus-config" if name == "edge" else "linkerd-prometheus-config"]["data"][
        "prometheus.yml"
    ]
    (config,) = load_all(text)
    assert config["global"]["scrape_interval"] == "10s"
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert {"prometheus", "kubernetes-nodes-cadvisor", "linkerd-controller", "linkerd-proxy"} <= set(jobs)
    keep = [rule for rule in jobs["linkerd-proxy"]["relabel_configs"] if rule.get("action") == "keep"][-1]
    assert keep["regex"] == "^linkerd-proxy;linkerd-admin;linkerd$"


def test_crds_describe_their_shape(installed: tuple[str, list[Obj]]) -> None:
    name, found = installed
    for item in of(found, "CustomResourceDefinition").values():
        spec = item["spec"]
        assert item["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
        versions = spec["versions"]
        assert [version["storage"] for version in versions].count(True) == 1
        schemas = [spec["validation"]] if name != "edge" else [version["schema"] for version in versions]
        for schema in schemas:
            assert "spec" in schema["openAPIV3Schema"]["properties"]


def test_the_stream_has_headings_and_no_empty_documents(installed: tuple[str, list[Obj]]) -> None:
    name, _ = installed
    text = Bench(name).run("install --ignore-cluster").stdout
    parts = re.split(r"^---\n", text, flags=re.MULTILINE)
    assert parts[0] == ""
    assert all("kind: " in part for part in parts[1:])
    assert sum(part.startswith("###\n### ") for part in parts[1:]) > 8
