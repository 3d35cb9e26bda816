"""Certificates verified and refused for each reason; the identity service's checks in their order."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from mesh.control.certificates import (
    Pair,
    certificates,
    fingerprint,
    key_pem,
    load_key,
    make_key,
    make_leaf,
    make_root,
    not_after,
    not_before,
)
from mesh.control.identity import Identity, IdentityError, IssuerError, check_issuer, renewal_wait
from mesh.control.names import identity_name
from mesh.control.signing import load_csr, make_csr, sign_csr
from mesh.control.verification import verify
from mesh.messages import CertifyRequest

NOW = 1_594_803_600.0  # 2020-07-15T09:00:00Z
DAY = 86_400.0
NAME = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local"
ROOT = make_root("identity.linkerd.cluster.local", random.Random(1), NOW, 365 * DAY)
OTHER = make_root("identity.linkerd.cluster.local", random.Random(2), NOW, 365 * DAY)
KEY = key_pem(make_key(random.Random(3)))
CSR = make_csr(KEY, NAME)


def accepted(account: str = "web", namespace: str = "emojivoto") -> Mapping[str, Any]:
    user = {"username": f"system:serviceaccount:{namespace}:{account}"}
    return {"authenticated": True, "user": user, "audiences": ["identity.l5d.io"]}


def leaf(pair: Pair = ROOT, name: str = NAME, start: float = NOW, length: float = DAY) -> str:
    return make_leaf(pair, [name], random.Random(4), start, length).cert_pem


def test_same_stream_same_bytes() -> None:
    again = make_root("identity.linkerd.cluster.local", random.Random(1), NOW, 365 * DAY)
    assert again == ROOT
    assert OTHER.cert_pem != ROOT.cert_pem
    assert make_csr(KEY, NAME) == CSR
    assert len(fingerprint(ROOT.cert_pem)) == 64
    assert fingerprint(ROOT.cert_pem) != fingerprint(ROOT.cert_pem + "\n")
    assert (not_before(ROOT.cert_pem), not_after(ROOT.cert_pem)) == (NOW, NOW + 365 * DAY)


@pytest.mark.parametrize(
    ("certificate", "anchors", "name", "now", "reason"),
    [
        (leaf(), ROOT.cert_pem, NAME, NOW, ""),
        (leaf(), ROOT.cert_pem, "", NOW, ""),
        (leaf(), OTHER.cert_pem + ROOT.cert_pem, NAME, NOW + DAY, ""),
        (leaf(), ROOT.cert_pem, NAME, NOW + DAY + 1, "expired"),
        (leaf(), ROOT.cert_pem, NAME, NOW - 1, "not yet valid"),
        (leaf(), OTHER.cert_pem, NAME, NOW, "unknown authority"),
        (leaf(OTHER), ROOT.cert_pem, NAME, NOW, "unknown authority"),
        (leaf(), "", NAME, NOW, "unknown authority"),
        (leaf(), ROOT.cert_pem, NAME.replace("web", "voting"), NOW, "wrong name"),
        (leaf(length=400 * DAY), ROOT.cert_pem, NAME, NOW + 366 * DAY, "expired"),
        (leaf(start=NOW - 2, length=DAY), ROOT.cert_pem, NAME, NOW - 1, "not yet valid"),
        ("", ROOT.cert_pem, NAME, NOW, "malformed certificate"),
        ("nonsense", ROOT.cert_pem, NAME, NOW, "malformed certificate"),
        (ROOT.cert_pem, ROOT.cert_pem, "", NOW, ""),
    ],
)
def test_verify(certificate: str, anchors: str, name: str, now: float, reason: str) -> None:
    assert verify(certificate, "", anchors, name, now) == reason
    assert verify(certificate.encode(), b"", anchors.encode(), name, now) == reason


def test_chains_through_an_intermediate() -> None:
    middle = make_leaf(ROOT, ["issuer"], random.Random(5), NOW, 30 * DAY, authority=True)
    below = leaf(middle, length=60 * DAY)
    assert verify(below, middle.cert_pem, ROOT.cert_pem, NAME, NOW) == ""
    assert verify(below, "", ROOT.cert_pem, NAME, NOW) == "unknown authority"
    assert verify(below, middle.cert_pem, OTHER.cert_pem, NAME, NOW) == "unknown authority"
    assert verify(below, middle.cert_pem, ROOT.cert_pem, NAME, NOW + 31 * DAY) == "expired"
    assert verify(below, middle.cert_pem, middle.cert_pem, NAME, NOW) == ""
    plain = make_leaf(ROOT, ["no-authority"], random.Random(6), NOW, 30 * DAY)
    assert verify(leaf(plain), plain.cert_pem, ROOT.cert_pem, NAME, NOW) == "unknown authority"


def a_service(**changes: Any) -> Identity:
    return Identity(ROOT.cert_pem, ROOT.cert_pem, ROOT.key_pem, **changes)


def test_certificate_as_linkerd_makes_it() -> None:
    service = a_service()
    asked: list[tuple[str, str]] = []

    def review(token: str, audience: str) -> Mapping[str, Any]:
        asked.append((token, audience))
        return accepted()

    first = service.certify(CertifyRequest(NAME, "tok", CSR), NOW, review)
    second = service.certify(CertifyRequest(NAME, "tok", CSR), NOW + 60.7, review)
    assert asked == [("tok", "identity.l5d.io")] * 2
    assert first.name == NAME
    assert first.not_after == NOW + DAY + 20
    assert verify(first.leaf, first.intermediates, ROOT.cert_pem, NAME, NOW) == ""
    parsed = certificates(first.leaf.decode())[0]
    assert parsed.serial_number == 1
    assert certificates(second.leaf.decode())[0].serial_number == 2
    assert not_before(first.leaf.decode()) == NOW - 20
    assert not_after(first.leaf.decode()) == first.not_after
    assert parsed.public_key() == load_key(KEY).public_key()
    usage = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    (event, _) = service.events
    assert (event.type, event.reason, event.kind, event.name, event.namespace) == (
        "Normal",
        "IssuedLeafCertificate",
        "ServiceAccount",
        "web",
        "emojivoto",
    )


def test_lifetime_is_clamped_to_the_issuers_chain() -> None:
    middle = make_leaf(ROOT, ["issuer"], random.Random(5), NOW, 3600, authority=True)
    service = Identity(ROOT.cert_pem, middle.cert_pem, middle.key_pem)
    got = service.certify(CertifyRequest(NAME, "t", CSR), NOW, lambda *_: accepted())
    assert got.not_after == NOW + 3600
    assert verify(got.leaf, got.intermediates, ROOT.cert_pem, NAME, NOW + 3600) == ""
    assert service.issuer_ttl(NOW + 600) == 3000


def foreign_key_csr() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def named_csr(*names: x509.GeneralName) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(load_key(KEY), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


# Each case breaks one check and leaves everything after it broken too, so that the order shows.
BROKEN = [
    ("no issuer", "Unavailable", "not ready"),
    ("no identity", "InvalidArgument", "missing identity"),
    ("no token", "InvalidArgument", "missing token"),
    ("no csr", "InvalidArgument", "missing csr"),
    ("bad csr", "InvalidArgument", "unparsable CSR"),
    ("issuer expired", "Unknown", "no longer valid: expired"),
    ("wrong csr name", "FailedPrecondition", "the CSR is for other"),
    ("token refused", "FailedPrecondition", "not authenticated"),
    ("not an account", "InvalidArgument", "not a service account"),
    ("not a label", "InvalidArgument", "not a DNS label"),
    ("another account", "FailedPrecondition", "requested identity did not match"),
]


@pytest.mark.parametrize("step", range(len(BROKEN)))
def test_checks_in_their_order(step: int) -> None:
    names = [name for name, _, _ in BROKEN[step:]]
    service = Identity(ROOT.cert_pem) if "no issuer" in names else a_service()
    now = NOW + (366 * DAY if "issuer expired" in names else 0)
    csr = make_csr(KEY, "other") if "wrong csr name" in names else CSR
    csr = b"-----BEGIN" if "bad csr" in names else csr
    csr = b"" if "no csr" in names else csr
    request = CertifyRequest("" if "no identity" in names else NAME, "" if "no token" in names else "t", csr)
    review = accepted("voting")
    if "not a label" in names:
        review = accepted("Voting!")
    if "not an account" in names:
        review = {"authenticated": True, "user": {"username": "admin"}}
    if "token refused" in names:
        review = {**review, "authenticated": False}
    with pytest.raises(IdentityError) as caught:
        service.certify(request, now, lambda *_: review)
    _, code, part = BROKEN[step]
    assert caught.value.code == code
    assert part in caught.value.message
    assert service.serial == 0
    warned = [event.reason for event in service.events]
    assert warned == (["IssuerValidationFailed"] if BROKEN[step][0] == "issuer expired" else [])


@pytest.mark.parametrize(
    ("csr", "code", "part"),
    [
        (make_csr(KEY, NAME, extra_names=("b.c",)), "FailedPrecondition", "exactly one DNS name, not 2"),
        (named_csr(), "FailedPrecondition", "exactly one DNS name, not 0"),
        (make_csr(KEY, NAME, common_name="root"), "FailedPrecondition", "common name is 'root'"),
        (
            named_csr(x509.DNSName(NAME), x509.UniformResourceIdentifier("spiffe://x")),
            "FailedPrecondition",
            "URI",
        ),
        (named_csr(x509.DNSName(NAME), x509.RFC822Name("a@b.c")), "FailedPrecondition", "e-mail"),
        (foreign_key_csr(), "InvalidArgument", "not an ECDSA key"),
    ],
)
def test_requests_refused(csr: bytes, code: str, part: str) -> None:
    with pytest.raises(IdentityError) as caught:
        a_service().vet(CertifyRequest(NAME, "t", csr), NOW)
    assert caught.value.code == code
    assert part in caught.value.message


def test_common_name_may_repeat_the_name() -> None:
    csr = make_csr(KEY, NAME, common_name=NAME)
    assert a_service().vet(CertifyRequest(NAME, "t", csr), NOW).name == NAME


def test_long_names_are_certified_without_a_common_name() -> None:
    name = identity_name("a" * 60, "b" * 60)
    request = load_csr(make_csr(KEY, name))
    found = sign_csr(request, ROOT, name, 1, NOW, NOW + DAY)
    assert verify(found, "", ROOT.cert_pem, name, NOW) == ""


def test_an_api_server_without_audiences_is_asked_again() -> None:
    asked = []

    def review(_token: str, audience: str) -> Mapping[str, Any]:
        asked.append(audience)
        if audience:
            return {"authenticated": False, "error": "unknown field audiences"}
        return accepted()

    a_service().certify(CertifyRequest(NAME, "t", CSR), NOW, review)
    assert asked == ["identity.l5d.io", ""]
    with_none = a_service(audience="")
    asked.clear()
    with_none.certify(CertifyRequest(NAME, "t", CSR), NOW, review)
    assert asked == [""]


def test_reload_takes_what_is_valid_and_keeps_the_old_otherwise() -> None:
    service = Identity(ROOT.cert_pem + OTHER.cert_pem)
    assert service.reload(ROOT, NOW)
    bad = [
        (make_root("x", random.Random(9), NOW, DAY), "unknown authority"),
        (Pair(OTHER.cert_pem, ROOT.key_pem), "does not belong"),
        (make_leaf(ROOT, ["x"], random.Random(9), NOW, DAY), "not that of an authority"),
        (Pair("x", "y"), "cannot be read"),
    ]
    for pair, part in bad:
        assert not service.reload(pair, NOW)
        assert service.events[-1].reason == "IssuerUpdateSkipped"
        assert service.events[-1].type == "Warning"
        assert part in service.events[-1].message
    assert not service.reload(OTHER, NOW + 400 * DAY)
    got = service.certify(CertifyRequest(NAME, "t", CSR), NOW, lambda *_: accepted())
    assert verify(got.leaf, got.intermediates, ROOT.cert_pem, NAME, NOW) == ""
    assert service.reload(OTHER, NOW)
    assert service.events[-1].reason == "IssuerUpdated"
    got = service.certify(CertifyRequest(NAME, "t", CSR), NOW, lambda *_: accepted())
    assert verify(got.leaf, got.intermediates, OTHER.cert_pem, NAME, NOW) == ""


def test_issuer_key_must_be_p256() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP384R1())
    root = certificates(ROOT.cert_pem)[0]
    builder = x509.CertificateBuilder(
        root.issuer,
        root.subject,
        key.public_key(),
        2,
        root.not_valid_before_utc,
        root.not_valid_after_utc,
        [x509.Extension(x509.BasicConstraints.oid, True, x509.BasicConstraints(True, None))],
    )
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(IssuerError, match="P-256"):
        check_issuer(replace(ROOT, cert_pem=pem), pem, NOW)


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_renewal_is_at_70_percent_within_bounds(not_after_: float, now: float) -> None:
    wait = renewal_wait(not_after_, now)
    assert 10 <= wait <= DAY
    if 10 < 0.7 * (not_after_ - now) < DAY:
        assert wait == pytest.approx(0.7 * (not_after_ - now))
