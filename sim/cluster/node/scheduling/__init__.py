"""Which node a pod runs on: filters, scores, binding."""

from sim.cluster.node.scheduling.scheduler import Scheduler

__all__ = ["Scheduler"]
