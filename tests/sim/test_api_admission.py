"""Admission: service accounts, webhooks asked over a fake network, pod security policies."""

import base64
import json
from typing import Any

import pytest

from sim.cluster.api import ApiError, Forbidden, Internal
from sim.cluster.program import HttpReply
from tests.sim.api_harness import ApiBench, FakeHttp, config, deployment, pod, service

Obj = dict[str, Any]
ADD_LABEL = [{"op": "add", "path": "/metadata/labels/touched", "value": "yes"}]


def webhook(name: str = "inject", kind: str = "Mutating", **fields: Any) -> Obj:
    """A configuration with one hook for pods, served by ``NAME.mesh.svc``."""
    hook = {
        "name": f"{name}.example.com",
        "clientConfig": {"service": {"name": name, "namespace": "mesh", "path": "/hook"}},
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1", "v1beta1"],
        **fields,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }


def patching(operations: list[Obj] | str) -> Obj:
    return {"allowed": True, "patchType": "JSONPatch", "patch": operations}


# -- service accounts ------------------------------------------------------------


def test_a_pod_runs_as_an_account_and_mounts_its_token() -> None:
    made = ApiBench().create(pod())
    spec = made["spec"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    mount = spec["containers"][0]["volumeMounts"][0]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    volume = next(one for one in spec["volumes"] if one["name"] == mount["name"])
    assert volume["projected"]["sources"][0]["serviceAccountToken"]["path"] == "token"
    assert {one["key"] for one in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }


def test_old_clusters_mount_the_accounts_secret() -> None:
    bench = ApiBench("v1.15.12-gke.20")
    secret = bench.api.get("sa", "default", "shop")["secrets"][0]["name"]
    assert secret.startswith("default-token-")
    assert bench.api.get("secrets", secret, "shop")["type"] == "kubernetes.io/service-account-token"
    spec = bench.create(pod())["spec"]
    assert spec["volumes"] == [{"name": secret, "secret": {"secretName": secret, "defaultMode": 420}}]


def test_tokens_can_be_declined() -> None:
    made = ApiBench().create(pod(automountServiceAccountToken=False))
    assert "volumeMounts" not in made["spec"]["containers"][0]


def test_a_missing_account_is_refused_after_waiting_for_the_default_one() -> None:
    bench = ApiBench()
    error = bench.refused(bench.api.create(pod(serviceAccountName="ghost")))
    assert isinstance(error, Forbidden)
    assert error.message == (
        'pods "web-1" is forbidden: error looking up service account shop/ghost: '
        'serviceaccount "ghost" not found'
    )
    assert bench.engine.now == 0
    bench.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}})
    early = pod()
    early["metadata"]["namespace"] = "new"
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": "new"},
    }
    bench.engine.call_in(0.35, bench.api.create_now, account)
    bench.create(early)
    assert 0.35 <= bench.engine.now <= 0.5


# -- mutating webhooks ------------------------------------------------------------


@pytest.mark.parametrize("encoded", [False, True])
def test_a_webhook_changes_what_is_stored(encoded: bool) -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    container = {"name": "proxy", "image": "proxy:v1", "ports": [{"containerPort": 4143}]}
    operations = [*ADD_LABEL, {"op": "add", "path": "/spec/containers/-", "value": container}]
    text = base64.b64encode(json.dumps(operations).encode()).decode()
    http.answers["inject.mesh.svc"] = patching(text if encoded else operations)
    http.delays["inject.mesh.svc"] = 0.25
    bench.create(webhook())
    made = bench.create(pod())
    assert bench.engine.now == 0.25
    assert made["metadata"]["labels"]["touched"] == "yes"
    proxy = made["spec"]["containers"][1]
    assert proxy["imagePullPolicy"] == "IfNotPresent", "what a webhook adds is defaulted"
    assert proxy["ports"][0]["protocol"] == "TCP"
    assert proxy["volumeMounts"], "what a webhook adds gets the token too"
    host, port, path, review = http.asked[0]
    assert (host, port, path) == ("inject.mesh.svc", 443, "/hook?timeout=10s")
    request = review["request"]
    assert (review["apiVersion"], request["operation"], request["namespace"]) == (
        "admission.k8s.io/v1",
        "CREATE",
        "shop",
    )
    assert request["kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert request["userInfo"]["username"] == "system:admin"
    assert request["object"]["spec"]["serviceAccountName"] == "default"


def test_old_clusters_ask_in_the_old_form() -> None:
    bench = ApiBench("v1.15.12-gke.20")
    http = FakeHttp(bench)
    old = webhook() | {"apiVersion": "admissionregistration.k8s.io/v1beta1"}
    stored = bench.create(old)["webhooks"][0]
    assert (stored["failurePolicy"], stored["timeoutSeconds"]) == ("Ignore", 30)
    bench.create(pod())
    assert http.asked[0][3]["apiVersion"] == "admission.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, True),
        ({"namespaceSelector": {"matchLabels": {"mesh": "on"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}, True),
        (
            {
                "namespaceSelector": {
                    "matchExpressions": [{"key": "mesh", "operator": "NotIn", "values": ["off"]}]
                }
            },
            True,
        ),
        ({"objectSelector": {"matchLabels": {"app": "web"}}}, True),
        ({"objectSelector": {"matchLabels": {"app": "other"}}}, False),
        (
            {"rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]},
            True,
        ),
        (
            {
                "rules": [
                    {
                        "operations": ["UPDATE"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                    }
                ]
            },
            False,
        ),
        (
            {
                "rules": [
                    {
                        "operations": ["CREATE"],
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                    }
                ]
            },
            False,
        ),
        (
            {
                "rules": [
                    {
                        "operations": ["CREATE"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                        "scope": "Cluster",
                    }
                ]
            },
            False,
        ),
    ],
)
def test_which_writes_a_webhook_is_asked_about(fields: Obj, asked: bool) -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    bench.create(webhook(**fields))
    bench.create(pod())
    assert bool([one for one in http.asked if one[3]["request"]["kind"]["kind"] == "Pod"]) is asked


def test_configurations_are_asked_in_order_of_name_and_again_if_needed() -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    for name in ("b", "a"):
        bench.create(webhook(name, reinvocationPolicy="IfNeeded" if name == "a" else "Never"))
    http.answers["b.mesh.svc"] = patching(ADD_LABEL)
    bench.create(pod())
    assert [one[0] for one in http.asked] == ["a.mesh.svc", "b.mesh.svc", "a.mesh.svc"]
    assert http.asked[2][3]["request"]["object"]["metadata"]["labels"]["touched"] == "yes"


def test_webhook_configurations_are_exempt_from_webhooks() -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    http.answers["inject.mesh.svc"] = {"allowed": False}
    rule = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    bench.create(webhook(rules=[rule]))
    bench.create(webhook("second", rules=[rule]))
    assert http.asked == []
    assert "denied the request without explanation" in bench.refused(bench.api.create(config())).message


# -- failures ------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "delay", "text"),
    [
        (HttpReply(0, error="dial tcp: connect: connection refused"), 0.0, "connect: connection refused"),
        ({"allowed": True}, 60.0, "context deadline exceeded"),
        (HttpReply(500, "boom"), 0.0, "has prevented the request"),
        (HttpReply(200, "not json"), 0.0, "json parse error"),
        (HttpReply(200, {"response": None}), 0.0, "not an AdmissionReview"),
        ({"allowed": True, "uid": "other"}, 0.0, "expected response.uid"),
    ],
)
def test_a_webhook_that_fails_is_fatal_only_if_it_must_be_asked(
    reply: HttpReply | Obj, delay: float, text: str
) -> None:
    for policy in ("Ignore", "Fail"):
        bench = ApiBench()
        http = FakeHttp(bench)
        http.answers["inject.mesh.svc"], http.delays["inject.mesh.svc"] = reply, delay
        bench.create(webhook(failurePolicy=policy, timeoutSeconds=5))
        if policy == "Ignore":
            assert bench.create(pod())["metadata"]["name"] == "web-1"
        else:
            error = bench.refused(bench.api.create(pod()))
            assert isinstance(error, Internal)
            prefix = 'Internal error occurred: failed calling webhook "inject.example.com": '
            assert error.message.startswith(prefix)
            assert text in error.message
            assert bench.api.list("pods", "shop") == []
        assert bench.engine.now == min(delay, 5.0)


def test_the_words_of_a_failed_call_follow_the_clusters_version() -> None:
    def words(version: str) -> str:
        bench = ApiBench(version)
        FakeHttp(bench).answers["inject.mesh.svc"] = HttpReply(0, error="EOF")
        group = "v1" if version > "v1.16" else "v1beta1"
        hook = webhook(failurePolicy="Fail", timeoutSeconds=5)
        bench.create(hook | {"apiVersion": f"admissionregistration.k8s.io/{group}"})
        return bench.refused(bench.api.create(pod())).message.split('example.com": ')[1]

    url = "https://inject.mesh.svc:443/hook?timeout=5s"
    assert words("v1.32.4") == f'failed to call webhook: Post "{url}": EOF'
    assert words("v1.15.12-gke.20") == f"Post {url}: EOF"


def test_without_a_network_no_webhook_answers() -> None:
    bench = ApiBench()
    bench.create(webhook(failurePolicy="Fail"))
    assert "no network" in bench.refused(bench.api.create(pod())).message


@pytest.mark.parametrize("patch", ["%%%", [{"op": "remove", "path": "/none"}], [{"op": "add"}]])
def test_a_patch_that_cannot_be_applied_is_the_servers_error(patch: Any) -> None:
    bench = ApiBench()
    FakeHttp(bench).answers["inject.mesh.svc"] = patching(patch)
    bench.create(webhook())
    error = bench.refused(bench.api.create(pod()))
    assert (error.reason, error.code) == ("InternalError", 500)
    assert error.message.startswith("Internal error occurred: ")


def test_what_a_webhook_makes_is_checked() -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    bench.create(webhook())
    for path, value in (
        ("/spec/containers", []),
        ("/spec/containers", 7),
        ("/spec/containers/0/name", "A B"),
    ):
        http.answers["inject.mesh.svc"] = patching([{"op": "replace", "path": path, "value": value}])
        assert bench.refused(bench.api.create(pod())).code in (400, 422)


# -- validating webhooks ------------------------------------------------------------


def test_validating_webhooks_are_asked_at_once_and_one_refusal_is_enough() -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    for name in ("a", "b", "c"):
        bench.create(webhook(name, "Validating"))
        http.delays[f"{name}.mesh.svc"] = 1.0
    for name, words in (("c", "third"), ("b", "second")):
        http.answers[f"{name}.mesh.svc"] = {"allowed": False, "status": {"message": words, "code": 403}}
    error = bench.refused(bench.api.create(pod()))
    assert error.message == 'admission webhook "b.example.com" denied the request: second'
    assert error.code == 403
    assert bench.engine.now == 1.0
    assert len(http.asked) == 3


def test_validating_webhooks_see_updates_with_the_old_object() -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    rule = {"operations": ["UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"]}
    bench.create(webhook("v", "Validating", rules=[rule]))
    bench.create(service())
    bench.patch("svc", "web-svc", {"metadata": {"labels": {"a": "b"}}})
    request = http.asked[0][3]["request"]
    assert (request["operation"], request["name"]) == ("UPDATE", "web-svc")
    assert "labels" not in request["oldObject"]["metadata"]
    assert request["object"]["metadata"]["labels"] == {"a": "b"}
    bench.api.set_status("svc", "web-svc", "shop", {"loadBalancer": {"ingress": []}})
    assert len(http.asked) == 1


def test_a_patch_is_made_again_when_the_object_changed_meanwhile() -> None:
    bench = ApiBench()
    http = FakeHttp(bench)
    bench.create(deployment())
    rule = {
        "operations": ["UPDATE"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    bench.create(webhook("slow", rules=[rule]))
    http.delays["slow.mesh.svc"] = 1.0
    bench.engine.call_in(
        0.5, lambda _: bench.api.set_status("deploy", "web", "shop", {"readyReplicas": 1}), None
    )
    got = bench.patch("deploy", "web", {"spec": {"replicas": 3}})
    assert (got["spec"]["replicas"], got["status"]) == (3, {"readyReplicas": 1})
    assert len(http.asked) == 2


def test_a_namespace_that_goes_while_a_webhook_thinks_takes_no_more() -> None:
    bench = ApiBench()
    FakeHttp(bench).delays["inject.mesh.svc"] = 1.0
    bench.create(webhook())
    bench.engine.call_in(0.5, lambda _: bench.api.delete("ns", "shop"))
    assert "because it is being terminated" in bench.refused(bench.api.create(pod())).message
    assert bench.api.list("pods") == []


# -- pod security policies ------------------------------------------------------------


def policy(name: str, capabilities: list[str]) -> Obj:
    return {
        "apiVersion": "policy/v1beta1",
        "kind": "PodSecurityPolicy",
        "metadata": {"name": name},
        "spec": {"allowedCapabilities": capabilities},
    }


def test_a_policy_can_deny_capabilities() -> None:
    bench = ApiBench("v1.15.12-gke.20")
    bench.create(policy("restricted", []))
    wanting = pod(
        initContainers=[
            {
                "name": "init",
                "image": "init:v1",
                "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
            }
        ]
    )
    bench.create(wanting)
    bench.api.pod_security_policies = True
    wanting["metadata"]["name"] = "web-2"
    error = bench.refused(bench.api.create(wanting))
    assert isinstance(error, Forbidden)
    assert "unable to validate against any pod security policy" in error.message
    assert (
        'spec.initContainers[0].securityContext.capabilities.add: Invalid value: "NET_ADMIN"' in error.message
    )
    bench.create(policy("mesh", ["NET_ADMIN", "NET_RAW"]))
    bench.create(wanting)


def test_errors_have_status_objects() -> None:
    error = ApiError("x")
    assert error.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "x",
        "reason": "InternalError",
        "code": 500,
    }
    missing = ApiBench().refused(ApiBench().api.patch("deploy", "x", "shop", {}, "merge"))
    assert missing.status["details"] == {"name": "x", "group": "apps", "kind": "deployments"}
