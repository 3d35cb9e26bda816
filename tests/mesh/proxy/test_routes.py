"""ServiceProfile routes: matching, time-outs, retries and their metrics."""

import pytest

from mesh.messages import Profile, Request, Response, fail
from mesh.proxy.atoms.classify import default
from mesh.proxy.duration import InvalidDuration, go_duration, proxy_duration
from mesh.proxy.effects import Send
from mesh.proxy.layers.route import Condition, InvalidRoute
from mesh.proxy.profile import Routes
from tests.mesh.proxy.hand import Backend, Site, pods
from tests.mesh.proxy.vectors import vector, vectors

NAME = "web.default.svc.cluster.local"
BUDGET = {"retryRatio": 0.2, "minRetriesPerSecond": 10, "ttl": "10s"}
FLAKY = {"name": "flaky", "condition": {"method": "GET", "pathRegex": "/flaky/[^/]*"}, "isRetryable": True}
SLOW = {"name": "slow", "condition": {"pathRegex": "/slow"}, "timeout": "300ms"}


def profiled(backend: Backend, *routes: dict, budget: dict | None = BUDGET, endpoints: int = 1) -> Site:
    site = Site(backend=backend)
    site.knows(*pods(endpoints), profile=Profile(name=NAME, routes=routes, retry_budget=budget))
    return site


@pytest.mark.parametrize(
    ("condition", "request_", "expected"),
    [
        ({}, "GET /", True),
        ({"pathRegex": "/a"}, "GET /a", True),
        ({"pathRegex": "/a"}, "GET /ab", False),
        ({"pathRegex": "/a"}, "GET /x/a", False),
        ({"pathRegex": " /a|/b "}, "GET /b", True),
        ({"pathRegex": "/a|/b"}, "GET /bc", False),
        ({"method": "POST"}, "GET /", False),
        ({"all": [{"method": "GET"}, {"pathRegex": "/a.*"}]}, "GET /ab", True),
        ({"all": [{"method": "GET"}, {"pathRegex": "/a.*"}]}, "PUT /ab", False),
        ({"any": [{"method": "PUT"}, {"pathRegex": "/a"}]}, "GET /a", True),
        ({"any": [{"method": "PUT"}, {"pathRegex": "/a"}]}, "GET /b", False),
        ({"not": {"method": "PUT"}}, "PUT /", False),
        ({"not": {"method": "PUT"}, "pathRegex": "/b"}, "GET /b", True),
    ],
)
def test_conditions(condition: dict, request_: str, expected: bool) -> None:
    method, _, path = request_.partition(" ")
    assert Condition(condition).matches(method, path) is expected


@pytest.mark.parametrize("condition", [{"pathRegex": "("}, {"colour": "red"}, {"not": {"x": 1}}])
def test_a_condition_that_makes_no_sense_is_refused(condition: dict) -> None:
    with pytest.raises(InvalidRoute):
        Condition(condition)


def test_the_first_route_that_matches_counts_and_the_rest_is_the_default_route() -> None:
    everything = {"name": "everything", "condition": {"pathRegex": "/slow.*"}}
    site = profiled(lambda send: (0.01, Response(200)), SLOW, everything)
    for path in ("/slow", "/slower", "/other", "/slow?q=1", "/slow"):
        site.get(path)
    dst = f"{NAME}:80"
    assert site.total("route_response_total", dst=dst, rt_route="slow", direction="outbound") == 3
    assert site.total("route_response_total", dst=dst, rt_route="everything") == 1
    assert site.total("route_response_total", dst=dst) == 5
    assert site.total("route_actual_request_total", dst=dst) == site.total("route_request_total") == 5
    assert not any(h.name == "route_actual_response_latency_ms" for h in site.proxy.registry.handles())


def test_without_routes_there_are_no_route_metrics() -> None:
    site = profiled(lambda send: (0.0, Response(200)))
    site.get()
    assert site.total("route_request_total") == 0
    assert site.total("request_total") == 1


def test_a_route_time_out_is_a_504_that_closes_and_spans_all_attempts() -> None:
    site = profiled(lambda send: (10.0, Response(200)), SLOW)
    response = site.get("/slow")
    assert (response.status, site.hand.now) == (504, pytest.approx(0.3))
    assert response.headers is not None
    assert response.headers["l5d-proxy-connection"] == "close"
    # The route saw a failure, the endpoint a request that was given up.
    assert site.total("route_response_total", rt_route="slow", error="timeout") == 1
    assert site.total("request_total") == 1
    assert site.total("response_total") == 0
    assert site.total("outbound_http_errors_total", error="response timeout") == 1


def test_time_out_vector() -> None:
    spec = vector("timeout-01")["input"]
    route = {**SLOW, "timeout": f"{spec['request_timeout_s']}s"}
    site = profiled(lambda send: (4.0, Response(200)), route)
    assert site.get("/slow").status == 504
    assert site.hand.now == spec["request_timeout_s"]


def test_a_time_out_ends_the_wait_for_an_endpoint_too() -> None:
    site = profiled(lambda send: (0.0, Response(200)), SLOW, endpoints=0)
    assert site.get("/slow").status == 504
    assert site.hand.now == pytest.approx(0.3)


def test_failures_are_sent_again_until_one_succeeds() -> None:
    answers = iter([500, 503, 200, 500, 200])
    site = profiled(lambda send: (0.01, Response(next(answers))), FLAKY)
    assert site.get("/flaky/1").status == 200
    assert site.hand.now == pytest.approx(0.03)  # no back-off
    assert site.get("/flaky/2").status == 200
    assert site.total("route_response_total", rt_route="flaky", classification="success") == 2
    assert site.total("route_actual_response_total", rt_route="flaky", classification="failure") == 3
    assert site.total("request_total") == 5


def test_the_budget_stops_a_storm() -> None:
    site = profiled(lambda send: (0.0, Response(500)), FLAKY)
    assert site.get("/flaky/1").status == 500
    assert len(site.hand.sends) == 101  # one request, and the hundred retries of an idle budget
    assert site.total("route_retryable_total", skipped="no_budget") == 1
    for _ in range(50):
        site.get("/flaky/2")
    # A retry that is refused deposits nothing.
    assert len(site.hand.sends) == 151


def test_successes_earn_one_retry_in_five() -> None:
    budget = {"retryRatio": 0.2, "minRetriesPerSecond": 0, "ttl": "10s"}
    site = profiled(
        lambda send: (0.0, Response(500 if "bad" in send.request.path else 200)), FLAKY, budget=budget
    )
    for _ in range(50):
        site.get("/flaky/good")
    site.get("/flaky/bad")
    assert len(site.hand.sends) == 50 + 1 + 10


@pytest.mark.parametrize(
    ("path", "options", "attempts"),
    [
        ("/flaky/1", {}, 2),
        ("/flaky/1", {"size": 65_536}, 2),
        ("/flaky/1", {"size": 65_537}, 1),
        ("/flaky/1", {"method": "POST"}, 1),
        ("/other", {}, 1),
    ],
)
def test_what_is_sent_again(path: str, options: dict, attempts: int) -> None:
    answers = iter([500, 200])
    site = profiled(lambda send: (0.0, Response(next(answers))), FLAKY)
    site.get(path, **options)
    assert len(site.hand.sends) == attempts


def test_a_failed_connection_is_a_502_and_so_sent_again() -> None:
    def backend(send: Send) -> tuple[float, Response]:
        return 0.0, fail("refused") if len(site.hand.sends) < 3 else Response(200)

    site = profiled(backend, FLAKY)
    assert site.get("/flaky/1").status == 200
    assert len(site.hand.sends) == 3


def test_a_retry_may_land_on_another_pod_and_stays_within_the_time_out() -> None:
    route = {**FLAKY, "timeout": "100ms"}
    site = profiled(lambda send: (0.04, Response(500)), route, endpoints=2)
    assert site.get("/flaky/1").status == 504
    assert site.hand.now == pytest.approx(0.1)
    assert len({send.endpoint for _, send in site.hand.sends}) == 2
    assert len(site.hand.sends) == 3


def test_fail_fast_is_not_sent_again() -> None:
    site = profiled(lambda send: (0.0, Response(200)), FLAKY, endpoints=0)
    assert site.get("/flaky/1").status == 504
    assert site.total("route_response_total", error="unclassified", classification="failure") == 1


def test_response_classes_of_a_route_reach_the_endpoints_metrics() -> None:
    classes = [{"condition": {"status": {"min": 404}}, "isFailure": True}]
    strict = {"name": "strict", "condition": {"pathRegex": "/strict"}, "responseClasses": classes}
    site = profiled(lambda send: (0.0, Response(404)), strict)
    site.get("/strict")
    site.get("/lenient")
    assert site.total("response_total", status_code="404", classification="failure") == 1
    assert site.total("response_total", status_code="404", classification="success") == 1
    assert site.total("route_response_total", rt_route="strict", classification="failure") == 1
    assert site.total("request_total") == 2


@pytest.mark.parametrize(
    "budget",
    [
        None,
        {"retryRatio": 0.2, "minRetriesPerSecond": 10},
        {"ttl": "500ms"},
        {"ttl": "61s"},
        {"ttl": "soon"},
        {"ttl": "10s", "retryRatio": 1001},
        {"ttl": "10s", "retryRatio": float("nan")},
        {"ttl": "10s", "minRetriesPerSecond": 2**31},
    ],
)
def test_without_a_valid_budget_nothing_is_sent_again(budget: dict | None) -> None:
    site = profiled(lambda send: (0.0, Response(500)), FLAKY, budget=budget)
    site.get("/flaky/1")
    assert len(site.hand.sends) == 1


def test_routes_that_make_no_sense_are_left_out() -> None:
    broken = [
        {"name": "a", "condition": {"pathRegex": "("}},
        {"name": "b", "timeout": "soon"},
        {"name": "c", "responseClasses": [{"condition": {}}]},
    ]
    routes = Routes(Profile(routes=(*broken, SLOW)), 0.0)
    assert [route.name for route in routes.routes] == ["slow"]


def test_a_new_profile_holds_from_the_next_request_on_and_keeps_the_endpoints() -> None:
    site = profiled(lambda send: (0.01, Response(200)))
    site.get()
    destination = site.resolved[0]
    before = destination.endpoints.copy()
    budgeted = Profile(name=NAME, routes=(SLOW,), retry_budget=BUDGET)
    destination.profile(budgeted)
    stack = destination.stack
    destination.profile(Profile(name=NAME, routes=(SLOW,), retry_budget=BUDGET))
    assert destination.stack is stack  # nothing changed, so nothing was built
    site.get("/slow")
    assert site.total("route_request_total", rt_route="slow") == 1
    assert destination.endpoints == before


def test_route_memory_is_bounded() -> None:
    site = profiled(lambda send: (0.0, Response(200)), SLOW)
    for n in range(3000):
        site.get(f"/{n}")
    request = Request("GET", "web:80", "/slow")
    assert site.hand.run(site.proxy.outbound(request, ("10.96.0.1", 80))).status == 200
    assert site.total("route_request_total", rt_route="slow") == 1


def test_default_classifier_is_shared_by_routes_without_classes() -> None:
    assert all(route.classify is default for route in Routes(Profile(routes=(SLOW, FLAKY)), 0.0).routes)


@pytest.mark.parametrize("spec", vectors("duration_parse"), ids=lambda spec: spec["id"])
def test_duration_vector(spec: dict) -> None:
    expected = spec["expected"]["ms"]
    if expected == "error":
        with pytest.raises(InvalidDuration, match="not a duration"):
            proxy_duration(spec["input"]["text"])
    else:
        assert proxy_duration(spec["input"]["text"]) * 1000 == expected


@pytest.mark.parametrize("text", ["", "5", "1.5s", "1 s", "-1s", "s", "1s2", "1S"])
def test_proxy_durations_take_nothing_else(text: str) -> None:
    with pytest.raises(InvalidDuration):
        proxy_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("1m30s", 90), ("1.5h", 5400), ("0", 0), ("250us", 0.00025), ("10s", 10)],
)
def test_go_durations(text: str, seconds: float) -> None:
    assert go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "-1s", "soon", "1s banana"])
def test_go_durations_take_nothing_else(text: str) -> None:
    with pytest.raises(InvalidDuration):
        go_duration(text)
