"""Kubernetes quantities (``100m``, ``20Mi``) as numbers, and what a pod asks for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["Demand", "pod_demand", "quantity", "requests_of"]

Obj = dict[str, Any]

# Source: apimachinery's resource.Quantity: decimal SI, binary SI and the milli suffix.
SUFFIXES: Mapping[str, float] = MappingProxyType(
    {
        "n": 1e-9,
        "u": 1e-6,
        "m": 1e-3,
        "k": 1e3,
        "M": 1e6,
        "G": 1e9,
        "T": 1e12,
        "Ki": 2.0**10,
        "Mi": 2.0**20,
        "Gi": 2.0**30,
        "Ti": 2.0**40,
    }
)

Demand = dict[str, float]  # "cpu" in cores, "memory" in bytes, other resources in units


def quantity(text: str | int | float) -> float:
    """The number a quantity stands for.

    Raises:
        ValueError: it is not a quantity.
    """
    if isinstance(text, int | float):
        return float(text)
    for suffix in (text[-2:], text[-1:]):
        if suffix in SUFFIXES:
            return float(text[: -len(suffix)]) * SUFFIXES[suffix]
    return float(text)


def requests_of(container: Obj) -> Demand:
    """A container's requests; a limit without a request is a request too, as Kubernetes defaults it."""
    resources = container.get("resources") or {}
    wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(value) for name, value in wanted.items()}


def pod_demand(spec: Obj) -> Demand:
    """What a pod asks of its node: its containers together, or its largest init stage if that is more.

    *Source:* KEP-753: restartable init containers run beside what follows them, so they are added to the
    containers and to every later init container.
    """
    beside: Demand = {}
    peak: Demand = {}
    for container in spec.get("initContainers") or ():
        wanted = requests_of(container)
        if container.get("restartPolicy") == "Always":
            _add(beside, wanted)
            _raise_to(peak, beside)
        else:
            _raise_to(peak, _sum(beside, wanted))
    total = dict(beside)
    for container in spec.get("containers") or ():
        _add(total, requests_of(container))
    _raise_to(total, peak)
    return _sum(total, {name: quantity(value) for name, value in (spec.get("overhead") or {}).items()})


def _add(into: Demand, more: Demand) -> None:
    for name, value in more.items():
        into[name] = into.get(name, 0.0) + value


def _sum(a: Demand, b: Demand) -> Demand:
    total = dict(a)
    _add(total, b)
    return total


def _raise_to(into: Demand, other: Demand) -> None:
    for name, value in other.items():
        into[name] = max(into.get(name, 0.0), value)
