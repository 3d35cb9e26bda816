"""JSONPath templates: text, ``{PATH}``, ``{"text"}``, ``{range PATH}…{end}``."""

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from sim.shell.kubectl.printing.jsonpath import STRING, JsonPathError, Path, find, steps, text_of, unquote

__all__ = ["Template", "parse_template", "render"]

TEXT_LIMIT = 10_000  # characters in a template
DEPTH_LIMIT = 20  # ranges inside ranges


@dataclass(frozen=True, slots=True)
class Range:
    """``{range PATH}…{end}``."""

    path: Path
    body: "Template"


Template: TypeAlias = tuple[str | Path | Range, ...]


def parse_template(text: str) -> Template:
    """Read a template: text, ``{PATH}``, ``{"text"}``, ``{range PATH}…{end}``.

    Raises:
        JsonPathError: it cannot be read.
    """
    if len(text) > TEXT_LIMIT:
        raise JsonPathError(f"the template is longer than {TEXT_LIMIT:,} characters")
    stack: list[tuple[Path | None, list[str | Path | Range]]] = [(None, [])]
    position = 0
    while position < len(text):
        start = text.find("{", position)
        if start < 0:
            stack[-1][1].append(text[position:])
            break
        if start > position:
            stack[-1][1].append(text[position:start])
        end = _action_end(text, start)
        _action(text[start + 1 : end].strip(), stack)
        position = end + 1
    if len(stack) > 1:
        raise JsonPathError("unexpected end of the template: a range is not closed with {end}")
    return tuple(stack[0][1])


def _action_end(text: str, start: int) -> int:
    quote, index = "", start + 1
    while index < len(text):
        char = text[index]
        if quote:
            if char == "\\":
                index += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "}":
            return index
        index += 1
    raise JsonPathError("unclosed action")


def _action(inside: str, stack: list[tuple[Path | None, list[str | Path | Range]]]) -> None:
    if inside == "end":
        path, body = stack.pop()
        if path is None:
            raise JsonPathError("not in range, nothing to end")
        stack[-1][1].append(Range(path, tuple(body)))
    elif inside.startswith("range") and inside[5:6] in (" ", "\t", ""):
        if len(stack) > DEPTH_LIMIT:
            raise JsonPathError("ranges are nested more than 20 deep")
        stack.append((steps(inside[5:].strip()), []))
    elif re.fullmatch(STRING, inside, re.DOTALL):
        stack[-1][1].append(unquote(inside))
    elif inside:
        stack[-1][1].append(steps(inside))


def render(template: Template, obj: Any, root: Any = None) -> str:
    """The template filled from ``obj``; several values of one path are separated by spaces.

    Raises:
        JsonPathError: an index beyond a list's end, or a comparison of unlike things.
    """
    root = obj if root is None else root
    out: list[str] = []
    for part in template:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, Path):
            out.append(" ".join(map(text_of, find(part, obj, root))))
        else:
            out += [render(part.body, item, root) for item in _ranged(find(part.path, obj, root))]
    return "".join(out)


def _ranged(values: list[Any]) -> list[Any]:
    """What ``range`` walks over: the values; a single list is walked itself."""
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values
