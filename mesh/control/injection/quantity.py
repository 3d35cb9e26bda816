"""Kubernetes quantities: ``100m``, ``1.5``, ``20Mi``."""

import re
from types import MappingProxyType

__all__ = ["cores", "quantity"]

SHAPE = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?\Z")
FACTORS = MappingProxyType(
    {
        "n": 1e-9,
        "u": 1e-6,
        "m": 1e-3,
        "k": 1e3,
        "M": 1e6,
        "G": 1e9,
        "T": 1e12,
        "P": 1e15,
        "E": 1e18,
        "Ki": 2.0**10,
        "Mi": 2.0**20,
        "Gi": 2.0**30,
        "Ti": 2.0**40,
        "Pi": 2.0**50,
        "Ei": 2.0**60,
    }
)


def quantity(text: str) -> float:
    """The number that ``text`` stands for: cores of CPU, bytes of memory.

    Raises:
        ValueError: it is no quantity.
    """
    match = SHAPE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 100m or 20Mi")
    number, suffix = match.groups()
    if suffix and suffix not in FACTORS:
        return float(number + suffix)
    return float(number) * FACTORS.get(suffix, 1.0)


def cores(text: str) -> float:
    """CPU cores, exact to a thousandth, so that 1000m rounds up to 1 and 1001m to 2."""
    return round(quantity(text), 6)
