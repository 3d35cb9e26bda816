"""What a proxy shows from its start: its build, its clock, sums over its clients.

*Differs:* what only a real process has (CPU time, memory, descriptors) is up to whoever runs the proxy as
one, by :meth:`mesh.proxy.metrics.Registry.reading`.
"""

from collections.abc import Callable

from mesh.proxy.config import ProxyConfig
from mesh.proxy.metrics import Registry
from mesh.proxy.telemetry.statuses import InboundStatuses

__all__ = ["introduce"]


def introduce(registry: Registry, config: ProxyConfig, clock: Callable[[], float]) -> None:
    """Register it. ``clock`` shows seconds since ``config.epoch``."""
    registry.gauge("process_start_time_seconds").set(config.epoch + clock())
    registry.reading("process_clock_time_seconds", lambda: config.epoch + clock())
    if config.policy_labels:
        registry.added.append(InboundStatuses(registry).added)
    if config.version:
        registry.gauge("proxy_build_info", (("version", config.version),)).set(1)
