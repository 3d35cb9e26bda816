"""Metrics: one registry a proxy, read as text, as series or as plain values."""

from random import Random
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mesh.messages import EndpointUpdate, Peer, Profile, Request, Response
from mesh.proxy.config import ProxyConfig
from mesh.proxy.metrics import FAMILIES, LATENCY_BOUNDS, RETAIN, Histogram, Registry
from mesh.proxy.transport import count_detection, count_error, count_protocol, count_transport_header
from tests.mesh.proxy.hand import Site, pods

ROUTES = ({"name": "all", "condition": {"pathRegex": "/.*"}, "isRetryable": False},)


def busy() -> Site:
    """A proxy that has seen a bit of everything."""
    rng = Random(3)

    def backend(send: object) -> tuple[float, Response]:
        grpc = rng.choice([None, 0, 14])
        return rng.expovariate(20), Response(rng.choice([200, 404, 500]), grpc_status=grpc)

    site = Site(backend=backend)
    site.knows(*pods(3), profile=Profile(name="web.default.svc.cluster.local", routes=ROUTES), service="web")
    for n in range(60):
        site.get(grpc=n % 2 == 0)
        site.hand.run(site.inbound(peer=Peer("10.0.0.9", f'a"b\\c\n{n % 3}')))
    site.proxy.tcp_open("inbound", "src", site.proxy.accepted_labels(Peer("10.0.0.9"), 8080)).close(
        "ECONNRESET"
    )
    return site


def test_text_and_series_agree() -> None:
    registry = busy().proxy.registry
    series, values = registry.series(), registry.values()
    assert len(series) == len(values) > 300
    listed = {}
    for each, value in zip(series, values, strict=True):
        assert each.read() == value
        listed[each.name, frozenset(each.labels)] = value
    assert len(listed) == len(series)
    parsed = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(registry.expose())
        for sample in family.samples
    }
    assert parsed == listed


def test_families_keep_their_types_in_the_text() -> None:
    registry = busy().proxy.registry
    families = {family.name: family for family in text_string_to_metric_families(registry.expose())}
    assert families["request"].type == "counter"
    assert families["response_latency_ms"].type == "histogram"
    assert families["tcp_open_connections"].type == "gauge"
    assert families["process_start_time_seconds"].type == "gauge"


def test_the_series_list_only_grows() -> None:
    registry = Registry()
    registry.counter("request_total", (("a", "1"),))
    first = registry.series()
    names = [each.labels for each in first]
    registry.histogram("response_latency_ms", (("a", "1"),))
    registry.counter("request_total", (("a", "2"),))
    second = registry.series()
    assert second is first
    assert [each.labels for each in second[:1]] == names
    assert len(second) == 2 + len(LATENCY_BOUNDS) + 1 + 2 == len(registry.values())


def test_a_handle_is_made_once() -> None:
    registry = Registry()
    labels = (("a", "1"),)
    assert registry.counter("request_total", labels) is registry.counter("request_total", labels)
    assert registry.histogram("response_latency_ms") is registry.histogram("response_latency_ms")
    assert registry.gauge("tcp_open_connections") is registry.gauge("tcp_open_connections")
    with pytest.raises(AssertionError, match="no family misspelt"):
        registry.counter("misspelt")


def test_bounds_are_linkerds_and_inclusive() -> None:
    assert len(LATENCY_BOUNDS) == 25
    assert tuple(sorted(LATENCY_BOUNDS)) == LATENCY_BOUNDS
    histogram = Histogram("response_latency_ms", (), LATENCY_BOUNDS)
    for value in (0, 1, 2, 50_000, 50_001):
        histogram.observe(value)
    assert histogram.bucket(0) == 2
    assert histogram.bucket(1) == 3
    assert histogram.bucket(24) == 4
    assert histogram.bucket(25) == histogram.count == 5
    assert [dict(each.labels)["le"] for each in histogram.series()[:-2]][-3:] == ["40000", "50000", "+Inf"]


@given(st.lists(st.integers(0, 60_000), max_size=50))
def test_buckets_are_cumulative(samples: list[int]) -> None:
    histogram = Histogram("response_latency_ms", (), LATENCY_BOUNDS)
    for sample in samples:
        histogram.observe(sample)
    *buckets, total, count = histogram.values()
    bounds = [*LATENCY_BOUNDS, float("inf")]
    assert buckets == [sum(sample <= bound for sample in samples) for bound in bounds]
    assert (total, count) == (sum(samples), len(samples))


def test_latency_is_in_whole_milliseconds_cut_off() -> None:
    for seconds, milliseconds in [(0.0019999, 1), (0.003, 3), (0.0299, 29), (0.5, 500)]:
        site = Site(backend=lambda send, seconds=seconds: (seconds, Response(200)))
        site.hand.advance(1234.567)
        site.knows(*pods(1))
        site.get()
        histogram = next(h for h in site.proxy.registry.handles() if h.name == "response_latency_ms")
        assert histogram.sum == milliseconds


def test_a_scrape_costs_well_under_a_tenth_of_a_millisecond() -> None:
    registry = busy().proxy.registry
    best = min(repeat(registry.values, number=100, repeat=5)) / 100
    assert best / len(registry.series()) < 100e-6 / 300


def test_labels_of_classes_are_always_printed() -> None:
    site = Site(backend=lambda send: (0.0, Response(200, grpc_status=14)))
    site.knows(*pods(1))
    site.get(grpc=True)
    site.get()
    totals = [h.labels[-4:] for h in site.proxy.registry.handles() if h.name == "response_total"]
    assert totals == [
        (("status_code", "200"), ("classification", "failure"), ("grpc_status", "14"), ("error", "")),
        (("status_code", "200"), ("classification", "success"), ("grpc_status", ""), ("error", "")),
    ]


def test_connections() -> None:
    site = Site()
    labels = site.proxy.dialled_labels(("10.96.0.1", 80))
    first = site.proxy.tcp_open("outbound", "src", labels)
    second = site.proxy.tcp_open("outbound", "src", labels)
    first.read.inc(100)
    first.written.inc(20)
    first.close()
    first.close()
    assert site.total("tcp_open_total", direction="outbound", peer="src", no_tls_reason="loopback") == 2
    assert site.total("tcp_open_connections") == 1
    assert site.total("tcp_read_bytes_total") == 100
    assert site.total("tcp_write_bytes_total") == 20
    assert site.total("tcp_close_total", errno="") == 1
    second.close("ECONNRESET")
    assert site.total("tcp_close_total", errno="ECONNRESET") == 1
    assert site.total("tcp_open_connections") == 0


def test_labels_of_a_connection_to_an_endpoint_are_the_endpoints() -> None:
    site = Site()
    site.knows(*pods(1), service="web")
    site.get()
    destination = site.resolved[0]
    (endpoint,) = destination.endpoints.values()
    labels = site.proxy.connected_labels(destination, endpoint)
    counter = next(h for h in site.proxy.registry.handles() if h.name == "request_total")
    assert (("direction", "outbound"), *labels) == counter.labels
    assert dict(site.proxy.connected_labels(None, endpoint)) == {
        "tls": "no_identity",
        "no_tls_reason": "loopback",
    }


def test_every_family_says_what_it_is() -> None:
    assert all(family.help and family.kind for family in FAMILIES.values())
    assert all((family.kind == "histogram") == bool(family.bounds) for family in FAMILIES.values())


# -- every family --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FAMILIES))
def test_every_family_is_understood_by_prometheus(name: str) -> None:
    family, registry, labels = FAMILIES[name], Registry(), (("tls", "true"),)
    if family.kind == "histogram":
        registry.histogram(name, labels).observe(family.bounds[0])
    elif family.kind == "gauge":
        registry.gauge(name, labels).set(3)
    else:
        registry.counter(name, labels).inc(3)
    (parsed,) = text_string_to_metric_families(registry.expose())
    assert parsed.type == family.kind
    assert parsed.documentation == family.help
    assert parsed.name == (name.removesuffix("_total") if family.kind == "counter" else name)
    if family.kind == "histogram":
        bounds = [float(each.labels["le"]) for each in parsed.samples if each.name.endswith("_bucket")]
        assert bounds == [*family.bounds, float("inf")]
        assert parsed.samples[0].value == 1
    else:
        assert [(each.name, each.labels, each.value) for each in parsed.samples] == [
            (name, {"tls": "true"}, 3)
        ]


def test_what_connections_turned_out_to_be() -> None:
    site = Site()
    registry = site.proxy.registry
    count_detection(registry, "inbound", "http/1", 0.0005)
    count_detection(registry, "inbound", "read_timeout", 10.0)
    count_protocol(registry, "opaq")
    count_transport_header(registry, "http/2", 8080)
    count_error(registry, "inbound", "tls detection timeout", (("target_addr", "10.0.0.1:80"),))
    assert site.total("inbound_tcp_detect_http_results_total", result="read_timeout") == 1
    assert site.total("outbound_tcp_protocol_connections_total", protocol="opaq") == 1
    assert site.total("inbound_tcp_transport_header_connections_total", target_port="8080") == 1
    assert site.total("inbound_tcp_errors_total", error="tls detection timeout") == 1
    duration = registry.histogram("inbound_tcp_detect_http_duration_seconds")
    assert duration.counts == [1, 0, 1]


def test_a_reading_is_read_when_it_is_scraped() -> None:
    site = Site(ProxyConfig(epoch=1000.0, version="v2.300.0"))
    site.hand.advance(7.0)
    assert site.total("process_clock_time_seconds") == 1007.0
    assert site.total("process_start_time_seconds") == 1000.0
    assert site.total("proxy_build_info", version="v2.300.0") == 1


def test_requests_to_the_control_plane() -> None:
    site = Site()
    meter = site.proxy.control_meter("linkerd-policy:8090", "linkerd-destination.linkerd")
    meter.requests.inc()
    meter.record(True, Response(200, grpc_status=0), 0.004)
    meter.failed("timeout")
    assert site.total("control_request_total", addr="linkerd-policy:8090", tls="true") == 1
    assert site.total("control_response_total", classification="success", grpc_status="0") == 1
    assert site.total("control_response_total", classification="failure", error="timeout") == 1


def test_inbound_statuses_are_summed_over_clients() -> None:
    answers = iter(
        [Response(200), Response(503), Response(200), Response(200, grpc_status=14), Response(200)]
    )
    site = Site(backend=lambda send: (0.001, next(answers)))
    for name in ("a", "b", "c"):
        site.hand.run(site.inbound(peer=Peer("10.0.0.9", name)))
    for name in ("a", "b"):
        site.hand.run(site.inbound(peer=Peer("10.0.0.9", name), grpc=True))
    http, grpc = "inbound_http_statuses_total", "inbound_grpc_statuses_total"
    where = {"srv_name": "all-unauthenticated", "srv_port": "8080", "route_name": "default"}
    assert [site.total(http, http_status=status, **where) for status in ("200", "503")] == [2, 1]
    assert site.total(grpc, grpc_status="UNAVAILABLE", **where) == 1
    assert site.total(grpc, grpc_status="UNKNOWN") == 1  # it said nothing
    assert site.total(http) + site.total(grpc) == site.total("response_total")
    site.hand.advance(1.0)
    site.proxy.scraped()
    site.hand.advance(2 * RETAIN)
    site.proxy.scraped()
    assert (site.total("response_total"), site.total(http)) == (0, 3), "the newer families do not expire"


# -- expiry --------------------------------------------------------------------------------------------------


def names(site: Site) -> set[str]:
    """The classic families that have series."""
    return {each.name for each in site.proxy.registry.handles() if FAMILIES[each.name].scope}


def scrape(site: Site, seconds: float) -> None:
    """Let time pass, scraping every half minute."""
    for _ in range(int(seconds / 30)):
        site.hand.advance(30.0)
        site.proxy.admin(Request("GET", "admin", "/metrics"))


def test_series_nobody_counts_in_go_after_ten_minutes() -> None:
    site = Site()
    site.hand.run(site.inbound())
    site.proxy.tcp_open("inbound", "src", site.proxy.accepted_labels(Peer("10.0.0.9"), 8080)).close()
    scrape(site, RETAIN - 60)
    assert {"request_total", "response_latency_ms", "tcp_open_total"} <= names(site)
    scrape(site, 180)
    assert names(site) == set()
    # Policy's counters do not expire, and the next request counts from nothing.
    assert site.total("inbound_http_authz_allow_total", target_port="8080") == 1
    site.hand.run(site.inbound())
    assert site.total("request_total") == site.total("response_total") == 1
    assert site.total("inbound_http_authz_allow_total", target_port="8080") == 2


def test_what_is_counted_in_or_open_stays() -> None:
    site = Site()
    connection = site.proxy.tcp_open("inbound", "src", site.proxy.accepted_labels(Peer("10.0.0.9"), 8080))
    for _ in range(30):
        site.hand.run(site.inbound())
        scrape(site, 60)
    assert site.total("request_total") == 30
    assert site.total("tcp_open_connections") == 1
    connection.close()
    assert site.total("tcp_close_total") == 1


def test_endpoints_that_are_known_keep_their_series_and_others_lose_them() -> None:
    site = Site()
    site.knows(*pods(2))
    for _ in range(20):
        site.get()
    destination = site.resolved[0]
    destination.held += 1
    scrape(site, 2 * RETAIN)
    assert site.total("request_total") == 20
    destination.update(EndpointUpdate(remove=(("10.0.0.1", 8080),)))
    scrape(site, 2 * RETAIN)
    left = {
        dict(each.labels)["target_ip"]
        for each in site.proxy.registry.handles()
        if each.name == "request_total"
    }
    assert left == {"10.0.0.2"}
    destination.held -= 1
    site.proxy.sweep()
    scrape(site, 120)
    assert names(site) == set()


def test_text_and_handles_agree_after_something_expired() -> None:
    site = busy()
    site.hand.advance(1.0)
    site.proxy.scraped()
    site.hand.advance(RETAIN + 60)
    site.hand.run(site.inbound(peer=Peer("10.0.0.7", "late")))
    site.proxy.scraped()
    registry = site.proxy.registry
    assert site.total("request_total", direction="inbound", client_id="late") == 1
    assert site.total("request_total", direction="inbound") == 1
    listed = {
        (each.name, frozenset(each.labels)): value
        for each, value in zip(registry.series(), registry.values(), strict=True)
    }
    parsed = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(registry.expose())
        for sample in family.samples
    }
    assert parsed == listed


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([30.0, 90.0, 400.0, 900.0])), max_size=30))
def test_what_was_counted_in_lately_is_there_and_what_was_not_is_gone(steps: list[tuple[int, float]]) -> None:
    """Against a model that knows when each series was last counted in; a look is at every step."""
    registry, now, used = Registry(), 0.0, dict[int, float]()
    for which, pause in steps:
        now += pause
        registry.expire(now, lambda scope, labels: False)
        registry.counter("request_total", (("n", str(which)),)).inc()
        registry.expire(now + 0.001, lambda scope, labels: False)
        used[which] = now
        shown = {int(dict(each.labels)["n"]) for each in registry.handles()}
        assert shown >= {each for each, when in used.items() if now - when <= RETAIN}
        # Noticed at the latest one step later, which is at most 900 s.
        assert not shown & {each for each, when in used.items() if now - when > RETAIN + 2 * 900.0}
