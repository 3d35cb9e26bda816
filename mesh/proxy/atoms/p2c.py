"""Power of two choices: of two endpoints drawn at random, the less loaded.

*Source:* linkerd2-proxy ``pool/p2c``; Mitzenmacher, "The power of two choices in randomized load balancing",
2001.
"""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["Loaded", "choose"]


class Loaded(Protocol):
    """What can be balanced over."""

    def load(self, now: float) -> float:
        """The load at ``now``; may move the estimate behind it."""
        ...


E = TypeVar("E", bound=Loaded)


def choose(ready: Sequence[E], rng: random.Random, now: float) -> E:
    """One of ``ready``, which must not be empty.

    One endpoint is taken without reading its load. Otherwise two different ones are drawn, and the first
    drawn wins a tie.
    """
    count = len(ready)
    if count == 1:
        return ready[0]
    draw = rng.random
    a = int(draw() * count)
    b = int(draw() * (count - 1))
    if b >= a:
        b += 1
    first, second = ready[a], ready[b]
    return first if first.load(now) <= second.load(now) else second
