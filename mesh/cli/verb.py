"""One command of ``linkerd``: its name, flags, help and function."""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, Parsed
from mesh.editions import Edition

__all__ = ["Verb", "fail"]


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that ``linkerd`` knows.

    Attributes:
        name: the word typed, without ``linkerd`` and ``viz``.
        run: the command; gets its flags and words, and the surroundings.
        flags: its own flags (the global ones are added), or a function of the edition that gives them.
        summary: one line for the list of commands.
        example: shell lines with comments; ``{cmd}`` stands for ``linkerd stat`` or ``linkerd viz stat``.
        about: what it does, in a few sentences.
        words: what follows the flags on the usage line, such as ``[file | - ]``; empty: no words are allowed.
    """

    name: str
    run: Callable[[Parsed, Console], Result]
    flags: tuple[Flag, ...] | Callable[[Edition], tuple[Flag, ...]] = ()
    summary: str = ""
    example: str = ""
    about: str = ""
    words: str = ""

    def flags_in(self, edition: Edition) -> tuple[Flag, ...]:
        """The flags it has in ``edition``."""
        return self.flags(edition) if callable(self.flags) else self.flags


def fail(message: str, status: int = 1) -> Result:
    """A Result that says what went wrong on stderr, in one line."""
    return Result(stderr=message.rstrip("\n") + "\n", status=status)
