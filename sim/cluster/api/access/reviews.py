"""Reviews: objects whose creation asks a question and whose status is the answer. None is stored."""

from typing import TYPE_CHECKING

from sim.cluster.api.access.rbac import Access, user_groups
from sim.cluster.api.errors import BadRequest
from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["Reviews"]

AUDIENCES = ("https://kubernetes.default.svc", "kubernetes", "api")  # tokens for the API server itself


class Reviews:
    """Answers access and token reviews."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api

    def answer(self, resource: Resource, review: Obj, user: str) -> Obj:
        """The review with its status.

        Raises:
            BadRequest: the question is incomplete.
        """
        spec = review.get("spec") or {}
        if resource.kind == "TokenReview":
            status = self._token(spec)
        elif resource.kind == "SelfSubjectAccessReview":
            status = self._access(spec, user, user_groups(user))
        elif resource.kind in ("SubjectAccessReview", "LocalSubjectAccessReview"):
            asked = str(spec.get("user") or "")
            groups = tuple(spec.get("groups") or ())
            if not asked and not groups:
                raise BadRequest("spec.user: Required value: at least one of user or group must be specified")
            status = self._access(spec, asked, groups or user_groups(asked))
        elif resource.kind == "SelfSubjectRulesReview":
            status = self._rules(str(spec.get("namespace") or ""), user)
        else:
            status = {"userInfo": {"username": user, "groups": list(user_groups(user))}}
        return {**review, "status": status}

    def _access(self, spec: Obj, user: str, groups: tuple[str, ...]) -> Obj:
        wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(wanted) == bool(path):
            raise BadRequest("spec: exactly one of resourceAttributes and nonResourceAttributes must be set")
        if wanted:
            access = Access(
                verb=wanted.get("verb", ""),
                group=wanted.get("group", ""),
                resource=wanted.get("resource", ""),
                subresource=wanted.get("subresource", ""),
                namespace=wanted.get("namespace", ""),
                name=wanted.get("name", ""),
            )
        else:
            asked = path or {}
            access = Access(verb=asked.get("verb", ""), path=asked.get("path", ""))
        if self.api.rbac.allows(user, access, groups):
            return {"allowed": True, "reason": "RBAC: allowed"}
        return {"allowed": False, "reason": ""}

    def _rules(self, namespace: str, user: str) -> Obj:
        rules = list(self.api.rbac.rules(user, user_groups(user), namespace))
        if "system:masters" in user_groups(user):
            rules.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        return {
            "resourceRules": [rule for rule in rules if not rule.get("nonResourceURLs")],
            "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": False,
        }

    def _token(self, spec: Obj) -> Obj:
        """Tokens read ``sa:NAMESPACE:NAME:AUDIENCE:PODUID``; an empty audience is the API server's own."""
        parts = str(spec.get("token") or "").split(":", 3)
        if len(parts) != 4 or parts[0] != "sa":
            return {"authenticated": False, "error": "[invalid bearer token, Token has been invalidated]"}
        _, namespace, name, rest = parts
        audience, _, pod_uid = rest.rpartition(":")
        account = self.api.find("serviceaccounts", name, namespace)
        if account is None:
            return _refused(f'serviceaccounts "{name}" not found')
        pods = self.api.list("pods", namespace) if pod_uid else []
        pod = next((pod for pod in pods if pod["metadata"]["uid"] == pod_uid), None)
        if pod_uid and pod is None:
            return _refused("service account token has been invalidated: its pod is gone")
        held = (audience,) if audience and audience not in AUDIENCES else AUDIENCES
        wanted = spec.get("audiences") or list(AUDIENCES)
        shared = [one for one in wanted if one in held]
        if not shared:
            return _refused(f"token audiences {list(held)} is invalid for the target audiences {wanted}")
        user = f"system:serviceaccount:{namespace}:{name}"
        answer: Obj = {"username": user, "uid": account["metadata"]["uid"], "groups": list(user_groups(user))}
        if pod is not None:
            answer["extra"] = {
                "authentication.kubernetes.io/pod-name": [pod["metadata"]["name"]],
                "authentication.kubernetes.io/pod-uid": [pod_uid],
            }
        return {"authenticated": True, "user": answer, "audiences": shared}


def _refused(why: str) -> Obj:
    return {"authenticated": False, "error": f"[invalid bearer token, {why}]"}
