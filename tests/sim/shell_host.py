"""A shell without a cluster: engine, files and jobs only."""

from typing import Any

from mesh.cli.console import Result
from sim.engine import Engine
from sim.shell.faults import FaultBook
from sim.shell.files import Files
from sim.shell.interpreter import Interpreter
from sim.shell.jobs import Jobs


class BareHost:
    """What the interpreter needs of a sandbox."""

    edition = "edge"
    client: Any = None
    cluster: Any = None
    world: Any = None
    writes = 0

    def __init__(self, mounts: dict[str, str] | None = None) -> None:
        self.engine = Engine(1, "2026-09-01T09:00:00Z")
        self.files = Files(mounts)
        self.jobs = Jobs(lambda: self.engine.now)
        self.faults = FaultBook(lambda: self.engine.now)
        self.environ = {"HOME": "/home/you", "PWD": "/sandbox"}
        self.log: list[tuple[float, str]] = []
        self.shell = Interpreter(self)
        self.shell.reraise = True

    def sh(self, text: str) -> Result:
        """Run a script."""
        out: dict[int, list[str]] = {1: [], 2: []}
        status = self.shell.run(text, lambda channel, piece: out[channel].append(piece))
        return Result("".join(out[1]), "".join(out[2]), status)

    def out(self, text: str) -> str:
        """What a script that must succeed printed."""
        result = self.sh(text)
        assert (result.status, result.stderr) == (0, ""), result
        return result.stdout
