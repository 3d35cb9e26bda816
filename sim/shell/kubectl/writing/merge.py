"""What ``kubectl apply`` sends: the difference between what was applied, what is wanted and what is there.

Three states meet: *original* (the last-applied annotation), *modified* (the file) and *current* (the
cluster). Fields of the file win, fields that the file used to have are deleted, and everything else in the
cluster stays.

*Source:* Kubernetes' strategicpatch and jsonmergepatch, ``CreateThreeWay…``.
"""

import json
from dataclasses import dataclass
from typing import Any

from sim.cluster.api.objects import Obj
from sim.cluster.api.schema.fields import Field, Schema

__all__ = ["LAST_APPLIED", "annotated", "last_applied", "three_way_merge", "three_way_strategic"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ORDER, DELETE_FROM, RETAIN = "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys"
ATOMIC = Field("any", "one", None)
# Where a patch names every key the value is to keep, so that the rest goes: one of several members is set.
RETAINING = frozenset({"DeploymentStrategy", "Volume"})
Fields = dict[str, Field]


def annotated(obj: Obj) -> Obj:
    """A copy of ``obj`` that carries itself in the last-applied annotation, as compact JSON."""
    bare = {**obj, "metadata": dict(obj.get("metadata") or {})}
    annotations = dict(bare["metadata"].get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    bare["metadata"]["annotations"] = annotations
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for char, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(char, escape)
    meta = {**bare["metadata"], "annotations": {**annotations, LAST_APPLIED: text + "\n"}}
    return {**bare, "metadata": meta}


def last_applied(obj: Obj) -> Obj | None:
    """What was last applied to ``obj``; None when nothing was, or it cannot be read."""
    text = (obj.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


# -- merge patches, for custom resources --


def three_way_merge(original: Obj | None, modified: Obj, current: Obj) -> Obj:
    """The JSON merge patch that takes ``current`` to ``modified``."""
    patch = _changes(current, modified)
    for key, value in _deletions(original or {}, modified).items():
        patch[key] = _merged(value, patch[key]) if key in patch else value
    return patch


def _changes(current: Obj, modified: Obj) -> Obj:
    patch: Obj = {}
    for key, value in modified.items():
        if key not in current:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(current[key], dict):
            if inner := _changes(current[key], value):
                patch[key] = inner
        elif value != current[key]:
            patch[key] = value
    return patch


def _deletions(original: Obj, modified: Obj) -> Obj:
    patch: Obj = {}
    for key, value in original.items():
        if key not in modified:
            patch[key] = None
        elif (
            isinstance(value, dict)
            and isinstance(modified[key], dict)
            and (inner := _deletions(value, modified[key]))
        ):
            patch[key] = inner
    return patch


def _merged(deletions: Any, changes: Any) -> Any:
    """Two merge patches in one; they never name the same leaf."""
    if not isinstance(deletions, dict) or not isinstance(changes, dict):
        return changes
    both = dict(deletions)
    for key, value in changes.items():
        both[key] = _merged(both[key], value) if key in both else value
    return both


# -- strategic merge patches, for built-in kinds --


def three_way_strategic(schema: Schema, original: Obj | None, modified: Obj, current: Obj) -> Obj:
    """The strategic merge patch that takes ``current`` to ``modified``; empty when there is nothing to do.

    Raises:
        ValueError: an item of a keyed list lacks its key.
    """
    fields = schema.kinds.get(str(modified.get("kind", "")), schema.unknown_kind)
    changes = _Difference(schema, deletions=False).objects(current, modified, fields)
    deletions = _Difference(schema, deletions=True).objects(original or {}, modified, fields)
    return _joined(schema, deletions, changes, fields)


@dataclass(frozen=True, slots=True)
class _Difference:
    """What changed between two objects: only deletions, or only additions and changes."""

    schema: Schema
    deletions: bool

    def objects(self, old: Obj, new: Obj, fields: Fields) -> Obj:
        patch: Obj = {}
        for key, value in old.items():
            if key in new:
                self._value(patch, key, value, new[key], fields.get(key, ATOMIC))
            elif self.deletions:
                patch[key] = None
        if not self.deletions:
            patch |= {key: value for key, value in new.items() if key not in old}
        return patch

    def _value(self, patch: Obj, key: str, old: Any, new: Any, field: Field) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            inner = self.objects(
                old, new, self.schema.types.get(field.type, {}) if field.shape == "one" else {}
            )
            if inner:
                if field.type in RETAINING:
                    inner[RETAIN] = sorted(new)
                patch[key] = inner
        elif isinstance(old, list) and isinstance(new, list) and field.merge_key == "=":
            self._texts(patch, key, old, new)
        elif isinstance(old, list) and isinstance(new, list) and field.merge_key:
            self._list(patch, key, old, new, field)
        elif old != new and not self.deletions:
            patch[key] = new

    def _texts(self, patch: Obj, key: str, old: list[Any], new: list[Any]) -> None:
        """A list that is a set of texts, such as finalizers."""
        found = [item for item in new if item not in old] if not self.deletions else []
        gone = [item for item in old if item not in new] if self.deletions else []
        if found:
            patch[key] = found
        if gone:
            patch[DELETE_FROM + key] = gone
        if old and (found or gone or old != new):
            patch[ORDER + key] = new

    def _list(self, patch: Obj, key: str, old: list[Any], new: list[Any], field: Field) -> None:
        """A list merged by a key: items that changed, ``$patch: delete`` for those gone, and the order."""
        merge_key = field.merge_key or ""
        if not old:
            if new and not self.deletions:
                patch[key] = new
            return
        before = {_key(item, merge_key): item for item in old}
        names = [_key(item, merge_key) for item in new]
        found = [self._item(before, name, item, field) for name, item in zip(names, new, strict=True)]
        items = [item for item in found if item]
        if self.deletions:
            items += [{merge_key: name, "$patch": "delete"} for name in before if name not in names]
        if items:
            patch[key] = items
        if items or [_key(item, merge_key) for item in old] != names:
            patch[ORDER + key] = [{merge_key: name} for name in names]

    def _item(self, before: dict[Any, Obj], name: Any, item: Obj, field: Field) -> Obj | None:
        """The difference of one item; None when there is none."""
        if name not in before:
            return None if self.deletions else item
        inner = self.objects(before[name], item, self.schema.types.get(field.type, {}))
        if not inner:
            return None
        if field.type in RETAINING:
            inner[RETAIN] = sorted(item)
        return {**inner, field.merge_key or "": name}


def _key(item: Any, merge_key: str) -> Any:
    if not isinstance(item, dict) or merge_key not in item:
        raise ValueError(f"map: {json.dumps(item)[:80]} does not contain declared merge key: {merge_key}")
    return item[merge_key]


def _joined(schema: Schema, deletions: Obj, changes: Obj, fields: Fields) -> Obj:
    """Two strategic patches in one. Both were made against the same wanted state."""
    both = dict(deletions)
    for key, value in changes.items():
        field = fields.get(key, ATOMIC)
        if key.startswith("$") or key not in both:
            both[key] = value
        elif isinstance(value, dict) and isinstance(both[key], dict):
            inner = schema.types.get(field.type, {}) if field.shape == "one" else {}
            both[key] = _joined(schema, both[key], value, inner)
        elif isinstance(value, list) and isinstance(both[key], list) and field.merge_key not in (None, "="):
            both[key] = _joined_lists(schema, both[key], value, field)
        else:
            both[key] = value
    return both


def _joined_lists(schema: Schema, deletions: list[Obj], changes: list[Obj], field: Field) -> list[Obj]:
    merge_key = field.merge_key or ""
    inner = schema.types.get(field.type, {})
    rest = {item[merge_key]: item for item in deletions}
    items = []
    for item in changes:
        other = rest.pop(item[merge_key], None)
        items.append(item if other is None else _joined(schema, other, item, inner))
    return items + list(rest.values())
