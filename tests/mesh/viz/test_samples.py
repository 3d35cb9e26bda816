"""The sample store: sparse keeping, staleness, retention, selection, speed."""

import math
import tracemalloc

import pytest

from mesh.viz.query import matchers
from mesh.viz.samples import Matcher, SampleStore

WEB = (("deployment", "web"), ("pod", "web-1"))
EMOJI = (("deployment", "emoji"), ("pod", "emoji-1"))
HITS = ("hits_total", (("code", "200"),))
OTHER = ("hits_total", (("code", "500"),))


def test_values_between_changes_are_filled_forward() -> None:
    store = SampleStore()
    for i, value in enumerate([1.0, 1.0, 4.0, 4.0, 4.0]):
        store.ingest(WEB, 10.0 * i, [HITS], [value])
    (series,) = store.select("hits_total")
    assert list(series.values) == [1.0, 4.0], "only changes are kept"
    assert series.points() == [(0.0, 1.0), (10.0, 1.0), (20.0, 4.0), (30.0, 4.0), (40.0, 4.0)]
    run = series.window(10.0, 30.0)
    assert (run.count, run.first_time, run.last_time, run.first, run.last) == (3, 10.0, 30.0, 1.0, 4.0)
    assert (run.before_last_time, run.before_last) == (20.0, 4.0)


def test_the_window_includes_both_ends() -> None:
    store = SampleStore()
    for i in range(7):
        store.ingest(WEB, 10.0 * i, [HITS], [i])
    assert store.select("hits_total")[0].window(0.0, 60.0).count == 7
    assert store.select("hits_total")[0].window(0.1, 59.9).count == 5
    assert store.select("hits_total")[0].window(61.0, 90.0).count == 0


def test_a_series_that_leaves_the_scrape_and_returns_has_a_gap() -> None:
    store = SampleStore()
    store.ingest(WEB, 0.0, [HITS, OTHER], [1, 7])
    store.ingest(WEB, 10.0, [OTHER], [8])
    store.ingest(WEB, 20.0, [OTHER, HITS], [8, 1])
    series = {s.labels["code"]: s for s in store.select("hits_total")}
    assert series["200"].points() == [(0.0, 1.0), (20.0, 1.0)]
    assert series["500"].points() == [(0.0, 7.0), (10.0, 8.0), (20.0, 8.0)]
    assert math.isnan(series["200"].at(15.0))
    assert series["200"].at(20.0) == 1.0


def test_a_lost_target_is_stale_until_it_is_scraped_again() -> None:
    store = SampleStore()
    store.ingest(WEB, 0.0, [HITS], [3])
    store.lost(WEB, 10.0)
    (series,) = store.select("hits_total")
    assert series.at(9.9) == 3.0
    assert math.isnan(series.at(10.0))
    store.ingest(WEB, 20.0, [HITS], [5])
    assert series.at(25.0) == 5.0
    assert series.window(0.0, 30.0).count == 2, "range selectors see the samples on both sides"


def test_an_instant_value_is_looked_for_five_minutes_back() -> None:
    store = SampleStore()
    store.ingest(WEB, 0.0, [HITS], [3])
    (series,) = store.select("hits_total")
    assert series.at(300.0) == 3.0
    assert math.isnan(series.at(300.1))


def test_a_label_of_the_target_renames_the_series_own() -> None:
    store = SampleStore()
    store.ingest(WEB, 0.0, [("x", (("pod", "inner"),))], [1])
    assert store.select("x")[0].labels == {"deployment": "web", "pod": "web-1", "exported_pod": "inner"}


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ({}, ["200", "500", "200"]),
        ({"code": "200"}, ["200", "200"]),
        ({"code": "!200"}, ["500"]),
        ({"code": "~[25]00"}, ["200", "500", "200"]),
        ({"code": "~20"}, []),
        ({"code": "!~2.*"}, ["500"]),
        ({"deployment": "web", "code": "200"}, ["200"]),
        ({"absent": ""}, ["200", "500", "200"]),
        ({"absent": "!"}, []),
    ],
)
def test_selection(wanted: dict[str, str], codes: list[str]) -> None:
    store = SampleStore()
    store.ingest(WEB, 0.0, [HITS, OTHER], [1, 1])
    store.ingest(EMOJI, 0.0, [HITS], [1])
    assert [s.labels["code"] for s in store.select("hits_total", matchers(wanted))] == codes


def test_a_selection_sees_series_that_came_later() -> None:
    store = SampleStore()
    store.ingest(WEB, 0.0, [HITS], [1])
    wanted = (Matcher("code", "!=", ""),)
    assert len(store.select("hits_total", wanted)) == 1
    store.ingest(WEB, 10.0, [HITS, OTHER], [1, 1])
    assert len(store.select("hits_total", wanted)) == 2


def test_memory_is_flat_and_old_targets_are_forgotten() -> None:
    store = SampleStore(retention=600.0)
    store.ingest(EMOJI, 0.0, [HITS], [1])
    sizes = []
    tracemalloc.start()
    for i in range(2_000):
        series = [HITS, ("per_hour_total", (("hour", str(i // 360)),))]
        store.ingest(WEB, 10.0 * i, series, [i, i])
        if i in (500, 1_990):
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[1] < sizes[0] * 1.3 + 2_000
    assert list(store.targets) == [WEB]
    assert len(store) == 2, "series of past hours are gone"
    (hits,) = store.select("hits_total")
    kept = hits.points()
    assert kept[-1] == (19_990.0, 1_999.0)
    assert 600.0 <= kept[-1][0] - kept[0][0] <= 660.0
    run = hits.window(19_690.0, 19_990.0)
    assert (run.count, run.last - run.first) == (31, 30.0)
