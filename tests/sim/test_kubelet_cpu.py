"""A node's CPU account: nothing is computed until cores are short; then weights and limits decide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cluster.node import Node
from sim.cluster.node.cpu import CpuAccount, CpuShare, share_out
from sim.engine import Engine
from tests.sim.clusters import Lab, container, pod

INFINITY = float("inf")


def opened(cores: float, *shares: tuple[float, float]) -> tuple[Engine, CpuAccount, list[CpuShare]]:
    engine = Engine(1)
    account = CpuAccount(engine, cores)
    made = [
        account.open(("ns", "pod", str(index)), weight, limit) for index, (weight, limit) in enumerate(shares)
    ]
    return engine, account, made


def finish_times(engine: Engine, jobs: list[tuple[CpuShare, float]]) -> list[float]:
    """Submit one job a (share, demand) now; the times at which they leave."""
    done: dict[int, float] = {}
    for index, (share, demand) in enumerate(jobs):
        share.station.submit(demand, lambda i: done.setdefault(i, engine.now), index)
    engine.run_until(10_000.0)
    return [done[index] for index in range(len(jobs))]


def test_jobs_that_fit_run_at_full_speed() -> None:
    engine, _, (a, b) = opened(2, (1, INFINITY), (1, INFINITY))
    assert finish_times(engine, [(a, 3.0), (b, 5.0)]) == [3.0, 5.0]


def test_two_containers_on_one_core_share_it_by_weight() -> None:
    engine, _, (a, b) = opened(1, (0.3, INFINITY), (0.1, INFINITY))
    # a runs at 3/4 until its 3 s are done at t = 4; b has then done 1 s and runs alone
    assert finish_times(engine, [(a, 3.0), (b, 2.0)]) == pytest.approx([4.0, 5.0])


def test_an_idle_containers_share_goes_to_the_others() -> None:
    engine, _, (a, b, _) = opened(1, (1, INFINITY), (1, INFINITY), (98, INFINITY))
    assert finish_times(engine, [(a, 1.0), (b, 1.0)]) == pytest.approx([2.0, 2.0])


def test_a_limit_bounds_a_container_on_an_idle_node() -> None:
    engine, _, (a,) = opened(8, (0.1, 0.5))
    assert finish_times(engine, [(a, 1.0)]) == pytest.approx([2.0])
    engine, _, (a,) = opened(8, (0.1, 2.0))
    assert finish_times(engine, [(a, 3.0)] * 3) == pytest.approx([4.5] * 3)


def test_what_a_limited_container_leaves_is_used() -> None:
    engine, _, (a, b) = opened(1, (1, 0.25), (1, INFINITY))
    assert finish_times(engine, [(a, 1.0), (b, 3.0)]) == pytest.approx([4.0, 4.0])


def test_an_arrival_slows_those_already_there() -> None:
    engine, _, (a, b) = opened(1, (1, INFINITY), (1, INFINITY))
    left: dict[str, float] = {}
    a.station.submit(2.0, lambda _: left.setdefault("a", engine.now))
    engine.call_at(1.0, lambda _: b.station.submit(0.5, lambda _: left.setdefault("b", engine.now)))
    engine.run_until(100.0)
    assert left == pytest.approx({"b": 2.0, "a": 2.5})


def test_a_slow_machine_slows_everybody() -> None:
    engine, account, (a,) = opened(4, (1, INFINITY))
    account.slow(0.5)
    assert finish_times(engine, [(a, 1.0)]) == pytest.approx([2.0])
    account.slow(1.0)
    assert a.speed == 1.0


@given(
    st.floats(0.1, 16),
    st.lists(st.tuples(st.floats(0, 8), st.floats(0.002, 8)), min_size=1, max_size=12),
)
def test_sharing_out_wastes_nothing_and_gives_nobody_too_much(
    cores: float, entries: list[tuple[float, float]]
) -> None:
    wanted, weights = [w for w, _ in entries], [w for _, w in entries]
    granted = share_out(cores, wanted, weights)
    assert all(-1e-9 <= got <= want + 1e-9 for got, want in zip(granted, wanted, strict=True))
    assert sum(granted) == pytest.approx(min(cores, sum(wanted)))
    # whoever lacks gets at least as much per weight as anybody else
    lacking = [g / w for g, want, w in zip(granted, wanted, weights, strict=True) if g < want - 1e-6]
    every = [g / w for g, w in zip(granted, weights, strict=True)]
    if lacking:
        assert min(lacking) >= max(every) - 1e-6


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.001, 3), st.floats(0, 5)), min_size=1, max_size=40))
def test_a_node_does_exactly_the_work_it_is_given(jobs: list[tuple[int, float, float]]) -> None:
    engine, account, shares = opened(1.5, (0.5, INFINITY), (0.1, 0.4), (1, INFINITY))
    left = []
    for index, demand, when in jobs:
        engine.call_at(when, lambda job: shares[job[0]].station.submit(job[1], left.append), (index, demand))
    engine.run_until(1000.0)
    assert len(left) == len(jobs)
    for number, share in enumerate(shares):
        given_work = sum(demand for index, demand, _ in jobs if index == number)
        assert share.seconds() == pytest.approx(given_work)
    assert account.wanted == pytest.approx(0.0)
    assert not account.short


def test_usage_over_a_window_counts_work_in_progress_and_charges() -> None:
    engine, _, (a,) = opened(4, (1, INFINITY))
    engine.run_until(100.0)
    a.station.submit(100.0, lambda _: None)
    engine.run_until(130.0)
    assert a.usage(30.0) == pytest.approx(1.0)
    assert a.usage(60.0) == pytest.approx(0.5)
    a.charge(15.0)
    assert a.usage(60.0) == pytest.approx(0.75)
    assert a.seconds() == pytest.approx(45.0)


def test_usage_when_throttled_is_the_limit() -> None:
    engine, _, (a,) = opened(4, (1, 0.2))
    for _ in range(10):
        a.station.submit(100.0, lambda _: None)
    engine.run_until(60.0)
    assert a.usage(60.0) == pytest.approx(0.2)


def test_many_jobs_keep_the_speed_within_two_percent() -> None:
    engine, account, (a,) = opened(1, (1, INFINITY))
    for _ in range(300):
        a.station.submit(1000.0, lambda _: None)
    assert a.speed * a.active == pytest.approx(1.0, rel=0.025)
    engine.run_until(100.0)
    assert a.usage(100.0) == pytest.approx(1.0, rel=0.025)
    assert account.short


def test_nothing_is_computed_while_the_cores_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, account, (a, b) = opened(4, (1, INFINITY), (1, 3.0))
    calls: list[Any] = []
    monkeypatch.setattr(CpuAccount, "settle", lambda self, share: calls.append(share))
    for share in (a, b):
        for _ in range(2):
            share.station.submit(1.0, lambda _: None)
    engine.run_until(10.0)
    assert calls == []
    assert account.wanted == 0


def test_addresses_are_handed_out_in_turn_and_come_back() -> None:
    node = Node(Engine(1), "n", index=3)
    first = [node.take_address() for _ in range(253)]
    assert first[:2] == ["10.4.3.2", "10.4.3.3"]
    assert len(set(first)) == 253
    with pytest.raises(LookupError, match="no pod address left"):
        node.take_address()
    node.free_address("10.4.3.9")
    assert node.take_address() == "10.4.3.9"


def test_allocatable_is_less_than_capacity_by_gkes_table() -> None:
    node = Node(Engine(1), "n", cpu=4, memory="16Gi")
    assert node.capacity()["cpu"] == "4"
    assert node.allocatable()["cpu"] == "3920m"
    # 16 GiB - (1 + 0.8 + 0.8) GiB - 100 MiB
    assert node.allocatable()["memory"] == f"{int((16 - 2.6) * 2**20 - 100 * 2**10)}Ki"


def test_a_containers_station_is_its_share_of_the_node() -> None:
    lab = Lab(1, cpu=1.0)
    lab.run(1.0)
    for name, cpu in (("big", "300m"), ("small", "100m")):
        lab.create(pod(name, container("sleeper:v1", resources={"requests": {"cpu": cpu}})))
    lab.run(10)
    done: dict[str, float] = {}
    began = lab.engine.now
    for name, demand in (("big", 3.0), ("small", 2.0)):
        lab.program(name).container.cpu.submit(
            demand, lambda n: done.setdefault(n, lab.engine.now - began), name
        )
    lab.run(2.0)
    assert lab.kubelets["node-0"].cpu_usage("default", "big", 2.0) == pytest.approx(0.75)
    lab.run(8.0)
    assert done == pytest.approx({"big": 4.0, "small": 5.0})
    lab.program("big").container.charge(5.0)
    assert lab.kubelets["node-0"].cpu_usage("default", "big", 10.0) == pytest.approx(0.8)
    lab.program("small").container.cpu.submit(100.0, lambda n: done.setdefault(n, 0.0), "late")
    lab.kubelets["node-0"].kill_container("default", "small", "main")
    assert lab.kubelets["node-0"].node.cpu.wanted == 0
    lab.run(200)
    assert "late" not in done
