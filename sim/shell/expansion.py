"""Words of a command to text: variables, ``$(…)``, splitting, and the refusal of wildcards.

*Source:* POSIX.1-2017, Shell Command Language, 2.6, without tilde, arithmetic and pathname expansion.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sim.shell.syntax import Literal, ShellError, Substitution, Variable, Word

if TYPE_CHECKING:
    from sim.shell.interpreter import Interpreter

__all__ = ["Expansion"]

MAX_WORDS = 1_000_000  # characters all words of a command may expand to
WILDCARDS = frozenset("*?[")


class Expansion:
    """Words of one command to text, with a limit on how much."""

    def __init__(self, shell: "Interpreter") -> None:
        self.shell = shell
        self.left = MAX_WORDS
        self.status = 0

    def _value(self, part: Literal | Variable | Substitution) -> str:
        if isinstance(part, Literal):
            value = part.text
        elif isinstance(part, Substitution):
            value, self.status = self.shell.substitute(part.script)
        elif part.name == "?":
            value = str(self.shell.status)
        else:
            found = self.shell.host.environ.get(part.name)
            if found is None and self.shell.nounset:
                raise ShellError(f"{part.name}: unbound variable")
            value = found or ""
        self.left -= len(value)
        if self.left < 0:
            raise ShellError(f"the command's words are longer than {MAX_WORDS:,} characters")
        return value

    def text(self, word: Word) -> str:
        """The word as one text: assignments and redirections do not split."""
        return "".join(map(self._value, word.parts))

    def fields(self, word: Word) -> list[str]:
        """The word's fields: unquoted values are split at white space.

        Raises:
            ShellError: it is a wildcard that matches files, which this shell does not expand.
        """
        done: list[str] = []
        current: str | None = None
        for part in word.parts:
            value = self._value(part)
            if isinstance(part, Literal) or part.quoted:
                current = (current or "") + value
                continue
            pieces = value.split()
            if pieces and current is not None and not value[0].isspace():
                pieces[0] = current + pieces[0]
                current = None
            if current is not None and value:
                done.append(current)
                current = None
            if pieces:
                done += pieces[:-1] if not value[-1].isspace() else pieces
                current = pieces[-1] if not value[-1].isspace() else None
        if current is not None:
            done.append(current)
        self._refuse_wildcards(word)
        return done

    def _refuse_wildcards(self, word: Word) -> None:
        """A wildcard that matches nothing stands for itself, as in any shell; others are refused."""
        bare = [part.text for part in word.parts if isinstance(part, Literal) and not part.quoted]
        if not any(WILDCARDS.intersection(text) for text in bare):
            return
        pattern = "".join(
            part.text
            if isinstance(part, Literal) and not part.quoted
            else "".join(f"[{char}]" if char in WILDCARDS else char for char in self._value(part))
            for part in word.parts
        )
        if len(pattern) > 255 or pattern.count("*") > 8:
            return
        files = self.shell.host.files
        if any(fnmatchcase(name, pattern) for name in {*files.names(), *files.listdir()}):
            raise ShellError(f"a wildcard ({pattern}) is not supported here: name the files")
