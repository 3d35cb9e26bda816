"""A proxy end to end, driven by hand."""

from mesh.messages import Address, EndpointUpdate, Peer, Profile, Response, fail
from mesh.proxy.config import ProxyConfig
from mesh.proxy.effects import Send
from mesh.proxy.endpoint import Forward, Local
from tests.mesh.proxy.hand import Site, pods

WEB = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local"


def test_outbound_request_is_sent_to_a_ready_endpoint_and_counted() -> None:
    site = Site(backend=lambda send: (0.012, Response(200)))
    site.knows(*pods(2))
    response = site.get()
    assert response.status == 200
    assert len(site.hand.sends) == 1
    assert site.total("request_total", direction="outbound") == 1
    assert site.total("response_total", classification="success", status_code="200") == 1
    histogram = next(h for h in site.proxy.registry.handles() if h.name == "response_latency_ms")
    assert histogram.sum == 12


def test_inbound_request_goes_to_the_local_port_with_the_clients_name() -> None:
    seen = []

    def backend(send: Send) -> tuple[float, Response]:
        seen.append((send.endpoint, send.request.headers))
        return 0.001, Response(200)

    site = Site(backend=backend)
    site.hand.run(site.inbound(peer=Peer("10.0.0.9", WEB)))
    endpoint, headers = seen[0]
    assert isinstance(endpoint, Local)
    assert endpoint.port == 8080
    assert headers == {"l5d-client-id": WEB}
    assert site.total("request_total", direction="inbound", client_id=WEB, tls="true") == 1
    assert site.total("inbound_http_authz_allow_total", authz_name="all-unauthenticated") == 1


def test_unknown_service_is_forwarded_as_it_is() -> None:
    site = Site()
    site.discovery = lambda destination: destination.not_found()
    assert site.get().status == 200
    sent = site.hand.sends[0][1].endpoint
    assert isinstance(sent, Forward)
    assert (sent.ip, sent.port) == ("10.96.0.1", 80)
    assert site.total("request_total", no_tls_reason="not_provided_by_service_discovery") == 1


def test_nothing_ready_fails_fast_then_refuses_at_once_until_something_is() -> None:
    site = Site()
    first = site.hand.start(site.outbound())
    site.hand.advance(1.0)
    second = site.hand.start(site.outbound())
    site.hand.advance(2.5)
    for running in (first, second):
        assert running.ended == 3.0
        assert running.response is not None
        assert running.response.status == 504
        assert running.response.headers is not None
        assert "service in fail-fast" in running.response.headers["l5d-proxy-error"]
        assert running.response.headers["l5d-proxy-connection"] == "close"
    assert site.get().status == 503
    site.resolved[0].update(EndpointUpdate(add=tuple(pods(1))))
    assert site.get().status == 200
    # None but the last reached an endpoint.
    assert site.total("request_total") == 1
    assert site.total("outbound_http_errors_total", error="failfast") == 2
    assert site.total("outbound_http_errors_total", error="loadshed") == 1


def test_transport_failures_become_502_and_504_and_are_counted_as_failures() -> None:
    cases = [("refused", 502), ("unreachable", 502), ("reset", 502), ("connect timeout", 504)]
    for error, status in cases:
        site = Site(backend=lambda send, error=error: (0.0, fail(error)))
        site.knows(*pods(1))
        response = site.get()
        assert response.status == status
        assert site.total("response_total", classification="failure", status_code=str(status)) == 1


def test_closing_an_abandoned_flow_gives_back_its_load() -> None:
    site = Site(backend=lambda send: (10.0, Response(200)))
    site.knows(*pods(1))
    running = site.hand.start(site.outbound())
    endpoint = site.resolved[0].pool.ready[0]
    assert endpoint.pending == 1
    site.hand.advance(1.0)
    site.hand.close(running)
    assert endpoint.pending == 0
    assert endpoint.ewma.estimate == 1.0
    # Cancelled before headers: a request without a class.
    assert site.total("request_total") == 1
    assert site.total("response_total") == 0


def test_an_idle_destination_is_released_and_resolved_again() -> None:
    site = Site()
    site.knows(*pods(1))
    site.get()
    site.hand.advance(4.9)
    site.get()
    assert len(site.resolved) == 1
    site.hand.advance(5.0)
    site.proxy.sweep()
    assert site.released == site.resolved
    site.get()
    assert len(site.resolved) == 2


def test_inbound_labels_of_stable_have_an_authority_and_no_policy() -> None:
    site = Site(ProxyConfig(policy_labels=False, pod_ip="10.0.0.1"))
    site.hand.run(site.inbound())
    counter = next(h for h in site.proxy.registry.handles() if h.name == "request_total")
    assert counter.labels == (
        ("direction", "inbound"),
        ("authority", "web:80"),
        ("target_addr", "10.0.0.1:8080"),
        ("target_ip", "10.0.0.1"),
        ("target_port", "8080"),
        ("tls", "no_identity"),
        ("no_tls_reason", "no_tls_from_remote"),
    )


def test_outbound_labels_in_order() -> None:
    site = Site()
    address = Address(
        "10.0.0.1", 8080, identity=WEB, hint="h2", labels=(("pod", "web-1"), ("deployment", "web"))
    )
    site.knows(
        address,
        profile=Profile(name="web-svc.emojivoto.svc.cluster.local"),
        namespace="emojivoto",
        service="web-svc",
    )
    site.get()
    counter = next(h for h in site.proxy.registry.handles() if h.name == "request_total")
    assert counter.labels == (
        ("direction", "outbound"),
        ("authority", "web-svc.emojivoto.svc.cluster.local:80"),
        ("target_addr", "10.0.0.1:8080"),
        ("target_ip", "10.0.0.1"),
        ("target_port", "8080"),
        ("tls", "true"),
        ("server_id", WEB),
        ("dst_deployment", "web"),
        ("dst_namespace", "emojivoto"),
        ("dst_pod", "web-1"),
        ("dst_service", "web-svc"),
    )
