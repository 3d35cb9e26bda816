"""CustomResourceDefinitions of both editions."""

from typing import Any

from mesh.cli.manifests.objects import Obj, object_of
from mesh.cli.manifests.schemas import SCHEMAS
from mesh.editions import Crd, Edition

__all__ = ["definitions"]

GROUP = "apiextensions.k8s.io"
WITH_STATUS = ("egressnetworks", "externalworkloads", "httplocalratelimitpolicies", "httproutes")
# Columns of kubectl get: name, type, JSONPath.
COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "servers": (
        ("Port", "string", ".spec.port"),
        ("Protocol", "string", ".spec.proxyProtocol"),
        ("Access Policy", "string", ".spec.accessPolicy"),
    ),
    "serverauthorizations": (("Server", "string", ".spec.server.name"),),
    "httplocalratelimitpolicies": (
        ("Target_kind", "string", ".spec.targetRef.kind"),
        ("Target_name", "string", ".spec.targetRef.name"),
        ("Total_RPS", "integer", ".spec.total.requestsPerSecond"),
        ("Identity_RPS", "integer", ".spec.identity.requestsPerSecond"),
    ),
    "externalworkloads": (
        ("Identity", "string", ".spec.meshTLS.identity"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ),
    "httproutes": (
        ("Hostnames", "string", ".spec.hostnames"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ),
    "trafficsplits": (("Service", "string", ".spec.service"),),
}


def definitions(edition: Edition, namespace: str) -> list[Obj]:
    """The edition's CRDs, in order of the table in :mod:`mesh.editions`."""
    make = _current if edition.separate_crds else _beta
    return [make(crd, edition, namespace) for crd in edition.crds]


def _metadata(crd: Crd, edition: Edition, namespace: str) -> Obj:
    return {
        "name": crd.name,
        "annotations": {"linkerd.io/created-by": f"linkerd/cli {edition.version}"},
        "labels": {"linkerd.io/control-plane-ns": namespace},
    }


def _names(crd: Crd) -> Obj:
    names: Obj = {"kind": crd.kind, "plural": crd.plural, "singular": crd.singular}
    if crd.short_names:
        names["shortNames"] = list(crd.short_names)
    return names


def _columns(crd: Crd, path_key: str) -> dict[str, Any]:
    columns = COLUMNS.get(crd.plural, ())
    if not columns:
        return {}
    return {
        "additionalPrinterColumns": [
            {"name": name, "type": type_, path_key: path} for name, type_, path in columns
        ]
    }


def _beta(crd: Crd, edition: Edition, namespace: str) -> Obj:
    """The form of apiextensions v1beta1: one schema for all versions."""
    spec = {
        "group": crd.group,
        "versions": [
            {"name": version, "served": True, "storage": version == crd.versions[0]}
            for version in reversed(crd.versions)
        ],
        "scope": "Namespaced",
        "preserveUnknownFields": False,
        "names": _names(crd),
        **_columns(crd, "JSONPath"),
        "validation": {"openAPIV3Schema": SCHEMAS[crd.plural]},
    }
    metadata = _metadata(crd, edition, namespace)
    return object_of(f"{GROUP}/v1beta1", "CustomResourceDefinition", metadata, spec=spec)


def _current(crd: Crd, edition: Edition, namespace: str) -> Obj:
    """The form of apiextensions v1: a schema a version."""
    versions = []
    for version in reversed(crd.versions):
        entry: Obj = {
            "name": version,
            "served": True,
            "storage": version == crd.versions[0],
            "schema": {"openAPIV3Schema": SCHEMAS[crd.plural]},
        }
        if crd.plural in WITH_STATUS:
            entry["subresources"] = {"status": {}}
        versions.append({**entry, **_columns(crd, "jsonPath")})
    spec = {
        "group": crd.group,
        "scope": "Namespaced",
        "names": _names(crd),
        "versions": versions,
    }
    metadata = _metadata(crd, edition, namespace)
    return object_of(f"{GROUP}/v1", "CustomResourceDefinition", metadata, spec=spec)
