"""The certificate's life, and what the admin server makes of it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh.messages import Certificate
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
    assert registry.total("control_identity_cert_refreshes_total", result="error") == 1
    assert registry.total("control_identity_cert_refreshes_total", result="ok") == 0


def renewed(config: ProxyConfig) -> dict[str, float]:
    """The samples of a proxy that was certified twice and refused once."""
    site = Site(config)
    assert site.proxy.certify(until(1_000_100.0))
    site.hand.advance(50)
    assert site.proxy.certify(until(1_000_200.0))
    assert not site.proxy.certify(until(1_000_000.0))
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(site.proxy.registry.expose())
        for sample in family.samples
    }


def test_metrics() -> None:
    samples = renewed(ProxyConfig(epoch=1_000_000.0))
    assert samples["control_identity_cert_expiration_timestamp_seconds"] == 1_000_200.0
    assert samples["control_identity_cert_refresh_timestamp_seconds"] == 1_000_050.0
    assert samples["control_identity_cert_refreshes_totalok"] == 2
    assert samples["control_identity_cert_refreshes_totalerror"] == 1
    assert samples["process_start_time_seconds"] == 1_000_000.0
    assert samples["process_clock_time_seconds"] == 1_000_050.0


def test_metrics_in_the_words_of_the_old_edition() -> None:
    samples = renewed(ProxyConfig(epoch=1_000_000.0, policy_labels=False))
    assert samples["identity_cert_expiration_timestamp_seconds"] == 1_000_200.0
    assert samples["identity_cert_refresh_count"] == 2
    assert not any(name.startswith("control_") for name in samples)


def test_without_identity_it_is_ready_and_says_so_in_labels() -> None:
    site = Site(ProxyConfig(identity=False))
    assert site.proxy.certified
    site.discovery = lambda destination: destination.not_found()
    site.get()
    assert site.total("request_total", tls="disabled") == 1
