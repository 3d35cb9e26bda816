"""The families of metrics a proxy may show: name, kind, what it counts, bounds, and what expires together.

*Source:* linkerd2-proxy http/metrics, transport-metrics, app/inbound/src/metrics, app/outbound/src/metrics,
app/outbound/src/http/logical/policy/route/metrics, http/prom, proxy/balance, http/detect,
app/core/src/control.
*Differs:* the words of the help texts; families of the async runtime and of stacks are left out.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["FAMILIES", "LATENCY_BOUNDS", "Family"]


class Family(NamedTuple):
    """A metric's name, what it is and what it says.

    Attributes:
        kind: ``counter``, ``gauge``, ``histogram`` or ``unknown``.
        bounds: of a histogram, inclusive.
        scope: series of the same scope and labels are dropped together once they are idle; empty for
            families whose series stay for ever.
    """

    name: str
    kind: str
    help: str
    bounds: tuple[float, ...] = ()
    scope: str = ""


# Milliseconds, inclusive. Source: linkerd2-proxy metrics/src/latency.rs.
LATENCY_BOUNDS = (
    *(1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500),
    *(1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000),
)
# Seconds and bytes. Source: app/outbound/src/http/logical/policy/route/{metrics,backend/metrics}.rs.
DURATIONS = (0.05, 0.5, 1.0, 10.0)
RESPONSE_DURATIONS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0)
FRAME_SIZES = (128.0, 1024.0, 10240.0)
# Seconds. Source: proxy/balance/queue/src/service.rs, http/detect/src/metrics.rs.
QUEUE_LATENCIES = (0.0005, 0.005, 0.05, 0.5, 1.0, 3.0)
DETECTIONS = (0.001, 0.1)


def _requests(prefix: str, what: str, *, timed: bool = True) -> Iterator[Family]:
    """The classic request metrics of one scope."""
    scope = prefix or "endpoint"
    yield Family(prefix + "request_total", "counter", f"Total count of HTTP requests{what}.", scope=scope)
    yield Family(prefix + "response_total", "counter", f"Total count of HTTP responses{what}.", scope=scope)
    if timed:
        text = f"Milliseconds from a request to its first byte{what}."
        yield Family(prefix + "response_latency_ms", "histogram", text, LATENCY_BOUNDS, scope)


def _transport() -> Iterator[Family]:
    """The classic connection metrics."""
    for name, kind, text in (
        ("tcp_open_total", "counter", "Total count of opened connections."),
        ("tcp_open_connections", "gauge", "Number of connections open now."),
        ("tcp_read_bytes_total", "counter", "Total count of bytes read from peers."),
        ("tcp_write_bytes_total", "counter", "Total count of bytes written to peers."),
        ("tcp_close_total", "counter", "Total count of closed connections."),
    ):
        yield Family(name, kind, text, scope="tcp")


def _policy() -> Iterator[Family]:
    """What inbound policy decided, and errors of both directions."""
    for name, text in (
        ("inbound_http_authz_allow_total", "Requests that policy allowed."),
        ("inbound_http_authz_deny_total", "Requests that policy refused."),
        ("inbound_http_route_not_found_total", "Requests that no route matched."),
        ("inbound_http_local_ratelimit_total", "Requests refused by a rate limit."),
        ("inbound_tcp_authz_allow_total", "Connections that policy allowed."),
        ("inbound_tcp_authz_deny_total", "Connections that policy refused."),
        ("inbound_tcp_authz_terminate_total", "Open connections that policy ended."),
        ("inbound_http_statuses_total", "Responses of the application by their status."),
        ("inbound_grpc_statuses_total", "The same for gRPC."),
        ("inbound_http_errors_total", "Errors of the inbound proxy."),
        ("inbound_tcp_errors_total", "Errors of the inbound proxy's connections."),
        ("outbound_http_errors_total", "Errors of the outbound proxy."),
        ("outbound_tcp_errors_total", "Errors of the outbound proxy's connections."),
    ):
        yield Family(name, "counter", text)


def _detection() -> Iterator[Family]:
    """How connections were understood."""
    for direction in ("inbound", "outbound"):
        prefix = f"{direction}_tcp_detect_http_"
        yield Family(prefix + "results_total", "counter", "What HTTP detection found.")
        yield Family(prefix + "duration_seconds", "histogram", "How long HTTP detection took.", DETECTIONS)
    yield Family("outbound_tcp_protocol_connections_total", "counter", "Connections by their protocol.")
    yield Family(
        "inbound_tcp_transport_header_connections_total", "counter", "Connections with a transport header."
    )
    yield Family("outbound_tcp_transfer_cost_bytes_total", "counter", "Bytes by the zones they went between.")


def _routes(prefix: str) -> Iterator[Family]:
    """The newer metrics of outbound routes and their backends."""
    backend = prefix + "backend_"
    yield Family(
        prefix + "request_duration_seconds", "histogram", "From a request to its response's end.", DURATIONS
    )
    yield Family(prefix + "request_statuses_total", "counter", "Responses by their status or error.")
    yield Family(prefix + "request_frame_size_bytes", "histogram", "Sizes of frames sent.", FRAME_SIZES)
    yield Family(prefix + "retry_requests_total", "counter", "Requests that were sent again.")
    yield Family(prefix + "retry_successes_total", "counter", "Requests sent again that succeeded.")
    yield Family(prefix + "retry_limit_exceeded_total", "counter", "Requests that failed too often.")
    yield Family(prefix + "retry_overflow_total", "counter", "Retries that something forbade.")
    yield Family(backend + "requests_total", "counter", "Requests sent to a backend.")
    yield Family(
        backend + "response_duration_seconds",
        "histogram",
        "From a request sent to its response's end.",
        RESPONSE_DURATIONS,
    )
    yield Family(backend + "response_statuses_total", "counter", "A backend's responses by status or error.")
    yield Family(backend + "response_frame_size_bytes", "histogram", "Sizes of frames received.", FRAME_SIZES)


def _balancer(prefix: str) -> Iterator[Family]:
    """A balancer, its queue and the gate before it."""
    yield Family(prefix + "endpoints", "gauge", "Endpoints by whether they are ready.")
    yield Family(prefix + "p2c_endpoints", "gauge", "Endpoints the balancer knows.")
    yield Family(prefix + "p2c_updates_total", "counter", "Changes of the endpoints.")
    yield Family(prefix + "queue_length", "gauge", "Requests in the queue.")
    yield Family(prefix + "queue_requests_total", "counter", "Requests that went into the queue.")
    yield Family(prefix + "queue_latency_seconds", "histogram", "Time in the queue.", QUEUE_LATENCIES)
    yield Family(prefix + "queue_gate_open_total", "counter", "How often the gate opened.")
    yield Family(prefix + "queue_gate_shut_total", "counter", "How often the gate shut.")
    yield Family(prefix + "queue_gate_open_time_seconds", "gauge", "When the gate opened; 0 while shut.")
    yield Family(prefix + "queue_gate_shut_time_seconds", "gauge", "When the gate shut; 0 while open.")
    yield Family(prefix + "queue_gate_timeout_seconds", "gauge", "How long the gate waits before it shuts.")


def _own() -> Iterator[Family]:
    """The proxy itself: its certificate in the words of either edition, its process."""
    expires = "When the certificate expires, Unix time."
    yield Family("identity_cert_expiration_timestamp_seconds", "gauge", expires)
    yield Family("identity_cert_refresh_count", "unknown", "How often the certificate was issued.")
    yield Family("control_identity_cert_expiration_timestamp_seconds", "gauge", expires)
    yield Family(
        "control_identity_cert_refresh_timestamp_seconds", "gauge", "When it was last issued, Unix time."
    )
    yield Family("control_identity_cert_refreshes_total", "counter", "Attempts to have one issued.")
    yield Family("proxy_build_info", "gauge", "Always 1; its labels say which build this is.")
    yield Family("process_start_time_seconds", "gauge", "When the process started, Unix time.")
    yield Family("process_clock_time_seconds", "gauge", "What the process takes the time to be, Unix time.")
    yield Family("process_cpu_seconds_total", "counter", "CPU time the process has used.")
    yield Family("process_open_fds", "gauge", "Descriptors open now.")
    yield Family("process_resident_memory_bytes", "gauge", "Memory the process holds.")


# In the order of the exposition.
FAMILIES: dict[str, Family] = {
    family.name: family
    for group in (
        _requests("", ""),
        _requests("route_", " by route"),
        _requests("route_actual_", " by route and attempt", timed=False),
        _requests("control_", " to the control plane"),
        (
            Family(
                "route_retryable_total",
                "counter",
                "Total count of retryable responses that were not retried.",
                scope="route_",
            ),
        ),
        _transport(),
        _policy(),
        _detection(),
        _routes("outbound_http_route_"),
        _routes("outbound_grpc_route_"),
        _balancer("outbound_http_balancer_"),
        _balancer("outbound_tcp_balancer_"),
        _own(),
    )
    for family in group
}
