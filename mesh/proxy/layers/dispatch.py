"""Dispatch: finds the rule of the policy that a request belongs to.

*Source:* linkerd2-proxy app/outbound/src/http/logical/policy/router.rs.
"""

from collections.abc import Callable

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.routing.table import Found, RouteTable

__all__ = ["Dispatch"]


class Dispatch:
    """Hands each request to the stack of its rule.

    Args:
        table: None if the policy cannot be understood, which is an error of every request.
        make: the stack of a rule, for one of its matches.
    """

    __slots__ = ("known", "make", "only", "table")

    def __init__(self, table: RouteTable | None, make: Callable[[Found], Layer], only: Found | None) -> None:
        self.table = table
        self.make = make
        self.known: dict[Found, Layer] = {}
        # A table of one rule that takes everything needs no looking.
        self.only = make(only) if only is not None and table is not None and table.trivial else None

    def __call__(self, request: Request, deadline: float) -> Flow:
        if self.only is not None:
            return self.only(request, deadline)
        if self.table is None:
            return refuse("invalid policy")
        found = self.table.find(request)
        if found is None:
            return refuse("route not found")
        stack = self.known.get(found)
        if stack is None:
            stack = self.known[found] = self.make(found)
        return stack(request, deadline)
