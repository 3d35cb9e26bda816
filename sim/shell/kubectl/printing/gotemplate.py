"""The part of Go's text/template that people use with ``-o go-template``.

Fields, ``range``, ``if``/``else``, ``with``, string and number literals, pipes, and the functions below.
*Differs:* no variables, no nested templates, no parentheses; they are refused by name.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TemplateError", "go_text", "render_go"]

ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)
WORD = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|\||[^\s|"`]+')
BLOCKS = ("range", "if", "with")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
DEPTH_LIMIT = 20


class TemplateError(ValueError):
    """A template that cannot be read or filled; one line."""


@dataclass(slots=True)
class Block:
    """A piece of template: literal text, an expression, or a ``range``/``if``/``with`` with its bodies."""

    kind: str
    text: str = ""
    body: "list[Block]" = field(default_factory=list)
    other: "list[Block] | None" = None


def go_text(value: Any) -> str:
    """A value as Go's ``%v`` prints it: ``map[a:b]``, ``[a b]``, ``<no value>``."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_text, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def render_go(template: str, obj: Any) -> str:
    """Fill ``template`` from ``obj``.

    Raises:
        TemplateError: it cannot be read, or a function does not fit its arguments.
    """
    out: list[str] = []
    _run(_parse(template), obj, obj, out)
    return "".join(out)


def _parse(template: str) -> list[Block]:
    root: list[Block] = []
    stack: list[tuple[Block | None, list[Block]]] = [(None, root)]
    position, trim = 0, False
    for match in ACTION.finditer(template):
        text = template[position : match.start()]
        text = text.lstrip() if trim else text
        text = text.rstrip() if match[1] else text
        if text:
            stack[-1][1].append(Block("text", text))
        _act(match[2].strip(), stack)
        position, trim = match.end(), bool(match[3])
    rest = template[position:]
    if "{{" in rest:
        raise TemplateError("unclosed action")
    stack[-1][1].append(Block("text", rest.lstrip() if trim else rest))
    if len(stack) > 1:
        raise TemplateError("unexpected end of the template: missing {{end}}")
    return root


def _act(inside: str, stack: list[tuple[Block | None, list[Block]]]) -> None:
    word, _, rest = inside.partition(" ")
    if word in BLOCKS:
        if len(stack) > DEPTH_LIMIT:
            raise TemplateError(f"blocks are nested more than {DEPTH_LIMIT} deep")
        block = Block(word, rest.strip())
        stack[-1][1].append(block)
        stack.append((block, block.body))
    elif word == "else":
        block_open = stack[-1][0]
        if block_open is None or block_open.other is not None or rest:
            raise TemplateError("unexpected {{else}}" + (f" {rest}: write a nested if" if rest else ""))
        block_open.other = []
        stack[-1] = (block_open, block_open.other)
    elif word == "end":
        if len(stack) == 1:
            raise TemplateError("unexpected {{end}}")
        stack.pop()
    elif inside and not inside.startswith("/*"):
        stack[-1][1].append(Block("value", inside))


def _run(blocks: list[Block], dot: Any, root: Any, out: list[str]) -> None:
    for block in blocks:
        if block.kind == "text":
            out.append(block.text)
        elif block.kind == "value":
            out.append(go_text(_evaluate(block.text, dot, root)))
        elif block.kind == "range":
            items = list(_items(_evaluate(block.text, dot, root)))
            for item in items:
                _run(block.body, item, root, out)
            if not items:
                _run(block.other or [], dot, root, out)
        else:
            value = _evaluate(block.text, dot, root)
            inner = value if block.kind == "with" and value else dot
            _run(block.body if value else block.other or [], inner, root, out)


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (value[key] for key in sorted(value))
    elif isinstance(value, list):
        yield from value
    elif value is not None:
        raise TemplateError(f"range can't iterate over {go_text(value)}")


def _evaluate(text: str, dot: Any, root: Any) -> Any:
    """A pipeline: each command's value is the last argument of the next."""
    commands: list[list[str]] = [[]]
    for word in WORD.findall(text):
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    value: Any = None
    for index, words in enumerate(commands):
        if not words:
            raise TemplateError(f"missing value for command in {text!r}")
        value = _command(words, dot, root, [value] if index else [])
    return value


def _command(words: list[str], dot: Any, root: Any, piped: list[Any]) -> Any:
    if words[0] in FUNCTIONS:
        arguments = [_operand(word, dot, root) for word in words[1:]] + piped
        try:
            return FUNCTIONS[words[0]](*arguments)
        except (TypeError, ValueError, LookupError, binascii.Error):
            raise TemplateError(f"{words[0]} does not fit its arguments") from None
    if len(words) > 1 or piped:
        raise TemplateError(f'function "{words[0]}" not defined here; known: {", ".join(sorted(FUNCTIONS))}')
    return _operand(words[0], dot, root)


def _operand(word: str, dot: Any, root: Any) -> Any:
    if word.startswith('"'):
        return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[1]), word[1:-1])
    if word.startswith("`"):
        return word[1:-1]
    if re.fullmatch(r"-?\d{1,18}", word):
        return int(word)
    if word in ("true", "false"):
        return word == "true"
    start = root if word.startswith("$.") or word == "$" else dot
    if not word.lstrip("$").startswith(".") and word != "$":
        raise TemplateError(f'"{word}" is not supported here: fields start with a dot')
    value: Any = start
    for name in filter(None, word.lstrip("$").split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else value[key]
    return value


def _printf(form: str, *values: Any) -> str:
    texts = [
        go_text(value) if isinstance(value, dict | list | bool) or value is None else value
        for value in values
    ]
    return str(re.sub(r"%(-?\d*)v", r"%\1s", form) % tuple(texts))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "index": _index,
    "print": lambda *values: "".join(map(go_text, values)),
    "println": lambda *values: " ".join(map(go_text, values)) + "\n",
    "printf": _printf,
    "eq": lambda left, *rights: any(left == right for right in rights),
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "gt": lambda left, right: left > right,
    "not": lambda value: not value,
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "base64decode": lambda text: base64.b64decode(text, validate=True).decode("utf-8", "replace"),
    "exists": lambda value, *keys: _exists(value, keys),
}


def _exists(value: Any, keys: tuple[Any, ...]) -> bool:
    try:
        return _index(value, *keys) is not None
    except (TypeError, LookupError):
        return False
