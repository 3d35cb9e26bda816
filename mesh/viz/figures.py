"""The arithmetic all tables share: counts, success rates, request rates, latencies."""

from dataclasses import dataclass
from typing import Any

from mesh.viz.query import Query, Vector
from mesh.viz.samples import Matcher

__all__ = ["QUANTILES", "Figures", "Key", "by_key", "latency_queries", "whole"]

Key = tuple[str, ...]
QUANTILES = (0.5, 0.95, 0.99)


def whole(value: float) -> int:
    """A sample as the API counts it: to the nearest integer, halves up, NaN as 0.

    *Source:* reference on `viz stat`: every sample is rounded to an integer (NaN → 0).
    """
    return int(value + 0.5) if value > 0 else 0


def latency_queries(metric: str, wanted: tuple[Matcher, ...], window: float, by: Key) -> list[Query]:
    """P50, P95 and P99 of a latency histogram, from the last two samples in the window."""
    return [Query("irate", metric, wanted, window, by, q) for q in QUANTILES]


def by_key(vector: Vector, names: Key) -> dict[Key, float]:
    """A vector as values by the labels named (a missing label is empty)."""
    return {tuple(labels.get(name, "") for name in names): value for labels, value in vector}


@dataclass(slots=True)
class Figures:
    """The golden figures of one row. Counts are of responses in the window; latencies in ms.

    Attributes:
        actual_success, actual_failure: counts of attempts, where retries make them differ.
        window: seconds.
    """

    success: int = 0
    failure: int = 0
    actual_success: int = 0
    actual_failure: int = 0
    p50: int = 0
    p95: int = 0
    p99: int = 0
    window: float = 60.0

    def count(self, classification: str, value: float, *, actual: bool = False) -> None:
        """Add one sample of a response counter; another classification counts as a failure."""
        name = "success" if classification == "success" else "failure"
        name = f"actual_{name}" if actual else name
        setattr(self, name, getattr(self, name) + whole(value))

    def latency(self, place: int, value: float) -> None:
        """Set the quantile at ``place`` of :data:`QUANTILES`."""
        setattr(self, ("p50", "p95", "p99")[place], whole(value))

    @property
    def seen(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.success or self.failure or self.actual_success or self.actual_failure)

    @property
    def success_rate(self) -> float:
        """Successes among all responses, 0 to 1; 0 when there were none."""
        total = self.success + self.failure
        return self.success / total if total else 0.0

    @property
    def actual_success_rate(self) -> float:
        """The same over attempts."""
        total = self.actual_success + self.actual_failure
        return self.actual_success / total if total else 0.0

    @property
    def rps(self) -> float:
        """Responses per second."""
        return (self.success + self.failure) / self.window

    @property
    def actual_rps(self) -> float:
        """Attempts per second."""
        return (self.actual_success + self.actual_failure) / self.window

    def to_json(self) -> dict[str, Any]:
        """As it travels from the API to the command."""
        return {name: getattr(self, name) for name in self.__slots__}


def collect(
    names: Key, requests: Vector, latencies: list[Vector], window: float, actual: Vector | None = None
) -> dict[Key, Figures]:
    """Figures by the labels named, from response counts (with ``classification``) and three quantiles."""
    found: dict[Key, Figures] = {}

    def at(labels: dict[str, str]) -> Figures:
        key = tuple(labels.get(name, "") for name in names)
        return found.setdefault(key, Figures(window=window))

    for labels, value in requests:
        at(labels).count(labels.get("classification", ""), value)
    for labels, value in actual or ():
        at(labels).count(labels.get("classification", ""), value, actual=True)
    for place, vector in enumerate(latencies):
        for labels, value in vector:
            at(labels).latency(place, value)
    return found
