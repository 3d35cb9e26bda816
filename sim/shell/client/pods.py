"""What an operator does with pods: port-forward, logs, exec."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from mesh.cli.kube import KubeError, Reply
from sim.shell.client.access import PATIENCE, Access
from sim.shell.client.exec import Exec
from sim.shell.jobs import Forward

if TYPE_CHECKING:
    import simpy

    from mesh.cli.console import Result
    from sim.cluster.net import NetNs
    from sim.cluster.node import Kubelet
    from sim.cluster.program import Container, HttpReply

__all__ = ["Pods"]


class Pods(Access):
    """Access to what runs in pods."""

    def _pod(self, namespace: str, name: str) -> dict[str, Any]:
        """The pod as stored: read only."""
        return self.asked(lambda: self.api.get("pods", name, namespace))

    def request(
        self,
        namespace: str,
        pod: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        timeout: float = 30.0,
        *,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """An HTTP request to a port of a pod, through a port-forward.

        It comes from inside the pod, past its redirections. *Source:* the kubelet joins the pod's network
        namespace and connects to localhost (Kubernetes, CRI streaming), which Linkerd's rules leave alone.
        """
        reply: HttpReply = self.run(
            self.forwarded(namespace, pod, port, method, path, body, timeout, headers), timeout + PATIENCE
        )
        return Reply(reply.status, reply.body, reply.error)

    def forwarded(
        self,
        namespace: str,
        pod: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        timeout: float = 30.0,
        headers: dict[str, str] | None = None,
    ) -> "Generator[simpy.Event, Any, HttpReply]":
        """The steps of :meth:`request`; the answer with its headers."""
        net, node = self._network_of(namespace, pod)
        there = self._way_to(node)
        yield self.engine.timeout(there())
        call = self.cluster.http.call(
            net, "127.0.0.1", port, method, path, body, headers=headers or {}, timeout=timeout
        )
        reply: HttpReply = yield from call
        yield self.engine.timeout(there())
        return reply

    def _network_of(self, namespace: str, pod: str) -> "tuple[NetNs, str]":
        """The pod's network namespace and its node."""
        found = self._pod(namespace, pod)
        phase = (found.get("status") or {}).get("phase", "Unknown")
        net = self.cluster.network.at((found.get("status") or {}).get("podIP", ""))
        if phase != "Running" or net is None:
            raise KubeError(
                "BadRequest",
                f"unable to forward port because pod is not running. Current status={phase}",
                400,
            )
        return net, found["spec"]["nodeName"]

    def _way_to(self, node: str) -> Callable[[], float]:
        """Delay of the link from the API server to a node.

        Raises:
            KubeError: it is cut, or the node is down.
        """
        kubelet = self.kubelet(node)
        own = self.api.netns
        link = None if own is None else self.cluster.network.topology.link(own.host, node)
        if kubelet.down or (link is not None and not link.up):
            raise KubeError(
                "Unreachable", f"error dialing backend: dial tcp {kubelet.node.ip}:10250: i/o timeout", 500
            )
        return link.delay if link is not None else lambda: 0.0

    def kubelet(self, node: str) -> "Kubelet":
        """The kubelet of a node."""
        found: Kubelet | None = self.cluster.kubelets.get(node)
        if found is None:
            raise KubeError("NotFound", f'nodes "{node}" not found', 404)
        return found

    def container(self, namespace: str, pod: str, name: str) -> "Container":
        """A running container."""
        found = self._pod(namespace, pod)
        node = found["spec"].get("nodeName")
        running = self.kubelet(node).container(namespace, pod, name) if node else None
        if running is None:
            raise KubeError("BadRequest", f'container "{name}" in pod "{pod}" is not running', 400)
        return running

    def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False
    ) -> list[tuple[float, str]]:
        """Lines of a container's log: (simulated time, text)."""
        found = self._pod(namespace, pod)
        node = found["spec"].get("nodeName")
        if not node:
            message = f"pod {pod} does not have a host assigned"
            raise KubeError("BadRequest", message, 400)
        kubelet = self.kubelet(node)
        return list(self.asked(lambda: kubelet.logs(namespace, pod, container, previous)))

    def exec(self, namespace: str, pod: str, container: str, argv: list[str], stdin: str = "") -> "Result":
        """Run a command inside a container: curl, env, cat and a few more."""
        running = self.container(namespace, pod, container)
        self._way_to(self._pod(namespace, pod)["spec"]["nodeName"])
        return Exec(self, running).run(argv, stdin)

    def portforward(self, namespace: str, pod: str, local: int, port: int) -> Forward:
        """A local port that leads to a port of a running pod. Add it to the jobs to make it listen."""
        self._network_of(namespace, pod)
        return Forward(local, namespace, pod, port)
