"""Roles and their bindings made from words."""

from typing import Any

from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.targets import resource_of

__all__ = ["cluster_role", "cluster_role_binding", "role", "role_binding"]

RBAC = "rbac.authorization.k8s.io"


def _rules(call: Call) -> list[Obj]:
    """PolicyRules, one for each API group."""
    if not call["verb"]:
        raise Failure("error: at least one verb must be specified")
    if not call["resource"]:
        raise Failure("error: at least one resource must be specified")
    groups: dict[str, list[str]] = {}
    for word in call["resource"]:
        name, slash, sub = word.partition("/")
        if name == "*":
            groups.setdefault("*", []).append("*")
            continue
        resource = resource_of(call, name)
        groups.setdefault(resource.group, []).append(f"{resource.plural}{slash}{sub}")
    rules = []
    for group, resources in groups.items():
        rule: Obj = {"apiGroups": [group], "resources": resources, "verbs": list(call["verb"])}
        if call["resource-name"]:
            rule["resourceNames"] = list(call["resource-name"])
        rules.append(rule)
    return rules


def role(call: Call, name: str) -> Obj:
    """A Role."""
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": _rules(call)}


def cluster_role(call: Call, name: str) -> Obj:
    """A ClusterRole."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": _rules(call),
    }


def _subjects(call: Call) -> list[Obj]:
    found: list[Any] = [{"apiGroup": RBAC, "kind": "User", "name": name} for name in call["user"]]
    found += [{"apiGroup": RBAC, "kind": "Group", "name": name} for name in call["group"]]
    for text in call["serviceaccount"]:
        space, colon, name = text.partition(":")
        if not colon or not space or not name or ":" in name:
            raise Failure("error: serviceaccount must be <namespace>:<name>")
        found.append({"kind": "ServiceAccount", "name": name, "namespace": space})
    return found


def _binding(call: Call, name: str, kind: str, role_kind: str, role_name: str) -> Obj:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role_name},
        "subjects": _subjects(call),
    }


def role_binding(call: Call, name: str) -> Obj:
    """A RoleBinding."""
    if bool(call["role"]) == bool(call["clusterrole"]):
        raise Failure("error: exactly one of clusterrole or role must be specified")
    kind = "Role" if call["role"] else "ClusterRole"
    return _binding(call, name, "RoleBinding", kind, call["role"] or call["clusterrole"])


def cluster_role_binding(call: Call, name: str) -> Obj:
    """A ClusterRoleBinding."""
    if not call["clusterrole"]:
        raise Failure('error: required flag(s) "clusterrole" not set')
    return _binding(call, name, "ClusterRoleBinding", "ClusterRole", call["clusterrole"])
