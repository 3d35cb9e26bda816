"""sp-validator: the admission webhook that looks at ServiceProfiles."""

from mesh.control.validator import review
from mesh.messages import Peer, Request, Response
from sim.programs.controlplane.component import Component
from sim.programs.http import serve

__all__ = ["ProfileValidator"]


class ProfileValidator(Component):
    """Answers AdmissionReviews on port 8443."""

    PORT = 8443

    def begin(self) -> None:
        """Listen."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"listening at :{self.PORT}")
        self.ready = True

    def answer(self, request: Request, peer: Peer) -> Response:
        """One AdmissionReview."""
        if request.method != "POST" or not isinstance(request.body, dict):
            return Response(400, body="Body was empty\n")
        answer = review(request.body)
        wrong = (answer["response"].get("status") or {}).get("message")
        if wrong:
            self.info(f"denied: {wrong}")
        return Response(200, body=answer)
