"""The inbound stack: identity, policy, rate limits, and the application that is not there."""

import pytest

from mesh.messages import Peer, Request, Response, RouteMatch, fail
from mesh.proxy.clients import MAX_CLIENTS
from mesh.proxy.config import ProxyConfig
from mesh.proxy.effects import Send
from mesh.proxy.policy import (
    ALL_NETWORKS,
    ANY_TLS,
    UNAUTHENTICATED,
    Authentication,
    Authorization,
    InboundRoute,
    Network,
    RateLimit,
    Reference,
    ServerPolicy,
)
from tests.mesh.proxy.hand import Site, pods
from tests.mesh.proxy.vectors import vector, vectors

WEB = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local"
MESHED = Peer("10.0.0.9", WEB)
UNMESHED = Peer("10.0.0.9")


def ask(
    site: Site, peer: Peer = UNMESHED, path: str = "/", method: str = "GET", **options: object
) -> Response:
    return site.hand.run(site.inbound(path, peer, method=method, **options))


# -- who the client is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "sent", "seen"),
    [
        (MESHED, None, {"l5d-client-id": WEB}),
        (MESHED, {"l5d-client-id": "me", "a": "b"}, {"l5d-client-id": WEB, "a": "b"}),
        (UNMESHED, {"l5d-client-id": "me", "a": "b"}, {"a": "b"}),
        (UNMESHED, {"a": "b"}, {"a": "b"}),
        (UNMESHED, None, None),
        (Peer("10.0.0.9", ""), None, None),
    ],
)
def test_no_client_says_who_it_is(peer: Peer, sent: dict | None, seen: dict | None) -> None:
    site = Site()
    original = dict(sent) if sent is not None else None
    ask(site, peer, headers=sent)
    assert site.hand.sends[0][1].request.headers == seen
    assert sent == original


# -- policy --------------------------------------------------------------------------------------------------

PEERS = {
    "meshed": MESHED,
    "unmeshed": UNMESHED,
    "outside": Peer("192.0.2.1"),
    "meshed outside": Peer("192.0.2.1", WEB),
    "loopback": Peer("127.0.0.1", None, "loopback"),
}


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ("all-unauthenticated", set(PEERS)),
        ("all-authenticated", {"meshed", "meshed outside"}),
        ("all-tls-unauthenticated", {"meshed", "meshed outside"}),
        ("cluster-unauthenticated", {"meshed", "unmeshed"}),
        ("cluster-authenticated", {"meshed"}),
        ("audit", set(PEERS)),
        ("deny", set()),
    ],
)
def test_default_policies(policy: str, allowed: set[str]) -> None:
    site = Site(ProxyConfig(default_policy=policy, cluster_networks=("10.0.0.0/8",)))
    assert {name for name, peer in PEERS.items() if ask(site, peer).status == 200} == allowed
    assert site.total("inbound_http_authz_allow_total") == len(allowed)
    assert site.total("inbound_http_authz_deny_total") == len(PEERS) - len(allowed)
    # A refusal is made by the proxy: no request of the application's.
    assert site.total("request_total") == site.total("response_total") == len(allowed)


def test_audit_says_so() -> None:
    site = Site(ProxyConfig(default_policy="audit"))
    ask(site)
    assert site.total("inbound_http_authz_allow_total", authz_name="audit", srv_name="audit") == 1


def test_the_form_of_a_refusal() -> None:
    site = Site(ProxyConfig(default_policy="deny"))
    meshed = ask(site, MESHED)
    assert meshed.status == 403
    assert meshed.headers == {"content-length": "0", "l5d-proxy-error": "unauthorized request on route"}
    assert ask(site, UNMESHED).headers == {"content-length": "0"}
    grpc = ask(site, MESHED, grpc=True)
    assert (grpc.status, grpc.grpc_status) == (200, 7)


def policy_of(routes: dict[str, str]) -> ServerPolicy:
    """Routes by method, each open to one address; nobody if the text is empty."""

    def route(method: str, net: str) -> InboundRoute:
        meta = Reference("policy.linkerd.io", "httproute", method.lower())
        allowed = (Authorization((Network.parse(net),), UNAUTHENTICATED, meta),) if net else ()
        return InboundRoute(meta, (RouteMatch(method=method),), allowed)

    server = Reference("policy.linkerd.io", "server", "web")
    return ServerPolicy(server, (), tuple(route(method, net) for method, net in routes.items()))


def test_routes_of_a_server_decide_and_a_change_holds_from_the_next_request_on() -> None:
    first, second = vector("policy-01"), vector("policy-02")
    site, client = Site(), Peer(first["input"]["client"])
    wording = {200: "allowed", 403: "unauthorized", 404: "not found"}

    def outcomes() -> list[str]:
        return [wording[ask(site, client, method=each).status] for each in first["input"]["requests"]]

    site.proxy.set_policy(8080, policy_of({"GET": "192.168.3.3", "POST": ""}))
    expected = [each.split(" (")[0].replace("route ", "") for each in first["expected"]["results"]]
    assert outcomes() == expected
    site.proxy.set_policy(8080, policy_of({"GET": "172.2.2.2", "DELETE": "192.168.3.3"}))
    assert outcomes() == second["expected"]["results"]
    assert site.total("inbound_http_route_not_found_total", srv_name="web") == 2
    site.proxy.set_policy(8080, None)
    assert outcomes() == ["allowed"] * 3


def test_the_longest_path_wins_and_then_a_method() -> None:
    def route(name: str, *matches: RouteMatch) -> InboundRoute:
        return InboundRoute(Reference("g", "httproute", name), matches)

    policy = ServerPolicy(
        Reference(),
        (Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference()),),
        (
            route("all", RouteMatch()),
            route("api", RouteMatch("/api")),
            route("get api", RouteMatch("/api", method="GET")),
            route("users", RouteMatch("/api/users", "exact")),
        ),
    )

    def found(method: str, path: str) -> str:
        found = policy.route(Request(method, "web", path))
        assert found is not None
        return found[0].meta.name

    assert found("GET", "/") == "all"
    assert found("POST", "/api") == "api"
    assert found("GET", "/api/x?y=z") == "get api"
    assert found("GET", "/apix") == "all"
    assert found("GET", "/api/users") == "users"


@pytest.mark.parametrize("spec", vectors("inbound_policy_identity"), ids=lambda spec: spec["id"])
def test_identity_vector(spec: dict) -> None:
    given, authentication = spec["input"], Authentication
    made = authentication(
        tls=True,
        identified=True,
        identities=frozenset(given["identities"]),
        suffixes=tuple(given["suffixes"]),
    )
    assert made.accepts(Peer("10.0.0.9", given["client_id"])) is spec["expected"]["allowed"]


def test_tcp_vectors() -> None:
    open_to_net = vector("policy-07")["input"]
    authorization = Authorization((Network.parse(open_to_net["authz"]["net"]),), UNAUTHENTICATED, Reference())
    assert authorization.allows(Peer(open_to_net["client"])) is vector("policy-07")["expected"]["allowed"]
    tls = Authorization(ALL_NETWORKS, ANY_TLS, Reference())
    # TLS that this proxy ended without a client's certificate; TLS for someone else.
    outcomes = [tls.allows(Peer("192.0.2.3", "")), tls.allows(Peer("192.0.2.3"))]
    assert outcomes == vector("policy-10")["expected"]["allowed"]


def test_network_vector() -> None:
    spec = vector("policy-11")
    net = Network.parse(spec["input"]["net"], *spec["input"]["except"])
    assert [net.contains(ip) for ip in spec["input"]["addr"]] == spec["expected"]["contains"]


def test_server_labels_of_a_connection() -> None:
    spec = vector("labels-01")["input"]
    ip, _, port = spec["target"].partition(":")
    group, kind, name, _ = spec["server"]
    site = Site(ProxyConfig(pod_ip=ip))
    site.proxy.set_policy(int(port), ServerPolicy(Reference(group, kind, name)))
    labels = site.proxy.accepted_labels(Peer("192.0.2.1", spec["tls_client_id"]), int(port))
    connection = site.proxy.tcp_open(spec["direction"], spec["peer"], labels)
    opened = next(h for h in site.proxy.registry.handles() if h.name == "tcp_open_total")
    assert [list(label) for label in opened.labels] == vector("labels-01")["expected"]["ordered_labels"]
    connection.close()


# -- rate limits ---------------------------------------------------------------------------------------------


def test_rate_limit_vector() -> None:
    spec = vector("ratelimit-01")["input"]
    overrides = tuple(((client,), rps) for client, rps in spec["overrides"].items())
    site = Site()
    rule = RateLimit(
        Reference("policy.linkerd.io", "httplocalratelimitpolicy", "web"), spec["total"], 5, overrides
    )
    everyone = (Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference()),)
    site.proxy.set_policy(8080, ServerPolicy(Reference(), everyone, rate_limit=rule))

    def burst(*clients: int) -> set[str]:
        seen = set()
        for client in clients:
            response = ask(site, Peer("10.0.0.9", f"client-{client}"))
            text = (response.headers or {}).get("l5d-proxy-error", "ok")
            assert (response.status == 429) == (text != "ok")
            seen.add(text.replace(" rate limit exceeded:", ""))
        return seen

    for _ in range(5):
        assert burst(*[1, 3, 4] * 5) == {"ok"}
        assert burst(1) == {"per-identity 5rps"}
        assert burst(*[3, 4] * 5) == {"ok"}
        assert burst(3) == {"override 10rps"}
        assert burst(*[4] * 5) == {"ok"}
        assert burst(4) == {"override 15rps"}
        assert burst(2, 2) == {"ok"}
        assert burst(2) == {"total 35rps"}
        site.hand.advance(1.0)
    assert site.total("inbound_http_local_ratelimit_total", ratelimit_scope="total") == 5
    assert site.total("inbound_http_local_ratelimit_total", ratelimit_scope="identity") == 15
    assert site.total("request_total") == 5 * 32


def test_a_rate_limit_that_nobody_reaches() -> None:
    spec, site = vector("policy-05"), Site()
    rule = RateLimit(Reference(), spec["input"]["total"], spec["input"]["identity"])
    everyone = (Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference()),)
    site.proxy.set_policy(8080, ServerPolicy(Reference(), everyone, rate_limit=rule))
    results = [str(ask(site).status) for _ in range(spec["input"]["requests"])]
    assert results == spec["expected"]["results"]


def test_limits_stay_when_only_the_rest_of_the_policy_changes() -> None:
    site, rule = Site(), RateLimit(Reference(), total=2)
    everyone = (Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference()),)
    for name in ("a", "b"):
        site.proxy.set_policy(8080, ServerPolicy(Reference(name=name), everyone, rate_limit=rule))
        ask(site)
    assert ask(site).status == 429


def test_a_limit_taken_back_limits_nobody() -> None:
    site = Site()
    everyone = (Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference()),)
    limited = ServerPolicy(Reference(), everyone, rate_limit=RateLimit(Reference(), total=1))
    site.proxy.set_policy(8080, limited)
    assert [ask(site).status for _ in range(2)] == [200, 429]
    site.proxy.set_policy(8080, ServerPolicy(Reference(), everyone))
    assert [ask(site).status for _ in range(2)] == [200, 200]


def test_clients_of_long_ago_do_not_pile_up() -> None:
    site = Site()
    for n in range(MAX_CLIENTS + 10):
        site.inbound(peer=Peer("10.0.0.9", f"client-{n}"))
    assert len(site.proxy.clients) <= MAX_CLIENTS


# -- the application is not there ----------------------------------------------------------------------------


@pytest.mark.parametrize("spec", vectors("inbound_error_response"), ids=lambda spec: spec["id"])
def test_error_vector(spec: dict) -> None:
    given, expected = spec["input"], spec["expected"]
    site = Site(backend=lambda send: (0.0, fail("refused")))
    # Requests over HTTP/2 are gRPC in this model; only the form of the answer differs.
    response = ask(site, MESHED if given["client"] == "meshed" else UNMESHED, grpc=given["protocol"] == "h2")
    http2 = given["protocol"] == "h2"
    assert response.status == (200 if http2 else expected["status"])
    if http2:
        assert response.grpc_status == 4
        assert site.hand.now == pytest.approx(1.0)
    error = (response.headers or {}).get("l5d-proxy-error")
    wanted = expected["l5d-proxy-error"]
    if wanted == "absent":
        assert error is None
    else:
        assert error is not None
        assert wanted in ("present", error)


def test_a_refused_http1_connection_is_a_502_of_the_endpoint() -> None:
    site = Site(backend=lambda send: (0.0, fail("refused")))
    assert ask(site).status == 502
    assert site.total("response_total", status_code="502", classification="failure") == 1


def test_the_peers_proxy_errors_do_not_reach_the_application() -> None:
    made = Response(502, headers={"l5d-proxy-error": "x", "l5d-proxy-connection": "close", "a": "b"})
    site = Site(backend=lambda send: (0.0, made))
    site.discovery = lambda destination: destination.not_found()
    assert site.get().headers == {"a": "b"}


def test_kinds_of_clients_have_series_of_their_own() -> None:
    site = Site(ProxyConfig(pod_ip="10.0.0.1"))
    for peer in (MESHED, UNMESHED, Peer("127.0.0.1", None, "loopback")):
        ask(site, peer)
        ask(site, peer)
    counters = [h for h in site.proxy.registry.handles() if h.name == "request_total"]
    assert [counter.values() for counter in counters] == [(2,)] * 3
    assert counters[0].labels == (
        ("direction", "inbound"),
        ("target_addr", "10.0.0.1:8080"),
        ("target_ip", "10.0.0.1"),
        ("target_port", "8080"),
        ("tls", "true"),
        ("client_id", WEB),
        ("srv_group", ""),
        ("srv_kind", "default"),
        ("srv_name", "all-unauthenticated"),
        ("srv_port", "8080"),
        ("route_group", ""),
        ("route_kind", "default"),
        ("route_name", "default"),
        ("authz_group", ""),
        ("authz_kind", "default"),
        ("authz_name", "all-unauthenticated"),
    )


def test_an_abandoned_inbound_request_has_no_class() -> None:
    site = Site(backend=lambda send: (5.0, Response(200)))
    running = site.hand.start(site.inbound(grpc=True))
    site.hand.close(running)
    assert site.total("response_total") == 0


def test_sends_carry_the_request_as_it_is() -> None:
    seen: list[Request] = []

    def backend(send: Send) -> tuple[float, Response]:
        seen.append(send.request)
        return 0.0, Response(200, body="hello")

    site = Site(backend=backend)
    request = Request("POST", "web:80", "/x?y", body={"a": 1}, size=7, context="mine")
    response = site.hand.run(site.proxy.inbound(request, UNMESHED, 8080))
    assert response.body == "hello"
    assert seen == [request]
    assert (request.body, request.size, request.context) == ({"a": 1}, 7, "mine")


# -- too much at once ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_more_requests_than_may_be_in_flight_are_shed(direction: str) -> None:
    config = ProxyConfig(inbound_max_in_flight=2, outbound_max_in_flight=2)
    site = Site(config, backend=lambda send: (1.0, Response(200)))
    site.knows(*pods(3))
    flow = site.outbound if direction == "outbound" else lambda: site.inbound(peer=MESHED)
    first, second = site.hand.start(flow()), site.hand.start(flow())
    refused = site.hand.run(flow())
    assert (refused.status, refused.headers["l5d-proxy-error"].split(": ")[-1]) == (
        503,
        "service unavailable",
    )
    assert site.total(f"{direction}_http_errors_total", error="loadshed") == 1
    assert site.total("request_total") == 2, "what was shed reached no endpoint"
    site.hand.close(first)
    site.hand.advance(2.0)
    assert second.response is not None
    assert [site.hand.run(flow()).status for _ in range(3)] == [200] * 3


def test_linkerds_limit_is_a_hundred_thousand_each_way() -> None:
    config = ProxyConfig()
    assert (config.inbound_max_in_flight, config.outbound_max_in_flight) == (100_000, 100_000)
