"""Latency presets: what a proxy adds and what the network takes, each constant with its source.

Figures of different studies come from different machines and harnesses; presets may be compared within one
family only, and every screen shows the label of the one in force.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log
from statistics import NormalDist
from types import MappingProxyType

__all__ = ["PRESETS", "Preset", "comparable", "preset"]

NO_SOURCES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One set of latency figures.

    Attributes:
        name: as scenarios write it.
        family: the study its figures come from; empty when they come from none.
        label: what screens show.
        median: seconds one proxy takes for one request and its response together; 0: nothing.
        sigma: of the logarithm of that time (lognormal).
        cpu: seconds of CPU of one proxy for one request.
        hop: seconds of one network leg between two machines of a zone, one way; None: the network's own.
        sources: where each of these figures is from, by the attribute's name.
    """

    name: str
    family: str
    label: str
    median: float = 0.0
    sigma: float = 0.0
    cpu: float = 0.0
    hop: float | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: NO_SOURCES)

    def quantiles(self, count: int = 256) -> tuple[float, ...]:
        """A proxy's time for one request, both ways, at the middles of ``count`` equal shares of probability.

        Empty when the preset adds nothing. Drawing one of them uniformly draws from the distribution; its
        mean is scaled to the lognormal's, which the cut tails would otherwise lower.
        """
        if self.median <= 0.0:
            return ()
        inverse = NormalDist().inv_cdf
        values = [self.median * exp(self.sigma * inverse((i + 0.5) / count)) for i in range(count)]
        mean = exp(log(self.median) + self.sigma**2 / 2)
        scale = mean * count / sum(values)
        return tuple(value * scale for value in values)


TRACE = "Linkerd website, distributed tracing guide: Jaeger picture of one meshed /api/vote, 2019, 18 spans"

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        one.name: one
        for one in (
            Preset(
                name="none",
                family="",
                label="no proxy cost (structure only: latencies are not a mesh's)",
            ),
            Preset(
                name="physical-2019",
                family="linkerd-trace-2019",
                label="physical, from a Linkerd trace of 2019",
                median=0.000253,
                sigma=0.22,
                cpu=0.000045,
                hop=0.00035,
                sources=MappingProxyType(
                    {
                        "median": f"{TRACE}. Six proxies' own times (server span less client span): 0.34, "
                        "0.18, 0.22, 0.27, 0.29, 0.25 ms; the exponential of the mean logarithm is 0.253 ms",
                        "sigma": f"{TRACE}. Standard deviation of the same six logarithms: 0.22. One trace "
                        "knows nothing of rare stalls",
                        "cpu": "Bremler-Barr et al., arXiv 2411.02267 (2024): 0.29 cores more at 3200 "
                        "requests/s through two proxies, about 45 µs a request and proxy",
                        "hop": f"{TRACE}. Proxy to proxy 0.67 to 0.77 ms there and back, mTLS included: "
                        "0.35 ms one way",
                    }
                ),
            ),
        )
    }
)


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ValueError: there is none; names what there is.
    """
    found = PRESETS.get(name)
    if found is None:
        raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return found


def comparable(first: str, second: str) -> bool:
    """Whether results under two presets may stand side by side: equal, without figures, or of one study."""
    a, b = preset(first), preset(second)
    return a == b or "" in (a.family, b.family) or a.family == b.family
