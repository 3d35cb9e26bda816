"""JSONPath as kubectl reads it: fields, filters, slices, unions and ``..``.

*Source:* client-go's jsonpath package. A path that leads nowhere yields nothing; only an index beyond a
list's end is an error.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["JsonPathError", "Path", "find", "parse_path", "steps", "text_of", "unquote"]


class JsonPathError(ValueError):
    """A path that cannot be read, or an index beyond a list; one line."""


@dataclass(frozen=True, slots=True)
class Field:
    """``.name`` or ``['name','other']``; ``*`` for all."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indexes:
    """``[0,2]``."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """``[start:end:step]``."""

    start: int | None
    end: int | None
    step: int


@dataclass(frozen=True, slots=True)
class Descend:
    """``..``: the value and everything inside it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """``[?(@.a == "b")]``; without an operator the left side must exist."""

    left: "Operand"
    operator: str = ""
    right: "Operand | None" = None


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the current object, or from the whole document when ``rooted``."""

    steps: tuple["Step", ...]
    rooted: bool = False


Step: TypeAlias = Field | Indexes | Slice | Descend | Filter
Operand: TypeAlias = Path | str | int | float | bool

STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
NAME = re.compile(r"(?:[^\s.\[\]{}()'\"=!<>,|&*?\\]|\\.)+")
NUMBERS = re.compile(r"-?\d+(?:\s*,\s*-?\d+)*\Z")
SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d*))?\Z")
KEYS = re.compile(rf"(?:{STRING})(?:\s*,\s*(?:{STRING}))*\Z")
COMPARISON = re.compile(rf"((?:{STRING}|[^'\"=!<>])*?)\s*(==|!=|<=|>=|<|>)\s*(.*)\Z", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/", "b": "\b", "f": "\f"}


def unquote(text: str) -> str:
    """The string that a quoted literal stands for."""
    return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[1]), text[1:-1], flags=re.DOTALL)


def parse_path(text: str) -> Path:
    """A single path, in any of ``{.a.b}``, ``.a.b`` and ``a.b``.

    Raises:
        JsonPathError: it cannot be read.
    """
    bare = text.strip()
    if bare.startswith("{"):
        if not bare.endswith("}"):
            raise JsonPathError(
                f"unexpected path string, expected a 'name1.name2' or '.name1.name2' or "
                f"'{{name1.name2}}' or '{{.name1.name2}}': {text}"
            )
        bare = bare[1:-1].strip()
    return steps(bare)


def steps(text: str) -> Path:
    """A path without braces.

    Raises:
        JsonPathError: it cannot be read.
    """
    rooted = text.startswith("$")
    position = 1 if text[:1] in ("$", "@") else 0
    steps: list[Step] = []
    while position < len(text):
        position = _step(text, position, steps)
    return Path(tuple(steps), rooted)


def _step(text: str, position: int, steps: list[Step]) -> int:
    """Read one step at ``position``; where the next begins."""
    if text.startswith("..", position):
        steps.append(Descend())
        position += 2
        if position >= len(text) or text[position] == "[":
            return position
    elif text[position] == ".":
        position += 1
        if position >= len(text):
            return position  # a lone "." is the object itself
    if text[position] == "[":
        end = _closing(text, position)
        steps.append(_bracket(text[position + 1 : end].strip()))
        return end + 1
    if text[position] == "*":
        steps.append(Field(("*",)))
        return position + 1
    match = NAME.match(text, position)
    if match is None:
        raise JsonPathError(
            f"unrecognized character in action: U+{ord(text[position]):04X} '{text[position]}'"
        )
    steps.append(Field((re.sub(r"\\(.)", r"\1", match[0]),)))
    return match.end()


def _closing(text: str, position: int) -> int:
    """Index of the bracket that closes the one at ``position``."""
    depth, quote, index = 0, "", position
    while index < len(text):
        char = text[index]
        if quote:
            if char == "\\":
                index += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])":
            depth -= 1
            if not depth:
                return index
        index += 1
    raise JsonPathError("unterminated array")


def _bracket(inside: str) -> Step:
    if inside == "*":
        return Field(("*",))
    if inside.startswith("?(") and inside.endswith(")"):
        return _filter(inside[2:-1].strip())
    if NUMBERS.match(inside):
        return Indexes(tuple(int(number) for number in inside.split(",")))
    if match := SLICE.match(inside):
        start, end, step = (int(part) if part else None for part in match.groups())
        if step == 0:
            raise JsonPathError("step must not be 0")
        return Slice(start, end, 1 if step is None else step)
    if KEYS.match(inside):
        return Field(tuple(unquote(key) for key in re.findall(STRING, inside)))
    raise JsonPathError(f"invalid array index {inside}")


def _filter(text: str) -> Filter:
    match = COMPARISON.match(text)
    if match is None:
        return Filter(_operand(text))
    return Filter(_operand(match[1].strip()), match[2], _operand(match[3].strip()))


def _operand(text: str) -> Operand:
    if re.fullmatch(STRING, text, re.DOTALL):
        return unquote(text)
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d*\.\d+", text):
        return float(text)
    if not text:
        raise JsonPathError("empty filter expression")
    return steps(text)


# -- evaluation --


def find(path: Path, obj: Any, root: Any = None) -> list[Any]:
    """Every value the path leads to.

    Raises:
        JsonPathError: an index beyond a list's end.
    """
    values = [root if path.rooted and root is not None else obj]
    for step in path.steps:
        # A union gives all values of its first name, then all of its second.
        parts = [Field((name,)) for name in step.names] if isinstance(step, Field) else [step]
        values = [found for part in parts for value in values for found in _take(part, value, root)]
    return values


def _take(step: Step, value: Any, root: Any) -> list[Any]:
    if isinstance(step, Field):
        return _field(step, value)
    if isinstance(step, Descend):
        return _everything(value)
    if not isinstance(value, list):
        if value is None or isinstance(step, Filter):
            return []
        raise JsonPathError(f"{type_name(value)} is not array or slice")
    if isinstance(step, Indexes):
        return [_index(value, number) for number in step.numbers]
    if isinstance(step, Slice):
        return value[step.start : step.end : step.step]
    return [item for item in value if _holds(step, item, root)]


def _field(step: Field, value: Any) -> list[Any]:
    if step.names == ("*",):
        if isinstance(value, dict):
            return [value[key] for key in sorted(value)]
        return list(value) if isinstance(value, list) else []
    (name,) = step.names
    if isinstance(value, dict) and name in value:
        return [value[name]]
    # In quotes a dot leads deeper too, unless there is a key of just that name: ['metadata.name'].
    first, dot, rest = name.partition(".")
    if dot and isinstance(value, dict) and first in value:
        return _field(Field((rest,)), value[first])
    return []


def _index(items: list[Any], number: int) -> Any:
    if not -len(items) <= number < len(items):
        raise JsonPathError(f"array index out of bounds: index {number}, length {len(items)}")
    return items[number]


def _everything(value: Any) -> list[Any]:
    found = [value]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(inner, dict | list):
            found += _everything(inner)
    return found


def _holds(rule: Filter, item: Any, root: Any) -> bool:
    left = _values(rule.left, item, root)
    if not rule.operator:
        return bool(left)
    right = _values(rule.right, item, root)
    if not left or not right:
        return False
    return _compare(rule.operator, left[0], right[0])


def _values(operand: Operand | None, item: Any, root: Any) -> list[Any]:
    return find(operand, item, root) if isinstance(operand, Path) else [operand]


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


def _compare(operator: str, left: Any, right: Any) -> bool:
    if type(left) is not type(right) and not _both_numbers(left, right):
        if operator in ("==", "!="):
            return operator == "!="
        raise JsonPathError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    return COMPARE[operator](left, right)


def _both_numbers(left: Any, right: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))


def type_name(value: Any) -> str:
    """What a JSON value is called in messages."""
    names = {dict: "map", list: "array", str: "string", bool: "bool", int: "int64", float: "float64"}
    return names.get(type(value), "nil")


def text_of(value: Any) -> str:
    """A value as a template prints it: strings bare, objects as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
