"""Nodes: the machines, the scheduler that fills them, the kubelets that run pods on them."""

from sim.cluster.node.cpu import CpuAccount, CpuShare
from sim.cluster.node.kubelet import Kubelet
from sim.cluster.node.node import Node
from sim.cluster.node.quantity import quantity
from sim.cluster.node.scheduling import Scheduler
from sim.cluster.node.workload import workload_of

__all__ = ["CpuAccount", "CpuShare", "Kubelet", "Node", "Scheduler", "quantity", "workload_of"]
