"""What all stacks of one proxy share."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh.proxy.config import ProxyConfig
from mesh.proxy.metrics import Registry

if TYPE_CHECKING:
    from mesh.proxy.tap import TapSession

__all__ = ["Shared"]


@dataclass(slots=True)
class Shared:
    """Configuration, clock, chance and registry of a proxy.

    Attributes:
        taps: active taps; one list for the life of the proxy.
        full: leave no layer out of a stack.
    """

    config: ProxyConfig
    clock: Callable[[], float]
    rng: random.Random
    registry: Registry
    taps: "list[TapSession]" = field(default_factory=list)
    full: bool = False
