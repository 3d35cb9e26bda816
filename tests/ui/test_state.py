"""What the page shows, without the page."""

import json
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui.state import golden, live, past, sharing, traffic, view
from ui.state.cluster import pods
from ui.state.live import Live, Origin, key, origin
from ui.state.pool import Pool

TABLES = ("requests", "attempts")


def rows(one: Live) -> list[bytes]:
    return [getattr(one.sandbox.tables, name).array().tobytes() for name in TABLES]


# -- sessions ---------------------------------------------------------------------------------------------


def test_looking_changes_nothing_and_a_replay_gives_the_same_tables(taught: Callable[..., Live]) -> None:
    """A session that was looked at all the time equals one that was only replayed."""
    watched = taught(until="deploy")
    for _ in range(20):
        watched.run("sleep 5 # playing")
        before = watched.now, watched.sandbox.engine.events
        view.look(watched, "emojivoto", "web")
        golden.read(watched.sandbox, "linkerd")
        assert (watched.now, watched.sandbox.engine.events) == before
    log = sharing.decode(sharing.encode(tuple(watched.log)))
    replayed = Pool().at(watched.origin, log)
    assert replayed.key == watched.key
    assert len(watched.sandbox.tables.requests) > 100
    assert rows(replayed) == rows(watched)
    assert replayed.transcript == watched.transcript


def test_pool_hands_a_sandbox_to_one_session_only() -> None:
    pool, start = Pool(capacity=2), origin("01-the-tutorial")
    one = pool.at(start, ())
    other = pool.at(start, ())
    assert one is not other
    pool.put(one)
    pool.put(other)
    assert pool.take(key(start, ())) is other
    assert pool.take(key(start, ())) is one
    assert pool.take(key(start, ())) is None


def test_pool_is_bounded_and_forgets_the_least_recently_used() -> None:
    pool, start = Pool(capacity=2), origin("01-the-tutorial")
    kept = []
    for seed in range(3):
        kept.append(Live(Origin(start.scenario, seed)))
        pool.put(kept[-1])
    assert len(pool) == 2
    assert pool.take(kept[0].key) is None
    assert pool.take(kept[2].key) is kept[2]


def test_replay_tells_how_far_it_is_and_an_interrupted_one_keeps_its_prefix() -> None:
    pool, start = Pool(), origin("01-the-tutorial")
    log = tuple((float(i), "sleep 1") for i in range(5))
    told: list[tuple[int, int]] = []

    class Stop(BaseException):
        pass

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        pool.at(start, log, progress)
    assert told == [(0, 5), (1, 5), (2, 5), (3, 5)]
    kept = pool.take(key(start, log[:3]))
    assert kept is not None
    assert kept.now == 3.0


def test_line_beyond_its_budget_is_interrupted_at_the_same_place_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "EVENTS_PER_LINE", 50)
    ends = []
    for _ in range(2):
        one = Live(origin("01-the-tutorial"))
        shown = one.run("sleep 100000")
        assert shown.status == 130
        assert "too many events" in shown.error
        ends.append(one.now)
        assert one.run("kubectl get nodes").status == 0
    assert ends[0] == ends[1] < 100_000


# -- links ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.text(max_size=60)), max_size=40))
def test_link_round_trip(entries: list[tuple[float, str]]) -> None:
    log = tuple(entries)
    assert sharing.decode(sharing.encode(log)) == log


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_log_or_malformed(text: str) -> None:
    with suppress(sharing.Malformed):
        log = sharing.decode(text)
        assert all(isinstance(when, float) and isinstance(line, str) for when, line in log)


def packed(data: object) -> str:
    import base64
    import zlib

    return base64.urlsafe_b64encode(zlib.compress(json.dumps(data).encode())).decode()


@pytest.mark.parametrize(
    "data",
    [
        [2, []],
        [1, {}],
        [1, [["sleep 1", -1]]],
        [1, [["sleep 1", True]]],
        [1, [["sleep 1", "0"]]],
        [1, [["sleep 1", float("nan")]]],
        [1, [["sleep 1"]]],
        [1, [[1, 1]]],
        [1, [["x" * 200_000, 1]]],
        [1, [["sleep 1", *range(5000)]]],
        "text",
        [1, [["y" * 399_000, 0], ["z" * 399_000, 0]]],
    ],
    ids=range(12),
)
def test_wrong_links_are_refused(data: object) -> None:
    with pytest.raises(sharing.Malformed):
        sharing.decode(packed(data))


def test_link_that_unpacks_to_a_bomb_is_refused() -> None:
    text = packed([1, [["a" * 8_000_000, 0]]])
    assert len(text) < sharing.MAX_TEXT
    with pytest.raises(sharing.Malformed, match="too long"):
        sharing.decode(text)


# -- figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "command"),
    [
        ("01-the-tutorial", "linkerd stat -n {} deploy -o json"),
        ("02-the-tutorial-today", "linkerd viz stat -n {} deploy --unmeshed -o json"),
    ],
)
@pytest.mark.parametrize("until", ["pods", "stat"])
def test_table_equals_what_linkerd_stat_prints(
    taught: Callable[..., Live], scenario: str, command: str, until: str
) -> None:
    one = taught(scenario, until)
    for namespace in ("emojivoto", "linkerd"):
        read = golden.read(one.sandbox, namespace)
        printed = one.sandbox.sh(command.format(namespace))
        assert printed.status == 0, printed.stderr
        names = ("name", "meshed", "success", "rps", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99")
        wanted = [tuple(row[name] for name in names) for row in json.loads(printed.stdout)]
        assert [(r.name, r.meshed, r.success, r.rps, r.p50, r.p95, r.p99) for r in read.rows] == wanted


def test_every_missing_figure_is_explained(taught: Callable[..., Live]) -> None:
    one = Live(origin("01-the-tutorial"))
    one.run("curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -")

    def whys(sandbox: object = None) -> set[str]:
        return {row.why for row in golden.read(one.sandbox, "emojivoto").rows}

    assert whys() == {"why.not_installed"}
    one.run("linkerd install | kubectl apply -f -")
    assert whys() == {"why.starting"}
    one.run("linkerd check")
    assert whys() == {"why.not_meshed"}
    one = taught()
    assert [row.why for row in golden.read(one.sandbox, "emojivoto").rows] == ["", "why.nobody_calls", "", ""]
    one.run("kubectl -n emojivoto scale deploy/vote-bot --replicas=0")
    one.run("sleep 120")
    assert whys() == {"why.no_traffic", "why.no_pods"}
    one.run("kubectl -n linkerd scale deploy/linkerd-controller --replicas=0; sleep 60")
    assert whys() == {"why.api_down"}
    one.run("kubectl -n linkerd scale deploy/linkerd-prometheus --replicas=0; sleep 60")
    assert whys() == {"why.prometheus_down"}
    assert one.sandbox.sh("linkerd stat -n emojivoto deploy").status != 0


@pytest.mark.parametrize(
    ("success", "grade"),
    [(None, "none"), (0.0, "bad"), (0.8999, "bad"), (0.90, "warning"), (0.9499, "warning"), (0.95, "good")],
)
def test_grades(success: float | None, grade: str) -> None:
    assert golden.grade(success) == grade


def test_client_truth_shows_what_the_mesh_does_not_see(taught: Callable[..., Live]) -> None:
    one = taught(until="pods")
    shown = view.look(one, "emojivoto", "web")
    assert shown.seen == ()
    assert len(shown.truth.points) > 5
    assert 1.5 < np.mean([point.rps for point in shown.truth.points[1:]]) < 2.1


def test_points_of_the_mesh_are_the_same_watched_or_replayed(taught: Callable[..., Live]) -> None:
    watched = taught()
    for _ in range(12):
        watched.run("sleep 5 # playing")
        past.seen(watched, "emojivoto", "voting")
    replayed = Pool().at(watched.origin, tuple(watched.log))
    for name in ("web", "voting", "emoji"):
        points = past.seen(watched, "emojivoto", name)
        assert len(points) > 5
        assert points == past.seen(replayed, "emojivoto", name)


def test_truth_counts_every_request_once(taught: Callable[..., Live]) -> None:
    one = taught()
    drawn = past.truth(one, "emojivoto", "voting")
    table = one.sandbox.tables
    numbers = [i for i, (_, dst, _) in enumerate(table.edges.keys) if dst.startswith("voting-svc.emojivoto")]
    requests = table.requests.array()
    requests = requests[np.isin(requests["edge"], numbers)]
    requests = requests[requests["start_s"] < drawn.width * (one.now // drawn.width)]
    assert sum(point.rps * drawn.width for point in drawn.points) == pytest.approx(len(requests))


def test_drawing_has_callers_to_the_left_and_all_that_happened(taught: Callable[..., Live]) -> None:
    one = taught()
    drawn = traffic.read(one.sandbox, "emojivoto", pods(one.sandbox, "emojivoto"))
    x = {node.name: node.x for node in drawn.nodes}
    assert x["vote-bot"] < x["web"] < x["voting"] == x["emoji"]
    assert all(node.meshed for node in drawn.nodes)
    assert {(edge.src, edge.dst) for edge in drawn.edges} == {
        ("vote-bot", "web"),
        ("web", "emoji"),
        ("web", "voting"),
    }
    assert all(edge.secured for edge in drawn.edges)
    assert drawn.every == 1
    assert 40 <= len(drawn.dots) <= 60  # five requests a second and bot, for ten seconds
    assert any(not ok for _, _, ok, _ in drawn.dots)


def test_drawing_of_much_traffic_is_a_stated_sample(taught: Callable[..., Live]) -> None:
    one = taught()
    one.run("kubectl -n emojivoto scale deploy/vote-bot --replicas=20")
    one.run("sleep 60")
    drawn = traffic.read(one.sandbox, "emojivoto", pods(one.sandbox, "emojivoto"))
    assert drawn.every >= 4
    assert len(drawn.dots) <= 1.3 * traffic.MAX_DRAWN
