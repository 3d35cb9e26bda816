"""Words of the shell's grammar: quotes, backslashes, variables, substitutions.

*Source:* POSIX.1-2017, Shell Command Language, 2.2 (quoting) and 2.6 (what is to be expanded).
*Differs:* what this shell does not offer is refused by name instead of being read as something else.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from sim.shell.syntax import Literal, Part, ShellError, Statement, Substitution, Variable, Word

__all__ = ["Parse", "Reader", "unsupported"]

MAX_DEPTH = 8  # $( inside $( inside …

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN = re.compile(r"[^\s'\"\\$`|&;<>()#{}]+")  # a run of characters that mean only themselves
BRACES = re.compile(r"\{([^\s{}'\"]*)\}")

Parse: TypeAlias = Callable[[str, int], tuple[Statement, ...]]


def unsupported(what: str) -> ShellError:
    """The error for shell forms this shell does not offer."""
    return ShellError(f"{what} is not supported here")


class Reader:
    """Reads words from a text.

    Args:
        source: the text.
        parse: parses the inside of ``$(…)``, given its depth.
        depth: how many ``$(`` this text is inside.
    """

    def __init__(self, source: str, parse: Parse, depth: int = 0) -> None:
        self.source = source
        self.parse = parse
        self.depth = depth
        self.position = 0
        self.line = 1

    def word(self) -> Word:
        """The word that begins here."""
        parts: list[Part] = []
        source = self.source
        while self.position < len(source):
            char = source[self.position]
            if char in " \t\r\n|&;<>":
                break
            plain = PLAIN.match(source, self.position)
            if plain:
                parts.append(Literal(plain.group()))
                self.position = plain.end()
            elif char == "'":
                parts.append(Literal(self._until("'"), quoted=True))
            elif char == '"':
                self.position += 1
                # An empty part keeps "" a word of its own.
                parts += self.double_quoted(until='"') or [Literal("", quoted=True)]
            elif char == "\\":
                self._escape(parts)
            elif char == "$":
                parts.append(self._dollar(quoted=False))
            else:
                parts.append(self._odd(char))
        return Word(tuple(parts))

    def _odd(self, char: str) -> Literal:
        """Characters that mean something only in some places."""
        if char == "`":
            raise unsupported("`…` (write $(…) instead)")
        if self.source.startswith("()", self.position):
            raise unsupported("a function definition")
        if char in "()":
            raise ShellError(f"unexpected `{char}' (quote it if it is meant as text)")
        if char == "{":
            braces = BRACES.match(self.source, self.position)
            if braces and ("," in braces.group(1) or ".." in braces.group(1)):
                raise unsupported("{a,b}, brace expansion,")
        self.position += 1
        return Literal(char)

    def _until(self, quote: str) -> str:
        end = self.source.find(quote, self.position + 1)
        if end < 0:
            raise ShellError(f"unexpected end of line: a {quote} is never closed", unfinished=True)
        text = self.source[self.position + 1 : end]
        self.line += text.count("\n")
        self.position = end + 1
        return text

    def _escape(self, parts: list[Part]) -> None:
        following = self.source[self.position + 1 : self.position + 2]
        if following == "\n":
            self.line += 1
        else:
            parts.append(Literal(following or "\\", quoted=True))
        self.position += 2

    def double_quoted(self, *, until: str) -> list[Part]:
        """Parts up to the closing quote, or to the end of a here document when ``until`` is empty."""
        parts: list[Part] = []
        text: list[str] = []
        source = self.source
        special = re.compile(r"[\\$`\n" + until + "]")
        while True:
            match = special.search(source, self.position)
            stop = match.start() if match else len(source)
            text.append(source[self.position : stop])
            self.position = stop
            if match is None:
                if until:
                    raise ShellError(f"unexpected end of line: a {until} is never closed", unfinished=True)
                break
            char = match.group()
            if char == until:
                self.position += 1
                break
            self._inside_quotes(char, until, text, parts)
        if joined := "".join(text):
            parts.append(Literal(joined, quoted=True))
        return parts

    def _inside_quotes(self, char: str, until: str, text: list[str], parts: list[Part]) -> None:
        """One special character inside double quotes or a here document."""
        source = self.source
        if char == "\n":
            self.line += 1
            text.append(char)
            self.position += 1
        elif char == "\\":
            following = source[self.position + 1 : self.position + 2]
            if following == "\n":
                self.line += 1
            elif following and following in "\\$`" + until:
                text.append(following)
            else:
                text.append("\\" + following)
            self.position += 2
        elif char == "`":
            raise unsupported("`…` (write $(…) instead)")
        else:
            part = self._dollar(quoted=True)
            if isinstance(part, Literal):
                text.append(part.text)
                return
            if joined := "".join(text):
                parts.append(Literal(joined, quoted=True))
            text.clear()
            parts.append(part)

    def _dollar(self, *, quoted: bool) -> Part:
        source, start = self.source, self.position
        following = source[start + 1 : start + 2]
        if source.startswith("$((", start):
            raise unsupported("$(( … )), arithmetic,")
        if following == "(":
            return self._substitution(quoted)
        if following == "{":
            return self._braced(quoted)
        if following == "?":
            self.position += 2
            return Variable("?", quoted)
        if not quoted and following in ("'", '"'):
            raise unsupported(f"${following}…{following}")
        if following and following in "@*#$!-0123456789":
            raise unsupported(f"${following}")
        name = NAME.match(source, start + 1)
        if name:
            self.position = name.end()
            return Variable(name.group(), quoted)
        self.position += 1
        return Literal("$", quoted)

    def _braced(self, quoted: bool) -> Variable:
        end = self.source.find("}", self.position)
        if end < 0:
            raise ShellError("unexpected end of line: a ${ is never closed", unfinished=True)
        inside = self.source[self.position + 2 : end]
        if inside != "?" and not NAME.fullmatch(inside):
            short = inside if len(inside) < 30 else inside[:27] + "…"
            raise unsupported("${" + short + "}")
        self.position = end + 1
        return Variable(inside, quoted)

    def _substitution(self, quoted: bool) -> Substitution:
        if self.depth >= MAX_DEPTH:
            raise unsupported(f"$( … ) more than {MAX_DEPTH} deep")
        start = self.position + 2
        end = self._closing(start)
        script = self.parse(self.source[start:end], self.depth + 1)
        self.line += self.source.count("\n", start, end)
        self.position = end + 1
        return Substitution(script, quoted)

    def _closing(self, start: int) -> int:
        """Where the ``)`` that ends a substitution stands: quotes hide theirs."""
        level, position, source = 1, start, self.source
        finder = re.compile(r"['\"\\()]")
        while match := finder.search(source, position):
            char, position = match.group(), match.end()
            if char == "\\":
                position += 1
            elif char == "'":
                position = source.find("'", position) + 1 or len(source)
            elif char == '"':
                position = _closing_quote(source, position)
            else:
                level += 1 if char == "(" else -1
                if level == 0:
                    return match.start()
        raise ShellError("unexpected end of line: a $( is never closed", unfinished=True)


def _closing_quote(source: str, position: int) -> int:
    """The position after the double quote that closes the one before ``position``.

    *Differs:* a substitution inside such quotes may not hold double quotes of its own when it is itself
    inside ``$(…)``.
    """
    finder = re.compile(r'[\\"]')
    while match := finder.search(source, position):
        if match.group() == '"':
            return match.end()
        position = match.end() + 1
    return len(source)
