"""What all programs of one run share: load sources, faults, tables, and what a proxy costs."""

from dataclasses import dataclass, field

from sim.engine import Engine, Tables
from sim.engine.draws import GOLDEN, MASK, mix, source_key
from sim.programs.faults import Faults
from sim.programs.task import Hop

__all__ = ["ProxyCost", "Source", "World"]


class Source:
    """A load source: its n-th request has the same draws in every run with this seed, whoever sends it."""

    __slots__ = ("key", "n", "name", "world")

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.key = source_key(world.engine.seed, f"load/{name}")
        self.n = 0

    def next(self) -> Hop:
        """The hop of the next request."""
        self.n = n = self.n + 1
        self.world.traces = trace = self.world.traces + 1
        return Hop(trace & 0xFFFFFFFF, mix(self.key + n * GOLDEN & MASK))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCost:
    """What one pass through one proxy costs, one way.

    Attributes:
        latency: seconds at evenly spaced quantiles of its distribution (2ⁿ of them); empty for none.
        cpu: seconds of CPU a request, both ways together.
        label: how screens name the preset.
    """

    latency: tuple[float, ...] = ()
    cpu: float = 0.0
    label: str = "no cost"


@dataclass
class World:
    """Shared by the programs of one run."""

    engine: Engine
    tables: Tables = field(default_factory=Tables)
    faults: Faults = field(default_factory=Faults)
    cost: ProxyCost = field(default_factory=ProxyCost)
    traces: int = 0
    sources: dict[str, Source] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        """The load source of that name; it goes on where its last pod stopped."""
        found = self.sources.get(name)
        if found is None:
            found = self.sources[name] = Source(self, name)
        return found
