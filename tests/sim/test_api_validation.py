"""Bad input: typing mistakes, broken rules, and whatever else a file may hold."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cluster.api import ApiError, BadRequest, Invalid, NoMatch
from sim.cluster.api.schema.quantity import quantity
from tests.sim.api_harness import ApiBench, config, crd, deployment, pod, service, widget

Obj = dict[str, Any]


def changed(obj: Obj, path: str, value: Any) -> Obj:
    """``obj`` with ``value`` at a dotted path; numbers are list indices."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target: Any = obj
    for part in parents:
        target = target[part] if isinstance(target, list) else target.setdefault(part, {})
    target[last] = value
    return obj


CONTAINER = "spec.template.spec.containers.0"


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("spec.replcias", 2, 'unknown field "spec.replcias" (did you mean "replicas"?)'),
        (
            "spec.template.spec.containres",
            [],
            'unknown field "spec.template.spec.containres" (did you mean "containers"?)',
        ),
        (
            f"{CONTAINER}.imge",
            "x",
            'unknown field "spec.template.spec.containers[0].imge" (did you mean "image"?)',
        ),
        (f"{CONTAINER}.xyzzy", "x", 'unknown field "spec.template.spec.containers[0].xyzzy"'),
        ("metadata.label", {}, 'unknown field "metadata.label" (did you mean "labels"?)'),
        ("sepc", {}, 'unknown field "sepc" (did you mean "spec"?)'),
        ("spec.replicas", "two", 'spec.replicas: invalid type: got "string", expected "integer"'),
        ("spec.replicas", True, 'spec.replicas: invalid type: got "boolean", expected "integer"'),
        ("spec.paused", "yes", 'spec.paused: invalid type: got "string", expected "boolean"'),
        ("metadata.labels.a", 1, 'metadata.labels.a: invalid type: got "integer", expected "string"'),
        (
            f"{CONTAINER}.env",
            [{"name": "A", "value": 1}],
            'spec.template.spec.containers[0].env[0].value: invalid type: got "integer", expected "string"',
        ),
        (
            f"{CONTAINER}.ports",
            {"containerPort": 80},
            'spec.template.spec.containers[0].ports: invalid type: got "object", expected "array"',
        ),
        ("spec.template.spec", [], 'spec.template.spec: invalid type: got "array", expected "object"'),
    ],
)
def test_typing_mistakes_are_named(path: str, value: Any, text: str) -> None:
    bench = ApiBench()
    error = bench.refused(bench.api.create(changed(deployment(), path, value)))
    assert isinstance(error, BadRequest)
    assert error.message == f"error validating data: {text}"
    assert bench.api.list("deploy") == []


def test_all_mistakes_are_named_at_once() -> None:
    bench = ApiBench()
    obj = changed(changed(deployment(), "spec.replcias", 2), "spec.selectorr", {})
    message = bench.refused(bench.api.create(obj)).message
    assert message.startswith("error validating data: [unknown field")
    assert "spec.replcias" in message
    assert "spec.selectorr" in message


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("metadata.name", "Web_1", 'metadata.name: Invalid value: "Web_1": a lowercase RFC 1123 subdomain'),
        ("metadata.name", "", "metadata.name: Required value: name or generateName is required"),
        ("metadata.labels.a", "b c", 'metadata.labels: Invalid value: "b c": a valid label must be'),
        ("spec.replicas", -1, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("spec.selector", {}, "spec.selector: Required value"),
        (
            "spec.selector",
            {"matchLabels": {"app": "other"}},
            'labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
        ),
        ("spec.template.spec.containers", [], "spec.template.spec.containers: Required value"),
        (f"{CONTAINER}.name", "A B", "containers[0].name: Invalid value"),
        (f"{CONTAINER}.image", "", "containers[0].image: Required value"),
        (f"{CONTAINER}.ports.0.containerPort", 99_999, "Invalid value: 99999: must be between 1 and 65535"),
        (
            f"{CONTAINER}.resources",
            {"limits": {"cpu": "lots"}},
            "quantities must match the regular expression",
        ),
        (
            f"{CONTAINER}.resources",
            {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}},
            'Invalid value: "2": must be less than or equal to cpu limit',
        ),
        (f"{CONTAINER}.imagePullPolicy", "Maybe", 'Unsupported value: "Maybe": supported values: "Always"'),
        (f"{CONTAINER}.volumeMounts", [{"name": "no", "mountPath": "/x"}], 'Not found: "no"'),
        (f"{CONTAINER}.readinessProbe", {"periodSeconds": 1}, "must specify a handler type"),
        (
            "spec.template.spec.restartPolicy",
            "Never",
            'Unsupported value: "Never": supported values: "Always"',
        ),
        ("spec.strategy", {"type": "Rolling"}, 'Unsupported value: "Rolling": supported values: "Recreate"'),
        (
            "spec.strategy",
            {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}},
            "may not be 0 when `maxSurge` is 0",
        ),
        ("spec.strategy", {"rollingUpdate": {"maxSurge": "lots"}}, "a valid percent string"),
    ],
)
def test_rules_of_deployments(path: str, value: Any, text: str) -> None:
    bench = ApiBench()
    error = bench.refused(bench.api.create(changed(deployment(), path, value)))
    assert isinstance(error, Invalid)
    assert error.message.startswith('Deployment.apps "')
    assert text in error.message
    assert error.status["details"]["causes"]


def other(kind: str, api_version: str, spec: Obj) -> Obj:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, **spec}


JOB = {"template": {"spec": {"containers": [{"name": "j", "image": "j:v1"}]}}}
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (service(ports=[]), 'Service "web-svc" is invalid: spec.ports: Required value'),
        (service(ports=[{"port": 0}]), "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535"),
        (service(ports=[{"port": 1}, {"port": 2}]), "spec.ports[0].name: Required value"),
        (service(ports=[{"name": "a", "port": 1}, {"name": "b", "port": 1}]), "Duplicate value: 1"),
        (service(type="Magic"), 'spec.type: Unsupported value: "Magic"'),
        (service("1up"), "a DNS-1035 label must"),
        (other("Job", "batch/v1", {"spec": JOB}), 'Unsupported value: "Always": supported values: "Never"'),
        (
            other("CronJob", "batch/v1", {"spec": {"schedule": "often", "jobTemplate": {"spec": JOB}}}),
            'spec.schedule: Invalid value: "often": expected exactly 5 fields',
        ),
        (
            other(
                "HorizontalPodAutoscaler", "autoscaling/v1", {"spec": {"minReplicas": 3, "maxReplicas": 2}}
            ),
            "must be greater than or equal to `minReplicas`",
        ),
        (
            other("PodDisruptionBudget", "policy/v1", {"spec": {"minAvailable": 1, "maxUnavailable": 1}}),
            "cannot be both set",
        ),
        (
            other("Role", RBAC, {"rules": [{"apiGroups": [""], "resources": ["pods"]}]}),
            "rules[0].verbs: Required",
        ),
        (
            other("RoleBinding", RBAC, {"roleRef": {"kind": "Rolle", "name": "x"}}),
            "roleRef.kind: Unsupported value",
        ),
        (other("ConfigMap", "v1", {"data": {"a b": "c"}}), "a valid config key must"),
        (
            other(
                "ValidatingWebhookConfiguration",
                "admissionregistration.k8s.io/v1",
                {"webhooks": [{"name": "short", "clientConfig": {}, "timeoutSeconds": 99}]},
            ),
            "should be a domain with at least three segments",
        ),
    ],
)
def test_rules_of_other_kinds(obj: Obj, text: str) -> None:
    bench = ApiBench()
    error = bench.refused(bench.api.create(obj))
    assert isinstance(error, Invalid)
    assert text in error.message


def test_of_a_pod_only_the_image_may_change() -> None:
    bench = ApiBench()
    bench.create(pod())
    bench.patch("po", "web-1", {"spec": {"containers": [{"name": "web", "image": "example/web:v2"}]}})
    with pytest.raises(Invalid, match="pod updates may not change fields other than"):
        bench.patch("po", "web-1", {"spec": {"containers": [{"name": "web", "args": ["x"]}]}})


def test_immutable_configuration() -> None:
    bench = ApiBench()
    bench.create(config(a="1") | {"immutable": True})
    with pytest.raises(Invalid, match="field is immutable when"):
        bench.patch("cm", "settings", {"data": {"a": "2"}})


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        ({}, "apiVersion not set"),
        ({"apiVersion": "v1"}, "kind not set"),
        ([], "apiVersion not set"),
        (None, "apiVersion not set"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": 3}, "metadata must be an object"),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": 3},
            'got "integer", expected "object"',
        ),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 3}}, "metadata.name: invalid type"),
    ],
)
def test_what_is_no_object_at_all(obj: Any, text: str) -> None:
    bench = ApiBench()
    error = bench.refused(bench.api.create(obj))
    assert text in error.message
    assert error.code == 400


def test_what_is_nested_too_deeply() -> None:
    bench = ApiBench()
    bench.create(config())
    deep: Any = "x"
    for _ in range(5_000):
        deep = {"a": deep}
    assert "nested too deeply" in bench.refused(bench.api.create(config() | {"data": deep})).message
    assert (
        "nested too deeply" in bench.refused(bench.api.patch("cm", "settings", "shop", deep, "merge")).message
    )


def test_unknown_kinds_have_hints() -> None:
    bench = ApiBench()
    with pytest.raises(
        NoMatch, match=r'no matches for kind "Deploymnt" in version "apps/v1" \(did you mean "Dep'
    ):
        bench.create({"apiVersion": "apps/v1", "kind": "Deploymnt", "metadata": {"name": "x"}})
    with pytest.raises(NoMatch, match=r"this cluster serves Deployment as apps/v1\)"):
        bench.create(deployment() | {"apiVersion": "v1"})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70_000) | st.sampled_from(["", "web", "a b", "80"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["name", "image", "ports", "env", "spec", "metadata", "labels", "containers", "limits"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
PATHS = (
    "metadata",
    "metadata.labels",
    "spec",
    "spec.selector",
    "spec.strategy",
    "spec.template",
    "spec.template.metadata",
    "spec.template.spec",
    "spec.template.spec.volumes",
    "spec.template.spec.containers",
    f"{CONTAINER}.env",
    f"{CONTAINER}.ports",
    f"{CONTAINER}.resources",
    f"{CONTAINER}.readinessProbe",
)


def refusal(write: Callable[[], object]) -> str:
    """The message of a refused write, empty if it was accepted. Anything but an ApiError is a bug."""
    try:
        write()
    except ApiError as error:
        return error.message
    return ""


@given(st.sampled_from(PATHS), ANYTHING)
@settings(max_examples=300, deadline=None)
def test_no_manifest_can_break_the_server(path: str, value: Any) -> None:
    bench = ApiBench()
    obj = changed(deployment(), path, value)
    version = bench.api.resource_version
    if message := refusal(lambda: bench.create(obj)):
        assert "\n" not in message
        assert bench.api.resource_version == version
    else:
        assert len(bench.api.list("deploy")) == 1


@given(st.sampled_from(PATHS), ANYTHING, st.sampled_from(["strategic", "merge"]))
@settings(max_examples=300, deadline=None)
def test_no_patch_can_break_the_server(path: str, value: Any, kind: str) -> None:
    bench = ApiBench()
    made = bench.create(deployment())
    patch: Any = value
    for part in reversed(path.split(".")):
        patch = [{"name": "web", "$patch": None, **patch}] if part == "0" else {part: patch}
    if message := refusal(lambda: bench.patch("deploy", "web", patch, kind)):
        assert "\n" not in message
        assert bench.api.get("deploy", "web", "shop") is made


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100m", 0.1),
        ("1", 1.0),
        (2, 2.0),
        (0.5, 0.5),
        ("1.5Gi", 1.5 * 2**30),
        ("64Mi", 64 * 2**20),
        ("1e3", 1e3),
        ("2k", 2e3),
    ],
)
def test_quantities(text: Any, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "lots", "1.2.3", "10Zi", "Mi", True, "1 Gi"])
def test_what_is_no_quantity(text: Any) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        quantity(text)


# -- custom resources ------------------------------------------------------------


def test_a_definition_is_served_at_once() -> None:
    bench = ApiBench()
    with pytest.raises(NoMatch, match=r'^no matches for kind "Widget" in version "example.com/v1"$'):
        bench.create(widget())
    made = bench.create(crd())
    assert {one["type"]: one["status"] for one in made["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert made["spec"]["names"]["singular"] == "widget"
    found = bench.api.resource("wd")
    assert (found.key, found.version, found.versions) == ("widgets.example.com", "v1", ("v1", "v1alpha1"))
    old = bench.create(widget(version="v1alpha1"))
    assert old["apiVersion"] == "example.com/v1"
    seen: list[str] = []
    bench.api.watch("widgets", lambda event: seen.append(event.type))
    bench.patch("wd", "one", {"spec": {"size": 3}}, "merge")
    assert bench.api.get("widget", "one", "shop")["metadata"]["generation"] == 2
    bench.api.set_status("widgets", "one", "shop", {"ready": True})
    assert seen == ["ADDED", "MODIFIED", "MODIFIED"]
    bench.api.delete("crd", "widgets.example.com")
    assert seen[-1] == "DELETED"
    with pytest.raises(NoMatch):
        bench.create(widget())


def test_versions_are_preferred_as_kubernetes_does() -> None:
    bench = ApiBench()
    bench.create(crd(versions=("v1alpha1", "v1beta1", "v1beta3", "v1beta10", "v2alpha1")))
    assert bench.api.resource("widgets").versions == (
        "v1beta10",
        "v1beta3",
        "v1beta1",
        "v2alpha1",
        "v1alpha1",
    )
    stored = bench.create(widget(version="v1alpha1"))
    assert stored["apiVersion"] == "example.com/v1beta10"
    newer = crd(versions=("v1alpha1", "v1"))
    newer["metadata"]["resourceVersion"] = bench.api.get("crd", "widgets.example.com")["metadata"][
        "resourceVersion"
    ]
    bench.run(bench.api.update(newer))
    assert bench.api.get("widgets", "one", "shop")["apiVersion"] == "example.com/v1"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"siize": 2}, 'unknown field "spec.siize" (did you mean "size"?)'),
        ({"size": "big"}, 'spec.size: invalid type: got "string", expected "integer"'),
        ({"colour": "green"}, 'spec.colour: Unsupported value: "green": supported values: "red", "blue"'),
        ({"size": 2, "port": 80, "free": {"any": ["thing"]}}, ""),
    ],
)
def test_custom_objects_are_compared_with_their_schema(spec: Obj, text: str) -> None:
    bench = ApiBench()
    bench.create(crd())
    if text:
        assert text in bench.refused(bench.api.create(widget(**spec))).message
    else:
        bench.create(widget(**spec))
    empty = widget()
    empty["spec"] = {}
    assert "spec.size: Required value" in bench.refused(bench.api.create(empty)).message


def test_a_schema_that_makes_no_sense_is_reported() -> None:
    bench = ApiBench()
    bench.create(changed(crd(), "spec.versions.1.schema.openAPIV3Schema.properties.spec.properties.size", 7))
    error = bench.refused(bench.api.create(widget()))
    assert error.message == "the schema in the definition of widgets.example.com cannot be read"


def test_old_clusters_take_the_old_form() -> None:
    bench = ApiBench("v1.15.12-gke.20")
    old = {
        "apiVersion": "apiextensions.k8s.io/v1beta1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "version": "v1alpha2",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
        },
    }
    made = bench.create(old)
    assert made["spec"]["versions"] == [{"name": "v1alpha2", "served": True, "storage": True}]
    assert bench.create(widget(version="v1alpha2", any="thing"))["spec"]["any"] == "thing"


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("metadata.name", "other.example.com", 'must be spec.names.plural+"."+spec.group'),
        ("spec.scope", "Galaxy", 'spec.scope: Unsupported value: "Galaxy"'),
        ("spec.versions", [], "spec.versions: Required value"),
        ("spec.versions.0.storage", False, "exactly one version marked as storage"),
    ],
)
def test_bad_definitions(path: str, value: Any, text: str) -> None:
    bench = ApiBench()
    error = bench.refused(bench.api.create(changed(crd(), path, value)))
    assert text in error.message
    assert "widgets" not in [resource.plural for resource in bench.api.resources()]
