"""One pod on its node, from the moment the kubelet sees it until nothing of it is left."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.api.objects import clone
from sim.cluster.node.containers import SIGKILL_CODE, ContainerRunner
from sim.cluster.node.status import describe_state, pod_status, ready_count
from sim.cluster.node.volumes import Volumes
from sim.cluster.node.workload import workload_of
from sim.cluster.program import PodRuntime
from sim.engine.tables import PodChange

if TYPE_CHECKING:
    from sim.cluster.net import NetNs
    from sim.cluster.node.kubelet import Kubelet

__all__ = ["PodWorker"]

Obj = dict[str, Any]
Steps = Generator[simpy.Event, Any, None]

# Making the pod's sandbox: cgroups, the pause container, the network interface. Half a second on an ordinary
# node. Our own round figure; Kubernetes' objective is 5 s from creation to running for 99 % of pods whose
# images are there.
SANDBOX = 0.5
# Retries of a volume that cannot be mounted. Source: kubelet's exponential back-off, 0.5 s doubling to 122 s.
MOUNT_RETRY, MOUNT_RETRY_MAX = 0.5, 122.0
DEFAULT_GRACE = 30.0


class PodWorker:
    """A pod's life on a node.

    Attributes:
        inits: its init containers in order, native sidecars among them.
        apps: its other containers in order.
        counted: the containers that READY counts.
        stopping: it is being terminated, or done; nothing restarts any more.
        finished: all its containers have ended for good.
        failed: it will end in phase Failed.
    """

    def __init__(self, kubelet: "Kubelet", pod: Obj) -> None:
        self.kubelet = kubelet
        self.engine = kubelet.engine
        self.api = kubelet.api
        self.node = kubelet.node
        self.store = kubelet.store
        self.http = kubelet.http
        self.node_net = kubelet.net
        self.tables = kubelet.tables
        self.pod = pod
        self.spec: Obj = pod["spec"]
        self.name: str = pod["metadata"]["name"]
        self.namespace: str = pod["metadata"]["namespace"]
        self.uid: str = pod["metadata"]["uid"]
        self.grace = float(self.spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE))
        self.ip = ""
        self.net: NetNs | None = None
        self.began = self.engine.now
        self.start_time = self.engine.timestamp()
        self.volumes = Volumes(self.api, self.node, pod)
        self.workload = workload_of(self.api, pod)
        self.runtime: PodRuntime
        self.stopping = False
        self.finished = False
        self.failed = False
        self.inits = [
            ContainerRunner(self, spec, "sidecar" if spec.get("restartPolicy") == "Always" else "init")
            for spec in self.spec.get("initContainers") or ()
        ]
        self.apps = [ContainerRunner(self, spec, "app") for spec in self.spec["containers"]]
        self.counted = [r for r in self.inits if r.kind == "sidecar"] + self.apps
        self._written: tuple[str, str, str] | None = None
        self._dying: simpy.Process | None = None
        self._deadline = float("inf")
        self.process = self.engine.process(self.run())

    def first_reason(self, kind: str) -> str:
        """Why a container that was never tried is waiting."""
        return "PodInitializing" if self.spec.get("initContainers") else "ContainerCreating"

    def as_seen(self) -> Obj:
        """The pod with its address, for references to fields."""
        status = {**(self.pod.get("status") or {}), "podIP": self.ip, "podIPs": [{"ip": self.ip}]}
        return {**self.pod, "status": status}

    def seen(self, pod: Obj) -> None:
        """The API has a new state of the pod: labels that files show, perhaps other images."""
        self.pod = self.volumes.pod = pod
        if pod["spec"] is self.spec:
            return
        self.spec = pod["spec"]
        for spec in [*(self.spec.get("initContainers") or ()), *self.spec["containers"]]:
            runner = self.runner(spec["name"])
            if runner is not None and runner.spec.get("image") != spec.get("image"):
                runner.changed(spec)

    # -- the life ----------------------------------------------------------------------------------------

    def run(self) -> Steps:
        """Mount, make the sandbox, start the containers in their order, see them finish."""
        try:
            self.changed()
            yield from self._mount()
            yield self.engine.timeout(SANDBOX)
            self._connect()
            if (yield from self._initialize()):
                yield from self._serve()
        except simpy.Interrupt:
            return
        self._complete()

    def _mount(self) -> Steps:
        """Wait until every volume's source exists."""
        wait = MOUNT_RETRY
        while True:
            problem = self.volumes.problem()
            if problem is None:
                return
            volume, reason = problem
            text = f'MountVolume.SetUp failed for volume "{volume}" : {reason}'
            self.event("Warning", "FailedMount", text)
            yield self.engine.timeout(wait)
            wait = min(2 * wait, MOUNT_RETRY_MAX)

    def _connect(self) -> None:
        """Give the pod its network namespace, or the host's."""
        if self.spec.get("hostNetwork"):
            self.ip, self.net = self.node.ip, self.node_net
        else:
            self.ip = self.node.take_address()
            self.net = self.kubelet.network.namespace(self.ip, self.node.name, self.name, self.namespace)
        meta = self.pod["metadata"]
        self.runtime = PodRuntime(
            name=self.name,
            namespace=self.namespace,
            uid=self.uid,
            ip=self.ip,
            node=self.node.name,
            service_account=self.spec.get("serviceAccountName") or "default",
            labels=dict(meta.get("labels") or {}),
            annotations=dict(meta.get("annotations") or {}),
            spec=self.spec,
            net=self.net,
            workload=self.workload,
        )
        self.changed()

    def _initialize(self) -> Generator[simpy.Event, Any, bool]:
        """Init containers one after the other; False when one failed for good."""
        for runner in self.inits:
            runner.begin()
            if runner.kind == "sidecar":
                yield runner.up
                continue
            code = yield runner.finished
            if code != 0:
                self.failed = True
                return False
        return True

    def _serve(self) -> Steps:
        """Start the app containers, each after the first attempt at the one before, and await their ends."""
        for runner in self.apps:
            runner.begin()
            yield runner.attempted
        for runner in self.apps:
            code = yield runner.finished
            self.failed = self.failed or code != 0

    def _complete(self) -> None:
        """Every container ended for good: sidecars go too, and the sandbox."""
        if self._dying is None:
            self._dying = self.engine.process(self._finish())

    def _finish(self) -> Steps:
        self.stopping = True
        try:
            yield from self._halt([r for r in reversed(self.inits) if r.kind == "sidecar"], self.grace)
        except simpy.Interrupt:
            return
        self._disconnect()
        self.finished = True
        self.changed()

    def _disconnect(self) -> None:
        """The sandbox is gone, its address free."""
        if self.net is not None and self.net is not self.node_net:
            self.kubelet.network.drop(self.net)
            self.node.free_address(self.ip)
        self.net = None

    # -- the end -----------------------------------------------------------------------------------------

    def terminate(self, grace: float) -> None:
        """The pod is being deleted: stop it within ``grace`` seconds and remove it. Again: shorten."""
        until = self.engine.now + grace
        if until >= self._deadline:
            return
        self._deadline = until
        if self._dying is not None and self._dying.is_alive:
            self._dying.interrupt()
        self._dying = self.engine.process(self._terminate(grace))

    def _terminate(self, grace: float) -> Steps:
        self.stopping = True
        if self.process.is_alive:
            self.process.interrupt()
        try:
            deadline = self.engine.now + grace
            yield from self._halt(self.apps, grace)
            for runner in reversed(self.inits):
                yield from self._halt([runner], max(0.0, deadline - self.engine.now))
        except simpy.Interrupt:
            return
        self._disconnect()
        self.finished = True
        self.changed()
        self.kubelet.gone(self)

    def _halt(self, runners: list[ContainerRunner], grace: float) -> Steps:
        """Stop these containers together."""
        halting = [self.engine.process(runner.halt(grace)) for runner in runners]
        if halting:
            yield self.engine.all_of(halting)

    def kill(self) -> None:
        """The machine or the API took it away: everything ends now, nothing is reported."""
        self.stopping = True
        for process in (self.process, self._dying):
            if process is not None and process.is_alive and process is not self.engine.active_process:
                process.interrupt()
        for runner in [*reversed(self.apps), *reversed(self.inits)]:
            runner.ended(SIGKILL_CODE)
            runner.abandon()
        self._disconnect()
        self.finished = True
        self.forget()

    def forget(self) -> None:
        """It is gone: say so, and close the accounts of its containers."""
        self._record("Deleted")
        for runner in [*self.inits, *self.apps]:
            self.node.cpu.close((self.namespace, self.name, runner.name))

    def runner(self, name: str) -> ContainerRunner | None:
        """The container of that name."""
        return next((r for r in [*self.apps, *self.inits] if r.name == name), None)

    # -- reporting ---------------------------------------------------------------------------------------

    def event(self, kind: str, reason: str, message: str) -> None:
        """Record a Kubernetes event about the pod."""
        self.api.event(self.pod, kind, reason, message, component="kubelet")

    def changed(self) -> None:
        """Write status if it changed, and a row of the table of pods if what it shows did."""
        stored = self.api.find("pods", self.name, self.namespace)
        if stored is None or stored["metadata"]["uid"] != self.uid or self.kubelet.down:
            return
        status = pod_status(self, stored.get("status") or {})
        self.api.set_status("pods", self.name, self.namespace, clone(status))
        terminating = "deletionTimestamp" in stored["metadata"]
        self._record("Terminating" if terminating else status["phase"])

    def _record(self, phase: str) -> None:
        """Append to the table of pods what changed; Terminating and Deleted besides the phases."""
        states = ",".join(describe_state(runner) for runner in [*self.inits, *self.apps])
        row = (phase, ready_count(self), states)
        if row != self._written:
            self._written = row
            meshed = self.runner(self.kubelet.proxy_container) is not None
            self.tables.pods.append(
                PodChange(self.engine.now, self.namespace, self.name, self.workload, *row, meshed)
            )
