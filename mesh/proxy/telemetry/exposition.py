"""The registry as Prometheus text, through prometheus-client's own encoder.

Kept apart so that the client library is only loaded when somebody asks for text.
*Differs:* the encoder sorts the labels of a series by name; Linkerd prints them in order of scope.
"""

from collections.abc import Iterator

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from mesh.proxy.metrics import FAMILIES, Handle, Registry

__all__ = ["CONTENT_TYPE", "text"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Source(Collector):
    """Hands one proxy's series to the encoder, family by family."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def describe(self) -> list[Metric]:
        """Nothing: names are checked by the families' table."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One metric a family that has series, in the order of the table."""
        by_name: dict[str, list[Handle]] = {}
        for handle in self.registry.handles():
            by_name.setdefault(handle.name, []).append(handle)
        for name, family in FAMILIES.items():
            handles = by_name.get(name)
            if handles is None:
                continue
            # The encoder puts _total back at the end of a counter's name.
            bare = name.removesuffix("_total") if family.kind == "counter" else name
            metric = Metric(bare, family.help, family.kind)
            for handle in handles:
                for series in handle.series():
                    metric.add_sample(series.name, dict(series.labels), series.read())
            yield metric


def text(registry: Registry) -> str:
    """The exposition of ``registry``."""
    collectors = CollectorRegistry(auto_describe=False)
    collectors.register(_Source(registry))
    return generate_latest(collectors).decode()
