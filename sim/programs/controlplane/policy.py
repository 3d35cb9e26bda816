"""policy-controller: watches what policy is made of and answers its webhook.

*Differs:* its webhook refuses nothing beyond what the CRDs' schemas refused, and its gRPC interface to
proxies answers Unimplemented: they go by the default policy they were injected with.
"""

from typing import Any

from mesh.messages import Peer, Request, Response
from sim.programs.controlplane.component import Component
from sim.programs.http import serve

__all__ = ["PolicyController"]


class PolicyController(Component):
    """The container ``policy`` of linkerd-destination."""

    def begin(self) -> None:
        """Wait for what policy is made of, then listen."""
        serve(self.container, self._port("grpc-addr", 8090), self.answer)
        self.watch({key: lambda _: None for key in ("pods", "services", "servers.policy.linkerd.io")})

    def synced(self) -> None:
        """Admission works once the resources are known."""
        serve(self.container, self._port("server-addr", 9443), self.admit)

    def log(self, level: str, message: str) -> None:
        """Rust programs log with tracing."""
        name = {"warning": "WARN"}.get(level, level.upper())
        self.container.log(f"{self.engine.timestamp()} {name:>5} linkerd_policy_controller: {message}")

    def _port(self, flag: str, default: int) -> int:
        text = self.flag(flag).rpartition(":")[2]
        return int(text) if text.isdigit() else default

    def answer(self, request: Request, peer: Peer) -> Response:
        """What proxies ask."""
        return Response(200, grpc_status=12, grpc_message=f"unknown method {request.path}")

    def admit(self, request: Request, peer: Peer) -> Response:
        """Accept what the API server's own schema accepted."""
        review = request.body
        if not isinstance(review, dict):
            return Response(400, body="no AdmissionReview\n")
        uid = (review.get("request") or {}).get("uid")
        answer: dict[str, Any] = {key: review.get(key) for key in ("apiVersion", "kind")}
        return Response(200, body={**answer, "response": {"uid": uid, "allowed": True}})
