"""The simpy driver: limits, closed flows, and what they give back."""

from typing import Any

import pytest

from mesh.messages import Request, Response, fail
from mesh.proxy.effects import Flow, Limits, Send, Signal, Sleep, Wait
from sim.engine import Engine
from sim.programs.linkerd.driver import FlowRun


class Loop:
    """A transport that answers each Send after the seconds its request's body says."""

    def __init__(self) -> None:
        self.engine = Engine(seed=1)
        self.cancelled: list[str] = []

    def send(self, effect: Send, run: FlowRun) -> None:
        run.sent = _Sent(self, effect)
        delay = effect.request.body
        if delay is None:
            run.resume(Response(200))  # at once, from within
        elif self.engine.now + delay <= effect.deadline:
            self.engine.call_in(delay, run.resume, Response(200))
        else:
            self.engine.call_at(effect.deadline, run.resume, fail("timeout"))


class _Sent:
    def __init__(self, loop: Loop, effect: Send) -> None:
        self.loop = loop
        self.path = effect.request.path

    def cancel(self) -> None:
        self.loop.cancelled.append(self.path)


def a_request(path: str = "/", delay: float | None = None) -> Request:
    return Request("GET", "web", path, body=delay)


def test_a_closed_flow_gives_back_what_it_holds_and_cancels_what_it_sent() -> None:
    loop, held, results = Loop(), [1], []

    def flow() -> Flow:
        try:
            yield Send(None, a_request("/first"))
            return (yield Send(None, a_request("/second", 5.0)))
        finally:
            held.clear()

    run = FlowRun(loop, flow(), results.append)
    run.resume()
    loop.engine.run_until(1.0)
    run.close()
    loop.engine.run_until(10.0)
    assert (held, loop.cancelled, results) == ([], ["/second"], [])


@pytest.mark.parametrize("effect", ["wait", "sleep"])
def test_a_closed_flow_is_not_woken(effect: str) -> None:
    loop, signal, woken = Loop(), Signal(), list[Any]()

    def flow() -> Flow:
        woken.append((yield Wait(signal, 5.0) if effect == "wait" else Sleep(5.0)))
        return Response(200)

    run = FlowRun(loop, flow(), woken.append)
    run.resume()
    run.close()
    signal.fire()
    loop.engine.run_until(10.0)
    assert woken == []


def test_a_wait_ends_with_the_signal_or_at_its_deadline() -> None:
    loop, signal, seen = Loop(), Signal(), list[tuple[float, Any]]()

    def flow() -> Flow:
        for deadline in (4.0, 6.0):
            answer = yield Wait(signal, deadline)
            seen.append((loop.engine.now, answer))
        return Response(200)

    FlowRun(loop, flow(), lambda response: seen.append((loop.engine.now, response.status))).resume()
    loop.engine.call_in(2.0, lambda _: signal.fire(), None)
    loop.engine.run_until(10.0)
    assert seen == [(2.0, True), (6.0, False), (6.0, 200)]


def test_limits_are_infinite_unless_said() -> None:
    assert Limits() == (float("inf"),) * 3
    assert Send(None, a_request()).limits is None
