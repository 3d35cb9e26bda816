"""Commands inside a container: what ``kubectl exec`` can run there.

*Differs:* images hold no files but what is mounted; every image is taken to have these few commands.
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mesh.cli.console import Result
from sim.cluster.net import UnknownName
from sim.shell.commands import transfer as curling

if TYPE_CHECKING:
    from collections.abc import Generator

    import simpy

    from sim.cluster.program import Container, HttpReply
    from sim.shell.client.pods import Pods

__all__ = ["Exec"]


class Exec:
    """One command in one container."""

    def __init__(self, client: "Pods", container: "Container") -> None:
        self.client = client
        self.container = container

    def run(self, argv: list[str], stdin: str = "") -> Result:
        """Run it; unknown commands fail as the container runtime words it."""
        if not argv:
            return Result(stderr="error: you must specify at least one command for the container\n", status=1)
        name = argv[0].rpartition("/")[2]
        command = getattr(self, f"_{name}", None) if re.fullmatch(r"[a-z]+", name) else None
        if command is None or name == "run":
            shown = argv[0][:60]
            text = f'exec: "{shown}": executable file not found in $PATH'
            return Result(stderr=f"error: {text} (here: {', '.join(COMMANDS)})\n", status=126)
        result: Result = command(argv[1:], stdin)
        return result

    def _curl(self, argv: list[str], stdin: str) -> Result:
        def fetch(ask: "curling.Ask") -> "curling.Answer":
            return self.client.run(self._fetch(ask), ask.timeout + 60.0)  # type: ignore[no-any-return]

        return curling.transfer(argv, fetch)

    def _fetch(self, ask: "curling.Ask") -> "Generator[simpy.Event, Any, curling.Answer]":
        """One request from the container, through its pod's redirections and so through its proxy."""
        engine = self.client.engine
        started = engine.now
        reply: HttpReply = yield from self.client.cluster.http.call(
            self.container.pod.net,
            ask.host,
            ask.port,
            ask.method,
            ask.path,
            ask.body,
            headers=ask.headers,
            timeout=ask.timeout,
        )
        return curling.answer(reply, engine.now - started)

    def _env(self, argv: list[str], stdin: str) -> Result:
        return Result("".join(f"{name}={value}\n" for name, value in self._environment().items()))

    def _printenv(self, argv: list[str], stdin: str) -> Result:
        if not argv:
            return self._env([], stdin)
        value = self._environment().get(argv[0])
        return Result(status=1) if value is None else Result(value + "\n")

    def _environment(self) -> dict[str, str]:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "HOSTNAME": self.container.pod.name, **self.container.env, "HOME": "/root"}

    def _hostname(self, argv: list[str], stdin: str) -> Result:
        shown = self.container.pod.ip if argv[:1] in (["-i"], ["-I"]) else self.container.pod.name
        return Result(shown + "\n")

    def _date(self, argv: list[str], stdin: str) -> Result:
        return Result(self.client.engine.date().strftime("%a %b %e %H:%M:%S UTC %Y\n"))

    def _echo(self, argv: list[str], stdin: str) -> Result:
        return Result(" ".join(argv) + "\n")

    def _id(self, argv: list[str], stdin: str) -> Result:
        user = self.container.user
        return Result(f"uid={user} gid={user}\n")

    def _cat(self, argv: list[str], stdin: str) -> Result:
        out = []
        for name in argv:
            if name == "/etc/resolv.conf":
                out.append(self._resolv_conf())
                continue
            try:
                out.append(self.container.read(name))
            except (FileNotFoundError, KeyError):
                return Result("".join(out), f"cat: {name[:80]}: No such file or directory\n", 1)
        return Result("".join(out) if argv else stdin)

    def _resolv_conf(self) -> str:
        search = f"{self.container.pod.namespace}.svc.cluster.local svc.cluster.local cluster.local"
        return f"search {search}\noptions ndots:5\n"

    def _nslookup(self, argv: list[str], stdin: str) -> Result:
        if not argv:
            return Result(stderr="nslookup: a name is needed\n", status=1)
        try:
            found = self.container.pod.net.network.dns.resolve(argv[0], self.container.pod.namespace)
        except UnknownName:
            return Result(stderr=f"** server can't find {argv[0][:80]}: NXDOMAIN\n", status=1)
        return Result("".join(f"Name:\t{argv[0]}\nAddress: {ip}\n" for ip in found))

    def _wget(self, argv: list[str], stdin: str) -> Result:
        words = [word for word in argv if not word.startswith("-") and urlsplit(word).path != ""]
        if len(words) != 1 or set(argv) - {"-q", "-O-", "-qO-", "-O", "-", words[0]}:
            return Result(stderr="wget: only `wget -qO- URL` is offered here; use curl\n", status=1)
        return self._curl(["-sS", words[0]], stdin)


COMMANDS = tuple(
    sorted(
        name[1:]
        for name in vars(Exec)
        if re.fullmatch(r"_[a-z]+", name) and name not in ("_fetch", "_environment")
    )
)
