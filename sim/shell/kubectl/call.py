"""One run of ``kubectl VERB``: its flags, its surroundings and what it prints; and what a verb is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from mesh.cli.console import Result
from mesh.cli.flags import Flag, Parsed
from mesh.cli.kube import KubeError
from sim.shell.context import Context
from sim.shell.kubectl.tables.table import View

if TYPE_CHECKING:
    from sim.shell.client import Client

__all__ = ["Call", "Failure", "Obj", "Verb", "server_error"]

Obj: TypeAlias = dict[str, Any]

INVALID = re.compile(r"^(\w+)(?:\.[\w.]+)? (\".*?\" is invalid: )")


class Failure(Exception):
    """A verb ends here; the message is the line for the error channel."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def server_error(error: KubeError, doing: str = "") -> str:
    """The line kubectl prints for an API server's refusal.

    Args:
        doing: what was being done, such as ``error when creating "STDIN"``.
    """
    if not error.code:
        return error.message
    if error.reason == "Invalid" and (match := INVALID.match(error.message)):
        return f"The {match[1]} {match[2]}{error.message[match.end() :]}"
    if error.message.startswith(("the server doesn't have a resource type", "no matches for kind")):
        return f"error: {error.message}"
    reason = f" ({error.reason})" if error.reason else ""
    return f"Error from server{reason}: {doing + ': ' if doing else ''}{error.message}"


@dataclass(slots=True)
class Call:
    """A verb at work.

    Attributes:
        args: words that are no flags.
        rest: words after ``--``.
        namespace: where to look, from ``-n`` or the current context.
        named: ``-n`` was given.
        client_version: of this kubectl, such as ``v1.16.6-beta.0``.
    """

    context: Context
    client: "Client"
    parsed: Parsed
    stdin: str
    namespace: str
    named: bool
    client_version: str
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    status: int = 0

    @property
    def args(self) -> list[str]:
        """The words that are no flags."""
        return self.parsed.args

    @property
    def rest(self) -> list[str]:
        """The words after ``--``."""
        return self.parsed.rest_after_dashdash

    def __getitem__(self, flag: str) -> Any:
        return self.parsed.values[flag]

    def given(self, flag: str) -> bool:
        """Whether the flag was on the command line."""
        return flag in self.parsed.changed

    def flag(self, name: str, default: Any = None) -> Any:
        """The flag's value, or ``default`` for verbs that do not have it."""
        return self.parsed.values.get(name, default)

    def print(self, text: str) -> None:
        """A line (or several) of output."""
        if text:
            self.out.append(text if text.endswith("\n") else text + "\n")

    def write(self, text: str) -> None:
        """Output as it is, without a newline added."""
        self.out.append(text)

    def warn(self, line: str) -> None:
        """A line on the error channel that is no failure."""
        self.err.append(line.rstrip("\n") + "\n")

    def fail(self, line: str, status: int = 1) -> None:
        """A line on the error channel; the verb goes on with what else there is to do."""
        self.warn(line)
        self.status = status

    def refused(self, error: KubeError, doing: str = "") -> None:
        """The API server said no; the verb goes on."""
        self.fail(server_error(error, doing))

    def now(self) -> float:
        """Unix seconds of simulated time."""
        return self.context.now()

    def minor(self) -> int:
        """The server's minor version: 15 of v1.15.12-gke.20."""
        return minor_of(str(self.client.version().get("gitVersion", "")))

    def client_minor(self) -> int:
        """This kubectl's minor version."""
        return minor_of(self.client_version)

    def view(self) -> View:
        """What tables need to know."""
        return View(self.now(), self.minor())

    def wait_until(self, done: Callable[[], bool], limit: float, step: float = 0.5) -> bool:
        """Let time pass until ``done``, looking every ``step`` seconds; False after ``limit`` seconds."""
        end = self.context.engine.now + limit
        while not done():
            left = end - self.context.engine.now
            if left <= 0:
                return False
            self.context.sleep(min(step, left))
        return True

    def result(self) -> Result:
        """Everything printed so far."""
        return Result("".join(self.out), "".join(self.err), self.status)


def minor_of(version: str) -> int:
    """15 of ``v1.15.12-gke.20``; 32 when there is no telling."""
    match = re.match(r"v?1\.(\d+)", version)
    return int(match[1]) if match else 32


Run: TypeAlias = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class Verb:
    """What a word after ``kubectl`` does.

    Attributes:
        usage: the words after ``kubectl``, as help shows them.
        about: what it does, in a sentence or a few.
        run: does it; None when a subcommand is needed.
        flags: its own flags.
        examples: command lines with comments, one a line.
        words: least and most plain words; most None is any number.
        verbs: its subcommands.
        interspersed: flags may follow the first plain word.
    """

    usage: str
    about: str
    run: Run | None = None
    flags: tuple[Flag, ...] = ()
    examples: str = ""
    words: tuple[int, int | None] = (0, None)
    verbs: Mapping[str, "Verb"] = field(default_factory=lambda: MappingProxyType({}))
    interspersed: bool = True
