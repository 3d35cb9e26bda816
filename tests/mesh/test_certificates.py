"""Certificates are real X.509, chain as they should, and are made of the random stream alone."""

import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mesh.control.certificates import (
    certificates,
    fingerprint,
    key_pem,
    load_key,
    make_key,
    make_leaf,
    make_root,
    make_self_signed,
    not_after,
    not_before,
)
from mesh.control.verification import verify

NOW = 1_600_000_000.75
HOST = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local"


def test_the_same_stream_gives_the_same_bytes_and_another_does_not() -> None:
    one, two, other = (make_root("root", random.Random(seed), NOW, 86_400) for seed in (1, 1, 2))
    assert one == two
    assert one.cert_pem != other.cert_pem
    assert one.key_pem != other.key_pem


def test_a_root_signs_leaves_that_are_believed() -> None:
    rng = random.Random(3)
    root = make_root("identity.linkerd.cluster.local", rng, NOW, 365 * 86_400)
    leaf = make_leaf(root, [HOST], rng, NOW, 86_400, serial=7)
    assert verify(leaf.cert_pem, "", root.cert_pem, HOST, NOW) == ""
    assert verify(leaf.cert_pem, "", root.cert_pem, "other", NOW) == "wrong name"
    assert verify(leaf.cert_pem, "", root.cert_pem, HOST, NOW + 2 * 86_400) == "expired"
    stranger = make_root("root", rng, NOW, 86_400)
    assert verify(leaf.cert_pem, "", stranger.cert_pem, HOST, NOW) == "unknown authority"
    (certificate,) = certificates(leaf.cert_pem)
    assert certificate.serial_number == 7
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]


def test_an_intermediate_stands_between_root_and_leaf() -> None:
    rng = random.Random(4)
    root = make_root("root", rng, NOW, 86_400)
    middle = make_leaf(root, ["issuer"], rng, NOW, 86_400, authority=True)
    leaf = make_leaf(middle, [HOST], rng, NOW, 3_600)
    assert verify(leaf.cert_pem, middle.cert_pem, root.cert_pem, HOST, NOW) == ""
    assert verify(leaf.cert_pem, "", root.cert_pem, HOST, NOW) == "unknown authority"


def test_a_webhooks_certificate_is_its_own_bundle() -> None:
    pair = make_self_signed(["tap.linkerd.svc"], random.Random(5), NOW, 86_400)
    assert verify(pair.cert_pem, "", pair.cert_pem, "tap.linkerd.svc", NOW) == ""


def test_times_are_whole_seconds_and_names_are_kept() -> None:
    pair = make_root("a name", random.Random(6), NOW, 100)
    assert (not_before(pair.cert_pem), not_after(pair.cert_pem)) == (1_600_000_000.0, 1_600_000_100.0)
    assert certificates(pair.cert_pem)[0].subject.rfc4514_string() == "CN=a name"
    assert len(fingerprint(pair.cert_pem)) == 64


def test_keys_are_p256_and_survive_pem() -> None:
    key = make_key(random.Random(7))
    assert isinstance(key.curve, ec.SECP256R1)
    assert load_key(key_pem(key)).private_numbers() == key.private_numbers()
    with pytest.raises(ValueError, match=r"."):
        load_key("not a key")
