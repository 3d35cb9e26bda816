"""The certificate's life, and what the admin server makes of it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh.messages import Certificate, Request
from mesh.proxy.config import ProxyConfig
from mesh.proxy.identity import Identity, IdentityState
from mesh.proxy.metrics import Registry
from tests.mesh.proxy.hand import Site

DAY = 86_400.0


def until(not_after: float) -> Certificate:
    return Certificate("leaf", not_after=not_after)


def test_renewal_waits_for_seventy_percent_of_what_remains() -> None:
    identity = Identity(Registry())
    assert identity.next_renewal(100.0) == 110.0  # never certified: the minimum
    identity.certified(until(DAY), 0.0)
    assert identity.next_renewal(0.0) == pytest.approx(0.7 * DAY)
    # A failed renewal asks again after 70 % of what is left, down to the minimum.
    assert identity.next_renewal(0.7 * DAY) == pytest.approx(0.7 * DAY + 0.7 * 0.3 * DAY)
    assert identity.next_renewal(DAY - 1) == DAY - 1 + 10
    identity.certified(until(365 * DAY), 0.0)
    assert identity.next_renewal(0.0) == DAY  # the maximum


def test_an_expired_certificate_fails_handshakes_until_the_next() -> None:
    identity = Identity(Registry())
    assert not identity.usable(0.0)
    identity.certified(until(100.0), 0.0)
    assert identity.usable(99.9)
    assert not identity.usable(100.0)
    assert identity.state is IdentityState.EXPIRED
    assert not identity.usable(101.0)
    assert identity.latched
    identity.certified(until(300.0), 150.0)
    assert identity.usable(150.0)


def test_a_certificate_that_is_over_already_is_no_certificate() -> None:
    registry = Registry()
    identity = Identity(registry)
    assert not identity.certified(until(50.0), 50.0)
    assert identity.state is IdentityState.NONE
    assert registry.total("identity_cert_refresh_count") == 0


def test_metrics() -> None:
    site = Site(ProxyConfig(epoch=1_000_000.0))
    assert site.proxy.certify(until(1_000_100.0))
    site.hand.advance(50)
    assert site.proxy.certify(until(1_000_200.0))
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(site.proxy.registry.expose())
        for sample in family.samples
    }
    assert samples["identity_cert_expiration_timestamp_seconds"] == 1_000_200.0
    assert samples["identity_cert_refresh_count"] == 2
    assert samples["process_start_time_seconds"] == 1_000_000.0


def ask(site: Site, path: str, method: str = "GET") -> tuple[int, object]:
    response = site.proxy.admin(Request(method, "10.0.0.1:4191", path))
    return response.status, response.body


def test_admin() -> None:
    site = Site()
    assert ask(site, "/live") == (200, "live\n")
    assert ask(site, "/ready") == (503, "not ready\n")
    site.proxy.certify(until(10.0))
    assert ask(site, "/ready") == (200, "ready\n")
    site.hand.advance(20.0)
    assert ask(site, "/ready?x") == (200, "ready\n")  # it latches
    assert ask(site, "/metrics", "POST") == (405, None)
    assert ask(site, "/nothing") == (404, None)
    status, text = ask(site, "/metrics")
    assert status == 200
    assert "# TYPE identity_cert_expiration_timestamp_seconds gauge" in str(text)


def test_without_identity_it_is_ready_and_says_so_in_labels() -> None:
    site = Site(ProxyConfig(identity=False))
    assert site.proxy.certified
    site.discovery = lambda destination: destination.not_found()
    site.get()
    assert site.total("request_total", tls="disabled") == 1
