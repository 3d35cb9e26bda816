"""Command-line flags, read as programs built on cobra and pflag read them, and the text of ``--help``.

A command's flags are a table of :class:`Flag`; :func:`parse` reads an argument list against it.
*Source:* pflag's grammar: ``--name value``, ``--name=value``, ``-n value``, ``-nvalue``, ``-n=value``,
grouped one-letter switches (``-it``), ``--`` ends the flags.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

__all__ = ["Flag", "FlagError", "Parsed", "did_you_mean", "duration", "parse", "usage"]

# What the value of each kind is called in help texts and error messages, and its default.
KINDS: dict[str, tuple[str, Any]] = {
    "string": ("string", ""),
    "int": ("int", 0),
    "float": ("float", 0.0),
    "bool": ("", False),
    "duration": ("duration", 0.0),
    "list": ("strings", ()),
    "array": ("stringArray", ()),
}
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")
COMPONENT = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|us|µs|ns|m|s)")


class FlagError(Exception):
    """An argument list that a command's flags do not allow; the message is one line.

    Attributes:
        name: the flag's name as typed, without dashes.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of a command.

    Attributes:
        name: long name without dashes.
        short: one letter, or empty.
        kind: string, int, float, bool, duration (seconds as float), list (commas split, may be repeated) or
            array (may be repeated, commas kept).
        default: value when absent; None takes the kind's own.
        help: one line for ``--help``.
        no_value: what ``--name`` without a value stands for; None makes a value necessary (bool: true).
        hidden: leave it out of ``--help``.
        choices: the only values allowed, if any.
    """

    name: str
    short: str = ""
    kind: str = "string"
    default: Any = None
    help: str = ""
    no_value: str | None = None
    hidden: bool = False
    choices: tuple[str, ...] = ()

    def initial(self) -> Any:
        """The value when the flag is absent."""
        if self.kind in ("list", "array"):
            return list(self.default or ())
        return KINDS[self.kind][1] if self.default is None else self.default


@dataclass
class Parsed:
    """What an argument list said.

    Attributes:
        values: every flag's value by long name, defaults filled in.
        args: the words that are no flags, before ``--``.
        rest_after_dashdash: the words after ``--``.
        changed: names of the flags that were given.
    """

    values: dict[str, Any]
    args: list[str] = field(default_factory=list)
    rest_after_dashdash: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def parse(argv: Sequence[str], flags: Iterable[Flag], interspersed: bool = True) -> Parsed:
    """Read ``argv``; with ``interspersed`` False everything from the first plain word on is left alone.

    Raises:
        FlagError: an unknown flag, a missing value or one that is not of the flag's kind.
    """
    table = {flag.name: flag for flag in flags}
    shorts = {flag.short: flag for flag in table.values() if flag.short}
    parsed = Parsed({flag.name: flag.initial() for flag in table.values()})
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            parsed.rest_after_dashdash = words
            return parsed
        if word.startswith("--"):
            _long(word, words, table, parsed)
        elif word.startswith("-") and len(word) > 1:
            _short(word, words, shorts, parsed)
        else:
            parsed.args.append(word)
            if not interspersed:
                parsed.args += words
                return parsed
    return parsed


def _long(word: str, words: list[str], table: dict[str, Flag], parsed: Parsed) -> None:
    name, equals, text = word[2:].partition("=")
    flag = table.get(name)
    if flag is None:
        names = [known for known, entry in table.items() if not entry.hidden]
        raise FlagError(f"unknown flag: --{name}" + did_you_mean(name, names, prefix="--"), name)
    if not equals:
        text = _without_value(flag, words, f"--{name}")
    _set(flag, text, parsed, f"--{name}" if not flag.short else f"-{flag.short}, --{name}")


def _short(word: str, words: list[str], shorts: dict[str, Flag], parsed: Parsed) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = shorts.get(letter)
        if flag is None:
            raise FlagError(f"unknown shorthand flag: {letter!r} in {word}", letter)
        shown = f"-{letter}, --{flag.name}"
        if letters.startswith("="):
            _set(flag, letters[1:], parsed, shown)
            return
        if flag.kind == "bool" or flag.no_value is not None:
            _set(flag, _without_value(flag, words, word), parsed, shown)
            continue
        _set(flag, letters or _without_value(flag, words, f"{letter!r} in {word}"), parsed, shown)
        return


def _without_value(flag: Flag, words: list[str], shown: str) -> str:
    """The text of a flag that was not given with ``=``."""
    if flag.no_value is not None:
        return flag.no_value
    if flag.kind == "bool":
        return "true"
    if not words:
        raise FlagError(f"flag needs an argument: {shown}", flag.name)
    return words.pop(0)


def _set(flag: Flag, text: str, parsed: Parsed, shown: str) -> None:
    try:
        value = _convert(flag, text)
    except ValueError as error:
        raise FlagError(f'invalid argument "{text}" for "{shown}" flag: {error}', flag.name) from None
    if flag.kind in ("list", "array"):
        before = parsed.values[flag.name] if flag.name in parsed.changed else []
        value = [*before, *value]
    parsed.values[flag.name] = value
    parsed.changed.add(flag.name)


def _convert(flag: Flag, text: str) -> Any:
    """The value of ``text``.

    Raises:
        ValueError: it is not of the flag's kind; the message says what would be.
    """
    if flag.choices and text not in flag.choices:
        raise ValueError("must be one of: " + ", ".join(flag.choices))
    if flag.kind == "bool":
        if text not in TRUE + FALSE:
            raise ValueError("must be true or false")
        return text in TRUE
    if flag.kind == "int":
        if not re.fullmatch(r"[+-]?\d{1,18}", text):
            raise ValueError("must be a whole number")
        return int(text)
    if flag.kind == "float":
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
            raise ValueError("must be a number")
        return float(text)
    if flag.kind == "duration":
        return duration(text)
    if flag.kind == "list":
        return [part for part in text.split(",") if part]
    return [text] if flag.kind == "array" else text


def duration(text: str) -> float:
    """Seconds in a Go duration: ``90s``, ``1h30m``, ``250ms``, ``0``.

    Raises:
        ValueError: it is none; the message shows the form.
    """
    body = text.lstrip("+-")
    if body == "0":
        return 0.0
    parts = COMPONENT.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body or len(text) - len(body) > 1:
        raise ValueError("must be a duration such as 30s, 5m or 1h30m")
    total: float = sum(float(number) * UNITS[unit] for number, unit in parts)
    return -total if text.startswith("-") else total


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """`` (did you mean X?)`` for the nearest of ``known``, or nothing."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {prefix}{near[0]}?)" if near else ""


def usage(flags: Iterable[Flag]) -> str:
    """The lines that describe ``flags`` in ``--help``, aligned, in order of name."""
    rows = []
    for flag in sorted(flags, key=lambda entry: entry.name):
        if flag.hidden:
            continue
        left = f"  -{flag.short}, --{flag.name}" if flag.short else f"      --{flag.name}"
        kind = KINDS[flag.kind][0]
        if flag.no_value is not None and flag.kind != "bool":
            left += f'[="{flag.no_value}"]'
        elif kind:
            left += f" {kind}"
        rows.append((left, flag.help + _default(flag)))
    width = max((len(left) for left, _ in rows), default=0)
    return "".join(f"{left:<{width}}   {right}".rstrip() + "\n" for left, right in rows)


def _default(flag: Flag) -> str:
    """`` (default X)`` unless the default is the kind's empty value."""
    value = flag.initial()
    if value in (KINDS[flag.kind][1], []):
        return ""
    if flag.kind == "duration":
        return f" (default {_duration_text(value)})"
    if flag.kind == "string":
        return f' (default "{value}")'
    if flag.kind in ("list", "array"):
        return f" (default [{','.join(shlex.quote(str(item)) for item in value)}])"
    return f" (default {str(value).lower() if flag.kind == 'bool' else value})"


def _duration_text(seconds: float) -> str:
    """``5m0s`` for 300: as Go prints durations of whole seconds."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if seconds != int(seconds):
        return f"{seconds:g}s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{left}s"
