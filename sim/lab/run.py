"""Runs a scenario from its beginning to its horizon and keeps what happened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.lab import results
from sim.scenario.schema import Scenario
from sim.shell.sandbox import Sandbox

if TYPE_CHECKING:
    import pandas as pd

    from mesh.viz.samples import SampleStore

__all__ = ["FailedLine", "Run", "run", "stores"]


class FailedLine(Exception):
    """A line of the timeline failed."""


@dataclass
class Run:
    """A finished run.

    Attributes:
        lines: (simulated time, line) of the timeline, in order of execution.
    """

    scenario: Scenario
    sandbox: Sandbox
    lines: list[tuple[float, str]]

    def summary(self, *, routes: bool = True) -> "pd.DataFrame":
        """Requests by source, destination and route (else all as ``*``) after the warm-up, one window."""
        frame = results.requests(self.sandbox.tables)
        if not routes:
            frame = frame.assign(route="*")
        start, end = self.scenario.warmup, self.scenario.horizon
        return results.summary(frame, end - start, start, end)

    def frames(self) -> "dict[str, pd.DataFrame]":
        """Every table, by name."""
        tables = self.sandbox.tables
        frames = {
            "requests": results.requests(tables),
            "attempts": results.attempts(tables),
            "pods": results.pods(tables),
            "events": results.events(tables),
            "summary": self.summary(),
        }
        found = stores(self.sandbox)
        if found:
            frames["samples"] = results.samples(found[0])
        return frames

    def caption(self) -> str:
        """What a reader needs to make a figure again."""
        return caption(self.sandbox)


def caption(sandbox: Sandbox) -> str:
    """Scenario, seed, version and preset of a sandbox."""
    from importlib.metadata import version

    scenario = sandbox.scenario
    return (
        f"{scenario.title} · {scenario.edition} · seed {scenario.seed} · preset {scenario.proxy.preset} · "
        f"meshdojo {version('meshdojo')}"
    )


def run(scenario: Scenario, progress: Callable[[float], object] = lambda now: None, steps: int = 60) -> Run:
    """Run a scenario to its horizon.

    Args:
        progress: told the simulated time now and then, for progress bars.

    Raises:
        FailedLine: a line of the timeline failed; says which, and what it printed.
    """
    sandbox = Sandbox(scenario=scenario)
    lines: list[tuple[float, str]] = []
    pending = scenario.happenings()
    for step in range(1, steps + 1):
        until = scenario.horizon * step / steps
        while pending and pending[0].at <= until:
            entry = pending.pop(0)
            if entry.at > sandbox.engine.now:
                sandbox.engine.run_until(entry.at)
            lines.append((sandbox.engine.now, entry.run))
            result = sandbox.sh(entry.run)
            if result.status:
                last = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["no output"]
                raise FailedLine(f"at {entry.at:g} s: {entry.run}: {last[0]}")
        if until > sandbox.engine.now:
            sandbox.engine.run_until(until)
        progress(sandbox.engine.now)
    return Run(scenario, sandbox, lines)


def stores(sandbox: Sandbox) -> "list[SampleStore]":
    """The sample stores of the Prometheus pods that run now."""
    found = []
    for kubelet in sandbox.cluster.kubelets.values():
        for namespace, pod in list(kubelet.workers):
            runner = kubelet.runner(namespace, pod, "prometheus")
            store = getattr(runner.program, "store", None) if runner is not None else None
            if store is not None:
                found.append(store)
    return found
