"""Random numbers that belong to a request, whoever serves it.

The n-th request of a source carries a key; each hop derives its own. The numbers come from hashing the key,
not from a generator with a state, so they do not depend on the order in which requests happen to be served:
turning the mesh on leaves every (source, n, hop) its service demand (common random numbers).

*Source:* the mixing function is SplitMix64's (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
generators", OOPSLA).
"""

import hashlib
from math import log

__all__ = ["Draws", "mix", "source_key"]

MASK = 0xFFFFFFFFFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15
UNIT = 1.0 / (1 << 53)


def mix(x: int) -> int:
    """64 well-mixed bits of ``x``."""
    x = (x + GOLDEN) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def source_key(seed: int, name: str) -> int:
    """The key of a load source: 64 bits of the seed and the source's name."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


class Draws:
    """The numbers of one request at one hop, drawn in order.

    Args:
        key: the request's key at this hop; equal keys give equal numbers.
    """

    __slots__ = ("key", "state")

    def __init__(self, key: int) -> None:
        self.key = key
        self.state = key

    def uniform(self) -> float:
        """Uniform in [0, 1)."""
        self.state = x = (self.state + GOLDEN) & MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return ((x ^ (x >> 31)) >> 11) * UNIT

    def exponential(self, mean: float) -> float:
        """Exponential with that mean."""
        return -mean * log(1.0 - self.uniform())

    def branch(self) -> "Draws":
        """Numbers for something that goes on beside: takes the next number's place, whatever it draws."""
        key = mix(self.state)
        self.state = (self.state + GOLDEN) & MASK
        return Draws(key)
