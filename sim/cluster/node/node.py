"""A node: a machine of the cluster with its cores, its addresses and its label."""

from typing import Any

from sim.cluster.node.cpu import CpuAccount
from sim.cluster.node.quantity import quantity
from sim.engine import Engine

__all__ = ["Node"]

Obj = dict[str, Any]

FIRST_POD = 2  # .0 is the subnet, .1 the bridge
LAST_POD = 254


class Node:
    """A machine of the cluster.

    Args:
        engine: the clock.
        name: its name in the API and in the network.
        index: its number, from 0: fixes its addresses (host 10.128.0.(index+2), pods 10.4.index.0/24).
        zone: its failure domain.
        cpu: cores.
        memory: bytes, as a quantity.
        labels: besides the hostname, zone, region, os and arch labels every node has.
        taints: Kubernetes taints.
        pods: how many pods it takes.

    Attributes:
        cpu: the account that decides how fast its containers run (design: CPU accounting per node).
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        index: int = 0,
        zone: str = "us-central1-a",
        cpu: float = 4.0,
        memory: str = "16Gi",
        labels: dict[str, str] | None = None,
        taints: list[Obj] | None = None,
        pods: int = 110,
    ) -> None:
        self.engine = engine
        self.name = name
        self.index = index
        self.zone = zone
        self.cores = cpu
        self.memory = memory
        self.extra_labels = dict(labels or {})
        self.taints = list(taints or [])
        self.pods = pods
        self.ip = f"10.128.{index // 250}.{index % 250 + 2}"
        self.pod_cidr = f"10.4.{index}.0/24"
        self.cpu = CpuAccount(engine, cpu)
        self._last = FIRST_POD - 1
        self._used: set[int] = set()

    # -- addresses ---------------------------------------------------------------------------------------

    def take_address(self) -> str:
        """The next free pod address, in turn, as the host-local allocator hands them out.

        Raises:
            LookupError: the node has none left.
        """
        span = LAST_POD - FIRST_POD + 1
        for step in range(1, span + 1):
            number = FIRST_POD + (self._last - FIRST_POD + step) % span
            if number not in self._used:
                self._last = number
                self._used.add(number)
                return f"10.4.{self.index}.{number}"
        raise LookupError(f"node {self.name} has no pod address left in {self.pod_cidr}")

    def free_address(self, ip: str) -> None:
        """Give an address back."""
        self._used.discard(int(ip.rpartition(".")[2]))

    # -- the CPU account ---------------------------------------------------------------------------------

    def cpu_usage(
        self, pod: str, container: str, window: float = 60.0, *, namespace: str = "default"
    ) -> float:
        """Mean cores a container used over the last ``window`` seconds; 0 if it is not here."""
        share = self.cpu.find(namespace, pod, container)
        return 0.0 if share is None else share.usage(window)

    # -- what the API is told ----------------------------------------------------------------------------

    def labels(self) -> dict[str, str]:
        """Its labels."""
        region = self.zone.rpartition("-")[0] or self.zone
        return {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "failure-domain.beta.kubernetes.io/region": region,
            "failure-domain.beta.kubernetes.io/zone": self.zone,
            "topology.kubernetes.io/region": region,
            "topology.kubernetes.io/zone": self.zone,
            **self.extra_labels,
        }

    def capacity(self) -> Obj:
        """What the machine has."""
        return {
            "cpu": _cores(self.cores),
            "ephemeral-storage": "98868448Ki",
            "memory": f"{int(quantity(self.memory)) // 1024}Ki",
            "pods": str(self.pods),
        }

    def allocatable(self) -> Obj:
        """What pods may use of it.

        *Source:* GKE, "Plan node sizes": 6 % of the first core, 1 % of the second, 0.5 % of the next two and
        0.25 % of the others are reserved; of memory 25 % of the first 4 GiB, 20 % of the next 4, 10 % of the
        next 8, 6 % of the next 112, and 100 MiB for eviction.
        """
        cpu = self.cores - _tiers(self.cores, ((1, 0.06), (1, 0.01), (2, 0.005), (1e9, 0.0025)))
        gib = 2.0**30
        memory = quantity(self.memory)
        tiers = ((4 * gib, 0.25), (4 * gib, 0.20), (8 * gib, 0.10), (112 * gib, 0.06))
        memory -= _tiers(memory, tiers) + 100 * 2.0**20
        return {
            "cpu": _cores(cpu),
            "ephemeral-storage": "47093746742",
            "memory": f"{max(0, int(memory)) // 1024}Ki",
            "pods": str(self.pods),
        }


def _cores(cores: float) -> str:
    milli = int(cores * 1000 + 1e-6)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def _tiers(amount: float, tiers: tuple[tuple[float, float], ...]) -> float:
    """What is reserved of ``amount``: each tier's share of its slice."""
    reserved = 0.0
    for size, share in tiers:
        part = min(amount, size)
        reserved += part * share
        amount -= part
    return reserved
