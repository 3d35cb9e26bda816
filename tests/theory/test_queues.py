"""Stations and declared services against queueing theory."""

import pytest

from sim.cluster.net import NetworkSpec
from sim.engine import Engine, Station
from sim.programs.declared import DeclaredService
from sim.programs.load import LoadGenerator
from sim.scenario.app import App
from tests.sim.harness import Bench
from tests.theory.statistics import assert_agreement, response_time

WARM_UP = 0.1  # share of the jobs that is not looked at


def queue(seed: int, *, workers: int, rho: float, sharing: bool = False, jobs: int = 30_000) -> float:
    """Mean response time of a queue with unit service times."""
    engine = Engine(seed)
    rng = engine.stream("test")
    station = Station(engine, workers, sharing=sharing)
    rate = rho * workers
    times: list[float] = []

    def arrive(index: int) -> None:
        station.submit(rng.expovariate(1.0), lambda start: times.append(engine.now - start), engine.now)
        if index < jobs:
            engine.call_in(rng.expovariate(rate), arrive, index + 1)

    engine.call_in(rng.expovariate(rate), arrive, 1)
    engine.run_until(1e9)
    kept = times[int(WARM_UP * len(times)) :]
    return sum(kept) / len(kept)


@pytest.mark.parametrize(("workers", "rho"), [(1, 0.5), (2, 0.7), (4, 0.7)])
def test_fifo_is_m_m_c(workers: int, rho: float) -> None:
    assert_agreement(
        lambda seed: queue(seed, workers=workers, rho=rho), response_time(workers, rho * workers, 1.0)
    )


def test_processor_sharing_is_insensitive_and_equals_m_m_1() -> None:
    assert_agreement(lambda seed: queue(seed, workers=1, rho=0.5, sharing=True, jobs=12_000), 2.0)


CHAIN = App.model_validate(
    {
        "services": {
            "web": {
                "port": 8080,
                "workers": 4,
                "routes": {"/": [{"work": "5ms"}, {"call": "emoji"}, {"call": "voting"}]},
            },
            "emoji": {"port": 8080, "workers": 2, "protocol": "grpc", "routes": {"/": [{"work": "2.5ms"}]}},
            "voting": {"port": 8080, "workers": 2, "protocol": "grpc", "routes": {"/": [{"work": "2.5ms"}]}},
        }
    }
)


def chain(seed: int, seconds: float = 20.0) -> float:
    """Mean latency of web → emoji, then voting, at 400 requests/s over a network without delay."""
    bench = Bench(seed, NetworkSpec(host=0.0, zone=0.0, between_zones=0.0, jitter=0.0))
    for index, name in enumerate(CHAIN.services):
        container = bench.container(name)
        bench.service(name, f"10.96.1.{index}", 8080, (container, 8080))
        DeclaredService(container, bench.world, CHAIN, name).start()
    source = bench.container("load", env={"TARGET": "web.emojivoto:8080", "RPS": "400"})
    LoadGenerator(source, bench.world).start()
    bench.engine.run_until(seconds)
    rows = bench.world.tables.requests.array()
    edges = bench.world.tables.edges.keys
    ours = rows[[edges[e][0] == "deploy/load" for e in rows["edge"]]]
    return float(ours["latency_s"][ours["start_s"] > 1.0].mean())


def test_a_chain_is_a_jackson_network() -> None:
    # Work occupies a worker, waiting for others does not: three independent queues (Jackson 1957).
    theory = response_time(4, 400, 0.005) + 2 * response_time(2, 400, 0.0025)
    assert_agreement(chain, theory)
