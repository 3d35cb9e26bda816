"""The proxy's own certificate: none yet, valid, or expired; and when to ask for the next one.

Knows no keys and no control plane: whoever talks to the identity service tells it what was issued.
*Source:* linkerd2-proxy proxy/identity-client/src/certify.rs.
"""

from enum import Enum

from mesh.messages import Certificate
from mesh.proxy.atoms.gate import IllegalTransition
from mesh.proxy.metrics import Registry

__all__ = ["TRANSITIONS", "Identity", "IdentityInput", "IdentityState"]

# Of the remaining lifetime. Source: certify.rs.
RENEW_AT = 0.7


class IdentityState(Enum):
    """Whether handshakes can succeed."""

    NONE = "none"
    CERTIFIED = "certified"
    EXPIRED = "expired"


class IdentityInput(Enum):
    """What may happen to an identity."""

    CERTIFY = "certify"
    EXPIRE = "expire"


TRANSITIONS: dict[tuple[IdentityState, IdentityInput], IdentityState] = {
    (IdentityState.NONE, IdentityInput.CERTIFY): IdentityState.CERTIFIED,
    (IdentityState.CERTIFIED, IdentityInput.CERTIFY): IdentityState.CERTIFIED,
    (IdentityState.CERTIFIED, IdentityInput.EXPIRE): IdentityState.EXPIRED,
    (IdentityState.EXPIRED, IdentityInput.CERTIFY): IdentityState.CERTIFIED,
}


class Identity:
    """The life of a proxy's certificate. All times are Unix seconds.

    Attributes:
        certificate: the current one; None before the first.
        latched: a certificate was issued once; what ``/ready`` answers, even after it expired.
        min_refresh, max_refresh: bounds of the wait before a renewal, in seconds.

    Args:
        control: name the metrics as today; otherwise as in stable-2.8.1.
    """

    def __init__(
        self,
        registry: Registry,
        min_refresh: float = 10.0,
        max_refresh: float = 86_400.0,
        *,
        control: bool = True,
    ) -> None:
        self.state = IdentityState.NONE
        self.certificate: Certificate | None = None
        self.latched = False
        self.min_refresh = min_refresh
        self.max_refresh = max_refresh
        self._registry = registry
        self._control = control
        prefix = "control_" if control else ""
        self._expiration = registry.gauge(prefix + "identity_cert_expiration_timestamp_seconds")

    def certified(self, certificate: Certificate, now: float) -> bool:
        """A certificate was issued. One that has expired already counts as a failure: False."""
        if certificate.not_after <= now:
            self.failed()
            return False
        self._advance(IdentityInput.CERTIFY)
        self.certificate = certificate
        self.latched = True
        self._expiration.set(certificate.not_after)
        if self._control:
            self._registry.gauge("control_identity_cert_refresh_timestamp_seconds").set(now)
            self._registry.counter("control_identity_cert_refreshes_total", (("result", "ok"),)).inc()
        else:
            self._registry.counter("identity_cert_refresh_count").inc()
        return True

    def failed(self) -> None:
        """An attempt to have one issued failed."""
        if self._control:
            self._registry.counter("control_identity_cert_refreshes_total", (("result", "error"),)).inc()

    def usable(self, now: float) -> bool:
        """Whether a handshake with it can succeed at ``now``."""
        if self.certificate is not None and self.state is IdentityState.CERTIFIED:
            if now < self.certificate.not_after:
                return True
            self._advance(IdentityInput.EXPIRE)
        return False

    def next_renewal(self, now: float) -> float:
        """When to ask next: after 70 % of what remains, but no sooner and no later than the bounds.

        The same after a failed attempt, which leaves the previous expiry in place.
        """
        remaining = 0.0 if self.certificate is None else self.certificate.not_after - now
        return now + min(max(RENEW_AT * remaining, self.min_refresh), self.max_refresh)

    def _advance(self, input_: IdentityInput) -> None:
        state = TRANSITIONS.get((self.state, input_))
        if state is None:
            raise IllegalTransition(self.state, input_)
        self.state = state
