"""Client: the innermost layer; sends, and turns failures of the connection into responses.

*Source:* linkerd2-proxy app/outbound/src/http/endpoint.rs, app/inbound/src/http/router.rs, reconnect.
Metrics, failure accrual and retries above therefore see a connect failure as a 502 or 504.
"""

from mesh.messages import Request, Response, fail
from mesh.proxy.effects import Flow, Send
from mesh.proxy.endpoint import Endpoint
from mesh.proxy.layers.rescue import synthesize
from mesh.proxy.pool import Pool

__all__ = ["TIMEOUTS", "UNCONNECTED", "Client", "cut_short"]

# The error of a request that was not sent because its endpoint has no connection; the balancer's to handle.
UNCONNECTED = "unconnected"

# Missed deadlines, which belong to the layers that set them.
TIMEOUTS = frozenset(("timeout", "headers timeout", "response timeout", "idle timeout"))

# Errors after which a connection is known not to exist. A reset may have come while the request was served.
CONNECTION_ERRORS = frozenset({"refused", "unreachable", "tls", "connect timeout", "reset"})


def cut_short(request: Request, response: Response) -> bool:
    """Whether one of a policy's timeouts ended an attempt; a profile's is its route's matter."""
    error = response.error
    return error in TIMEOUTS and (error != "timeout" or request.limits is not None)


class Client:
    """Sends requests to one endpoint.

    An eager endpoint (HTTP/2) whose connection cannot be made answers no request with that: its request goes
    back to the balancer and the endpoint waits for its back-off. An established connection that breaks does
    fail the requests on it. *Differs:* upstream connects in the background; here the next request after
    the back-off is the attempt.

    Args:
        pool: to tell of connections made and lost; None when nothing is balanced.
        context: what error messages start with.
        explain: whether made-up responses say why.
        strip: remove the error headers of the peer's proxy, which are not the application's to see.
        connect_timeout: for the message only; drivers time connections. Seconds.
    """

    __slots__ = ("connect_timeout", "context", "endpoint", "explain", "pool", "strip")

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        pool: Pool | None,
        context: str,
        explain: bool,
        strip: bool,
        connect_timeout: float,
    ) -> None:
        self.endpoint = endpoint
        self.pool = pool
        self.context = context
        self.explain = explain
        self.strip = strip
        self.connect_timeout = connect_timeout

    def __call__(self, request: Request, deadline: float) -> Flow:
        endpoint = self.endpoint
        response: Response = yield Send(endpoint, request, deadline, request.limits)
        if not response.status:
            return self._failed(request, response)
        if not endpoint.connected and self.pool is not None:
            self.pool.opened(endpoint)
        headers = response.headers
        if headers is not None and self.strip and "l5d-proxy-error" in headers:
            response.headers = {
                name: value
                for name, value in headers.items()
                if name not in ("l5d-proxy-error", "l5d-proxy-connection")
            }
        return response

    def _failed(self, request: Request, response: Response) -> Response:
        """What stands for a response that never came. A missed deadline belongs to the layer that set it."""
        error, endpoint = response.error, self.endpoint
        if error in TIMEOUTS:
            return response
        if endpoint.eager and self.pool is not None and error in CONNECTION_ERRORS:
            if not endpoint.connected and error != "reset":
                return fail(UNCONNECTED)
            # It broke with this request on it; the next one finds it gone.
            endpoint.connected = False
        if error == "connect timeout":
            error = f"{error}: connect timed out after {_seconds(self.connect_timeout)}"
        return synthesize(request, error, self.context, self.explain)


def _seconds(length: float) -> str:
    """A duration as error messages print it: 1s, 300ms."""
    return f"{length:g}s" if length >= 1 else f"{length * 1000:g}ms"
