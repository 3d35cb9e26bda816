"""The metrics server: CPU and memory of pods and nodes, from the nodes' own accounts.

What ``kubectl top`` prints and the horizontal autoscaler reads.
"""

from typing import TYPE_CHECKING, Any

from sim.cluster.node import Kubelet

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer
    from sim.engine import Engine

__all__ = ["MetricsServer"]

Obj = dict[str, Any]

# How far back a figure reaches. Source: metrics-server's default --metric-resolution, 15 s; a figure needs
# two readings of the kubelet's summary.
WINDOW = 30.0

NODE_OVERHEAD = (0.05, 600)  # cores and MiB that kubelet, runtime and system take: round figures


class MetricsServer:
    """Answers for ``metrics.k8s.io``."""

    def __init__(self, api: "ApiServer", engine: "Engine", kubelets: dict[str, Kubelet]) -> None:
        self.api = api
        self.engine = engine
        self.kubelets = kubelets
        api.compute("pods.metrics.k8s.io", self.pods)
        api.compute("nodes.metrics.k8s.io", self.nodes)

    def pod_cpu(self, namespace: str, name: str) -> float | None:
        """Cores a pod used over the window; None for a pod that is not running."""
        pod = self.api.find("pods", name, namespace)
        if pod is None or (pod.get("status") or {}).get("phase") != "Running":
            return None
        return sum(cpu for _, cpu, _ in self._containers(pod))

    def _containers(self, pod: Obj) -> list[tuple[str, float, int]]:
        """(name, cores, MiB) of each running container of a pod."""
        spec, meta = pod["spec"], pod["metadata"]
        kubelet = self.kubelets.get(spec.get("nodeName", ""))
        if kubelet is None:
            return []
        sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
        rows = []
        for container in [*spec["containers"], *sidecars]:
            share = kubelet.node.cpu.find(meta["namespace"], meta["name"], container["name"])
            image = kubelet.store.images.find(container["image"])
            if share is not None and image is not None:
                rows.append((container["name"], share.usage(WINDOW), image.memory))
        return rows

    def pods(self) -> list[Obj]:
        """PodMetrics of every running pod."""
        rows = []
        for pod in self.api.list("pods"):
            containers = self._containers(pod)
            if containers and (pod.get("status") or {}).get("phase") == "Running":
                meta = pod["metadata"]
                row = self._row("PodMetrics", {"name": meta["name"], "namespace": meta["namespace"]})
                row["containers"] = [
                    {"name": name, "usage": _usage(cpu, mebibytes)} for name, cpu, mebibytes in containers
                ]
                rows.append(row)
        return rows

    def nodes(self) -> list[Obj]:
        """NodeMetrics of every node: its containers and its own overhead."""
        totals = {name: list(NODE_OVERHEAD) for name in self.kubelets}
        for pod in self.api.list("pods"):
            for _, cpu, mebibytes in self._containers(pod):
                total = totals[pod["spec"]["nodeName"]]
                total[0] += cpu
                total[1] += mebibytes
        rows = []
        for name, total in totals.items():
            row = self._row("NodeMetrics", {"name": name})
            row["usage"] = _usage(*total)
            rows.append(row)
        return rows

    def _row(self, kind: str, metadata: Obj) -> Obj:
        now = self.engine.timestamp()
        return {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": kind,
            "metadata": {**metadata, "creationTimestamp": now},
            "timestamp": now,
            "window": f"{WINDOW:.0f}s",
        }


def _usage(cores: float, mebibytes: float) -> Obj:
    return {"cpu": f"{round(cores * 1e9)}n", "memory": f"{int(mebibytes * 1024)}Ki"}
