"""Inbound routes: the server's proxy counts by the ServiceProfile of what requests are for."""

from collections.abc import Iterator

import pytest

from mesh.messages import Profile, Response
from mesh.proxy.clients import MAX_CLIENTS
from mesh.proxy.config import ProxyConfig
from mesh.proxy.effects import Send
from mesh.proxy.layers.canonical import CANONICAL
from mesh.proxy.tap import Match, RequestInit
from tests.mesh.proxy.hand import Site, pods

NAME = "web.default.svc.cluster.local:80"
LIST = {"name": "list", "condition": {"pathRegex": "/list"}}
PROFILE = Profile(name="web.default.svc.cluster.local", routes=(LIST,))


def site(profile: Profile | None = PROFILE, config: ProxyConfig | None = None) -> Site:
    made = Site(config)
    made.profiled = profile
    return made


def routed(site: Site, route: str | None = None) -> float:
    """Inbound responses counted for a route, or for all."""
    labels = {} if route is None else {"rt_route": route}
    return site.total("route_response_total", direction="inbound", dst=NAME, **labels)


@pytest.mark.parametrize(
    ("authority", "headers"),
    [(NAME, None), ("web:80", {CANONICAL: NAME}), ("10.96.0.1", {CANONICAL: NAME, "a": "b"})],
)
def test_the_name_is_in_a_header_or_the_authority(authority: str, headers: dict[str, str] | None) -> None:
    made = site()
    for path in ("/list", "/list?page=2", "/other"):
        made.hand.run(made.inbound(path, authority=authority, headers=headers))
    assert [logical.name for logical in made.followed] == [NAME]
    assert routed(made, "list") == 2
    assert routed(made) == 3
    text = made.proxy.registry.expose()
    assert f'route_request_total{{direction="inbound",dst="{NAME}"}} 1' in text  # [DEFAULT]
    assert f'route_response_latency_ms_count{{direction="inbound",dst="{NAME}",rt_route="list"' in text
    assert "route_actual" not in text


@pytest.mark.parametrize(
    ("suffixes", "name", "asked"),
    [
        (("svc.cluster.local",), "web:80", False),
        (("svc.cluster.local",), "web.default:80", False),
        (("svc.cluster.local",), "svc.cluster.local:80", False),
        (("svc.cluster.local",), "evilsvc.cluster.local", False),
        (("svc.cluster.local",), "web.default.svc.cluster.local", True),
        (("svc.cluster.local",), "web.default.svc.cluster.local.:80", True),
        (("svc.example.org", "svc.cluster.local"), "web.default.svc.example.org:80", True),
        (("",), "example.org", True),
    ],
)
def test_only_names_that_may_have_a_profile_are_asked_for(
    suffixes: tuple[str, ...], name: str, asked: bool
) -> None:
    made = site(config=ProxyConfig(profile_suffixes=suffixes))
    made.hand.run(made.inbound(authority=name))
    assert [logical.name for logical in made.followed] == ([name] if asked else [])


def test_suffixes_come_from_the_environment() -> None:
    def read(value: str) -> tuple[str, ...]:
        return ProxyConfig.from_env({"LINKERD2_PROXY_DESTINATION_PROFILE_SUFFIXES": value}).profile_suffixes

    assert read("svc.cluster.local.") == ("svc.cluster.local",)
    assert read(".") == ("",)
    assert ProxyConfig.from_env({}).profile_suffixes == ("svc.cluster.local",)


def test_without_a_profile_there_are_no_route_metrics() -> None:
    made = site(Profile(name="web.default.svc.cluster.local"))
    assert made.hand.run(made.inbound(authority=NAME)).status == 200
    assert "route_request_total" not in made.proxy.registry.expose()
    silent = site(None)
    assert silent.hand.run(silent.inbound(authority=NAME)).status == 200


def test_a_profile_holds_from_the_next_request_on_and_can_be_taken_back() -> None:
    made = site(None)
    made.hand.run(made.inbound("/list", authority=NAME))
    (logical,) = made.followed
    logical.profile(PROFILE)
    made.hand.run(made.inbound("/list", authority=NAME))
    assert routed(made, "list") == 1
    stacks = dict(made.proxy.clients)
    assert stacks
    logical.profile(Profile(name="another", routes=(LIST,)))  # the same routes: nothing is built anew
    assert made.proxy.clients == stacks
    logical.profile(Profile(name="web.default.svc.cluster.local"))
    made.hand.run(made.inbound("/list", authority=NAME))
    assert routed(made) == 1
    assert len(made.followed) == 1


def test_response_classes_reach_the_applications_metrics() -> None:
    strict = {**LIST, "responseClasses": [{"condition": {"status": {"min": 404}}, "isFailure": True}]}
    made = site(Profile(routes=(strict,)))
    made.hand.backend = lambda send: (0.0, Response(404))
    for path in ("/list", "/other"):
        made.hand.run(made.inbound(path, authority=NAME))
    assert made.total("response_total", direction="inbound", classification="failure") == 1
    assert made.total("response_total", direction="inbound", classification="success") == 1
    assert made.total("route_response_total", rt_route="list", classification="failure") == 1


def test_a_grpc_route_waits_for_the_application_too() -> None:
    """Its fail-fast counts for the route, since the client saw it."""
    made = site()
    made.hand.backend = lambda send: (0.0, Response(0, error="refused"))
    response = made.hand.run(made.inbound("/list", authority=NAME, grpc=True))
    assert response.grpc_status == 4
    assert made.total("route_response_total", rt_route="list", classification="failure") == 1
    made.hand.advance(5.0)
    made.hand.backend = lambda send: (0.0, Response(200, grpc_status=0))
    assert made.hand.run(made.inbound("/list", authority=NAME, grpc=True)).grpc_status == 0
    assert made.total("route_response_total", rt_route="list", classification="success") == 1


def test_names_of_long_ago_do_not_pile_up() -> None:
    made = site(Profile())
    for n in range(MAX_CLIENTS + 10):
        made.hand.run(made.inbound(authority=f"s{n}.default.svc.cluster.local"))
    assert len(made.followed) == MAX_CLIENTS + 10
    assert len(made.unfollowed) == MAX_CLIENTS
    assert len(made.proxy.logicals) == 10


def test_a_client_names_the_service_only_if_it_has_routes() -> None:
    """Every attempt says the same."""
    seen: list[dict[str, str] | None] = []

    def answers() -> Iterator[int]:
        yield from (200, 500, 200)

    status = answers()

    def backend(send: Send) -> tuple[float, Response]:
        seen.append(send.request.headers)
        return 0.0, Response(next(status))

    made = Site(backend=backend)
    made.knows(*pods(1), profile=Profile(name="web.default.svc.cluster.local"))
    made.get("/list")
    retried = {**LIST, "isRetryable": True}
    budget = {"retryRatio": 0.2, "minRetriesPerSecond": 10, "ttl": "10s"}
    made.resolved[0].profile(Profile("web.default.svc.cluster.local", routes=(retried,), retry_budget=budget))
    assert made.get("/list", headers={"a": "b"}).status == 200
    assert seen == [None, {"a": "b", CANONICAL: NAME}, {"a": "b", CANONICAL: NAME}]


def test_a_tap_tells_route_and_source() -> None:
    made = site()
    made.knows(*pods(1), profile=PROFILE)
    session = made.proxy.tap(Match(), 10)
    made.get("/list")
    made.get("/other")
    made.hand.run(made.inbound("/list", authority=NAME))
    begun = [event for event in session.take() if isinstance(event, RequestInit)]
    assert [(event.route, event.source) for event in begun] == [("list", ""), ("", ""), ("list", "")]
