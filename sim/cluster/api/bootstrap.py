"""What a cluster holds before anybody has done anything."""

from typing import TYPE_CHECKING

from sim.cluster.api.objects import Obj

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["ROOT_CA", "populate"]

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
KUBERNETES_IP, API_PORT = "10.96.0.1", 6443
RBAC, RBAC_V1 = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"
ROOT_CA_SINCE = 20  # minor version from which every namespace holds kube-root-ca.crt
# The simulated API server speaks no TLS, so its authority is a name in the place of a certificate.
ROOT_CA = "-----BEGIN CERTIFICATE-----\nbWVzaGRvam8gY2x1c3RlciBDQQ==\n-----END CERTIFICATE-----\n"

READ, WRITE = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
WORKLOADS: list[tuple[str, list[str]]] = [
    (
        "",
        [
            "configmaps",
            "endpoints",
            "events",
            "persistentvolumeclaims",
            "pods",
            "pods/log",
            "replicationcontrollers",
            "serviceaccounts",
            "services",
        ],
    ),
    ("apps", ["daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets"]),
    ("batch", ["cronjobs", "jobs"]),
    ("autoscaling", ["horizontalpodautoscalers"]),
    ("networking.k8s.io", ["ingresses", "networkpolicies"]),
    ("policy", ["poddisruptionbudgets"]),
]


def populate(api: "ApiServer") -> None:
    """Create the initial namespaces, accounts, roles, and the objects that lead to the API server itself."""
    for name in NAMESPACES:
        api.create_now({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for name in NAMESPACES:
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name},
        }
        api.create_now(account)
        if api.minor >= ROOT_CA_SINCE:
            api.create_now(_config_map("kube-root-ca.crt", name, {"ca.crt": ROOT_CA}))
    api.create_now(
        _config_map(
            "extension-apiserver-authentication",
            "kube-system",
            {
                "client-ca-file": ROOT_CA,
                "requestheader-allowed-names": '["front-proxy-client"]',
                "requestheader-client-ca-file": ROOT_CA,
                "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
                "requestheader-group-headers": '["X-Remote-Group"]',
                "requestheader-username-headers": '["X-Remote-User"]',
            },
        )
    )
    for obj in (*_kubernetes_service(), *_roles()):
        api.create_now(obj)


def _config_map(name: str, namespace: str, data: dict[str, str]) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def _kubernetes_service() -> list[Obj]:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    meta = {"name": "kubernetes", "namespace": "default", "labels": labels}
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": API_PORT}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"clusterIP": KUBERNETES_IP, "type": "ClusterIP", "ports": [port]},
    }
    return [service]


def _roles() -> list[Obj]:
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    view = [_rule(group, resources, READ) for group, resources in WORKLOADS]
    view.append(_rule("", ["namespaces"], READ))
    edit = [*view, *(_rule(group, resources, READ + WRITE) for group, resources in WORKLOADS)]
    edit.append(_rule("", ["secrets", "pods/exec", "pods/portforward", "pods/proxy"], READ + WRITE))
    admin = [*edit, _rule(RBAC, ["roles", "rolebindings"], READ + WRITE)]
    asking = _rule(
        "authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]
    )
    delegator = [
        _rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
        _rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
    ]
    discovery = {
        "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/version"],
        "verbs": ["get"],
    }
    reading = {"resourceNames": ["extension-apiserver-authentication"]}
    reader = {
        "apiVersion": RBAC_V1,
        "kind": "Role",
        "metadata": {"name": "extension-apiserver-authentication-reader", "namespace": "kube-system"},
        "rules": [_rule("", ["configmaps"], READ) | reading],
    }
    return [
        _cluster_role("cluster-admin", everything),
        _cluster_role("admin", admin),
        _cluster_role("edit", edit),
        _cluster_role("view", view),
        _cluster_role("system:auth-delegator", delegator),
        _cluster_role("system:basic-user", [asking]),
        _cluster_role("system:discovery", [discovery]),
        _cluster_binding("cluster-admin", "system:masters"),
        _cluster_binding("system:basic-user", "system:authenticated"),
        _cluster_binding("system:discovery", "system:authenticated"),
        reader,
    ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Obj:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _cluster_role(name: str, rules: list[Obj]) -> Obj:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    return {
        "apiVersion": RBAC_V1,
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": rules,
    }


def _cluster_binding(role: str, group: str) -> Obj:
    return {
        "apiVersion": RBAC_V1,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": group}],
    }
