"""Peak-EWMA: jumps up, decays on every read."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.proxy.atoms.ewma import PeakEwma
from tests.mesh.proxy.vectors import vector


def test_reads_decay_and_store() -> None:
    given_, expected = vector("peak-01")["input"], vector("peak-01")["expected"]["cost_ns"]
    ewma = PeakEwma(0.0, given_["default_rtt_ms"] / 1000, given_["decay_ms"] / 1000)
    for at, cost in zip(given_["read_at_ms"], expected, strict=True):
        exact = cost["exact"] if isinstance(cost, dict) else cost
        assert ewma.cost(at / 1000, given_["pending"]) * 1e9 == pytest.approx(exact, rel=1e-12)


def test_a_low_sample_after_a_read_hardly_counts() -> None:
    # Figures of the reference: 100 ms, decay 10 s, a 10 ms sample ten seconds later.
    unread = PeakEwma(0.0, 0.1, 10.0)
    assert unread.update(0.010, 10.0) * 1000 == pytest.approx(43.1, abs=0.05)
    read = PeakEwma(0.0, 0.1, 10.0)
    read.cost(10.0, 0)
    assert read.update(0.010, 10.0) * 1000 == pytest.approx(36.8, abs=0.05)


def test_a_higher_sample_is_taken_whole() -> None:
    ewma = PeakEwma(0.0, 0.03)
    assert ewma.update(0.5, 0.001) == 0.5


def test_the_start_is_never_below_a_millisecond() -> None:
    assert PeakEwma(0.0, 0.0).estimate == 0.001


def test_cost_grows_with_requests_in_flight() -> None:
    ewma = PeakEwma(0.0, 0.03)
    assert ewma.cost(0.0, 0) == 0.03
    assert ewma.cost(0.0, 4) == pytest.approx(0.15)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 100)), max_size=30))
def test_the_estimate_stays_between_zero_and_the_highest_sample(samples: list[tuple[float, float]]) -> None:
    ewma, now, highest = PeakEwma(0.0), 0.0, 0.03
    for wait, sample in samples:
        now += wait
        highest = max(highest, sample)
        assert 0.0 <= ewma.update(sample, now) <= highest * (1 + 1e-12)
        assert ewma.cost(now, 0) == ewma.estimate


def test_a_read_is_an_update_with_nothing() -> None:
    a, b = PeakEwma(0.0, 0.2), PeakEwma(0.0, 0.2)
    assert a.cost(3.0, 0) == pytest.approx(b.update(0.0, 3.0))
    assert a.estimate == pytest.approx(0.2 * exp(-0.3))
