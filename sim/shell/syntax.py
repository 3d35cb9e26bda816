"""What a shell line means: the nodes the parser makes and the interpreter walks."""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Chain",
    "Literal",
    "Part",
    "Pipeline",
    "Redirect",
    "ShellError",
    "SimpleCommand",
    "Statement",
    "Substitution",
    "Variable",
    "Word",
]


class ShellError(Exception):
    """The line cannot be understood, or asks for something this shell does not do. One line of text.

    Attributes:
        unfinished: more lines could complete it: an open quote, a here document, a pipe into nothing.
    """

    def __init__(self, message: str, *, unfinished: bool = False) -> None:
        super().__init__(message)
        self.unfinished = unfinished


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as it stands. ``quoted`` text is never a wildcard."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``; ``?`` is the status of the last pipeline. Unquoted values are split at white space."""

    name: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    """``$(…)``: the output of a script, without its trailing newlines."""

    script: "tuple[Statement, ...]"
    quoted: bool = False


Part: TypeAlias = Literal | Variable | Substitution


@dataclass(frozen=True, slots=True)
class Word:
    """Parts that stand together, without white space between them."""

    parts: tuple[Part, ...]

    def plain(self) -> str | None:
        """The text when the word has no variables or substitutions, else None."""
        if all(isinstance(part, Literal) for part in self.parts):
            return "".join(part.text for part in self.parts if isinstance(part, Literal))
        return None


@dataclass(frozen=True, slots=True)
class Redirect:
    """One redirection.

    Attributes:
        channel: 0 input, 1 output, 2 errors.
        operator: ``<``, ``<<`` (here document), ``>``, ``>>``, or ``&`` (where channel ``target`` goes).
        target: a file name, a here document's text, or the channel's number.
    """

    channel: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """Assignments, words and redirections; the first word is the command's name."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each reading what the one before it wrote. ``negated``: ``!`` stands before it."""

    commands: tuple[SimpleCommand, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """Pipelines joined by ``&&`` and ``||``: (operator, pipeline), the first operator empty."""

    links: tuple[tuple[str, Pipeline], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A chain up to ``;``, ``&`` or the end of the line.

    Attributes:
        text: as it was typed, with its here documents' text left out.
        line: number of its first line, from 1.
        background: it ended in ``&``.
    """

    chain: Chain
    text: str
    line: int
    background: bool = False
