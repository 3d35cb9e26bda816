"""What a command of the sandbox's shell gets to see and use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mesh.cli.console import Result
from sim.engine import Engine
from sim.shell.files import Files
from sim.shell.jobs import Jobs

if TYPE_CHECKING:
    from sim.cluster.cluster import Cluster
    from sim.programs.world import World
    from sim.shell.client import Client
    from sim.shell.faults import FaultBook
    from sim.shell.interpreter import Interpreter

__all__ = ["Command", "Context", "Host", "Result", "error"]


class Host(Protocol):
    """What a shell runs in: the sandbox."""

    @property
    def engine(self) -> Engine:
        """The clock."""
        ...

    @property
    def writes(self) -> int:
        """The number of the last write to the cluster's API."""
        ...

    @property
    def client(self) -> "Client":
        """The operator's access to the cluster."""
        ...

    @property
    def files(self) -> Files:
        """Files in memory."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Background jobs."""
        ...

    @property
    def environ(self) -> dict[str, str]:
        """Shell variables."""
        ...

    @property
    def edition(self) -> str:
        """Which linkerd is on the path."""
        ...

    @property
    def cluster(self) -> "Cluster":
        """The simulated cluster."""
        ...

    @property
    def world(self) -> "World":
        """What programs share."""
        ...

    @property
    def faults(self) -> "FaultBook":
        """The faults in force."""
        ...


@dataclass(slots=True)
class Context:
    """One command's surroundings.

    Attributes:
        host: the sandbox.
        shell: the interpreter that runs the command, for builtins that change it.
        environ: variables as the command sees them, assignments before it included; a copy.
        stdin: everything it can read.
        text: the statement it belongs to, as typed.
        background: the statement ended in ``&``.
    """

    host: Host
    shell: "Interpreter"
    environ: dict[str, str]
    stdin: str = ""
    text: str = ""
    background: bool = False

    @property
    def engine(self) -> Engine:
        """The clock."""
        return self.host.engine

    @property
    def client(self) -> "Client":
        """The operator's access to the cluster."""
        return self.host.client

    @property
    def files(self) -> Files:
        """Files in memory."""
        return self.host.files

    @property
    def jobs(self) -> Jobs:
        """Background jobs."""
        return self.host.jobs

    def now(self) -> float:
        """Unix seconds of simulated time."""
        return self.engine.calendar.epoch + self.engine.now

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.engine.run_until(self.engine.now + seconds)

    def read(self, name: str) -> str:
        """A file's text, standard input for ``-``, or a bundled page for an https URL.

        Raises:
            OSError: FileNotFoundError and others, with a one-line message.
        """
        if name in ("-", "/dev/stdin"):
            return self.stdin
        if name.startswith(("https://", "http://")):
            from sim.shell.urls import fetch

            return fetch(name, self.engine.date()).text
        return self.files.read(name)

    def run(self, text: str, stdin: str = "") -> Result:
        """Run shell text in this shell, as ``sh -c`` would."""
        return self.shell.nested(text, stdin)


Command: TypeAlias = Callable[[Context, list[str], str], Result]


def error(message: str, status: int = 1, stdout: str = "") -> Result:
    """A command's failure: one line on the error channel."""
    return Result(stdout, message.rstrip("\n") + "\n", status)
