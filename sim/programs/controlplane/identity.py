"""identity: certifies proxies. The issuer is read from the mounted secret, so that it can be rotated."""

import json
from collections.abc import Mapping
from typing import Any

from mesh.control.certificates import Pair
from mesh.control.identity import AUDIENCE, Identity, IdentityError
from mesh.grpc import CODES
from mesh.messages import Certificate, CertifyRequest, Peer, Request, Response
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component, Reviewed, reviewed
from sim.programs.env import go_duration
from sim.programs.http import serve
from sim.programs.task import Event, Handled, Pause, Steps, run

__all__ = ["IdentityService"]

ISSUER = "/var/run/linkerd/identity/issuer/"
CONFIG = "/var/run/linkerd/config/global"  # stable-2.8.1
TRUST_ROOTS = "/var/run/linkerd/identity/trust-roots/ca-bundle.crt"  # edge
# A kubelet refreshes the files of a mounted secret about once a minute.
# Source: Kubernetes, kubelet configuration syncFrequency, 1 m.
REFRESH = 60.0
REVIEWS = "tokenreviews.authentication.k8s.io"


class IdentityService(Component):
    """The certificate authority's server.

    Attributes:
        identity: the authority; None until its configuration was read.
    """

    PORT = 8080

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.identity: Identity | None = None
        self._issuer: Pair | None = None

    def begin(self) -> None:
        """Read anchors and issuer, listen, look for new issuers."""
        try:
            self.identity = self._configured()
        except (OSError, ValueError, KeyError) as error:
            self.log("fatal", f"Failed to read trust anchors: {error}")
            self.container.exit(1)
            return
        self._reload()
        serve(self.container, self.PORT, self.answer)
        self.ready = True
        self.info(f"starting gRPC server on :{self.PORT}")
        run(self.container, self._refresh())

    def _configured(self) -> Identity:
        """The authority as its configuration describes it.

        Raises:
            OSError, ValueError, KeyError: it cannot be read.
        """
        try:
            context = json.loads(self.container.read(CONFIG))["identityContext"]
        except FileNotFoundError:
            return Identity(
                self.container.read(TRUST_ROOTS),
                lifetime=go_duration(self.flag("identity-issuance-lifetime", "24h")),
                skew=go_duration(self.flag("identity-clock-skew-allowance", "20s")),
                namespace=self.flag("controller-namespace", self.namespace),
                trust_domain=self.flag("identity-trust-domain", "cluster.local"),
                audience=AUDIENCE,
            )
        return Identity(
            context["trustAnchorsPem"],
            lifetime=go_duration(context["issuanceLifetime"]),
            skew=go_duration(context["clockSkewAllowance"]),
            namespace=self.namespace,
            trust_domain=context["trustDomain"],
            audience="",
        )

    # -- the issuer ---------------------------------------------------------------------------------------

    def _refresh(self) -> Steps:
        while True:
            yield Pause(REFRESH)
            self._reload()

    def _reload(self) -> None:
        """Take over what the mounted secret holds, if it is new."""
        assert self.identity is not None
        found = self._mounted()
        if found is None or found == self._issuer:
            return
        first, self._issuer = self._issuer is None, found
        taken = self.identity.reload(found, self.unix())
        if taken:
            self.info("Loaded issuer cert" if first else "Updated identity issuer")
        else:
            self.log("error", self.identity.events[-1].message)
        if first and taken:
            self.identity.events.clear()  # an event is for changes
        self._publish()

    def _mounted(self) -> Pair | None:
        """Certificate and key of the secret, whichever scheme names its files; None when they are missing."""
        for cert, key in (("crt.pem", "key.pem"), ("tls.crt", "tls.key")):
            try:
                return Pair(self.container.read(ISSUER + cert), self.container.read(ISSUER + key))
            except FileNotFoundError:
                continue
        self.log("error", f"no issuer in {ISSUER}")
        return None

    # -- certificates -------------------------------------------------------------------------------------

    def answer(self, request: Request, peer: Peer) -> Handled:
        """The gRPC service: Certify only."""
        if request.path.rpartition("/")[2] != "Certify" or not isinstance(request.body, CertifyRequest):
            return Response(200, grpc_status=12, grpc_message=f"unknown method {request.path}")
        return self._certify(request.body)

    def _certify(self, request: CertifyRequest) -> Steps:
        assert self.identity is not None
        try:
            vetted = self.identity.vet(request, self.unix())
            status = yield from self._review(vetted.token, self.identity.audience)
            if self.identity.audience and status.get("error") and not status.get("audiences"):
                status = yield from self._review(vetted.token, "")
            certificate: Certificate = self.identity.issue(vetted, status, self.unix())
        except IdentityError as error:
            self.log("error", f"certify {request.identity}: {error}")
            self.count("identity_cert_refusals_total", ("code", error.code))
            self._publish()
            code = CODES.index(error.code)
            return Response(200, grpc_status=code, grpc_message=error.message)
        self.info(f"issued certificate for {certificate.name} until {self._date(certificate.not_after)}")
        self.count("identity_cert_issued_total")
        self._publish()
        return Response(200, body=certificate, grpc_status=0)

    def _review(self, token: str, audience: str) -> Steps:
        """The status of a TokenReview; an error in it when the API server did not answer."""
        spec: dict[str, Any] = {"token": token}
        if audience:
            spec["audiences"] = [audience]
        version = "authentication.k8s.io/v1"
        review = {"apiVersion": version, "kind": "TokenReview", "metadata": {}, "spec": spec}
        answer: Reviewed = yield Event(self.engine.process(reviewed(self.api, review, self.user)))
        if answer.error:
            self.log("error", answer.error)
            raise IdentityError("Unknown", answer.error)
        status: Mapping[str, Any] = answer.status
        return status

    def _date(self, unix: float) -> str:
        return self.engine.calendar.timestamp(unix - self.engine.calendar.epoch)

    def _publish(self) -> None:
        """Record what happened as Kubernetes events."""
        assert self.identity is not None
        events, self.identity.events = self.identity.events, []
        for event in events:
            resource = {"ServiceAccount": "serviceaccounts", "Deployment": "deployments.apps"}[event.kind]
            self.record(resource, event.namespace, event.name, event.type, event.reason, event.message)
