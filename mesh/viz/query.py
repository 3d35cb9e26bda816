"""The few forms of PromQL that the mesh's own commands use, evaluated over a sample store.

Every query is a function over a selector, summed by labels, perhaps under ``histogram_quantile``. Its text
is PromQL, so that a reader can paste it into a real Prometheus.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mesh.viz.samples import Matcher, Run, SampleStore, Series

__all__ = [
    "Query",
    "Vector",
    "evaluate",
    "evaluate_range",
    "evaluate_sum",
    "matchers",
    "quantile_of",
    "window_text",
]

Vector = list[tuple[dict[str, str], float]]
Grouped = list[tuple[tuple[str, ...], Series]]
NAN = float("nan")
FUNCTIONS = ("increase", "rate", "irate", "instant")
THRESHOLD = 1.1  # a series that begins within 1.1 sampling intervals of the window's edge is taken to fill it


def matchers(values: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers from label → value, by label; ``!x`` is unlike x, ``~x`` and ``!~x`` are expressions."""
    made = []
    for label in sorted(values):
        text = values[label]
        for prefix, op in (("!~", "!~"), ("~", "=~"), ("!", "!=")):
            if text.startswith(prefix):
                made.append(Matcher(label, op, text[len(prefix) :]))
                break
        else:
            made.append(Matcher(label, "=", text))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Query:
    """``fn(metric{matchers}[window])``, summed ``by`` labels unless that is None, perhaps as a quantile.

    Attributes:
        fn: ``increase``, ``rate``, ``irate``, or ``instant`` for the value now.
        window: seconds; nothing to ``instant``.
        by: labels to sum by; None leaves every series for itself.
        quantile: 0 to 1: read the sums as a histogram over ``le``, which need not be named in ``by``.

    Raises:
        ValueError: an unknown function, or a quantile outside 0..1.
    """

    fn: str
    metric: str
    matchers: tuple[Matcher, ...] = ()
    window: float = 60.0
    by: tuple[str, ...] | None = ()
    quantile: float | None = None

    def __post_init__(self) -> None:
        if self.fn not in FUNCTIONS:
            raise ValueError(f"unknown function {self.fn!r}, want one of {', '.join(FUNCTIONS)}")
        if self.quantile is not None and not 0.0 <= self.quantile <= 1.0:
            raise ValueError(f"quantile {self.quantile} is not between 0 and 1")
        if self.quantile is not None and self.by is None:
            raise ValueError("a quantile needs sums: give `by`, which may be empty")

    def __str__(self) -> str:
        inner = self.metric
        if self.matchers:
            inner += "{" + ", ".join(map(str, self.matchers)) + "}"
        if self.fn != "instant":
            inner = f"{self.fn}({inner}[{window_text(self.window)}])"
        if self.by is not None:
            labels = self.by if self.quantile is None else ("le", *self.by)
            inner = f"sum({inner})" + (f" by ({', '.join(labels)})" if labels else "")
        if self.quantile is not None:
            inner = f"histogram_quantile({self.quantile:g}, {inner})"
        return inner


def window_text(seconds: float) -> str:
    """A duration as Go prints it without its zero parts: ``1m``, ``15s``, ``1m30s``, ``6h``."""
    whole = round(seconds * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


# -- one series -------------------------------------------------------------------------------------------


def extrapolated(run: Run, start: float, end: float) -> float:
    """The growth of a counter over the window as Prometheus' ``increase`` estimates it; NaN below 2 samples.

    The growth between first and last sample is stretched to the window's edges, as far as they are within
    1.1 sampling intervals and the counter would not have been below zero; otherwise by half an interval.

    *Source:* Prometheus 2.55, promql/functions.go, extrapolatedRate.
    """
    if run.count < 2:
        return NAN
    growth = run.last - run.first + run.resets
    sampled = run.last_time - run.first_time
    if sampled <= 0:
        return NAN
    interval = sampled / (run.count - 1)
    before, after = run.first_time - start, end - run.last_time
    if before >= interval * THRESHOLD:
        before = interval / 2
    if growth > 0 and run.first >= 0:
        before = min(before, sampled * run.first / growth)
    if after >= interval * THRESHOLD:
        after = interval / 2
    return growth * (sampled + before + after) / sampled


def instant_rate(run: Run) -> float:
    """Growth per second between the last two samples (after a reset: from zero); NaN below 2 samples."""
    if run.count < 2:
        return NAN
    elapsed = run.last_time - run.before_last_time
    if elapsed <= 0:
        return NAN
    growth = run.last if run.last < run.before_last else run.last - run.before_last
    return growth / elapsed


def value_of(query: Query, series: Series, now: float) -> float:
    """The query's function over one series at ``now``; NaN stands for no result."""
    if query.fn == "instant":
        return series.at(now)
    start = now - query.window
    run = series.window(start, now)
    if query.fn == "irate":
        return instant_rate(run)
    growth = extrapolated(run, start, now)
    return growth / query.window if query.fn == "rate" else growth


# -- sums and quantiles -----------------------------------------------------------------------------------


def quantile_of(q: float, buckets: list[tuple[float, float]]) -> float:
    """The ``q``-quantile of a histogram given as (upper bound, cumulative count), linear inside a bucket.

    NaN without a ``+Inf`` bucket, with fewer than two buckets, or without observations. Beyond the last
    finite bound that bound is the answer. The lowest bucket begins at 0 if its bound is positive.

    *Source:* Prometheus 2.55, promql/quantile.go, bucketQuantile.
    """
    buckets = sorted(buckets)
    if len(buckets) < 2 or buckets[-1][0] != math.inf:
        return NAN
    cumulative: list[tuple[float, float]] = []
    highest = 0.0
    for bound, count in buckets:
        highest = max(highest, count)
        if cumulative and cumulative[-1][0] == bound:
            cumulative.pop()
        cumulative.append((bound, highest))
    total = cumulative[-1][1]
    if not total > 0:
        return NAN
    rank = q * total
    place = next(i for i, (_, count) in enumerate(cumulative) if count >= rank)
    if place == len(cumulative) - 1:
        return cumulative[-2][0]
    bound, count = cumulative[place]
    if place == 0:
        if bound <= 0:
            return bound
        lower, below = 0.0, 0.0
    else:
        lower, below = cumulative[place - 1]
    if count == below:
        return lower
    return lower + (bound - lower) * (rank - below) / (count - below)


def _grouped(query: Query, store: SampleStore) -> tuple[tuple[str, ...] | None, Grouped]:
    """The names that make a group, and each selected series with its group's values."""
    names = query.by
    if query.quantile is not None and names is not None:
        names = ("le", *(name for name in names if name != "le"))
    selected = store.select(query.metric, query.matchers)
    if names is None:
        return None, [((), series) for series in selected]
    return names, [(tuple(series.labels.get(name, "") for name in names), series) for series in selected]


def _sums(query: Query, grouped: Grouped, now: float) -> dict[tuple[str, ...], float]:
    """Sums by group; groups without any sample are absent."""
    sums: dict[tuple[str, ...], float] = {}
    for key, series in grouped:
        value = value_of(query, series, now)
        if value == value:
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _quantiles(q: float, sums: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """Quantiles by the rest of the key, whose first part is ``le``."""
    histograms: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for (le, *rest), value in sums.items():
        histograms.setdefault(tuple(rest), []).append((float(le or "nan"), value))
    return {key: quantile_of(q, buckets) for key, buckets in histograms.items()}


def _labelled(names: tuple[str, ...], key: tuple[str, ...]) -> dict[str, str]:
    """Labels of a group; Prometheus drops empty ones."""
    return {name: value for name, value in zip(names, key, strict=True) if value}


def evaluate(query: Query, store: SampleStore, now: float) -> Vector:
    """The query's vector at ``now``, in order of the groups' label values."""
    return _at(query, _grouped(query, store), now)


def _at(query: Query, chosen: tuple[tuple[str, ...] | None, Grouped], now: float) -> Vector:
    names, grouped = chosen
    if names is None:
        pairs = [(dict(series.labels), value_of(query, series, now)) for _, series in grouped]
        return sorted((p for p in pairs if p[1] == p[1]), key=lambda pair: sorted(pair[0].items()))
    sums = _sums(query, grouped, now)
    if query.quantile is None:
        return [(_labelled(names, key), sums[key]) for key in sorted(sums)]
    found = _quantiles(query.quantile, sums)
    return [(_labelled(names[1:], key), found[key]) for key in sorted(found)]


def evaluate_range(
    query: Query, store: SampleStore, start: float, end: float, step: float
) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    """The query every ``step`` seconds from ``start`` to ``end`` included: labels → (seconds, value) points.

    Raises:
        ValueError: ``step`` is not positive, or there would be more than 11,000 points (Prometheus' limit).
    """
    if not step > 0:
        raise ValueError(f"step {step} is not positive")
    if (end - start) / step > 11_000:
        raise ValueError("exceeded maximum resolution of 11,000 points per timeseries")
    chosen = _grouped(query, store)
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for i in range(int((end - start) / step + 1e-9) + 1):
        now = start + i * step
        for labels, value in _at(query, chosen, now):
            found.setdefault(tuple(sorted(labels.items())), []).append((now, value))
    return [(dict(key), found[key]) for key in sorted(found)]


def evaluate_sum(query: Query, store: SampleStore, now: float) -> float:
    """The sum over the whole vector, 0 when it is empty."""
    return math.fsum(value for _, value in evaluate(query, store, now) if value == value)
