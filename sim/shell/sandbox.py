"""A sandbox: one simulated cluster, its clock, files in memory, and a shell in front of it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mesh.cli.console import Result
from sim.cluster.api import ApiServer, WatchEvent
from sim.cluster.api.objects import clone
from sim.cluster.cluster import Cluster
from sim.engine import Engine, Tables
from sim.programs import registry
from sim.programs.http import Caller
from sim.programs.world import World
from sim.scenario.loader import from_data
from sim.scenario.schema import Happening, Scenario
from sim.shell import setting
from sim.shell.client import Client
from sim.shell.faults import FaultBook
from sim.shell.files import Files
from sim.shell.interpreter import Interpreter
from sim.shell.jobs import Jobs

__all__ = ["Sandbox"]

HOME = {
    "HOME": "/home/you",
    "PATH": "/home/you/.linkerd2/bin:/usr/local/bin:/usr/bin:/bin",
    "PWD": "/sandbox",
    "USER": "you",
}
MAX_LOG = 50_000_000  # characters of a session
ABBREVIATIONS = {"Deployment": "deploy", "StatefulSet": "sts", "DaemonSet": "ds"}


class Sandbox:
    """Everything an operator does is a line: ``sandbox.sh("kubectl get po")``.

    A session is (scenario, seed, log): replaying the log in a new sandbox of the same scenario gives the
    same state and the same tables.

    Args:
        edition: of linkerd: ``edge`` or ``stable-2.8.1``.
        seed: everything random derives from it.
        start: the date of t = 0; the edition's own by default.
        nodes: machines.
        version: of Kubernetes; the edition's own by default.
        preset: latency figures.
        mounts: read-only files by name.
        scenario: instead of all of the above but ``mounts``.

    Attributes:
        engine: the clock.
        cluster: the simulated cluster.
        api: its API server.
        client: the operator's access to it.
        world: what programs share: load sources, faults, tables.
        tables: what happened.
        files: in memory.
        environ: shell variables.
        jobs: in the background.
        shell: the interpreter.
        log: (simulated time, text) of every call of :meth:`sh` whose text could be parsed.
        faults: the ``fault`` command's.

    Raises:
        Problems: an argument is wrong.
    """

    def __init__(
        self,
        *,
        edition: str = "edge",
        seed: int = 1,
        start: str | None = None,
        nodes: int = 3,
        version: str | None = None,
        preset: str = "physical-2019",
        mounts: Mapping[str, str] | None = None,
        scenario: Scenario | None = None,
    ) -> None:
        self.scenario = scenario or _scenario(edition, seed, start, nodes, version, preset)
        self.edition = self.scenario.edition
        self.engine = Engine(self.scenario.seed, self.scenario.date)
        self.tables = Tables()
        cost = setting.proxy_cost(self.scenario.proxy.preset)
        self.world = World(self.engine, self.tables, cost=cost)
        images = registry.images(self.world, dict(self.scenario.apps))
        spec = setting.cluster_spec(self.scenario)
        self.cluster = Cluster(self.engine, spec, images, Caller(self.engine), self.tables)
        self.api: ApiServer = self.cluster.api
        self.client = Client(self.cluster)
        self.files = Files(mounts)
        self.environ = dict(HOME)
        self.jobs = Jobs(lambda: self.engine.now)
        self.shell = Interpreter(self)
        self.log: list[tuple[float, str]] = []
        self._logged = 0
        self.faults = FaultBook(lambda: self.engine.now)
        self._set()

    def _set(self) -> None:
        """What the scenario wants before the first line."""
        shares = self.scenario.network.loss
        names = list(self.cluster.nodes)
        if shares:
            for index, one in enumerate(names):
                for other in names[index + 1 :]:
                    self.cluster.network.topology.lose(one, other, shares)
        if self.scenario.workloads:
            for resource in ("deployments.apps", "statefulsets.apps"):
                self.api.watch(resource, self._override, initial=False)
        for obj in setting.setting(self.scenario):
            self.client.create(obj)

    def _override(self, event: WatchEvent) -> None:
        """A workload the scenario overrides was created: change it as if its manifest had said so."""
        if event.type != "ADDED":
            return
        obj = event.object
        name = f"{ABBREVIATIONS[obj['kind']]}/{obj['metadata']['name']}"
        workloads = self.scenario.workloads
        wanted = workloads.get(f"{obj['metadata']['namespace']}/{name}") or workloads.get(name)
        if wanted is None or wanted.replicas is None or obj["spec"].get("replicas") == wanted.replicas:
            return
        changed = clone(obj)
        changed["spec"]["replicas"] = wanted.replicas
        self.api.replace_now(changed)

    @property
    def writes(self) -> int:
        """The number of the last write to the cluster's API."""
        return self.api.resource_version

    # -- using it ------------------------------------------------------------------------------------------

    def sh(self, line: str) -> Result:
        """Run a line, or several: what they printed and the status of the first that failed, 0 without."""
        out: dict[int, list[str]] = {1: [], 2: []}
        status = self.run(line, lambda channel, text: out[channel].append(text))
        return Result("".join(out[1]), "".join(out[2]), status)

    def run(
        self,
        text: str,
        write: Callable[[int, str], object],
        announce: Callable[[str], object] | None = None,
    ) -> int:
        """Run lines; the status as in :meth:`sh`.

        Args:
            write: gets (channel, text) in the order of printing; channel 1 is output, 2 errors.
            announce: gets each statement as typed before it runs, for transcripts.
        """
        if self._logged + len(text) > MAX_LOG:
            write(2, f"meshdojo: the session is full ({MAX_LOG:,} characters): begin a new one\n")
            return 1
        return self.shell.run(text, write, announce, lambda: self._record(text))

    def _record(self, text: str) -> None:
        """Lines that could not be parsed did nothing, and are not part of the session."""
        if text.strip():
            self.log.append((self.engine.now, text))
            self._logged += len(text)

    def advance(self, seconds: float) -> None:
        """Let simulated time pass.

        Raises:
            ValueError: it is not a time, 0 or more.
        """
        if not 0.0 <= seconds < float("inf"):
            raise ValueError(f"time passes by 0 or more seconds, not {seconds!r}")
        self.engine.run_until(self.engine.now + seconds)

    def happen(self, until: float) -> Iterator[tuple[Happening, Result]]:
        """Run the scenario's timeline up to a time, and leave the clock there.

        A line that is still running when the next is due delays that one.
        """
        for entry in self.scenario.happenings():
            if entry.at > until:
                break
            if entry.at > self.engine.now:
                self.engine.run_until(entry.at)
            yield entry, self.sh(entry.run)
        if until > self.engine.now:
            self.engine.run_until(until)

    def replay(self, log: list[tuple[float, str]]) -> None:
        """Run a log's lines, each at its time."""
        for when, text in log:
            if when > self.engine.now:
                self.engine.run_until(when)
            self.sh(text)


def _scenario(
    edition: str, seed: int, start: str | None, nodes: int, version: str | None, preset: str
) -> Scenario:
    """The scenario a few arguments stand for."""
    cluster: dict[str, Any] = {"nodes": nodes}
    if version is not None:
        cluster["version"] = version
    data: dict[str, Any] = {"title": "a sandbox", "edition": edition, "seed": seed, "cluster": cluster}
    if start is not None:
        data["start"] = start
    return from_data({**data, "proxy": {"preset": preset}}, "sandbox")
