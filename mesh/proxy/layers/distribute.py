"""Distribute: chooses one of several backends for each attempt.

*Source:* linkerd2-proxy distribute/src/{params,service}.rs, stack/src/loadshed.rs.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mesh.messages import Request
from mesh.proxy.atoms.distribute import first, weighted
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.pool import Pool

__all__ = ["Choice", "Distribute", "takes"]


def takes(pool: Pool | None, now: float) -> bool:
    """Whether a queue takes requests: from a fail-fast until an endpoint is ready it refuses them."""
    if pool is None or not pool.failfast.shut:
        return True
    pool.refresh(now)
    return bool(pool.ready)


class Choice(NamedTuple):
    """One backend.

    Attributes:
        pool: whose readiness counts; None for what always answers.
    """

    stack: Layer
    weight: int
    pool: Pool | None

    def ready(self, now: float) -> bool:
        """Whether it takes requests."""
        return takes(self.pool, now)


class Distribute:
    """Sends each request to a backend that takes requests; sheds it if none does.

    Args:
        drawn: draw by weight; otherwise the first that takes requests, whatever the weights.
    """

    __slots__ = ("choices", "clock", "drawn", "rng")

    def __init__(
        self, choices: Sequence[Choice], clock: Callable[[], float], rng: random.Random, *, drawn: bool
    ) -> None:
        self.choices = choices
        self.clock = clock
        self.rng = rng
        self.drawn = drawn

    def __call__(self, request: Request, deadline: float) -> Flow:
        now, choices = self.clock(), self.choices
        if self.drawn:
            picked = weighted(
                [choice.weight for choice in choices], lambda index: choices[index].ready(now), self.rng
            )
        else:
            picked = first(len(choices), lambda index: choices[index].ready(now))
        if picked is None:
            return refuse("loadshed")
        return choices[picked].stack(request, deadline)
