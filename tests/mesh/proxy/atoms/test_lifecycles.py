"""Tables of lifecycles: every pair is either there or refused, every state reached and left."""

from enum import Enum
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.proxy import identity
from mesh.proxy.atoms import failfast, gate
from mesh.proxy.atoms.failfast import FailFast, QueueInput, QueueState
from mesh.proxy.atoms.gate import Gate, GateInput, GateState, IllegalTransition
from mesh.proxy.identity import IdentityInput, IdentityState
from tests.mesh.proxy.vectors import vector

TABLES = [
    (gate.TRANSITIONS, GateState, GateInput, GateState.OPEN),
    (failfast.TRANSITIONS, QueueState, QueueInput, QueueState.OPEN),
    (identity.TRANSITIONS, IdentityState, IdentityInput, IdentityState.NONE),
]


@pytest.mark.parametrize(("table", "states", "inputs", "start"), TABLES, ids=["gate", "failfast", "identity"])
def test_every_state_is_reached_and_left(
    table: dict, states: type[Enum], inputs: type[Enum], start: Enum
) -> None:
    reached, more = set(), {start}
    while more:
        reached |= more
        more = {after for (before, _), after in table.items() if before in reached} - reached
    assert reached == set(states)
    for state in states:
        assert any(before is state and after is not state for (before, _), after in table.items())
    assert {input_ for _, input_ in table} == set(inputs)


@pytest.mark.parametrize("pair", list(product(GateState, GateInput)))
def test_a_gate_takes_what_the_table_says_and_nothing_else(pair: tuple[GateState, GateInput]) -> None:
    made = Gate()
    made.state = pair[0]
    if pair in gate.TRANSITIONS:
        assert made.advance(pair[1]) is gate.TRANSITIONS[pair]
    else:
        with pytest.raises(IllegalTransition) as caught:
            made.advance(pair[1])
        assert (caught.value.state, caught.value.input) == pair
        assert made.state is pair[0]


@given(st.lists(st.sampled_from(list(GateInput)), max_size=60))
def test_a_gate_has_a_permit_exactly_on_probation(inputs: list[GateInput]) -> None:
    made = Gate()
    for input_ in inputs:
        if (made.state, input_) in gate.TRANSITIONS:
            before = made.state
            made.advance(input_)
            if made.state is not before:
                assert made.permits == (1 if made.state is GateState.PROBATION else 0)
        assert made.admits == (made.state is GateState.OPEN or made.permits > 0)
        made.take()
        assert made.permits == 0


def test_a_gate_passes_the_inner_readiness_through_while_open() -> None:
    spec = vector("gate-02")
    made, ready = Gate(), []
    for state in spec["input"]["states"]:
        shut = state == "shut"
        if shut and made.state is GateState.OPEN:
            made.advance(GateInput.TRIP)
        elif not shut and made.state is GateState.SHUT:
            made.advance(GateInput.ELAPSE)
            made.advance(GateInput.SUCCESS)
        ready.append(made.admits and state.endswith("inner ready"))
    assert ready == spec["expected"]["ready"]


def test_failfast_times_from_the_first_request_at_the_head() -> None:
    queue = FailFast(3.0)
    queue.advance(QueueInput.STARVE, 10.0)
    queue.advance(QueueInput.STARVE, 12.0)
    assert queue.expiry == 13.0
    queue.advance(QueueInput.READY)
    assert queue.expiry == float("inf")
    with pytest.raises(IllegalTransition, match="QueueState open takes no expire"):
        queue.advance(QueueInput.EXPIRE)
