"""Shell text to tokens: words with their quoting, operators, line ends, here documents.

*Source:* POSIX.1-2017, Shell Command Language, 2.2 (quoting), 2.3 (token recognition), 2.7 (redirection).
*Differs:* what this shell does not offer is refused by name instead of being read as something else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.shell.syntax import Literal, Part, ShellError, Statement, Substitution, Variable, Word

__all__ = ["MAX_LINE", "MAX_SCRIPT", "Lexer", "Token", "unsupported"]

MAX_LINE = 1_000_000  # characters; nobody types that, and every character costs
MAX_SCRIPT = 8_000_000
MAX_DEPTH = 8  # $( inside $( inside …

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN = re.compile(r"[^\s'\"\\$`|&;<>()#{}]+")  # a run of characters that mean only themselves
BLANK = re.compile(r"(?:[ \t\r]|\\\n)+")
BRACES = re.compile(r"\{([^\s{}'\"]*)\}")
OPERATORS = ("&&", "||", ";;", "&>>", "&>", "|&", "|", "&", ";")
REDIRECTION = re.compile(r"(\d?)(<<<|<<-|<<|<&|<>|<|>>|>&|>\||>)")

Parse = Callable[[str, int], tuple[Statement, ...]]


def unsupported(what: str) -> ShellError:
    """The error for shell forms this shell does not offer."""
    return ShellError(f"{what} is not supported here")


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


class Lexer:
    """Tokens of one script.

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
        word = self._word()
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
        inner = Lexer(text, self.parse, self.depth)
        return Word(tuple(inner.double_quoted(until="")))

    # -- words ----------------------------------------------------------------------------------------------

    def _word(self) -> Word:
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
