"""CustomResourceDefinitions: kinds that objects in the store add to the API."""

from typing import TYPE_CHECKING

from sim.cluster.api.errors import invalid
from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource, version_rank

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["CRD", "Definitions"]

CRD = "customresourcedefinitions.apiextensions.k8s.io"


class Definitions:
    """Keeps the served resources in step with the definitions stored."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api
        self._schemas: dict[str, Obj] = {}  # resource key → openAPIV3Schema of its preferred version

    def schema(self, key: str) -> Obj | None:
        """The openAPIV3Schema of a custom resource, or None if it declares none."""
        return self._schemas.get(key)

    def prepare(self, resource: Resource, crd: Obj, given: str) -> None:
        """Bring a definition into the stored form and establish it at once; other kinds pass.

        Raises:
            Invalid: names, versions or scope are missing or contradict each other.
        """
        if resource.key != CRD:
            return
        spec = crd.get("spec") or {}
        _check(resource, crd, spec)
        _list_versions(spec, stored_v1=crd["apiVersion"].endswith("/v1"))
        names = spec["names"]
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
        spec.setdefault("conversion", {"strategy": "None"})
        status = crd.setdefault("status", {})
        if not status.get("conditions"):
            now = self.api.engine.timestamp()
            status["conditions"] = [
                _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
                _condition(
                    "Established", "InitialNamesAccepted", "the initial names have been accepted", now
                ),
            ]
        status["acceptedNames"] = names
        status["storedVersions"] = [version["name"] for version in spec["versions"] if version.get("storage")]

    def register(self, crd: Obj) -> None:
        """Serve what a stored definition defines."""
        spec = crd["spec"]
        served = {version["name"]: version for version in spec["versions"] if version.get("served", True)}
        versions = tuple(sorted(served, key=version_rank))
        key = f"{spec['names']['plural']}.{spec['group']}"
        if not versions:
            if any(resource.key == key for resource in self.api.resources()):
                self.api.registry.remove(key)
            return
        preferred = served[versions[0]]
        subresources = preferred.get("subresources") or spec.get("subresources") or {}
        names = spec["names"]
        resource = Resource(
            group=spec["group"],
            version=versions[0],
            versions=versions,
            plural=names["plural"],
            singular=names["singular"],
            kind=names["kind"],
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            namespaced=spec.get("scope") == "Namespaced",
            subresources=tuple(subresources),
            custom=True,
        )
        self.api.registry.add(resource)
        schema = (preferred.get("schema") or spec.get("validation") or {}).get("openAPIV3Schema")
        self._schemas[key] = schema or {}
        self._rewrite(resource)

    def _rewrite(self, resource: Resource) -> None:
        """Objects stored in a version no longer preferred move to the one that is."""
        for obj in self.api.store.list(resource):
            if obj["apiVersion"] != resource.api_version:
                moved = {**obj, "apiVersion": resource.api_version, "metadata": dict(obj["metadata"])}
                self.api.store.replace(resource, moved, obj)

    def withdraw(self, crd: Obj) -> None:
        """A definition is gone: so are its objects, and then the resource."""
        key = f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
        known = {resource.key: resource for resource in self.api.resources()}
        if key in known:
            for obj in self.api.store.list(known[key]):
                self.api.store.remove(
                    known[key], obj["metadata"]["name"], obj["metadata"].get("namespace", "")
                )
            self.api.registry.remove(key)
        self._schemas.pop(key, None)


def _condition(type_: str, reason: str, message: str, now: str) -> Obj:
    return {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}


def _check(resource: Resource, crd: Obj, spec: Obj) -> None:
    """Refuse a definition that cannot be served."""
    name, names = crd["metadata"].get("name", ""), spec.get("names") or {}
    problems = [
        (f"spec.{field}", "Required value", "FieldValueRequired")
        for field, value in (
            ("group", spec.get("group")),
            ("names.plural", names.get("plural")),
            ("names.kind", names.get("kind")),
            ("scope", spec.get("scope")),
            ("versions", spec.get("versions") or spec.get("version")),
        )
        if not value
    ]
    if not problems and name != f"{names['plural']}.{spec['group']}":
        text = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        problems.append(("metadata.name", text, "FieldValueInvalid"))
    if not problems and spec["scope"] not in ("Namespaced", "Cluster"):
        text = f'Unsupported value: "{spec["scope"]}": supported values: "Cluster", "Namespaced"'
        problems.append(("spec.scope", text, "FieldValueNotSupported"))
    storage = [one for one in spec.get("versions") or () if one.get("storage")]
    if not problems and spec.get("versions") and len(storage) != 1:
        text = "Invalid value: must have exactly one version marked as storage version"
        problems.append(("spec.versions", text, "FieldValueInvalid"))
    if problems:
        raise invalid(resource, name, problems)


def _list_versions(spec: Obj, *, stored_v1: bool) -> None:
    """v1beta1 allowed one ``version`` and one schema for all; v1 has them in ``versions``."""
    if not spec.get("versions"):
        spec["versions"] = [{"name": spec["version"], "served": True, "storage": True}]
    if not stored_v1:
        spec.setdefault("version", spec["versions"][0]["name"])
        return
    shared = {
        "schema": spec.pop("validation", None),
        "subresources": spec.pop("subresources", None),
        "additionalPrinterColumns": spec.pop("additionalPrinterColumns", None),
    }
    spec.pop("version", None)
    for version in spec["versions"]:
        for field, value in shared.items():
            if value is not None:
                version.setdefault(field, value)
