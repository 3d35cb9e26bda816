"""What became of a request: one of a closed list, read off its response."""

from mesh.grpc import FAILURES
from mesh.messages import Response
from sim.engine.tables import Outcome

__all__ = ["outcome_of"]

TRANSPORT_OUTCOMES = {
    "timeout": Outcome.TIMEOUT,
    "connect timeout": Outcome.TIMEOUT,
    "headers timeout": Outcome.TIMEOUT,
    "response timeout": Outcome.TIMEOUT,
    "idle timeout": Outcome.TIMEOUT,
    "refused": Outcome.REFUSED,
    "reset": Outcome.REFUSED,
    "tls": Outcome.REFUSED,
    "unreachable": Outcome.UNREACHABLE,
}


def outcome_of(response: Response) -> Outcome:
    """What became of a request, from its response."""
    if response.error:
        return TRANSPORT_OUTCOMES.get(response.error, Outcome.UNREACHABLE)
    grpc = response.grpc_status
    if response.status < 500 and grpc in (None, 0):
        headers = response.headers
        if headers is None or "l5d-proxy-error" not in headers:
            return Outcome.OK
    return _proxy_outcome(response) or (
        Outcome.APP_ERROR if response.status >= 500 or grpc in FAILURES else Outcome.OK
    )


def _proxy_outcome(response: Response) -> Outcome | None:
    """The outcome of a response a proxy made up; None for an application's own."""
    message = (response.headers or {}).get("l5d-proxy-error")
    if message is None:
        return None
    if "fail-fast" in message:
        return Outcome.FAILFAST
    if response.status in (403, 429):
        return Outcome.UNAUTHORIZED if response.status == 403 else Outcome.RATE_LIMITED
    if response.status == 504:
        return Outcome.TIMEOUT
    return Outcome.UNREACHABLE if response.status == 502 else Outcome.FAILFAST
