"""Inbound responses by server and route, whoever asked: sums of what is counted for each client anyway.

*Source:* linkerd2-proxy app/inbound/src/http. *Differs:* of these families only the statuses; durations and
sizes of frames would cost every request.
"""

from mesh.grpc import code_label
from mesh.proxy.metrics import Counter, Handle, Labels, Registry

__all__ = ["InboundStatuses"]

KEPT = ("srv_", "route_")


class InboundStatuses:
    """Makes ``inbound_{http,grpc}_statuses_total`` of the ``response_total`` of all clients.

    Upstream's newer families do not expire; sums therefore keep what expired counters had counted.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._sources: dict[tuple[str, Labels], list[Counter]] = {}

    def added(self, handle: Handle) -> None:
        """The registry has a new handle."""
        if handle.name != "response_total" or not isinstance(handle, Counter):
            return
        named = dict(handle.labels)
        if named.get("direction") != "inbound":
            return
        kept = tuple(label for label in handle.labels if label[0].startswith(KEPT))
        code = named["grpc_status"]
        if code:
            self._add("inbound_grpc_statuses_total", (*kept, ("grpc_status", code_label(int(code)))), handle)
        elif "status_code" in named:
            self._add("inbound_http_statuses_total", (*kept, ("http_status", named["status_code"])), handle)

    def _add(self, name: str, labels: Labels, source: Counter) -> None:
        sources = self._sources.get((name, labels))
        if sources is None:
            sources = self._sources[name, labels] = []
            self._registry.reading(name, lambda: sum(each.value for each in sources), labels)
        sources.append(source)
