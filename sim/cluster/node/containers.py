"""One container of a pod, from its first pull to its last exit, restarted as its policy says."""

from collections.abc import Generator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.node.environment import ConfigError, arguments, environment
from sim.cluster.node.hooks import run_hook
from sim.cluster.node.probes import Prober
from sim.cluster.node.pulls import RELIST, Backoff, obtain
from sim.cluster.node.quantity import quantity, requests_of
from sim.cluster.node.registration import runtime
from sim.cluster.program import Container, Image, Program

if TYPE_CHECKING:
    from sim.cluster.node.pods import PodWorker
    from sim.engine import Engine

__all__ = ["OOM_KILLED", "SIGKILL_CODE", "SIGTERM_CODE", "ContainerRunner"]

Obj = dict[str, Any]
Steps = Generator[simpy.Event, Any, None]

# What a runtime needs once the image is there: snapshot and spec, then the task itself. containerd does this
# in a few hundred milliseconds on an ordinary node. Our own round figures.
CREATE = 0.2
START = 0.1
# How long until a container whose configuration was incomplete is tried again (kubelet's pod sync, jittered
# between 10 and 15 s in reality).
RESYNC = 10.0

COLON_SINCE = 32  # minor version from which the event says "Created container: NAME"
SIGKILL_CODE = 137
SIGTERM_CODE = 143
OOM_KILLED = "OOMKilled"


class ContainerRunner:
    """A container's life on its node.

    Attributes:
        kind: ``init``, ``sidecar`` (an init container that keeps running) or ``app``.
        state: what status.containerStatuses says of it, one of waiting, running, terminated.
        attempted: fires after the first attempt to start it, successful or not.
        up: fires when it has started for the first time (startup probe and postStart included).
        finished: fires when it will not run again; its value is the last exit code.
    """

    def __init__(self, worker: "PodWorker", spec: Obj, kind: str) -> None:
        self.worker = worker
        self.engine: Engine = worker.engine
        self.spec: Obj = spec
        self.kind = kind
        self.name: str = spec["name"]
        self.state: Obj = {"waiting": {"reason": worker.first_reason(kind)}}
        self.last_state: Obj = {}
        self.restarts = 0
        self.ready = False
        self.started = False
        self.image_id = ""
        self.container_id = ""
        self.container: Container | None = None
        self.previous: Container | None = None
        self.program: Program | None = None
        self.attempted = self.engine.event()
        self.up = self.engine.event()
        self.finished = self.engine.event()
        self._exited = self.engine.event()
        self.passed = self.engine.event()  # as `up`, but of the present run
        self.process: simpy.Process | None = None
        self._probers: list[Prober] = []
        self._crashes = Backoff()
        self._stopped: Container | None = None  # the run that was already sent SIGTERM

    def begin(self) -> None:
        """Start its process."""
        self.process = self.engine.process(self.run())

    def halt(self, grace: float) -> Steps:
        """End it for good: stopped if it runs, given up if it waits."""
        if self.container is not None and self.container.alive:
            yield from self.stop(grace)
        self.abandon()

    def changed(self, spec: Obj) -> None:
        """The pod names another image: the container is started anew with it."""
        self.spec = spec
        why = f"Container {self.name} definition changed, will be restarted"
        if self.container is not None and self.container.alive:
            self.engine.process(self.stop(self.worker.grace, why))

    def abandon(self) -> None:
        """Stop waiting for whatever it waits for; a running container is killed."""
        process = self.process
        if process is not None and process.is_alive and process is not self.engine.active_process:
            process.interrupt()

    # -- the life ----------------------------------------------------------------------------------------

    def run(self) -> Steps:
        """Pull, start, wait for the end, again while the restart policy says so."""
        code = 0
        try:
            while True:
                image = yield from obtain(self)
                variables = yield from self._environment()
                yield from self._start(image, variables)
                code = yield self._exited
                if not self._again(code):
                    break
                yield from self._back_off()
        except simpy.Interrupt:
            code = SIGKILL_CODE
            self.ended(code)
        self.tried()
        if not self.finished.triggered:
            self.finished.succeed(code)

    def tried(self) -> None:
        """The first attempt to start it is over: the next container's turn."""
        self._tell(self.attempted)

    def _tell(self, event: simpy.Event) -> None:
        if not event.triggered:
            event.succeed()

    def _again(self, code: int) -> bool:
        """The restart policy."""
        if self.worker.stopping:
            return False
        policy = self.worker.spec.get("restartPolicy", "Always")
        if self.kind == "sidecar":
            return True
        if self.kind == "init" or policy == "OnFailure":
            return code != 0 and policy != "Never"
        return bool(policy == "Always")

    def wait(self, reason: str, message: str = "") -> None:
        """It is waiting, and status says why."""
        waiting = {"reason": reason}
        if message:
            waiting["message"] = message
        self.state = {"waiting": waiting}
        self.worker.changed()

    # -- starting ----------------------------------------------------------------------------------------

    def _environment(self) -> Generator[simpy.Event, Any, dict[str, str]]:
        """Its environment, once everything it refers to exists."""
        worker = self.worker
        while True:
            try:
                return environment(worker.api, worker.node, worker.as_seen(), self.spec)
            except ConfigError as error:
                self.event("Warning", "Failed", f"Error: {error}")
                self.wait("CreateContainerConfigError", str(error))
                self.tried()
            yield self.engine.timeout(RESYNC)

    def _start(self, image: Image, variables: dict[str, str]) -> Steps:
        """Create and start the container, its probes and its postStart hook."""
        worker = self.worker
        yield self.engine.timeout(CREATE)
        colon = ":" if self.worker.api.minor >= COLON_SINCE else ""
        self.event("Normal", "Created", f"Created container{colon} {self.name}")
        yield self.engine.timeout(START)
        self._exited = self.engine.event()
        self.passed = self.engine.event()
        self.previous = self.container
        self.container = container = self._container(variables)
        self.state = {"running": {"startedAt": self.engine.timestamp()}}
        self.event("Normal", "Started", f"Started container {self.name}")
        hook = (self.spec.get("lifecycle") or {}).get("postStart")
        self.started = not self.spec.get("startupProbe") and not hook
        self.ready = self.started and not self.spec.get("readinessProbe")
        self._launch(image, container)
        worker.changed()
        if container.alive:
            self._probers = [Prober(self, kind) for kind in Prober.KINDS if self.spec.get(f"{kind}Probe")]
        if hook and container.alive:
            yield from self._post_start(hook, container)
        if container.alive and not self.spec.get("startupProbe"):
            self.has_started()
        self.tried()

    def _launch(self, image: Image, container: Container) -> None:
        """Make the program and start it. One that cannot have a port or file it needs says so and exits."""
        try:
            self.program = image.factory(container)
            if container.alive:
                self.program.start()
            else:
                self.program = None
        except OSError as error:
            container.log(str(error))
            self.ended(1)

    def _post_start(self, hook: Obj, container: Container) -> Steps:
        """Run the hook; a failing one kills the container."""
        failure = yield from run_hook(self, hook)
        if failure and container.alive:
            self.event("Warning", "FailedPostStartHook", f"PostStartHook failed: {failure}")
            yield from self.stop(self.worker.grace, f"FailedPostStartHook container {self.name}")

    def has_started(self) -> None:
        """Its startup probe succeeded, or it has none: readiness and liveness count from now."""
        self.started = True
        if not self.spec.get("readinessProbe"):
            self.ready = True
        self._tell(self.passed)
        self._tell(self.up)
        self.worker.changed()

    def _container(self, variables: dict[str, str]) -> Container:
        worker = self.worker
        command, args = arguments(self.spec, variables)
        security = {
            **(worker.spec.get("securityContext") or {}),
            **(self.spec.get("securityContext") or {}),
        }
        share = worker.node.cpu.open(
            (worker.namespace, worker.name, self.name),
            requests_of(self.spec).get("cpu", 0.0),
            quantity(((self.spec.get("resources") or {}).get("limits") or {}).get("cpu", float("inf"))),
        )
        digest = sha256(f"{worker.uid}/{self.name}/{self.restarts}".encode()).hexdigest()
        self.container_id = f"{runtime(worker.api.minor)}://{digest}"
        return Container(
            engine=self.engine,
            api=worker.api,
            pod=worker.runtime,
            name=self.name,
            image=self.spec.get("image", ""),
            spec=self.spec,
            env=variables,
            command=command,
            args=args,
            user=int(security.get("runAsUser") or 0),
            cpu=share.station,
            restart=self.restarts,
            exit=self.exit,
            read=lambda path: worker.volumes.read(self.spec, path),
            charge=share.charge,
            tables=worker.tables,
        )

    # -- ending ------------------------------------------------------------------------------------------

    def exit(self, code: int) -> None:
        """The program ends itself."""
        self.ended(code)

    def ended(self, code: int, reason: str = "") -> None:
        """The container is gone, with that exit code. Does nothing when it is not running."""
        container = self.container
        if container is None or not container.alive:
            return
        container.alive = False
        for prober in self._probers:
            prober.stop()
        self._probers = []
        share = self.worker.node.cpu.find(self.worker.namespace, self.worker.name, self.name)
        if share is not None:
            share.sample()
        container.cpu.kill()
        for port in container.ports:
            container.pod.net.close(port)
        if self.program is not None:
            self.program.stopped()
        self.program = None
        self.ready = self.started = False
        self.state = {
            "terminated": {
                "exitCode": code,
                "reason": reason or ("Completed" if code == 0 else "Error"),
                "startedAt": self.state.get("running", {}).get("startedAt", self.engine.timestamp()),
                "finishedAt": self.engine.timestamp(),
                "containerID": self.container_id,
            }
        }
        if self.kind == "init" and code == 0:
            self.ready = True
        self._exited.succeed(code)
        self.worker.changed()

    def stop(self, grace: float, why: str = "") -> Steps:
        """preStop hook, SIGTERM, and SIGKILL when the grace period (which includes the hook) is over."""
        container, exited = self.container, self._exited
        if container is None or not container.alive:
            return
        deadline = self.engine.timeout(grace)
        if self._stopped is not container:  # a second, shorter deadline must not signal again
            self._stopped = container
            self.event("Normal", "Killing", why or f"Stopping container {self.name}")
            yield from self._signal(deadline, grace)
        if container.alive:
            yield exited | deadline
        if self.container is container:
            self.ended(SIGKILL_CODE)

    def _signal(self, deadline: simpy.Event, grace: float) -> Steps:
        """The preStop hook, then SIGTERM."""
        container, exited = self.container, self._exited
        hook = (self.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace > 0:
            running = self.engine.process(run_hook(self, hook))
            yield running | deadline | exited
            if running.is_alive:
                running.interrupt()
            elif running.value:
                self.event("Warning", "FailedPreStopHook", f"PreStopHook failed: {running.value}")
        if container is not None and container.alive and self.program is not None:
            self.program.terminate()

    def _back_off(self) -> Steps:
        """Wait as a crash-looping container must, and count the restart."""
        wait = self._crashes.ended(self.engine.now)
        yield self.engine.timeout(RELIST)
        self.last_state = self.state
        if wait:
            worker = self.worker
            text = f"back-off {_duration(wait)} restarting failed container={self.name} pod={worker.name}_"
            self.wait("CrashLoopBackOff", f"{text}{worker.namespace}({worker.uid})")
            self.event("Warning", "BackOff", "Back-off restarting failed container")
            yield self.engine.timeout(wait - RELIST)
        self.restarts += 1

    def event(self, kind: str, reason: str, message: str) -> None:
        """Record a Kubernetes event about its pod."""
        self.worker.event(kind, reason, message)


def _duration(seconds: float) -> str:
    """``1m20s`` as Go prints it."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
