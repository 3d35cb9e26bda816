"""Runs parsed shell lines: expansion, pipes, redirections, status. Starts no process, opens no socket.

*Differs* from POSIX: commands of a pipe run one after another; one that fails with a message and without
output ends the pipe with its status; a script stops at its first failing line (``set +e`` turns that off).
"""

from collections.abc import Callable, Iterable
from importlib import import_module

from mesh.cli.console import Result
from sim.shell.channels import Channels
from sim.shell.context import Command, Context, Host
from sim.shell.expansion import Expansion
from sim.shell.files import FileRefused
from sim.shell.parser import parse
from sim.shell.syntax import Pipeline, ShellError, SimpleCommand, Statement
from sim.shell.table import COMMANDS, nearest

__all__ = ["Exit", "Interpreter", "Write"]

Write = Callable[[int, str], object]  # channel (1 output, 2 errors), text
Announce = Callable[[str], object]
# From a command that wrote something to the next one: round trips, and the time to type it. Our own figure.
SETTLING = 0.03  # seconds, simulated
MAX_STATEMENTS = 10_000  # one call may run
MAX_DEPTH = 8  # sh inside sh, watch inside watch
MAX_OUTPUT = 64_000_000  # characters one call may print


class Exit(Exception):
    """``exit``: ends the script."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Interpreter:
    """One shell session in a sandbox.

    Attributes:
        errexit: stop at the first statement that fails (``set -e``, on at the start).
        nounset: an unset variable is an error (``set -u``).
        pipefail: a pipeline fails when any of its commands does (``set -o pipefail``).
        status: of the last statement, ``$?``.
        reraise: tests set it: a defect raises instead of being reported in one line.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.errexit = True
        self.nounset = False
        self.pipefail = False
        self.status = 0
        self.reraise = False
        self._depth = 0
        self._left = MAX_STATEMENTS
        self._printed = 0
        self._loaded: dict[str, Command] = {}

    # -- scripts ----------------------------------------------------------------------------------

    def run(
        self,
        text: str,
        write: Write,
        announce: Announce | None = None,
        parsed: Callable[[], object] | None = None,
    ) -> int:
        """Run a script; returns the first failure's status.

        Args:
            write: gets what is printed, in order.
            announce: is told each statement before it runs.
            parsed: called once when the whole text was understood, before any of it runs.
        """
        self._left, self._printed = MAX_STATEMENTS, 0
        return self._script(text, "", write, announce, parsed)

    def nested(self, text: str, stdin: str = "") -> Result:
        """Run a script inside a command (``sh``, ``watch``)."""
        if self._depth >= MAX_DEPTH:
            return Result("", f"meshdojo: a shell inside a shell more than {MAX_DEPTH} deep\n", 1)
        self._depth += 1
        try:
            return self._captured(lambda write: self._script(text, stdin, write))
        finally:
            self._depth -= 1

    @staticmethod
    def _captured(run: Callable[[Write], int]) -> Result:
        out: dict[int, list[str]] = {1: [], 2: []}
        status = run(lambda channel, piece: out[channel].append(piece))
        return Result("".join(out[1]), "".join(out[2]), status)

    def _script(
        self,
        text: str,
        stdin: str,
        write: Write,
        announce: Announce | None = None,
        parsed: Callable[[], object] | None = None,
    ) -> int:
        try:
            statements = parse(text)
        except ShellError as problem:
            write(2, f"meshdojo: {problem}\n")
            self.status = 2 if "syntax" in str(problem) else 1
            return self.status
        if parsed is not None:
            parsed()
        try:
            return self._statements(statements, stdin, write, announce)
        except Exit as leave:
            self.status = leave.status
            return leave.status

    def _statements(
        self,
        statements: Iterable[Statement],
        stdin: str,
        write: Write,
        announce: Announce | None = None,
    ) -> int:
        failed = 0
        for statement in statements:
            if announce is not None:
                announce(statement.text)
            status = self._guarded(statement, stdin, write)
            self.status = status
            failed = failed or status
            if status and self.errexit:
                break
        return failed

    def _guarded(self, statement: Statement, stdin: str, write: Write) -> int:
        """Run one statement; whatever goes wrong becomes one line."""
        try:
            self._left -= 1
            if self._left < 0:
                raise ShellError(f"more than {MAX_STATEMENTS:,} commands in one go")
            self._check_names(statement)
            return self._statement(statement, stdin, write)
        except ShellError as problem:
            write(2, f"meshdojo: {problem}\n")
            return 127 if str(problem).startswith("command not found") else 1
        except (Exit, KeyboardInterrupt):
            raise
        except Exception as defect:
            if self.reraise:
                raise
            what = " ".join(f"{type(defect).__name__}: {defect}".split())[:300]
            line = " ".join(statement.text.split())[:200]
            write(2, f"meshdojo: internal error, please report it: {what} (in: {line})\n")
            return 70  # Source: sysexits.h EX_SOFTWARE

    def _statement(self, statement: Statement, stdin: str, write: Write) -> int:
        status = 0
        for operator, pipeline in statement.chain.links:
            if (operator == "&&" and status) or (operator == "||" and not status):
                continue
            before, written = self.host.engine.now, self.host.writes
            status = self._pipeline(pipeline, statement, stdin, write)
            if self.host.writes != written:
                self._settle(before)
            self.status = status
        return status

    def _settle(self, before: float) -> None:
        """What was written takes a moment: the next command finds controllers at work, as it would."""
        engine = self.host.engine
        engine.run_until(max(engine.now, before + SETTLING))

    def _check_names(self, statement: Statement) -> None:
        """Refuse unknown commands before anything of the statement happens."""
        for _, pipeline in statement.chain.links:
            for command in pipeline.commands:
                name = command.words[0].plain() if command.words else None
                if name is not None:
                    known(name)

    # -- pipelines --------------------------------------------------------------------------------

    def _pipeline(self, pipeline: Pipeline, statement: Statement, stdin: str, write: Write) -> int:
        statuses: list[int] = []
        last = len(pipeline.commands) - 1
        for index, command in enumerate(pipeline.commands):
            result = self._command(command, statement, stdin)
            statuses.append(result.status)
            self._printed += len(result.stdout) + len(result.stderr)
            if self._printed > MAX_OUTPUT:
                raise ShellError(f"more than {MAX_OUTPUT:,} characters of output")
            if index == last and result.stdout:
                write(1, result.stdout)
            if result.stderr:
                write(2, result.stderr)
            if result.status and result.stderr and not result.stdout:
                break  # nothing came out of it: those after it would only add errors of their own
            stdin = result.stdout
        status = statuses[-1]
        if self.pipefail:
            status = next((one for one in reversed(statuses) if one), 0)
        return int(not status) if pipeline.negated else status

    def _command(self, command: SimpleCommand, statement: Statement, stdin: str) -> Result:
        expansion = Expansion(self)
        words = [field for word in command.words for field in expansion.fields(word)]
        values = {name: expansion.text(word) for name, word in command.assignments}
        try:
            channels = Channels(command.redirects, expansion, stdin)
        except (FileRefused, FileNotFoundError) as problem:
            raise ShellError(str(problem)) from None
        if not words:
            self.host.environ.update(values)
            return channels.deliver(Result("", "", expansion.status))
        name = known(words[0])
        context = Context(
            self.host,
            self,
            {**self.host.environ, **values},
            channels.stdin,
            statement.text,
            statement.background,
        )
        return channels.deliver(self._load(name)(context, words[1:], channels.stdin))

    def _load(self, name: str) -> Command:
        """The command's function; its module is imported when first used."""
        found = self._loaded.get(name)
        if found is None:
            module, _, function = COMMANDS[name].partition(":")
            found = self._loaded[name] = getattr(import_module(module), function)
        return found

    def substitute(self, script: tuple[Statement, ...]) -> tuple[str, int]:
        """The output of ``$(…)`` without its trailing newlines, and its status."""
        if self._depth >= MAX_DEPTH:
            raise ShellError(f"a shell inside a shell more than {MAX_DEPTH} deep is not supported here")
        self._depth += 1
        try:
            result = self._captured(lambda write: self._statements(script, "", write))
        finally:
            self._depth -= 1
        if result.stderr and result.status:
            raise ShellError(result.stderr.strip().splitlines()[-1].removeprefix("meshdojo: "))
        return result.stdout.rstrip("\n"), result.status


def known(name: str) -> str:
    """``name`` if it is a command; a path like ``./linkerd`` or ``/usr/bin/linkerd`` counts as its last part.

    Raises:
        ShellError: there is no such command; names the nearest.
    """
    short = name.rpartition("/")[2] if "bin/" in name else name
    if short in COMMANDS:
        return short
    shown = name if len(name) <= 60 else name[:57] + "..."
    raise ShellError(f"command not found: {shown}{nearest(name)}")
