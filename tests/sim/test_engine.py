"""The clock: order, deadlines, streams, calendar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import Calendar, Draws, Engine
from sim.engine.draws import mix, source_key


def test_lane_and_simpy_events_share_one_clock_with_a_stated_order() -> None:
    engine = Engine()
    log: list[str] = []

    def process() -> object:
        yield engine.timeout(1.0)
        log.append("simpy at 1")
        yield engine.timeout(1.0)
        log.append("simpy at 2")

    engine.call_at(1.0, log.append, "lane at 1")
    engine.call_at(1.0, log.append, "lane at 1, later")
    engine.call_at(0.5, log.append, "lane at 0.5")
    engine.process(process())
    engine.run_until(2.0)
    assert log == ["lane at 0.5", "simpy at 1", "lane at 1", "lane at 1, later", "simpy at 2"]
    assert engine.now == 2.0


def test_running_backwards_is_refused() -> None:
    engine = Engine()
    engine.run_until(5.0)
    with pytest.raises(ValueError, match="cannot run back to 4"):
        engine.run_until(4.0)


@given(st.lists(st.tuples(st.sampled_from([0.5, 1.0, 3.0]), st.floats(0, 10), st.booleans()), max_size=40))
def test_deadlines_expire_on_time_and_in_order_unless_cancelled(
    plan: list[tuple[float, float, bool]],
) -> None:
    engine = Engine()
    fired: list[tuple[float, int]] = []
    expected: list[tuple[float, int]] = []

    def make(item: tuple[int, float, bool]) -> None:
        index, length, cancel = item
        deadline = engine.deadline(length, lambda _: fired.append((engine.now, index)))
        if cancel:
            deadline.cancel()
        else:
            expected.append((engine.now + length, index))

    for index, (length, at, cancel) in enumerate(plan):
        engine.call_at(at, make, (index, length, cancel))
    engine.run_until(100.0)
    assert sorted(fired) == sorted(expected)
    assert [t for t, _ in fired] == sorted(t for t, _ in fired)
    assert not engine._fifos, "empty FIFOs are forgotten"


def test_a_deadline_made_while_one_expires_expires_too() -> None:
    engine = Engine()
    log: list[float] = []

    def again(_: object) -> None:
        log.append(engine.now)
        if len(log) < 3:
            engine.deadline(1.0, again)

    engine.deadline(1.0, again)
    engine.run_until(10.0)
    assert log == [1.0, 2.0, 3.0]


def test_run_process_returns_values_raises_failures_and_gives_up() -> None:
    engine = Engine()

    def good() -> object:
        yield engine.timeout(2.0)
        return "done"

    def bad() -> object:
        yield engine.timeout(1.0)
        raise LookupError("nothing there")

    def stuck() -> object:
        yield engine.event()

    assert engine.run_process(engine.process(good())) == "done"
    with pytest.raises(LookupError):
        engine.run_process(engine.process(bad()))
    with pytest.raises(TimeoutError):
        engine.run_process(engine.process(stuck()), limit=engine.now + 5)


def test_streams_do_not_move_one_another() -> None:
    plain, busy = Engine(7), Engine(7)
    for _ in range(100):
        busy.stream("other").random()
    assert [plain.stream("load", "bot").random() for _ in range(5)] == [
        busy.stream("load", "bot").random() for _ in range(5)
    ]
    assert Engine(8).stream("load", "bot").random() != Engine(7).stream("load", "bot").random()


def test_draws_belong_to_their_key() -> None:
    key = source_key(1, "load/bot")
    assert [Draws(key).uniform() for _ in range(3)] == [Draws(key).uniform()] * 3
    assert len({Draws(mix(key + n)).uniform() for n in range(10_000)}) == 10_000


def test_branches_draw_beside_and_move_nothing() -> None:
    key = source_key(1, "load/bot")
    draws = Draws(key)
    branches = [draws.branch() for _ in range(100)]
    assert len({branch.uniform() for branch in branches}) == 100
    after = draws.uniform()
    other = Draws(key)
    for _ in range(100):
        other.branch()  # that nobody draws from
    assert other.uniform() == after


def test_draws_are_uniform_and_exponential() -> None:
    uniforms = [Draws(mix(n)).uniform() for n in range(20_000)]
    assert abs(sum(uniforms) / 20_000 - 0.5) < 0.01
    deciles = [sum(1 for u in uniforms if k / 10 <= u < (k + 1) / 10) for k in range(10)]
    assert all(abs(count - 2000) < 5 * 2000**0.5 for count in deciles)
    exponentials = [Draws(mix(n)).exponential(3.0) for n in range(20_000)]
    assert abs(sum(exponentials) / 20_000 - 3.0) < 0.1


@given(st.integers(0, 10**8))
def test_calendar_round_trips(seconds: int) -> None:
    calendar = Calendar("2020-07-15T09:00:00Z")
    assert calendar.seconds(calendar.timestamp(seconds)) == seconds


def test_calendar_refuses_other_dates() -> None:
    with pytest.raises(ValueError, match="does not match"):
        Calendar("15 July 2020")
