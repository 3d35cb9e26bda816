"""Back-off: the first wait is the minimum, jitter only adds."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.proxy.atoms.backoff import Backoff, InvalidBackoff
from tests.mesh.proxy.vectors import vector


def test_the_first_wait_is_the_minimum() -> None:
    assert vector("backoff-01")["expected"]["delay"] == "= min"
    assert Backoff(0.1, 60.0, 0.0).sequence().next(Random(1)) == 0.1


def test_waits_double_up_to_the_maximum() -> None:
    backoff = Backoff(1.0, 60.0, 0.0)
    assert [backoff.base(n) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.base(10**6) == 60


def test_when_jitter_is_added() -> None:
    added = [
        Backoff(0.1, 60.0, 0.0).spread(0.1, 0.9),
        Backoff(0.0, 60.0, 0.5).spread(0.0, 0.9),
        Backoff(0.1, 60.0, 0.5).spread(60.0, 0.9),
        Backoff(0.1, 60.0, 0.5).spread(0.4, 0.9),
    ]
    expected = vector("backoff-03")["expected"]["jitter_added"]
    for extra, sign in zip(added, expected, strict=True):
        assert (extra > 0) == (sign == "> 0")


def test_whole_seconds_and_the_rest_are_cut_off_separately() -> None:
    backoff = Backoff(1.0, 60.0, 0.5)
    assert backoff.spread(1.0, 0.99) == 0.0
    assert backoff.spread(4.0, 0.99) == 1.0
    assert backoff.spread(1.5, 0.5) == 0.125


@given(
    st.floats(0.001, 5),
    st.floats(0, 600),
    st.floats(0, 100),
    st.integers(0, 80),
    st.floats(0, 1, exclude_max=True),
)
def test_wait_and_jitter_never_exceed_the_maximum(
    minimum: float, more: float, jitter: float, n: int, draw: float
) -> None:
    backoff = Backoff(minimum, minimum + more, jitter)
    base = backoff.base(n)
    assert minimum <= base <= base + backoff.spread(base, draw) <= backoff.maximum * (1 + 1e-12)


@pytest.mark.parametrize(
    "bounds",
    [(2.0, 1.0, 0.0), (0.0, 0.0, 0.0), (1.0, 2.0, -0.1), (1.0, 2.0, 101.0), (1.0, 2.0, float("nan"))],
)
def test_impossible_bounds_are_refused(bounds: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidBackoff):
        Backoff(*bounds)


def test_a_sequence_starts_again_after_a_reset() -> None:
    sequence = Backoff(0.1, 60.0, 0.0).sequence()
    rng = Random(1)
    assert [sequence.next(rng) for _ in range(3)] == [0.1, 0.2, 0.4]
    sequence.reset()
    assert sequence.next(rng) == 0.1
