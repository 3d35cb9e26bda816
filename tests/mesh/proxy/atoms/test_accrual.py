"""Failure accrual and the gate it moves."""

from random import Random

import pytest

from mesh.messages import FailureAccrual, Response
from mesh.proxy.atoms.accrual import Accrual
from mesh.proxy.atoms.classify import http_success
from mesh.proxy.atoms.gate import GateState
from mesh.proxy.effects import Send
from tests.mesh.proxy.hand import Site, pods
from tests.mesh.proxy.vectors import vector


@pytest.mark.parametrize("name", ["accrual-02", "accrual-03"])
def test_vector(name: str) -> None:
    spec, now = vector(name), 0.0
    accrual = Accrual(FailureAccrual(max_failures=spec["input"]["max_failures"]), Random(1))
    for event in spec["input"]["events"]:
        if event == "backoff elapses":
            now = accrual.until
            assert accrual.poll(now) is GateState.PROBATION
        elif event.isdigit():
            accrual.observe(http_success(int(event)), now)
    assert accrual.gate.state.value == spec["expected"]["gate"]


def test_without_a_rule_the_gate_is_open_for_ever() -> None:
    assert vector("accrual-04")["expected"]["gate"] == "open for ever"
    site = Site(backend=lambda send: (0.0, Response(500)))
    site.knows(*pods(1))
    for _ in range(20):
        assert site.get().status == 500
    assert site.resolved[0].endpoints[("10.0.0.1", 8080)].accrual is None


def test_a_success_in_between_starts_the_count_again() -> None:
    accrual = Accrual(FailureAccrual(), Random(1))
    for success in [False] * 6 + [True] + [False] * 6:
        assert accrual.observe(success, 0.0) is GateState.OPEN
    assert accrual.observe(False, 0.0) is GateState.SHUT


def test_each_failed_probation_doubles_the_penalty_and_recovery_starts_it_over() -> None:
    rule = FailureAccrual(max_failures=1, jitter=0.0)
    accrual, now, waits = Accrual(rule, Random(1)), 0.0, []
    for _ in range(4):
        accrual.observe(False, now)
        waits.append(accrual.until - now)
        now = accrual.until
        accrual.poll(now)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert accrual.observe(True, now) is GateState.OPEN
    accrual.observe(False, now)
    assert accrual.until - now == 1.0


def test_a_shut_gate_ignores_stragglers() -> None:
    accrual = Accrual(FailureAccrual(max_failures=1), Random(1))
    accrual.observe(False, 0.0)
    until = accrual.until
    for success in (True, False):
        assert accrual.observe(success, 0.1) is GateState.SHUT
    assert accrual.until == until


def failing(ip: str) -> Site:
    def backend(send: Send) -> tuple[float, Response]:
        return 0.001, Response(500 if send.endpoint.ip == ip else 200)

    site = Site(backend=backend)
    site.knows(*pods(2))
    return site


def test_the_balancer_leaves_a_tripped_endpoint_alone() -> None:
    spec = vector("accrual-07")
    site = failing("10.0.0.2")
    site.get()
    site.resolved[0].accrue(FailureAccrual(max_failures=spec["input"]["max_failures"]))
    failures = 0
    while failures < spec["input"]["max_failures"]:
        failures += site.get().status == 500
    assert [site.get().status for _ in range(9)] == [200] * 9


def test_all_shut_means_504_then_503_then_a_probe() -> None:
    site = Site(backend=lambda send: (0.0, Response(500 if site.hand.now < 30 else 200)))
    site.knows(*pods(1))
    site.get()
    destination = site.resolved[0]
    destination.accrue(FailureAccrual(max_failures=1, min_penalty=10.0, jitter=0.0))
    assert site.get().status == 500  # trips: shut until 10 s
    assert site.get().status == 504
    assert site.hand.now == 3.0
    assert site.get().status == 503
    site.hand.advance(7.0)
    assert site.get().status == 500  # the probe: shut for 20 s more
    site.hand.advance(20.0)
    assert site.get().status == 200
    assert site.get().status == 200


def test_probation_lets_exactly_one_request_through() -> None:
    site = Site(backend=lambda send: (0.5, Response(500 if site.hand.now < 1 else 200)))
    site.knows(*pods(1))
    site.get()
    site.resolved[0].accrue(FailureAccrual(max_failures=1, jitter=0.0))
    site.get()
    site.hand.advance(1.0)
    sent = len(site.hand.sends)
    runs = [site.hand.start(site.outbound()) for _ in range(3)]
    assert len(site.hand.sends) == sent + 1
    site.hand.advance(0.5)
    assert runs[0].response is not None
    assert runs[0].response.status == 200
    # Its success opened the gate for those who waited.
    assert len(site.hand.sends) == sent + 3
