"""Stations: departures computed, and computed again when something changes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import Engine, Station


def departures(station: Station, jobs: list[tuple[float, float]]) -> dict[int, float]:
    """Submit (arrival, demand) jobs and run; departure by number."""
    engine = station.engine
    out: dict[int, float] = {}

    def left(index: int) -> None:
        out[index] = engine.now

    for index, (arrival, demand) in enumerate(jobs):
        engine.call_at(arrival, lambda item: station.submit(item[1], left, item[0]), (index, demand))
    engine.run_until(1e6)
    return out


def test_fifo_with_one_worker_queues() -> None:
    station = Station(Engine(), 1)
    assert departures(station, [(0, 2.0), (1, 2.0), (1.5, 1.0)]) == {0: 2.0, 1: 4.0, 2: 5.0}


def test_infinite_workers_never_queue() -> None:
    assert departures(Station(Engine()), [(0, 2.0), (0, 3.0), (1, 0.5)]) == {0: 2.0, 1: 3.0, 2: 1.5}


def test_processor_sharing_divides_the_worker() -> None:
    # 0-1: one job alone; then two share until the second, shorter one has had its 1 s of work.
    assert departures(Station(Engine(), 1, sharing=True), [(0, 2.0), (1, 0.5)]) == {0: 2.5, 1: 2.0}


def test_a_change_of_speed_recomputes_what_has_not_left() -> None:
    engine = Engine()
    station = Station(engine, 1)
    engine.call_at(1.0, lambda _: station.change(speed=0.5))
    assert departures(station, [(0, 2.0), (0, 1.0)]) == {0: 3.0, 1: 5.0}


def test_a_stopped_station_goes_on_later() -> None:
    engine = Engine()
    station = Station(engine, 1)
    engine.call_at(1.0, lambda _: station.change(speed=0.0))
    engine.call_at(11.0, lambda _: station.change(speed=1.0))
    assert departures(station, [(0, 2.0)]) == {0: 12.0}


def test_more_workers_take_up_the_queue() -> None:
    engine = Engine()
    station = Station(engine, 1)
    engine.call_at(1.0, lambda _: station.change(workers=2))
    assert departures(station, [(0, 4.0), (0, 4.0)]) == {0: 4.0, 1: 5.0}


def test_cancelled_jobs_make_room_and_killed_ones_never_return() -> None:
    engine = Engine()
    station = Station(engine, 1)
    out: list[tuple[str, float]] = []
    first = station.submit(2.0, lambda name: out.append((name, engine.now)), "first")
    station.submit(2.0, lambda name: out.append((name, engine.now)), "second")
    engine.call_at(1.0, lambda _: station.cancel(first))
    engine.run_until(10.0)
    assert out == [("second", 3.0)]
    station.submit(5.0, lambda name: out.append((name, engine.now)), "third")
    engine.run_until(11.0)
    assert len(station.kill()) == 1
    engine.run_until(100.0)
    assert len(out) == 1


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_impossible_demands_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="demand"):
        Station(Engine()).submit(bad, print)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 5)), min_size=1, max_size=25),
    st.integers(1, 4),
    st.booleans(),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 3)), max_size=4),
)
def test_work_is_conserved(
    jobs: list[tuple[float, float]], workers: int, sharing: bool, speeds: list[tuple[float, float]]
) -> None:
    engine = Engine()
    busy: list[int] = []
    station = Station(engine, workers, sharing=sharing, busy=busy.append)
    for at, speed in speeds:
        engine.call_at(at, lambda value: station.change(speed=value), speed)
    out = departures(station, jobs)
    assert len(out) == len(jobs), "every job leaves once"
    assert station.work_done == pytest.approx(sum(demand for _, demand in jobs))
    assert max(busy) <= workers
    assert busy[-1] == 0
    fastest = max([1.0, *(speed for _, speed in speeds)])
    for index, (arrival, demand) in enumerate(jobs):
        assert out[index] >= arrival + demand / fastest - 1e-9


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 2)), min_size=1, max_size=20), st.integers(1, 3))
def test_fifo_agrees_with_the_textbook_recursion(jobs: list[tuple[float, float]], workers: int) -> None:
    """Kiefer and Wolfowitz 1955: each job starts at the earlier of its arrival and a free worker."""
    jobs = sorted(jobs)
    free = [0.0] * workers
    expected = {}
    for index, (arrival, demand) in enumerate(jobs):
        start = max(arrival, min(free))
        free[free.index(min(free))] = start + demand
        expected[index] = start + demand
    assert departures(Station(Engine(), workers), jobs) == pytest.approx(expected)


def test_a_change_without_difference_changes_nothing() -> None:
    rng = random.Random(5)
    jobs = [(rng.uniform(0, 20), rng.expovariate(1.0)) for _ in range(50)]
    plain = departures(Station(Engine(), 2), jobs)
    engine = Engine()
    station = Station(engine, 2)
    for k in range(1, 60):
        engine.call_at(k / 2, lambda _: station.change(speed=1.0))
    assert departures(station, jobs) == pytest.approx(plain)
