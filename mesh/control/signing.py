"""Certificate signing requests: what a proxy sends, and what an issuer makes of one."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.control.certificates import Pair, certificates, load_key

__all__ = ["load_csr", "make_csr", "sign_csr"]

COMMON_NAME_LIMIT = 64
USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def make_csr(
    key_pem: str, dns_name: str, *, common_name: str = "", extra_names: tuple[str, ...] = ()
) -> bytes:
    """A request, PEM, for a certificate of ``dns_name`` for this key.

    Args:
        common_name: of the subject; proxies leave it empty.
        extra_names: more DNS names; an issuer refuses a request that has any.

    Raises:
        ValueError: the key is malformed.
    """
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in (dns_name, *extra_names)])
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name(attributes))
    builder = builder.add_extension(names, critical=False)
    request = builder.sign(load_key(key_pem), hashes.SHA256(), ecdsa_deterministic=True)
    return request.public_bytes(serialization.Encoding.PEM)


def load_csr(pem: bytes) -> x509.CertificateSigningRequest:
    """The request in ``pem``.

    Raises:
        ValueError: malformed, not signed by its own key, or the key is not an ECDSA one.
    """
    request = x509.load_pem_x509_csr(pem)
    if not isinstance(request.public_key(), ec.EllipticCurvePublicKey):
        raise ValueError("the key of the request is not an ECDSA key")
    if not request.is_signature_valid:
        raise ValueError("the request is not signed by its own key")
    return request


def sign_csr(
    request: x509.CertificateSigningRequest,
    issuer: Pair,
    name: str,
    serial: int,
    not_before_unix: float,
    not_after_unix: float,
) -> str:
    """A leaf certificate, PEM, for the request's key and ``name``; Unix seconds, cut to whole ones."""
    key = request.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    # A common name holds 64 characters at most; the alternative name is what counts anyway.
    common = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if len(name) <= COMMON_NAME_LIMIT else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(common))
        .issuer_name(certificates(issuer.cert_pem)[0].subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(_date(not_before_unix))
        .not_valid_after(_date(not_after_unix))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(USAGE, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    leaf = builder.sign(load_key(issuer.key_pem), hashes.SHA256(), ecdsa_deterministic=True)
    return leaf.public_bytes(serialization.Encoding.PEM).decode()


def _date(unix: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(unix), datetime.UTC)
