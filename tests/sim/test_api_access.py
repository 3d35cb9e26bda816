"""RBAC and the review kinds."""

from typing import Any

import pytest

from sim.cluster.api import BadRequest, Forbidden
from tests.sim.api_harness import ApiBench, config, deployment, pod, service

Obj = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"
USER = "system:serviceaccount:shop:worker"


def role(rules: list[Obj], kind: str = "Role", name: str = "r") -> Obj:
    return {"apiVersion": RBAC, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "rules": rules}


def binding(subjects: list[Obj], kind: str = "RoleBinding", to: str = "Role", name: str = "r") -> Obj:
    return {
        "apiVersion": RBAC,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": to, "name": name},
    }


WORKER = {"kind": "ServiceAccount", "name": "worker", "namespace": "shop"}


def rule(verbs: list[str], resources: list[str], groups: list[str] | None = None, **rest: Any) -> Obj:
    return {"verbs": verbs, "resources": resources, "apiGroups": [""] if groups is None else groups, **rest}


@pytest.mark.parametrize(
    ("given", "asked", "allowed"),
    [
        (rule(["get"], ["pods"]), ("get", "pods", "shop"), True),
        (rule(["get"], ["pods"]), ("list", "pods", "shop"), False),
        (rule(["get"], ["pods"]), ("get", "pods", "default"), False),
        (rule(["get"], ["pods"]), ("get", "pods", None), False),
        (rule(["*"], ["*"]), ("delete", "pods", "shop"), True),
        (rule(["*"], ["*"]), ("delete", "deployments.apps", "shop"), False),
        (rule(["*"], ["*"], ["*"]), ("delete", "deployments.apps", "shop"), True),
        (rule(["get"], ["pods"], resourceNames=["a"]), ("get", "pods", "shop", "a"), True),
        (rule(["get"], ["pods"], resourceNames=["a"]), ("get", "pods", "shop", "b"), False),
        (rule(["get"], ["pods"]), ("get", "pods", "shop", "a", "log"), False),
        (rule(["get"], ["pods/log"]), ("get", "pods", "shop", "a", "log"), True),
        (rule(["get"], ["*/log"]), ("get", "pods", "shop", "a", "log"), True),
    ],
)
def test_rules(given: Obj, asked: tuple[Any, ...], allowed: bool) -> None:
    bench = ApiBench()
    assert bench.api.allowed(USER, *asked) is False
    bench.create(role([given]))
    bench.create(binding([WORKER]))
    assert bench.api.allowed(USER, *asked) is allowed
    assert bench.api.allowed("system:serviceaccount:shop:other", *asked) is False
    assert bench.api.allowed("system:admin", *asked)
    assert bench.api.allowed("system:kube-controller-manager", *asked)


@pytest.mark.parametrize(
    ("subject", "user"),
    [
        ({"kind": "User", "name": "ann"}, "ann"),
        ({"kind": "Group", "name": "system:authenticated"}, "ann"),
        ({"kind": "Group", "name": "system:serviceaccounts:shop"}, USER),
        ({"kind": "ServiceAccount", "name": "worker"}, USER),
    ],
)
def test_subjects(subject: Obj, user: str) -> None:
    bench = ApiBench()
    bench.create(role([rule(["get"], ["pods"])], "ClusterRole"))
    bench.create(binding([subject], to="ClusterRole"))
    assert bench.api.allowed(user, "get", "pods", "shop")
    assert not bench.api.allowed("system:anonymous", "get", "pods", "shop")
    assert not bench.api.allowed(user, "get", "pods", "default")


def test_cluster_bindings_and_aggregated_roles() -> None:
    bench = ApiBench()
    gathered = role([], "ClusterRole") | {
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}
    }
    bench.create(gathered)
    bench.create(binding([WORKER], "ClusterRoleBinding", "ClusterRole"))
    assert not bench.api.allowed(USER, "list", "nodes")
    part = role([rule(["list"], ["nodes"])], "ClusterRole", "part")
    part["metadata"]["labels"] = {"part": "yes"}
    bench.create(part)
    assert bench.api.allowed(USER, "list", "nodes")


def test_writes_are_refused_in_kubernetes_words() -> None:
    bench = ApiBench()
    bench.create(pod())
    error = bench.refused(bench.api.create(deployment(), user=USER))
    assert isinstance(error, Forbidden)
    assert error.message == (
        f'deployments.apps is forbidden: User "{USER}" cannot create resource "deployments" '
        'in API group "apps" in the namespace "shop"'
    )
    with pytest.raises(Forbidden, match='cannot delete resource "pods" in API group ""'):
        bench.api.delete("po", "web-1", "shop", user=USER)
    with pytest.raises(Forbidden, match=r'^nodes "n" is forbidden'):
        bench.run(bench.api.patch("nodes", "n", None, {}, "merge", user=USER))


def ask(
    bench: ApiBench, kind: str, spec: Obj, user: str = "system:admin", group: str = "authorization"
) -> Obj:
    review = {"apiVersion": f"{group}.k8s.io/v1", "kind": kind, "metadata": {}, "spec": spec}
    status: Obj = bench.create(review, user=user)["status"]
    return status


def test_access_reviews() -> None:
    bench = ApiBench()
    before = bench.api.resource_version
    wanted = {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "shop"}}
    assert ask(bench, "SelfSubjectAccessReview", wanted)["allowed"]
    assert not ask(bench, "SelfSubjectAccessReview", wanted, user=USER)["allowed"]
    assert not ask(bench, "SubjectAccessReview", {"user": USER, **wanted})["allowed"]
    path = {"nonResourceAttributes": {"verb": "get", "path": "/version"}}
    assert ask(bench, "SelfSubjectAccessReview", path, user=USER)["allowed"]
    assert bench.api.resource_version == before, "reviews are not stored"
    bench.create(role([rule(["get"], ["pods"])]))
    bench.create(binding([WORKER]))
    assert ask(bench, "SubjectAccessReview", {"user": USER, **wanted})["allowed"]
    assert not ask(bench, "SubjectAccessReview", {"user": "x", "groups": ["y"], **wanted})["allowed"]
    rules = ask(bench, "SelfSubjectRulesReview", {"namespace": "shop"}, user=USER)["resourceRules"]
    assert rule(["get"], ["pods"]) in rules
    with pytest.raises(BadRequest, match="exactly one of"):
        ask(bench, "SelfSubjectAccessReview", {})
    with pytest.raises(Forbidden):
        ask(bench, "SubjectAccessReview", {"user": USER, **wanted}, user=USER)


def test_token_reviews() -> None:
    bench = ApiBench()
    uid = bench.create(pod())["metadata"]["uid"]

    def review(token: str, *audiences: str) -> Obj:
        return ask(
            bench, "TokenReview", {"token": token, "audiences": list(audiences)}, group="authentication"
        )

    good = review(f"sa:shop:default:identity.l5d.io:{uid}", "identity.l5d.io")
    assert good["authenticated"]
    assert good["user"]["username"] == "system:serviceaccount:shop:default"
    assert good["audiences"] == ["identity.l5d.io"]
    assert good["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["web-1"]
    assert review("sa:shop:default::")["authenticated"]
    assert review(f"sa:shop:default:https://kubernetes.default.svc:{uid}")["authenticated"]
    for token, audience, why in (
        ("nonsense", "", "invalid bearer token"),
        ("sa:shop:ghost::", "", 'serviceaccounts "ghost" not found'),
        ("sa:shop:default:identity.l5d.io:other-uid", "identity.l5d.io", "its pod is gone"),
        (f"sa:shop:default:identity.l5d.io:{uid}", "", "is invalid for the target audiences"),
        ("sa:shop:default::", "identity.l5d.io", "is invalid for the target audiences"),
    ):
        bad = review(token, *filter(None, [audience]))
        assert bad["authenticated"] is False
        assert why in bad["error"]


def test_an_api_service_is_available_while_its_service_has_endpoints() -> None:
    bench = ApiBench()
    spec = {"group": "tap.example.com", "version": "v1", "service": {"name": "tap", "namespace": "shop"}}
    name = "v1.tap.example.com"
    group = "apiregistration.k8s.io/v1"
    bench.create({"apiVersion": group, "kind": "APIService", "metadata": {"name": name}, "spec": spec})

    def condition() -> tuple[str, str, str]:
        (found,) = bench.api.get("apiservices", name)["status"]["conditions"]
        return found["status"], found["reason"], found["lastTransitionTime"][-4:]

    assert condition() == ("False", "ServiceNotFound", ":00Z")
    bench.engine.run_until(5)
    bench.create(service("tap"))
    assert condition() == ("False", "EndpointsNotFound", ":00Z")
    meta = {"name": "tap", "namespace": "shop"}
    ready = {"addresses": [{"ip": "10.4.0.1"}], "ports": [{"port": 443}]}
    bench.api.create_now({"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": [ready]})
    assert condition() == ("True", "Passed", ":05Z")
    bench.api.replace_now({"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": []})
    assert condition()[:2] == ("False", "MissingEndpoints")


def test_the_cluster_starts_with_what_clients_look_for() -> None:
    api = ApiBench().api
    spaces = {one["metadata"]["name"] for one in api.list("ns")}
    assert spaces == {"default", "kube-system", "kube-public", "kube-node-lease", "shop"}
    assert (
        "requestheader-client-ca-file"
        in api.get("cm", "extension-apiserver-authentication", "kube-system")["data"]
    )
    assert api.get("svc", "kubernetes")["spec"]["clusterIP"] == "10.96.0.1"
    for name in spaces:
        assert api.get("sa", "default", name)
    assert api.find("clusterroles", "system:auth-delegator")
    assert config()["data"] == {}
