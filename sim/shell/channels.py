"""Redirections: where a command reads from and where its output goes."""

from collections.abc import Iterable

from mesh.cli.console import Result
from sim.shell.expansion import Expansion
from sim.shell.files import FileRefused
from sim.shell.syntax import Redirect

__all__ = ["Channels"]


class Channels:
    """Where a command's input comes from and its output goes.

    Raises:
        OSError: a file cannot be read or written; nothing has happened then.
    """

    def __init__(self, redirects: Iterable[Redirect], expansion: Expansion, stdin: str) -> None:
        self.files = expansion.shell.host.files
        self.stdin = stdin
        self.targets: dict[int, str | int] = {1: 1, 2: 2}  # a file's name, or a channel
        self.appends: dict[str, bool] = {}
        for redirect in redirects:
            self._set(redirect, expansion.text(redirect.target))

    def _set(self, redirect: Redirect, target: str) -> None:
        if redirect.operator == "<":
            self.stdin = self.files.read(target) if target != "/dev/stdin" else self.stdin
        elif redirect.operator == "<<":
            self.stdin = target
        elif redirect.operator == "&":
            self.targets[redirect.channel] = self.targets[int(target)]
        elif target in ("/dev/stdout", "/dev/stderr"):
            self.targets[redirect.channel] = 1 if target == "/dev/stdout" else 2
        else:
            self.files.check(target)
            self.targets[redirect.channel] = target
            self.appends[target] = redirect.operator == ">>"

    def deliver(self, result: Result) -> Result:
        """Write what goes to files; return the rest."""
        kept: dict[int, str] = {1: "", 2: ""}
        texts: dict[str, str] = dict.fromkeys(self.appends, "")
        for channel, text in ((1, result.stdout), (2, result.stderr)):
            target = self.targets[channel]
            if isinstance(target, int):
                kept[target] += text
            else:
                texts[target] += text
        for name, text in texts.items():
            try:
                self.files.write(name, text, append=self.appends[name])
            except FileRefused as problem:
                return Result(kept[1], f"{kept[2]}meshdojo: {problem}\n", 1)
        return Result(kept[1], kept[2], result.status)
