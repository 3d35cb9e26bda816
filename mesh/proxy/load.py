"""How many requests a proxy serves at once, in one direction.

*Source:* linkerd2-proxy app/src/env.rs: 100,000 in flight each way.
"""

__all__ = ["MAX_IN_FLIGHT", "Load"]

MAX_IN_FLIGHT = 100_000


class Load:
    """Requests whose response's headers have not come, and how many there may be.

    Those in a hurry change ``count`` themselves.
    """

    __slots__ = ("count", "limit")

    def __init__(self, limit: int = MAX_IN_FLIGHT) -> None:
        self.count = 0
        self.limit = limit
