"""Typing mistakes: fields a kind does not have, values of the wrong type."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api.errors import BadRequest, did_you_mean
from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource
from sim.cluster.api.schema.fields import Field, Schema

if TYPE_CHECKING:
    from sim.cluster.api.crds import Definitions

__all__ = ["FieldChecker"]

Mistakes = list[str]
MAX_DEPTH = 64
JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
WANTED = {
    "text": "string",
    "int": "integer",
    "bool": "boolean",
    "port": "integer or string",
    "amount": "quantity",
}
SCALARS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "int": (int,),
    "bool": (bool,),
    "port": (int, str),
    "amount": (int, float, str),
}


class FieldChecker:
    """Finds fields that a kind does not have, and values of the wrong type."""

    def __init__(self, schema: Schema, definitions: "Definitions") -> None:
        self.schema = schema
        self.definitions = definitions

    def check_fields(self, resource: Resource, obj: Obj) -> None:
        """Compare an object with the known fields of its kind; kinds without a table pass.

        Raises:
            BadRequest: all mistakes in one line, as kubectl words them.
        """
        mistakes: Mistakes = []
        if resource.custom:
            self._custom_fields(resource, obj, mistakes)
        elif resource.kind in self.schema.kinds:
            self._object(obj, self.schema.kinds[resource.kind], "", mistakes)
        self._value(obj.get("metadata"), Field("ObjectMeta", "one", None), "metadata", mistakes)
        if mistakes:
            unique = list(dict.fromkeys(mistakes))
            text = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
            raise BadRequest(f"error validating data: {text}")

    # -- built-in kinds -------------------------------------------------------------------------------------

    def _object(self, obj: Obj, fields: dict[str, Field], path: str, mistakes: Mistakes) -> None:
        for name, value in obj.items():
            field = fields.get(name)
            if field is None:
                mistakes.append(_unknown(path, name, fields))
            elif value is not None:
                self._value(value, field, f"{path}.{name}" if path else str(name), mistakes)

    def _value(self, value: Any, field: Field, path: str, mistakes: Mistakes) -> None:
        if field.type == "any" or value is None:
            return
        if field.shape == "list":
            if not isinstance(value, list):
                mistakes.append(_mistyped(path, value, "array"))
                return
            for index, item in enumerate(value):
                self._single(item, field.type, f"{path}[{index}]", mistakes)
        elif field.shape == "map" or field.type == "map":
            if not isinstance(value, dict):
                mistakes.append(_mistyped(path, value, "object"))
                return
            for key, item in value.items():
                self._single(item, "text" if field.type == "map" else field.type, f"{path}.{key}", mistakes)
        else:
            self._single(value, field.type, path, mistakes)

    def _single(self, value: Any, type_: str, path: str, mistakes: Mistakes) -> None:
        known = SCALARS.get(type_)
        if known is not None:
            if value is not None and type(value) not in known:
                mistakes.append(_mistyped(path, value, WANTED[type_]))
        elif not isinstance(value, dict):
            mistakes.append(_mistyped(path, value, "object"))
        elif type_ not in self.schema.open:
            self._object(value, self.schema.types[type_], path, mistakes)

    def _custom_fields(self, resource: Resource, obj: Obj, mistakes: Mistakes) -> None:
        schema = self.definitions.schema(resource.key)
        body = {key: value for key, value in obj.items() if key not in ("metadata", "kind", "apiVersion")}
        try:
            self._custom(body, schema or {}, "", mistakes)
        except (AttributeError, TypeError):
            # The walk follows the definition's schema, which anybody may have written.
            raise BadRequest(f"the schema in the definition of {resource.key} cannot be read") from None

    # -- custom kinds: the part of OpenAPI that CRDs use ------------------------------------------------

    def _custom(self, value: Any, schema: Obj, path: str, mistakes: Mistakes, depth: int = 0) -> None:
        wanted = schema.get("type")
        if value is None or depth > MAX_DEPTH or schema.get("x-kubernetes-int-or-string"):
            return
        if wanted and not _is_json(value, wanted):
            mistakes.append(_mistyped(path, value, wanted))
        elif isinstance(value, dict):
            self._custom_object(value, schema, path, mistakes, depth)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._custom(item, schema.get("items") or {}, f"{path}[{index}]", mistakes, depth + 1)
        elif schema.get("enum") and value not in schema["enum"]:
            supported = ", ".join(f'"{one}"' for one in schema["enum"])
            mistakes.append(f'{path}: Unsupported value: "{value}": supported values: {supported}')

    def _custom_object(self, value: Obj, schema: Obj, path: str, mistakes: Mistakes, depth: int) -> None:
        properties, extra = schema.get("properties"), schema.get("additionalProperties")
        for name in schema.get("required") or ():
            if name not in value and name not in ("metadata", "kind", "apiVersion"):
                mistakes.append(f"{path}.{name}: Required value".removeprefix("."))
        closed = properties and not extra and not schema.get("x-kubernetes-preserve-unknown-fields")
        for name, item in value.items():
            where = f"{path}.{name}" if path else str(name)
            if properties and name in properties:
                self._custom(item, properties[name], where, mistakes, depth + 1)
            elif isinstance(extra, dict):
                self._custom(item, extra, where, mistakes, depth + 1)
            elif closed and not (path == "" and name == "status"):
                mistakes.append(_unknown(path, name, properties or {}))


def _is_json(value: Any, wanted: str) -> bool:
    name = JSON_NAMES.get(type(value), "")
    return name == wanted or (wanted == "number" and name == "integer")


def _unknown(path: str, name: Any, fields: dict[str, Any]) -> str:
    where = f"{path}.{name}" if path else str(name)
    return f'unknown field "{where}"{did_you_mean(str(name), fields)}'


def _mistyped(path: str, value: Any, wanted: str) -> str:
    got = JSON_NAMES.get(type(value), type(value).__name__)
    return f'{path}: invalid type: got "{got}", expected "{wanted}"'
