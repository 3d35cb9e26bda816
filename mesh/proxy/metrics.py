"""The metrics of one proxy: handles that cost an addition, and a registry that reads them all at once.

Nothing here is global: every proxy owns its registry. Handles are made once per set of labels and kept by
those who count, so that no request builds a label.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from mesh.proxy.telemetry.families import FAMILIES, LATENCY_BOUNDS, Family
from mesh.proxy.telemetry.handles import Counter, Gauge, Handle, Histogram, Labels, Reading, Series

__all__ = [
    "FAMILIES",
    "LATENCY_BOUNDS",
    "Counter",
    "Family",
    "Gauge",
    "Handle",
    "Histogram",
    "Labels",
    "Reading",
    "Registry",
    "Series",
]

# Labels that tell the series of one scope apart; the others name the scope.
DETAILS = frozenset(("status_code", "classification", "grpc_status", "error", "errno", "skipped"))
RETAIN = 600.0  # seconds; Source: linkerd2-proxy app/src/env.rs, metrics retain idle
LOOK = 60.0  # seconds between looks for what is idle


Held: TypeAlias = Callable[[str, Labels], bool]


class Group:
    """The series of one scope, which come and go together.

    Attributes:
        handles: of those series.
        total: sum of what they showed at the last look.
        used: when a look last found it changed (seconds).
    """

    __slots__ = ("handles", "total", "used")

    def __init__(self) -> None:
        self.handles: list[Handle] = []
        self.total = -1.0
        self.used = 0.0

    def idle(self, now: float) -> float:
        """Seconds for which nothing has changed; 0 while a connection of it is open."""
        total, held = 0.0, False
        for handle in self.handles:
            if isinstance(handle, Histogram):
                continue  # every observation comes with a count
            total += handle.value
            held = held or (isinstance(handle, Gauge) and handle.value > 0)
        if held or total != self.total:
            self.total, self.used = total, now
        return now - self.used


class Registry:
    """All series of one proxy, in the order in which they came to be.

    Classic series that nothing has counted in for ten minutes, and that nobody holds, are dropped by
    :meth:`expire`. Counting knows nothing of it: a look compares values with those of the look before.
    *Differs:* idleness is therefore measured from the look that saw the last change, up to a minute and a
    scrape's interval late.

    Attributes:
        added: called with every new handle, but for readings.
    """

    def __init__(self) -> None:
        self._handles: dict[tuple[str, Labels], Handle] = {}
        self._order: list[Handle] = []
        self._series: list[Series] = []
        self._listed = 0
        self._groups: dict[tuple[str, Labels], Group] = {}
        self._looked = -LOOK
        self.added: list[Callable[[Handle], object]] = []

    def counter(self, name: str, labels: Labels = ()) -> Counter:
        """The counter (of kind ``counter`` or ``unknown``) with that name and labels; made on first use."""
        found = self._handles.get((name, labels))
        if found is None:
            found = self._add(Counter(name, labels))
        assert isinstance(found, Counter)
        return found

    def gauge(self, name: str, labels: Labels = ()) -> Gauge:
        """The gauge with that name and labels; made on first use."""
        found = self._handles.get((name, labels))
        if found is None:
            found = self._add(Gauge(name, labels))
        assert isinstance(found, Gauge)
        return found

    def histogram(self, name: str, labels: Labels = ()) -> Histogram:
        """The histogram with that name and labels; made on first use."""
        found = self._handles.get((name, labels))
        if found is None:
            found = self._add(Histogram(name, labels, FAMILIES[name].bounds))
        assert isinstance(found, Histogram)
        return found

    def reading(self, name: str, read: Callable[[], float], labels: Labels = ()) -> None:
        """Show what ``read`` returns at the time of a scrape, under that name and those labels."""
        self._add(Reading(name, labels, read))

    def _add(self, handle: Handle) -> Handle:
        assert handle.name in FAMILIES, f"no family {handle.name}"
        self._handles[handle.name, handle.labels] = handle
        self._order.append(handle)
        scope = FAMILIES[handle.name].scope
        if scope:
            base = tuple(label for label in handle.labels if label[0] not in DETAILS)
            group = self._groups.get((scope, base))
            if group is None:
                group = self._groups[scope, base] = Group()
            group.handles.append(handle)
        if not isinstance(handle, Reading):
            for tell in self.added:
                tell(handle)
        return handle

    def expire(self, now: float, held: Held) -> list[tuple[str, Labels]]:
        """Drop what has been idle for too long; to be called after a scrape.

        Args:
            now: seconds.
            held: whether somebody may still count in the series with a scope and labels.

        Returns:
            scope and labels of what was dropped; whoever kept its handles must ask for new ones.
        """
        if now < self._looked + LOOK:
            return []
        self._looked = now
        gone = [key for key, group in self._groups.items() if group.idle(now) > RETAIN and not held(*key)]
        if gone:
            dropped = {id(handle) for key in gone for handle in self._groups.pop(key).handles}
            self._order = [handle for handle in self._order if id(handle) not in dropped]
            self._handles = {(handle.name, handle.labels): handle for handle in self._order}
            self._series, self._listed = [], 0
        return gone

    def handles(self) -> list[Handle]:
        """Every handle, in the order in which they came to be. Not to be changed."""
        return self._order

    def series(self) -> list[Series]:
        """Every series. The same list each time, which only grows, until something expires."""
        order = self._order
        while self._listed < len(order):
            self._series += order[self._listed].series()
            self._listed += 1
        return self._series

    def values(self) -> list[float]:
        """The readings of :meth:`series` now, in its order; what a scrape costs."""
        readings: list[float] = []
        extend = readings.extend
        for handle in self._order:
            extend(handle.values())
        return readings

    def expose(self) -> str:
        """The text that ``/metrics`` answers with."""
        from mesh.proxy.telemetry.exposition import text

        return text(self)

    def total(self, name: str, **labels: Any) -> float:
        """The sum over the counters and gauges of that name which carry all of ``labels``."""
        wanted = set(labels.items())
        return sum(
            handle.value
            for handle in self._order
            if handle.name == name and not isinstance(handle, Histogram) and wanted <= set(handle.labels)
        )
