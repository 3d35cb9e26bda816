"""Observe: counts requests and responses, measures latency, classifies, and feeds taps.

*Source:* linkerd2-proxy http/metrics/src/requests, proxy/tap.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mesh.messages import Request, Response
from mesh.proxy.atoms.classify import Classifier, default
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.client import TIMEOUTS, cut_short
from mesh.proxy.metrics import Counter, Histogram, Labels, Registry

if TYPE_CHECKING:
    from mesh.proxy.endpoint import Endpoint
    from mesh.proxy.tap import TapSession

__all__ = ["ByAuthority", "Meter", "Observe", "ObserveRoute"]

# Upstream's durations are whole nanoseconds; a float that fell just short of a millisecond had reached it.
NANOSECOND = 1e-6


class Outcome:
    """The handles for one kind of response."""

    __slots__ = ("latency", "responses", "success")

    def __init__(self, latency: Histogram | None, responses: Counter, success: bool) -> None:
        self.latency = latency
        self.responses = responses
        self.success = success


class Meter:
    """The request metrics of one scope, its handles kept by kind of response.

    Args:
        prefix: ``""`` for endpoints, ``route_`` and ``route_actual_`` for ServiceProfile routes.
        timed: whether it has a latency histogram.
    """

    __slots__ = ("_grpc", "_http", "classify", "labels", "prefix", "registry", "requests", "timed")

    def __init__(
        self,
        registry: Registry,
        labels: Labels,
        classify: Classifier = default,
        prefix: str = "",
        timed: bool = True,
    ) -> None:
        self.registry = registry
        self.labels = labels
        self.classify = classify
        self.prefix = prefix
        self.timed = timed
        self.requests = registry.counter(prefix + "request_total", labels)
        self._http: dict[int, Outcome] = {}
        self._grpc: dict[tuple[int, int | None], Outcome] = {}

    def record(self, grpc: bool, response: Response, seconds: float) -> Outcome:
        """Count a response that came, ``seconds`` to its first byte."""
        if grpc:
            outcome = self._grpc.get((response.status, response.grpc_status))
        else:
            outcome = self._http.get(response.status)
        if outcome is None:
            outcome = self._outcome(grpc, response.status, response.grpc_status)
        latency = outcome.latency
        if latency is not None:
            # Histogram.observe, spelled out: this runs once or twice a request.
            passed = int(seconds * 1000.0 + NANOSECOND)
            latency.counts[bisect_left(latency.bounds, passed)] += 1
            latency.sum += passed
        outcome.responses.value += 1
        return outcome

    def failed(self, error: str) -> None:
        """Count a request that got no response, which is a failure without a status."""
        labels = (*self.labels, ("classification", "failure"), ("grpc_status", ""), ("error", error))
        self.registry.counter(self.prefix + "response_total", labels).inc()

    def _outcome(self, grpc: bool, status: int, code: int | None) -> Outcome:
        """The handles for a kind of response seen for the first time."""
        success = self.classify(grpc, status, code)
        coded: Labels = (*self.labels, ("status_code", str(status)))
        classes = (
            ("classification", "success" if success else "failure"),
            # A gRPC call without a status is UNKNOWN, 2, to the label, and yet a success.
            ("grpc_status", ("2" if code is None else str(code)) if grpc else ""),
            ("error", ""),
        )
        latency = self.registry.histogram(self.prefix + "response_latency_ms", coded) if self.timed else None
        responses = self.registry.counter(self.prefix + "response_total", (*coded, *classes))
        outcome = Outcome(latency, responses, success)
        if grpc:
            self._grpc[status, code] = outcome
        else:
            self._http[status] = outcome
        return outcome


class Observe:
    """The metrics and taps of one endpoint, or of the application's port for one kind of client.

    Args:
        taps: the proxy's active taps, shared by all its stacks; usually empty.
    """

    __slots__ = ("clock", "endpoint", "meter", "next", "taps")

    def __init__(
        self,
        following: Layer,
        clock: Callable[[], float],
        meter: Meter,
        endpoint: "Endpoint",
        taps: "list[TapSession]",
    ) -> None:
        self.next = following
        self.clock = clock
        self.meter = meter
        self.endpoint = endpoint
        self.taps = taps

    def __call__(self, request: Request, deadline: float) -> Flow:
        start, meter = self.clock(), self.meter
        # Without a connection it may never be dispatched; then it does not count.
        counted = self.endpoint.connected
        if counted:
            meter.requests.value += 1
        if self.taps:
            response: Response = yield from self._tapped(request, deadline, start)
        else:
            response = yield from self.next(request, deadline)
        if response.status:
            if not counted:
                meter.requests.value += 1
            first = response.first_byte
            meter.record(request.grpc, response, self.clock() - start if first is None else first)
        else:
            if not counted and response.error in TIMEOUTS:
                meter.requests.value += 1
            if cut_short(request, response):
                self.meter.failed("unclassified")
        return response

    def _tapped(self, request: Request, deadline: float, start: float) -> Flow:
        """The next layer, with events to every tap that matches."""
        labels = self.meter.labels
        taken = [tap for tap in self.taps if tap.offer(request, labels, start)]
        response: Response | None = None
        try:
            response = yield from self.next(request, deadline)
            return response
        finally:
            now = self.clock()
            for tap in taken:
                tap.ended(request, response, start, now)


class ObserveRoute:
    """The ``route_`` or ``route_actual_`` metrics of a ServiceProfile route.

    Unlike an endpoint it sees its own time-out, which counts as a failure. Without a meter it does nothing.

    Args:
        name: the route's, for taps; empty for the default one.
        taps: the proxy's active taps.
    """

    __slots__ = ("clock", "meter", "name", "next", "taps")

    def __init__(
        self,
        following: Layer,
        clock: Callable[[], float],
        meter: Meter | None,
        name: str = "",
        taps: "Sequence[TapSession]" = (),
    ) -> None:
        self.next = following
        self.clock = clock
        self.meter = meter
        self.name = name
        self.taps = taps

    def __call__(self, request: Request, deadline: float) -> Flow:
        meter = self.meter
        if meter is None:
            return (yield from self.next(request, deadline))
        for tap in self.taps:
            tap.routed(request, self.name)
        start = self.clock()
        meter.requests.value += 1
        response = yield from self.next(request, deadline)
        if response.status:
            first = response.first_byte
            meter.record(request.grpc, response, self.clock() - start if first is None else first)
        else:
            meter.failed("timeout" if response.error == "timeout" else "unclassified")
        return response


class ByAuthority:
    """A layer of its own for each authority: inbound metrics of stable-2.8.1 carry it as a label."""

    __slots__ = ("known", "make")

    def __init__(self, make: Callable[[str], Layer]) -> None:
        self.make = make
        self.known: dict[str, Layer] = {}

    def __call__(self, request: Request, deadline: float) -> Flow:
        layer = self.known.get(request.authority)
        if layer is None:
            layer = self.known[request.authority] = self.make(request.authority)
        return layer(request, deadline)
