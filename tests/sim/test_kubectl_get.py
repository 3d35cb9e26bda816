"""``kubectl get``: which objects, in which form; templates and paths. Golden files are our own output."""

from pathlib import Path
from typing import Any

import pytest

from mesh.yaml import load_all
from sim.shell.kubectl.printing.gotemplate import TemplateError, render_go
from sim.shell.kubectl.printing.jsonpath import JsonPathError, find, parse_path
from sim.shell.kubectl.printing.templates import parse_template, render
from tests.sim.kubectl_harness import MANIFEST, KubectlBench, document

GOLDEN = Path(__file__).parent / "golden" / "kubectl"


@pytest.fixture
def bench() -> KubectlBench:
    made = KubectlBench()
    made.apply(MANIFEST)
    made.wait(194)
    return made


GOLDEN_LINES = {
    "get-deploy": "get deploy",
    "get-deploy-wide": "get deploy -o wide",
    "get-deploy-svc": "get deploy,svc --show-labels",
    "get-all": "get all",
    "get-labels": "get deploy -L app,missing",
    "get-all-namespaces": "get sa -A",
    "get-deploy-yaml": "get deploy web -o yaml",
    "get-svc-json": "get svc -o json",
    "get-custom-columns": "get deploy -o custom-columns=NAME:.metadata.name,IMAGES:..image,NO:.spec.nothing",
    "describe-deploy": "describe deploy web",
    "describe-svc": "describe svc web-svc",
    "describe-ns": "describe ns shop",
    "api-resources": "api-resources --namespaced=false -o wide",
    "explain-deploy": "explain deploy.spec",
    "help": "--help",
    "help-get": "get --help",
    "help-create": "create --help",
    "config-view": "config view",
    "version-yaml": "version -o yaml",
}


@pytest.mark.parametrize("name", sorted(GOLDEN_LINES))
def test_golden(bench: KubectlBench, name: str, update_golden: bool) -> None:
    text = bench.out(f"kubectl {GOLDEN_LINES[name]}")
    path = GOLDEN / f"{name}.txt"
    if update_golden:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_nothing_found(bench: KubectlBench) -> None:
    for line, text in (
        ("get po", "No resources found in shop namespace.\n"),
        ("get po -n other", "No resources found in other namespace.\n"),
        ("get po -A", "No resources found\n"),
        ("get nodes", "No resources found\n"),
    ):
        result = bench.kubectl(line)
        assert (result.stdout, result.stderr, result.status) == ("", text, 0)
    assert bench.kubectl("get po --ignore-not-found").stderr == ""
    assert bench.out("kubectl get po -o name") == ""
    assert document(bench.out("kubectl get po -o yaml"))["items"] == []


def test_names_in_every_form(bench: KubectlBench) -> None:
    for words in (
        "deploy web",
        "deploy/web",
        "deployments.apps/web",
        "Deployment web",
        "deployments.v1.apps web",
    ):
        assert bench.out(f"kubectl get {words} -o name") == "deployment.apps/web\n"
    assert bench.out("kubectl get deploy/web svc/web-svc -o name") == "deployment.apps/web\nservice/web-svc\n"
    text = bench.out("kubectl get deploy/web svc/web-svc --no-headers")
    assert [line.split()[0] for line in text.splitlines() if line] == [
        "deployment.apps/web",
        "service/web-svc",
    ]


def test_what_is_missing_does_not_hide_the_rest(bench: KubectlBench) -> None:
    result = bench.kubectl("get deploy web nope")
    assert result.status == 1
    assert "web" in result.stdout
    assert result.stderr == 'Error from server (NotFound): deployments.apps "nope" not found\n'
    assert bench.kubectl("get deploy web nope --ignore-not-found").status == 0


def test_selectors(bench: KubectlBench) -> None:
    bench.out("kubectl label svc web-svc tier=front")
    for selector, found in (
        ("app=web", "deployment.apps/web"),
        ("app!=web", "service/web-svc"),
        ("'tier in (front,back)'", "service/web-svc"),
        ("'!tier'", "deployment.apps/web"),
        ("tier", "service/web-svc"),
    ):
        assert bench.out(f"kubectl get deploy,svc -l {selector} -o name") == f"{found}\n"
    assert bench.out("kubectl get deploy --field-selector metadata.name!=web -o name") == ""


def test_sort_by(bench: KubectlBench) -> None:
    for name, size in (("c-10", "10"), ("c-9", "9"), ("c-1", "1")):
        bench.out(f"kubectl create cm {name} --from-literal=size={size}")
    listed = bench.out("kubectl get cm --sort-by=.metadata.name -o name").split()
    assert listed == ["configmap/c-1", "configmap/c-9", "configmap/c-10"]
    assert "has the field" in bench.error("get cm --sort-by=.nope")
    assert "unterminated array" in bench.error("get cm --sort-by=.a[")


def test_yaml_of_a_list_reads_back(bench: KubectlBench) -> None:
    listed = document(bench.out("kubectl get deploy -o yaml"))
    assert listed["kind"] == "List"
    assert listed["metadata"] == {"resourceVersion": ""}
    assert listed["items"] == [bench.get("deploy", "web")]
    assert list(listed) == sorted(listed)


def test_watch_prints_changes_for_a_bounded_time(bench: KubectlBench) -> None:
    def change(_: Any) -> None:
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": "shop"}}
        bench.api.create_now(obj)
        bench.api.create_now({**obj, "metadata": {"name": "elsewhere", "namespace": "kube-system"}})

    bench.engine.call_in(5, change)
    before = bench.engine.now
    text = bench.out("kubectl get cm -w --timeout=20s --output-watch-events")
    assert bench.engine.now == before + 20
    assert text.splitlines() == ["EVENT   NAME   DATA   AGE", "ADDED   late   0      0s"]
    assert bench.out("kubectl get cm -w -o name") == "configmap/late\n"
    assert bench.engine.now == before + 80
    assert "single resource type" in bench.error("get cm,svc -w")


# -- paths and templates -----------------------------------------------------------------------------------

DATA: dict[str, Any] = {
    "kind": "List",
    "items": [
        {
            "name": "a",
            "n": 1,
            "on": True,
            "labels": {"x.y/z": "1"},
            "in": [{"k": "p", "v": 1}, {"k": "q", "v": 2}],
        },
        {"name": "b", "n": 2.5, "on": False, "in": []},
    ],
}
PATHS = (
    ("{.kind}", "List"),
    ("{$.kind}", "List"),
    ("{.items[*].name}", "a b"),
    ("{.items[0].name}{.items[-1].name}", "ab"),
    ("{.items[0:1].name}|{.items[1:].name}", "a|b"),
    ('{range .items[*]}{.name}{"\\t"}{.n}{"\\n"}{end}', "a\t1\nb\t2.5\n"),
    ("{range .items}{.name},{end}", "a,b,"),
    ("{.items[?(@.n>1)].name}", "b"),
    ("{.items[?(@.name=='a')].n}", "1"),
    ('{.items[?(@.name!="a")].n}', "2.5"),
    ("{.items[?(@.labels)].name}", "a"),
    ("{.items[?(@.on==true)].name}", "a"),
    ("{.items[0].labels.x\\.y/z}", "1"),
    ("{.items[0].labels['x\\.y/z']}", "1"),
    ("{.items[0]['name','n']}", "a 1"),
    ("{.items[*]['name','n']}", "a b 1 2.5"),
    ("{..k}", "p q"),
    ("{.items[0].in[*].v}", "1 2"),
    ("{.items[0].in[0]}", '{"k":"p","v":1}'),
    ("{.nothing.at.all}", ""),
    ("plain {.kind} text", "plain List text"),
    ("{range .items[*]}{range .in[*]}{.k}{end};{end}", "pq;;"),
)


@pytest.mark.parametrize(("template", "text"), PATHS)
def test_jsonpath(template: str, text: str) -> None:
    assert render(parse_template(template), DATA) == text


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{.a", "unclosed action"),
        ("{.a[}", "unterminated array"),
        ("{end}", "not in range"),
        ("{range .items[*]}{.name}", "not closed"),
        ("{.items[abc]}", "invalid array index"),
        ("{.items[0:1:0]}", "step"),
        ("{.items[?()]}", "empty filter"),
        ("{.a!}", "unrecognized character"),
        ("x" * 10_001, "longer than"),
        ("{range .a}" * 25 + "{end}" * 25, "20 deep"),
    ],
)
def test_jsonpath_that_cannot_be_read(template: str, problem: str) -> None:
    with pytest.raises(JsonPathError, match=problem):
        parse_template(template)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{.items[5]}", "out of bounds"),
        ("{.kind[0]}", "string is not array"),
        ("{.items[?(@.name>1)]}", "incompatible types"),
    ],
)
def test_jsonpath_that_does_not_fit(template: str, problem: str) -> None:
    with pytest.raises(JsonPathError, match=problem):
        render(parse_template(template), DATA)


def test_relaxed_paths() -> None:
    for text in ("kind", ".kind", "{.kind}", " {kind} "):
        assert find(parse_path(text), DATA) == ["List"]
    assert find(parse_path("."), DATA) == [DATA]


GO = (
    ("{{.kind}}", "List"),
    ('{{range .items}}{{.name}}{{"\\n"}}{{end}}', "a\nb\n"),
    ("{{range .items}}{{if .on}}{{.name}}{{else}}-{{end}}{{end}}", "a-"),
    ("{{len .items}} {{.missing}}", "2 <no value>"),
    ('{{range .items}}{{index .labels "x.y/z"}}{{end}}', None),
    ('{{with (index .items 0)}}{{.name}}{{end}}', None),
    ("{{range .items}}{{$.kind}}{{.n}} {{end}}", "List1 List2.5 "),
    ("{{range .none}}x{{else}}empty{{end}}", "empty"),
    ('{{if eq .kind "List"}}yes{{end}}', "yes"),
    ('{{if and .kind (eq 1 1)}}yes{{end}}', None),
    ("{{- .kind -}}  \n tail", "Listtail"),
    ('{{range .items}}{{printf "%s/%v/%v " .name .labels .in}}{{end}}',
     "a/map[x.y/z:1]/[map[k:p v:1] map[k:q v:2]] b/<no value>/[] "),
    ('{{"eA==" | base64decode}}', "x"),
    ("{{/* a comment */}}z", "z"),
    ("{{.kind", None),
    ("{{range .items}}", None),
    ("{{end}}", None),
    ("{{nope .kind}}", None),
    ("{{range .kind}}{{end}}", None),
)  # fmt: skip


@pytest.mark.parametrize(("template", "text"), GO)
def test_go_templates(template: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(TemplateError):
            render_go(template, DATA)
    else:
        assert render_go(template, DATA) == text


def test_templates_from_files(bench: KubectlBench) -> None:
    bench.files.write("t.txt", "{.items[0].metadata.name}\n")
    assert bench.out("kubectl get deploy -o jsonpath-file=t.txt") == "web"
    assert "No such file" in bench.error("get deploy -o jsonpath-file=nope.txt")
    as_json = bench.out("kubectl get deploy -o jsonpath-as-json='{.items[*].metadata.name}'")
    assert list(load_all(as_json)) == [["web"]]
