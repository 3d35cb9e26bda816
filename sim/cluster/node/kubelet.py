"""The kubelet: brings the pods bound to its node to life, reports them, and tells the API about the node."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import BadRequest, NotFound
from sim.cluster.node.containers import OOM_KILLED, SIGKILL_CODE, ContainerRunner
from sim.cluster.node.pods import DEFAULT_GRACE, PodWorker
from sim.cluster.node.pulls import ImageStore
from sim.cluster.node.registration import lease_object, node_object, node_status

if TYPE_CHECKING:
    from collections.abc import Generator

    import simpy

    from sim.cluster.api import ApiServer, WatchEvent
    from sim.cluster.net import NetNs, Network
    from sim.cluster.node.node import Node
    from sim.cluster.program import Container, HttpCaller, Images
    from sim.engine import Engine, Tables

__all__ = ["Kubelet"]

Obj = dict[str, Any]

# How long the control plane waits for a silent kubelet. Source: kube-controller-manager,
# --node-monitor-grace-period, 40 s.
SILENCE = 40.0
# How often an unchanged status is posted. Source: kubelet --node-status-report-frequency, 5 m.
HEARTBEAT = 300.0


class Kubelet:
    """One node's agent.

    Args:
        api: where pods come from and status goes to.
        engine: the clock.
        node: the machine.
        network: where pods get their addresses.
        images: what the registries hold.
        http: how probes and hooks ask containers.
        tables: pods' changes are appended to ``tables.pods``.
        proxy_container: the container that makes a pod count as meshed in that table.

    *Differs:* its status is posted when it changes and every five minutes, its Lease never again. A machine
    that fails arms the timer that the control plane would find expired.
    """

    def __init__(
        self,
        api: "ApiServer",
        engine: "Engine",
        node: "Node",
        network: "Network",
        images: "Images",
        http: "HttpCaller",
        tables: "Tables",
        *,
        proxy_container: str = "linkerd-proxy",
    ) -> None:
        self.api = api
        self.engine = engine
        self.node = node
        self.network = network
        self.http = http
        self.tables = tables
        self.proxy_container = proxy_container
        self.store = ImageStore(engine, images)
        self.down = False
        self.ahead = 0.0  # how far this machine's clock is ahead; a fault's
        self.workers: dict[tuple[str, str], PodWorker] = {}
        if node.name not in network.topology.hosts():
            network.add_host(node.name, node.zone)
        self.net: NetNs = network.at(node.ip) or network.namespace(node.ip, node.name, node.name)

    def start(self) -> None:
        """Register the node and begin to watch pods."""
        self._register()
        self.api.watch("pods", self._on_pod)
        self.engine.process(self._heartbeats())

    # -- the node ----------------------------------------------------------------------------------------

    def _register(self) -> None:
        if self.api.find("nodes", self.node.name) is None:
            self.api.create_now(node_object(self.node, self.engine.timestamp(), self.api.version))
        self._report("True", "KubeletReady", "kubelet is posting ready status")
        served = {resource.key: resource.api_version for resource in self.api.resources()}
        version = served.get("leases.coordination.k8s.io")  # v1beta1 before Kubernetes 1.14
        if version is not None:
            lease = lease_object(self.node.name, self.engine.timestamp(), version)
            if self.api.find("leases.coordination.k8s.io", self.node.name, "kube-node-lease") is None:
                self.api.create_now(lease)

    def _report(self, ready: str, reason: str, message: str) -> None:
        stored = self.api.get("nodes", self.node.name)
        now = self.engine.calendar.timestamp(self.engine.now + self.ahead)
        old = stored.get("status") or {}
        status = node_status(self.node, old, now, self.api.version, (ready, reason, message))
        self.api.set_status("nodes", self.node.name, None, status)

    def fail(self) -> None:
        """Fault: the machine goes down. Its containers end, nobody reports it; 40 s later it is NotReady."""
        if self.down:
            return
        self.down = True
        for worker in list(self.workers.values()):
            worker.kill()
        self.workers.clear()
        self.store.present.clear()
        self.network.drop(self.net)
        self.engine.process(self._missed())

    def _heartbeats(self) -> "Generator[simpy.Event, Any, None]":
        while True:
            yield self.engine.timeout(HEARTBEAT)
            if not self.down:
                self._report("True", "KubeletReady", "kubelet is posting ready status")

    def _missed(self) -> "Generator[simpy.Event, Any, None]":
        yield self.engine.timeout(SILENCE)
        if self.down:
            self._report("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")

    def recover(self) -> None:
        """End of that fault: the machine is back, and starts the pods that are still bound to it."""
        if not self.down:
            return
        self.down = False
        self.net = self.network.namespace(self.node.ip, self.node.name, self.node.name)
        self._register()
        for pod in self.api.list("pods", fields=f"spec.nodeName={self.node.name}"):
            self._sync(pod)

    # -- pods --------------------------------------------------------------------------------------------

    def _on_pod(self, event: "WatchEvent") -> None:
        if self.down or event.object["spec"].get("nodeName") != self.node.name:
            return
        if event.type == "DELETED":
            self._removed(event.object)
        else:
            self._sync(event.object)

    def _sync(self, pod: Obj) -> None:
        meta = pod["metadata"]
        key = (meta["namespace"], meta["name"])
        worker = self.workers.get(key)
        if worker is not None and worker.uid != meta["uid"]:
            worker.kill()
            worker = None
        deleting = "deletionTimestamp" in meta
        if worker is None:
            if deleting:
                self.api.remove("pods", meta["name"], meta["namespace"])
            elif (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                self.workers[key] = PodWorker(self, pod)
        elif not deleting:
            worker.seen(pod)
        else:
            grace = meta.get("deletionGracePeriodSeconds")
            worker.terminate(DEFAULT_GRACE if grace is None else float(grace))

    def _removed(self, pod: Obj) -> None:
        """The API forgot the pod (a forced deletion): end what runs of it."""
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        worker = self.workers.get(key)
        if worker is not None and worker.uid == pod["metadata"]["uid"]:
            del self.workers[key]
            worker.kill()

    def gone(self, worker: PodWorker) -> None:
        """A terminated pod has stopped: tell the API to forget it."""
        key = (worker.namespace, worker.name)
        if self.workers.get(key) is worker:
            del self.workers[key]
        worker.forget()
        stored = self.api.find("pods", worker.name, worker.namespace)
        if stored is not None and stored["metadata"]["uid"] == worker.uid and not self.down:
            self.api.remove("pods", worker.name, worker.namespace)

    # -- what others ask ---------------------------------------------------------------------------------

    def runner(self, namespace: str, pod: str, name: str) -> ContainerRunner | None:
        """A container's life, running or not; None if it is not here."""
        worker = self.workers.get((namespace, pod))
        return None if worker is None else worker.runner(name)

    def container(self, namespace: str, pod: str, name: str) -> "Container | None":
        """A running container, or None."""
        runner = self.runner(namespace, pod, name)
        if runner is None or runner.container is None or not runner.container.alive:
            return None
        return runner.container

    def logs(
        self, namespace: str, pod: str, container: str, previous: bool = False
    ) -> list[tuple[float, str]]:
        """Lines of a container's log with the times they were written.

        Raises:
            NotFound: there is no such container on this node.
            BadRequest: it has not run yet, or has no previous run.
        """
        runner = self.runner(namespace, pod, container)
        if runner is None:
            raise NotFound(f'container "{container}" of pod "{pod}" not found on node {self.node.name}')
        current = runner.container
        if previous:
            if current is not None and not current.alive and "waiting" in runner.state:
                return current.logs  # between two runs the last one is the previous one
            if runner.previous is None:
                text = f'previous terminated container "{container}" in pod "{pod}" not found'
                raise BadRequest(text)
            return runner.previous.logs
        if current is None:
            reason = runner.state.get("waiting", {}).get("reason", "ContainerCreating")
            raise BadRequest(f'container "{container}" in pod "{pod}" is waiting to start: {reason}')
        return current.logs

    def cpu_usage(self, namespace: str, pod: str, window: float = 60.0) -> float | None:
        """Mean cores a pod used over the window; None if it does not run here."""
        worker = self.workers.get((namespace, pod))
        if worker is None or worker.finished:
            return None
        shares = [self.node.cpu.find(namespace, pod, r.name) for r in worker.counted]
        return sum(share.usage(window) for share in shares if share is not None)

    # -- faults ------------------------------------------------------------------------------------------

    def set_clock(self, ahead: float) -> None:
        """Set this machine's clock ahead by that many seconds (behind when negative); its status tells."""
        self.ahead = ahead
        if not self.down:
            self._report("True", "KubeletReady", "kubelet is posting ready status")

    def kill_container(
        self, namespace: str, pod: str, name: str, *, code: int = SIGKILL_CODE, oom: bool = False
    ) -> bool:
        """Kill a container's process; the restart policy decides what follows. False if it does not run."""
        runner = self.runner(namespace, pod, name)
        if runner is None or runner.container is None or not runner.container.alive:
            return False
        runner.ended(code, OOM_KILLED if oom else "")
        return True

    def kill_pod(self, namespace: str, pod: str) -> bool:
        """Kill every container of a pod; False if none runs."""
        worker = self.workers.get((namespace, pod))
        if worker is None:
            return False
        names = [runner.name for runner in [*worker.inits, *worker.apps]]
        return sum(self.kill_container(namespace, pod, name) for name in names) > 0
