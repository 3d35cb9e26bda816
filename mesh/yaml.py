"""YAML for the whole project: one loader that untrusted text cannot hurt, one writer in kubectl's manner.

*Source:* scalars resolve as in go-yaml v2, which kubectl and linkerd use: YAML 1.1 booleans, no
sexagesimal numbers, dates stay strings; keys become strings, as in JSON.
*Differs:* a bare ``y`` or ``n`` stays text.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

__all__ = ["YamlError", "dump", "dump_all", "load_all"]

DEPTH_LIMIT = 100
ALIAS_LIMIT = 200_000  # nodes that aliases may repeat, over a whole text
NODE_LIMIT = 2_000_000  # nodes written out, over a whole text
LINE_LIMIT = 1_000_000  # bytes in a line

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
TRUE = frozenset(("yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"))
FALSE = frozenset(("no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"))
INFINITE = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
INTEGER = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)\Z")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?\Z")
DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?\Z")
TAG = "tag:yaml.org,2002:"


class YamlError(ValueError):
    """Text that is not acceptable YAML; ``str()`` is one line for the user.

    Attributes:
        name: the file, or ``stdin``.
        line: counted from 1; 0 when unknown.
        message: what is wrong.
    """

    def __init__(self, name: str, line: int, message: str) -> None:
        where = f"line {line}: " if line else ""
        super().__init__(f"error: error parsing {name}: {where}{message}")
        self.name = name
        self.line = line
        self.message = message


def load_all(text: str, *, name: str = "stdin") -> list[Any]:
    """The documents in ``text`` as JSON values; empty documents are left out.

    Args:
        name: where the text comes from, for the error.

    Raises:
        YamlError: malformed, or beyond what a manifest may be: nested over 100 deep, lines of 1 MB,
            aliases that repeat over 200,000 nodes, keys given twice, tags other than the plain ones.
    """
    _check_lines(text, name)
    reader = _Reader(name)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What is missing at the very end is reported on the last line, not below it.
        line = min(mark.line + 1, len(text.splitlines())) if mark is not None else 0
        message = error.problem or error.context or "malformed YAML"
        raise YamlError(name, line, message) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise YamlError(name, line, "control characters are not allowed") from None
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise YamlError(name, line, "text that is not valid Unicode") from None
    return reader.documents


def dump(obj: Any, *, sort: bool = False) -> str:
    """``obj`` as one YAML document.

    Args:
        sort: put keys in alphabetical order, as kubectl does.
    """
    text: str = yaml.dump(
        obj,
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=sort,
        allow_unicode=True,
        width=2**30,
    )
    return text[: -len("...\n")] if text.endswith("\n...\n") else text


def dump_all(objects: Iterable[Any], *, sort: bool = False) -> str:
    """Several documents, separated by ``---``."""
    return "---\n".join(dump(obj, sort=sort) for obj in objects)


def _check_lines(text: str, name: str) -> None:
    if len(text) * 4 < LINE_LIMIT:
        return
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) * 4 >= LINE_LIMIT and len(line.encode("utf-8", "replace")) >= LINE_LIMIT:
            raise YamlError(name, number, f"the line has {len(line):,} characters; 1 MB is too long")


class _Open:
    """A mapping or sequence being read. ``size`` counts its nodes, aliases written out."""

    __slots__ = ("anchor", "is_map", "key", "line", "merges", "size", "value")

    def __init__(self, is_map: bool, anchor: str | None, line: int) -> None:
        self.is_map = is_map
        self.anchor = anchor
        self.line = line
        self.value: Any = {} if is_map else []
        self.key: str | None = None
        self.merges: list[Any] | None = None
        self.size = 1


class _Reader:
    """Builds values from parser events, without recursion."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.documents: list[Any] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.repeated = 0

    def take(self, event: Any) -> None:
        start: Any = event.start_mark
        if isinstance(event, yaml.ScalarEvent):
            self._place(self._scalar(event), 1, event.anchor, start.line + 1)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.anchors = {}

    def _fail(self, line: int, message: str) -> YamlError:
        return YamlError(self.name, line, message)

    def _open(self, event: Any) -> None:
        line = event.start_mark.line + 1
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", TAG + ("map" if is_map else "seq")):
            raise self._fail(line, f"the tag {_tag(event.tag)} is not supported")
        if len(self.stack) >= DEPTH_LIMIT:
            raise self._fail(line, f"nested more than {DEPTH_LIMIT} levels deep")
        if self.stack and self.stack[-1].is_map and self.stack[-1].key is None:
            raise self._fail(line, "a mapping key must be a string")
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Open(is_map, event.anchor, line))

    def _close(self) -> None:
        done = self.stack.pop()
        if done.merges is not None:
            done.value = self._merge(done)
        self._place(done.value, done.size, done.anchor, done.line)

    def _alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if event.anchor not in self.anchors:
            raise self._fail(line, f"unknown anchor '{event.anchor}' referenced")
        value, size = self.anchors[event.anchor]
        self.repeated += size
        if self.repeated > ALIAS_LIMIT:
            raise self._fail(line, f"aliases repeat more than {ALIAS_LIMIT:,} nodes")
        if len(self.stack) + _depth(value) > DEPTH_LIMIT:
            raise self._fail(line, f"nested more than {DEPTH_LIMIT} levels deep")
        self._place(_copy(value), size, None, line)

    def _place(self, value: Any, size: int, anchor: str | None, line: int) -> None:
        """Put a finished value where it belongs: the document, a list, a key or a key's value."""
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            raise self._fail(line, f"more than {NODE_LIMIT:,} values")
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            if value is not None:
                self.documents.append(value)
            return
        top = self.stack[-1]
        top.size += size
        if not top.is_map:
            top.value.append(value)
        elif top.key is None:
            top.key = self._key(top, value, line)
        elif isinstance(top.key, _MergeKey):
            top.key = None
            top.merges = [*(top.merges or ()), *self._sources(value, line)]
        else:
            top.value[str(top.key)] = value
            top.key = None

    def _key(self, top: _Open, value: Any, line: int) -> str:
        if isinstance(value, _MergeKey):
            return value
        if value is None or isinstance(value, dict | list):
            raise self._fail(line, "a mapping key must be a string")
        key = _key_text(value)
        if key in top.value:
            raise self._fail(line, f'key "{key}" already set in map')
        return key

    def _sources(self, value: Any, line: int) -> list[Any]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise self._fail(line, "map merge requires map or sequence of maps as the value")
        return sources

    def _merge(self, done: _Open) -> dict[str, Any]:
        """Own keys win over merged ones, earlier merges over later ones."""
        merged: dict[str, Any] = {}
        for source in reversed(done.merges or ()):
            merged.update(source)
        merged.update(done.value)
        return merged

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        line = event.start_mark.line + 1
        if event.tag is not None and event.tag != "!":
            return self._tagged(event.tag, text, line)
        if event.tag == "!" or event.style:
            return text
        if text == "<<" and self.stack and self.stack[-1].is_map and self.stack[-1].key is None:
            return _MergeKey(text)
        try:
            return _resolve(text)
        except ValueError:  # Python refuses integers of more than 4,300 digits
            raise self._fail(line, "a number with too many digits") from None

    def _tagged(self, tag: str, text: str, line: int) -> Any:
        if tag == TAG + "str":
            return text
        kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
        kind = kinds.get(tag.removeprefix(TAG))
        if kind is None or not tag.startswith(TAG):
            raise self._fail(line, f"the tag {_tag(tag)} is not supported")
        value = _resolve(text)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self._fail(line, f"cannot decode {text!r} as {_tag(tag)}")
        return value


class _MergeKey(str):
    """A plain ``<<`` where a key is expected."""

    __slots__ = ()


def _tag(tag: str) -> str:
    return "!!" + tag.removeprefix(TAG) if tag.startswith(TAG) else tag


def _resolve(text: str) -> Any:
    """The JSON value of a plain scalar."""
    if text in NULLS:
        return None
    first = text[0]
    if first in "yYnNtTfFoO":
        if text in TRUE:
            return True
        if text in FALSE:
            return False
    elif first in "+-.0123456789":
        return _number(text)
    return text


def _number(text: str) -> Any:
    if INTEGER.match(text):
        digits = text.replace("_", "").lower()
        sign, digits = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
        if len(digits) > 1 and digits[0] == "0":
            if digits[1] in "bx":
                return sign * int(digits, 0)
            return sign * int(digits[1:].lstrip("o"), 8)
        return sign * int(digits)
    if FLOAT.match(text):
        return float(text)
    special = INFINITE.get(text.lower())
    return float(special) if special else text


def _key_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _copy(value: Any) -> Any:
    """A copy that shares no container; at most 100 levels deep by construction."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


class _Dumper(yaml.CSafeDumper):
    """Writes strings as go-yaml does: literal blocks for lines, double quotes where plain would mislead."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        if "\n" in text:
            style = "|"
        elif not _plain(text):
            style = '"'
        else:
            style = None
        return self.represent_scalar(TAG + "str", text, style=style)


def _plain(text: str) -> bool:
    """Whether ``text`` unquoted reads back as this very string, here and in older YAML readers."""
    if text in ("<<", "=", "y", "Y", "n", "N") or SEXAGESIMAL.match(text) or DATE.match(text):
        return False
    if len(text) > 4000:  # Python refuses to read integers of more than 4,300 digits
        return not INTEGER.match(text)
    return isinstance(_resolve(text), str)


def _represent_items(dumper: Any, items: Sequence[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence(TAG + "seq", items)  # type: ignore[no-any-return]


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_multi_representer(str, _Dumper.represent_text)
_Dumper.add_multi_representer(dict, yaml.CSafeDumper.represent_dict)
_Dumper.add_multi_representer(list, _represent_items)
