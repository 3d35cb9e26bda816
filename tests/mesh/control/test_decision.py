"""Which pods are injected: every pair of annotations, every reason, in Linkerd's order."""

from dataclasses import replace
from typing import Any

import pytest

from mesh.control.injection.decision import decide, reason_text, report
from mesh.control.injection.workload import Workload, container_ports, has_sidecar
from mesh.control.values import defaults

ON = ("enabled", "ingress")
TEXTS = ("enabled", "ingress", "disabled", "", "yes please")


def expected(namespace: str, pod: str) -> tuple[str, str]:
    """The table of the specification, row by row."""
    if namespace == "yes please":
        return "invalid_inject_annotation_at_ns", ""
    if pod == "yes please":
        return "invalid_inject_annotation_at_workload", ""
    table = {
        ("on", "disabled"): ("injection_disable_annotation_present", "workload"),
        ("on", ""): ("", "namespace"),
        ("on", "on"): ("", "namespace"),
        ("disabled", "on"): ("", "workload"),
        ("", "on"): ("", "workload"),
        ("disabled", ""): ("injection_enable_annotation_absent", ""),
        ("", ""): ("injection_enable_annotation_absent", ""),
        ("disabled", "disabled"): ("injection_enable_annotation_absent", ""),
        ("", "disabled"): ("injection_enable_annotation_absent", ""),
    }
    return table["on" if namespace in ON else namespace, "on" if pod in ON else pod]


@pytest.mark.parametrize("pod", TEXTS)
@pytest.mark.parametrize("namespace", TEXTS)
def test_every_pair(namespace: str, pod: str) -> None:
    assert decide(namespace, pod) == expected(namespace, pod)


def a_pod(spec: dict[str, Any] | None = None, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": annotations or {}},
        "spec": {"containers": [{"name": "a", "image": "x"}], **(spec or {})},
    }


@pytest.mark.parametrize("annotation", TEXTS)
@pytest.mark.parametrize("edition", ["edge", "stable-2.8.1"])
def test_on_the_command_line_only_disabled_counts(annotation: str, edition: str) -> None:
    found = report(Workload.of(a_pod(annotations={"linkerd.io/inject": annotation})), defaults(edition))
    assert found.injectable == (annotation != "disabled")
    assert found.reasons == ()


def test_all_reasons_at_once_are_in_order() -> None:
    spec = {
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "initContainers": [{"name": "linkerd-init"}],
    }
    values = replace(defaults("edge"), token_projection=False)
    found = report(Workload.of(a_pod(spec)), values, {})
    assert found.reasons == (
        "host_network_enabled",
        "sidecar_already_exists",
        "injection_enable_annotation_absent",
        "disabled_automount_service_account_token_account",
    )
    assert not found.injectable
    texts = [reason_text(code, "edge") for code in found.reasons]
    assert texts[0] == "hostNetwork is enabled"
    assert texts[2] == 'neither the namespace nor the pod have the annotation "linkerd.io/inject:enabled"'
    assert texts[3].endswith('with Values.identity.serviceAccountTokenProjection set to "false"')
    assert reason_text(found.reasons[3], "stable-2.8.1") == 'automountServiceAccountToken set to "false"'


def test_projected_tokens_need_no_automount() -> None:
    pod = Workload.of(a_pod({"automountServiceAccountToken": False}))
    on = {"linkerd.io/inject": "enabled"}
    assert report(pod, defaults("edge"), on).injectable
    assert not report(pod, defaults("stable-2.8.1"), on).injectable


def test_udp_is_no_reason() -> None:
    spec = {"containers": [{"name": "dns", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]}
    found = report(Workload.of(a_pod(spec)), defaults("edge"), {"linkerd.io/inject": "enabled"})
    assert found.udp
    assert found.injectable


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ({"containers": [{"name": "linkerd-proxy"}]}, True),
        ({"containers": [{"name": "a"}], "initContainers": [{"name": "linkerd-proxy"}]}, True),
        ({"containers": [{"name": "istio-proxy"}]}, True),
        ({"containers": [{"name": "x", "image": "docker.io/istio/proxyv2:1.20"}]}, True),
        ({"containers": [{"name": "x", "image": "cr.l5d.io/linkerd/proxy:edge-1"}]}, True),
        ({"containers": [{"name": "a"}], "initContainers": [{"name": "istio-init"}]}, True),
        (
            {
                "containers": [{"name": "a"}],
                "initContainers": [{"name": "i", "image": "gcr.io/linkerd-io/proxy-init:v1.3.3"}],
            },
            True,
        ),
        ({"containers": [{"name": "x", "image": "example.com/my/proxy:1"}]}, False),
        ({"containers": [{"name": "x", "image": "cr.l5d.io/linkerd/proxy-lookalike:1"}]}, False),
        ({"containers": [{"name": "linkerd-init"}]}, False),
    ],
)
def test_sidecars(spec: dict[str, Any], there: bool) -> None:
    assert has_sidecar(spec) is there


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "template")),
        ("ReplicationController", ("spec", "template")),
        ("ReplicaSet", ("spec", "template")),
        ("Job", ("spec", "template")),
        ("DaemonSet", ("spec", "template")),
        ("StatefulSet", ("spec", "template")),
        ("CronJob", ("spec", "jobTemplate", "spec", "template")),
        ("Pod", ()),
    ],
)
def test_kinds_with_a_pod_template(kind: str, path: tuple[str, ...]) -> None:
    obj: dict[str, Any] = {"spec": {"containers": [{"name": "a"}]}}
    for key in reversed(path):
        obj = {key: obj}
    obj |= {"kind": kind, "metadata": {"name": "n"}}
    found = Workload.of(obj)
    assert found.template is not None
    assert found.path == path
    assert found.owner == (None if kind == "Pod" else (kind.lower(), "n"))


@pytest.mark.parametrize("obj", [{}, {"kind": "Secret"}, {"kind": "Deployment", "spec": {"template": 3}}, 7])
def test_anything_else_passes_through(obj: Any) -> None:
    found = report(Workload.of(obj), defaults("edge"))
    assert found.unsupported
    assert not found.injectable


def test_ports_are_ordered_as_text_and_include_numeric_http_probes() -> None:
    spec = {
        "containers": [
            {
                "name": "a",
                "ports": [{"containerPort": 8080}, {"containerPort": 80}, {"containerPort": "odd"}],
                "livenessProbe": {"httpGet": {"port": 9990}},
                "readinessProbe": {"httpGet": {"port": "named"}},
                "startupProbe": {"httpGet": {"port": 7000}},
            }
        ]
    }
    assert container_ports(spec) == [80, 8080, 9990]
