"""The syntax of grep's patterns: text to the states of an automaton.

*Source:* POSIX.1-2017, 9, basic and extended; GNU's additions are named in :mod:`sim.shell.commands.pattern`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["WORD", "Compiler", "PatternError", "State"]

MAX_STATES = 2_000
Test = Callable[[str], bool]
CLASSES: dict[str, Test] = {
    "alpha": str.isalpha,
    "digit": str.isdecimal,
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "punct": lambda char: char.isprintable() and not char.isalnum() and not char.isspace(),
    "blank": lambda char: char in " \t",
    "xdigit": lambda char: char in "0123456789abcdefABCDEF",
}
ESCAPES: dict[str, Test] = {
    "w": lambda char: char.isalnum() or char == "_",
    "W": lambda char: not (char.isalnum() or char == "_"),
    "s": str.isspace,
    "S": lambda char: not char.isspace(),
}
WORD = ESCAPES["w"]


class PatternError(ValueError):
    """It is no pattern, or one this grep does not know. One line."""


@dataclass(slots=True)
class State:
    """One state: a test of a character, an anchor (``^`` or ``$``), or a fork."""

    test: Test | None = None
    anchor: str = ""
    out: tuple[int, ...] = ()


# A piece of pattern is a function that, given the state that follows it, builds its states and returns the
# first of them. Repetition builds a piece several times.
Piece: TypeAlias = Callable[[int], int]


class Compiler:
    """Recursive descent over a pattern's text; builds states backwards, from what follows.

    Attributes:
        states: what was built.
        accept: the state that says a match is complete.
    """

    def __init__(self, text: str, *, extended: bool, ignore_case: bool) -> None:
        self.text = text
        self.extended = extended
        self.ignore_case = ignore_case
        self.states: list[State] = []
        self.accept = self._add(State())
        self.position = 0
        self.depth = 0

    def _add(self, state: State) -> int:
        if len(self.states) >= MAX_STATES:
            raise PatternError("the pattern is too complex")
        self.states.append(state)
        return len(self.states) - 1

    def fixed(self) -> int:
        """Lines of plain text, any of which may match."""
        starts = []
        for line in self.text.split("\n"):
            following = self.accept
            for char in reversed(line):
                following = self._char(self._same(char), following)
            starts.append(following)
        return self._add(State(out=tuple(starts)))

    def whole(self) -> int:
        """The pattern's first state."""
        piece = self._alternatives()
        if self.position < len(self.text):
            raise PatternError("Unmatched ) or \\)")
        return piece(self.accept)

    def _char(self, test: Test, following: int) -> int:
        return self._add(State(test=test, out=(following,)))

    def _same(self, char: str) -> Test:
        if self.ignore_case and char.lower() != char.upper():
            return lambda other: other.lower() == char.lower()
        return lambda other: other == char

    def _operator(self) -> str:
        """The operator at this place (``|``, ``(``, ``+`` …), or nothing; basic syntax backslashes some."""
        here = self.text[self.position : self.position + 2]
        if here[:1] == "*":
            return "*"
        if self.extended:
            return here[0] if here and here[0] in "|()+?{" else ""
        return here[1] if len(here) == 2 and here[0] == "\\" and here[1] in "|()+?{" else ""

    def _skip(self, operator: str) -> None:
        self.position += 1 if self.extended or operator == "*" else 2

    def _alternatives(self) -> Piece:
        pieces = [self._sequence()]
        while self._operator() == "|":
            self._skip("|")
            pieces.append(self._sequence())
        if len(pieces) == 1:
            return pieces[0]
        return lambda following: self._add(State(out=tuple(piece(following) for piece in pieces)))

    def _sequence(self) -> Piece:
        pieces: list[Piece] = []
        while self.position < len(self.text) and self._operator() not in ("|", ")"):
            pieces.append(self._repeated(first=not pieces))

        def build(following: int) -> int:
            for piece in reversed(pieces):
                following = piece(following)
            return following

        return build

    def _repeated(self, *, first: bool) -> Piece:
        operator = self._operator()
        if operator == "*" and first and not self.extended:
            self.position += 1  # a * at the beginning stands for itself
            piece: Piece = lambda following: self._char(self._same("*"), following)  # noqa: E731
        elif operator in ("*", "+", "?", "{"):
            raise PatternError(f"nothing to repeat before {operator}")
        else:
            piece = self._atom()
        while (operator := self._operator()) in ("*", "+", "?", "{") and operator:
            self._skip(operator)
            least, most = (
                self._bounds() if operator == "{" else {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[operator]
            )
            piece = self._times(piece, least, most)
        return piece

    def _bounds(self) -> tuple[int, int]:
        end = self.text.find("}", self.position)
        inside = self.text[self.position : end].removesuffix("\\")
        least, comma, most = inside.partition(",")
        if end < 0 or not (least.isdecimal() or (comma and not least)) or (most and not most.isdecimal()):
            raise PatternError("Invalid content of {}")
        self.position = end + 1
        low = int(least or "0")
        high = -1 if comma and not most else int(most or least)
        if low > 255 or high > 255 or 0 <= high < low:
            raise PatternError("Invalid content of {}")
        return low, high

    def _times(self, piece: Piece, least: int, most: int) -> Piece:
        def build(following: int) -> int:
            if most < 0:
                fork = self._add(State())
                self.states[fork].out = (piece(fork), following)
                first = fork
            else:
                first = following
                for _ in range(most - least):
                    first = self._add(State(out=(piece(first), following)))
            for _ in range(least):
                first = piece(first)
            return first

        return build

    def _atom(self) -> Piece:
        if self._operator() == "(":
            return self._group()
        char = self.text[self.position]
        self.position += 1
        if char == "[":
            return self._tested(self._bracket())
        if char == ".":
            return self._tested(lambda other: True)
        if char in "^$":
            return self._anchor(char)
        if char == "\\":
            return self._tested(self._escaped())
        return self._tested(self._same(char))

    def _tested(self, test: Test) -> Piece:
        return lambda following: self._char(test, following)

    def _anchor(self, char: str) -> Piece:
        """Basic syntax knows anchors only at the ends; elsewhere they stand for themselves."""
        before, after = self.text[: self.position - 1], self.text[self.position :]
        if char == "^":
            means = self.extended or not before or before.endswith(("\\(", "\\|"))
        else:
            means = self.extended or not after or after.startswith(("\\)", "\\|"))
        if not means:
            return self._tested(self._same(char))
        return lambda following: self._add(State(anchor=char, out=(following,)))

    def _group(self) -> Piece:
        self._skip("(")
        self.depth += 1
        if self.depth > 20:
            raise PatternError("groups are more than 20 deep")
        piece = self._alternatives()
        self.depth -= 1
        if self._operator() != ")":
            raise PatternError("Unmatched ( or \\(")
        self._skip(")")
        return piece

    def _escaped(self) -> Test:
        char = self.text[self.position : self.position + 1]
        self.position += 1
        if not char:
            raise PatternError("Trailing backslash")
        if char in ESCAPES:
            return ESCAPES[char]
        if char.isalnum() or char in "<>`'":
            raise PatternError(f"\\{char} is not supported here")
        return self._same(char)

    def _bracket(self) -> Test:
        """``[a-z]``, ``[^,]``, ``[[:digit:]_]``."""
        negated = self.text.startswith("^", self.position)
        self.position += negated
        tests: list[Test] = []
        while True:
            if self.position >= len(self.text):
                raise PatternError("Unmatched [")
            char = self.text[self.position]
            if char == "]" and tests:
                self.position += 1
                break
            tests.append(self._bracket_item(char))
        folded = self.ignore_case

        def test(other: str) -> bool:
            found = any(one(other) for one in tests)
            if not found and folded:
                found = any(one(other.lower()) or one(other.upper()) for one in tests)
            return found != negated

        return test

    def _bracket_item(self, char: str) -> Test:
        text = self.text
        if text.startswith("[:", self.position):
            end = text.find(":]", self.position)
            name = text[self.position + 2 : end] if end > 0 else ""
            if name not in CLASSES:
                raise PatternError(f"Invalid character class name {name[:20]!r}")
            self.position = end + 2
            return CLASSES[name]
        high = text[self.position + 2 : self.position + 3]
        if text[self.position + 1 : self.position + 2] == "-" and high not in ("", "]"):
            if high < char:
                raise PatternError("Invalid range end")
            self.position += 3
            return lambda other: char <= other <= high
        self.position += 1
        return lambda other: other == char
