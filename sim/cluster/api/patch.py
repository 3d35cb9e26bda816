"""The three ways to change part of an object: strategic merge, merge and JSON patches.

All functions leave their arguments alone and return new values that may share parts with them.

*Source:* Kubernetes' strategicpatch, whose results ``kubectl patch --local`` prints; RFC 7386; RFC 6902.
"""

from typing import Any

import jsonpatch
import jsonpointer

from sim.cluster.api.errors import BadRequest, Invalid
from sim.cluster.api.objects import Obj, clone
from sim.cluster.api.schema.fields import Field, Schema

__all__ = ["json_patch", "merge_patch", "strategic_merge"]

ORDER, DELETE_FROM = "$setElementOrder/", "$deleteFromPrimitiveList/"
Fields = dict[str, Field]
ATOMIC = Field("any", "one", None)


def merge_patch(target: Any, patch: Any) -> Any:
    """``target`` changed by a JSON merge patch: null deletes, objects merge, the rest replaces."""
    if not isinstance(patch, dict):
        return clone(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Obj, operations: list[Obj]) -> Obj:
    """``target`` changed by JSON patch operations.

    Raises:
        BadRequest: not a list of operations.
        Invalid: a test failed or a path does not exist.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise BadRequest("a JSON patch must be a list of operations")
    try:
        result = jsonpatch.JsonPatch(operations).apply(clone(target))
    except jsonpatch.JsonPatchTestFailed as error:
        raise Invalid(f"the server rejected our request due to an error in our request: {error}") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise Invalid(f"the JSON patch cannot be applied: {error}") from None
    if not isinstance(result, dict):
        raise Invalid("the JSON patch leaves no object")
    return result


def strategic_merge(schema: Schema, target: Obj, patch: Obj) -> Obj:
    """``target`` changed by a strategic merge patch; lists merge by the keys of ``schema``.

    Raises:
        BadRequest: a directive is malformed, or a list element lacks its merge key.
    """
    kind = str(target.get("kind", ""))
    return _Merge(schema).objects(target, patch, schema.kinds.get(kind, schema.unknown_kind))


class _Merge:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def objects(self, target: Obj, patch: Obj, fields: Fields) -> Obj:
        """Merge two JSON objects whose fields are known to be ``fields``."""
        directive = patch.get("$patch")
        if directive is not None:
            return _whole(directive, patch)
        merged = _retained(target, patch)
        for key, value in patch.items():
            if key.startswith("$"):
                continue
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = self.values(
                    merged.get(key), value, fields.get(key, ATOMIC), patch.get(ORDER + key)
                )
        for key, value in patch.items():
            if key.startswith(DELETE_FROM):
                name = key.removeprefix(DELETE_FROM)
                if name in merged:
                    merged[name] = [item for item in merged[name] if item not in value]
            elif key.startswith(ORDER) and (name := key.removeprefix(ORDER)) not in patch and name in merged:
                merge_key = fields.get(name, ATOMIC).merge_key or ""
                merged[name] = _ordered(merged[name], value, merged[name], merge_key)
        return merged

    def values(self, old: Any, new: Any, field: Field, order: list[Any] | None) -> Any:
        """Merge one field's values."""
        if isinstance(old, dict) and isinstance(new, dict):
            return self.objects(
                old, new, self.schema.types.get(field.type, {}) if field.shape == "one" else {}
            )
        if isinstance(old, list) and isinstance(new, list) and field.merge_key:
            merged, stood = self.lists(old, new, field)
            return merged if order is None else _ordered(merged, order, stood, field.merge_key)
        return _clean(new)

    def lists(self, old: list[Any], new: list[Any], field: Field) -> tuple[list[Any], list[Any]]:
        """Merge lists by merge key, or as sets of texts: the result, and the row to order it further by.

        That row is the old one, in which as many added items as were deleted stand in the places at its end:
        Kubernetes works in the old array itself, and its results show it.
        """
        key = field.merge_key or ""
        if not old and not new:
            return old, old
        if key == "=":
            return _ordered(list(dict.fromkeys([*old, *new])), new, old, key), old
        length = len(old)
        old, new = _directed(old, new, key)
        merged = list(old)
        places = {item.get(key): index for index, item in reversed(list(enumerate(merged)))}
        for item in new:
            if key not in item:
                raise BadRequest(f"map: {item} does not contain declared merge key: {key}")
            place = places.get(item[key])
            if place is None:
                places[item[key]] = len(merged)
                merged.append(_clean(item))
            else:
                merged[place] = self.objects(merged[place], item, self.schema.types.get(field.type, {}))
        return _ordered(merged, new, old, key), merged[: max(length, len(old))]


def _whole(directive: Any, patch: Obj) -> Obj:
    """What ``$patch: replace`` or ``delete`` makes of an object."""
    if directive == "replace":
        return {key: clone(value) for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    raise BadRequest(f"unknown patch type: {directive}")


def _retained(target: Obj, patch: Obj) -> Obj:
    """A shallow copy of ``target`` without the keys that ``$retainKeys`` leaves out."""
    keep = patch.get("$retainKeys")
    if keep is None:
        return dict(target)
    named = [key for key, value in patch.items() if value is not None and not key.startswith("$")]
    if not isinstance(keep, list) or any(key not in keep for key in named):
        raise BadRequest("invalid patch format of retainKeys: it must list every key of the patch")
    return {key: value for key, value in target.items() if key in keep}


def _directed(old: list[Any], new: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Both lists after the elements of ``new`` that are directives have been obeyed."""
    plain, replace = [], False
    for item in new:
        if not isinstance(item, dict):
            raise BadRequest(f"a list merged by {key} must hold objects, not {item!r}")
        directive = item.get("$patch")
        if directive is None:
            plain.append(item)
        elif directive == "delete" and key in item:
            old = [other for other in old if other.get(key) != item[key]]
        elif directive == "replace":
            replace = True
        else:
            raise BadRequest(f"a list element cannot carry $patch: {directive} without its {key}")
    return (plain, []) if replace else (old, plain)


def _clean(value: Any) -> Any:
    """A copy of a value new to the object, without nulls and directives."""
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if v is not None and not k.startswith("$")}
    if isinstance(value, list):
        deleted = [v for v in value if not (isinstance(v, dict) and v.get("$patch") in ("delete", "replace"))]
        return [_clean(v) for v in deleted]
    return value


def _ordered(merged: list[Any], order: list[Any], server: list[Any], key: str) -> list[Any]:
    """``merged`` with the items that ``order`` names in that order, and the server's own in their old order.

    The two rows are zipped: the head of the server's row goes first only when both heads existed before and
    it stood first. So a plain patch that adds an item puts it in front.
    """

    def name(item: Any) -> Any:
        return item.get(key) if isinstance(item, dict) else item

    wanted: dict[Any, int] = {}
    before: dict[Any, int] = {}
    for ranks, row in ((wanted, order), (before, server)):
        for index, item in enumerate(row):
            ranks.setdefault(name(item), index)
    patched = sorted((item for item in merged if name(item) in wanted), key=lambda item: wanted[name(item)])
    own = [item for item in merged if name(item) not in wanted]
    own.sort(key=lambda item: before.get(name(item), -1))
    result: list[Any] = []
    while own and patched:
        first, other = before.get(name(own[0]), -1), before.get(name(patched[0]), -1)
        result.append((own if 0 <= first < other else patched).pop(0))
    return result + own + patched
