"""The token bucket."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.proxy.atoms.bucket import Bucket


def test_a_fresh_bucket_lets_a_second_through_at_once_and_then_one_each_interval() -> None:
    bucket = Bucket(5)
    assert [bucket.admit(0.0) for _ in range(6)] == [True] * 5 + [False]
    assert not bucket.admit(0.199)
    assert bucket.admit(0.2)
    assert not bucket.admit(0.2)
    assert [bucket.admit(1.4) for _ in range(6)] == [True] * 5 + [False]


@given(st.integers(1, 200), st.lists(st.floats(0, 0.5), max_size=300))
def test_no_window_lets_more_through_than_burst_and_rate(rps: int, waits: list[float]) -> None:
    bucket, now, admitted = Bucket(rps), 0.0, 0
    for wait in waits:
        now += wait
        admitted += bucket.admit(now)
    assert admitted <= rps + now * rps * (1 + 1e-6) + 1
