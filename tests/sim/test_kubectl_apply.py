"""``kubectl apply``: three states meet. Also create, replace and diff of the same manifests."""

import random
from typing import Any

import pytest

from mesh.yaml import dump, load_all
from sim.cluster.api.objects import clone
from sim.cluster.api.patch import merge_patch, strategic_merge
from sim.cluster.api.schema.fields import Schema
from sim.shell.kubectl.writing.merge import (
    LAST_APPLIED,
    annotated,
    last_applied,
    three_way_merge,
    three_way_strategic,
)
from tests.sim.kubectl_harness import MANIFEST, KubectlBench, document

Obj = dict[str, Any]


@pytest.fixture
def bench() -> KubectlBench:
    return KubectlBench()


def env_of(bench: KubectlBench, container: int = 0) -> dict[str, str]:
    spec = bench.get("deploy", "web")["spec"]["template"]["spec"]
    return {one["name"]: one.get("value", "") for one in spec["containers"][container].get("env") or []}


# -- what is printed -------------------------------------------------------------------------------------


def test_created_unchanged_configured(bench: KubectlBench) -> None:
    assert bench.apply(MANIFEST) == "deployment.apps/web created\nservice/web-svc created\n"
    before = bench.api.resource_version
    assert bench.apply(MANIFEST) == "deployment.apps/web unchanged\nservice/web-svc unchanged\n"
    assert bench.api.resource_version == before
    changed = MANIFEST.replace("example/web:v1", "example/web:v2")
    assert bench.apply(changed) == "deployment.apps/web configured\nservice/web-svc unchanged\n"


def test_last_applied_is_the_file(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    stored = bench.get("deploy", "web")
    text = stored["metadata"]["annotations"][LAST_APPLIED]
    assert text.endswith("}\n")
    assert ": " not in text
    wanted = next(iter(load_all(MANIFEST)))
    wanted["metadata"]["annotations"] = {}
    assert last_applied(stored) == wanted


def test_dry_runs_store_nothing(bench: KubectlBench) -> None:
    before = bench.api.resource_version
    for mode, words in (("client", " (dry run)"), ("server", " (server dry run)")):
        result = bench.kubectl(f"apply -f - --dry-run={mode}", MANIFEST)
        assert result.stdout == f"deployment.apps/web created{words}\nservice/web-svc created{words}\n"
    assert bench.api.resource_version == before
    bench.apply(MANIFEST)
    before = bench.api.resource_version
    result = bench.kubectl("apply -f - --dry-run=server", MANIFEST.replace(":v1", ":v2"))
    assert result.stdout.startswith("deployment.apps/web configured (server dry run)\n")
    assert bench.api.resource_version == before


def test_output_forms(bench: KubectlBench) -> None:
    result = bench.kubectl("apply -f - -o name", MANIFEST)
    assert result.stdout == "deployment.apps/web\nservice/web-svc\n"
    made = bench.kubectl("apply -f - -o jsonpath={.spec.replicas}", MANIFEST.split("---")[0])
    assert made.stdout == "2"


def test_namespace_of_the_context_and_of_the_flag(bench: KubectlBench) -> None:
    plain = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n"
    bench.apply(plain)
    assert bench.get("cm", "c")["metadata"]["namespace"] == "shop"
    bench.out("kubectl create ns other")
    assert bench.kubectl("apply -n other -f -", plain).status == 0
    assert bench.get("cm", "c", "other")["metadata"]["name"] == "c"
    error = bench.error("apply -n other -f -", plain + "  namespace: shop\n")
    assert "does not match the namespace" in error


# -- the merge -------------------------------------------------------------------------------------------


def test_a_field_that_left_the_file_is_deleted(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    bench.apply(MANIFEST.replace('        - name: B\n          value: "2"\n', ""))
    assert env_of(bench) == {"A": "1"}


def test_what_others_set_stays(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    bench.out("kubectl set env deploy/web C=3 -c web")
    bench.out("kubectl scale deploy/web --replicas=5")
    bench.out("kubectl label deploy/web extra=yes")
    bench.apply(MANIFEST.replace("  replicas: 2\n", "  minReadySeconds: 3\n"))
    stored = bench.get("deploy", "web")
    assert env_of(bench) == {"A": "1", "B": "2", "C": "3"}
    assert stored["metadata"]["labels"] == {"app": "web", "extra": "yes"}
    # replicas were in the file before and are no longer: apply deletes them, and the default is 1.
    assert stored["spec"]["replicas"] == 1
    assert stored["spec"]["minReadySeconds"] == 3


def test_replicas_that_were_never_in_the_file_stay(bench: KubectlBench) -> None:
    text = MANIFEST.replace("  replicas: 2\n", "")
    bench.apply(text)
    bench.out("kubectl scale deploy/web --replicas=5")
    assert "deployment.apps/web unchanged" in bench.apply(text)
    assert bench.get("deploy", "web")["spec"]["replicas"] == 5


def test_the_file_wins_over_the_cluster(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    bench.out("kubectl set env deploy/web A=9 -c web")
    bench.apply(MANIFEST)
    assert env_of(bench)["A"] == "1"


def test_order_of_lists_follows_the_file(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    obj = next(iter(load_all(MANIFEST)))
    containers = obj["spec"]["template"]["spec"]["containers"]
    containers.reverse()
    bench.apply(dump(obj))
    stored = bench.get("deploy", "web")["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in stored] == ["side", "web"]


def test_a_container_that_left_the_file_goes_and_a_new_one_comes(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    obj = next(iter(load_all(MANIFEST)))
    containers = obj["spec"]["template"]["spec"]["containers"]
    containers[1] = {"name": "new", "image": "example/new:v1"}
    bench.apply(dump(obj))
    stored = bench.get("deploy", "web")["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in stored] == ["web", "new"]


def test_strategy_retains_only_the_keys_of_the_file(bench: KubectlBench) -> None:
    rolling = "  strategy:\n    type: RollingUpdate\n    rollingUpdate:\n      maxSurge: 2\n"
    bench.apply(MANIFEST.replace("  replicas: 2\n", "  replicas: 2\n" + rolling))
    bench.apply(MANIFEST.replace("  replicas: 2\n", "  replicas: 2\n  strategy:\n    type: Recreate\n"))
    assert bench.get("deploy", "web")["spec"]["strategy"] == {"type": "Recreate"}


def test_an_object_nobody_applied_gets_its_annotation_with_a_warning(bench: KubectlBench) -> None:
    bench.kubectl("create -f -", MANIFEST)
    result = bench.kubectl("apply -f -", MANIFEST)
    assert result.status == 0
    assert result.stdout == "deployment.apps/web configured\nservice/web-svc configured\n"
    assert (
        "Warning: resource deployments/web is missing the kubectl.kubernetes.io/last-applied" in result.stderr
    )
    assert last_applied(bench.get("deploy", "web")) is not None


def test_get_yaml_edited_and_applied_again(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    bench.files.write("saved.yaml", bench.out("kubectl get deploy -o yaml"))
    text = bench.files.read("saved.yaml").replace("example/web:v1", "example/web:v2")
    assert bench.apply(text) == "deployment.apps/web configured\n"
    containers = bench.get("deploy", "web")["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "example/web:v2"
    error = bench.error("apply -f -", text.replace("example/web:v2", "example/web:v3"))
    assert error.startswith(
        'Error from server (Conflict): error when applying patch for: "STDIN": Operation cannot'
    )


CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  scope: Namespaced
  names:
    plural: widgets
    singular: widget
    kind: Widget
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            x-kubernetes-preserve-unknown-fields: true
    additionalPrinterColumns:
    - name: Size
      type: integer
      jsonPath: .spec.size
    - name: Note
      type: string
      jsonPath: .spec.note
      priority: 1
"""
WIDGET = """\
apiVersion: example.com/v1
kind: Widget
metadata:
  name: w
spec:
  size: 3
  note: hi
  list: [1, 2]
"""


def test_custom_resources_merge_lists_whole(bench: KubectlBench) -> None:
    bench.apply(CRD)
    assert bench.apply(WIDGET) == "widget.example.com/w created\n"
    assert bench.apply(WIDGET) == "widget.example.com/w unchanged\n"
    bench.out('kubectl patch widget w --type=merge -p \'{"spec":{"extra":1}}\'')
    assert bench.apply(WIDGET.replace("[1, 2]", "[2]").replace("  note: hi\n", "")) == (
        "widget.example.com/w configured\n"
    )
    assert bench.get("widgets", "w")["spec"] == {"size": 3, "list": [2], "extra": 1}
    assert bench.out("kubectl get widgets") == "NAME   SIZE\nw      3\n"
    assert bench.out("kubectl get widgets -o wide") == "NAME   SIZE   NOTE\nw      3      \n"


def test_kinds_that_the_same_files_define(bench: KubectlBench) -> None:
    """As in life: the definition is applied, its objects wait for the next run."""
    result = bench.kubectl("apply -f -", CRD + "---\n" + WIDGET)
    assert result.status == 1
    assert result.stdout == "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created\n"
    assert "ensure CRDs are installed first" in result.stderr
    assert bench.apply(CRD + "---\n" + WIDGET).endswith("widget.example.com/w created\n")


def test_force_recreates_what_cannot_be_changed(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    uid = bench.get("deploy", "web")["metadata"]["uid"]
    moved = MANIFEST.replace("app: web", "app: other")
    assert 'The Deployment "web" is invalid: spec.selector' in bench.kubectl("apply -f -", moved).stderr
    assert bench.kubectl("apply --force -f -", moved).status == 0
    assert bench.get("deploy", "web")["metadata"]["uid"] != uid


def test_server_side(bench: KubectlBench) -> None:
    result = bench.kubectl("apply --server-side -f -", MANIFEST)
    assert result.stdout == "deployment.apps/web serverside-applied\nservice/web-svc serverside-applied\n"
    assert LAST_APPLIED not in bench.get("deploy", "web")["metadata"].get("annotations", {})


# -- files -----------------------------------------------------------------------------------------------


def test_folders_lists_and_json(bench: KubectlBench) -> None:
    one, two = MANIFEST.split("---\n")
    bench.files.write("all/one.yaml", one)
    bench.files.write("all/two.yml", two)
    bench.files.write("all/readme.txt", "no manifest")
    bench.files.write("all/deeper/cm.json", '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}')
    assert bench.out("kubectl apply -f all") == "deployment.apps/web created\nservice/web-svc created\n"
    assert bench.out("kubectl apply -f all/ -R").splitlines()[0] == "configmap/c created"
    listed = dump({"apiVersion": "v1", "kind": "List", "items": list(load_all(MANIFEST))})
    assert bench.apply(listed) == "deployment.apps/web unchanged\nservice/web-svc unchanged\n"


BAD = (
    ("", "error: no objects passed to apply"),
    ("---\n---\n", "error: no objects passed to apply"),
    ("a: b\n", 'error: error validating "STDIN": error validating data: apiVersion not set, kind not set in'),
    ("hello\n", 'error: error parsing STDIN: expected an object with apiVersion and kind, found "hello"'),
    ("kind: Pod\nmetadata: {name: x}\n", 'error validating data: apiVersion not set in the object named "x"'),
    ("apiVersion: v1\nkind: Pod\nmetadata: []\n", "metadata must be an object"),
    ("apiVersion: v1\nkind: Pod\n", "resource name may not be empty"),
    ("apiVersion: v1\nkind: Foo\nmetadata: {name: x}\n", 'no matches for kind "Foo" in version "v1"'),
    ("a: [b\n", "error: error parsing STDIN: line 1:"),
    ("a: 1\na: 2\n", 'key "a" already set in map'),
    (MANIFEST + "---\na: [\n", "error: error parsing STDIN: line"),
    (MANIFEST + "---\napiVersion: v1\nkind: Foo\nmetadata: {name: x}\n", 'no matches for kind "Foo"'),
    (
        MANIFEST.replace("targetPort", "targetPorts"),
        'error: error validating "STDIN": error validating data:',
    ),
    (MANIFEST.replace("replicas: 2", "replicaz: 2"), "replicaz"),
    (MANIFEST.replace("replicas: 2", "replicas: two"), 'error validating "STDIN"'),
)


@pytest.mark.parametrize(("text", "error"), BAD)
def test_bad_input_changes_nothing(bench: KubectlBench, text: str, error: str) -> None:
    line = bench.error("apply -f -", text or "# nothing\n")
    assert error in line


def test_an_unknown_field_passes_when_asked_to(bench: KubectlBench) -> None:
    text = MANIFEST.replace("replicas: 2", "replicaz: 2")
    assert "--validate=false" in bench.error("apply -f -", text)


def test_lists_without_their_key(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    error = bench.error(
        "apply -f - --validate=false", MANIFEST.replace("      - name: side\n        image", "      - image")
    )
    assert "does not contain declared merge key: name" in error


def test_missing_files_and_words(bench: KubectlBench) -> None:
    assert bench.error("apply") == "error: must specify one of -f and -k"
    assert bench.error("apply -f nope.yaml") == 'error: the path "nope.yaml" does not exist'
    assert bench.error("apply web") == "error: Unexpected args: [web]; objects are given with -f"
    assert "not supported here" in bench.error("apply -k folder")
    assert "--prune is not supported here" in bench.error("apply -f - --prune", MANIFEST)
    assert "cannot be used for multiple" in bench.error("apply -f - -f -", MANIFEST)


# -- create, replace, diff -------------------------------------------------------------------------------


def test_create_refuses_what_exists(bench: KubectlBench) -> None:
    assert (
        bench.kubectl("create -f -", MANIFEST).stdout
        == "deployment.apps/web created\nservice/web-svc created\n"
    )
    before = bench.api.resource_version
    result = bench.kubectl("create -f -", MANIFEST)
    assert result.status == 1
    doing = 'Error from server (AlreadyExists): error when creating "STDIN":'
    assert result.stderr.splitlines()[0] == f'{doing} deployments.apps "web" already exists'
    assert bench.api.resource_version == before


def test_replace_goes_back_to_defaults(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    address = bench.get("svc", "web-svc")["spec"]["clusterIP"]
    result = bench.kubectl("replace -f -", MANIFEST.replace("  replicas: 2\n", ""))
    assert result.stdout == "deployment.apps/web replaced\nservice/web-svc replaced\n"
    assert bench.get("deploy", "web")["spec"]["replicas"] == 1
    assert bench.get("svc", "web-svc")["spec"]["clusterIP"] == address
    assert "not found" in bench.error(
        "replace -f -", MANIFEST.replace("name: web\n", "name: other\n", 1).split("---")[0]
    )


def test_diff(bench: KubectlBench) -> None:
    bench.apply(MANIFEST)
    assert bench.kubectl("diff -f -", MANIFEST).status == 0
    before = bench.api.resource_version
    result = bench.kubectl("diff -f -", MANIFEST.replace("replicas: 2", "replicas: 3"))
    assert result.status == 1
    assert "-  replicas: 2\n+  replicas: 3\n" in result.stdout
    assert result.stdout.startswith(
        "diff -u -N LIVE/apps.v1.Deployment.shop.web MERGED/apps.v1.Deployment.shop.web\n"
    )
    assert bench.api.resource_version == before


# -- properties ------------------------------------------------------------------------------------------

SCHEMA = Schema()


def random_deployment(rng: random.Random) -> Obj:
    def container(name: str) -> Obj:
        made: Obj = {"name": name, "image": f"{name}:{rng.randint(1, 3)}"}
        env = [
            {"name": key, "value": str(rng.randint(0, 2))} for key in rng.sample("ABCD", rng.randint(0, 3))
        ]
        if env:
            made["env"] = env
        if rng.random() < 0.5:
            made["args"] = [str(rng.randint(0, 3)) for _ in range(rng.randint(1, 3))]
        return made

    containers = [container(name) for name in rng.sample(("web", "side", "log"), rng.randint(1, 3))]
    labels = {key: str(rng.randint(0, 1)) for key in rng.sample(("a", "b", "c"), rng.randint(1, 3))}
    spec: Obj = {"template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}
    if rng.random() < 0.5:
        spec["replicas"] = rng.randint(1, 3)
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def by_name(value: Any) -> Any:
    """The value with keyed lists as mappings, so that order does not matter."""
    if isinstance(value, dict):
        return {key: by_name(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        return {one["name"]: by_name(one) for one in value}
    return value


def wanted_state(original: Any, modified: Any, current: Any) -> Any:
    """Three-way merge by its definition, over mappings."""
    if not isinstance(modified, dict) or not isinstance(current, dict):
        return modified
    before = original if isinstance(original, dict) else {}
    result = {key: value for key, value in current.items() if key in modified or key not in before}
    for key, value in modified.items():
        result[key] = wanted_state(before.get(key), value, current.get(key))
    return result


@pytest.mark.parametrize("seed", range(200))
def test_three_way_strategic_by_definition(seed: int) -> None:
    rng = random.Random(seed)
    original, modified, current = (random_deployment(rng) for _ in range(3))
    patch = three_way_strategic(SCHEMA, original, modified, current)
    result = strategic_merge(SCHEMA, current, patch)
    expected = wanted_state(by_name(original), by_name(modified), by_name(current))
    assert by_name(result) == expected
    names = [one["name"] for one in modified["spec"]["template"]["spec"]["containers"]]
    order = [one["name"] for one in result["spec"]["template"]["spec"]["containers"] if one["name"] in names]
    assert order == names
    assert three_way_strategic(SCHEMA, modified, modified, clone(modified)) == {}


@pytest.mark.parametrize("seed", range(100))
def test_three_way_merge_by_definition(seed: int) -> None:
    rng = random.Random(seed)
    original, modified, current = (random_deployment(rng) for _ in range(3))
    result = merge_patch(current, three_way_merge(original, modified, current))
    assert result == wanted_state(original, modified, current)


def test_annotated_leaves_its_argument_alone() -> None:
    obj = document("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  annotations:\n    a: <b>\n")
    kept = clone(obj)
    made = annotated(obj)
    assert obj == kept
    assert "\\u003cb\\u003e" in made["metadata"]["annotations"][LAST_APPLIED]
    assert last_applied(made) == kept
