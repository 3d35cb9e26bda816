"""Transport: connections, as the ``tcp_*`` metrics count them.

*Source:* linkerd2-proxy transport-metrics, http/detect/src/metrics.rs, app/outbound/src/protocol.rs,
app/inbound/src/direct.rs.
"""

from mesh.proxy.metrics import Counter, Gauge, Labels, Registry

__all__ = ["Connection", "count_detection", "count_error", "count_protocol", "count_transport_header"]


class Connection:
    """One open connection; made when it opens.

    Attributes:
        read, written: bytes from and to the peer; count them with ``inc``.
    """

    __slots__ = ("_labels", "_open", "_registry", "read", "written")

    def __init__(self, registry: Registry, labels: Labels) -> None:
        self._registry = registry
        self._labels = labels
        registry.counter("tcp_open_total", labels).value += 1
        self._open: Gauge | None = registry.gauge("tcp_open_connections", labels)
        self._open.value += 1
        self.read: Counter = registry.counter("tcp_read_bytes_total", labels)
        self.written: Counter = registry.counter("tcp_write_bytes_total", labels)

    def close(self, errno: str = "") -> None:
        """It closed, because of an error if ``errno`` names one. Closing twice does nothing."""
        if self._open is None:
            return
        self._open.value -= 1
        self._open = None
        self._registry.counter("tcp_close_total", (*self._labels, ("errno", errno))).value += 1


def count_detection(
    registry: Registry, direction: str, result: str, seconds: float, labels: Labels = ()
) -> None:
    """HTTP detection came to an end.

    Args:
        direction: ``inbound`` or ``outbound``.
        result: ``http/1``, ``http/2``, ``not_http``, ``read_timeout`` or ``error``.
        labels: of the policy that asked for it.
    """
    prefix = f"{direction}_tcp_detect_http_"
    registry.counter(prefix + "results_total", (*labels, ("result", result))).inc()
    registry.histogram(prefix + "duration_seconds", labels).observe(seconds)


def count_protocol(registry: Registry, protocol: str, labels: Labels = ()) -> None:
    """An outbound connection's protocol is known: ``http/1``, ``http/2``, ``opaq`` or ``tls``."""
    registry.counter("outbound_tcp_protocol_connections_total", (("protocol", protocol), *labels)).inc()


def count_transport_header(registry: Registry, session_protocol: str, port: int) -> None:
    """A meshed connection announced itself; ``session_protocol`` is empty for bytes."""
    labels = (("session_protocol", session_protocol), ("target_port", str(port)))
    registry.counter("inbound_tcp_transport_header_connections_total", labels).inc()


def count_error(registry: Registry, direction: str, error: str, where: Labels) -> None:
    """A connection failed inside the proxy.

    Args:
        error: ``failfast``, ``loadshed``, ``i/o``, ``unexpected``, ``tls detection timeout``.
        where: labels of the address, from `mesh.proxy.telemetry.labels.target`.
    """
    registry.counter(f"{direction}_tcp_errors_total", (*where, ("error", error))).inc()
