"""The addresses behind a service's port, as one client should see them.

*Source:* controller/api/destination/watcher/endpoints_watcher.go and endpoint_translator.go.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.discovery.index import Index
from mesh.control.injection.workload import port_names
from mesh.control.names import Target, identity_name
from mesh.editions import Edition
from mesh.messages import Address

__all__ = [
    "Context",
    "DiscoveryConfig",
    "addresses",
    "annotated_ports",
    "in_ports",
    "pod_address",
    "pod_ports",
]

Obj: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """How the destination service was installed.

    Attributes:
        namespace: of the control plane.
        opaque_ports, skip_inbound_ports: defaults for pods and services without the annotation.
        http2: tell proxies to speak HTTP/2 to one another.
        zones: say in which zone an endpoint is, and follow topology hints.
        no_endpoints: say so when a service has none (2.8.1), and accept services that do not exist yet.
    """

    namespace: str = "linkerd"
    domain: str = "cluster.local"
    trust_domain: str = "cluster.local"
    opaque_ports: str = ""
    skip_inbound_ports: str = ""
    http2: bool = True
    zones: bool = True
    no_endpoints: bool = False

    @classmethod
    def of(cls, edition: Edition, **changes: Any) -> "DiscoveryConfig":
        """The configuration of an unchanged installation of ``edition``."""
        stable = not edition.native_sidecar
        defaults: dict[str, Any] = {
            "namespace": edition.namespace,
            "opaque_ports": ",".join(edition.opaque_ports),
            "skip_inbound_ports": ",".join(edition.skip_inbound_ports),
            "zones": not stable,
            "no_endpoints": stable,
        }
        return cls(**{**defaults, **changes})


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks: what a proxy says of itself in its token."""

    namespace: str = ""
    node: str = ""
    pod: str = ""

    @classmethod
    def parse(cls, token: str) -> "Context":
        """From ``{"ns":…,"nodeName":…,"pod":…}`` or 2.8.1's ``ns:NAME``; anything else says nothing."""
        if token.startswith("ns:"):
            return cls(token.removeprefix("ns:").strip())
        try:
            found = json.loads(token)
        except ValueError:
            return cls()
        if not isinstance(found, dict):
            return cls()
        return cls(*(str(found.get(key, "")) for key in ("ns", "nodeName", "pod")))


@dataclass(frozen=True, slots=True)
class Entry:
    """One ready endpoint of a slice or an Endpoints subset, with the port's number there."""

    ip: str
    port: int
    pod: tuple[str, str] | None
    hostname: str = ""
    node: str = ""
    zone: str = ""
    hints: tuple[str, ...] | None = None


def addresses(index: Index, config: DiscoveryConfig, target: Target, context: Context) -> list[Address]:
    """The ready addresses of a service's port, in the order of its endpoints."""
    key = (target.namespace, target.service)
    service = index.services.get(key)
    if service is None:
        return []
    entries: dict[Any, Entry] = {}
    for found in index.endpoint_sets(key):
        for entry in _entries(found, service, target):
            entries.setdefault(entry.pod or entry.ip, entry)
    chosen = _chosen(index, service, target, context, list(entries.values()))
    return [_address(index, config, entry, context) for entry in chosen]


def _chosen(
    index: Index, service: Obj, target: Target, context: Context, entries: list[Entry]
) -> list[Entry]:
    """Linkerd's filters, in order: host name, traffic policy, topology hints."""
    if target.instance:
        entries = [entry for entry in entries if entry.hostname == target.instance]
    if (service.get("spec") or {}).get("internalTrafficPolicy") == "Local" and context.node:
        return [entry for entry in entries if entry.node == context.node]
    zone = index.node_zone(context.node)
    if zone and entries and all(entry.hints for entry in entries):
        near = [entry for entry in entries if zone in (entry.hints or ())]
        return near or entries
    return entries


def _entries(found: Obj, service: Obj, target: Target) -> Iterator[Entry]:
    spec = service.get("spec") or {}
    name: str | None = None
    number = target.port  # a port that the service does not declare means itself
    for port in spec.get("ports") or ():
        if port.get("port") == target.port:
            name = port.get("name") or ""
    if "endpoints" in found or found.get("kind") == "EndpointSlice":
        yield from _slice_entries(found, name, number)
    else:
        yield from _subset_entries(found, name, number)


def _port_number(ports: Any, name: str | None, number: int) -> int | None:
    """The number of the port called ``name``; ``number`` when the service does not name any."""
    if name is None:
        return number
    for port in ports or ():
        if (port.get("name") or "") == name:
            return int(port["port"])
    return None


def _slice_entries(found: Obj, name: str | None, number: int) -> Iterator[Entry]:
    port = _port_number(found.get("ports"), name, number)
    if port is None or found.get("addressType", "IPv4") != "IPv4":
        return
    namespace = found["metadata"].get("namespace", "")
    for endpoint in found.get("endpoints") or ():
        ready = (endpoint.get("conditions") or {}).get("ready")
        if ready is False or not endpoint.get("addresses"):
            continue
        hints = endpoint.get("hints") or {}
        yield Entry(
            endpoint["addresses"][0],
            port,
            _pod_key(endpoint, namespace),
            endpoint.get("hostname") or "",
            endpoint.get("nodeName") or "",
            endpoint.get("zone") or "",
            tuple(zone["name"] for zone in hints.get("forZones") or ()) or None,
        )


def _subset_entries(found: Obj, name: str | None, number: int) -> Iterator[Entry]:
    namespace = found["metadata"].get("namespace", "")
    for subset in found.get("subsets") or ():
        port = _port_number(subset.get("ports"), name, number)
        if port is None:
            continue
        for entry in subset.get("addresses") or ():
            host, node = entry.get("hostname") or "", entry.get("nodeName") or ""
            yield Entry(entry["ip"], port, _pod_key(entry, namespace), host, node)


def _pod_key(entry: Obj, namespace: str) -> tuple[str, str] | None:
    target = entry.get("targetRef") or {}
    if target.get("kind") != "Pod":
        return None
    return target.get("namespace", namespace), target["name"]


def _address(index: Index, config: DiscoveryConfig, entry: Entry, context: Context) -> Address:
    pod = index.pods.get(entry.pod) if entry.pod is not None else None
    extra: dict[str, str] = {}
    if config.zones:
        here = index.node_zone(context.node)
        zone = entry.zone or index.node_zone(entry.node)
        extra["zone_locality"] = "unknown" if not (zone and here) else "local" if zone == here else "remote"
        if zone:
            extra["zone"] = zone
    if pod is None:
        return Address(entry.ip, entry.port, labels=tuple(sorted(extra.items())))
    return pod_address(index, config, pod, entry.ip, entry.port, extra)


def pod_address(
    index: Index, config: DiscoveryConfig, pod: Obj, ip: str, port: int, extra: Mapping[str, str]
) -> Address:
    """A pod's port: labels always, identity and hint when its proxy will take the connection.

    Args:
        extra: further labels.
    """
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    pod_labels = metadata.get("labels") or {}
    account = spec.get("serviceAccountName") or "default"
    found = {**extra, "pod": metadata["name"], "serviceaccount": account}
    kind, name = index.owner(pod)
    if kind:
        found["k8s_job" if kind == "job" else kind] = name
    control_plane = pod_labels.get(labels.CONTROL_PLANE_NS, "")
    if control_plane:
        found["control_plane_ns"] = control_plane
    if labels.POD_TEMPLATE_HASH in pod_labels:
        found["pod_template_hash"] = pod_labels[labels.POD_TEMPLATE_HASH]
    identity, hint = None, ""
    skipped = pod_ports(pod, labels.SKIP_INBOUND_PORTS, config.skip_inbound_ports)
    if control_plane and not in_ports(port, skipped):
        if in_ports(port, pod_ports(pod, labels.OPAQUE_PORTS, config.opaque_ports)):
            hint = "opaque"
        elif config.http2:
            hint = "h2"
        mode = (metadata.get("annotations") or {}).get(labels.IDENTITY_MODE, "default")
        if control_plane == config.namespace and mode != "disabled":
            identity = identity_name(account, metadata["namespace"], config.namespace, config.trust_domain)
    return Address(ip, port, identity, hint, tuple(sorted(found.items())))


def annotated_ports(metadata: Obj, key: str, default: str) -> str:
    """The list of ports that an annotation gives, or the default."""
    return str((metadata.get("annotations") or {}).get(key, default))


def pod_ports(pod: Obj, key: str, default: str) -> str:
    """The list of ports that a pod's annotation gives, names of its container ports as numbers."""
    text = annotated_ports(pod.get("metadata") or {}, key, default)
    if text.replace(",", "").replace("-", "").isdigit():
        return text
    names = port_names(pod.get("spec") or {})
    return ",".join(str(names.get(part.strip(), part)) for part in text.split(","))


def in_ports(port: int, text: str) -> bool:
    """Whether ``port`` is in a list such as ``25,8000-8010``; parts that are no numbers match nothing."""
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if low.isdigit() and (not dash or high.isdigit()) and int(low) <= port <= int(high or low):
            return True
    return False
