"""The balancer's queue, its load counts, and endpoints that cannot be reached."""

from math import exp

import pytest

from mesh.messages import Address, EndpointUpdate, Response, fail
from mesh.proxy.config import ProxyConfig
from mesh.proxy.effects import Send
from tests.mesh.proxy.hand import Running, Site, pods
from tests.mesh.proxy.vectors import vector

MESHED = "web.default.serviceaccount.identity.linkerd.cluster.local"


def status(running: Running) -> int:
    assert running.response is not None
    return running.response.status


def ready(site: Site, number: int = 1) -> None:
    site.resolved[0].update(EndpointUpdate(add=tuple(pods(number))))


def test_a_full_queue_refuses_what_more_comes() -> None:
    # The reference counts the channel; the request at the head is held outside it.
    spec = vector("loadshed-01")
    site = Site(ProxyConfig(queue_capacity=spec["input"]["buffer"] - 1))
    runs = [site.get_started() for _ in range(spec["input"]["calls"])]
    pending = [n for n, run in enumerate(runs, 1) if run.response is None]
    refused = [n for n, run in enumerate(runs, 1) if run.response is not None]
    assert {"pending": pending, "refused": refused} == spec["expected"]
    assert status(runs[3]) == 503


def test_a_queue_of_one_is_not_ready_for_the_next() -> None:
    spec = vector("queue-01")
    site = Site(ProxyConfig(queue_capacity=spec["input"]["capacity"] - 1))
    for _ in range(spec["input"]["calls"]):
        site.get_started()
    assert (site.get_started().response is None) is spec["expected"]["queue_ready_for_next"]


def test_a_pool_that_becomes_ready_interrupts_the_failfast() -> None:
    site = Site(ProxyConfig(outbound_failfast=vector("queue-03")["input"]["failfast_s"]))
    running = site.get_started()
    site.hand.advance(0.5)
    assert running.response is None
    ready(site)
    site.hand.advance(0.0)
    assert status(running) == 200
    site.hand.advance(2.0)
    assert site.get().status == 200


def test_the_end_of_discovery_keeps_the_last_endpoints() -> None:
    assert vector("queue-05")["expected"]["call"] == "ok"
    site = Site()
    site.knows(*pods(2))
    site.get()
    site.discovery = lambda destination: None
    site.hand.advance(4.0)
    assert site.get().status == 200


def test_failfast_drains_everything_and_stays_shut_until_something_is_ready() -> None:
    spec = vector("failfast-02")
    site = Site(ProxyConfig(outbound_failfast=spec["input"]["timeout_ms"] / 1000))
    runs = [site.get_started() for _ in range(spec["input"]["calls"])]
    site.hand.advance(0.101)
    assert [status(run) for run in runs] == [504] * 3
    assert site.get().status == 503
    ready(site)
    assert site.get().status == 200


def test_without_requests_nothing_fails_fast() -> None:
    site = Site()
    site.knows(*pods(1))
    site.get()
    site.resolved[0].update(EndpointUpdate(remove=(("10.0.0.1", 8080),)))
    site.hand.advance(4.0)
    running = site.get_started()
    assert running.response is None
    site.hand.advance(2.9)
    assert running.response is None
    site.hand.advance(0.2)
    assert status(running) == 504


def test_an_abandoned_head_gives_its_place_up() -> None:
    site = Site()
    site.hand.close(site.get_started())
    assert site.resolved[0].pool.waiting == 0
    site.hand.advance(2.0)
    running = site.get_started()
    site.hand.advance(2.0)
    assert running.response is None  # the clock started again with it
    site.hand.advance(1.0)
    assert status(running) == 504


def test_waiting_requests_go_in_order_of_arrival() -> None:
    site = Site()
    for n in range(4):
        site.hand.start(site.outbound(f"/{n}"))
        site.hand.advance(0.1)
    ready(site)
    site.hand.advance(0.0)
    assert [send.request.path for _, send in site.hand.sends] == ["/0", "/1", "/2", "/3"]


def test_a_removed_last_endpoint_empties_the_pool_but_not_what_is_in_flight() -> None:
    site = Site(backend=lambda send: (1.0, Response(200)))
    site.knows(*pods(1))
    running = site.get_started()
    site.resolved[0].update(EndpointUpdate(remove=(("10.0.0.1", 8080),)))
    assert not site.resolved[0].ready
    late = site.get_started()
    site.hand.advance(3.0)
    assert (status(running), status(late)) == (200, 504)


def test_the_sample_is_the_time_to_the_first_byte() -> None:
    site = Site(backend=lambda send: (2.0, Response(200, first_byte=0.5)))
    site.knows(*pods(1))
    site.get()
    (endpoint,) = site.resolved[0].endpoints.values()
    assert endpoint.ewma.estimate == 0.5
    histogram = next(h for h in site.proxy.registry.handles() if h.name == "response_latency_ms")
    assert histogram.sum == 500


def test_fast_failures_look_attractive() -> None:
    site = Site(backend=lambda send: (0.001, Response(500)))
    site.knows(*pods(1))
    site.get()
    site.hand.advance(10.0 - 0.001)
    (endpoint,) = site.resolved[0].endpoints.values()
    assert endpoint.load(site.hand.now) < 0.03 * exp(-0.99)


def test_a_slow_endpoint_gets_little() -> None:
    def backend(send: Send) -> tuple[float, Response]:
        return (1.0 if send.endpoint.ip == "10.0.0.1" else 0.005), Response(200)

    site = Site(backend=backend)
    site.knows(*pods(3))
    for _ in range(600):
        site.get_started()
        site.hand.advance(0.02)
    slow = sum(send.endpoint.ip == "10.0.0.1" for _, send in site.hand.sends)
    assert slow < 30


# -- endpoints over HTTP/2 ---------------------------------------------------------------------------------


def meshed(number: int) -> list[Address]:
    return list(pods(number, identity=MESHED, hint="h2"))


def test_a_dead_http2_endpoint_is_skipped_and_costs_nobody_anything() -> None:
    def backend(send: Send) -> tuple[float, Response]:
        dead = send.endpoint.ip == "10.0.0.1"
        return 0.001, fail("refused") if dead else Response(200)

    site = Site(backend=backend)
    site.knows(*meshed(2))
    assert [site.get().status for _ in range(50)] == [200] * 50
    tried = [when for when, send in site.hand.sends if send.endpoint.ip == "10.0.0.1"]
    assert tried == tried[:1]  # once, then it waits for its back-off
    # The attempt that was never sent is no request.
    assert site.total("request_total") == site.total("response_total") == 50


def test_a_single_dead_http2_endpoint_fails_fast_and_then_refuses() -> None:
    alive = [False]
    site = Site(backend=lambda send: (0.0, Response(200) if alive[0] else fail("refused")))
    site.knows(*meshed(1))
    assert site.get().status == 504
    assert site.hand.now == pytest.approx(3.0)
    assert site.get().status == 503
    attempts = len(site.hand.sends)
    assert attempts <= 6  # 0, 0.1, 0.3, 0.7, 1.5 s and perhaps a last one
    alive[0] = True
    site.hand.advance(4.9)
    assert site.get().status == 200
    assert site.get().status == 200
    assert site.total("request_total") == 2


def test_a_dead_http1_endpoint_answers_502_each_time() -> None:
    site = Site(backend=lambda send: (0.0, fail("refused")))
    site.knows(*pods(1))
    assert [site.get().status for _ in range(3)] == [502] * 3
    assert site.total("response_total", status_code="502", classification="failure") == 3


def test_a_connection_that_breaks_fails_what_was_on_it_and_then_the_endpoint_is_skipped() -> None:
    alive = [True]

    def backend(send: Send) -> tuple[float, Response]:
        if send.endpoint.ip == "10.0.0.1" and not alive[0]:
            return 0.0, fail("reset" if send.request.path == "/inflight" else "refused")
        return 0.0, Response(200)

    site = Site(backend=backend)
    site.knows(*meshed(1))
    assert site.get().status == 200
    alive[0] = False
    assert site.get("/inflight").status == 502
    site.resolved[0].update(EndpointUpdate(add=tuple(meshed(2))))
    statuses = [site.get().status for _ in range(20)]
    assert statuses.count(502) <= 1
    assert statuses[-10:] == [200] * 10


def test_a_certificate_that_is_not_acceptable_keeps_the_endpoint_out() -> None:
    site = Site(backend=lambda send: (0.0, fail("tls")))
    site.knows(*meshed(1))
    assert site.get().status == 504


def test_grpc_to_an_unmeshed_endpoint_connects_first_too() -> None:
    site = Site(backend=lambda send: (0.0, fail("refused")))
    site.knows(*pods(1))
    response = site.get(grpc=True)
    assert (response.status, response.grpc_status) == (200, 4)
    assert response.headers is not None
    assert response.headers["content-type"] == "application/grpc"
    assert "fail-fast" in response.headers["l5d-proxy-error"]
