"""policy-controller: tells proxies the policy of their ports and of the services they call.

*Differs:* its webhook refuses nothing beyond what the CRDs' schemas refused.
"""

from typing import Any

from mesh.control.policy import PolicyConfig, PolicyError, PolicyService
from mesh.grpc import CODES
from mesh.messages import Peer, Request, Response
from sim.cluster.api import ApiError, WatchEvent
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component
from sim.programs.http import Stream, serve

__all__ = ["PolicyController"]


# What policy is made of, in the order in which it is listed; the Gateway API may come later, or never.
CORE = ("pods", "services")
POLICY = tuple(
    f"{plural}.policy.linkerd.io"
    for plural in (
        *("servers", "serverauthorizations", "authorizationpolicies", "meshtlsauthentications"),
        *("networkauthentications", "httplocalratelimitpolicies", "httproutes"),
    )
)
GATEWAY = ("httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io")
LATE = "customresourcedefinitions.apiextensions.k8s.io"


class PolicyController(Component):
    """The container ``policy`` of linkerd-destination.

    Attributes:
        service: what it knows, and who listens.
    """

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.service = PolicyService(self._configured(), self.warn)
        self._missing: tuple[str, ...] = GATEWAY

    def _configured(self) -> PolicyConfig:
        networks = self.flag("cluster-networks")
        return PolicyConfig(
            self.flag("default-policy", "all-unauthenticated"),
            tuple(each for each in networks.split(",") if each),
            self.flag("default-opaque-ports"),
            self.flag("control-plane-namespace", self.namespace),
            self.flag("cluster-domain", "cluster.local").rstrip("."),
            self.flag("identity-domain", self.flag("cluster-domain", "cluster.local")).rstrip("."),
        )

    def begin(self) -> None:
        """Wait for what policy is made of, then listen."""
        serve(self.container, self._port("grpc-addr", 8090), self.answer)
        self.watch(dict.fromkeys((*CORE, *POLICY), self._changed))

    def synced(self) -> None:
        """Admission works once the resources are known; routes of the Gateway API are, once it is there."""
        self._follow_gateway()
        self._watches.append(self.api.watch(LATE, self._follow_gateway, initial=False))
        serve(self.container, self._port("server-addr", 9443), self.admit)

    def log(self, level: str, message: str) -> None:
        """Rust programs log with tracing."""
        name = {"warning": "WARN"}.get(level, level.upper())
        self.container.log(f"{self.engine.timestamp()} {name:>5} linkerd_policy_controller: {message}")

    def _port(self, flag: str, default: int) -> int:
        text = self.flag(flag).rpartition(":")[2]
        return int(text) if text.isdigit() else default

    def _changed(self, event: WatchEvent) -> None:
        """Something changed: tell those whom it concerns."""
        for stream, update in self.service.apply(event, self.engine.now):
            assert isinstance(stream, Stream)
            stream.push(update)

    def _follow_gateway(self, _: WatchEvent | None = None) -> None:
        for resource in self._missing:
            try:
                self._watches.append(self.api.watch(resource, self._changed, initial=True))
            except ApiError:
                continue  # not there yet
            self._missing = tuple(each for each in self._missing if each != resource)

    def answer(self, request: Request, peer: Peer) -> Response:
        """The gRPC service: WatchPort and Watch, each answering with a stream."""
        method, body = request.path.rpartition("/")[2], request.body
        if method not in ("WatchPort", "Watch") or not isinstance(body, dict):
            return Response(200, grpc_status=12, grpc_message=f"unknown method {request.path}")
        stream = Stream(self.engine)
        service = self.service
        try:
            if method == "WatchPort":
                updates = service.watch_port(str(body.get("workload", "")), int(body.get("port", 0)), stream)
            else:
                updates = service.watch_outbound(
                    str(body.get("target", "")), str(body.get("token", "")), stream
                )
        except PolicyError as error:
            return Response(200, grpc_status=CODES.index(error.code), grpc_message=error.message)
        stream.on_end(lambda: service.unsubscribe(stream))
        for _, update in updates:
            stream.push(update)
        return Response(200, body=stream)

    def admit(self, request: Request, peer: Peer) -> Response:
        """Accept what the API server's own schema accepted."""
        review = request.body
        if not isinstance(review, dict):
            return Response(400, body="no AdmissionReview\n")
        uid = (review.get("request") or {}).get("uid")
        answer: dict[str, Any] = {key: review.get(key) for key in ("apiVersion", "kind")}
        return Response(200, body={**answer, "response": {"uid": uid, "allowed": True}})
