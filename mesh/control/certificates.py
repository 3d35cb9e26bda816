"""Keys and X.509 certificates, made repeatably: the same random stream gives the same bytes.

Keys are ECDSA P-256 scalars drawn from the stream; signatures are deterministic (RFC 6979), so that a
certificate depends on its contents alone.
*Source:* Linkerd's own issuer: one self-signed root, P-256, SHA-256, which also signs the leaves.
"""

import datetime
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "Pair",
    "certificates",
    "fingerprint",
    "key_pem",
    "load_key",
    "make_key",
    "make_leaf",
    "make_root",
    "make_self_signed",
    "not_after",
    "not_before",
]

# Order of the P-256 group: a private key is a number from 1 up to it.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SERIAL_BITS = 63


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM text."""

    cert_pem: str
    key_pem: str


def make_key(rng: random.Random) -> ec.EllipticCurvePrivateKey:
    """A P-256 private key drawn from ``rng``."""
    return ec.derive_private_key(rng.randrange(1, P256_ORDER), ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as PEM, ``EC PRIVATE KEY``."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def load_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key in ``pem``.

    Raises:
        ValueError: it is no private key, or not an ECDSA one.
    """
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the private key is not an ECDSA key")
    return key


def make_root(common_name: str, rng: random.Random, now: float, lifetime_s: float) -> Pair:
    """A self-signed authority that may sign leaves but no further authorities; ``now`` in Unix seconds."""
    key = make_key(rng)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_date(now))
        .not_valid_after(_date(now + lifetime_s))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Pair(_sign(builder, key), key_pem(key))


def make_leaf(
    issuer: Pair,
    dns_names: Sequence[str],
    rng: random.Random,
    now: float,
    lifetime_s: float,
    serial: int | None = None,
    *,
    authority: bool = False,
) -> Pair:
    """A certificate for ``dns_names`` signed by ``issuer``; the first name is its common name.

    Args:
        now: Unix seconds from which it is valid.
        serial: drawn from ``rng`` when None.
        authority: make an intermediate authority instead of a leaf.
    """
    key = make_key(rng)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns_names[0])]))
        .issuer_name(certificates(issuer.cert_pem)[0].subject)
        .public_key(key.public_key())
        .serial_number(serial if serial is not None else rng.getrandbits(SERIAL_BITS) | 1)
        .not_valid_before(_date(now))
        .not_valid_after(_date(now + lifetime_s))
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .add_extension(_usage(authority=authority), critical=True)
    )
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        ).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names]), critical=False
        )
    return Pair(_sign(builder, load_key(issuer.key_pem)), key_pem(key))


def make_self_signed(dns_names: Sequence[str], rng: random.Random, now: float, lifetime_s: float) -> Pair:
    """A server certificate that vouches for itself, as webhooks use: the certificate is its own CA bundle."""
    key = make_key(rng)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns_names[0])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(rng.getrandbits(SERIAL_BITS) | 1)
        .not_valid_before(_date(now))
        .not_valid_after(_date(now + lifetime_s))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(known) for known in dns_names]), critical=False
        )
    )
    return Pair(_sign(builder, key), key_pem(key))


def certificates(pem: str) -> list[x509.Certificate]:
    """The certificates in a PEM bundle, in order.

    Raises:
        ValueError: there is none, or one is malformed.
    """
    return x509.load_pem_x509_certificates(pem.encode())


def not_before(pem: str) -> float:
    """Unix seconds from which the first certificate of ``pem`` is valid."""
    return certificates(pem)[0].not_valid_before_utc.timestamp()


def not_after(pem: str) -> float:
    """Unix seconds until which the first certificate of ``pem`` is valid."""
    return certificates(pem)[0].not_valid_after_utc.timestamp()


def fingerprint(pem: str) -> str:
    """Hex SHA-256 of the PEM text itself, as the annotation ``linkerd.io/trust-root-sha256`` has it."""
    return hashlib.sha256(pem.encode()).hexdigest()


def _usage(*, authority: bool) -> x509.KeyUsage:
    """An authority signs certificates; a leaf signs handshakes and encrypts keys."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    certificate = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _date(unix: float) -> datetime.datetime:
    """X.509 has whole seconds; fractions are cut off."""
    return datetime.datetime.fromtimestamp(int(unix), datetime.UTC)
