"""Common random numbers: turning the mesh on leaves arrivals, choices and service demands as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sim.engine.draws import GOLDEN, MASK, Draws, mix, source_key
from sim.programs import task
from sim.programs.task import Task
from sim.scenario.loader import from_data
from sim.shell.sandbox import Sandbox
from tests.sim.walk import EMOJIVOTO, INJECT, STABLE, do, install, ready

WORK = {"web": 0.00015, "emoji": 0.00017, "voting": 0.00016}  # mean service demands of emojivoto, seconds
# A fan of two branches with two calls each, whose later calls overtake one another when latencies change.
APP = {
    "services": {
        "front": {
            "routes": {
                "/": [
                    {"work": "1ms"},
                    {
                        "parallel": [
                            [{"call": "left"}, {"call": "right"}, {"call": "left"}],
                            [{"call": "right"}, {"call": "left"}, {"call": "right"}],
                        ]
                    },
                    {"work": {"mean": "500us", "distribution": "lognormal"}},
                    {"choice": [{"share": 0.3, "steps": [{"call": "left"}]}]},
                    {
                        "loop": {
                            "times": 2,
                            "steps": [{"parallel": [[{"work": "300us"}], [{"call": "right"}]]}],
                        }
                    },
                ]
            }
        },
        "left": {"protocol": "grpc", "routes": {"/": [{"work": "2ms"}]}},
        "right": {"routes": {"/": [{"work": "1500us"}, {"fail": {"rate": 0.1}}]}},
    }
}

Demands = dict[tuple[str, int], list[float]]  # by workload and the key of the hop


@contextmanager
def recorded() -> Iterator[Demands]:
    """The service demands that tasks submit to their containers' CPUs meanwhile."""
    demands: Demands = {}
    begin = task.Work.begin

    def submit(work: task.Work, running: Task) -> None:
        if running.hop is not None:
            workload = running.container.pod.workload.removeprefix("deploy/")
            demands.setdefault((workload, running.hop.key), []).append(work.seconds)
        begin(work, running)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task.Work, "begin", submit)
        yield demands


def child(key: int, n: int) -> int:
    """The key of the n-th call made while serving the request of ``key``."""
    return mix(key ^ (n * GOLDEN & MASK))


# -- emojivoto and its bot ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def votes() -> dict[bool, tuple[Sandbox, Demands]]:
    """Five minutes of emojivoto, with injection and without."""
    runs = {}
    for inject in (False, True):
        with recorded() as demands:
            sandbox = Sandbox(edition=STABLE, seed=7)
            install(sandbox)
            do(sandbox, EMOJIVOTO)
            sandbox.advance(30.0)
            if inject:
                do(sandbox, INJECT)
            sandbox.advance(300.0 - sandbox.engine.now)
        assert set(ready(sandbox).values()) == {"2/2" if inject else "1/1"}
        runs[inject] = (sandbox, demands)
    return runs


def choices(sandbox: Sandbox) -> dict[int, str]:
    """What the bot's n-th cycle voted for; a trace is n where the bot is the only source."""
    keys = sandbox.tables.edges.keys
    found = {}
    for row in sandbox.tables.requests.array():
        _, dst, route = keys[row["edge"]]
        if dst == "voting-svc.emojivoto":
            found[int(row["trace"])] = route.rpartition("/")[2]
    return found


def test_the_bots_choices_are_the_same(votes: dict[bool, tuple[Sandbox, Demands]]) -> None:
    without, with_ = (choices(votes[inject][0]) for inject in (False, True))
    common = without.keys() & with_.keys()
    assert len(common) > 180
    assert {n: without[n] for n in common} == {n: with_[n] for n in common}
    assert len({without[n] for n in common}) > 60


def test_the_bots_think_time_is_the_same(votes: dict[bool, tuple[Sandbox, Demands]]) -> None:
    """One second between the end of a cycle and the start of the next, whatever the latency."""
    for sandbox, _ in votes.values():
        keys = sandbox.tables.edges.keys
        rows = [row for row in sandbox.tables.requests.array() if keys[row["edge"]][0] == "deploy/vote-bot"]
        late = [row for row in rows if row["start_s"] > 150.0]
        assert len(late) > 250
        for vote, listing in pairwise(late):
            if keys[vote["edge"]][2] == "/api/vote":
                think = listing["start_s"] - vote["start_s"] - float(vote["latency_s"])
                assert think == pytest.approx(1.0, abs=1e-5)


def test_emojivotos_demands_belong_to_source_number_and_hop(
    votes: dict[bool, tuple[Sandbox, Demands]],
) -> None:
    """The demand of (bot, n, hop) is the draw of its key in both runs, whichever pod served it."""
    bot = source_key(7, "load/emojivoto/deploy/vote-bot")
    expected: Demands = {}
    for n in range(1, 400):
        cycle = mix(bot + n * GOLDEN & MASK)
        listing, vote = child(cycle, 1), child(cycle, 2)
        hops = [("web", listing), ("emoji", child(listing, 1))]
        hops += [("web", vote), ("emoji", child(vote, 1)), ("voting", child(vote, 2))]
        expected.update({(who, key): [Draws(key).exponential(WORK[who])] for who, key in hops})
    served = []
    for _, demands in votes.values():
        own = {hop: values for hop, values in demands.items() if hop[0] in WORK}
        assert len(own) > 5 * 200
        assert {hop: expected.get(hop) for hop in own} == own
        served.append(own.keys())
    assert len(served[0] & served[1]) > 5 * 180


# -- a declared application under load ----------------------------------------------------------------------


def shop(*, inject: bool, seed: int = 3, load: bool = False) -> tuple[Sandbox, Demands]:
    """The application under an open load; injected or not at the same moment, ``load`` with its source."""
    scenario = from_data(
        {
            "title": "two ways",
            "edition": STABLE,
            "seed": seed,
            "apps": {"shop": APP},
            "load": {
                "open": {"target": "front.shop:80", "rps": 8.0},
                "paced": {"target": "left.shop:80", "grpc": True, "rps": 3.0, "arrivals": "uniform"},
                "closed": {"target": "front.shop:80", "users": 2, "think": "400ms"},
            },
        },
        "test",
    )
    with recorded() as demands:
        sandbox = Sandbox(scenario=scenario)
        install(sandbox)
        if inject:
            for namespace in ("shop", "load") if load else ("shop",):
                line = f"kubectl get -n {namespace} deploy -o yaml | linkerd inject - | kubectl apply -f -"
                do(sandbox, line)
        sandbox.advance(200.0 - sandbox.engine.now)
    assert set(ready(sandbox, "shop").values()) == {"2/2" if inject else "1/1"}
    return sandbox, demands


@pytest.fixture(scope="module")
def shops() -> dict[bool, tuple[Sandbox, Demands]]:
    return {inject: shop(inject=inject) for inject in (False, True)}


def arrivals(sandbox: Sandbox, source: str) -> Any:
    """When a source sent its requests, in order."""
    keys = sandbox.tables.edges.keys
    table = sandbox.tables.requests.array()
    rows = table[[keys[edge][0] == f"deploy/{source}" for edge in table["edge"]]]
    return np.sort(rows["start_s"])


@pytest.mark.parametrize(("source", "rate"), [("open", 8.0), ("paced", 3.0)])
def test_open_loop_arrivals_are_the_same_to_the_bit(
    shops: dict[bool, tuple[Sandbox, Demands]], source: str, rate: float
) -> None:
    without, with_ = (arrivals(shops[inject][0], source) for inject in (False, True))
    # A request is recorded when it is answered: those under way at the end differ.
    length = min(len(without), len(with_)) - 5
    assert length > 0.9 * rate * 190
    assert (without[:length] == with_[:length]).all()


def test_a_meshed_source_keeps_its_gaps(shops: dict[bool, tuple[Sandbox, Demands]]) -> None:
    """Its pod starts again, later; the n-th gap stays the n-th gap."""
    without = arrivals(shops[False][0], "open")
    meshed = arrivals(shop(inject=True, load=True)[0], "open")
    gaps, found = np.diff(without), np.diff(meshed)
    wrong = [n for n in range(min(len(gaps), len(found)) - 5) if abs(gaps[n] - found[n]) > 1e-9]
    # Where the old pod stopped and the new one began, two arrivals overlap or one gap is cut short.
    assert len(wrong) <= 0.3 * len(found), len(wrong)


def test_declared_demands_belong_to_source_number_and_hop(shops: dict[bool, tuple[Sandbox, Demands]]) -> None:
    """Also for calls of parallel branches, whose order in time changes with the latency of the mesh."""
    without, with_ = (shops[inject][1] for inject in (False, True))
    names = {"front", "left", "right"}
    common = {hop for hop in without.keys() & with_.keys() if hop[0] in names}
    for hop in common:
        # A request whose calls failed while pods were being replaced ends early.
        length = min(len(without[hop]), len(with_[hop]))
        assert without[hop][:length] == with_[hop][:length]
    # Hops of requests that both runs finished must not be missing in either: a key may not move to another
    # service, as it would if calls were numbered in the order they happened to be sent.
    for one, other in ((without, with_), (with_, without)):
        lost = {hop for hop in one.keys() - other.keys() if hop[0] in names}
        assert len(lost) < 0.1 * len(common), (len(lost), len(common))
        moved = {key for _, key in lost} & {key for _, key in other}
        assert not moved


def test_every_draw_of_a_request_is_its_own(shops: dict[bool, tuple[Sandbox, Demands]]) -> None:
    """No two pieces of work share a number: not those of a loop's rounds, nor of branches."""
    _, demands = shops[False]
    values = [value for (who, _), found in demands.items() if who == "front" for value in found]
    assert len(values) > 3000
    assert len(set(values)) == len(values)


def test_another_seed_is_another_world(shops: dict[bool, tuple[Sandbox, Demands]]) -> None:
    other, _ = shop(inject=False, seed=4)
    assert not (arrivals(other, "open")[:20] == arrivals(shops[False][0], "open")[:20]).any()
