"""The images of the mesh's control plane and of its metrics extension."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.cluster.program import Container, Images, Program
from sim.programs.controlplane.component import Component
from sim.programs.controlplane.destination import Destination
from sim.programs.controlplane.grafana import Grafana
from sim.programs.controlplane.heartbeat import Heartbeat
from sim.programs.controlplane.identity import IdentityService
from sim.programs.controlplane.injector import ProxyInjector
from sim.programs.controlplane.metrics_api import MetricsApi
from sim.programs.controlplane.policy import PolicyController
from sim.programs.controlplane.prometheus import Prometheus
from sim.programs.controlplane.tap import Tap, TapInjector
from sim.programs.controlplane.validator import ProfileValidator
from sim.programs.controlplane.web import Web

if TYPE_CHECKING:
    from mesh.viz.samples import SampleStore
    from sim.cluster.cluster import Cluster

__all__ = ["register", "stores"]

# What the first argument of the image `controller` starts.
CONTROLLERS: dict[str, type[Component]] = {
    "destination": Destination,
    "heartbeat": Heartbeat,
    "identity": IdentityService,
    "proxy-injector": ProxyInjector,
    "public-api": MetricsApi,
    "sp-validator": ProfileValidator,
    "tap": Tap,
}
TAPS: dict[str, type[Component]] = {"api": Tap, "injector": TapInjector}


class Unknown:
    """A controller that was started with a word it does not know: it says so and fails."""

    def __init__(self, container: Container, known: str) -> None:
        self.container = container
        self.known = known

    def start(self) -> None:
        """Exit with an error."""
        word = self.container.args[0] if self.container.args else ""
        self.container.log(f"unknown subcommand {word!r}: expected one of {self.known}")
        self.container.exit(2)

    def terminate(self) -> None:
        """It has ended already."""

    def stopped(self) -> None:
        """Nothing runs."""


def chosen(table: dict[str, type[Component]]) -> Callable[[Container], Program]:
    """An image whose first argument says which program runs."""

    def factory(container: Container) -> Program:
        word = container.args[0] if container.args else ""
        found = table.get(word)
        return found(container) if found is not None else Unknown(container, ", ".join(sorted(table)))

    return factory


def stores(cluster: "Cluster") -> "list[SampleStore]":
    """What each Prometheus that runs in the cluster has scraped, by namespace and pod."""
    found = []
    for pod in cluster.api.list("pods"):
        metadata, spec = pod["metadata"], pod["spec"]
        kubelet = cluster.kubelets.get(spec.get("nodeName", ""))
        if kubelet is None:
            continue
        for container in spec["containers"]:
            runner = kubelet.runner(metadata["namespace"], metadata["name"], container["name"])
            if runner is not None and isinstance(runner.program, Prometheus):
                found.append(runner.program.store)
    return found


def register(images: Images) -> None:
    """Publish the images. Their sizes, in a registry and in memory, are round figures of our own."""
    images.add("controller", chosen(CONTROLLERS), megabytes=40.0, memory=30)
    images.add("policy-controller", PolicyController, megabytes=30.0)
    images.add("metrics-api", MetricsApi, megabytes=30.0, memory=30)
    images.add("tap", chosen(TAPS), megabytes=30.0, memory=30)
    images.add("web", Web, megabytes=60.0, memory=25)
    images.add("grafana", Grafana, megabytes=90.0, memory=40)
    images.add("prometheus", Prometheus, megabytes=60.0, memory=90)
