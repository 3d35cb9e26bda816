"""Whether a certificate is to be believed: chain, time, name. Cheap enough for every connection."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from mesh.control.certificates import certificates

__all__ = ["chain_problem", "dns_names", "verify"]

MALFORMED = "malformed certificate"
EXPIRED = "expired"
NOT_YET_VALID = "not yet valid"
UNKNOWN_AUTHORITY = "unknown authority"
WRONG_NAME = "wrong name"
CHAIN_LIMIT = 8  # a chain longer than this is refused rather than followed


def verify(
    leaf_pem: str | bytes,
    intermediates_pem: str | bytes,
    anchors_pem: str | bytes,
    name: str,
    now_unix: float,
) -> str:
    """Empty when the leaf may be believed, else the reason why not.

    The reasons: ``expired``, ``not yet valid``, ``unknown authority``, ``wrong name``, ``malformed
    certificate``. Time is looked at first, then the chain, then the name.

    Args:
        name: the DNS name that the leaf must carry; empty accepts any.
        now_unix: seconds, on the clock of whoever verifies.
    """
    try:
        leaf = _parse(leaf_pem)[0]
        between, anchors = _parse(intermediates_pem), _parse(anchors_pem)
    except (ValueError, IndexError):
        return MALFORMED
    problem = _time_problem(leaf, now_unix) or chain_problem(leaf, between, anchors, now_unix)
    if problem:
        return problem
    return WRONG_NAME if name and name not in dns_names(leaf) else ""


def chain_problem(
    certificate: x509.Certificate,
    intermediates: list[x509.Certificate],
    anchors: list[x509.Certificate],
    now_unix: float,
) -> str:
    """Empty when ``certificate`` leads to an anchor through valid authorities, else the reason why not.

    An anchor vouches for itself. When a chain exists but a link of it is out of its time, that is the reason.
    """
    problem = UNKNOWN_AUTHORITY
    trails = [(certificate, 0)]
    while trails:
        current, length = trails.pop()
        if current in anchors:
            return ""
        if length == CHAIN_LIMIT:
            continue
        for issuer in (*intermediates, *anchors):
            if not _signed(current, issuer):
                continue
            late = _time_problem(issuer, now_unix)
            if late:
                problem = late
            elif issuer in anchors:
                return ""
            elif issuer != current:
                trails.append((issuer, length + 1))
    return problem


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The DNS names a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _parse(pem: str | bytes) -> list[x509.Certificate]:
    text = pem.decode("ascii", "replace") if isinstance(pem, bytes) else pem
    return certificates(text) if text.strip() else []


def _time_problem(certificate: x509.Certificate, now_unix: float) -> str:
    if now_unix < certificate.not_valid_before_utc.timestamp():
        return NOT_YET_VALID
    return EXPIRED if now_unix > certificate.not_valid_after_utc.timestamp() else ""


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether ``issuer`` may sign certificates and has signed this one."""
    if certificate.issuer != issuer.subject or not _is_authority(issuer):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
