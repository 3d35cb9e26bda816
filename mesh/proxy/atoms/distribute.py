"""Distribution: which of several backends gets the next request.

*Source:* linkerd2-proxy distribute/src/service.rs.
"""

import random
from collections.abc import Callable, Sequence

__all__ = ["first", "weighted"]


def first(count: int, ready: Callable[[int], bool]) -> int | None:
    """The first of ``count`` backends that is ready; None if none is."""
    return next((index for index in range(count) if ready(index)), None)


def weighted(weights: Sequence[int], ready: Callable[[int], bool], rng: random.Random) -> int | None:
    """A ready backend drawn by weight; None if none with a weight is ready.

    One that is drawn and not ready is left out, and the draw repeated: its share goes to the others.
    """
    left = list(weights)
    while total := sum(left):
        point = rng.randrange(total)
        index = 0
        while point >= left[index]:
            point -= left[index]
            index += 1
        if ready(index):
            return index
        left[index] = 0
    return None
