"""Role-based access: whether a user may do a thing, from roles and bindings in the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.cluster.api.objects import Obj
from sim.cluster.api.selectors import matches_selector

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["ADMIN", "Access", "Rbac", "user_groups"]

ADMIN = "system:admin"
GROUP = "rbac.authorization.k8s.io"
SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody wants to do: a verb on a resource, or on a path that is no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def user_groups(user: str) -> tuple[str, ...]:
    """The groups a user name belongs to."""
    if user == ADMIN:
        return ("system:masters", "system:authenticated")
    if user == "system:anonymous":
        return ("system:unauthenticated",)
    if user.startswith(SERVICE_ACCOUNT):
        namespace = user.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
        return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    if user.startswith("system:node:"):
        return ("system:nodes", "system:authenticated")
    return ("system:authenticated",)


def _is_component(user: str) -> bool:
    """Parts of the cluster itself, which may do everything here. Differs: real ones have narrow roles."""
    if user.startswith(("system:kube-", "system:node:", "system:apiserver")):
        return True
    return user.startswith("system:serviceaccount:kube-system:") and user.endswith("-controller")


class Rbac:
    """Answers from the roles and bindings stored now."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api

    def allows(self, user: str, access: Access, groups: tuple[str, ...] | None = None) -> bool:
        """Whether a rule bound to the user, or to one of its groups, covers the access."""
        groups = user_groups(user) if groups is None else groups
        if "system:masters" in groups or _is_component(user):
            return True
        return any(_covers(rule, access) for rule in self.rules(user, groups, access.namespace))

    def rules(self, user: str, groups: tuple[str, ...], namespace: str) -> Iterator[Obj]:
        """Rules bound to a user in the whole cluster and, if one is given, in a namespace."""
        for binding in self.api.list("clusterrolebindings.rbac.authorization.k8s.io"):
            if _binds(binding, user, groups):
                yield from self._role_rules(binding["roleRef"], "")
        if not namespace:
            return
        for binding in self.api.list("rolebindings.rbac.authorization.k8s.io", namespace):
            if _binds(binding, user, groups):
                yield from self._role_rules(binding["roleRef"], namespace)

    def _role_rules(self, reference: Obj, namespace: str) -> list[Obj]:
        if reference.get("kind") == "Role":
            role = self.api.find(f"roles.{GROUP}", reference.get("name", ""), namespace)
            return (role or {}).get("rules") or []
        role = self.api.find(f"clusterroles.{GROUP}", reference.get("name", ""))
        if role is None:
            return []
        rules = list(role.get("rules") or ())
        for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
            for other in self.api.list(f"clusterroles.{GROUP}"):
                if matches_selector(selector, other["metadata"].get("labels") or {}):
                    rules += other.get("rules") or ()
        return rules


def _binds(binding: Obj, user: str, groups: tuple[str, ...]) -> bool:
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if kind == "User" and name == user:
            return True
        if kind == "Group" and name in groups:
            return True
        if kind == "ServiceAccount":
            namespace = subject.get("namespace") or binding["metadata"].get("namespace", "")
            if user == f"{SERVICE_ACCOUNT}{namespace}:{name}":
                return True
    return False


def _covers(rule: Obj, access: Access) -> bool:
    verbs = rule.get("verbs") or ()
    if access.verb not in verbs and "*" not in verbs:
        return False
    if access.path:
        return any(
            path == access.path or (path.endswith("*") and access.path.startswith(path[:-1]))
            for path in rule.get("nonResourceURLs") or ()
        )
    groups = rule.get("apiGroups") or ()
    if access.group not in groups and "*" not in groups:
        return False
    names = rule.get("resourceNames") or ()
    if names and access.name not in names:
        return False
    wanted = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
    resources = rule.get("resources") or ()
    return wanted in resources or "*" in resources or f"*/{access.subresource}" in resources
