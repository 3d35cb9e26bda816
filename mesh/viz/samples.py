"""What Prometheus scraped: series of samples, kept sparsely, found by metric name.

A scrape of a proxy brings some hundreds of values of which few have changed. A target therefore keeps the
times of its scrapes once, and a series only the scrapes at which its value changed; every value between is
filled forward, which is exact. A value of NaN marks "not in this scrape" and stands for no sample.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Labels", "Matcher", "Run", "SampleStore", "Series", "SeriesKey", "Target"]

Labels = tuple[tuple[str, str], ...]
SeriesKey = tuple[str, Labels]
NAN = float("nan")
LOOKBACK = 300.0  # seconds an instant query looks back for a sample; Prometheus' default
CACHED_SELECTIONS = 512


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; ``op`` is ``=``, ``!=``, ``=~`` or ``!~``. A missing label is empty."""

    label: str
    op: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy the condition."""
        value = labels.get(self.label, "")
        if self.op == "=":
            return value == self.value
        if self.op == "!=":
            return value != self.value
        matched = re.fullmatch(self.value, value, re.DOTALL) is not None  # always the whole value
        return matched == (self.op == "=~")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.op}"{escaped}"'


@dataclass(slots=True)
class Target:
    """One scraped endpoint.

    Attributes:
        times: when its scrapes happened, seconds; scrape number ``base + i`` is ``times[i]``.
        gaps: times at which a scrape failed or the target went away: its samples are stale from there.
        seen: the series of the last scrape as they came, ``handles`` and ``values`` what they mean here.
    """

    labels: Labels
    times: "array[float]" = field(default_factory=lambda: array("d"))
    base: int = 0
    gaps: "array[float]" = field(default_factory=lambda: array("d"))
    seen: list[tuple[Any, ...]] = field(default_factory=list)
    handles: list["Series"] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    all: dict[SeriesKey, "Series"] = field(default_factory=dict)


class Run:
    """The samples of a series inside a window, without spelling out the repeated ones.

    Attributes:
        count: how many samples there are.
        first_time, last_time: when the first and the last were taken.
        first, last: their values.
        resets: sum of the values lost at counter resets.
        before_last, before_last_time: the sample before the last (only when ``count`` > 1).
    """

    __slots__ = (
        "before_last",
        "before_last_time",
        "count",
        "first",
        "first_time",
        "last",
        "last_time",
        "resets",
    )

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = self.before_last = NAN
        self.first_time = self.last_time = self.before_last_time = NAN
        self.resets = 0.0

    def extend(self, value: float, times: Sequence[float], begin: int, end: int) -> None:
        """Append samples of one value at ``times[begin:end]``, a range that is not empty."""
        if self.count == 0:
            self.first, self.first_time = value, times[begin]
        elif value < self.last:
            self.resets += self.last
        if end - begin > 1:
            self.before_last, self.before_last_time = value, times[end - 2]
        else:
            self.before_last, self.before_last_time = self.last, self.last_time
        self.last, self.last_time = value, times[end - 1]
        self.count += end - begin


class Series:
    """One time series.

    Attributes:
        labels: all its labels, the target's among them, without the metric's name.
        changes: numbers of the scrapes at which the value became another; ``values`` holds what it became.
    """

    __slots__ = ("changes", "labels", "metric", "target", "values")

    def __init__(self, metric: str, labels: dict[str, str], target: Target) -> None:
        self.metric = metric
        self.labels = labels
        self.target = target
        self.changes: array[int] = array("I")
        self.values: array[float] = array("d")

    def at(self, now: float) -> float:
        """The value at ``now``, NaN when there is none or it is stale."""
        target = self.target
        position = bisect_right(target.times, now)
        if not position:
            return NAN
        taken = target.times[position - 1]
        if now - taken > LOOKBACK:
            return NAN
        gap = bisect_right(target.gaps, now)
        if gap and target.gaps[gap - 1] >= taken:
            return NAN
        change = bisect_right(self.changes, target.base + position - 1)
        return self.values[change - 1] if change else NAN

    def window(self, start: float, end: float) -> Run:
        """The samples taken from ``start`` to ``end`` seconds, both included."""
        target, run = self.target, Run()
        begin, stop = bisect_left(target.times, start), bisect_right(target.times, end)
        if begin < stop:
            self._fill(run, begin, stop)
        return run

    def _fill(self, run: Run, begin: int, stop: int) -> None:
        """Extend ``run`` by the scrapes ``times[begin:stop]``."""
        times, base, changes = self.target.times, self.target.base, self.changes
        change = max(0, bisect_right(changes, base + begin) - 1)
        total = len(changes)
        while change < total:
            left = max(begin, changes[change] - base)
            if left >= stop:
                return
            right = min(stop, changes[change + 1] - base) if change + 1 < total else stop
            value = self.values[change]
            if value == value:  # NaN: absent from these scrapes
                run.extend(value, times, left, right)
            change += 1

    def kept(self) -> list[tuple[float, float]]:
        """The samples at which the value became another, as (seconds, value); NaN where the series left."""
        target, last = self.target, len(self.target.times) - 1
        return [
            (target.times[min(max(number - target.base, 0), last)], value)
            for number, value in zip(self.changes, self.values, strict=True)
        ]

    def points(self) -> list[tuple[float, float]]:
        """Every sample kept, as (seconds, value): for tables and tests."""
        target, out = self.target, []
        for number, moment in enumerate(target.times, target.base):
            change = bisect_right(self.changes, number)
            value = self.values[change - 1] if change else NAN
            if value == value:
                out.append((moment, value))
        return out


class SampleStore:
    """The samples of all targets, for ``retention`` seconds (Linkerd's Prometheus keeps six hours)."""

    def __init__(self, retention: float = 6 * 3600.0) -> None:
        self.retention = retention
        self.targets: dict[Labels, Target] = {}
        self._metrics: dict[str, dict[int, Series]] = {}
        self._generation = 0
        self._selected: dict[tuple[str, tuple[Matcher, ...]], tuple[int, list[Series]]] = {}
        self._swept = 0.0

    # -- writing ------------------------------------------------------------------------------------------

    def ingest(
        self, labels: Labels, t: float, series: list[tuple[Any, ...]], values: Sequence[float]
    ) -> Target:
        """Take in one scrape.

        Args:
            labels: what discovery knows of the target; a series' own label of the same name becomes
                ``exported_…``, as Prometheus does.
            t: seconds; must not be before the target's last scrape.
            series: tuples that begin with metric and labels, in the order of ``values``; what follows in them
                is ignored. Passing the same tuples again is fastest.
            values: one for each series.
        """
        target = self.targets.get(labels)
        if target is None:
            target = self.targets[labels] = Target(labels)
        number = target.base + len(target.times)
        if target.seen != series:
            self._relabel(target, series, number)
        target.times.append(t)
        handles, last = target.handles, target.values
        fresh = list(values)
        changed = [i for i, (new, old) in enumerate(zip(fresh, last, strict=True)) if new != old]
        for i in changed:
            handle = handles[i]
            handle.changes.append(number)
            handle.values.append(fresh[i])
        target.values = fresh
        if t - target.times[0] > 1.1 * self.retention:
            self._trim(target, t - self.retention)
        if t - self._swept > 600.0:
            self._sweep(t)
        return target

    def _relabel(self, target: Target, series: list[tuple[Any, ...]], number: int) -> None:
        """The target shows other series than last time: find or make a handle for each."""
        keys: list[SeriesKey] = [(entry[0], entry[1]) for entry in series]
        before = [(entry[0], entry[1]) for entry in target.seen]
        known = dict(zip(before, target.values, strict=True))
        for key in known.keys() - set(keys):
            handle = target.all[key]
            handle.changes.append(number)
            handle.values.append(NAN)
        target.seen = list(series)
        target.handles = [target.all.get(key) or self._open(target, key) for key in keys]
        target.values = [known.get(key, NAN) for key in keys]

    def _open(self, target: Target, key: SeriesKey) -> Series:
        """A new series of the target."""
        metric, own = key
        labels = dict(target.labels)
        for name, value in own:
            labels[f"exported_{name}" if name in labels else name] = value
        made = target.all[key] = Series(metric, labels, target)
        self._metrics.setdefault(metric, {})[id(made)] = made
        self._generation += 1
        return made

    def lost(self, labels: Labels, t: float) -> None:
        """A scrape of the target failed at ``t``, or discovery dropped it: its series are stale from now."""
        target = self.targets.get(labels)
        if target is not None and (not target.gaps or target.gaps[-1] < t):
            target.gaps.append(t)

    # -- forgetting ---------------------------------------------------------------------------------------

    def _trim(self, target: Target, horizon: float) -> None:
        """Forget the target's scrapes before ``horizon``."""
        cut = bisect_left(target.times, horizon)
        target.base += cut
        del target.times[:cut]
        del target.gaps[: bisect_left(target.gaps, horizon)]
        current = {(entry[0], entry[1]) for entry in target.seen}
        for key, series in list(target.all.items()):
            keep = max(0, bisect_right(series.changes, target.base) - 1)
            del series.changes[:keep], series.values[:keep]
            gone = len(series.values) == 1 and series.values[0] != series.values[0]
            if gone and series.changes[0] <= target.base and key not in current:
                del target.all[key]
                self._close(series)

    def _close(self, series: Series) -> None:
        """Forget a series."""
        named = self._metrics[series.metric]
        del named[id(series)]
        if not named:
            del self._metrics[series.metric]
        self._generation += 1

    def _sweep(self, t: float) -> None:
        """Forget targets that were last scraped before the retention."""
        self._swept = t
        for labels, target in list(self.targets.items()):
            if target.times and target.times[-1] < t - self.retention:
                del self.targets[labels]
                for series in target.all.values():
                    self._close(series)

    # -- reading ------------------------------------------------------------------------------------------

    def select(self, metric: str, matchers: tuple[Matcher, ...] = ()) -> list[Series]:
        """The series of that name whose labels satisfy all matchers, in order of first appearance."""
        key = (metric, matchers)
        found = self._selected.get(key)
        if found is not None and found[0] == self._generation:
            return found[1]
        chosen = [
            series
            for series in self._metrics.get(metric, {}).values()
            if all(matcher.holds(series.labels) for matcher in matchers)
        ]
        if len(self._selected) >= CACHED_SELECTIONS:
            self._selected.clear()
        self._selected[key] = (self._generation, chosen)
        return chosen

    def metrics(self) -> list[str]:
        """The names of all metrics kept."""
        return sorted(self._metrics)

    def walk(self, visit: Callable[[Series], None]) -> None:
        """Call ``visit`` with every series, by metric name and then in order of first appearance."""
        for metric in self.metrics():
            for series in self._metrics[metric].values():
                visit(series)

    def __len__(self) -> int:
        """How many series are kept."""
        return sum(map(len, self._metrics.values()))
