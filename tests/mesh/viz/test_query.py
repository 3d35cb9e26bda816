"""The query functions against hand-worked numbers and against a second, simple implementation."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.viz.query import Query, evaluate, evaluate_range, matchers, quantile_of, window_text
from mesh.viz.samples import SampleStore

TARGET = (("pod", "p"),)
KEY = ("n", ())


def fed(points: list[tuple[float, float]]) -> SampleStore:
    store = SampleStore()
    for t, value in points:
        store.ingest(TARGET, t, [KEY], [value])
    return store


def one(query: Query, store: SampleStore, now: float) -> float | None:
    vector = evaluate(query, store, now)
    return vector[0][1] if vector else None


def test_increase_stretches_to_edges_that_are_near() -> None:
    # six samples 5 s into each 10 s: 50 s sampled, 5 s missing on both sides
    store = fed([(65.0 + 10 * i, 100.0 + 20 * i) for i in range(6)])
    assert one(Query("increase", "n"), store, 120.0) == pytest.approx(100 * 60 / 50)
    assert one(Query("rate", "n"), store, 120.0) == pytest.approx(2.0)


def test_increase_reaches_half_an_interval_beyond_a_far_edge() -> None:
    store = fed([(90.0, 100.0), (100.0, 110.0), (110.0, 120.0)])
    # 30 s before the first sample: half an interval (5 s) is assumed; 10 s after the last: all of them
    assert one(Query("increase", "n"), store, 120.0) == pytest.approx(20 * (20 + 5 + 10) / 20)


def test_a_counter_is_not_extended_below_zero() -> None:
    store = fed([(70.0, 1.0), (80.0, 11.0), (90.0, 21.0), (100.0, 31.0), (110.0, 41.0)])
    # 40 in 40 s: the counter was 0 one second before its first sample
    assert one(Query("increase", "n"), store, 120.0) == pytest.approx(40 * (40 + 1 + 10) / 40)


def test_a_fresh_series_needs_two_samples() -> None:
    store = fed([(110.0, 5.0)])
    for fn in ("increase", "rate", "irate"):
        assert one(Query(fn, "n"), store, 120.0) is None
    assert one(Query("instant", "n"), store, 120.0) == 5.0


def test_resets_are_made_good() -> None:
    store = fed([(70.0, 90.0), (80.0, 100.0), (90.0, 4.0), (100.0, 8.0), (110.0, 8.0)])
    # 8 − 90 + 100 = 18 in 40 s; both edges 10 s away, below the threshold of 11 s
    assert one(Query("increase", "n"), store, 120.0) == pytest.approx(18 * 60 / 40)


def test_irate_is_of_the_last_two_samples() -> None:
    store = fed([(100.0, 10.0), (110.0, 40.0), (120.0, 60.0)])
    assert one(Query("irate", "n"), store, 125.0) == pytest.approx(2.0)
    assert one(Query("irate", "n"), store, 119.0) == pytest.approx(3.0)
    store.ingest(TARGET, 130.0, [KEY], [5.0])
    assert one(Query("irate", "n"), store, 130.0) == pytest.approx(0.5), "after a reset from zero"


def simple_increase(points: list[tuple[float, float]], start: float, end: float) -> Fraction | None:
    """The same estimate once more: exact, sample by sample, in the words of Prometheus' documentation."""
    inside = [(Fraction(t), Fraction(v)) for t, v in points if start <= t <= end]
    if len(inside) < 2:
        return None
    total = Fraction(0)
    for (_, old), (_, new) in pairwise(inside):
        total += new - old if new >= old else new
    span = inside[-1][0] - inside[0][0]
    gap = span / (len(inside) - 1)
    left, right = inside[0][0] - Fraction(start), Fraction(end) - inside[-1][0]
    limit = gap * Fraction(11, 10)
    left = left if left < limit else gap / 2
    right = right if right < limit else gap / 2
    if total > 0:
        left = min(left, span * inside[0][1] / total)
    return total * (span + left + right) / span


@given(
    steps=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 50), st.booleans()), min_size=1, max_size=30),
    window=st.integers(15, 400),
    late=st.integers(0, 50),
)
def test_increase_equals_a_simple_implementation(
    steps: list[tuple[int, int, bool]], window: int, late: int
) -> None:
    t, value, points = 1000.0, 7.0, []
    for wait, growth, reset in steps:
        t += wait
        value = growth if reset else value + growth
        points.append((t, float(value)))
    now = t + late
    got = one(Query("increase", "n", window=float(window)), fed(points), now)
    want = simple_increase(points, now - window, now)
    if want is None:
        assert got is None
    else:
        # the 1.1 of the threshold is binary in one and decimal in the other: skip exact ties
        inside = [p[0] for p in points if now - window <= p[0] <= now]
        gap = (inside[-1] - inside[0]) / (len(inside) - 1)
        ties = [d for d in (inside[0] - (now - window), now - inside[-1]) if math.isclose(d, 1.1 * gap)]
        if not ties:
            assert got == pytest.approx(float(want), rel=1e-9)


INF = math.inf


@pytest.mark.parametrize(
    ("q", "buckets", "want"),
    [
        (0.5, [(1, 0), (2, 10), (INF, 10)], 1.5),
        (0.5, [(1, 10), (INF, 10)], 0.5),
        (0.95, [(1, 90), (2, 95), (3, 100), (INF, 100)], 2.0),
        (0.99, [(10, 90), (20, 90), (30, 100), (INF, 100)], 29.0),
        (0.99, [(1, 5), (2, 5), (INF, 10)], 2.0),
        (1.0, [(1, 5), (2, 10), (INF, 10)], 2.0),
        (0.0, [(1, 0), (2, 10), (INF, 10)], 0.0),
        (0.5, [(2, 10), (1, 12), (INF, 12)], 0.5),
        (0.5, [(1, 6), (2, 4), (INF, 6)], 0.5),
    ],
)
def test_quantiles(q: float, buckets: list[tuple[float, float]], want: float) -> None:
    assert quantile_of(q, buckets) == pytest.approx(want)


@pytest.mark.parametrize(
    "buckets", [[], [(INF, 5)], [(1, 5), (2, 5)], [(1, 0), (INF, 0)], [(1, math.nan), (INF, math.nan)]]
)
def test_a_histogram_that_says_nothing(buckets: list[tuple[float, float]]) -> None:
    assert math.isnan(quantile_of(0.5, buckets))


def buckets_of(latencies: list[float]) -> tuple[list[tuple[str, tuple[tuple[str, str], ...]]], list[float]]:
    bounds = ["1", "2", "3", "4", "5", "10", "20", "+Inf"]
    series = [("lat_bucket", (("le", bound),)) for bound in bounds]
    return series, [sum(1.0 for x in latencies if x <= float(b)) for b in bounds]


def test_latency_quantiles_are_interpolated_in_coarse_buckets() -> None:
    store = SampleStore()
    series, before = buckets_of([])
    store.ingest(TARGET, 0.0, series, before)
    _, after = buckets_of([4.0] * 50 + [9.0] * 50)
    store.ingest(TARGET, 10.0, series, after)
    asked = {q: Query("irate", "lat_bucket", (), 60.0, (), q) for q in (0.5, 0.95, 0.99)}
    assert one(asked[0.5], store, 12.0) == pytest.approx(4.0)
    assert one(asked[0.95], store, 12.0) == pytest.approx(5 + 5 * 45 / 50)
    assert one(asked[0.99], store, 12.0) == pytest.approx(5 + 5 * 49 / 50)


def test_sums_by_label_and_without_grouping() -> None:
    store = SampleStore()
    for pod, growth in (("a", 1.0), ("b", 2.0)):
        for t in (0.0, 10.0):
            series = [("n", (("code", "200"),)), ("n", (("code", "500"),))]
            store.ingest((("pod", pod),), t, series, [growth * t, t])
    by_code = Query("rate", "n", window=10.0, by=("code",))
    assert evaluate(by_code, store, 10.0) == [({"code": "200"}, 3.0), ({"code": "500"}, 2.0)]
    assert evaluate(Query("rate", "n", window=10.0, by=("nothing",)), store, 10.0) == [({}, 5.0)]
    each = evaluate(Query("rate", "n", matchers({"code": "500"}), 10.0, None), store, 10.0)
    assert each == [({"pod": "a", "code": "500"}, 1.0), ({"pod": "b", "code": "500"}, 1.0)]


def test_a_range_is_the_instants_in_turn() -> None:
    store = fed([(10.0 * i, 5.0 * i) for i in range(10)])
    query = Query("irate", "n")
    (labels, points) = evaluate_range(query, store, 0.0, 90.0, 30.0)[0]
    assert labels == {}
    assert points == [(t, one(query, store, t)) for t in (30.0, 60.0, 90.0)]
    with pytest.raises(ValueError, match="11,000"):
        evaluate_range(query, store, 0.0, 90.0, 0.001)
    with pytest.raises(ValueError, match="not positive"):
        evaluate_range(query, store, 0.0, 90.0, 0.0)


def test_the_text_is_promql() -> None:
    wanted = matchers(
        {"namespace": "emojivoto", "direction": "inbound", "authority": '~web"x.*', "tls": "!true"}
    )
    sums = Query("increase", "response_total", wanted, 60.0, ("deployment", "classification"))
    assert str(sums) == (
        'sum(increase(response_total{authority=~"web\\"x.*", direction="inbound", namespace="emojivoto", '
        'tls!="true"}[1m])) by (deployment, classification)'
    )
    latency = Query("irate", "response_latency_ms_bucket", (), 90.0, ("deployment",), 0.95)
    assert str(latency) == (
        "histogram_quantile(0.95, sum(irate(response_latency_ms_bucket[1m30s])) by (le, deployment))"
    )
    assert str(Query("instant", "tcp_open_connections", (), 0.0, ())) == "sum(tcp_open_connections)"
    assert str(Query("instant", "up", (), 0.0, None)) == "up"


@pytest.mark.parametrize(("seconds", "text"), [(15, "15s"), (60, "1m"), (90.5, "1m30s500ms"), (21_600, "6h")])
def test_windows_are_written_as_in_go(seconds: float, text: str) -> None:
    assert window_text(seconds) == text


def test_what_a_query_refuses() -> None:
    with pytest.raises(ValueError, match="unknown function"):
        Query("delta", "n")
    with pytest.raises(ValueError, match="between 0 and 1"):
        Query("irate", "n", quantile=95)
    with pytest.raises(ValueError, match="give `by`"):
        Query("irate", "n", by=None, quantile=0.5)
