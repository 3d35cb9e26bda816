"""A sandbox on a terminal: transcripts of scripts, and a prompt with history and completion."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.shell.parser import parse
from sim.shell.syntax import ShellError
from sim.shell.table import COMMANDS

if TYPE_CHECKING:
    from sim.shell.sandbox import Sandbox

__all__ = ["prompt", "transcript"]

Write = Callable[[int, str], object]
BANNER = """meshdojo: a simulated cluster at {date}, Kubernetes {version}, linkerd {edition}.
Type kubectl, linkerd, curl, fault, sleep …; help lists the commands, exit or Ctrl-D leaves.
"""


def transcript(sandbox: "Sandbox", text: str, write: Write) -> int:
    """Run a script, each line after a ``$``, and return its exit status: 0 only if every line succeeded."""
    return sandbox.run(text, write, announce=lambda line: write(1, f"$ {line}\n"))


def prompt(sandbox: "Sandbox", write: Write) -> int:
    """Read lines from the terminal until the end, and run each; the status of the last."""
    write(
        1,
        BANNER.format(date=sandbox.engine.date(), version=sandbox.scenario.version, edition=sandbox.edition),
    )
    status = 0
    with _line_editing():
        while (line := _read(sandbox)) is not None:
            if line.strip() in ("exit", "quit", "logout"):
                break
            if line.strip():
                status = sandbox.run(line, write)
    return status


def _read(sandbox: "Sandbox") -> str | None:
    """A line, with its continuation while it is unfinished; None at the end of input."""
    marker = f"[{sandbox.engine.now:.0f}s] $ "
    lines: list[str] = []
    while True:
        try:
            lines.append(input(marker if not lines else "> "))
        except EOFError:
            print()
            return None
        except KeyboardInterrupt:
            print()
            return ""
        text = "\n".join(lines)
        if not _unfinished(text):
            return text


def _unfinished(text: str) -> bool:
    """Whether more lines could complete it: an open quote, heredoc or a trailing backslash."""
    if text.endswith("\\"):
        return True
    try:
        parse(text)
    except ShellError as problem:
        return problem.unfinished
    return False


@contextmanager
def _line_editing() -> Iterator[None]:
    """History and completion where the platform has readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    words = sorted([*COMMANDS, *SECOND])

    def complete(text: str, state: int) -> str | None:
        found = [word for word in words if word.startswith(text)]
        return found[state] + " " if state < len(found) else None

    previous = readline.get_completer()
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(previous)
        sys.stdout.flush()


# Second words people complete most.
SECOND = (
    *(
        "annotate",
        "apply",
        "autoscale",
        "check",
        "create",
        "dashboard",
        "delete",
        "describe",
        "edges",
        "events",
    ),
    *(
        "exec",
        "expose",
        "get",
        "inject",
        "install",
        "label",
        "logs",
        "patch",
        "port-forward",
        "rollout",
        "routes",
    ),
    *("run", "scale", "set", "stat", "tap", "top", "uninject", "uninstall", "version", "viz", "wait"),
)
