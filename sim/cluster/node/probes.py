"""Probes: one process each, asking on a fixed beat whether a container started, is ready, is alive."""

from collections.abc import Generator
from math import ceil
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.node.hooks import run_hook

if TYPE_CHECKING:
    from sim.cluster.node.containers import ContainerRunner
    from sim.engine import Engine

__all__ = ["Prober"]


class Prober:
    """One probe of one running container; made when it starts, stopped when it ends.

    The beat begins when the pod came to the node, and beats before ``initialDelaySeconds`` ask nothing: a
    delay of 2 s with a period of 10 s is answered at the first beat 2 s or more after the start.

    *Source:* kubelet's prober worker (a ticker made with the pod; readiness and liveness ask nothing until
    the startup probe succeeded, and are asked at once then).
    """

    KINDS = ("startup", "readiness", "liveness")

    def __init__(self, runner: "ContainerRunner", kind: str) -> None:
        spec: dict[str, Any] = runner.spec[f"{kind}Probe"]
        self.runner = runner
        self.container = runner.container
        self.engine: Engine = runner.engine
        self.kind = kind
        self.handler = spec
        self.delay = float(spec.get("initialDelaySeconds") or 0)
        self.period = float(spec.get("periodSeconds") or 10)
        self.timeout = float(spec.get("timeoutSeconds") or 1)
        self.failures_needed = int(spec.get("failureThreshold") or 3)
        self.successes_needed = int(spec.get("successThreshold") or 1)
        self._last: bool | None = None
        self._streak = 0
        self.process = self.engine.process(self._run())

    def stop(self) -> None:
        """Ask no more."""
        if self.process.is_alive and self.engine.active_process is not self.process:
            self.process.interrupt()

    def _run(self) -> Generator[simpy.Event, Any, None]:
        runner = self.runner
        earliest = self.engine.now + self.delay
        try:
            if self.kind != "startup" and runner.spec.get("startupProbe"):
                yield runner.passed
            else:
                yield self.engine.timeout(self._until_beat(earliest))
            while self._running():
                if self.engine.now >= earliest:
                    failure = yield from self._ask()
                    if not self._running() or self._judge(failure):
                        return
                yield self.engine.timeout(self._until_beat(self.engine.now + 1e-6))
        except simpy.Interrupt:
            return

    def _running(self) -> bool:
        """Whether the run this probe was made for goes on."""
        container = self.container
        return container is not None and container.alive and self.runner.container is container

    def _until_beat(self, earliest: float) -> float:
        """Seconds until the first beat at or after ``earliest``."""
        began = self.runner.worker.began
        beat = began + ceil((earliest - began) / self.period - 1e-9) * self.period
        return float(max(0.0, beat - self.engine.now))

    def _ask(self) -> Generator[simpy.Event, Any, str]:
        """One probe, at most ``timeoutSeconds`` long; returns the failure."""
        if "exec" not in self.handler:
            return (yield from run_hook(self.runner, self.handler, self.timeout))
        asking = self.engine.process(run_hook(self.runner, self.handler, self.timeout))
        yield asking | self.engine.timeout(self.timeout)
        if asking.is_alive:
            asking.interrupt()
            return f"command timed out after {self.timeout:g}s"
        return str(asking.value)

    def _judge(self, failure: str) -> bool:
        """Count, and act when a threshold is reached; returns whether this probe is done."""
        success = not failure
        self._streak = self._streak + 1 if self._last is success else 1
        self._last = success
        runner = self.runner
        if runner.worker.stopping and self.kind != "readiness":
            return True
        if failure:
            text = f"{self.kind.capitalize()} probe failed: {failure}"
            runner.worker.event("Warning", "Unhealthy", text)
        if self._streak < (self.successes_needed if success else self.failures_needed):
            return False
        if self.kind == "readiness":
            if runner.ready is not success:
                runner.ready = success
                runner.worker.changed()
            return False
        if self.kind == "startup" and success:
            runner.has_started()
            return True
        if success:
            return False
        why = f"Container {runner.name} failed {self.kind} probe, will be restarted"
        self.engine.process(runner.stop(runner.worker.grace, why))
        return True
