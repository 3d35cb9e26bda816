"""The objects that make a node known: its Node and its Lease."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api.resources import cluster_minor

if TYPE_CHECKING:
    from sim.cluster.node.node import Node

__all__ = ["lease_object", "node_object", "node_status", "runtime"]

Obj = dict[str, Any]

# The conditions that are only ever good here: their good status, reason and message.
PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)

# What nodes run, by the first minor version with it: runtime, its version, kernel. Source: `kubectl get nodes
# -o wide` of GKE's v1.15.12-gke.2 and v1.32.4-gke.1106000; since 1.19 its nodes come with containerd.
SOFTWARE = ((19, "containerd", "1.7.24", "6.6.72+"), (0, "docker", "19.3.1", "4.19.112+"))


def runtime(minor: int) -> str:
    """The container runtime of a cluster's nodes, with which the ids of its containers begin."""
    return _software(minor)[0]


def _software(minor: int) -> tuple[str, str, str]:
    return next((name, version, kernel) for since, name, version, kernel in SOFTWARE if minor >= since)


def node_object(node: "Node", timestamp: str, version: str) -> Obj:
    """The Node as a kubelet registers it."""
    spec: Obj = {
        "podCIDR": node.pod_cidr,
        "podCIDRs": [node.pod_cidr],
        "providerID": f"sim://{node.zone}/{node.name}",
    }
    if node.taints:
        spec["taints"] = list(node.taints)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": node.labels()},
        "spec": spec,
        "status": node_status(node, {}, timestamp, version, ("False", "KubeletNotReady", "starting")),
    }


def node_status(node: "Node", old: Obj, timestamp: str, version: str, ready: tuple[str, str, str]) -> Obj:
    """The Node's status; ``ready`` is (status, reason, message) of its Ready condition."""
    known = {entry["type"]: entry for entry in old.get("conditions") or ()}
    entries = [(kind, "False" if ready[0] != "Unknown" else "Unknown", r, m) for kind, r, m in PRESSURES]
    entries.append(("Ready", *ready))
    conditions = []
    for kind, status, reason, message in entries:
        before = known.get(kind)
        same = before is not None and before["status"] == status
        conditions.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": timestamp,
                "lastTransitionTime": before["lastTransitionTime"] if before and same else timestamp,
            }
        )
    name, release, kernel = _software(cluster_minor(version))
    return {
        "addresses": [
            {"type": "InternalIP", "address": node.ip},
            {"type": "Hostname", "address": node.name},
        ],
        "allocatable": node.allocatable(),
        "capacity": node.capacity(),
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "containerRuntimeVersion": f"{name}://{release}",
            "kernelVersion": kernel,
            "kubeProxyVersion": version,
            "kubeletVersion": version,
            "operatingSystem": "linux",
            "osImage": "Container-Optimized OS from Google",
        },
    }


def lease_object(name: str, timestamp: str, api_version: str) -> Obj:
    """The node's Lease."""
    return {
        "apiVersion": api_version,
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": timestamp.replace("Z", ".000000Z"),
        },
    }
