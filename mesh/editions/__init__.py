"""The editions of Linkerd that can be installed: components, images, ports, CRDs, checks, defaults."""

from mesh.editions.edge import EDGE
from mesh.editions.model import Crd, Edition, Part, Port, Workload
from mesh.editions.stable import STABLE

__all__ = ["EDITIONS", "Crd", "Edition", "Part", "Port", "Workload", "edition"]

EDITIONS: tuple[Edition, ...] = (STABLE, EDGE)


def edition(name: str) -> Edition:
    """The edition called ``name``.

    Raises:
        ValueError: there is none; the message lists them.
    """
    for known in EDITIONS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in EDITIONS)
    raise ValueError(f"unknown edition {name!r}: it is one of {names}")
