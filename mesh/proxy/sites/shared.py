"""What all stacks of one proxy share."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh.proxy.config import ProxyConfig
from mesh.proxy.load import Load
from mesh.proxy.metrics import Registry

if TYPE_CHECKING:
    from mesh.proxy.concrete import Concrete
    from mesh.proxy.tap import TapSession

__all__ = ["Shared"]


@dataclass(slots=True)
class Shared:
    """Configuration, clock, chance and registry of a proxy.

    Attributes:
        taps: active taps; one list for the life of the proxy.
        full: leave no layer out of a stack.
        resolve_backend: an authority that a route or split leads to is wanted; whoever subscribes tells it
            what it learns.
        release_backend: it is not wanted any more.
        inbound_load, outbound_load: requests in flight.
    """

    config: ProxyConfig
    clock: Callable[[], float]
    rng: random.Random
    registry: Registry
    taps: "list[TapSession]" = field(default_factory=list)
    full: bool = False
    resolve_backend: "Callable[[Concrete], object]" = lambda backend: None
    release_backend: "Callable[[Concrete], object]" = lambda backend: None
    inbound_load: Load = field(default_factory=Load)
    outbound_load: Load = field(default_factory=Load)
