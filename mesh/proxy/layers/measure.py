"""Measure: the newer metrics of an outbound route, or of one of its backends.

*Source:* linkerd2-proxy app/outbound/src/http/logical/policy/route/{metrics,backend/metrics}.rs, http/prom.
"""

from collections.abc import Callable
from typing import NamedTuple

from mesh.grpc import code_label
from mesh.messages import PolicyRef, Request, Response
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import within
from mesh.proxy.metrics import Counter, Histogram, Labels, Registry

__all__ = ["Measure", "Scope", "backend_scope", "ref_labels", "route_scope"]

# What the ``error`` label calls what a layer below calls so.
ERRORS = {
    "failfast": "FAIL_FAST",
    "loadshed": "LOAD_SHED",
    "timeout": "REQUEST_TIMEOUT",
    "headers timeout": "RESPONSE_HEADERS_TIMEOUT",
    "response timeout": "RESPONSE_STREAM_TIMEOUT",
    "idle timeout": "IDLE_TIMEOUT",
    "reset": "RESET",
}


class Scope(NamedTuple):
    """What is measured, and under which names.

    Attributes:
        context: what errors from below say first.
        requests: a counter of what was sent; None for routes, which count answers only.
        sent, received: sizes of frames; None where the other scope counts them.
    """

    context: str
    labels: Labels
    grpc: bool
    requests: Counter | None
    duration: Histogram
    statuses: str
    sent: Histogram | None
    received: Histogram | None


def ref_labels(prefix: str, ref: PolicyRef, *, port: bool) -> Labels:
    """The labels that name a resource."""
    labels: Labels = (
        (f"{prefix}_group", ref.group),
        (f"{prefix}_kind", ref.kind),
        (f"{prefix}_namespace", ref.namespace),
        (f"{prefix}_name", ref.name),
    )
    if not port:
        return labels
    return (
        *labels,
        (f"{prefix}_port", str(ref.port) if ref.port else ""),
        (f"{prefix}_section_name", ref.section),
    )


def route_scope(registry: Registry, parent: PolicyRef, route: PolicyRef, grpc: bool) -> Scope:
    """A route of a parent."""
    prefix = f"outbound_{'grpc' if grpc else 'http'}_route_"
    labels = (
        *ref_labels("parent", parent, port=True),
        *ref_labels("route", route, port=False),
        ("hostname", ""),
    )
    return Scope(
        f"route {route}: ",
        labels,
        grpc,
        None,
        registry.histogram(prefix + "request_duration_seconds", labels),
        prefix + "request_statuses_total",
        registry.histogram(prefix + "request_frame_size_bytes", labels),
        None,
    )


def backend_scope(
    registry: Registry, parent: PolicyRef, route: PolicyRef, backend: PolicyRef, grpc: bool
) -> Scope:
    """A backend of a route."""
    prefix = f"outbound_{'grpc' if grpc else 'http'}_route_backend_"
    labels = (
        *ref_labels("parent", parent, port=True),
        *ref_labels("route", route, port=False),
        *ref_labels("backend", backend, port=True),
    )
    return Scope(
        f"backend {backend}: {backend}: ",
        labels,
        grpc,
        registry.counter(prefix + "requests_total", labels),
        registry.histogram(prefix + "response_duration_seconds", labels),
        prefix + "response_statuses_total",
        None,
        registry.histogram(prefix + "response_frame_size_bytes", labels),
    )


class Measure:
    """Counts answers by status or error, and times them to their end."""

    __slots__ = ("_known", "clock", "next", "registry", "scope")

    def __init__(
        self, following: Layer, clock: Callable[[], float], registry: Registry, scope: Scope
    ) -> None:
        self.next = following
        self.clock = clock
        self.registry = registry
        self.scope = scope
        self._known: dict[tuple[int, int | None], Counter] = {}

    def __call__(self, request: Request, deadline: float) -> Flow:
        scope = self.scope
        start = self.clock()
        if scope.requests is not None:
            scope.requests.value += 1
        if scope.sent is not None and request.size:
            scope.sent.observe(request.size)
        response = yield from self.next(request, deadline)
        scope.duration.observe(self.clock() - start)
        if not response.status:
            self._failed(response)
            return response
        key = (response.status, response.grpc_status)
        counter = self._known.get(key)
        if counter is None:
            counter = self._known[key] = self._counter(response)
        counter.value += 1
        if scope.received is not None and response.size:
            scope.received.observe(response.size)
        return response

    def _counter(self, response: Response, error: str = "") -> Counter:
        status = "" if error else str(response.status)
        if self.scope.grpc and not error:
            code = response.grpc_status
            status = code_label(code)
        name = "grpc_status" if self.scope.grpc else "http_status"
        labels = (*self.scope.labels, (name, status), ("error", error))
        return self.registry.counter(self.scope.statuses, labels)

    def _failed(self, response: Response) -> None:
        """No response: count the error, and say where it was."""
        error = ERRORS.get(response.error.partition(": ")[0], "UNKNOWN")
        self._counter(response, error).inc()
        response.error = within(response.error, self.scope.context)
