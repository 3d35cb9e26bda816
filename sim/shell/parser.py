"""Shell tokens to statements: pipes, ``&&``, ``||``, ``;``, ``&``, assignments, redirections.

*Source:* POSIX.1-2017, Shell Command Language, 2.10 (grammar), as far as design allows: compound commands
and functions are refused by name.
"""

import re

from sim.shell.lexer import MAX_LINE, MAX_SCRIPT, Lexer, Token
from sim.shell.reader import unsupported
from sim.shell.syntax import (
    Chain,
    Literal,
    Pipeline,
    Redirect,
    ShellError,
    SimpleCommand,
    Statement,
    Word,
)

__all__ = ["MAX_LINE", "MAX_SCRIPT", "Parser", "parse", "quote"]

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
LOOPS = ("for", "while", "until", "select")
RESERVED = {
    **dict.fromkeys(LOOPS, "a loop ({})"),
    **dict.fromkeys(("if", "case"), "a condition ({}; use && and ||)"),
    **dict.fromkeys(("then", "elif", "else", "fi", "do", "done", "esac", "in", "}"), "{}"),
    "function": "a function definition",
    "{": "{{ … }}, a group,",
    "[[": "[[ … ]]",
    "[": "[ … ]",
}
CONNECTIVES = ("&&", "||")


def parse(source: str, depth: int = 0) -> tuple[Statement, ...]:
    """The statements of a script, before anything of it runs.

    Raises:
        ShellError: too long, malformed, or not supported; the message is one line.
    """
    if len(source) > MAX_SCRIPT:
        raise ShellError(f"the script is too long: {len(source):,} characters, {MAX_SCRIPT:,} are allowed")
    longest = max(map(len, source.split("\n")))
    if longest >= MAX_LINE:
        raise ShellError(f"the line is too long: {longest:,} characters, fewer than {MAX_LINE:,} are allowed")
    if "\0" in source:
        raise ShellError("the line holds a NUL character")
    lexer = Lexer(source, parse, depth)
    try:
        tokens = lexer.tokens()
    except ShellError:
        # What a loop or condition holds may not even be words: name the form rather than the character.
        _check_forms(lexer.found)
        raise
    return Parser(source, tokens).script()


def _check_forms(tokens: list[Token]) -> None:
    """Refuse compound commands by name, wherever a command begins."""
    beginning = True
    for token in tokens:
        if beginning and token.text in RESERVED:
            raise unsupported(RESERVED[token.text].format(token.text))
        beginning = token.kind in ("operator", "newline")


def quote(text: str) -> str:
    """``text`` as one word of a shell line."""
    if SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


class Parser:
    """Recursive descent over the tokens of one script."""

    def __init__(self, source: str, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.index = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.index]

    def _is(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def script(self) -> tuple[Statement, ...]:
        """All statements."""
        found: list[Statement] = []
        while True:
            while self.token.kind == "newline":
                self.index += 1
            if self.token.kind == "end":
                return tuple(found)
            found.append(self._statement())

    def _statement(self) -> Statement:
        first = self.token
        chain = self._chain()
        background = self._is("&")
        # An & belongs to the statement that people see in a transcript; a ; only separates two.
        last = self.index if background else self.index - 1
        text = self.source[first.start : self.tokens[last].end]
        if self._is("&", ";"):
            self.index += 1
        elif self.token.kind not in ("newline", "end"):
            raise self._unexpected()
        return Statement(chain, text.strip(), first.line, background)

    def _chain(self) -> Chain:
        links = [("", self._pipeline())]
        while self._is(*CONNECTIVES):
            operator = self.token.text
            self.index += 1
            self._newlines()
            links.append((operator, self._pipeline()))
        return Chain(tuple(links))

    def _newlines(self) -> None:
        """A line may go on after ``|``, ``&&`` and ``||``."""
        while self.token.kind == "newline":
            self.index += 1

    def _pipeline(self) -> Pipeline:
        negated = False
        if self.token.kind == "word" and self.token.text == "!":
            negated = True
            self.index += 1
        commands = [self._command()]
        while self._is("|", "|&"):
            if self.token.text == "|&":
                raise unsupported("|& (write 2>&1 |)")
            self.index += 1
            self._newlines()
            if self.token.kind == "end":
                raise ShellError("syntax error: nothing stands after the |", unfinished=True)
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    def _command(self) -> SimpleCommand:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            token = self.token
            if token.kind == "redirect" or self._is("&>", "&>>"):
                redirects += self._redirect()
            elif token.kind != "word":
                break
            else:
                self.index += 1
                assigned = None if words else _assignment(token)
                if assigned:
                    assignments.append(assigned)
                    continue
                if not words:
                    self._check_name(token)
                words.append(token.word)
        if not (assignments or words or redirects):
            raise self._unexpected()
        return SimpleCommand(tuple(assignments), tuple(words), tuple(redirects))

    def _check_name(self, token: Token) -> None:
        what = RESERVED.get(token.text)
        if what:
            raise unsupported(what.format(token.text))

    def _redirect(self) -> list[Redirect]:
        token = self.token
        self.index += 1
        operator, target = token.text, self.token
        if target.kind != "word":
            raise ShellError(f"syntax error: a file name must stand after {operator}")
        self.index += 1
        if operator in ("<<", "<<-"):
            return [Redirect(0, "<<", token.word)]
        if operator in ("&>", "&>>"):
            return [Redirect(1, operator[1:], target.word), Redirect(2, "&", Word((Literal("1"),)))]
        if operator == ">&":
            if target.text not in ("1", "2"):
                raise unsupported(f">&{target.text}")
            return [Redirect(1 if token.channel < 0 else token.channel, "&", target.word)]
        default = 0 if operator == "<" else 1
        return [Redirect(default if token.channel < 0 else token.channel, operator, target.word)]

    def _unexpected(self) -> ShellError:
        token = self.token
        if token.kind in ("newline", "end"):
            before = self.tokens[self.index - 1].text if self.index else ""
            text = f"syntax error: nothing stands after {before!r}" if before else "syntax error"
            return ShellError(text, unfinished=before in CONNECTIVES)
        if token.text == ";;":
            return unsupported(";;")
        return ShellError(f"syntax error near {token.text!r}")


def _assignment(token: Token) -> tuple[str, Word] | None:
    """``NAME=value`` in front of a command, or None."""
    parts = token.word.parts
    if not parts or not isinstance(parts[0], Literal) or parts[0].quoted:
        return None
    match = ASSIGNMENT.match(parts[0].text)
    if not match:
        return None
    rest = Literal(parts[0].text[match.end() :])
    value = Word((rest, *parts[1:]) if rest.text else parts[1:])
    return match.group()[:-1], value
