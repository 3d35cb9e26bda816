"""Power of two choices: fair among equals, in proportion to load otherwise."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.messages import Address, EndpointUpdate
from mesh.proxy.atoms.p2c import choose
from tests.mesh.proxy.hand import Site
from tests.mesh.proxy.vectors import vector


class Node:
    """Something with a load that never changes."""

    def __init__(self, name: int, load: float = 0.0) -> None:
        self.name = name
        self.fixed = load
        self.reads = 0
        self.taken = 0

    def load(self, now: float) -> float:
        self.reads += 1
        return self.fixed + self.taken


def test_one_endpoint_is_taken_unread() -> None:
    node = Node(1)
    assert choose([node], Random(1), 0.0) is node
    assert node.reads == 0


def test_two_different_endpoints_are_compared() -> None:
    for seed in range(200):
        nodes = [Node(n) for n in range(3)]
        choose(nodes, Random(seed), 0.0)
        assert [node.reads for node in nodes if node.reads] == [1, 1]


def test_the_first_drawn_wins_a_tie() -> None:
    class Scripted(Random):
        draws = iter([0.9, 0.0])

        def random(self) -> float:
            return next(self.draws)

    nodes = [Node(0), Node(1), Node(2)]
    assert choose(nodes, Scripted(), 0.0) is nodes[2]


@pytest.mark.parametrize("size", [2, 3, 10, 100])
def test_equal_endpoints_get_equal_shares(size: int) -> None:
    # As Finagle tests it: every endpoint within 5 % of the mean load, here over 1,000 picks an endpoint.
    rng, nodes = Random(7), [Node(n) for n in range(size)]
    for _ in range(1000 * size):
        choose(nodes, rng, 0.0).taken += 1
    assert all(abs(node.taken - 1000) <= 50 for node in nodes)


def test_an_endpoint_at_a_head_start_is_left_alone_until_others_catch_up() -> None:
    rng, nodes = Random(7), [Node(n) for n in range(5)]
    nodes[0].taken = 500
    for _ in range(1500):
        choose(nodes, rng, 0.0).taken += 1
    assert nodes[0].taken == 500
    assert all(300 <= node.taken <= 450 for node in nodes[1:])


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=12, unique=True), st.integers(0, 2**32))
def test_the_most_loaded_is_never_chosen(loads: list[float], seed: int) -> None:
    nodes = [Node(n, load) for n, load in enumerate(loads)]
    rng = Random(seed)
    chosen = Counter(choose(nodes, rng, 0.0).name for _ in range(20))
    assert loads.index(max(loads)) not in chosen


def test_membership_changes_only_what_changed() -> None:
    site, spec = Site(), vector("p2c-01")
    site.get_started()
    destination = site.resolved[0]
    counts = {"reset": 0, "add": 0, "rm": 0}
    for op, size in zip(spec["input"]["ops"], spec["expected"]["sizes"], strict=True):
        before = dict(destination.endpoints)
        kind = _apply(destination, op)
        counts[kind] += before != destination.endpoints
        assert len(destination.endpoints) == len(destination.pool) == size, op
    assert counts == spec["expected"]["counters"]


def _apply(destination: object, op: str) -> str:
    """``reset{a:1,b:2}``, ``add a:1`` or ``remove a``: names are addresses, numbers their targets."""
    from mesh.proxy.destination import Destination

    assert isinstance(destination, Destination)

    def address(text: str) -> Address:
        name, _, target = text.strip().partition(":")
        return Address(name, 80, labels=(("target", target),))

    if op.startswith("reset"):
        named = op.removeprefix("reset{").removesuffix("}")
        destination.reset(tuple(address(each) for each in named.split(",") if each))
        return "reset"
    verb, _, rest = op.partition(" ")
    if verb == "add":
        destination.update(EndpointUpdate(add=(address(rest),)))
        return "add"
    destination.update(EndpointUpdate(remove=((rest, 80),)))
    return "rm"


def test_a_dropped_destination_takes_its_endpoints_along() -> None:
    site, sizes = Site(), []
    site.knows(*(Address(f"10.0.0.{n}", 80) for n in range(3)))

    def size() -> int:
        return sum(len(each.pool) for each in site.proxy.destinations.values())

    site.get()
    sizes.append(size())
    site.hand.advance(5.0)
    site.proxy.sweep()
    sizes.append(size())
    site.get()
    sizes.append(size())
    assert sizes == vector("p2c-03")["expected"]["endpoints_gauge"]


def test_an_unchanged_endpoint_keeps_its_estimate_and_a_changed_one_starts_anew() -> None:
    site = Site()
    site.knows(Address("10.0.0.1", 80))
    site.get()
    destination = site.resolved[0]
    (old,) = destination.endpoints.values()
    old.ewma.estimate = 7.0
    destination.update(EndpointUpdate(add=(Address("10.0.0.1", 80, weight=1),)))
    assert next(iter(destination.endpoints.values())) is old
    destination.update(EndpointUpdate(add=(Address("10.0.0.1", 80, identity="someone"),)))
    (new,) = destination.endpoints.values()
    assert new is not old
    assert new.ewma.estimate == 0.03
    assert destination.pool.ready == [new]
