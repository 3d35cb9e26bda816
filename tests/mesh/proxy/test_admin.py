"""The admin server, and the end of a proxy's life."""

import gzip
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh.messages import Certificate, InboundPolicy, Peer, Request, Response
from mesh.proxy.atoms.gate import IllegalTransition
from mesh.proxy.config import ProxyConfig
from mesh.proxy.drain import TRANSITIONS, Drain, DrainInput, DrainState
from mesh.proxy.policy import server_policy
from tests.mesh.proxy.hand import Hand, Site

LOCAL = Peer("127.0.0.1", None, "loopback")
KUBELET = Peer("10.0.0.1")
ENV = {"LINKERD2_PROXY_LOG": "warn,linkerd=debug", "HOME": "/"}


def ask(
    site: Site, path: str, method: str = "GET", peer: Peer = KUBELET, **options: object
) -> tuple[int, object]:
    response = send(site, path, method, peer, **options)
    return response.status, response.body


def send(site: Site, path: str, method: str = "GET", peer: Peer = KUBELET, **options: object) -> Response:
    return site.proxy.admin(Request(method, "10.0.0.1:4191", path, **options), peer)


# -- health and metrics --------------------------------------------------------------------------------------


def test_ready_means_certified_once() -> None:
    site = Site()
    assert ask(site, "/live") == (200, "live\n")
    assert ask(site, "/ready") == (503, "not ready\n")
    site.proxy.certify(Certificate(b"", not_after=10.0))
    assert ask(site, "/ready") == (200, "ready\n")
    site.hand.advance(20.0)
    assert ask(site, "/ready?x") == (200, "ready\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/metrics", 405),
        ("POST", "/live", 405),
        ("PUT", "/ready", 405),
        ("POST", "/env.json", 405),
        ("GET", "/nothing", 404),
        ("GET", "/logs.json", 404),
        ("GET", "/", 404),
    ],
)
def test_what_is_refused(method: str, path: str, status: int) -> None:
    assert ask(Site(), path, method) == (status, None)


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), (None, False)],
)
def test_metrics_are_packed_for_those_who_can_unpack(accepted: str | None, packed: bool) -> None:
    site = Site()
    headers = {"accept-encoding": accepted} if accepted else None
    response = send(site, "/metrics", headers=headers)
    shown = response.headers or {}
    assert shown["content-type"].startswith("text/plain; version=0.0.4")
    assert (shown.get("content-encoding") == "gzip") is packed
    text = gzip.decompress(response.body).decode() if packed else response.body
    assert response.size == len(response.body)
    assert text == site.proxy.registry.expose()
    assert "process_start_time" in {family.name[:18] for family in text_string_to_metric_families(text)}


# -- what only the own pod may do ----------------------------------------------------------------------------


def test_the_log_level_can_be_changed_from_inside_the_pod() -> None:
    site = Site(ProxyConfig.from_env(ENV))
    assert ask(site, "/proxy-log-level", peer=LOCAL) == (200, "warn,linkerd=debug\n")
    assert ask(site, "/proxy-log-level", "PUT", LOCAL, body="info,h2::proto[stream]=trace") == (204, None)
    assert ask(site, "/proxy-log-level", peer=Peer("::1")) == (200, "info,h2::proto[stream]=trace\n")
    for bad in ("", "linkerd=loud", "a b", b"info,,debug"):
        assert ask(site, "/proxy-log-level", "PUT", LOCAL, body=bad)[0] == 400
    assert site.proxy.log_level == "info,h2::proto[stream]=trace"
    assert ask(site, "/proxy-log-level", "POST", LOCAL)[0] == 405
    for method in ("GET", "PUT", "POST"):
        assert ask(site, "/proxy-log-level", method, KUBELET, body="off")[0] == 403


def test_the_environment_is_shown() -> None:
    site = Site(ProxyConfig.from_env(ENV))

    def shown(query: str = "") -> object:
        return json.loads(str(ask(site, "/env.json" + query)[1]))

    assert shown() == ENV
    assert shown("?HOME&NOTHING") == {"HOME": "/", "NOTHING": None}
    assert ask(site, "/env.json?HOME=/")[0] == 400


@pytest.mark.parametrize(
    ("enabled", "method", "peer", "status", "draining"),
    [
        ("true", "POST", LOCAL, 200, True),
        ("true", "POST", KUBELET, 403, False),
        ("true", "GET", LOCAL, 405, False),
        ("false", "POST", LOCAL, 404, False),
    ],
)
def test_shutdown(enabled: str, method: str, peer: Peer, status: int, draining: bool) -> None:
    site = Site(ProxyConfig.from_env({"LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED": enabled}))
    told: list[str] = []
    site.proxy.drain.begun.waiters.append(lambda: told.append("begun"))
    code, body = ask(site, "/shutdown", method, peer)
    assert code == status
    assert (body == "shutdown\n") is draining
    assert site.proxy.drain.accepting is not draining
    assert bool(told) is draining


# -- policy --------------------------------------------------------------------------------------------------


def test_the_admin_port_has_a_policy_as_any_other() -> None:
    site = Site(ProxyConfig(default_policy="all-authenticated"))
    prometheus = Peer("10.0.0.5", "prometheus.linkerd-viz")
    assert (ask(site, "/metrics")[0], ask(site, "/metrics", peer=prometheus)[0]) == (403, 200)
    assert site.watched == [4191]
    probed = InboundPolicy("default", "all-authenticated", probes=("/live", "/ready"))
    site.proxy.set_policy(4191, server_policy(probed))
    site.proxy.certify(Certificate(b"", not_after=10.0))
    assert [ask(site, path)[0] for path in ("/live", "/ready", "/metrics")] == [200, 200, 403]
    assert ask(site, "/metrics", peer=LOCAL)[0] == 200
    assert site.total("inbound_http_authz_allow_total", route_name="probe", target_port="4191") == 2
    assert site.total("inbound_http_authz_deny_total", target_port="4191") == 2


def test_without_policy_anybody_may_ask() -> None:
    site = Site(ProxyConfig(policy_labels=False, default_policy="deny"))
    assert ask(site, "/live")[0] == 200
    assert site.watched == []


def test_whoever_runs_the_proxy_may_answer_by_itself() -> None:
    site = Site(ProxyConfig(default_policy="all-authenticated"))
    request = Request("GET", "10.0.0.1:4191", "/metrics")
    assert site.proxy.admin(request, KUBELET, lambda _: Response(204)).status == 403
    assert site.proxy.admin(request, Peer("10.0.0.5", "prometheus"), lambda _: Response(204)).status == 204


# -- drain ---------------------------------------------------------------------------------------------------


def test_a_drain_ends_when_nothing_is_open() -> None:
    hand = Hand()
    drain = Drain(hand.clock, 120.0)
    assert drain.accepting
    assert not drain.look(busy=False), "nobody asked it to stop"
    drain.begin()
    assert not drain.accepting
    assert not drain.look(busy=True)
    hand.advance(5.0)
    drain.begin()  # a second signal changes nothing
    assert drain.deadline == 120.0
    assert drain.look(busy=False)
    assert drain.state is DrainState.STOPPED
    with pytest.raises(IllegalTransition, match="stopped takes no shutdown"):
        drain.begin()


def test_a_drain_ends_when_its_time_is_up() -> None:
    site = Site(ProxyConfig.from_env({"LINKERD2_PROXY_SHUTDOWN_GRACE_PERIOD": "30s"}))
    site.proxy.drain.begin()
    site.hand.advance(29.9)
    assert not site.proxy.drain.look(busy=True)
    site.hand.advance(0.1)
    assert site.proxy.drain.look(busy=True)


def test_requests_in_flight_finish_while_it_drains() -> None:
    site = Site(backend=lambda send: (1.0, Response(200)))
    running = site.hand.start(site.inbound())
    site.proxy.drain.begin()
    site.hand.advance(2.0)
    assert running.response is not None
    assert running.response.status == 200


def test_every_state_but_the_last_can_be_left() -> None:
    assert {state for state, _ in TRANSITIONS} == {DrainState.SERVING, DrainState.DRAINING}
    assert {input_ for _, input_ in TRANSITIONS} == set(DrainInput)
