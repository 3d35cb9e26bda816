"""Hosts and zones as a graph, and the links between any two hosts that follow from it.

Every host hangs on its zone's switch, the switches on one another. A link between two hosts is the path
through that graph; partitions and loss are set between hosts or zones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import networkx as nx

from sim.engine import Engine

__all__ = ["Link", "NetworkSpec", "Topology"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """Delays of the cluster's network, one way, in seconds.

    Attributes:
        host: within one host, pod to pod.
        zone: added between two hosts of one zone.
        between_zones: added between two zones.
        jitter: mean of an exponential added to every message between hosts.
    """

    host: float = 0.00003
    zone: float = 0.0002
    between_zones: float = 0.0006
    jitter: float = 0.00005


class Link:
    """The path between two hosts: one-way delay, loss, and whether it is up."""

    __slots__ = ("_draw", "base", "jitter", "loss", "up")

    # Linux's initial retransmission timeout floor and ceiling.
    # Source: RFC 6298 (2.4, 2.5) with Linux's TCP_RTO_MIN 200 ms and TCP_RTO_MAX 120 s.
    RTO_MIN = 0.2
    RTO_MAX = 120.0

    def __init__(self, base: float, jitter: float, draw: Callable[[], float]) -> None:
        self.base = base
        self.jitter = jitter
        self.loss = 0.0
        self.up = True
        self._draw = draw

    def delay(self) -> float:
        """One-way delay of the next message, with the retransmissions its losses cost."""
        if self.jitter:
            delay = self.base - self.jitter * log(1.0 - self._draw())
        else:
            delay = self.base
        if self.loss:
            timeout = self.RTO_MIN
            while self._draw() < self.loss:
                delay += timeout
                timeout = min(2.0 * timeout, self.RTO_MAX)
        return delay


class Topology:
    """The graph of zones and hosts.

    Args:
        engine: its stream ``network`` supplies jitter and loss.
        spec: the delays.
    """

    def __init__(self, engine: Engine, spec: NetworkSpec) -> None:
        self.spec = spec
        self.graph: nx.Graph[str] = nx.Graph()
        self._draw = engine.stream("network").random
        self._links: dict[tuple[str, str], Link] = {}
        self._cut: set[frozenset[str]] = set()
        self._loss: dict[frozenset[str], float] = {}

    def add_host(self, name: str, zone: str) -> None:
        """Add a host to a zone; the zone is made when first named."""
        switch = f"zone/{zone}"
        if switch not in self.graph:
            others = [n for n in self.graph if str(n).startswith("zone/")]
            self.graph.add_node(switch)
            for other in others:
                self.graph.add_edge(switch, other, latency=self.spec.between_zones)
        self.graph.add_edge(name, switch, latency=self.spec.zone / 2)
        self._links.clear()

    def zone(self, host: str) -> str:
        """The zone of a host, or the empty string."""
        for neighbour in self.graph.adj.get(host, ()):
            return str(neighbour).removeprefix("zone/")
        return ""

    def hosts(self) -> list[str]:
        """All hosts, in order of arrival."""
        return [n for n in self.graph if not str(n).startswith("zone/")]

    def link(self, a: str, b: str) -> Link:
        """The link between two hosts, the same object for both directions."""
        key = (a, b) if a <= b else (b, a)
        found = self._links.get(key)
        if found is None:
            found = self._links[key] = self._make(*key)
        return found

    def _make(self, a: str, b: str) -> Link:
        if a == b:
            return Link(self.spec.host, 0.0, self._draw)
        path = nx.shortest_path(self.graph, a, b, weight="latency")
        base = self.spec.host + nx.path_weight(self.graph, path, weight="latency")
        link = Link(base, self.spec.jitter, self._draw)
        self._apply(a, b, link)
        return link

    def _apply(self, a: str, b: str, link: Link) -> None:
        """What faults between any names of a and any names of b do to the link."""
        pairs = [frozenset((x, y)) for x in (a, self.zone(a)) for y in (b, self.zone(b))]
        link.up = not any(pair in self._cut for pair in pairs if len(pair) == 2)
        link.loss = max((self._loss.get(pair, 0.0) for pair in pairs), default=0.0)

    def _changed(self) -> None:
        for (a, b), link in self._links.items():
            if a != b:
                self._apply(a, b, link)

    def partition(self, a: str, b: str, *, heal: bool = False) -> None:
        """Cut (or heal) everything between two hosts or zones.

        Raises:
            KeyError: one of them does not exist.
        """
        self._known(a, b)
        if heal:
            self._cut.discard(frozenset((a, b)))
        else:
            self._cut.add(frozenset((a, b)))
        self._changed()

    def lose(self, a: str, b: str, probability: float) -> None:
        """Lose each message between two hosts or zones with that probability; 0 ends it.

        Raises:
            KeyError: one of them does not exist.
            ValueError: the probability is outside 0 to 1 (1 excluded).
        """
        self._known(a, b)
        if not 0.0 <= probability < 1.0:
            raise ValueError(f"a loss probability lies in [0, 1), not {probability}")
        self._loss[frozenset((a, b))] = probability
        self._changed()

    def _known(self, *names: str) -> None:
        for name in names:
            if name not in self.graph and f"zone/{name}" not in self.graph:
                raise KeyError(name)
