"""Shell text to tokens: words with their quoting, operators, line ends, here documents.

*Source:* POSIX.1-2017, Shell Command Language, 2.2 (quoting), 2.3 (token recognition), 2.7 (redirection).
*Differs:* what this shell does not offer is refused by name instead of being read as something else.
"""

import re
from dataclasses import dataclass, field

from sim.shell.reader import Parse, Reader, unsupported
from sim.shell.syntax import Literal, ShellError, Word

__all__ = ["MAX_LINE", "MAX_SCRIPT", "Lexer", "Token"]

MAX_LINE = 1_000_000  # characters; nobody types that, and every character costs
MAX_SCRIPT = 8_000_000

BLANK = re.compile(r"(?:[ \t\r]|\\\n)+")
OPERATORS = ("&&", "||", ";;", "&>>", "&>", "|&", "|", "&", ";")
REDIRECTION = re.compile(r"(\d?)(<<<|<<-|<<|<&|<>|<|>>|>&|>\||>)")


def _endless(delimiter: str) -> ShellError:
    """The error for a here document that never ends."""
    return ShellError(f"here document: a line with only {delimiter!r} must end it", unfinished=True)


@dataclass(slots=True)
class Token:
    """One token.

    Attributes:
        kind: ``word``, ``operator``, ``redirect``, ``newline`` or ``end``.
        text: the operator, or the word's source text.
        start, end: where it stands in the source.
        channel: a redirection's channel as written, or -1.
        word: the word's parts; a here document's text after a ``<<``.
    """

    kind: str
    text: str
    start: int
    end: int
    line: int
    channel: int = -1
    word: Word = field(default_factory=lambda: Word(()))


@dataclass(slots=True)
class Document:
    """A here document whose text is still to come."""

    token: Token
    delimiter: str
    tabs: bool
    quoted: bool


class Lexer(Reader):
    """Tokens of one script.

    Attributes:
        found: the tokens so far, also after an error.
    """

    def __init__(self, source: str, parse: Parse, depth: int = 0) -> None:
        super().__init__(source, parse, depth)
        self.documents: list[Document] = []
        self.found: list[Token] = []

    def tokens(self) -> list[Token]:
        """All tokens, the last of kind ``end``.

        Raises:
            ShellError: the text is not shell this shell knows.
        """
        found = self.found
        while True:
            token = self._token(found)
            found.append(token)
            if token.kind == "end":
                return found

    def _token(self, before: list[Token]) -> Token:
        self._blanks(at_start=not before or before[-1].kind == "newline")
        source, start = self.source, self.position
        if start >= len(source):
            if self.documents:
                name = self.documents[0].delimiter
                raise _endless(name)
            return Token("end", "", start, start, self.line)
        if source[start] == "\n":
            return self._newline()
        match = REDIRECTION.match(source, start)
        if match:
            return self._redirect(match)
        for operator in OPERATORS:
            if source.startswith(operator, start):
                self.position = start + len(operator)
                return Token("operator", operator, start, self.position, self.line)
        if source[start] in "()":
            raise unsupported("( … ), a subshell,") if source[start] == "(" else ShellError("unexpected `)'")
        word = self.word()
        token = Token("word", source[start : self.position], start, self.position, self.line, word=word)
        if before and before[-1].kind == "redirect" and before[-1].text in ("<<", "<<-"):
            self._expect_document(before[-1], token)
        return token

    def _blanks(self, *, at_start: bool) -> None:
        """Skip white space, joined lines, comments, and a prompt pasted from a tutorial."""
        match = BLANK.match(self.source, self.position)
        if match:
            self.line += match.group().count("\n")
            self.position = match.end()
        if at_start and self.source.startswith("$ ", self.position):
            self.position += 2
            self._blanks(at_start=False)
        if self.source.startswith("#", self.position):
            end = self.source.find("\n", self.position)
            self.position = len(self.source) if end < 0 else end

    def _newline(self) -> Token:
        start = self.position
        token = Token("newline", "\n", start, start + 1, self.line)
        self.position += 1
        self.line += 1
        waiting, self.documents = self.documents, []
        for document in waiting:
            self._read_document(document)
        return token

    # -- redirections -----------------------------------------------------------------------------------

    def _redirect(self, match: re.Match[str]) -> Token:
        digits, operator = match.groups()
        if operator == "<<<":
            raise unsupported("<<< (a here string)")
        if operator in ("<&", "<>", ">|"):
            raise unsupported(operator)
        if self.source.startswith("(", match.end()):
            raise unsupported(f"{operator}( … ), process substitution,")
        start, self.position = self.position, match.end()
        channel = int(digits) if digits else -1
        if channel > 2:
            raise unsupported(f"file descriptor {channel}")
        return Token("redirect", operator, start, self.position, self.line, channel)

    def _expect_document(self, redirect: Token, delimiter: Token) -> None:
        name = "".join(part.text for part in delimiter.word.parts if isinstance(part, Literal))
        quoted = any(part.quoted for part in delimiter.word.parts)
        if delimiter.word.plain() is None:
            name = delimiter.text  # the delimiter is never expanded
        self.documents.append(Document(redirect, name, redirect.text == "<<-", quoted))

    def _read_document(self, document: Document) -> None:
        """Take lines up to the delimiter, which alone stands on its line."""
        lines: list[str] = []
        while True:
            if self.position >= len(self.source):
                raise _endless(document.delimiter)
            end = self.source.find("\n", self.position)
            end = len(self.source) if end < 0 else end
            line = self.source[self.position : end]
            self.position = min(end + 1, len(self.source))
            self.line += 1
            if document.tabs:
                line = line.lstrip("\t")
            if line == document.delimiter:
                break
            lines.append(line + "\n")
        text = "".join(lines)
        literal = Word((Literal(text, quoted=True),))
        document.token.word = literal if document.quoted else self._expandable(text)

    def _expandable(self, text: str) -> Word:
        """A here document whose delimiter was not quoted: variables and substitutions count."""
        inner = Reader(text, self.parse, self.depth)
        return Word(tuple(inner.double_quoted(until="")))
