"""Commands of the session itself: time, variables, files' names, jobs, help."""

import re

from sim.shell.commands.text import options
from sim.shell.context import Context, Result, error

__all__ = ["seconds"]

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LENGTH = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})([smhd]?)")
LONGEST = 31 * 86400.0  # one command may let pass
WATCH_RUNS = 3  # how often `watch` shows its command; a person would press ^C some time


def seconds(text: str) -> float:
    """Seconds of ``5``, ``1.5s``, ``3m``, ``2h``, ``1d``.

    Raises:
        ValueError: it is no such time; the message says so in sleep's words.
    """
    match = LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid time interval '{text[:40]}': use seconds, or a number with s, m, h or d")
    return float(match[1]) * UNITS[match[2]]


def sleep_(context: Context, argv: list[str], stdin: str) -> Result:
    """Let simulated time pass."""
    if not argv:
        return error("sleep: missing operand: how many seconds?")
    try:
        total = sum(map(seconds, argv))
    except ValueError as problem:
        return error(f"sleep: {problem}")
    if total > LONGEST:
        return error(f"sleep: {total:.0f} s is too long: at most {LONGEST / 86400:.0f} days at once")
    if context.background:
        job = context.jobs.add(context.text, until=context.engine.now + total)
        return Result(stderr=f"[{job.number}]\n")
    context.sleep(total)
    return Result()


def wait_(context: Context, argv: list[str], stdin: str) -> Result:
    """Wait for background jobs that end by themselves."""
    if argv:
        return error("wait: only `wait` without words is offered here")
    ends = [job.until for job in context.jobs.running() if job.until != float("inf")]
    if ends:
        context.sleep(max(0.0, max(ends) - context.engine.now))
    return Result()


def date_(context: Context, argv: list[str], stdin: str) -> Result:
    """The simulated date; ``-u``, ``+FORMAT`` with strftime's letters."""
    form = "%a %b %e %H:%M:%S UTC %Y"
    for word in argv:
        if word.startswith("+"):
            form = word[1:200].replace("%s", str(int(context.now())))
        elif word not in ("-u", "--utc"):
            return error(f"date: {word[:40]}: only -u and +FORMAT are offered here; `sleep` moves the clock")
    return Result(context.engine.date().strftime(form) + "\n")


def exit_(context: Context, argv: list[str], stdin: str) -> Result:
    """End the script with a status (0 to 255)."""
    from sim.shell.interpreter import Exit

    if argv and not re.fullmatch(r"\d{1,3}", argv[0]):
        return error(f"exit: {argv[0][:40]}: a number is needed", 2)
    raise Exit(int(argv[0]) % 256 if argv else context.shell.status)


def true_(context: Context, argv: list[str], stdin: str) -> Result:
    """Succeed."""
    return Result()


def false_(context: Context, argv: list[str], stdin: str) -> Result:
    """Fail."""
    return Result(status=1)


# -- files ---------------------------------------------------------------------------------------------------


def ls_(context: Context, argv: list[str], stdin: str) -> Result:
    """What is in the working folder, or in a folder of it; ``-l`` with sizes, ``-1`` one a line."""
    try:
        flags, words = options("ls", argv, "la1hR")
        names: list[str] = []
        for word in words or ["."]:
            inside = context.files.listdir(word)
            if not inside and word not in (".", "./"):
                context.files.read(word)
                inside = [word]
            names += inside
    except ValueError as problem:
        return error(str(problem), 2)
    except OSError as problem:
        return error(f"ls: cannot access {problem}", 2)
    if "-l" not in flags:
        return Result("".join(name + "\n" for name in names))
    lines = [f"total {len(names)}\n"]
    for name in names:
        known = context.files.exists(name)
        size = len(context.files.read(name).encode()) if known else 0
        mode = "drwxr-xr-x" if not known else "-r--r--r--" if name in context.files.mounts else "-rw-r--r--"
        lines.append(f"{mode} {size:>8} {name}\n")
    return Result("".join(lines))


def rm_(context: Context, argv: list[str], stdin: str) -> Result:
    """Remove files; ``-f`` does not mind missing ones."""
    try:
        flags, words = options("rm", argv, "f")
        for name in words:
            if context.files.exists(name) or "-f" not in flags:
                context.files.remove(name)
    except ValueError as problem:
        return error(str(problem))
    except OSError as problem:
        return error(f"rm: cannot remove {problem}")
    return Result() if words or "-f" in flags else error("rm: missing operand: which file?")


def pwd_(context: Context, argv: list[str], stdin: str) -> Result:
    """The working folder; there is only one."""
    return Result(context.environ.get("PWD", "/sandbox") + "\n")


def cd_(context: Context, argv: list[str], stdin: str) -> Result:
    """Refused: a sandbox has one working folder."""
    if argv in ([], ["."], [context.environ.get("PWD", "/sandbox")]):
        return Result()
    return error(f"cd: {argv[0][:40]}: a sandbox has one working folder; name files in it as folder/file")


# -- scripts, jobs, help -----------------------------------------------------------------------------------


def sh_(context: Context, argv: list[str], stdin: str) -> Result:
    """Run a script: from standard input, from a file, or ``-c TEXT``."""
    words = [word for word in argv if word not in ("-s", "-e", "--")]
    if words[:1] == ["-c"]:
        if len(words) < 2:
            return error("sh: -c: option requires an argument", 2)
        return context.run(words[1], stdin)
    if words and words[0] != "-":
        try:
            return context.run(context.read(words[0]))
        except OSError as problem:
            return error(f"sh: {problem}", 127)
    if not stdin.strip():
        return error("sh: an interactive shell is not supported here: this is one already")
    return context.run(stdin)


def watch_(context: Context, argv: list[str], stdin: str) -> Result:
    """Show a command again every ``-n`` seconds, three times."""
    try:
        interval, command = _watched(argv)
    except ValueError as problem:
        return error(f"watch: {problem}")
    if context.background:
        return error("watch: not supported here in the background")
    shown: list[str] = []
    result = Result()
    for run in range(WATCH_RUNS):
        if run:
            context.sleep(interval)
        stamp = context.engine.date().strftime("%a %b %e %H:%M:%S %Y")
        result = context.run(command)
        shown.append(f"Every {interval:.1f}s: {command}    {stamp}\n\n{result.stdout}{result.stderr}\n")
        if result.status == 127:
            return Result("", result.stderr, 127)
    return Result("".join(shown), "", result.status)


def _watched(argv: list[str]) -> tuple[float, str]:
    """Interval and command of watch's words."""
    from sim.shell.parser import quote

    interval, words = 2.0, list(argv)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word in ("-n", "--interval") and words:
            interval = seconds(words.pop(0))
        elif word.startswith("-n") and word[2:]:
            interval = seconds(word[2:])
        elif word not in ("-d", "-t", "--differences", "--no-title"):
            raise ValueError(f"unknown option {word[:40]}; use -n SECONDS")
    if not words:
        raise ValueError("no command; usage: watch [-n SECONDS] COMMAND")
    if not 0.1 <= interval <= 3600.0:
        raise ValueError("an interval lies between 0.1 and 3600 seconds")
    return interval, words[0] if len(words) == 1 else " ".join(map(quote, words))


def jobs_(context: Context, argv: list[str], stdin: str) -> Result:
    """List background jobs."""
    return Result("".join(f"[{job.number}]  Running    {job.text}\n" for job in context.jobs.running()))


def kill_(context: Context, argv: list[str], stdin: str) -> Result:
    """End background jobs: ``kill %1``."""
    words = [word for word in argv if not re.fullmatch(r"-(?:9|15|[A-Z]+|s)", word)]
    if not words:
        return error("kill: which job? `jobs` lists them, `kill %1` ends the first")
    for word in words:
        number = word.removeprefix("%")
        if not number.isdecimal() or not context.jobs.kill(int(number[:6])):
            return error(f"kill: {word[:40]}: no such job")
    return Result()


def clear_(context: Context, argv: list[str], stdin: str) -> Result:
    """Clear a terminal's screen."""
    return Result("\x1b[H\x1b[2J")


def history_(context: Context, argv: list[str], stdin: str) -> Result:
    """The lines typed so far, with the simulated time of each."""
    log = getattr(context.host, "log", [])
    return Result("".join(f"{n:5}  {when:9.1f}s  {line}\n" for n, (when, line) in enumerate(log, 1)))


HELP = """\
A shell in a simulated cluster. Time passes only when a command lets it: `sleep 60` is a minute.

  cluster   kubectl …, linkerd …, fault …   (each has --help)
  web       curl URL                        (bundled pages; localhost through a port-forward)
  time      sleep 10 | 5m | 2h, date, watch -n 5 COMMAND
  files     cat, ls, rm, tee, cat <<EOF > NAME; in memory only
  text      echo, grep, head, tail, wc, sort
  shell     a | b, a && b, a || b, a ; b, a &, > >> < 2> 2>&1 <<EOF, $NAME, $(…), export, set, env
  jobs      jobs, kill %1, wait
  other     sh, history, clear, exit, help

A script stops at the first line that fails, unless `set +e`.
"""


def help_(context: Context, argv: list[str], stdin: str) -> Result:
    """What this shell offers."""
    return Result(HELP)
