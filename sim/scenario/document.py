"""One YAML document as plain data with the line of everything in it. Hardened: no tags, anchors or aliases.

Both scenarios and lessons are read this way; all problems are collected, not only the first.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

__all__ = ["Document", "Path", "Problem", "Problems", "read"]

Path = tuple[str | int, ...]
MAX_TEXT = 1_000_000  # characters
MAX_DEPTH = 40
TAG = "tag:yaml.org,2002:"
PLAIN = frozenset(TAG + name for name in ("null", "bool", "int", "float"))
USUAL = PLAIN | {TAG + name for name in ("str", "timestamp", "map", "seq", "merge", "value")}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong with a file."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Problems(Exception):
    """All that is wrong with a file; its text is one line a problem."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(slots=True)
class Document:
    """A YAML document.

    Attributes:
        data: mappings, lists and scalars.
        lines: line number of every value, by its path.
        problems: what was wrong with the text itself: duplicate keys, tags, aliases.
    """

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def add(self, line: int, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, line, message))


def read(text: str, file: str) -> Document:
    """Read a document; what is wrong with it is in its ``problems``.

    Raises:
        Problems: the text is no YAML, or larger or deeper than anybody writes.
    """
    document = Document(file)
    if len(text) > MAX_TEXT:
        raise Problems([Problem(file, 1, f"the file is too long: more than {MAX_TEXT:,} characters")])
    _check_events(text, file)
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        document.lines[()] = 1
        return document
    document.data = _value(node, (), document)
    return document


def _check_events(text: str, file: str) -> None:
    """Refuse what must not be composed: aliases, deep nesting, a second document, malformed text."""
    depth = documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise Problems([Problem(file, line, "anchors (&) and aliases (*) are not used here")])
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise Problems([Problem(file, line, f"nested more than {MAX_DEPTH} deep")])
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Problems([Problem(file, line, "one document is expected, here a second begins")])
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        what = " ".join(str(part) for part in (problem.problem, problem.context) if part)
        raise Problems([Problem(file, mark.line + 1 if mark else 1, f"not YAML: {what}")]) from None
    except yaml.YAMLError as problem:
        raise Problems([Problem(file, 1, f"not YAML: {' '.join(str(problem).split())[:200]}")]) from None


def _value(node: yaml.Node, path: Path, document: Document) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if node.tag not in USUAL:
        document.add(line, f"the tag {str(node.tag).replace(TAG, '!!')} is not used here")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            document.add(line, "a key must be a plain word")
            continue
        name = str(key.value)
        if name in found:
            first = document.lines[(*path, name)]
            document.add(line, f"{name!r} is given twice, first in line {first}")
            continue
        document.lines[(*path, name)] = line
        found[name] = _value(value, (*path, name), document)
    return found


def _scalar(node: yaml.Node) -> Any:
    """A number, truth value or null as YAML 1.1 reads them; everything else, dates too, is text."""
    if node.tag not in PLAIN or (node.tag.endswith((":int", ":float")) and ":" in node.value):
        return node.value
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except ValueError:
        return node.value
    finally:
        loader.dispose()
