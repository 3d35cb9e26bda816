"""What ``linkerd check`` prints, how it retries, and that every check really looks."""

import json
from contextlib import nullcontext

import pytest

from mesh.cli.checks.catalogue import plan
from mesh.cli.checks.model import CheckContext, CheckError
from mesh.editions import EDITIONS
from tests.mesh.fake_kube import Bench

PRE_281 = """kubernetes-api
--------------
√ can initialize the client
√ can query the Kubernetes API

kubernetes-version
------------------
√ is running the minimum Kubernetes API version
√ is running the minimum kubectl version

pre-kubernetes-setup
--------------------
√ control plane namespace does not already exist
√ can create non-namespaced resources
√ can create ServiceAccounts
√ can create Services
√ can create Deployments
√ can create CronJobs
√ can create ConfigMaps
√ can create Secrets
√ can read Secrets
√ can read extension-apiserver-authentication configmap
√ no clock skew detected

pre-kubernetes-capability
-------------------------
√ has NET_ADMIN capability
√ has NET_RAW capability

linkerd-version
---------------
√ can determine the latest version
√ cli is up-to-date

Status check results are √
"""
DEFAULT_281 = """kubernetes-api
--------------
√ can initialize the client
√ can query the Kubernetes API

kubernetes-version
------------------
√ is running the minimum Kubernetes API version
√ is running the minimum kubectl version

linkerd-existence
-----------------
√ 'linkerd-config' config map exists
√ heartbeat ServiceAccount exist
√ control plane replica sets are ready
√ no unschedulable pods
√ controller pod is running
√ can initialize the client
√ can query the control plane API

linkerd-config
--------------
√ control plane Namespace exists
√ control plane ClusterRoles exist
√ control plane ClusterRoleBindings exist
√ control plane ServiceAccounts exist
√ control plane CustomResourceDefinitions exist
√ control plane MutatingWebhookConfigurations exist
√ control plane ValidatingWebhookConfigurations exist
√ control plane PodSecurityPolicies exist

linkerd-identity
----------------
√ certificate config is valid
√ trust anchors are using supported crypto algorithm
√ trust anchors are within their validity period
√ trust anchors are valid for at least 60 days
√ issuer cert is using supported crypto algorithm
√ issuer cert is within its validity period
√ issuer cert is valid for at least 60 days
√ issuer cert is issued by the trust anchor

linkerd-api
-----------
√ control plane pods are ready
√ control plane self-check
√ [kubernetes] control plane can talk to Kubernetes
√ [prometheus] control plane can talk to Prometheus
√ tap api service is running

linkerd-version
---------------
√ can determine the latest version
√ cli is up-to-date

control-plane-version
---------------------
√ control plane is up-to-date
√ control plane and cli versions match

linkerd-addons
--------------
√ 'linkerd-config-addons' config map exists

linkerd-grafana
---------------
√ grafana add-on service account exists
√ grafana add-on config map exists
√ grafana pod is running

Status check results are √
"""
NAMES = [edition.name for edition in EDITIONS]


def test_the_tutorials_pre_check() -> None:
    done = Bench("stable-2.8.1").run("check --pre")
    assert (done.stdout, done.stderr, done.status) == (PRE_281, "", 0)


def test_the_tutorials_check() -> None:
    done = Bench("stable-2.8.1").install().run("check")
    assert (done.stdout, done.stderr, done.status) == (DEFAULT_281, "", 0)


def test_edge_categories_in_order_and_all_well() -> None:
    done = Bench("edge").install().run("check -o json")
    result = json.loads(done.stdout)
    assert result["success"] is True
    assert [category["categoryName"] for category in result["categories"]] == [
        "kubernetes-api",
        "kubernetes-version",
        "gateway-api-crd",
        "linkerd-existence",
        "linkerd-config",
        "linkerd-identity",
        "linkerd-webhooks-and-apisvc-tls",
        "linkerd-version",
        "control-plane-version",
        "linkerd-control-plane-proxy",
        "linkerd-extension-checks",
        "linkerd-viz",
    ]
    checks = [check for category in result["categories"] for check in category["checks"]]
    assert {check["result"] for check in checks} == {"success"}
    assert len(checks) == 57


def test_edge_leaves_viz_out_when_it_is_not_installed() -> None:
    bench = Bench("edge").install(viz=False)
    done = bench.run("check")
    assert done.status == 0
    assert "linkerd-viz" not in done.stdout
    alone = bench.run("viz check --wait 0s")
    assert alone.status == 1
    assert "× linkerd-viz Namespace exists" in alone.stdout


@pytest.mark.parametrize("name", NAMES)
def test_proxy_mode_omits_the_control_plane_version(name: str) -> None:
    done = Bench(name).install().meshed_app().run("check --proxy -n app --wait 0s")
    assert done.status == 0, done.stdout
    assert "control-plane-version" not in done.stdout
    assert "√ data plane proxies certificate match CA\n" in done.stdout
    assert "√ data plane proxies are ready\n" in done.stdout
    assert "√ data plane proxy metrics are present in Prometheus\n" in done.stdout


def test_short_output_of_a_healthy_cluster_is_the_verdict_alone() -> None:
    done = Bench("stable-2.8.1").install().run("check -o short")
    assert done.stdout == "Status check results are √\n"


def test_a_fatal_failure_ends_the_run() -> None:
    bench = Bench("stable-2.8.1").install()
    bench.kube.drop("configmaps", "linkerd-config", "linkerd")
    done = bench.run("check")
    assert done.status == 1
    assert done.stdout.endswith(
        "linkerd-existence\n"
        "-----------------\n"
        "× 'linkerd-config' config map exists\n"
        '    configmaps "linkerd-config" not found\n'
        "    see https://linkerd.io/checks/#l5d-existence-linkerd-config for hints\n"
        "\n"
        "Status check results are ×\n"
    )


def test_a_warning_changes_neither_verdict_nor_status() -> None:
    bench = Bench("stable-2.8.1")
    bench.files.texts["https://versioncheck.linkerd.io/version.json"] = '{"stable": "stable-2.8.2"}'
    done = bench.run("check --pre -o short")
    assert done.status == 0
    assert done.stdout == (
        "linkerd-version\n"
        "---------------\n"
        "‼ cli is up-to-date\n"
        "    is running version 2.8.1 but the latest stable version is 2.8.2\n"
        "    see https://linkerd.io/checks/#l5d-version-cli for hints\n"
        "\n"
        "Status check results are √\n"
    )


def test_json_of_a_failure() -> None:
    bench = Bench("edge")
    bench.kube.git_version = "v1.30.1"
    done = bench.run("check --pre -o json")
    result = json.loads(done.stdout)
    assert (result["success"], done.status) == (False, 1)
    assert result["categories"][1] == {
        "categoryName": "kubernetes-version",
        "checks": [
            {
                "description": "is running the minimum Kubernetes API version",
                "hint": "https://linkerd.io/2/checks/#k8s-version",
                "error": "Kubernetes is on version [1.30.1], but version [1.31.0] or more recent is required",
                "result": "error",
            }
        ],
    }


def test_retries_every_five_seconds_until_it_is_well() -> None:
    bench = Bench("stable-2.8.1").install()
    bench.kube.scale("linkerd-controller", 0)
    began = bench.clock
    plain = bench.console.sleep

    def sleep(seconds: float) -> None:
        plain(seconds)
        if bench.clock - began > 59:
            bench.kube.scale("linkerd-controller", 1)

    bench.console.sleep = sleep
    assert bench.run("check").stdout == DEFAULT_281
    assert bench.clock - began == pytest.approx(60, abs=0.5)


def test_waits_no_longer_than_asked() -> None:
    bench = Bench("stable-2.8.1").install()
    bench.kube.scale("linkerd-controller", 0)
    began = bench.clock
    done = bench.run("check --wait 42s")
    assert done.status == 1
    assert '× controller pod is running\n    No running pods for "linkerd-controller"\n' in done.stdout
    assert 35 < bench.clock - began <= 42
    assert "linkerd-config\n" not in done.stdout


def test_an_expected_version_is_believed() -> None:
    bench = Bench("stable-2.8.1")
    assert "√ cli is up-to-date" in bench.run("check --pre --expected-version stable-2.8.1").stdout
    done = bench.run("check --pre --expected-version edge-20.7.1")
    assert "mismatched channels: running stable-2.8.1 but retrieved edge-20.7.1" in done.stdout
    assert bench.files.reads == []


def test_the_cni_plugin_needs_no_capabilities() -> None:
    done = Bench("stable-2.8.1").run("check --pre --linkerd-cni-enabled")
    assert done.status == 0
    assert "pre-kubernetes-capability" not in done.stdout


def test_contrary_flags() -> None:
    done = Bench("edge").run("check --pre --crds")
    assert (done.stdout, done.status) == ("", 1)
    assert done.stderr == "Error: --pre and --crds flags are mutually exclusive; see linkerd check --help\n"


def _every_check() -> list[tuple[str, str, str]]:
    found: dict[tuple[str, str, str], None] = {}
    for edition in EDITIONS:
        for mode in edition.checks:
            for category, checks in plan(edition, mode):
                for check in checks:
                    found[edition.name, category, check.description] = None
    return list(found)


@pytest.mark.parametrize(("name", "category", "description"), _every_check())
def test_every_check_looks(name: str, category: str, description: str) -> None:
    """Run alone, a check asks the cluster, a pod or the version document; one the operator's machine."""
    bench = Bench(name).install("--ha").meshed_app()
    bench.kube.calls.clear()
    (check,) = [
        check
        for mode in bench.edition.checks
        for found, checks in plan(bench.edition, mode)
        if found == category
        for check in checks
        if check.description == description
    ][:1]
    bench.console.looked = False
    expected = {
        "control plane namespace does not already exist": CheckError,
        "pod injection disabled on kube-system": CheckError,
    }.get(description)
    with pytest.raises(expected) if expected else nullcontext():
        check.run(CheckContext(bench.console, data_plane_namespace="app"))
    if description == "is running the minimum kubectl version":
        # kubectl is a program on the operator's machine: no cluster knows its version.
        assert bench.console.looked
    elif category == "linkerd-version":
        assert bench.files.reads == ["https://versioncheck.linkerd.io/version.json"]
    else:
        assert bench.kube.calls


@pytest.mark.parametrize(("name", "category", "description"), _every_check())
def test_no_check_is_well_when_nothing_answers(name: str, category: str, description: str) -> None:
    bench = Bench(name).install().meshed_app()
    bench.kube.down = True
    bench.files.texts.clear()
    bench.console.kubectl_version = "v1.2.0"
    (check,) = [
        check
        for mode in bench.edition.checks
        for found, checks in plan(bench.edition, mode)
        if found == category
        for check in checks
        if check.description == description
    ][:1]
    with pytest.raises(CheckError):
        check.run(CheckContext(bench.console, data_plane_namespace="app", lenient_viz=False))


def test_every_edition_knows_its_checks() -> None:
    for edition in EDITIONS:
        for mode in edition.checks:
            anchors = [check.anchor for _, checks in plan(edition, mode) for check in checks]
            assert all(anchors), (edition.name, mode)
