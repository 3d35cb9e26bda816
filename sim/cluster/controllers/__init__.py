"""The controllers of the cluster: what kube-controller-manager and kube-proxy do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.cluster.controllers.autoscaler import HorizontalAutoscaler
from sim.cluster.controllers.endpoints import EndpointsController
from sim.cluster.controllers.garbage import GarbageCollector
from sim.cluster.controllers.kubeproxy import KubeProxy
from sim.cluster.controllers.namespaces import NamespaceController, RootCaPublisher, ServiceAccountController
from sim.cluster.controllers.nodes import NodeLifecycleController
from sim.cluster.controllers.slices import EndpointSliceController
from sim.cluster.controllers.workloads.cronjobs import CronJobController
from sim.cluster.controllers.workloads.daemonsets import DaemonSetController
from sim.cluster.controllers.workloads.deployments import DeploymentController
from sim.cluster.controllers.workloads.jobs import JobController
from sim.cluster.controllers.workloads.replicasets import ReplicaSetController
from sim.cluster.controllers.workloads.statefulsets import StatefulSetController

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer
    from sim.cluster.net import Network
    from sim.engine import Engine, Tables

__all__ = ["start_all"]


def _no_metrics(namespace: str, pod: str) -> float | None:
    """A cluster without a metrics server."""
    return None


def start_all(
    api: "ApiServer",
    engine: "Engine",
    network: "Network",
    tables: "Tables",
    *,
    metrics: Callable[[str, str], float | None] = _no_metrics,
) -> list[Any]:
    """Start every controller and return them.

    Args:
        metrics: (namespace, pod) to the CPU cores a pod used over the last window, None without a figure;
            what the horizontal autoscaler reads.
    """
    plain = (
        ServiceAccountController,
        RootCaPublisher,
        DeploymentController,
        ReplicaSetController,
        DaemonSetController,
        StatefulSetController,
        JobController,
        CronJobController,
        EndpointsController,
        EndpointSliceController,
        NamespaceController,
        GarbageCollector,
        NodeLifecycleController,
    )
    started: list[Any] = [kind(api, engine) for kind in plain]
    started.append(KubeProxy(api, engine, network))
    started.append(HorizontalAutoscaler(api, engine, metrics))
    for controller in started:
        controller.start()
    return started
