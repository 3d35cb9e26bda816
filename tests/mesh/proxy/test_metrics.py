"""Metrics: one registry a proxy, read as text, as series or as plain values."""

from random import Random
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mesh.messages import Peer, Profile, Response
from mesh.proxy.metrics import FAMILIES, LATENCY_BOUNDS, Histogram, Registry
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
