"""Handles: what counts, at the cost of an addition, and the series that a scrape sees of it."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import NamedTuple, TypeAlias

__all__ = ["Counter", "Gauge", "Handle", "Histogram", "Labels", "Reading", "Series"]

Labels: TypeAlias = tuple[tuple[str, str], ...]


class Counter:
    """Counts up. Those in a hurry add to ``value``."""

    __slots__ = ("labels", "name", "value")
    kind = "counter"

    def __init__(self, name: str, labels: Labels) -> None:
        self.name = name
        self.labels = labels
        self.value: float = 0

    def inc(self, amount: float = 1) -> None:
        """Count ``amount`` >= 0 more."""
        self.value += amount

    def read(self) -> float:
        """The count."""
        return self.value

    def series(self) -> "list[Series]":
        """What a scrape sees of it."""
        return [Series(self.name, self.labels, self.read)]

    def values(self) -> Iterable[float]:
        """The readings of :meth:`series`, in its order."""
        return (self.value,)


class Gauge(Counter):
    """Goes up and down."""

    __slots__ = ()
    kind = "gauge"

    def set(self, value: float) -> None:
        """It is ``value`` now."""
        self.value = value


class Reading:
    """A number that somebody else keeps, read when it is scraped."""

    __slots__ = ("_read", "labels", "name")

    def __init__(self, name: str, labels: Labels, read: Callable[[], float]) -> None:
        self.name = name
        self.labels = labels
        self._read = read

    @property
    def value(self) -> float:
        """What it is now."""
        return self._read()

    def series(self) -> "list[Series]":
        """What a scrape sees of it."""
        return [Series(self.name, self.labels, self._read)]

    def values(self) -> Iterable[float]:
        """The reading of :meth:`series`."""
        return (self._read(),)


class Histogram:
    """Counts observations by the smallest bound that is not below them."""

    __slots__ = ("bounds", "counts", "labels", "name", "sum")
    kind = "histogram"

    def __init__(self, name: str, labels: Labels, bounds: tuple[float, ...]) -> None:
        self.name = name
        self.labels = labels
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def bucket(self, index: int) -> int:
        """The cumulative count of the bucket with that index; the last one is ``+Inf``."""
        return sum(self.counts[: index + 1])

    def series(self) -> "list[Series]":
        """Cumulative buckets, ``_sum`` and ``_count``."""
        name, labels = self.name, self.labels
        made = [
            Series(name + "_bucket", (*labels, ("le", le)), _Bucket(self, index).read)
            for index, le in enumerate([*(f"{bound:g}" for bound in self.bounds), "+Inf"])
        ]
        made.append(Series(name + "_sum", labels, lambda: self.sum))
        made.append(Series(name + "_count", labels, lambda: self.count))
        return made

    def values(self) -> Iterable[float]:
        """The readings of :meth:`series`, in its order."""
        cumulative: list[float] = list(accumulate(self.counts))
        cumulative += (self.sum, cumulative[-1])
        return cumulative


class _Bucket:
    """Reads one bucket; a plain object, since a histogram needs some thirty."""

    __slots__ = ("histogram", "index")

    def __init__(self, histogram: Histogram, index: int) -> None:
        self.histogram = histogram
        self.index = index

    def read(self) -> float:
        return self.histogram.bucket(self.index)


class Series(NamedTuple):
    """One line of an exposition."""

    name: str
    labels: Labels
    read: Callable[[], float]


Handle: TypeAlias = Counter | Gauge | Histogram | Reading
