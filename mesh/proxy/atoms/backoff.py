"""Exponential backoff with additive jitter.

*Source:* linkerd2-proxy ``exp-backoff``.
"""

import random
from dataclasses import dataclass

__all__ = ["Backoff", "BackoffSequence", "InvalidBackoff"]

NANOS = 1_000_000_000


class InvalidBackoff(Exception):
    """Bounds or jitter that make no sequence."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of ``minimum`` times 2^n seconds, at most ``maximum``, plus jitter.

    Attributes:
        minimum: seconds; the first wait.
        maximum: seconds; above 0 and not below minimum. Wait and jitter together never exceed it.
        jitter: share of the wait that may be added, 0 to 100.

    Raises:
        InvalidBackoff: a bound is out of range.
    """

    minimum: float = 0.1
    maximum: float = 60.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.maximum or self.maximum == 0:
            raise InvalidBackoff(
                f"backoff of {self.minimum} s to {self.maximum} s: expected 0 <= min <= max > 0"
            )
        if not 0 <= self.jitter <= 100:
            raise InvalidBackoff(f"jitter {self.jitter}: expected 0 to 100")

    def base(self, n: int) -> float:
        """The n-th wait without jitter, n from 0. Seconds."""
        # 2^64 times any minimum that can be told from 0 is past any maximum.
        return min(self.maximum, self.minimum * (1 << min(n, 64)))

    def spread(self, base: float, draw: float) -> float:
        """The jitter for a wait, from a ``draw`` in [0, 1). Seconds.

        Whole seconds and the rest are scaled and cut off separately, as upstream: a wait of exactly 1 s at
        a jitter of 0.5 gets none.
        """
        whole, nanos = divmod(round(base * NANOS), NANOS)
        scale = self.jitter * draw
        extra = int(whole * scale) + int(nanos * scale) / NANOS
        return min(extra, self.maximum - base)

    def sequence(self) -> "BackoffSequence":
        """A fresh sequence of waits."""
        return BackoffSequence(self)


class BackoffSequence:
    """Where a sequence of waits has got to."""

    __slots__ = ("backoff", "n")

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.n = 0

    def next(self, rng: random.Random) -> float:
        """The next wait. Seconds."""
        base = self.backoff.base(self.n)
        self.n += 1
        return base + self.backoff.spread(base, rng.random())

    def reset(self) -> None:
        """Start again at the first wait."""
        self.n = 0
