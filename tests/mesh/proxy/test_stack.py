"""Stacks: the reduced one does what the full one does; it can say what it is."""

from random import Random
from typing import Any

import pytest

from mesh.messages import EndpointUpdate, FailureAccrual, Peer, Profile, Request, Response, fail
from mesh.proxy.config import ProxyConfig
from mesh.proxy.effects import Send
from mesh.proxy.policy import ALL_NETWORKS, UNAUTHENTICATED, Authorization, RateLimit, Reference, ServerPolicy
from mesh.proxy.stack import APPLICATION, BACKEND, CLIENT, ENDPOINT, INBOUND_ROUTE, ROUTE, RULE, SERVICE
from tests.mesh.proxy.hand import Running, Site, pods

ROUTES = (
    {"name": "retried", "condition": {"pathRegex": "/retried"}, "isRetryable": True},
    {"name": "timed", "condition": {"pathRegex": "/timed"}, "timeout": "40ms"},
)
NAME = "web.default.svc.cluster.local:80"
BUDGET = {"retryRatio": 0.2, "minRetriesPerSecond": 10, "ttl": "10s"}
PROFILES = {
    "plain": Profile(name="web.default.svc.cluster.local"),
    "routes": Profile(name="web.default.svc.cluster.local", routes=ROUTES),
    "budget": Profile(name="web.default.svc.cluster.local", routes=ROUTES, retry_budget=BUDGET),
}


def script(profile: str, rule: FailureAccrual | None, hint: str, full: bool) -> Any:
    """A few hundred requests, some failing, with endpoints coming and going: everything that can be seen."""
    luck = Random(11)

    def backend(send: Send) -> tuple[float, Response]:
        draw = luck.random()
        delay = luck.expovariate(50)
        if draw < 0.1:
            return delay, fail(luck.choice(["refused", "reset", "connect timeout"]))
        return delay, Response(500 if draw < 0.3 else 200, grpc_status=14 if draw < 0.4 else 0)

    site = Site(backend=backend, full=full)
    site.knows(*pods(3, hint=hint), profile=PROFILES[profile])
    runs: list[Running] = []
    for n in range(300):
        headers = {"l5d-require-id": "nobody"} if n % 29 == 0 else None
        path = luck.choice(["/", "/retried", "/timed"])
        runs.append(site.hand.start(site.outbound(path, grpc=n % 2 == 1, headers=headers)))
        site.hand.advance(luck.expovariate(100))
        destination = site.resolved[0]
        if n == 10:
            destination.accrue(rule)
        if n == 100:
            destination.update(EndpointUpdate(remove=(("10.0.0.1", 8080), ("10.0.0.2", 8080))))
        if n == 150:
            destination.update(EndpointUpdate(add=tuple(pods(2, hint=hint))))
        if n % 31 == 0:
            site.hand.close(runs[-1])
    site.hand.advance(30)
    return observed(site, runs)


def observed(site: Site, runs: list[Running]) -> Any:
    """What the outside can see of a proxy."""
    sends = [
        (when, send.endpoint.ip, send.endpoint.port, send.request.path, send.deadline)
        for when, send in site.hand.sends
    ]
    responses = [
        (run.ended, run.response.status, run.response.grpc_status, run.response.headers)
        if run.response
        else None
        for run in runs
    ]
    metrics = {(each.name, each.labels): each.read() for each in site.proxy.registry.series() if each.read()}
    return sends, responses, metrics


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("rule", [None, FailureAccrual(max_failures=3)], ids=["no rule", "accrual"])
@pytest.mark.parametrize("hint", ["", "h2"])
def test_outbound_full_and_reduced_give_the_same_trace(
    profile: str, rule: FailureAccrual | None, hint: str
) -> None:
    reduced = script(profile, rule, hint, full=False)
    full = script(profile, rule, hint, full=True)
    for part_reduced, part_full in zip(reduced, full, strict=True):
        assert part_reduced == part_full
    assert len(reduced[0]) > 150


EVERYONE = (Authorization(ALL_NETWORKS, UNAUTHENTICATED, Reference()),)
POLICIES = {
    "default": None,
    "limited": ServerPolicy(Reference(), EVERYONE, rate_limit=RateLimit(Reference(), total=30)),
    "closed": ServerPolicy(Reference()),
}


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("labels", [True, False], ids=["edge", "stable"])
@pytest.mark.parametrize("profile", ["plain", "routes"])
def test_inbound_full_and_reduced_give_the_same_trace(policy: str, labels: bool, profile: str) -> None:
    def run(full: bool) -> Any:
        luck = Random(5)

        def backend(send: Send) -> tuple[float, Response]:
            dead = 0.5 < site.hand.now < 3.0
            return luck.expovariate(100), fail("refused") if dead else Response(200)

        site = Site(ProxyConfig(policy_labels=labels), backend=backend, full=full)
        site.proxy.set_policy(8080, POLICIES[policy])
        site.profiled = PROFILES[profile]
        runs = []
        for n in range(300):
            peer = Peer("10.0.0.9", luck.choice([None, "a", "b"]))
            path, name = luck.choice(["/", "/timed"]), luck.choice([NAME, "web:80"])
            runs.append(site.hand.start(site.inbound(path, peer, grpc=n % 2 == 0, authority=name)))
            site.hand.advance(luck.expovariate(50))
        site.hand.advance(10)
        return observed(site, runs)

    for part_reduced, part_full in zip(run(False), run(True), strict=True):
        assert part_reduced == part_full


def test_every_layer_has_a_reason() -> None:
    places = [*SERVICE, *ROUTE, *RULE, *BACKEND, *ENDPOINT, *CLIENT, *APPLICATION, *INBOUND_ROUTE]
    assert all(place.reason for place in places)
    assert [place.layer for place in SERVICE + ROUTE + ENDPOINT] == [
        *("rescue", "dispatch", "canonical", "route"),
        *("observe route", "timeout", "retry", "observe attempt", "distribute", "balance"),
        *("accrue", "secure", "observe", "client"),
    ]


def test_a_stack_prints_itself() -> None:
    site = Site()
    site.knows(*pods(1), profile=Profile(name="web.default.svc.cluster.local", routes=(ROUTES[1],)))
    site.get()
    text = site.proxy.describe(site.resolved[0])
    assert text.splitlines()[0] == "outbound stack of web.default.svc.cluster.local:80, outermost first"
    assert "  route timed\n" in text
    assert "    · timeout          above retry: spans all attempts\n" in text
    assert "    - timeout          above retry: spans all attempts (left out: cannot act)\n" in text
    assert "      endpoint 10.0.0.1:8080\n" in text
    assert text.index("rescue") < text.index("balance") < text.index("client")


def depth(site: Site, request: Request) -> int:
    """How many generators a request passes to its Send."""
    flow = site.proxy.outbound(request, ("10.96.0.1", 80))
    flow.send(None)
    count, inner = 0, flow
    while inner is not None:
        count, inner = count + 1, getattr(inner, "gi_yieldfrom", None)
    flow.close()
    return count


def test_the_ordinary_stack_is_shallow() -> None:
    shallow, deep = Site(), Site(full=True)
    for site in (shallow, deep):
        site.knows(*pods(2))
    request = Request("GET", "web:80", "/")
    assert depth(shallow, request) == 4
    assert depth(deep, request) > 6


# -- what a caller demands ------------------------------------------------------------------------------


def test_a_required_identity_must_be_the_servers() -> None:
    site = Site()
    site.knows(*pods(1, identity="web.identity", hint="h2"))
    right = site.get(headers={"l5d-require-id": "web.identity", "a": "b"})
    assert right.status == 200
    assert site.hand.sends[0][1].request.headers == {"a": "b"}
    wrong = site.get(headers={"l5d-require-id": "emoji.identity"})
    assert wrong.status == 502
    assert len(site.hand.sends) == 1
    assert site.total("request_total") == 1
    assert site.total("outbound_http_errors_total", error="identity required") == 1


def test_made_up_responses_can_be_silent() -> None:
    site = Site(ProxyConfig(informational_headers=False))
    assert site.get().headers == {"content-length": "0", "connection": "close"}


def test_an_error_nobody_knows_is_unexpected() -> None:
    site = Site(backend=lambda send: (0.0, fail("gremlins")))
    site.knows(*pods(1))
    response = site.get()
    assert response.status == 500
    assert response.headers is not None
    assert response.headers["l5d-proxy-error"] == "endpoint 10.0.0.1:8080: unexpected error"


def test_a_message_that_is_not_ascii_is_not_sent() -> None:
    site = Site()
    request = Request("GET", "wéb:80", "/")
    response = site.hand.run(site.proxy.outbound(request, ("10.96.0.1", 80)))
    assert response.headers is not None
    assert response.headers["l5d-proxy-error"] == "unexpected error"
