"""Categories linkerd-identity, linkerd-webhooks-and-apisvc-tls and linkerd-identity-data-plane."""

import base64
import binascii
import datetime
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip, listing
from mesh.cli.checks.pods import meshed, proxy_of
from mesh.cli.kube import Obj
from mesh.control.certificates import certificates, load_key
from mesh.control.verification import chain_problem, verify

__all__ = ["DATA_PLANE", "IDENTITY", "WEBHOOKS", "parse_pem", "secret_text", "soon_problem", "webhook_checks"]

EXPIRY_WARNING_DAYS = 60  # source: pkg/healthcheck, expiryWarningThresholdInDays
RSA_SIZES = (2048, 4096)
ANCHORS_VARIABLE = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"
HOOKS = "webhookconfigurations.admissionregistration.k8s.io"


@dataclass(frozen=True, slots=True)
class Material:
    """The certificates that the control plane is configured with."""

    anchors: list[x509.Certificate]
    issuer: list[x509.Certificate]

    @property
    def leaf(self) -> x509.Certificate:
        """The issuer's own certificate; what follows it are intermediates."""
        return self.issuer[0]


def anchors_pem(context: CheckContext) -> str:
    """The trust anchors that new proxies get.

    Raises:
        CheckError: the configuration is missing or malformed.
    """
    if context.console.edition.viz_prefix:
        roots = context.get("configmaps", "linkerd-identity-trust-roots", context.namespace)
        return str((roots.get("data") or {}).get("ca-bundle.crt", ""))
    config = context.config().get("global") or {}
    return str((config.get("identityContext") or {}).get("trustAnchorsPem", ""))


def secret_text(secret: Obj, *keys: str) -> str:
    """The value at the first of ``keys`` that the Secret has.

    Raises:
        CheckError: it has none, or the value is not base64 text.
    """
    data, name = secret.get("data") or {}, secret["metadata"]["name"]
    for key in keys:
        if key in data:
            try:
                return base64.b64decode(data[key], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise CheckError(f"secret {name}: {key} is not base64 text") from None
    raise CheckError(f"key {keys[0]} needs to exist in secret {name}")


def parse_pem(pem: str, what: str) -> list[x509.Certificate]:
    """The certificates of a PEM text.

    Raises:
        CheckError: there is none; it names ``what``.
    """
    try:
        return certificates(pem)
    except ValueError:
        raise CheckError(f"{what}: not a valid PEM certificate") from None


def material(context: CheckContext) -> Material:
    """Anchors and issuer as configured.

    Raises:
        CheckError: something is missing, malformed, or does not belong together.
    """
    anchors = parse_pem(anchors_pem(context), "trust anchors")
    secret = context.get("secrets", "linkerd-identity-issuer", context.namespace)
    issuer = parse_pem(secret_text(secret, "crt.pem", "tls.crt"), "issuer certificate")
    try:
        key = load_key(secret_text(secret, "key.pem", "tls.key"))
    except ValueError as error:
        raise CheckError(f"issuer key: {error}") from None
    if key.public_key() != issuer[0].public_key():
        raise CheckError("the issuer's key does not belong to its certificate")
    return Material(anchors, issuer)


def _valid_config(context: CheckContext) -> None:
    material(context)


def _crypto_problem(certificate: x509.Certificate, *, rsa_too: bool) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return ""
        return f"must use P-256 curve for public key, instead {key.curve.name} was used"
    if isinstance(key, rsa.RSAPublicKey) and rsa_too:
        return "" if key.key_size in RSA_SIZES else "RSA must use at least 2048 bit public key"
    return "must use ECDSA for public key algorithm"


def _named(certificate: x509.Certificate) -> str:
    """``* SERIAL COMMON-NAME`` as the lists of bad anchors show them."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return " ".join([str(certificate.serial_number), *(str(name.value) for name in names[:1])])


def _time_problem(certificate: x509.Certificate, now: float) -> str:
    """When the certificate became invalid or will be valid; empty while it is."""
    if now > certificate.not_valid_after_utc.timestamp():
        return f"not valid anymore. Expired on {_date(certificate.not_valid_after_utc)}"
    if now < certificate.not_valid_before_utc.timestamp():
        return f"not valid before: {_date(certificate.not_valid_before_utc)}"
    return ""


def soon_problem(certificate: x509.Certificate, now: float) -> str:
    """When the certificate expires, if that is within 60 days."""
    if now + EXPIRY_WARNING_DAYS * 86_400 > certificate.not_valid_after_utc.timestamp():
        return f"will expire on {_date(certificate.not_valid_after_utc)}"
    return ""


def _date(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


Look = Callable[[x509.Certificate, float], str]


def _anchors_check(title: str, look: Look) -> Callable[[CheckContext], None]:
    """A check of every trust anchor; it lists the bad ones under ``title``."""

    def run(context: CheckContext) -> None:
        now = context.console.now()
        bad = [f"{_named(cert)} {why}" for cert in material(context).anchors if (why := look(cert, now))]
        if bad:
            raise listing(title, bad)

    return run


def _issuer_check(look: Look) -> Callable[[CheckContext], None]:
    """A check of the issuer's certificate."""

    def run(context: CheckContext) -> None:
        why = look(material(context).leaf, context.console.now())
        if why:
            raise CheckError(
                f"issuer certificate is {why}" if why.startswith("not") else f"issuer certificate {why}"
            )

    return run


def _issued(context: CheckContext) -> None:
    """The anchors vouch for the issuer."""
    found = material(context)
    problem = chain_problem(found.leaf, found.issuer[1:], found.anchors, context.console.now())
    if problem:
        raise CheckError(f"issuer certificate is not issued by the trust anchors: {problem}")


def _certificate_of(context: CheckContext, hook: tuple[str, str, str]) -> tuple[str, str]:
    """A webhook's own certificate and the bundle by which the API server believes it.

    Raises:
        CheckError: the registration or the Secret is missing.
    """
    kind, configuration, service = hook
    namespace = context.namespace
    registered = context.get(f"{kind}{HOOKS}", configuration)
    try:
        bundle = base64.b64decode(registered["webhooks"][0]["clientConfig"]["caBundle"]).decode()
    except (KeyError, IndexError, ValueError):
        raise CheckError(f"{configuration} has no caBundle") from None
    secret = context.get("secrets", f"{service}-k8s-tls", namespace)
    return secret_text(secret, "tls.crt"), bundle


def webhook_checks(name: str, kind: str, configuration: str, service: str, anchor: str) -> tuple[Check, ...]:
    """The two checks of one webhook's certificate."""
    hook = (kind, configuration, service)

    def valid(context: CheckContext) -> None:
        pem, bundle = _certificate_of(context, hook)
        host = f"{service}.{context.namespace}.svc"
        why = verify(pem, "", bundle, host, context.console.now())
        if why:
            raise CheckError(f"certificate of {service}: {why}")

    def lasting(context: CheckContext) -> None:
        pem, _ = _certificate_of(context, hook)
        why = soon_problem(parse_pem(pem, service)[0], context.console.now())
        if why:
            raise CheckError(f"certificate {why}")

    soon = f"{name} cert is valid for at least 60 days"
    return (
        Check(f"{name} webhook has valid cert", f"{anchor}-webhook-cert-valid", valid, fatal=True),
        Check(soon, f"{anchor}-webhook-cert-not-expiring-soon", lasting, warning=True),
    )


def _matching_anchors(context: CheckContext) -> None:
    """Every proxy trusts exactly the anchors that are configured now."""
    current = anchors_pem(context).strip()
    pods = meshed(context, context.data_plane_namespace or None)
    if not pods:
        raise Skip
    stale = []
    for pod in pods:
        proxy = proxy_of(pod) or {}
        held = {item["name"]: item.get("value", "") for item in proxy.get("env") or ()}
        if held.get(ANCHORS_VARIABLE, "").strip() != current:
            metadata = pod["metadata"]
            stale.append(f"{metadata['namespace']}/{metadata['name']}")
    if stale:
        raise listing("Some pods do not have the current trust bundle and must be restarted:", stale)


PREFIX = "l5d-identity"
IDENTITY = (
    Check("certificate config is valid", f"{PREFIX}-cert-config-valid", _valid_config, fatal=True),
    Check(
        "trust anchors are using supported crypto algorithm",
        f"{PREFIX}-trustAnchors-use-supported-crypto",
        _anchors_check("Invalid trustAnchors:", lambda cert, _: _crypto_problem(cert, rsa_too=True)),
        fatal=True,
    ),
    Check(
        "trust anchors are within their validity period",
        f"{PREFIX}-trustAnchors-are-time-valid",
        _anchors_check("Invalid trustAnchors:", _time_problem),
        fatal=True,
    ),
    Check(
        "trust anchors are valid for at least 60 days",
        f"{PREFIX}-trustAnchors-not-expiring-soon",
        _anchors_check("Anchors expiring soon:", soon_problem),
        warning=True,
    ),
    Check(
        "issuer cert is using supported crypto algorithm",
        f"{PREFIX}-issuer-cert-uses-supported-crypto",
        _issuer_check(lambda cert, _: _crypto_problem(cert, rsa_too=False)),
        fatal=True,
    ),
    Check(
        "issuer cert is within its validity period",
        f"{PREFIX}-issuer-cert-is-time-valid",
        _issuer_check(_time_problem),
        fatal=True,
    ),
    Check(
        "issuer cert is valid for at least 60 days",
        f"{PREFIX}-issuer-cert-not-expiring-soon",
        _issuer_check(soon_problem),
        warning=True,
    ),
    Check(
        "issuer cert is issued by the trust anchor", f"{PREFIX}-issuer-cert-issued-by-trust-anchor", _issued
    ),
)
WEBHOOKS = (
    *webhook_checks(
        "proxy-injector",
        "mutating",
        "linkerd-proxy-injector-webhook-config",
        "linkerd-proxy-injector",
        "l5d-proxy-injector",
    ),
    *webhook_checks(
        "sp-validator",
        "validating",
        "linkerd-sp-validator-webhook-config",
        "linkerd-sp-validator",
        "l5d-sp-validator",
    ),
    *webhook_checks(
        "policy-validator",
        "validating",
        "linkerd-policy-validator-webhook-config",
        "linkerd-policy-validator",
        "l5d-policy-validator",
    ),
)
DATA_PLANE = (
    Check(
        "data plane proxies certificate match CA",
        f"{PREFIX}-data-plane-proxies-certs-match-ca",
        _matching_anchors,
        warning=True,
    ),
)
