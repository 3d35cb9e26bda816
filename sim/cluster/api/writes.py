"""Creating, updating and patching: from what a client sent to what is stored."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias

import simpy

from sim.cluster.api.admission import Request
from sim.cluster.api.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    UnsupportedMediaType,
    already_exists,
    modified,
    not_found,
)
from sim.cluster.api.objects import Obj, clone, generated_name
from sim.cluster.api.patch import json_patch, merge_patch, strategic_merge
from sim.cluster.api.resources import Resource
from sim.cluster.api.scale import scale_of, scaled
from sim.cluster.api.schema.defaults import apply_defaults
from sim.cluster.api.schema.validation import check_name, check_object, misshapen

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["Write", "Writer"]

Write: TypeAlias = Generator[simpy.Event, Any, Obj]
PATCH_ATTEMPTS = 5  # how often a patch is applied again when the object changed during admission
NAME_ATTEMPTS = 8


class Writer:
    """Carries out writes for the API server."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api

    # -- receiving ----------------------------------------------------------------------------------------

    def receive(self, obj: Obj) -> tuple[Resource, Obj, str]:
        """The resource of an object, a copy of it in the stored version, and the version it came in.

        Raises:
            BadRequest: no apiVersion, kind or metadata.
            NoMatch: no resource has its apiVersion and kind.
        """
        if not isinstance(obj, dict) or not obj.get("kind") or not obj.get("apiVersion"):
            missing = "kind" if isinstance(obj, dict) and obj.get("apiVersion") else "apiVersion"
            raise BadRequest(f"error validating data: {missing} not set")
        given = str(obj["apiVersion"])
        resource = self.api.resource_for(given, str(obj["kind"]))
        received = _own(obj)
        received["apiVersion"] = resource.api_version
        meta = received.get("metadata")
        if meta is None:
            meta = received["metadata"] = {}
        if not isinstance(meta, dict):
            raise BadRequest("error validating data: metadata must be an object")
        if resource.namespaced:
            meta["namespace"] = meta.get("namespace") or "default"
        else:
            meta.pop("namespace", None)
        return resource, received, given

    # -- create -------------------------------------------------------------------------------------------

    def create(self, obj: Obj, user: str, dry_run: bool) -> Write:
        """Admit and store a new object."""
        api = self.api
        resource, new, given = self.receive(obj)
        meta = new["metadata"]
        namespace = meta.get("namespace")
        api.authorize(user, "create", resource, namespace)
        if not resource.stored:
            return api.reviews.answer(resource, new, user)
        api.validator.check_fields(resource, new)
        if meta.get("name") and api.store.find(resource, meta["name"], namespace or ""):
            raise already_exists(resource, meta["name"])
        self._clear_system_fields(resource, new)
        self._default(resource, new, given)
        self._reject_terminating(resource, meta.get("name", ""), namespace)
        request = Request("CREATE", resource, new, None, user, dry_run)
        new = yield from api.admission.admit(request)
        return self._insert(resource, new, dry_run)

    def create_now(self, obj: Obj) -> Obj:
        """Store a component's object: defaults, but no webhooks, no permissions, no validation."""
        resource, new, given = self.receive(obj)
        self._default(resource, new, given)
        return self._insert(resource, new, dry_run=False, check=False)

    def _clear_system_fields(self, resource: Resource, new: Obj) -> None:
        meta = new["metadata"]
        if meta.get("resourceVersion"):
            raise BadRequest("resourceVersion should not be set on objects to be created")
        for field in (
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
        ):
            meta.pop(field, None)
        if resource.has_status:
            new["status"] = {}

    def _default(self, resource: Resource, new: Obj, given: str) -> None:
        try:
            self.api.definitions.prepare(resource, new, given)
            apply_defaults(new, given, self.api.minor)
        except (AttributeError, KeyError, TypeError):
            # The defaults walk the object as its kind prescribes; something in it has another shape.
            raise BadRequest(misshapen(resource)) from None

    def _insert(self, resource: Resource, new: Obj, dry_run: bool, check: bool = True) -> Obj:
        """Name, check, allocate, store."""
        api, meta = self.api, new["metadata"]
        # Again: the namespace may have gone while webhooks were asked.
        self._reject_terminating(resource, meta.get("name", ""), meta.get("namespace"))
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = self._generate(resource, meta)
        if check:
            check_name(resource, new)
            check_object(resource, new)
        if resource.key == "services":
            api.services.allocate(resource, new, None, dry_run=dry_run)
        if resource.key == "jobs.batch":
            _select_own_pods(new, api.store.next_uid())
        elif resource.key == "serviceaccounts" and not dry_run:
            api.admission.accounts.issue_secret(new)
        if dry_run:
            return api.store.pretend(resource, new)
        stored = api.store.insert(resource, new)
        api.after_write(resource, stored)
        return stored

    def _generate(self, resource: Resource, meta: Obj) -> str:
        rng = self.api.engine.stream("api", "names", resource.key)
        for _ in range(NAME_ATTEMPTS):
            name = generated_name(meta["generateName"], rng)
            if self.api.store.find(resource, name, meta.get("namespace", "")) is None:
                return name
        raise ApiError(f"no free name was found for generateName {meta['generateName']!r}")

    def _reject_terminating(self, resource: Resource, name: str, namespace: str | None) -> None:
        """Objects are made only in namespaces that exist and stay."""
        if not resource.namespaced:
            return
        found = self.api.namespace(namespace or "")
        if found is None:
            raise not_found(self.api.resource("namespaces"), namespace or "")
        if found["metadata"].get("deletionTimestamp"):
            raise Forbidden(
                f'{resource.key} "{name}" is forbidden: unable to create new content in namespace '
                f"{namespace} because it is being terminated"
            )

    # -- update -------------------------------------------------------------------------------------------

    def update(self, obj: Obj, user: str, subresource: str) -> Write:
        """Replace an object or its status."""
        resource, new, given = self.receive(obj)
        meta = new["metadata"]
        self.api.authorize(user, "update", resource, meta.get("namespace"), meta.get("name"), subresource)
        old = self._current(resource, meta)
        return (yield from self._commit(resource, new, old, given, user, subresource, dry_run=False))

    def replace_now(self, obj: Obj) -> Obj:
        """Store a component's change of spec or metadata; status stays what it was."""
        resource, new, _ = self.receive(obj)
        old = self._current(resource, new["metadata"])
        return self._replace(resource, _keep_status(resource, new, old), old)

    def _current(self, resource: Resource, meta: Obj) -> Obj:
        """The stored object that ``meta`` names; its uid and resourceVersion must agree if given."""
        old = self.api.store.find(resource, str(meta.get("name", "")), meta.get("namespace") or "")
        if old is None:
            raise not_found(resource, str(meta.get("name", "")))
        for field in ("resourceVersion", "uid"):
            if meta.get(field) and meta[field] != old["metadata"][field]:
                raise modified(resource, meta["name"])
        return old

    def _commit(
        self, resource: Resource, new: Obj, old: Obj, given: str, user: str, subresource: str, dry_run: bool
    ) -> Write:
        """Admit and store a new state of ``old``."""
        api = self.api
        if subresource == "status":
            new = {**old, "metadata": dict(old["metadata"]), "status": new.get("status") or {}}
            return old if dry_run else self._replace(resource, new, old)
        new = _keep_status(resource, new, old)
        api.validator.check_fields(resource, new)
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
            new["metadata"].pop(field, None)
            if field in old["metadata"]:
                new["metadata"][field] = old["metadata"][field]
        self._default(resource, new, given)
        if resource.key == "services":
            api.services.keep(new, old)
        new = yield from api.admission.admit(Request("UPDATE", resource, new, old, user, dry_run))
        check_object(resource, new, old)
        if resource.key == "services":
            api.services.allocate(resource, new, old, dry_run=dry_run)
        if dry_run:
            return new
        return self._replace(resource, new, old)

    def _replace(self, resource: Resource, new: Obj, old: Obj) -> Obj:
        stored = self.api.store.replace(resource, new, old)
        if stored is not old:
            self.api.after_write(resource, stored)
        return self.api.deleter.finish(resource, stored)

    # -- patch --------------------------------------------------------------------------------------------

    def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        patch: Any,
        kind: str,
        user: str,
        subresource: str,
        dry_run: bool,
    ) -> Write:
        """Apply a patch to the current state; again if that changed while webhooks were asked."""
        self.api.authorize(user, "patch", resource, namespace, name, subresource)
        meta = {"name": name, "namespace": namespace or ("default" if resource.namespaced else "")}
        for attempt in range(PATCH_ATTEMPTS):
            old = self._current(resource, meta)
            new = self._patched(resource, old, patch, kind, subresource)
            given = str(new.get("apiVersion", resource.api_version))
            new["apiVersion"] = resource.api_version
            part = "" if subresource == "scale" else subresource
            try:
                stored = yield from self._commit(resource, new, old, given, user, part, dry_run)
            except ApiError as error:
                stale = self.api.store.find(resource, name, meta["namespace"]) is not old
                if error.reason != "Conflict" or not stale or attempt == PATCH_ATTEMPTS - 1:
                    raise
                continue
            return scale_of(resource, stored) if subresource == "scale" else stored
        raise modified(resource, name)  # not reached: the last attempt returns or raises

    def _patched(self, resource: Resource, old: Obj, patch: Any, kind: str, subresource: str) -> Obj:
        """What the patch makes of the object."""
        target = scale_of(resource, old) if subresource == "scale" else old
        patch = _own(patch)
        if kind == "json":
            new = json_patch(target, patch)
        elif not isinstance(patch, dict):
            raise BadRequest(f"a {kind} patch must be an object")
        elif kind == "merge":
            new = merge_patch(target, patch)
        elif kind == "strategic":
            if resource.custom:
                raise UnsupportedMediaType(
                    "the body of the request was in an unknown format - accepted media types include: "
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                )
            new = strategic_merge(self.api.schema, target, patch)
        else:
            raise BadRequest(f'unknown patch kind "{kind}": use strategic, merge or json')
        self._check_identity(resource, new, target)
        new = _own(new)
        return scaled(resource, old, new) if subresource == "scale" else new

    def _check_identity(self, resource: Resource, new: Obj, old: Obj) -> None:
        meta, before = new.get("metadata"), old["metadata"]
        if not isinstance(meta, dict):
            raise BadRequest("a patch cannot take away an object's metadata")
        for field in ("name", "namespace"):
            if meta.get(field) != before.get(field):
                raise BadRequest(
                    f"the {field} of the object ({meta.get(field)}) does not match the name on the URL"
                )
        version = meta.get("resourceVersion")
        if version and version != before["resourceVersion"]:
            raise modified(resource, before["name"])
        if new.get("kind") != old["kind"]:
            raise BadRequest(
                f"a patch cannot change an object's kind from {old['kind']} to {new.get('kind')}"
            )


def _own(obj: Obj) -> Obj:
    """A copy of what a client sent.

    Raises:
        BadRequest: it is nested too deeply to be handled.
    """
    try:
        return clone(obj)  # type: ignore[no-any-return]
    except RecursionError:
        raise BadRequest("error validating data: nested too deeply") from None


def _keep_status(resource: Resource, new: Obj, old: Obj) -> Obj:
    """Status changes only through its subresource, where the kind has one."""
    if resource.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def _select_own_pods(job: Obj, uid: str) -> None:
    """A Job selects its pods by its own uid."""
    job["metadata"]["uid"] = uid
    spec = job["spec"]
    if spec.get("manualSelector"):
        return
    template = spec["template"].setdefault("metadata", {})
    labels = template["labels"] = dict(template.get("labels") or {})
    spec["selector"] = {"matchLabels": {"controller-uid": uid}}
    labels |= {"controller-uid": uid, "job-name": job["metadata"]["name"]}
