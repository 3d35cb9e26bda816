"""grep: lines that match a pattern."""

from dataclasses import dataclass
from getopt import GetoptError, gnu_getopt

from sim.shell.commands.pattern import Pattern, PatternError
from sim.shell.commands.text import inputs
from sim.shell.context import Context, Result, error

__all__ = ["grep"]

USAGE = "usage: grep [-ivcEFqnowhH] [-A N] [-B N] [-C N] PATTERN [FILE...]"
MOST_CONTEXT = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line to print: a match (``:`` after its number) or its surroundings (``-``); None is a gap."""

    number: int
    text: str
    match: bool


def grep(context: Context, argv: list[str], stdin: str) -> Result:
    """Print lines that match; status 0 when some did, 1 when none, 2 when it went wrong."""
    try:
        flags, words = _options(argv)
        patterns = flags["-e"].split("\n") if "-e" in flags else [words.pop(0)]
        matchers = [
            Pattern(text, extended="-E" in flags, fixed="-F" in flags, ignore_case="-i" in flags)
            for text in patterns
        ]
        around = _context(flags)
    except IndexError:
        return error(f"grep: no pattern; {USAGE}", 2)
    except (PatternError, ValueError, GetoptError) as problem:
        return error(f"grep: {problem}", 2)
    out: list[str] = []
    total = 0
    try:
        for name, text in inputs(context, words, stdin):
            hits, lines = _search(text, matchers, flags, around)
            total += hits
            title = name if (len(words) > 1 or "-H" in flags) and "-h" not in flags else ""
            if "-c" in flags:
                out.append(f"{title}:{hits}" if title else str(hits))
            else:
                out += [_shown(line, title, "-n" in flags) for line in lines]
    except OSError as problem:
        return error(f"grep: {problem}", 2)
    shown = "" if "-q" in flags else "".join(line + "\n" for line in out)
    return Result(shown, "", 0 if total else 1)


def _options(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """Flags and words; several ``-e`` are joined by line ends."""
    found, words = gnu_getopt(argv, "ivcEFqnowhHe:A:B:C:", ["color", "color="])
    flags: dict[str, str] = {}
    for name, value in found:
        flags[name] = f"{flags[name]}\n{value}" if name == "-e" and "-e" in flags else value
    return flags, words


def _context(flags: dict[str, str]) -> tuple[int, int]:
    """How many lines before and after a match are printed."""
    for name in ("-A", "-B", "-C"):
        if name in flags and not (flags[name].isdecimal() and int(flags[name]) <= MOST_CONTEXT):
            raise ValueError(f"{flags[name][:40]}: invalid context length argument")
    both = int(flags.get("-C", "0"))
    return int(flags.get("-B", both)), int(flags.get("-A", both))


def _search(
    text: str, matchers: list[Pattern], flags: dict[str, str], around: tuple[int, int]
) -> tuple[int, list[Line | None]]:
    """How many lines of a text match, and what to print of it."""
    lines = text.splitlines()
    hits = [index for index, line in enumerate(lines) if _hit(line, matchers, flags)]
    if "-o" in flags:
        if "-v" in flags:
            return len(hits), []
        parts = ((index, part) for index in hits for part in _parts(lines[index], matchers))
        return len(hits), [Line(index + 1, part, True) for index, part in parts]
    found: list[Line | None] = []
    last = -1
    matched = set(hits)
    for hit in hits:
        first = max(hit - around[0], last + 1)
        if found and any(around) and first > last + 1:
            found.append(None)
        for index in range(first, min(hit + around[1] + 1, len(lines))):
            found.append(Line(index + 1, lines[index], index in matched))
            last = index
    return len(hits), found


def _hit(line: str, matchers: list[Pattern], flags: dict[str, str]) -> bool:
    """Whether a line is wanted."""
    words = "-w" in flags
    found = any(one.has_word(line) if words else one.search(line) for one in matchers)
    return found != ("-v" in flags)


def _parts(line: str, matchers: list[Pattern]) -> list[str]:
    spans = sorted(span for one in matchers for span in one.spans(line))
    return [line[start:end] for start, end in spans]


def _shown(line: Line | None, title: str, numbered: bool) -> str:
    if line is None:
        return "--"
    mark = ":" if line.match else "-"
    return (f"{title}{mark}" if title else "") + (f"{line.number}{mark}" if numbered else "") + line.text
