"""The end of a simulated proxy: signals, administrators, requests that finish and those that never do."""

from collections.abc import Iterator
from typing import Any

from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container
from sim.programs.http import Client, serve
from sim.programs.linkerd.proxy import LinkerdProxy
from sim.programs.task import Pause
from tests.sim.harness import Bench

P = "LINKERD2_PROXY_"


def world(seconds: float, **env: str) -> tuple[Bench, Container, LinkerdProxy, list[Any]]:
    """A proxy whose pod has a request under way that takes so long."""
    bench = Bench()
    server = bench.container("far")

    def slowly(request: Request, peer: Peer) -> Iterator[Pause]:
        yield Pause(seconds)
        return Response(200)

    serve(server, 80, slowly)
    container = bench.container("web", env={P + "DESTINATION_SVC_ADDR": f"{server.pod.ip}:8086", **env})
    program = LinkerdProxy(container, bench.world)
    program.start()
    answers: list[Any] = []
    Client(container).call(Request("GET", f"{server.pod.ip}:80", "/"), answers.append, 1000.0)
    bench.engine.run_until(1.0)
    return bench, container, program, answers


def test_a_signal_lets_requests_finish() -> None:
    bench, _, program, answers = world(10.0)
    program.terminate()
    assert program.draining
    bench.engine.run_until(5.0)
    assert bench.exits == []
    bench.engine.run_until(11.0)
    assert [answer.status for answer in answers] == [200]
    assert bench.exits == [("web", 0)]


def test_the_grace_period_ends_what_does_not() -> None:
    bench, _, program, _ = world(500.0)
    program.terminate()
    bench.engine.run_until(120.5)
    assert bench.exits == []
    bench.engine.run_until(122.0)
    assert bench.exits == [("web", 0)]


def test_the_environment_sets_the_grace_period() -> None:
    bench, _, program, _ = world(500.0, **{P + "SHUTDOWN_GRACE_PERIOD": "20s"})
    program.terminate()
    bench.engine.run_until(22.0)
    assert bench.exits == [("web", 0)]


def test_an_application_that_is_done_may_end_its_proxy() -> None:
    for enabled, status in (("true", 200), ("false", 404)):
        bench, container, program, _ = world(2.0, **{P + "SHUTDOWN_ENDPOINT_ENABLED": enabled})
        response = bench.ask(Client(container), Request("POST", "127.0.0.1:4191", "/shutdown"))
        assert response.status == status
        assert program.draining is (status == 200)
        bench.engine.run_until(4.0)
        assert bench.exits == ([("web", 0)] if status == 200 else [])


def test_others_may_not() -> None:
    bench, container, program, _ = world(2.0, **{P + "SHUTDOWN_ENDPOINT_ENABLED": "true"})
    other = bench.container("other")
    url = f"{container.pod.ip}:4191"
    assert bench.ask(Client(other), Request("POST", url, "/shutdown")).status == 403
    assert bench.ask(Client(other), Request("GET", url, "/live")).status == 200
    assert not program.draining
