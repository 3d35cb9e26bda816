"""The horizontal autoscaler: replicas that keep CPU near a target."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.api import ApiError
from sim.cluster.api.objects import clone
from sim.cluster.api.selectors import matches_selector
from sim.cluster.controllers.ownership import active, is_ready, set_condition
from sim.cluster.node.quantity import requests_of

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer, WatchEvent
    from sim.engine import Engine

__all__ = ["HorizontalAutoscaler", "PodLoad", "desired_replicas"]

Obj = dict[str, Any]
Metrics = Callable[[str, str], float | None]  # (namespace, pod) -> cores over the last window

RESOURCE = "horizontalpodautoscalers.autoscaling"
# Source: kube-controller-manager: --horizontal-pod-autoscaler-sync-period 15 s, -tolerance 0.1,
# -downscale-stabilization 5 min, -cpu-initialization-period 5 min; scale up at most to double, or 4.
SYNC = 15.0
TOLERANCE = 0.1
STABILISATION = 300.0


@dataclass(frozen=True, slots=True)
class PodLoad:
    """A pod's CPU in cores: used (None when there is no figure) and requested."""

    used: float | None
    requested: float
    ready: bool


def desired_replicas(current: int, target: float, pods: list[PodLoad]) -> tuple[int, float | None]:
    """(replicas, utilisation in % of requests) for a target utilisation in %; utilisation None: no figures.

    *Source:* the replica calculator: ratio of mean utilisation to target, nothing within the tolerance;
    pods without figures count as idle when scaling up and as on target when scaling down, unready ones as
    idle when scaling up.
    """
    measured = [pod for pod in pods if pod.used is not None and pod.ready]
    requested = sum(pod.requested for pod in measured)
    if not measured or requested <= 0.0:
        return current, None
    used = sum(pod.used or 0.0 for pod in measured)
    utilisation = 100.0 * used / requested
    ratio = utilisation / target
    silent = [pod for pod in pods if pod.used is None]
    unready = [pod for pod in pods if pod.used is not None and not pod.ready]
    if abs(ratio - 1.0) <= TOLERANCE:
        return current, utilisation
    if not silent and not unready:
        return ceil(ratio * len(measured) - 1e-9), utilisation
    counted, total = used, requested
    if ratio > 1.0:
        total += sum(pod.requested for pod in (*silent, *unready))
    else:
        total += sum(pod.requested for pod in silent)
        counted += sum(pod.requested for pod in silent) * target / 100.0
    adjusted = 100.0 * counted / total / target
    if abs(adjusted - 1.0) <= TOLERANCE or (ratio > 1.0) != (adjusted > 1.0):
        return current, utilisation
    count = len(measured) + len(silent) + (len(unready) if ratio > 1.0 else 0)
    return ceil(adjusted * count - 1e-9), utilisation


class HorizontalAutoscaler:
    """Reconciles HorizontalPodAutoscalers every 15 s while there are any; costs nothing while there are none.

    *Differs:* CPU utilisation only; ``behavior`` is ignored but for the default policies.
    """

    NAME = "horizontal-pod-autoscaler"

    def __init__(self, api: "ApiServer", engine: "Engine", metrics: Metrics) -> None:
        self.api = api
        self.engine = engine
        self.metrics = metrics
        self._process: simpy.Process | None = None
        self._recommended: dict[str, list[tuple[float, int]]] = {}  # by uid

    def start(self) -> None:
        """Begin to watch autoscalers."""
        self.api.watch(RESOURCE, self._on_change)

    def _on_change(self, event: "WatchEvent") -> None:
        if event.type == "DELETED":
            self._recommended.pop(event.object["metadata"]["uid"], None)
        elif self._process is None or not self._process.is_alive:
            self._process = self.engine.process(self._run())

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.engine.timeout(SYNC)
            autoscalers = self.api.list(RESOURCE)
            if not autoscalers:
                return
            for autoscaler in autoscalers:
                self.reconcile(autoscaler)

    def reconcile(self, autoscaler: Obj) -> None:
        """Measure, decide, scale, report."""
        reference = autoscaler["spec"]["scaleTargetRef"]
        namespace = autoscaler["metadata"]["namespace"]
        try:
            resource = self.api.resource_for(reference.get("apiVersion", "apps/v1"), reference["kind"])
            target = self.api.get(resource, reference["name"], namespace)
        except ApiError as error:
            self._report(autoscaler, 0, 0, None, ("FailedGetScale", str(error)))
            return
        current = int(target["spec"].get("replicas", 1))
        least, most = int(autoscaler["spec"].get("minReplicas") or 1), int(autoscaler["spec"]["maxReplicas"])
        percent = _target_percent(autoscaler["spec"])
        if current == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            self._report(autoscaler, 0, 0, None, ("ScalingDisabled", text))
            return
        wanted, utilisation = desired_replicas(current, percent, self._loads(target, namespace))
        if utilisation is None and least <= current <= most:
            text = "unable to get metrics for resource cpu: no metrics returned from resource metrics API"
            self._report(autoscaler, current, current, None, ("FailedGetResourceMetric", text))
            return
        wanted = self._stable(autoscaler["metadata"]["uid"], wanted, current)
        wanted = max(least, min(most, wanted, max(2 * current, 4)))
        if wanted != current:
            fresh = clone(target)
            fresh["spec"]["replicas"] = wanted
            self.api.replace_now(fresh)
            text = f"New size: {wanted}; reason: {self._reason(wanted, current)}"
            self.api.event(autoscaler, "Normal", "SuccessfulRescale", text, component=self.NAME)
        self._report(autoscaler, current, wanted, utilisation, None)

    def _reason(self, wanted: int, current: int) -> str:
        if wanted > current:
            return "cpu resource utilization (percentage of request) above target"
        return "All metrics below target"

    def _loads(self, target: Obj, namespace: str) -> list[PodLoad]:
        loads = []
        for pod in self.api.list("pods", namespace):
            labels = pod["metadata"].get("labels") or {}
            if not active(pod) or not matches_selector(target["spec"].get("selector"), labels):
                continue
            sidecars = [
                c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"
            ]
            wanted = [requests_of(c).get("cpu", 0.0) for c in [*pod["spec"]["containers"], *sidecars]]
            # A container without a request makes the pod's utilisation undefined.
            requested = sum(wanted) if all(wanted) else 0.0
            used = self.metrics(namespace, pod["metadata"]["name"]) if requested else None
            loads.append(PodLoad(used, requested, is_ready(pod)))
        return loads

    def _stable(self, uid: str, wanted: int, current: int) -> int:
        """Scale down only to the highest recommendation of the last five minutes."""
        now = self.engine.now
        window = self._recommended.setdefault(uid, [(now, current)])
        window.append((now, wanted))
        window[:] = [(when, count) for when, count in window if when > now - STABILISATION]
        return max(count for _, count in window) if wanted < current else wanted

    def _report(
        self, autoscaler: Obj, current: int, wanted: int, used: float | None, problem: tuple[str, str] | None
    ) -> None:
        old = autoscaler.get("status") or {}
        status: Obj = {"currentReplicas": current, "desiredReplicas": wanted}
        status["conditions"] = clone(old.get("conditions") or [])
        if "lastScaleTime" in old:
            status["lastScaleTime"] = old["lastScaleTime"]
        if wanted != current:
            status["lastScaleTime"] = self.engine.timestamp()
        now = self.engine.timestamp()
        if problem is not None:
            set_condition(status, "ScalingActive", "False", *problem, now)
            self.api.event(autoscaler, "Warning", *problem, component=self.NAME)
        else:
            text = "the HPA was able to successfully calculate a replica count from cpu resource utilization"
            set_condition(status, "ScalingActive", "True", "ValidMetricFound", text, now)
        if used is not None:
            self._figures(autoscaler, status, round(used))
        meta = autoscaler["metadata"]
        self.api.set_status(RESOURCE, meta["name"], meta["namespace"], status)

    def _figures(self, autoscaler: Obj, status: Obj, percent: int) -> None:
        """The measured utilisation, in the fields of the object's version."""
        if autoscaler["apiVersion"] == "autoscaling/v1":
            status["currentCPUUtilizationPercentage"] = percent
        else:
            current = {"averageUtilization": percent}
            status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]


def _target_percent(spec: Obj) -> float:
    """The target utilisation in % of requests, 80 by default."""
    for metric in spec.get("metrics") or ():
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            found = (resource.get("target") or {}).get("averageUtilization") or resource.get(
                "targetAverageUtilization"
            )
            if found:
                return float(found)
    return float(spec.get("targetCPUUtilizationPercentage") or 80)
