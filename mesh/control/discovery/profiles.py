"""What GetProfile answers: the profile of a service, or of one pod behind an address.

*Source:* controller/api/destination/{profile_translator,endpoint_profile_translator,opaque_ports_adaptor}.go.
"""

from types import MappingProxyType
from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.discovery.endpoints import Context, DiscoveryConfig, annotated_ports, in_ports, pod_address
from mesh.control.discovery.index import Index, Key
from mesh.control.names import Target, service_fqdn
from mesh.messages import Address, Profile

__all__ = ["profile"]

Obj: TypeAlias = dict[str, Any]

WEIGHT = 10_000  # what a weight of 1 is on the wire: milli-units, times ten
# Of a ServiceProfile that says nothing of it.
# Source: controller/api/destination/profile_translator.go, defaultRetryBudget
DEFAULT_BUDGET = MappingProxyType({"retryRatio": 0.2, "minRetriesPerSecond": 10, "ttl": "10s"})
UNITS = (("m", 1e-3), ("k", 1e3), ("M", 1e6))


def profile(
    index: Index, config: DiscoveryConfig, target: Target, context: Context
) -> tuple[Profile, list[Key]]:
    """The profile of a target now, and the keys whose changes may alter it."""
    if target.ip:
        ip_key: Key = ("ip", target.ip, "")
        service = index.service_at(target.ip)
        if service is None:
            return _endpoint(index, config, target), [ip_key]
        found, keys = _service(index, config, Target(service[1], service[0], target.port), context)
        return found, [ip_key, *keys]
    if target.instance:
        return _instance(index, config, target)
    return _service(index, config, target, context)


def _service(
    index: Index, config: DiscoveryConfig, target: Target, context: Context
) -> tuple[Profile, list[Key]]:
    """A service's: the ServiceProfile of the client's namespace, else of the service's, else none."""
    namespace = target.namespace
    fqdn = service_fqdn(target.service, namespace, config.domain)
    keys: list[Key] = [("service", namespace, target.service), ("profile", namespace, fqdn)]
    chosen = index.profiles.get((namespace, fqdn))
    if context.namespace and context.namespace != namespace:
        keys.append(("profile", context.namespace, fqdn))
        chosen = index.profiles.get((context.namespace, fqdn), chosen)
    spec = (chosen or {}).get("spec") or {}
    overrides = tuple(
        (_authority(override.get("authority", ""), target.port), _weight(override.get("weight", 0)))
        for override in spec.get("dstOverrides") or ()
    )
    metadata = index.services.get((namespace, target.service), {}).get("metadata") or {}
    found = Profile(
        name=fqdn,
        opaque=in_ports(target.port, annotated_ports(metadata, labels.OPAQUE_PORTS, config.opaque_ports)),
        routes=tuple(spec.get("routes") or ()),
        retry_budget=(spec.get("retryBudget") or dict(DEFAULT_BUDGET)) if chosen is not None else None,
        overrides=overrides or _split(index, config, target),
    )
    return found, keys


def _split(index: Index, config: DiscoveryConfig, target: Target) -> tuple[tuple[str, int], ...]:
    """Where a TrafficSplit sends the service's requests; the first by name counts."""
    splits = index.splits.get((target.namespace, target.service)) or {}
    for name in sorted(splits):
        backends = (splits[name].get("spec") or {}).get("backends") or ()
        return tuple(
            (
                f"{service_fqdn(backend.get('service', ''), target.namespace, config.domain)}:{target.port}",
                _weight(backend.get("weight", 0)),
            )
            for backend in backends
        )
    return ()


def _endpoint(index: Index, config: DiscoveryConfig, target: Target) -> Profile:
    """One pod's, or that of an address nothing is known of."""
    pod = index.pod_at(target.ip, target.port)
    if pod is None:
        return Profile(endpoint=Address(target.ip, target.port))
    extra = {"namespace": pod["metadata"]["namespace"]}
    address = pod_address(index, config, pod, target.ip, target.port, extra)
    return Profile(opaque=address.hint == "opaque", endpoint=address)


def _instance(index: Index, config: DiscoveryConfig, target: Target) -> tuple[Profile, list[Key]]:
    """A pod's of a headless service, by host name; ready or not."""
    key = (target.namespace, target.service)
    keys: list[Key] = [("service", *key)]
    for found in index.endpoint_sets(key):
        entries = list(found.get("endpoints") or ())
        for subset in found.get("subsets") or ():
            entries += [*(subset.get("addresses") or ()), *(subset.get("notReadyAddresses") or ())]
        for entry in entries:
            if entry.get("hostname") == target.instance:
                ip = entry.get("ip") or entry["addresses"][0]
                return _endpoint(index, config, Target("", "", target.port, ip=ip)), [*keys, ("ip", ip, "")]
    return Profile(), keys


def _authority(text: str, port: int) -> str:
    return text if ":" in text else f"{text}:{port}"


def _weight(value: Any) -> int:
    """A Kubernetes quantity as the wire has it: ``1`` is 10,000, ``500m`` is 5,000; nonsense is 0."""
    text = str(value)
    factor = 1.0
    for suffix, unit in UNITS:
        if text.endswith(suffix):
            text, factor = text.removesuffix(suffix), unit
            break
    try:
        return max(0, round(float(text) * factor * WEIGHT))
    except (ValueError, OverflowError):
        return 0
