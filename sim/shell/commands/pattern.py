"""grep's patterns, matched in time proportional to the text whatever the pattern.

*Source:* Thompson 1968, "Regular expression search algorithm": all states at once, here remembered as a
deterministic automaton built while it runs. POSIX.1-2017, 9 for the syntax, with GNU's ``\\w``, ``\\s``,
``\\|``, ``\\+``, ``\\?``. *Differs:* no back-references, word boundaries or collating elements; where ``-o``
and ``-w`` need to know how long a match is, at most a thousand characters of it.
"""

from sim.shell.commands.compiler import WORD, Compiler, PatternError

__all__ = ["Pattern", "PatternError"]

MAX_PATTERN = 500
MAX_MATCH = 1_000


class Pattern:
    """A compiled pattern.

    Args:
        text: the pattern.
        extended: ``|``, ``+``, ``?``, ``{}``, ``()`` mean something without a backslash (``-E``).
        fixed: every character stands for itself (``-F``); lines are alternatives.
        ignore_case: letters match in both cases.

    Raises:
        PatternError: see there.
    """

    def __init__(
        self, text: str, *, extended: bool = False, fixed: bool = False, ignore_case: bool = False
    ) -> None:
        if len(text) > MAX_PATTERN:
            raise PatternError(f"the pattern is longer than {MAX_PATTERN} characters")
        compiler = Compiler(text, extended=extended, ignore_case=ignore_case)
        self.first = compiler.fixed() if fixed else compiler.whole()
        self.states = compiler.states
        self.accept = compiler.accept
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._inner = self._closure([self.first], at_start=False)

    def _closure(self, first: list[int], *, at_start: bool, at_end: bool = False) -> frozenset[int]:
        """The states reached without reading a character."""
        seen = set(first)
        waiting = list(first)
        while waiting:
            state = self.states[waiting.pop()]
            passes = state.anchor == "" or (at_start if state.anchor == "^" else at_end)
            if state.test is None and passes:
                for following in state.out:
                    if following not in seen:
                        seen.add(following)
                        waiting.append(following)
        return frozenset(seen)

    def _step(self, current: frozenset[int], char: str) -> frozenset[int]:
        key = (current, char)
        found = self._steps.get(key)
        if found is None:
            moved = [
                following
                for index in current
                if (test := self.states[index].test) is not None and test(char)
                for following in self.states[index].out
            ]
            if len(self._steps) > 100_000:
                self._steps.clear()
            found = self._steps[key] = self._closure(moved, at_start=False)
        return found

    def _ends(self, current: frozenset[int]) -> bool:
        """Whether it matches if the line ends here."""
        return self.accept in self._closure(list(current), at_start=False, at_end=True)

    def search(self, line: str) -> bool:
        """Whether it matches anywhere in a line."""
        current = self._closure([self.first], at_start=True, at_end=not line)
        for char in line:
            if self.accept in current:
                return True
            current = self._step(current, char) | self._inner
        return self.accept in current or self._ends(current)

    def longest(self, line: str, start: int) -> int:
        """Where the longest match that begins at ``start`` ends; -1 without one."""
        at_end = start == len(line)
        current = self._closure([self.first], at_start=start == 0, at_end=at_end)
        best = start if self.accept in current else -1
        for position in range(start, min(len(line), start + MAX_MATCH)):
            current = self._step(current, line[position])
            if not current:
                return best
            if self.accept in current:
                best = position + 1
        return len(line) if len(line) <= start + MAX_MATCH and self._ends(current) else best

    def spans(self, line: str) -> list[tuple[int, int]]:
        """The leftmost longest matches that are not empty, from left to right."""
        found: list[tuple[int, int]] = []
        position = 0
        while position < len(line):
            end = self.longest(line, position)
            if end > position:
                found.append((position, end))
                position = end
            else:
                position += 1
        return found

    def has_word(self, line: str) -> bool:
        """Whether some match has no word character on either side (``-w``)."""
        for start, end in self.spans(line):
            before = start > 0 and WORD(line[start - 1])
            after = end < len(line) and WORD(line[end])
            if not before and not after:
                return True
        return False
