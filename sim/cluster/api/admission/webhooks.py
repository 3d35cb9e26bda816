"""Admission webhooks: programs in the cluster that change or refuse writes."""

import base64
import binascii
import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import simpy

from sim.cluster.api.access.rbac import user_groups
from sim.cluster.api.admission.request import Request
from sim.cluster.api.errors import ApiError, Internal, Invalid
from sim.cluster.api.objects import Obj, clone, make_uid
from sim.cluster.api.patch import json_patch
from sim.cluster.api.selectors import matches_selector

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer
    from sim.cluster.program import HttpReply

__all__ = ["Webhooks"]

GROUP = "admissionregistration.k8s.io"
V1_SINCE = 16  # minor version from which AdmissionReview is offered as v1
QUOTED_SINCE = 20  # minor version from which error texts quote the URL


class CallError(Exception):
    """A webhook could not be asked, or its answer made no sense."""


class Webhooks:
    """Calls the webhooks of the configurations stored now."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api
        self._uids = api.engine.stream("api", "admission", "uid")

    # -- mutating -----------------------------------------------------------------------------------------

    def mutate(self, request: Request) -> Generator[simpy.Event, Any, bool]:
        """Let every matching webhook change the object, in order of configuration name; whether one did.

        One with reinvocationPolicy IfNeeded is asked once more when a later one changed something.
        """
        hooks = self._matching("mutatingwebhookconfigurations", request)
        changed_by = []
        for index, hook in enumerate(hooks):
            if (yield from self._mutate_by(hook, request)):
                changed_by.append(index)
        last = max(changed_by, default=-1)
        for index, hook in enumerate(hooks):
            if hook.get("reinvocationPolicy") == "IfNeeded" and index < last:
                yield from self._mutate_by(hook, request)
        return bool(changed_by)

    def _mutate_by(self, hook: Obj, request: Request) -> Generator[simpy.Event, Any, bool]:
        response = yield from self._ask(hook, request)
        operations = _operations(hook, response)
        if not operations:
            return False
        try:
            changed = json_patch(request.object, operations)
        except Invalid as error:
            raise Internal(f"Internal error occurred: {error.message}") from None
        if changed == request.object:
            return False
        request.object = changed
        return True

    # -- validating ---------------------------------------------------------------------------------------

    def validate(self, request: Request) -> Generator[simpy.Event, Any, None]:
        """Ask every matching validating webhook, all at once; the first refusal in order counts."""
        hooks = self._matching("validatingwebhookconfigurations", request)
        if not hooks:
            return
        engine = self.api.engine
        asked = [engine.process(self._verdict(hook, request)) for hook in hooks]
        yield engine.all_of(asked)
        for process in asked:
            if process.value is not None:
                raise process.value

    def _verdict(self, hook: Obj, request: Request) -> Generator[simpy.Event, Any, ApiError | None]:
        """The refusal as a value: a failed process nobody waits for would stop the run."""
        try:
            yield from self._ask(hook, request)
        except ApiError as error:
            return error
        return None

    # -- matching -----------------------------------------------------------------------------------------

    def _matching(self, plural: str, request: Request) -> list[Obj]:
        found = []
        for configuration in self.api.list(f"{plural}.{GROUP}"):
            hooks = configuration.get("webhooks") or ()
            found += [hook for hook in hooks if self._concerns(hook, request)]
        return found

    def _concerns(self, hook: Obj, request: Request) -> bool:
        if not any(_rule_matches(rule, request) for rule in hook.get("rules") or ()):
            return False
        if not self._namespace_selected(hook.get("namespaceSelector") or {}, request):
            return False
        selector = hook.get("objectSelector") or {}
        states = [request.object] if request.old is None else [request.object, request.old]
        return any(matches_selector(selector, obj["metadata"].get("labels") or {}) for obj in states)

    def _namespace_selected(self, selector: Obj, request: Request) -> bool:
        if request.resource.key == "namespaces":
            return matches_selector(selector, request.object["metadata"].get("labels") or {})
        if not request.resource.namespaced:
            return True
        found = self.api.namespace(request.object["metadata"]["namespace"])
        return found is not None and matches_selector(selector, found["metadata"].get("labels") or {})

    # -- asking -------------------------------------------------------------------------------------------

    def _ask(self, hook: Obj, request: Request) -> Generator[simpy.Event, Any, Obj]:
        """The webhook's response; an empty one when it failed and may be ignored.

        Raises:
            ApiError: it refused the object.
            Internal: it failed and its failurePolicy is Fail.
        """
        try:
            response = yield from self._call(hook, request)
        except CallError as error:
            if hook.get("failurePolicy") == "Ignore":
                return {}
            raise Internal(
                f'Internal error occurred: failed calling webhook "{hook["name"]}": {error}'
            ) from None
        if response.get("allowed"):
            return response
        status = response.get("status") or {}
        message = status.get("message") or status.get("reason") or "without explanation"
        text = f'admission webhook "{hook["name"]}" denied the request: {message}'
        if message == "without explanation":
            text = f'admission webhook "{hook["name"]}" denied the request without explanation'
        raise ApiError(text, reason=status.get("reason") or "BadRequest", code=status.get("code") or 400)

    def _call(self, hook: Obj, request: Request) -> Generator[simpy.Event, Any, Obj]:
        """POST the review and return the response part of the answer."""
        host, port, path, url = _address(hook)
        timeout = float(hook.get("timeoutSeconds") or 10)
        review = self._review(hook, request)
        if self.api.http is None or self.api.netns is None:
            raise CallError(self._failure(url, timeout, "no network"))
        # The API server tells a webhook its time limit in the query, as Kubernetes does.
        query = f"{path}?timeout={timeout:g}s"
        caller = self.api.http.call(self.api.netns, host, port, "POST", query, review, timeout=timeout)
        reply: HttpReply = yield from caller
        if reply.status == 0:
            raise CallError(self._failure(url, timeout, reply.error or "connection refused"))
        if reply.status != 200:
            raise CallError(
                f"an error on the server ({json.dumps(reply.body)}) has prevented the request: {reply.status}"
            )
        response = _response(reply.body)
        if response.get("uid") not in (None, review["request"]["uid"]):
            raise CallError(f'expected response.uid="{review["request"]["uid"]}", got "{response["uid"]}"')
        return response

    def _failure(self, url: str, timeout: float, error: str) -> str:
        target = f"{url}?timeout={timeout:g}s"
        if self.api.minor >= QUOTED_SINCE:
            return f'failed to call webhook: Post "{target}": {error}'
        return f"Post {target}: {error}"

    def _review(self, hook: Obj, request: Request) -> Obj:
        resource = request.resource
        offered = ("v1", "v1beta1") if self.api.minor >= V1_SINCE else ("v1beta1",)
        versions = [
            version for version in hook.get("admissionReviewVersions") or ("v1beta1",) if version in offered
        ]
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        named = {"group": resource.group, "version": resource.version, "resource": resource.plural}
        meta = request.object["metadata"]
        return {
            "kind": "AdmissionReview",
            "apiVersion": f"admission.k8s.io/{versions[0] if versions else offered[-1]}",
            "request": {
                "uid": make_uid(self._uids),
                "kind": kind,
                "resource": named,
                "requestKind": kind,
                "requestResource": named,
                "name": meta.get("name", ""),
                "namespace": meta.get("namespace", ""),
                "operation": request.operation,
                "userInfo": {"username": request.user, "groups": list(user_groups(request.user))},
                "object": clone(request.object),
                "oldObject": clone(request.old),
                "dryRun": request.dry_run,
                "options": {"kind": f"{request.operation.title()}Options", "apiVersion": "meta.k8s.io/v1"},
            },
        }


def _rule_matches(rule: Obj, request: Request) -> bool:
    resource = request.resource
    for field, wanted in (("operations", (request.operation,)), ("apiGroups", (resource.group,))):
        values = rule.get(field) or ()
        if "*" not in values and not any(one in values for one in wanted):
            return False
    # matchPolicy Equivalent: any version of the resource that the rule names will do.
    versions = rule.get("apiVersions") or ()
    if "*" not in versions and not any(version in versions for version in resource.versions):
        return False
    if not any(
        one in ("*", "*/*", resource.plural, f"{resource.plural}/*") for one in rule.get("resources") or ()
    ):
        return False
    scope = rule.get("scope") or "*"
    return scope == "*" or (scope == "Namespaced") == resource.namespaced


def _address(hook: Obj) -> tuple[str, int, str, str]:
    """Host, port, path and URL of a webhook.

    Raises:
        CallError: its clientConfig names neither a service nor a usable URL.
    """
    config = hook.get("clientConfig") or {}
    service = config.get("service")
    if service:
        host, port = f"{service.get('name')}.{service.get('namespace')}.svc", int(service.get("port") or 443)
        path = service.get("path") or "/"
        return host, port, path, f"https://{host}:{port}{path}"
    url = str(config.get("url") or "")
    parts = urlsplit(url)
    if not parts.hostname:
        raise CallError("clientConfig names neither a service nor a URL")
    return parts.hostname, parts.port or 443, parts.path or "/", url


def _response(body: Any) -> Obj:
    """The response part of an AdmissionReview.

    Raises:
        CallError: there is none.
    """
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except ValueError:
            raise CallError("couldn't get version/kind; json parse error") from None
    response = body.get("response") if isinstance(body, dict) else None
    if not isinstance(response, dict):
        raise CallError("webhook response is not an AdmissionReview with a response")
    return response


def _operations(hook: Obj, response: Obj) -> list[Obj]:
    """The JSON patch of a response: a list, or base64 of its text.

    Raises:
        Internal: it cannot be read.
    """
    patch = response.get("patch")
    if not patch:
        return []
    if isinstance(patch, str):
        try:
            patch = json.loads(base64.b64decode(patch, validate=True))
        except (binascii.Error, ValueError):
            text = f'Internal error occurred: the patch of webhook "{hook["name"]}" is no JSON in base64'
            raise Internal(text) from None
    return patch if isinstance(patch, list) else [patch]
