"""A cluster: an API server, controllers, a scheduler, nodes with their kubelets, and the network between."""

from dataclasses import dataclass, field

from sim.cluster import controllers
from sim.cluster.api import ApiServer
from sim.cluster.metrics import MetricsServer
from sim.cluster.net import Network, NetworkSpec
from sim.cluster.node import Kubelet, Node, Scheduler
from sim.cluster.program import HttpCaller, Images
from sim.engine import Engine, Tables

__all__ = ["Cluster", "ClusterSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """What a cluster is made of.

    Attributes:
        version: of Kubernetes, as users see it.
        nodes: how many machines.
        cpu: cores of each.
        memory: of each, as a quantity.
        zones: they are spread over these in turn.
        node_prefix: names of the machines: prefix and a number.
        network: delays.
    """

    version: str = "v1.32.4"
    nodes: int = 3
    cpu: float = 4.0
    memory: str = "16Gi"
    zones: tuple[str, ...] = ("us-central1-a",)
    node_prefix: str = "node"
    network: NetworkSpec = field(default_factory=NetworkSpec)


class Cluster:
    """A running cluster.

    Attributes:
        operator: the network namespace of whoever types commands, outside the cluster's nodes.
        kubelets: by node name.
    """

    def __init__(
        self, engine: Engine, spec: ClusterSpec, images: Images, http: HttpCaller, tables: Tables
    ) -> None:
        self.engine = engine
        self.spec = spec
        self.images = images
        self.http = http
        self.tables = tables
        self.network = Network(engine, spec.network)
        self.network.add_host("control-plane", spec.zones[0])
        self.api = ApiServer(engine, version=spec.version)
        self.api.http = http
        self.api.tables = tables
        self.api.netns = self.network.namespace("10.128.255.1", "control-plane", "kube-apiserver")
        self.operator = self.network.namespace("10.128.255.2", "control-plane", "operator")
        self.nodes: dict[str, Node] = {}
        self.kubelets: dict[str, Kubelet] = {}
        for index in range(spec.nodes):
            self._add_node(index)
        self.scheduler = Scheduler(self.api, engine)
        self.scheduler.start()
        self.metrics = MetricsServer(self.api, engine, self.kubelets)
        self.controllers = controllers.start_all(
            self.api, engine, self.network, tables, metrics=self.metrics.pod_cpu
        )

    def _add_node(self, index: int) -> None:
        spec = self.spec
        name = f"{spec.node_prefix}-{index + 1}"
        zone = spec.zones[index % len(spec.zones)]
        node = self.nodes[name] = Node(
            self.engine, name, index=index, zone=zone, cpu=spec.cpu, memory=spec.memory
        )
        kubelet = Kubelet(self.api, self.engine, node, self.network, self.images, self.http, self.tables)
        self.kubelets[name] = kubelet
        kubelet.start()
