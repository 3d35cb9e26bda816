"""Transport: connections, as the ``tcp_*`` metrics count them.

*Source:* linkerd2-proxy transport-metrics.
"""

from mesh.proxy.metrics import Counter, Gauge, Labels, Registry

__all__ = ["Connection"]


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
