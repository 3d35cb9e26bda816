"""Inbound policy as the control plane sends it: what it lets in, what it filters, what it ends."""

from dataclasses import replace

import pytest

from mesh.messages import (
    HeaderFilter,
    InboundAuthorization,
    InboundPolicy,
    InboundRateLimit,
    InboundRule,
    InjectFilter,
    Peer,
    PolicyRef,
    RedirectFilter,
    Request,
    RouteMatch,
    ValueMatch,
)
from mesh.proxy.config import ProxyConfig
from mesh.proxy.effects import Send
from mesh.proxy.policy import server_policy
from tests.mesh.proxy.hand import Site
from tests.mesh.proxy.vectors import vector

GROUP = "policy.linkerd.io"
ID = "serviceaccount.identity.linkerd.cluster.local"
WEB = Peer("10.0.0.9", f"web.emojivoto.{ID}")
VOTE_BOT = Peer("10.0.0.8", f"vote-bot.emojivoto.{ID}")
PLAIN = Peer("192.0.2.1")
LOOPBACK = Peer("127.0.0.1", None, "loopback")
EVERYWHERE = ("0.0.0.0/0", "::/0")
EVERYONE = InboundAuthorization("AuthorizationPolicy", "everyone", EVERYWHERE, group=GROUP)
SERVER = InboundPolicy("Server", "web-http", group=GROUP, authorizations=(EVERYONE,))


def site(policy: InboundPolicy, **config: object) -> Site:
    made = Site(ProxyConfig(**config))  # type: ignore[arg-type]
    made.proxy.set_policy(8080, server_policy(policy))
    return made


def ask(made: Site, peer: Peer = PLAIN, path: str = "/", **options: object) -> int:
    response = made.hand.run(made.inbound(path, peer, **options))
    return response.status


def rule(name: str, *matches: RouteMatch, **fields: object) -> InboundRule:
    return InboundRule(PolicyRef(GROUP, "HTTPRoute", name), matches or (RouteMatch(),), **fields)  # type: ignore[arg-type]


# -- authorizations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, {WEB, VOTE_BOT, PLAIN}),
        ({"networks": ("10.0.0.0/8",)}, {WEB, VOTE_BOT}),
        ({"networks": ("10.0.0.0/8",), "exceptions": ("10.0.0.8/32",)}, {WEB}),
        ({"tls": "any"}, {WEB, VOTE_BOT}),
        ({"tls": "identity", "identities": ("*",)}, {WEB, VOTE_BOT}),
        ({"tls": "identity", "identities": (f"*.emojivoto.{ID}",)}, {WEB, VOTE_BOT}),
        ({"tls": "identity", "identities": (f"*.books.{ID}",)}, set()),
        ({"tls": "identity", "identities": (f"web.emojivoto.{ID}", "spiffe://a/b")}, {WEB}),
    ],
)
def test_authorizations(fields: dict, allowed: set[Peer]) -> None:
    made = site(replace(SERVER, authorizations=(replace(EVERYONE, **fields),)))
    assert {peer for peer in (WEB, VOTE_BOT, PLAIN) if ask(made, peer) == 200} == allowed
    labels = {"srv_group": GROUP, "srv_kind": "server", "srv_name": "web-http", "srv_port": "8080"}
    assert made.total("inbound_http_authz_allow_total", authz_name="everyone", **labels) == len(allowed)
    assert made.total("inbound_http_authz_deny_total", **labels) == 3 - len(allowed)


def test_the_pods_own_addresses_pass_every_policy_of_the_control_plane_but_not_the_built_in_ones() -> None:
    made = site(InboundPolicy("Server", "web-http", group=GROUP), default_policy="deny")
    assert (ask(made, LOOPBACK), ask(made, Peer("::1")), ask(made, WEB)) == (200, 200, 403)
    assert made.total("inbound_http_authz_allow_total", authz_kind="default", authz_name="localhost") == 2
    made.proxy.set_policy(8080, None)
    assert ask(made, LOOPBACK) == 403
    assert made.total("inbound_http_authz_deny_total", srv_kind="default", srv_name="deny") == 1


def test_probes_pass_until_a_route_is_attached() -> None:
    policy = InboundPolicy("Server", "web-http", group=GROUP, probes=("/healthz",))
    made = site(policy)
    assert ask(made, path="/healthz?full=1") == 200
    assert ask(made, path="/healthz", method="POST") == 403
    assert ask(made, path="/healthz/deep") == 403
    assert made.total("inbound_http_authz_allow_total", route_name="probe", authz_name="probe") == 1
    assert made.total("inbound_http_authz_deny_total", route_name="default", srv_name="web-http") == 2
    made.proxy.set_policy(8080, server_policy(replace(policy, rules=(rule("api", RouteMatch("/api")),))))
    assert [ask(made, path=path) for path in ("/healthz", "/api/x")] == [404, 403]
    assert made.total("inbound_http_route_not_found_total", srv_name="web-http") == 1


# -- routes --------------------------------------------------------------------------------------------------


def test_routes_match_on_everything_and_bring_authorizations_of_their_own() -> None:
    beta = RouteMatch("/api", headers=(ValueMatch("x-beta", "1|true", "regex"),))
    made = site(
        replace(
            SERVER,
            authorizations=(),
            rules=(
                rule("api", RouteMatch("/api"), authorizations=(EVERYONE,)),
                rule("beta", beta),
                rule("books", hosts=("*.books",), authorizations=(EVERYONE,)),
            ),
        )
    )
    assert ask(made, path="/api/list") == 200
    assert ask(made, path="/api/list", headers={"x-beta": "true"}) == 403
    assert ask(made, path="/apis") == 404
    assert ask(made, path="/", authority="web.books:80") == 200
    assert made.total("inbound_http_authz_allow_total", route_kind="httproute", route_name="books") == 1


def test_grpc_routes_name_services_and_methods() -> None:
    vote = RouteMatch(service="emojivoto.v1.VotingService", method="VoteDoughnut")
    made = site(replace(SERVER, protocol="grpc", rules=(rule("vote", vote, grpc=True),)))

    def call(path: str, method: str = "POST") -> tuple[int, int | None]:
        response = made.hand.run(made.inbound(path, WEB, method=method, grpc=True))
        return response.status, response.grpc_status

    assert call("/emojivoto.v1.VotingService/VoteDoughnut") == (200, None)
    assert call("/emojivoto.v1.VotingService/VotePizza") == (200, 5)
    assert made.total("inbound_http_route_not_found_total", client_id=WEB.client_id or "") == 1
    assert made.total("request_total") == 1


def test_a_route_that_cannot_be_understood_fails_every_request() -> None:
    made = site(replace(SERVER, rules=(rule("odd", RouteMatch("(", "regex")),)))
    response = made.hand.run(made.inbound("/", WEB))
    assert (response.status, response.headers["l5d-proxy-error"]) == (500, "unexpected error")


# -- filters -------------------------------------------------------------------------------------------------


def test_filters_change_requests_that_were_let_in_and_their_responses() -> None:
    filters = (
        HeaderFilter(add=(("x-from", "policy"),), remove=("x-secret",)),
        HeaderFilter(set=(("server", "mesh"),), response=True),
    )
    made = site(replace(SERVER, rules=(rule("all", filters=filters),)))
    response = made.hand.run(made.inbound("/", WEB, headers={"x-secret": "1", "a": "b"}))
    assert response.headers == {"server": "mesh"}
    sent: Send = made.hand.sends[0][1]
    assert sent.request.headers == {"a": "b", "x-from": "policy", "l5d-client-id": WEB.client_id}


def test_a_redirect_is_an_answer_of_the_proxy() -> None:
    moved = RedirectFilter(302, path="/new", path_kind="prefix")
    made = site(replace(SERVER, rules=(rule("old", RouteMatch("/old"), filters=(moved,)),)))
    response = made.hand.run(made.inbound("/old/x", WEB))
    assert (response.status, response.headers["location"]) == (302, "http://web/new/x")
    grpc = made.hand.run(made.inbound("/old/x", WEB, grpc=True))
    assert (grpc.status, grpc.grpc_status) == (200, 5)
    assert not made.hand.sends
    assert made.total("request_total") == made.total("inbound_http_errors_total") == 0


def test_an_injected_failure_is_an_unexpected_error_here() -> None:
    failure = InjectFilter(400, "oopsie")
    made = site(replace(SERVER, rules=(rule("all", filters=(failure,)),)))
    response = made.hand.run(made.inbound("/", WEB))
    below = next(iter(made.proxy.clients.values())).next  # type: ignore[attr-defined]  # of the rescue
    assert (
        made.hand.run(below(Request("GET", "web", "/"), float("inf"))).error
        == "injected failure 400 'oopsie'"
    )
    assert (response.status, response.headers["l5d-proxy-error"]) == (500, "unexpected error")
    assert made.total("inbound_http_errors_total", error="unexpected") == 1
    assert made.total("request_total") == 0


def test_an_injected_failure_hits_its_share() -> None:
    made = site(replace(SERVER, rules=(rule("all", filters=(InjectFilter(503, "no", 2, 1, 4),)),)))
    outcomes = [ask(made) for _ in range(400)]
    assert set(outcomes) == {200, 500}
    assert 60 < outcomes.count(500) < 140


# -- rate limits ---------------------------------------------------------------------------------------------

LIMIT = InboundRateLimit(PolicyRef(GROUP, "HTTPLocalRateLimitPolicy", "slow"), total=2)


@pytest.mark.parametrize(
    ("protocol", "statuses"),
    [
        ("detect", [200, 200, 429]),
        ("http1", [200, 200, 429]),
        ("http2", [200, 200, 429]),
        ("grpc", [200] * 3),
    ],
)
def test_rate_limits_count_http_only(protocol: str, statuses: list[int]) -> None:
    made = site(replace(SERVER, protocol=protocol, rate_limit=LIMIT))
    assert [ask(made) for _ in range(3)] == statuses
    labels = {"ratelimit_kind": "httplocalratelimitpolicy", "ratelimit_name": "slow"}
    assert made.total("inbound_http_local_ratelimit_total", **labels) == statuses.count(429)
    # Let in by policy all the same, but no request of the application's.
    assert made.total("inbound_http_authz_allow_total") == 3
    assert made.total("request_total") == made.total("response_total") == statuses.count(200)


def test_a_redirect_costs_no_token_and_a_denied_request_none_either() -> None:
    moved = rule("old", RouteMatch("/old"), filters=(RedirectFilter(path="/"),))
    made = site(replace(SERVER, rules=(moved, rule("all")), rate_limit=LIMIT))
    assert [ask(made, path="/old") for _ in range(5)] == [301] * 5
    assert [ask(made) for _ in range(3)] == [200, 200, 429]


# -- connections without HTTP --------------------------------------------------------------------------------

MESHED_ONLY = replace(EVERYONE, name="meshed", tls="identity", identities=("*",))


def test_tcp_is_decided_at_the_start_and_again_when_policy_changes() -> None:
    made = site(replace(SERVER, protocol="opaque"))
    ended: list[str] = []
    web = made.proxy.admit_tcp(WEB, 8080, lambda: ended.append("web"))
    plain = made.proxy.admit_tcp(PLAIN, 8080, lambda: ended.append("plain"))
    gone = made.proxy.admit_tcp(PLAIN, 8080, lambda: ended.append("gone"))
    other = made.proxy.admit_tcp(PLAIN, 9090, lambda: ended.append("other"))
    assert web is not None
    assert plain is not None
    assert gone is not None
    assert other is not None
    gone.close()
    stricter = replace(SERVER, protocol="opaque", authorizations=(MESHED_ONLY,))
    made.proxy.set_policy(8080, server_policy(stricter))
    assert ended == ["plain"]
    assert made.proxy.admit_tcp(PLAIN, 8080, lambda: ended.append("late")) is None
    made.proxy.set_policy(8080, server_policy(InboundPolicy("Server", "web-http", group=GROUP)))
    assert ended == ["plain", "web"]
    plain.close()
    counted = {word: made.total(f"inbound_tcp_authz_{word}_total") for word in ("allow", "deny", "terminate")}
    assert counted == {"allow": 4, "deny": 1, "terminate": 2}
    assert made.total("inbound_tcp_authz_terminate_total", tls="true", srv_name="web-http") == 1
    assert made.total("inbound_tcp_authz_allow_total", authz_name="everyone", target_port="8080") == 3


def test_the_labels_of_an_admitted_connection_are_those_of_its_metrics() -> None:
    made = site(replace(SERVER, protocol="opaque"))
    admission = made.proxy.admit_tcp(replace(PLAIN, no_tls_reason="port_skipped"), 8080, lambda: None)
    assert admission is not None
    connection = made.proxy.tcp_open("inbound", "src", admission.labels)
    assert made.total("tcp_open_connections", srv_name="web-http", no_tls_reason="port_skipped") == 1
    connection.close()


@pytest.mark.parametrize(
    ("peer", "labels"),
    [
        (WEB, {"tls": "true", "client_id": WEB.client_id}),
        (Peer("10.0.0.9", ""), {"tls": "true", "client_id": ""}),
        (Peer("10.0.0.9", sni="example.com"), {"tls": "opaque", "sni": "example.com"}),
        (PLAIN, {"tls": "no_identity", "no_tls_reason": "no_tls_from_remote"}),
        (LOOPBACK, {"tls": "no_identity", "no_tls_reason": "loopback"}),
        (Peer("10.0.0.9", None, "port_skipped"), {"tls": "no_identity", "no_tls_reason": "port_skipped"}),
    ],
)
def test_how_a_connection_was_secured(peer: Peer, labels: dict[str, str]) -> None:
    made = site(SERVER)
    shown = dict(made.proxy.accepted_labels(peer, 8080))
    assert {
        name: shown[name] for name in ("tls", "client_id", "no_tls_reason", "sni") if name in shown
    } == labels


def test_tcp_vectors_through_the_proxy() -> None:
    for name in ("policy-07", "policy-10"):
        spec = vector(name)
        authn = spec["input"]["authz"]
        net = (authn.get("net", "0.0.0.0/0"),)
        tls = "any" if authn["authn"].startswith("tls") else "none"
        policy = replace(
            SERVER, protocol="opaque", authorizations=(replace(EVERYONE, networks=net, tls=tls),)
        )
        made = site(policy)
        clients = [Peer("192.0.2.3", "" if tls == "any" else None)]
        if tls == "any":
            clients.append(Peer("192.0.2.3"))  # its TLS was for somebody else
        outcomes = [made.proxy.admit_tcp(peer, 8080, lambda: None) is not None for peer in clients]
        expected = spec["expected"]["allowed"]
        assert outcomes == (expected if isinstance(expected, list) else [expected])


def test_without_policy_every_connection_is_let_in_and_none_is_counted() -> None:
    made = Site(ProxyConfig(policy_labels=False))
    admission = made.proxy.admit_tcp(PLAIN, 8080, lambda: None)
    assert admission is not None
    assert not any(label.startswith("srv_") for label, _ in admission.labels)
    assert made.total("inbound_tcp_authz_allow_total") == 0


# -- which policy holds --------------------------------------------------------------------------------------


def test_a_port_is_asked_for_once_and_the_default_holds_until_the_answer() -> None:
    made = Site(ProxyConfig(default_policy="deny", opaque_ports=((3306, 3306),)))
    assert (ask(made), made.watched) == (403, [8080])
    made.proxy.set_policy(8080, server_policy(SERVER))
    assert (ask(made), ask(made, port=9090), made.watched) == (200, 403, [8080, 9090])
    assert made.proxy.admit_tcp(PLAIN, 3306, lambda: None) is None
    default = made.proxy.policy(3306)
    assert default is not None
    assert (default.protocol, default.detect_timeout) == ("opaque", 10.0)
    assert made.watched == [8080, 9090, 3306]


def test_the_protocol_is_the_control_planes_to_say() -> None:
    policy = server_policy(replace(SERVER, protocol="http2", detect_timeout_s=3.0))
    assert (policy.protocol, policy.detect_timeout) == ("http2", 3.0)
