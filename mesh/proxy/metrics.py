"""The metrics of one proxy: handles that cost an addition, and a registry that reads them all at once.

Nothing here is global: every proxy owns its registry. Handles are made once per set of labels and kept by
those who count, so that no request builds a label.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "LATENCY_BOUNDS",
    "Counter",
    "Family",
    "Gauge",
    "Handle",
    "Histogram",
    "Labels",
    "Registry",
    "Series",
]

Labels: TypeAlias = tuple[tuple[str, str], ...]

# Milliseconds, inclusive. Source: linkerd2-proxy metrics/src/latency.rs.
LATENCY_BOUNDS = (
    *(1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500),
    *(1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000),
)


class Counter:
    """Counts up. Those in a hurry add to ``value``."""

    __slots__ = ("labels", "name", "value")
    kind = "counter"

    def __init__(self, name: str, labels: Labels) -> None:
        self.name = name
        self.labels = labels
        self.value: float = 0

    def inc(self, amount: float = 1) -> None:
        """Count ``amount`` >= 0 more."""
        self.value += amount

    def read(self) -> float:
        """The count."""
        return self.value

    def series(self) -> "list[Series]":
        """What a scrape sees of it."""
        return [Series(self.name, self.labels, self.read)]

    def values(self) -> Iterable[float]:
        """The readings of :meth:`series`, in its order."""
        return (self.value,)


class Gauge(Counter):
    """Goes up and down."""

    __slots__ = ()
    kind = "gauge"

    def set(self, value: float) -> None:
        """It is ``value`` now."""
        self.value = value


class Histogram:
    """Counts observations by the smallest bound that is not below them."""

    __slots__ = ("bounds", "counts", "labels", "name", "sum")
    kind = "histogram"

    def __init__(self, name: str, labels: Labels, bounds: tuple[float, ...]) -> None:
        self.name = name
        self.labels = labels
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def bucket(self, index: int) -> int:
        """The cumulative count of the bucket with that index; the last one is ``+Inf``."""
        return sum(self.counts[: index + 1])

    def series(self) -> "list[Series]":
        """Cumulative buckets, ``_sum`` and ``_count``."""
        name, labels = self.name, self.labels
        made = [
            Series(name + "_bucket", (*labels, ("le", le)), _Bucket(self, index).read)
            for index, le in enumerate([*(f"{bound:g}" for bound in self.bounds), "+Inf"])
        ]
        made.append(Series(name + "_sum", labels, lambda: self.sum))
        made.append(Series(name + "_count", labels, lambda: self.count))
        return made

    def values(self) -> Iterable[float]:
        """The readings of :meth:`series`, in its order."""
        cumulative: list[float] = list(accumulate(self.counts))
        cumulative += (self.sum, cumulative[-1])
        return cumulative


class _Bucket:
    """Reads one bucket; a plain object, since a histogram needs some thirty."""

    __slots__ = ("histogram", "index")

    def __init__(self, histogram: Histogram, index: int) -> None:
        self.histogram = histogram
        self.index = index

    def read(self) -> float:
        return self.histogram.bucket(self.index)


class Series(NamedTuple):
    """One line of an exposition."""

    name: str
    labels: Labels
    read: Callable[[], float]


class Family(NamedTuple):
    """A metric's name, what it is and what it says."""

    name: str
    kind: str
    help: str
    bounds: tuple[float, ...] = ()


Handle: TypeAlias = Counter | Gauge | Histogram

_LATENCY = LATENCY_BOUNDS

# Source: linkerd2-proxy http/metrics, transport-metrics, app/inbound/src/metrics, app/outbound/src/metrics.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("request_total", "counter", "Total count of HTTP requests."),
        Family("response_total", "counter", "Total count of HTTP responses."),
        Family(
            "response_latency_ms", "histogram", "Milliseconds from a request to its first byte.", _LATENCY
        ),
        Family("route_request_total", "counter", "Total count of HTTP requests by route."),
        Family("route_response_total", "counter", "Total count of HTTP responses by route."),
        Family(
            "route_response_latency_ms", "histogram", "Milliseconds to the first byte by route.", _LATENCY
        ),
        Family("route_actual_request_total", "counter", "Total count of HTTP attempts by route."),
        Family("route_actual_response_total", "counter", "Total count of responses to attempts by route."),
        Family(
            "route_retryable_total", "counter", "Total count of retryable responses that were not retried."
        ),
        Family("tcp_open_total", "counter", "Total count of opened connections."),
        Family("tcp_open_connections", "gauge", "Number of connections open now."),
        Family("tcp_read_bytes_total", "counter", "Total count of bytes read from peers."),
        Family("tcp_write_bytes_total", "counter", "Total count of bytes written to peers."),
        Family("tcp_close_total", "counter", "Total count of closed connections."),
        Family("inbound_http_authz_allow_total", "counter", "Requests that policy allowed."),
        Family("inbound_http_authz_deny_total", "counter", "Requests that policy refused."),
        Family("inbound_http_route_not_found_total", "counter", "Requests that no route matched."),
        Family("inbound_http_local_ratelimit_total", "counter", "Requests refused by a rate limit."),
        Family("inbound_tcp_authz_allow_total", "counter", "Connections that policy allowed."),
        Family("inbound_tcp_authz_deny_total", "counter", "Connections that policy refused."),
        Family("inbound_http_errors_total", "counter", "Errors of the inbound proxy."),
        Family("outbound_http_errors_total", "counter", "Errors of the outbound proxy."),
        Family(
            "identity_cert_expiration_timestamp_seconds", "gauge", "When the certificate expires, Unix time."
        ),
        Family("identity_cert_refresh_count", "unknown", "How often the certificate was issued."),
        Family("process_start_time_seconds", "gauge", "When the process started, Unix time."),
    )
}


class Registry:
    """All series of one proxy, in the order in which they came to be.

    *Differs:* series of endpoints that are gone stay; upstream drops them ten idle minutes later.
    """

    def __init__(self) -> None:
        self._handles: dict[tuple[str, Labels], Handle] = {}
        self._order: list[Handle] = []
        self._series: list[Series] = []
        self._listed = 0

    def counter(self, name: str, labels: Labels = ()) -> Counter:
        """The counter (of kind ``counter`` or ``unknown``) with that name and labels; made on first use."""
        found = self._handles.get((name, labels))
        if found is None:
            found = self._add(Counter(name, labels))
        assert isinstance(found, Counter)
        return found

    def gauge(self, name: str, labels: Labels = ()) -> Gauge:
        """The gauge with that name and labels; made on first use."""
        found = self._handles.get((name, labels))
        if found is None:
            found = self._add(Gauge(name, labels))
        assert isinstance(found, Gauge)
        return found

    def histogram(self, name: str, labels: Labels = ()) -> Histogram:
        """The histogram with that name and labels; made on first use."""
        found = self._handles.get((name, labels))
        if found is None:
            found = self._add(Histogram(name, labels, FAMILIES[name].bounds))
        assert isinstance(found, Histogram)
        return found

    def _add(self, handle: Handle) -> Handle:
        assert handle.name in FAMILIES, f"no family {handle.name}"
        self._handles[handle.name, handle.labels] = handle
        self._order.append(handle)
        return handle

    def handles(self) -> list[Handle]:
        """Every handle, in the order in which they came to be. Not to be changed."""
        return self._order

    def series(self) -> list[Series]:
        """Every series. The same list each time: it only grows, and no series changes its place."""
        order = self._order
        while self._listed < len(order):
            self._series += order[self._listed].series()
            self._listed += 1
        return self._series

    def values(self) -> list[float]:
        """The readings of :meth:`series` now, in its order; what a scrape costs."""
        readings: list[float] = []
        extend = readings.extend
        for handle in self._order:
            extend(handle.values())
        return readings

    def expose(self) -> str:
        """The text that ``/metrics`` answers with."""
        from mesh.proxy.telemetry.exposition import text

        return text(self)

    def total(self, name: str, **labels: Any) -> float:
        """The sum over the counters and gauges of that name which carry all of ``labels``."""
        wanted = set(labels.items())
        return sum(
            handle.value
            for handle in self._order
            if handle.name == name and not isinstance(handle, Histogram) and wanted <= set(handle.labels)
        )
