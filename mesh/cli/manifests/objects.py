"""Small functions that build Kubernetes objects as plain JSON values."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "READ",
    "Naming",
    "Obj",
    "b64",
    "binding",
    "cluster_role",
    "config_map",
    "object_of",
    "role",
    "rule",
    "secret",
    "service",
    "service_account",
]

Obj = dict[str, Any]
READ = ("list", "get", "watch")
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Naming:
    """What the objects of one component have in common.

    Attributes:
        labels: on every object.
        created_by: annotation value naming the command and its version.
    """

    namespace: str
    labels: Mapping[str, str]
    created_by: str

    def metadata(self, name: str, *, cluster: bool = False, annotate: bool = False) -> Obj:
        """Metadata of an object of this component; ``annotate`` adds who created it."""
        found: Obj = {"name": name}
        if not cluster:
            found["namespace"] = self.namespace
        found["labels"] = dict(self.labels)
        if annotate:
            found["annotations"] = {"linkerd.io/created-by": self.created_by}
        return found


def object_of(api_version: str, kind: str, metadata: Obj, **body: Any) -> Obj:
    """An object with these top-level fields, in this order."""
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata, **body}


def rule(groups: str, resources: str, verbs: Iterable[str] = READ, names: Iterable[str] = ()) -> Obj:
    """A policy rule; words are separated by spaces, ``core`` is the core group."""
    found: Obj = {
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
        "verbs": list(verbs),
    }
    if names:
        found["resourceNames"] = list(names)
    return found


def cluster_role(naming: Naming, name: str, *rules: Obj) -> Obj:
    """A ClusterRole."""
    return object_of(f"{RBAC}/v1", "ClusterRole", naming.metadata(name, cluster=True), rules=list(rules))


def role(naming: Naming, name: str, *rules: Obj) -> Obj:
    """A Role in the component's namespace."""
    return object_of(f"{RBAC}/v1", "Role", naming.metadata(name), rules=list(rules))


def binding(
    naming: Naming,
    name: str,
    role_kind: str,
    role_name: str,
    accounts: Iterable[str],
    *,
    account_namespace: str = "",
) -> Obj:
    """A ClusterRoleBinding, or a RoleBinding when ``role_kind`` is Role, to service accounts.

    Args:
        account_namespace: where the accounts are, if not in the component's namespace.
    """
    cluster = role_kind == "ClusterRole"
    namespace = account_namespace or naming.namespace
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": namespace} for account in accounts]
    return object_of(
        f"{RBAC}/v1",
        "ClusterRoleBinding" if cluster else "RoleBinding",
        naming.metadata(name, cluster=cluster),
        roleRef={"apiGroup": RBAC, "kind": role_kind, "name": role_name},
        subjects=subjects,
    )


def service_account(naming: Naming, name: str) -> Obj:
    """A ServiceAccount."""
    return object_of("v1", "ServiceAccount", naming.metadata(name))


def service(
    naming: Naming,
    name: str,
    ports: Iterable[tuple[str, int, Any]],
    selector: Mapping[str, str],
    *,
    headless: bool = False,
) -> Obj:
    """A Service.

    Args:
        ports: name, port, target port (a number or a container port's name).
        selector: labels of its pods.
    """
    spec: Obj = {"clusterIP": "None"} if headless else {"type": "ClusterIP"}
    spec["selector"] = dict(selector)
    spec["ports"] = [{"name": label, "port": port, "targetPort": target} for label, port, target in ports]
    return object_of("v1", "Service", naming.metadata(name, annotate=True), spec=spec)


def config_map(naming: Naming, name: str, data: Mapping[str, str]) -> Obj:
    """A ConfigMap."""
    return object_of("v1", "ConfigMap", naming.metadata(name, annotate=True), data=dict(data))


def secret(naming: Naming, name: str, data: Mapping[str, str], type_: str = "") -> Obj:
    """A Secret; the values of ``data`` are plain text."""
    encoded = {key: b64(value) for key, value in data.items()}
    found = object_of("v1", "Secret", naming.metadata(name, annotate=True))
    if type_:
        found["type"] = type_
    found["data"] = encoded
    return found


def b64(text: str) -> str:
    """Base64 of the text's UTF-8 bytes."""
    return base64.b64encode(text.encode()).decode()
