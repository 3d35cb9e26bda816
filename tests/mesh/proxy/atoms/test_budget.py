"""The retry budget: what is not there cannot be withdrawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.proxy.atoms.budget import RetryBudget
from tests.mesh.proxy.vectors import vectors


@pytest.mark.parametrize("spec", vectors("retry_budget"), ids=lambda spec: spec["id"])
def test_vector(spec: dict) -> None:
    given_ = spec["input"]
    now, results = 0.0, []
    budget = RetryBudget(now, given_["ratio"], given_["min_per_sec"], given_["ttl_s"])
    for op in given_["ops"]:
        if op.startswith("+"):
            now += float(op[1:-1])
        elif op == "deposit":
            budget.deposit(now)
        else:
            results.append(budget.withdraw(now))
    assert results == spec["expected"]["results"]


def test_the_default_costs_five_requests_a_retry_and_reserves_a_hundred_retries() -> None:
    budget = RetryBudget(0.0)
    assert (budget.deposit_amount, budget.withdrawal, budget.reserve) == (1, 5, 500)
    assert [budget.withdraw(0.0) for _ in range(101)] == [True] * 100 + [False]
    for _ in range(4):
        budget.deposit(0.0)
    assert not budget.withdraw(0.0)
    budget.deposit(0.0)
    assert budget.withdraw(0.0)


@pytest.mark.parametrize(
    ("ratio", "amounts"), [(0.0, (0, 1)), (1.0, (1, 1)), (0.3, (1, 3)), (2.0, (1000, 500)), (0.2, (1, 5))]
)
def test_ratios_become_integers(ratio: float, amounts: tuple[int, int]) -> None:
    budget = RetryBudget(0.0, ratio, 0, 10.0)
    assert (budget.deposit_amount, budget.withdrawal) == amounts


def test_withdrawals_age_out_with_their_slot() -> None:
    budget = RetryBudget(0.0)
    for _ in range(100):
        assert budget.withdraw(0.0)
    assert not budget.withdraw(5.0)
    assert budget.withdraw(12.0)


STEP = st.tuples(st.booleans(), st.floats(0, 3, allow_nan=False))


@given(st.lists(STEP, max_size=200), st.floats(0, 5), st.integers(0, 20), st.integers(1, 60))
def test_it_is_never_overdrawn(steps: list[tuple[bool, float]], ratio: float, minimum: int, ttl: int) -> None:
    budget, now = RetryBudget(0.0, ratio, minimum, float(ttl)), 0.0
    deposited = withdrawn = 0
    for is_deposit, wait in steps:
        now += wait
        if is_deposit:
            budget.deposit(now)
            deposited += budget.deposit_amount
        else:
            before = budget.balance
            if budget.withdraw(now):
                withdrawn += budget.withdrawal
                assert budget.balance >= 0
            else:
                assert budget.balance < budget.withdrawal
                # Ageing may change the balance, refusing does not.
                assert budget.balance == before or wait > 0
    if now < ttl / 10:
        # Nothing has aged: what was withdrawn was there.
        assert withdrawn <= budget.reserve + deposited


@given(st.floats(0, 1e6), st.integers(1, 60))
def test_time_alone_restores_the_reserve(wait: float, ttl: int) -> None:
    budget = RetryBudget(0.0, 0.2, 10, float(ttl))
    while budget.withdraw(0.0):
        pass
    budget.withdraw(ttl * 0.15)
    assert budget.withdraw(ttl * 1.4 + wait)
