"""Whatever the policy: every request is counted once, and only what reached the application is its own."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

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
    RouteMatch,
)
from mesh.proxy.policy import server_policy
from tests.mesh.proxy.hand import Site

PEERS = (
    Peer("10.0.0.9", "web.emojivoto"),
    Peer("10.0.0.8", "vote-bot.emojivoto"),
    Peer("10.0.0.7", ""),
    Peer("192.0.2.1"),
    Peer("127.0.0.1", None, "loopback"),
)
AUTHORIZATIONS = st.builds(
    InboundAuthorization,
    st.just("AuthorizationPolicy"),
    st.sampled_from(["one", "two"]),
    st.sampled_from([("0.0.0.0/0", "::/0"), ("10.0.0.0/8",), ("10.0.0.9/32", "192.0.2.0/24")]),
    st.sampled_from(["none", "any", "identity"]),
    st.sampled_from([("*",), ("web.emojivoto",), ("*.emojivoto",), ()]),
)
MATCHES = st.builds(
    RouteMatch,
    st.sampled_from(["/", "/api", "/api/list"]),
    st.sampled_from(["prefix", "exact"]),
    method=st.sampled_from([None, "GET", "POST"]),
)
FILTERS = st.sampled_from(
    [
        HeaderFilter(set=(("a", "b"),)),
        HeaderFilter(set=(("a", "b"),), response=True),
        RedirectFilter(302, host="elsewhere"),
        InjectFilter(503, "no", 14, 1, 2),
    ]
)
RULES = st.builds(
    InboundRule,
    st.builds(PolicyRef, st.just("gateway"), st.just("HTTPRoute"), st.sampled_from(["r1", "r2"])),
    st.lists(MATCHES, min_size=1, max_size=2).map(tuple),
    filters=st.lists(FILTERS, max_size=2).map(tuple),
    authorizations=st.lists(AUTHORIZATIONS, max_size=2).map(tuple),
)
LIMITS = st.builds(
    InboundRateLimit, st.just(PolicyRef(name="slow")), st.sampled_from([0, 3]), st.sampled_from([0, 2])
)
POLICIES = st.builds(
    InboundPolicy,
    st.just("Server"),
    st.just("web"),
    authorizations=st.lists(AUTHORIZATIONS, max_size=2).map(tuple),
    probes=st.sampled_from([(), ("/api",)]),
    rules=st.lists(RULES, max_size=3).map(tuple),
    rate_limit=st.none() | LIMITS,
)
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(PEERS),
        st.sampled_from(["/", "/api", "/api/list", "/x"]),
        st.sampled_from(["GET", "POST"]),
    ),
    min_size=1,
    max_size=15,
)


@given(POLICIES, REQUESTS)
def test_every_request_is_counted_once(policy: InboundPolicy, requests: list[tuple[Peer, str, str]]) -> None:
    site = Site()
    site.proxy.set_policy(8080, server_policy(policy))
    seen: Counter[int] = Counter()
    for peer, path, method in requests:
        seen[site.hand.run(site.inbound(path, peer, method=method)).status] += 1
    allowed = site.total("inbound_http_authz_allow_total")
    assert site.total("inbound_http_authz_deny_total") == seen[403]
    assert site.total("inbound_http_route_not_found_total") == seen[404]
    assert allowed == len(requests) - seen[403] - seen[404]
    assert site.total("inbound_http_local_ratelimit_total") == seen[429]
    assert site.total("inbound_http_errors_total", error="unexpected") == seen[500]
    # What the proxy answered by itself never reached the application.
    assert site.total("request_total") == site.total("response_total") == seen[200] == len(site.hand.sends)
    assert allowed == seen[200] + seen[302] + seen[429] + seen[500]
    assert site.total("inbound_http_statuses_total") == seen[200]


@given(POLICIES, st.sampled_from(["/", "/api", "/api/list", "/x"]))
def test_the_own_pod_is_never_refused(policy: InboundPolicy, path: str) -> None:
    site = Site()
    site.proxy.set_policy(8080, server_policy(policy))
    assert site.hand.run(site.inbound(path, PEERS[-1])).status != 403
    assert site.proxy.admit_tcp(PEERS[-1], 8080, lambda: None) is not None


@given(POLICIES, POLICIES)
def test_open_connections_are_those_that_the_policy_in_force_lets_in(
    first: InboundPolicy, second: InboundPolicy
) -> None:
    site = Site()
    ended: set[Peer] = set()
    site.proxy.set_policy(8080, server_policy(first))
    open_ = {peer for peer in PEERS if site.proxy.admit_tcp(peer, 8080, lambda peer=peer: ended.add(peer))}
    site.proxy.set_policy(8080, server_policy(second))
    after = {peer for peer in PEERS if site.proxy.admit_tcp(peer, 8080, lambda: None)}
    assert open_ - ended == open_ & after
    assert site.total("inbound_tcp_authz_terminate_total") == len(ended)
    assert site.total("inbound_tcp_authz_allow_total") == len(open_) + len(after)
