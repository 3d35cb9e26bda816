"""The identity service: the certificate authority of the mesh.

*Source:* pkg/identity/service.go, controller/identity/validator.go, pkg/tls/ca.go, pkg/issuercerts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mesh.control.certificates import Pair, certificates, load_key
from mesh.control.names import identity_name, is_dns_label
from mesh.control.signing import load_csr, sign_csr
from mesh.control.verification import chain_problem
from mesh.messages import Certificate, CertifyRequest

__all__ = [
    "AUDIENCE",
    "Identity",
    "IdentityError",
    "IdentityEvent",
    "IssuerError",
    "Vetted",
    "check_issuer",
    "renewal_wait",
]

AUDIENCE = "identity.l5d.io"
LIFETIME_S = 86_400.0
SKEW_S = 20.0
RENEWAL_SHARE = 0.7  # of the remaining lifetime
RENEWAL_LEAST_S, RENEWAL_MOST_S = 10.0, 86_400.0
USER_PREFIX = "system:serviceaccount:"

# Asks the API server about a token: (token, audience or empty) -> status of the TokenReview.
ReviewToken: TypeAlias = Callable[[str, str], Mapping[str, Any]]


class IdentityError(Exception):
    """A certificate was refused.

    Attributes:
        code: gRPC status by name: Unavailable, InvalidArgument, FailedPrecondition, Unknown.
        message: why.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class IssuerError(ValueError):
    """A pair that may not issue certificates; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """A Kubernetes event to be recorded.

    Attributes:
        kind, name, namespace: what it is about: a ServiceAccount, or the Deployment linkerd-identity.
    """

    type: str
    reason: str
    message: str
    kind: str
    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Vetted:
    """A request that passed every check that needs no token: see :meth:`Identity.vet`."""

    name: str
    token: str
    csr: x509.CertificateSigningRequest


def renewal_wait(not_after: float, now_unix: float) -> float:
    """Seconds until a proxy asks again: 70 % of what is left of its certificate, 10 s to a day."""
    return min(max(RENEWAL_SHARE * (not_after - now_unix), RENEWAL_LEAST_S), RENEWAL_MOST_S)


def check_issuer(issuer: Pair, anchors_pem: str, now_unix: float) -> None:
    """Make sure that a pair may issue certificates under these anchors.

    Raises:
        IssuerError: malformed, key and certificate differ, not an authority, wrong kind of key, or the
            anchors do not vouch for it now.
    """
    try:
        chain, anchors = certificates(issuer.cert_pem), certificates(anchors_pem)
        key = load_key(issuer.key_pem)
    except ValueError as error:
        raise IssuerError(f"the issuer cannot be read: {error}") from None
    public = chain[0].public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise IssuerError("the issuer's key must be ECDSA P-256")
    if key.public_key() != public:
        raise IssuerError("the issuer's key does not belong to its certificate")
    try:
        authority = chain[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if not authority:
        raise IssuerError("the issuer's certificate is not that of an authority")
    problem = _issuer_problem(chain, anchors, now_unix)
    if problem:
        raise IssuerError(f"the issuer's certificate is refused by the trust anchors: {problem}")


def _issuer_problem(chain: list[x509.Certificate], anchors: list[x509.Certificate], now_unix: float) -> str:
    """Why the issuer may not be used now; an anchor may, within its own time."""
    if now_unix > chain[0].not_valid_after_utc.timestamp():
        return "expired"
    if now_unix < chain[0].not_valid_before_utc.timestamp():
        return "not yet valid"
    return chain_problem(chain[0], chain[1:], anchors, now_unix)


class Identity:
    """Certifies workloads. Serial numbers count up from 1.

    Attributes:
        events: what happened, oldest first; whoever records them empties the list.
    """

    def __init__(
        self,
        anchors_pem: str,
        issuer_pem: str = "",
        issuer_key_pem: str = "",
        lifetime: float = LIFETIME_S,
        skew: float = SKEW_S,
        *,
        namespace: str = "linkerd",
        trust_domain: str = "cluster.local",
        audience: str = AUDIENCE,
    ) -> None:
        """Start without looking at the issuer; :meth:`reload` does, and :meth:`certify` each time.

        Args:
            issuer_pem: empty: nothing can be certified until :meth:`reload`.
            lifetime, skew: seconds.
            audience: that tokens must be meant for; empty asks for none (2.8.1).
        """
        self.anchors_pem = anchors_pem
        self.lifetime = lifetime
        self.skew = skew
        self.namespace = namespace
        self.trust_domain = trust_domain
        self.audience = audience
        self.serial = 0
        self.events: list[IdentityEvent] = []
        self._issuer = Pair(issuer_pem, issuer_key_pem) if issuer_pem else None

    def reload(self, issuer: Pair, now_unix: float) -> bool:
        """Take a new issuer if it is valid, else keep the old one; either way there is an event."""
        try:
            check_issuer(issuer, self.anchors_pem, now_unix)
        except IssuerError as error:
            self._record("Warning", "IssuerUpdateSkipped", f"Skipping issuer update: {error}")
            return False
        self._issuer = issuer
        self._record("Normal", "IssuerUpdated", "Updated identity issuer")
        return True

    def hold(self, issuer: Pair) -> None:
        """Hold an issuer without looking at it, as one that was taken while it was still valid."""
        self._issuer = issuer

    def issuer_ttl(self, now_unix: float) -> float:
        """Seconds until the issuer expires (gauge ``issuer_cert_ttl_seconds``); 0 without an issuer."""
        if self._issuer is None:
            return 0.0
        return certificates(self._issuer.cert_pem)[0].not_valid_after_utc.timestamp() - now_unix

    def certify(self, request: CertifyRequest, now_unix: float, review_token: ReviewToken) -> Certificate:
        """A certificate for a workload.

        Args:
            review_token: asks the API server about a token, with an audience or an empty text.

        Raises:
            IdentityError: see the module's source for the order of the checks.
        """
        vetted = self.vet(request, now_unix)
        status = review_token(vetted.token, self.audience)
        if self.audience and status.get("error") and not status.get("audiences"):
            status = review_token(vetted.token, "")  # an API server that knows no audiences
        return self.issue(vetted, status, now_unix)

    def vet(self, request: CertifyRequest, now_unix: float) -> Vetted:
        """The checks before the token is reviewed, for those who review it asynchronously.

        Raises:
            IdentityError: the request or the issuer is not acceptable.
        """
        if self._issuer is None:
            raise IdentityError("Unavailable", "cert issuer not ready yet")
        for name in ("identity", "token", "csr"):
            if not getattr(request, name):
                raise IdentityError("InvalidArgument", f"missing {name}")
        try:
            csr = load_csr(request.csr)
        except ValueError as error:
            raise IdentityError("InvalidArgument", f"unparsable CSR: {error}") from None
        self._require_issuer(self._issuer, now_unix)
        _require_name(csr, request.identity)
        return Vetted(request.identity, request.token, csr)

    def issue(self, vetted: Vetted, review: Mapping[str, Any], now_unix: float) -> Certificate:
        """The certificate, when the reviewed token belongs to the workload that asks.

        Args:
            review: status of the TokenReview.

        Raises:
            IdentityError: it does not.
        """
        if self._issuer is None:
            raise IdentityError("Unavailable", "cert issuer not ready yet")
        account, namespace = _account(review)
        found = identity_name(account, namespace, self.namespace, self.trust_domain)
        if found != vetted.name:
            raise IdentityError(
                "FailedPrecondition",
                f"requested identity did not match provided token: requested={vetted.name}; found={found}",
            )
        certificate = self._sign(self._issuer, vetted, now_unix)
        message = f"issued certificate for {found} (serial {self.serial})"
        event = IdentityEvent(
            "Normal", "IssuedLeafCertificate", message, "ServiceAccount", account, namespace
        )
        self.events.append(event)
        return certificate

    def _sign(self, issuer: Pair, vetted: Vetted, now_unix: float) -> Certificate:
        """From ``skew`` before now to ``skew`` after the lifetime, no longer than the issuer's chain."""
        chain = certificates(issuer.cert_pem)
        earliest = min(link.not_valid_after_utc.timestamp() for link in chain)
        not_after = float(int(min(now_unix + self.lifetime + self.skew, earliest)))
        self.serial += 1
        leaf = sign_csr(vetted.csr, issuer, vetted.name, self.serial, now_unix - self.skew, not_after)
        return Certificate(leaf.encode(), issuer.cert_pem.encode(), not_after, vetted.name)

    def _require_issuer(self, issuer: Pair, now_unix: float) -> None:
        try:
            problem = _issuer_problem(certificates(issuer.cert_pem), certificates(self.anchors_pem), now_unix)
        except ValueError as error:
            problem = f"cannot be read: {error}"
        if problem:
            message = f"the issuer's certificate is no longer valid: {problem}"
            self._record("Warning", "IssuerValidationFailed", message)
            raise IdentityError("Unknown", message)

    def _record(self, type_: str, reason: str, message: str) -> None:
        self.events.append(
            IdentityEvent(type_, reason, message, "Deployment", "linkerd-identity", self.namespace)
        )


def _require_name(csr: x509.CertificateSigningRequest, name: str) -> None:
    """The request must be for exactly one name, the one asked for."""
    try:
        names = list(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    if any(not isinstance(found, x509.DNSName) for found in names):
        raise IdentityError("FailedPrecondition", "the CSR may have no e-mail, IP or URI names")
    if len(names) != 1:
        raise IdentityError("FailedPrecondition", f"the CSR must have exactly one DNS name, not {len(names)}")
    if names[0].value != name:
        raise IdentityError("FailedPrecondition", f"the CSR is for {names[0].value}, not for {name}")
    commons = [attribute.value for attribute in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if any(common not in ("", name) for common in commons):
        raise IdentityError("FailedPrecondition", f"the CSR's common name is {commons[0]!r}, not {name}")


def _account(review: Mapping[str, Any]) -> tuple[str, str]:
    """(service account, namespace) that a reviewed token belongs to."""
    if not review.get("authenticated"):
        reason = review.get("error") or "the token was not accepted"
        raise IdentityError("FailedPrecondition", f"not authenticated: {reason}")
    username = str((review.get("user") or {}).get("username") or "")
    namespace, colon, account = username.removeprefix(USER_PREFIX).partition(":")
    if not username.startswith(USER_PREFIX) or not colon or ":" in account:
        raise IdentityError("InvalidArgument", f"the token is not a service account's: {username!r}")
    for label in (namespace, account):
        if not is_dns_label(label):
            raise IdentityError("InvalidArgument", f"not a DNS label: {label!r}")
    return account, namespace
