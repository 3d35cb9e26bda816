"""Tap: what a subscriber sees of the requests that pass."""

import pytest

from mesh.messages import Peer, Profile, Request, Response
from mesh.proxy.config import ProxyConfig
from mesh.proxy.tap import InvalidTap, Match, RequestInit, ResponseEnd, ResponseInit
from tests.mesh.proxy.hand import Site, pods


def test_events_of_a_request() -> None:
    answer = Response(200, headers={"b": "2"}, grpc_status=0, first_byte=0.01)
    site = Site(backend=lambda send: (0.03, answer))
    site.knows(*pods(1), service="web")
    session = site.proxy.tap(Match(direction="outbound"), 10)
    site.get("/x?y=z", headers={"a": "1"}, grpc=True)
    begin, head, end = session.take()
    assert isinstance(begin, RequestInit)
    assert (begin.method, begin.authority, begin.path) == ("GET", "web:80", "/x")
    assert begin.headers == (("a", "1"),)
    assert ("dst_pod", "web-1") in begin.labels
    assert ("target_ip", "10.0.0.1") in begin.labels
    assert head == ResponseInit(1, 0.01, 200, (("b", "2"),))
    assert isinstance(end, ResponseEnd)
    assert (end.eos, end.since_request_init) == (0, pytest.approx(0.03))
    assert session.take() == []


def test_the_limit_counts_requests_and_an_idle_proxy_pays_nothing() -> None:
    site = Site()
    site.knows(*pods(1))
    session = site.proxy.tap(Match(), 2)
    for _ in range(4):
        site.get()
    assert sum(isinstance(event, RequestInit) for event in session.take()) == 2
    assert session.done
    assert site.proxy.taps == []


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        (Match(), 2),
        (Match(direction="outbound"), 1),
        (Match(direction="inbound"), 1),
        (Match(method="POST"), 0),
        (Match(authority="web:80"), 2),
        (Match(authority="emoji:80"), 0),
        (Match(path="/a"), 2),
        (Match(path="/b"), 0),
        (Match(labels=(("dst_pod", "web-1"),)), 1),
        (Match(labels=(("client_id", "someone"),)), 1),
    ],
)
def test_matches(match: Match, taken: int) -> None:
    site = Site()
    site.knows(*pods(1))
    session = site.proxy.tap(match, 10)
    site.get("/a/b")
    site.hand.run(site.inbound("/a/b", Peer("10.0.0.9", "someone")))
    assert sum(isinstance(event, RequestInit) for event in session.take()) == taken
    session.close()
    site.get("/a/b")
    assert session.take() == []


def test_a_retry_is_a_request_of_its_own() -> None:
    answers = iter([500, 200])
    site = Site(backend=lambda send: (0.0, Response(next(answers))))
    route = {"name": "all", "condition": {}, "isRetryable": True}
    site.knows(*pods(1), profile=Profile(routes=(route,), retry_budget={"ttl": "10s"}))
    session = site.proxy.tap(Match(), 10)
    site.get()
    assert [event.status for event in session.take() if isinstance(event, ResponseInit)] == [500, 200]


def test_a_refused_request_is_not_seen() -> None:
    site = Site(ProxyConfig(default_policy="deny"))
    session = site.proxy.tap(Match(), 10)
    site.hand.run(site.inbound())
    assert session.take() == []


def test_an_abandoned_request_ends_without_a_response() -> None:
    site = Site(backend=lambda send: (9.0, Response(200)))
    site.knows(*pods(1))
    session = site.proxy.tap(Match(), 1)
    site.hand.close(site.get_started())
    begin, end = session.take()
    assert isinstance(begin, RequestInit)
    assert isinstance(end, ResponseEnd)
    assert end.eos == "cancelled"


def test_a_full_buffer_drops_events_and_watches_nothing_new() -> None:
    site = Site()
    site.knows(*pods(1))
    session = site.proxy.tap(Match(), 1000)
    for _ in range(200):
        site.get()
    assert len(session.take()) == 400
    site.get()
    assert len(session.take()) == 3


def test_a_listener_hears_each_event() -> None:
    heard = []
    site = Site()
    site.knows(*pods(1))
    session = site.proxy.tap(Match(), 1)
    session.listener = lambda: heard.extend(session.take())
    site.get()
    assert [type(event) for event in heard] == [RequestInit, ResponseInit, ResponseEnd]


def test_a_tap_for_nothing_is_refused() -> None:
    with pytest.raises(InvalidTap):
        Site().proxy.tap(Match(), 0)


def test_a_driver_says_where_a_request_comes_from() -> None:
    site = Site()
    session = site.proxy.tap(Match(), 10)
    request = Request("GET", "web:80", "/")
    session.routed(request, "of an earlier request at the same address in memory")
    session.arrived(request, "10.0.0.9:40000")
    site.hand.run(site.proxy.inbound(request, Peer("10.0.0.9"), 8080))
    begin = session.take()[0]
    assert isinstance(begin, RequestInit)
    assert (begin.source, begin.route) == ("10.0.0.9:40000", "")
