"""A Deployment's history: which ReplicaSet has its template, and the revisions they are known by."""

from collections.abc import Iterable
from typing import Any

from sim.cluster.api.objects import clone, owner_reference, template_hash

__all__ = [
    "HASH",
    "REVISION",
    "find_new",
    "history",
    "max_revision",
    "new_set",
    "revision",
    "set_annotations",
]

Obj = dict[str, Any]

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
# Annotations of a Deployment that are not its ReplicaSets' business.
# Source: deployment_util's annotationsToSkip.
KEPT_BACK = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)


def _plain(template: Obj) -> Obj:
    """A template without what ReplicaSets and servers add to it."""
    meta = {k: v for k, v in (template.get("metadata") or {}).items() if k != "creationTimestamp"}
    meta["labels"] = {k: v for k, v in (meta.get("labels") or {}).items() if k != HASH}
    return {**template, "metadata": {k: v for k, v in meta.items() if v}}


def find_new(deployment: Obj, sets: Iterable[Obj]) -> Obj | None:
    """The ReplicaSet that has the Deployment's template; the oldest if several do."""
    wanted = _plain(deployment["spec"]["template"])
    matching = [rs for rs in sets if _plain(rs["spec"]["template"]) == wanted]
    if not matching:
        return None
    return min(matching, key=lambda rs: (rs["metadata"]["creationTimestamp"], rs["metadata"]["name"]))


def revision(rs: Obj) -> int:
    """The revision of a ReplicaSet or Deployment; 0 without one."""
    text = (rs["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def max_revision(sets: Iterable[Obj]) -> int:
    """The highest revision among ReplicaSets."""
    return max((revision(rs) for rs in sets), default=0)


def history(old: Obj, number: int) -> dict[str, str]:
    """A ReplicaSet's annotations when it becomes revision ``number`` again: the former one is remembered."""
    annotations = dict(old["metadata"].get("annotations") or {})
    before = annotations.get(REVISION)
    if before and before != str(number):
        annotations[HISTORY] = ",".join(filter(None, [annotations.get(HISTORY), before]))
    annotations[REVISION] = str(number)
    return annotations


def set_annotations(deployment: Obj, desired: int, maximum: int) -> dict[str, str]:
    """Annotations a ReplicaSet carries besides its revision."""
    own = deployment["metadata"].get("annotations") or {}
    inherited = {key: value for key, value in own.items() if key not in KEPT_BACK}
    return {**inherited, DESIRED: str(desired), MAXIMUM: str(maximum)}


def new_set(deployment: Obj, annotations: dict[str, str], replicas: int) -> Obj:
    """The ReplicaSet of a Deployment's present template."""
    meta, spec = deployment["metadata"], deployment["spec"]
    collisions = (deployment.get("status") or {}).get("collisionCount") or 0
    salted = {**spec["template"], "collisions": collisions} if collisions else spec["template"]
    label = template_hash(salted)
    template = clone(spec["template"])
    template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = label
    selector = clone(spec["selector"])
    selector.setdefault("matchLabels", {})[HASH] = label
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{label}",
            "namespace": meta["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": annotations,
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": template,
        },
    }
