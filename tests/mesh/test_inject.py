"""``linkerd inject`` and ``uninject``: golden manifests and reports, round trips, bad input.

The golden files are our own. ``UPDATE_GOLDEN=1 pytest tests/mesh/test_inject.py`` writes them anew; read the
difference before committing it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.cli.console import Console, Result
from mesh.cli.kube import KubeError, Reply
from mesh.cli.linkerd import linkerd
from mesh.control.config import from_config
from mesh.control.injection.workload import Workload
from mesh.control.injector import inject
from mesh.editions import edition
from mesh.yaml import dump, dump_all, load_all

Obj = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden" / "inject"
EDITIONS = ("stable-2.8.1", "edge")
ANCHORS = "-----BEGIN CERTIFICATE-----\nTm90IGEgcmVhbCBvbmU=\n-----END CERTIFICATE-----\n"
STABLE_CONFIG = {
    "kind": "ConfigMap",
    "metadata": {"name": "linkerd-config", "namespace": "linkerd"},
    "data": {"global": json.dumps({"identityContext": {"trustAnchorsPem": ANCHORS}}), "proxy": "{}"},
}
EDGE_CONFIG = {
    "kind": "ConfigMap",
    "metadata": {"name": "linkerd-config", "namespace": "linkerd"},
    "data": {"values": dump({"identityTrustAnchorsPEM": ANCHORS})},
}
CONFIGS = {"stable-2.8.1": STABLE_CONFIG, "edge": EDGE_CONFIG}


class Cluster:
    """A cluster that holds some ConfigMaps and nothing else."""

    def __init__(self, *config_maps: Obj) -> None:
        self.config_maps = {obj["metadata"]["name"]: obj for obj in config_maps}
        self.asked: list[str] = []

    def version(self) -> Obj:
        raise AssertionError("inject asks for no version")

    def get(self, resource: str, name: str, namespace: str | None = None) -> Obj:
        self.asked.append(f"{namespace}/{resource}/{name}")
        if resource == "configmaps" and name in self.config_maps:
            return self.config_maps[name]
        raise KubeError("NotFound", f'{resource} "{name}" not found', 404)

    def list(
        self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        raise AssertionError("inject lists nothing")

    def create(self, obj: Obj) -> Obj:
        raise AssertionError("inject creates nothing")

    def request(self, *_args: Any, **_more: Any) -> Reply:
        raise AssertionError("inject asks no pod")


def run(
    argv: list[str],
    stdin: str = "",
    *,
    name: str = "edge",
    files: Mapping[str, str] | None = None,
    cluster: Cluster | None = None,
) -> Result:
    known = files or {}

    def read(path: str) -> str:
        if path not in known:
            raise FileNotFoundError(f"open {path}: no such file or directory")
        return known[path]

    def listdir(path: str) -> list[str]:
        below = {f.removeprefix(path + "/").split("/")[0] for f in known if f.startswith(path + "/")}
        if path in known:
            raise NotADirectoryError(path)
        return sorted(below, reverse=True)

    console = Console(
        cluster if cluster is not None else Cluster(CONFIGS[name]),
        edition(name),
        lambda: 0.0,
        lambda _seconds: None,
        read,
        listdir,
        stdin,
    )
    return linkerd(argv, console)


def golden(file: str, text: str) -> None:
    path = GOLDEN / file
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


# -- golden ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITIONS)
@pytest.mark.parametrize("case", ["shop", "settings", "odd"])
@pytest.mark.parametrize("mode", ["auto", "manual"])
def test_golden(case: str, name: str, mode: str) -> None:
    source = (GOLDEN / f"{case}.input.yaml").read_text(encoding="utf-8")
    flags = ["--manual"] if mode == "manual" else []
    result = run(["inject", *flags, "-"], source, name=name)
    assert result.status == 0
    golden(f"{case}.{name}.{mode}.yaml", result.stdout)
    golden(f"{case}.{name}.{mode}.report", result.stderr)
    again = run(["inject", *flags, "-"], result.stdout, name=name)
    assert (again.stdout, again.stderr) == (result.stdout, result.stderr)


@pytest.mark.parametrize("name", EDITIONS)
def test_golden_refused(name: str) -> None:
    source = (GOLDEN / "refused.input.yaml").read_text(encoding="utf-8")
    result = run(["inject", "-", "--verbose"], source, name=name)
    golden(f"refused.{name}.report", result.stderr)
    if name == "edge":
        assert (result.status, result.stdout) == (1, "")
        assert result.stderr == (
            "Error transforming resources:\nfailed to inject deployment/on-the-host: hostNetwork is enabled\n"
            "failed to inject deployment/elsewhere: pod has a sidecar injected already\n"
        )
    else:
        assert result.status == 0
        assert load_all(result.stdout) == load_all(source)


def test_verbose_has_six_lines() -> None:
    source = (GOLDEN / "shop.input.yaml").read_text(encoding="utf-8")
    result = run(["inject", "-", "--verbose"], source)
    assert (
        result.stderr
        == """
√ pods do not use host networking
√ pods do not have a 3rd party proxy or initContainer already injected
√ pods are not annotated to disable injection
√ at least one resource can be injected or annotated
√ pod specs do not include UDP ports
√ pods do not have automountServiceAccountToken set to "false" or service account token projection is enabled

namespace "shop" annotated
deployment "front" injected
service "front" skipped
cronjob "tidy" injected

"""
    )


def test_the_tutorials_report() -> None:
    items = [
        {
            "kind": "Deployment",
            "metadata": {"name": n},
            "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}},
        }
        for n in ("emoji", "vote-bot", "voting", "web")
    ]
    source = dump({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}})
    result = run(["inject", "-"], source, name="stable-2.8.1")
    assert result.stderr == (
        '\ndeployment "emoji" injected\ndeployment "vote-bot" injected\n'
        'deployment "voting" injected\ndeployment "web" injected\n\n'
    )
    (found,) = load_all(result.stdout)
    for item in found["items"]:
        assert item["spec"]["template"]["metadata"]["annotations"] == {"linkerd.io/inject": "enabled"}


# -- flags -----------------------------------------------------------------------------------------------

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: x
        ports: [{containerPort: 8080, name: http}]
"""


def annotations(result: Result) -> dict[str, str]:
    assert result.status == 0, result.stderr
    found: dict[str, str] = load_all(result.stdout)[0]["spec"]["template"]["metadata"]["annotations"]
    return found


def test_flags_become_annotations_only_where_they_differ() -> None:
    flags = "--proxy-cpu-request 100m --admin-port=4191 --inbound-port 5143 --native-sidecar"
    flags += " --skip-inbound-ports 25"
    found = annotations(run(["inject", *flags.split(), "-"], DEPLOYMENT))
    assert found == {
        "config.linkerd.io/inbound-port": "5143",
        "config.linkerd.io/proxy-cpu-request": "100m",
        "config.linkerd.io/skip-inbound-ports": "25",
        "linkerd.io/inject": "enabled",
    }


def test_more_flags() -> None:
    flags = (
        "--ingress --enable-debug-sidecar --close-wait-timeout 1m --opaque-ports http --native-sidecar=false "
        "--wait-before-exit-seconds 3 --default-inbound-policy deny"
    )
    found = annotations(run(["inject", *flags.split(), "-"], DEPLOYMENT))
    assert found == {
        "config.alpha.linkerd.io/proxy-wait-before-exit-seconds": "3",
        "config.linkerd.io/close-wait-timeout": "60s",
        "config.linkerd.io/default-inbound-policy": "deny",
        "config.linkerd.io/enable-debug-sidecar": "true",
        "config.linkerd.io/opaque-ports": "http",
        "config.linkerd.io/proxy-enable-native-sidecar": "false",
        "linkerd.io/inject": "ingress",
    }
    manual = run(["inject", "--manual", *flags.split(), "-"], DEPLOYMENT)
    spec = load_all(manual.stdout)[0]["spec"]["template"]["spec"]
    assert [container["name"] for container in spec["containers"]] == [
        "linkerd-proxy",
        "web",
        "linkerd-debug",
    ]
    env = {variable["name"]: variable.get("value") for variable in spec["containers"][0]["env"]}
    assert env["LINKERD2_PROXY_INGRESS_MODE"] == "true"
    assert env["LINKERD2_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION"] == "8080"
    assert env["LINKERD2_PROXY_INBOUND_DEFAULT_POLICY"] == "deny"
    assert "linkerd.io/inject" not in annotations(manual)


def test_services_take_opaque_ports() -> None:
    service = "kind: Service\napiVersion: v1\nmetadata: {name: db}\n"
    result = run(["inject", "--opaque-ports", "3306", "-"], service)
    assert load_all(result.stdout)[0]["metadata"]["annotations"] == {"config.linkerd.io/opaque-ports": "3306"}
    assert result.stderr == '\nservice "db" annotated\n\n'
    plain = run(["inject", "-"], service)
    assert plain.stderr == '\n‼ no supported objects found\n\nservice "db" skipped\n\n'
    old = run(["inject", "--opaque-ports", "3306", "-"], service, name="stable-2.8.1")
    assert old.status == 1
    assert "unknown flag: --opaque-ports" in old.stderr


def test_json_output() -> None:
    result = run(["inject", "-o", "json", "-"], DEPLOYMENT)
    assert json.loads(result.stdout)["kind"] == "Deployment"
    assert load_all(run(["uninject", "-o", "json", "-"], result.stdout).stdout) == load_all(DEPLOYMENT)


# -- inputs ----------------------------------------------------------------------------------------------


def test_folders_are_read_in_order_with_a_report_each() -> None:
    files = {"dir/b.yml": DEPLOYMENT, "dir/a/z.yml": DEPLOYMENT.replace("web", "db")}
    result = run(["inject", "dir/"], files=files)
    assert [doc["metadata"]["name"] for doc in load_all(result.stdout)] == ["db", "web"]
    assert result.stderr == '\ndeployment "db" injected\n\n\ndeployment "web" injected\n\n'
    single = run(["inject", "dir/b.yml"], files=files)
    assert single.stderr == '\ndeployment "web" injected\n\n'


def test_urls_are_read() -> None:
    url = "https://run.linkerd.io/shop.yml"
    assert annotations(run(["inject", url], files={url: DEPLOYMENT})) == {"linkerd.io/inject": "enabled"}


@pytest.mark.parametrize("verb", ["inject", "uninject"])
@pytest.mark.parametrize("name", EDITIONS)
@pytest.mark.parametrize(
    ("argv", "stdin", "part"),
    [
        (["-"], "", "no Kubernetes objects in stdin"),
        (["-"], "# nothing\n---\n", "no Kubernetes objects in stdin"),
        (["-"], "a: [1", "error parsing stdin: line 1"),
        (["-"], "a: 1\na: 2", 'line 2: key "a" already set'),
        (["-"], "- 1", "document 1 is not an object: [1]"),
        (["-"], "kind: List\nitems: 3", "a List whose items are not objects"),
        (["nosuch.yml"], "", "open nosuch.yml: no such file or directory"),
        ([], "", "please specify one kubernetes resource file"),
        (["a", "b"], "", "please specify one kubernetes resource file"),
        (["--nosuch", "-"], DEPLOYMENT, "unknown flag: --nosuch"),
    ],
)
def test_bad_input(verb: str, name: str, argv: list[str], stdin: str, part: str) -> None:
    result = run([verb, *argv], stdin, name=name)
    assert result.status == 1
    assert result.stdout == ""
    assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) <= (2 if "List" in part else 1)


@pytest.mark.parametrize(
    ("flag", "part"),
    [
        ("--proxy-cpu-request=much", "not a quantity"),
        ("--default-inbound-policy=maybe", "not one of all-unauthenticated"),
        ("--admin-port=99999", "not a port"),
        ("--skip-inbound-ports=x", "is not a port"),
        ("--output=xml", "output"),
    ],
)
def test_bad_flags(flag: str, part: str) -> None:
    result = run(["inject", flag, "-"], DEPLOYMENT)
    assert result.status == 1
    assert result.stdout == ""
    assert part in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_configuration_comes_from_the_cluster() -> None:
    cluster = Cluster(EDGE_CONFIG)
    run(["inject", "-"], DEPLOYMENT, cluster=cluster)
    assert cluster.asked == ["linkerd/configmaps/linkerd-config"]
    nothing = run(["inject", "-"], DEPLOYMENT, cluster=Cluster())
    assert nothing.status == 1
    assert "linkerd-config not found in namespace linkerd" in nothing.stderr
    assert run(["inject", "--ignore-cluster", "-"], DEPLOYMENT, cluster=Cluster()).status == 0
    lost = run(["inject", "--ignore-cluster", "--manual", "-"], DEPLOYMENT, cluster=Cluster())
    assert "trust anchors" in lost.stderr
    other = run(["inject", "-"], DEPLOYMENT, cluster=Cluster(STABLE_CONFIG))
    assert "the cluster runs stable-2.8.1" in other.stderr


def test_trust_anchors_may_be_in_a_config_map_of_their_own() -> None:
    bare = {**EDGE_CONFIG, "data": {"values": "{}"}}
    roots = {"metadata": {"name": "linkerd-identity-trust-roots"}, "data": {"ca-bundle.crt": ANCHORS}}
    apart = run(["inject", "--manual", "-"], DEPLOYMENT, cluster=Cluster(bare, roots))
    assert apart.stdout == run(["inject", "--manual", "-"], DEPLOYMENT).stdout


def test_control_plane_components_need_manual() -> None:
    component = DEPLOYMENT.replace("app: web", "linkerd.io/control-plane-component: destination")
    result = run(["inject", "-"], component)
    assert result.status == 1
    assert "--manual must be set when injecting control plane components" in result.stderr
    manual = run(["inject", "--manual", "-"], component)
    assert manual.status == 0
    labels = load_all(manual.stdout)[0]["spec"]["template"]["metadata"]["labels"]
    assert labels["linkerd.io/control-plane-component"] == "destination"
    untouched = run(["uninject", "-"], manual.stdout)
    assert load_all(untouched.stdout) == load_all(manual.stdout)
    assert untouched.stderr == '\ndeployment "web" skipped\n\n'
    again = run(["inject", "--manual", "-"], manual.stdout)
    assert again.stdout == manual.stdout


def test_ignored_annotations_are_told_with_manual() -> None:
    source = DEPLOYMENT.replace(
        "{labels: {app: web}}", '{annotations: {config.linkerd.io/proxy-uid: "root"}}'
    )
    result = run(["inject", "--manual", "-"], source)
    assert "‼ deployment/web: annotation config.linkerd.io/proxy-uid: 'root' ignored" in result.stderr


# -- uninject --------------------------------------------------------------------------------------------


def test_uninject_reports_and_keeps_config() -> None:
    source = DEPLOYMENT.replace("{labels: {app: web}}", "{annotations: {config.linkerd.io/proxy-uid: '7'}}")
    injected = run(
        ["inject", "--manual", "-"], source + "---\nkind: Secret\nmetadata: {name: s}\n---\na: b\n"
    )
    result = run(["uninject", "-"], injected.stdout)
    assert load_all(result.stdout)[0] == load_all(source)[0]
    assert result.stderr == (
        '\ndeployment "web" uninjected\nsecret "s" skipped\ndocument missing "kind" field, skipped\n\n'
    )
    assert run(["uninject", "-"], result.stdout).stderr.startswith('\ndeployment "web" skipped')


def test_uninject_keeps_a_refusal() -> None:
    refusing = DEPLOYMENT.replace("{labels: {app: web}}", "{annotations: {linkerd.io/inject: disabled}}")
    assert load_all(run(["uninject", "-"], refusing).stdout) == load_all(refusing)


# -- properties ------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
MARKS = st.dictionaries(
    st.sampled_from(["app", "team", "config.linkerd.io/proxy-uid", "example.com/x"]),
    st.sampled_from(["1", "web"]),
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "image": NAMES},
        optional={
            "ports": st.lists(st.fixed_dictionaries({"containerPort": st.integers(1, 65535)}), max_size=2),
            "env": st.lists(
                st.fixed_dictionaries({"name": NAMES, "value": st.text("a:\n1 #", max_size=6)}), max_size=2
            ),
        },
    ),
    min_size=1,
    max_size=3,
)


def _template(metadata: Obj | None, spec: Obj) -> Obj:
    return {"spec": spec} if metadata is None else {"metadata": metadata, "spec": spec}


METADATA = st.none() | st.fixed_dictionaries(
    {}, optional={"labels": MARKS.filter(bool), "annotations": MARKS.filter(bool)}
).filter(bool)
TEMPLATES = st.builds(
    _template,
    METADATA,
    st.fixed_dictionaries(
        {"containers": CONTAINERS},
        optional={
            "initContainers": CONTAINERS,
            "volumes": st.lists(st.fixed_dictionaries({"name": NAMES}), min_size=1, max_size=2),
            "serviceAccountName": NAMES,
            "automountServiceAccountToken": st.just(True),
        },
    ),
)


def _workload(kind: str, name: str, template: Obj) -> Obj:
    spec: Obj = {"template": template}
    if kind == "CronJob":
        spec = {"schedule": "@daily", "jobTemplate": {"spec": spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


WORKLOADS = st.builds(
    _workload, st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"]), NAMES, TEMPLATES
)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def normal(obj: Any) -> Any:
    """Without metadata that became empty: Linkerd leaves ``metadata: {}`` behind."""
    if isinstance(obj, dict):
        return {key: normal(value) for key, value in obj.items() if not (key == "metadata" and not value)}
    return [normal(item) for item in obj] if isinstance(obj, list) else obj


@SLOW
@given(st.lists(WORKLOADS, min_size=1, max_size=3), st.sampled_from(EDITIONS), st.booleans())
def test_uninject_undoes_inject_and_injecting_twice_changes_nothing(
    workloads: list[Obj], name: str, manual: bool
) -> None:
    flags = ["--manual"] if manual else []
    source = dump_all(workloads)
    once = run(["inject", *flags, "-"], source, name=name)
    assert once.status == 0, once.stderr
    assert run(["inject", *flags, "-"], once.stdout, name=name).stdout == once.stdout
    undone = run(["uninject", "-"], once.stdout, name=name)
    assert normal(load_all(undone.stdout)) == workloads
    listed = dump({"apiVersion": "v1", "kind": "List", "items": workloads})
    as_list = run(["inject", *flags, "-"], listed, name=name)
    assert load_all(as_list.stdout)[0]["items"] == load_all(once.stdout)


@SLOW
@given(WORKLOADS, st.sampled_from(EDITIONS))
def test_the_webhooks_patch_makes_the_same_pod_as_manual(workload: Obj, name: str) -> None:
    manual = run(["inject", "--manual", "-"], dump(workload), name=name)
    expected: Any = load_all(manual.stdout)[0]
    template: Any = workload
    for key in Workload.of(workload).path:
        expected, template = expected[key], template[key]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    owner = (workload["kind"].lower(), workload["metadata"]["name"])
    found = Workload.of(pod, owner, "shop")
    version = edition(name).version
    ops, _ = inject(found, {}, from_config(CONFIGS[name]), f"linkerd/cli {version}")
    patched = jsonpatch.apply_patch(pod, json.loads(json.dumps(ops)))
    assert patched == {"apiVersion": "v1", "kind": "Pod", **expected}
