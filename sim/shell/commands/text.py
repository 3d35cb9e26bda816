"""The text commands: cat, echo, head, sort, tail, tee, wc, with the options tutorials use.

*Source:* POSIX.1-2017 utilities and GNU's messages. *Differs:* options not listed in ``help`` are refused.
"""

import re
from collections.abc import Iterator
from getopt import GetoptError, gnu_getopt

from sim.shell.context import Context, Result, error

__all__ = ["cat", "echo", "head", "inputs", "options", "sort", "tail", "tee", "wc"]


def options(
    name: str, argv: list[str], short: str, long: list[str] | None = None
) -> tuple[dict[str, str], list[str]]:
    """Options and words of an argument list; a switch's value is empty.

    Raises:
        ValueError: an option the command does not have; the message is one line.
    """
    try:
        found, words = gnu_getopt(argv, short, long or [])
    except GetoptError as problem:
        raise ValueError(f"{name}: {problem.msg}") from None
    return dict(found), words


def inputs(context: Context, names: list[str], stdin: str) -> Iterator[tuple[str, str]]:
    """(name, text) of each file, or of standard input when there are none or for ``-``."""
    for name in names or ["-"]:
        yield name, stdin if name == "-" else context.files.read(name)


def cat(context: Context, argv: list[str], stdin: str) -> Result:
    """Print files one after another; ``-n`` numbers the lines."""
    try:
        flags, names = options("cat", argv, "nu")
    except ValueError as problem:
        return error(str(problem))
    out, problems = [], []
    for name in names or ["-"]:
        try:
            out.append(stdin if name == "-" else context.files.read(name))
        except OSError as problem:
            problems.append(f"cat: {problem}\n")
    text = "".join(out)
    if "-n" in flags:
        text = "".join(f"{n:6}\t{line}" for n, line in enumerate(text.splitlines(True), 1))
    return Result(text, "".join(problems), 1 if problems else 0)


ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", "\\r": "\r", "\\e": "\x1b"}


def echo(context: Context, argv: list[str], stdin: str) -> Result:
    """Print the words; ``-n`` without a newline, ``-e`` with ``\\n``, ``\\t`` read as such."""
    newline, escapes = "\n", False
    while argv and re.fullmatch(r"-[neE]+", argv[0]):
        newline = "" if "n" in argv[0] else newline
        escapes = "e" in argv[0]
        argv = argv[1:]
    text = " ".join(argv)
    if escapes:
        text = re.sub(r"\\[nt\\re]", lambda match: ESCAPES[match.group()], text)
    return Result(text + newline)


def _count(name: str, argv: list[str]) -> tuple[str, list[str]]:
    """The count of ``-n N``, ``-N`` or ``-c N`` (with a ``c`` before it), and the files."""
    before = ["", *argv]
    argv = [
        f"-n{word[1:]}" if re.fullmatch(r"-[0-9]+", word) and before[index] not in ("-n", "-c") else word
        for index, word in enumerate(argv)
    ]
    flags, words = options(name, argv, "n:c:q")
    count = flags.get("-n", "10")
    if "-c" in flags:
        count = "c" + flags["-c"]
    if not re.fullmatch(r"c?[+-]?\d{1,9}", count):
        raise ValueError(f"{name}: invalid number of lines: '{count}'")
    return count, words


def _cut(name: str, context: Context, argv: list[str], stdin: str, first: bool) -> Result:
    try:
        count, words = _count(name, argv)
        texts = list(inputs(context, words, stdin))
    except ValueError as problem:
        return error(str(problem))
    except OSError as problem:
        return error(f"{name}: cannot open {problem}")
    out: list[str] = []
    for title, text in texts:
        if len(texts) > 1:
            out.append(f"{chr(10) if out else ''}==> {title} <==\n")
        units = list(text) if count.startswith("c") else text.splitlines(True)
        out += slice_of(units, count.lstrip("c"), first)
    return Result("".join(out))


def slice_of(units: list[str], count: str, first: bool) -> list[str]:
    """The first or last units; head -n -2 leaves the last two out, tail -n +2 starts at the second."""
    n = abs(int(count))
    if first:
        return units[: max(0, len(units) - n)] if count.startswith("-") else units[:n]
    if count.startswith("+"):
        return units[max(n, 1) - 1 :]
    return units[len(units) - n :] if n < len(units) else units


def head(context: Context, argv: list[str], stdin: str) -> Result:
    """The first lines (-n N, -N) or characters (-c N)."""
    return _cut("head", context, argv, stdin, True)


def tail(context: Context, argv: list[str], stdin: str) -> Result:
    """The last lines (-n N, -N, -n +N) or characters (-c N)."""
    return _cut("tail", context, argv, stdin, False)


def wc(context: Context, argv: list[str], stdin: str) -> Result:
    """Lines (-l), words (-w), bytes (-c), characters (-m)."""
    try:
        flags, words = options("wc", argv, "lwcm")
        texts = list(inputs(context, words, stdin))
    except ValueError as problem:
        return error(str(problem))
    except OSError as problem:
        return error(f"wc: {problem}")
    wanted = [flag for flag in ("-l", "-w", "-m", "-c") if flag in flags] or ["-l", "-w", "-c"]
    rows: list[tuple[list[int], str]] = []
    for name, text in texts:
        sizes = {"-l": text.count("\n"), "-w": len(text.split()), "-m": len(text), "-c": len(text.encode())}
        rows.append(([sizes[flag] for flag in wanted], "" if not words else name))
    if len(rows) > 1:
        rows.append(([sum(row[0][i] for row in rows) for i in range(len(wanted))], "total"))
    # GNU pads to a common width only when there is more than one figure to line up.
    width = 1 if len(rows) == 1 and len(wanted) == 1 else max(7 if not words else 1, _width(rows))
    return Result(
        "".join(
            " ".join(f"{n:{width}}" for n in row) + (f" {name}" if name else "") + "\n" for row, name in rows
        )
    )


def _width(rows: list[tuple[list[int], str]]) -> int:
    return max(len(str(n)) for row, _ in rows for n in row)


def sort(context: Context, argv: list[str], stdin: str) -> Result:
    """Sort lines: -r reversed, -n by number, -u once each."""
    try:
        flags, words = options("sort", argv, "rnu")
        lines = [line for _, text in inputs(context, words, stdin) for line in text.splitlines()]
    except ValueError as problem:
        return error(str(problem), 2)
    except OSError as problem:
        return error(f"sort: cannot read: {problem}", 2)
    if "-u" in flags:
        lines = list(dict.fromkeys(lines))
    lines.sort()
    if "-n" in flags:
        lines.sort(key=_leading_number)
    if "-r" in flags:
        lines.reverse()
    return Result("".join(line + "\n" for line in lines))


def _leading_number(line: str) -> float:
    match = re.match(r"\s*(-?\d+(?:\.\d+)?)", line)
    return float(match[1]) if match else 0.0


def tee(context: Context, argv: list[str], stdin: str) -> Result:
    """Write what comes in to files (-a adds) and on to the output."""
    try:
        flags, words = options("tee", argv, "a")
        for name in words:
            context.files.check(name)
        for name in words:
            context.files.write(name, stdin, append="-a" in flags)
    except ValueError as problem:
        return error(str(problem))
    except OSError as problem:
        return error(f"tee: {problem}", stdout=stdin)
    return Result(stdin)
