"""Rescue: whatever went wrong inside becomes a response, in one place.

*Source:* linkerd2-proxy app/core/src/errors/respond.rs.
"""

from typing import NamedTuple

from mesh.messages import Request, Response, fail
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.load import Load
from mesh.proxy.metrics import Labels, Registry

__all__ = ["ERRORS", "Made", "Rescue", "refuse", "synthesize", "within"]


class Made(NamedTuple):
    """A response that the proxy makes up.

    Attributes:
        status: for HTTP; a gRPC caller gets 200 and ``grpc``.
        text: what ``l5d-proxy-error`` says after the names of the layers.
        closes: whether the caller's connection is closed.
        counted: the ``error`` label of the error metrics; empty when it is not counted there.
    """

    status: int
    grpc: int
    text: str
    closes: bool = True
    counted: str = ""


UNEXPECTED = Made(500, 13, "unexpected error", counted="unexpected")

ERRORS: dict[str, Made] = {
    # transport, as drivers name it
    "refused": Made(502, 14, "client error (Connect)"),
    "unreachable": Made(502, 14, "client error (Connect)"),
    "tls": Made(502, 14, "client error (Connect)"),
    "reset": Made(502, 14, "client error (SendRequest)"),
    "connect timeout": Made(504, 4, "connect timed out"),
    "timeout": Made(504, 4, "response timed out", counted="response timeout"),
    # a policy's timeouts, which leave the caller's connection open
    "request timeout": Made(504, 4, "request timed out", closes=False, counted="response timeout"),
    "headers timeout": Made(504, 4, "response headers timed out", closes=False, counted="response timeout"),
    "response timeout": Made(504, 4, "response timed out", closes=False, counted="response timeout"),
    "idle timeout": Made(504, 4, "stream idle", closes=False, counted="response timeout"),
    # the proxy's own
    "failfast": Made(504, 4, "service in fail-fast", counted="failfast"),
    "loadshed": Made(503, 14, "service unavailable", counted="loadshed"),
    "identity required": Made(502, 14, "required identity is not the server's", counted="identity required"),
    "unauthorized": Made(403, 7, "unauthorized request on route", closes=False),
    "route not found": Made(404, 5, "no route found for request", closes=False),
    "rate limited": Made(429, 8, "rate limit exceeded", closes=False),
}


def synthesize(request: Request, error: str, context: str = "", explain: bool = True) -> Response:
    """The response that stands for ``error``.

    Args:
        request: decides between the HTTP and the gRPC form.
        error: a key of ERRORS, perhaps followed by a colon and what to say instead of its text; one that
            is not there is an unexpected error.
        context: names of layers, outermost first, each followed by a colon and a blank.
        explain: emit the headers that say what happened.
    """
    name, _, detail = error.partition(": ")
    made = ERRORS.get(name, UNEXPECTED)
    headers = {"content-length": "0"}
    message = context + (detail or made.text if name in ERRORS else made.text)
    if not message.isascii():
        message = UNEXPECTED.text
    if explain:
        headers["l5d-proxy-error"] = message
        if made.closes:
            headers["l5d-proxy-connection"] = "close"
    if request.grpc:
        headers["content-type"] = "application/grpc"
        return Response(200, headers=headers, grpc_status=made.grpc, grpc_message=message if explain else "")
    if made.closes:
        headers["connection"] = "close"
    return Response(made.status, headers=headers)


def within(error: str, context: str) -> str:
    """An error that also says in which layer it was; nothing is said of unexpected ones."""
    name, _, detail = error.partition(": ")
    made = ERRORS.get(name)
    return error if made is None else f"{name}: {context}{detail or made.text}"


def refuse(error: str) -> Flow:
    """A flow that asks nothing of its driver and ends in a local error."""
    yield from ()
    return fail(error)


class Rescue:
    """Turns responses that never came into ones that did, and counts why; sheds what is too much.

    The limit of requests in flight is upstream's next layer; here it costs no generator of its own.

    Args:
        load: requests in flight, shared by all stacks of a direction.
        context: what the message starts with.
        explain: whether the caller may see why: always outbound, only meshed peers inbound.
        registry, family, labels: where errors are counted, under an additional label ``error``.
    """

    __slots__ = ("context", "explain", "family", "labels", "load", "next", "registry")

    def __init__(
        self,
        following: Layer,
        *,
        context: str,
        explain: bool,
        registry: Registry,
        family: str,
        load: Load,
        labels: Labels = (),
    ) -> None:
        self.next = following
        self.load = load
        self.context = context
        self.explain = explain
        self.registry = registry
        self.family = family
        self.labels = labels

    def __call__(self, request: Request, deadline: float) -> Flow:
        load = self.load
        if load.count < load.limit:
            load.count += 1
            try:
                response = yield from self.next(request, deadline)
            finally:
                load.count -= 1
        else:
            response = fail("loadshed")
        if response.status:
            return response
        error = response.error
        counted = ERRORS.get(error.partition(": ")[0], UNEXPECTED).counted
        if counted:
            self.registry.counter(self.family, (*self.labels, ("error", counted))).inc()
        return synthesize(request, error, self.context, self.explain)
