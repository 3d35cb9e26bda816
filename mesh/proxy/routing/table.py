"""A route table: finds the rule that a request belongs to.

*Source:* linkerd2-proxy http/route/src/lib.rs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mesh.messages import InboundRule, OutboundRule, Request, RouteMatch
from mesh.proxy.routing.matching import Match, Specificity, grpc_match, host_match, http_match

__all__ = ["Found", "RouteTable", "host_of"]


class Found(NamedTuple):
    """Which rule, and the match of it that won."""

    rule: int
    match: RouteMatch


def host_of(authority: str) -> str:
    """The host of an authority, without its port; an IPv6 literal without its brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


class RouteTable:
    """The rules of all routes of a destination or port, in the control plane's order.

    The most specific match wins: host first, then what the kind of route compares; the first of equals.

    Raises:
        InvalidMatch: a rule cannot be understood.
    """

    __slots__ = ("_hosts", "_matches", "trivial")

    def __init__(self, rules: Sequence[OutboundRule | InboundRule]) -> None:
        self._hosts = [rule.hosts for rule in rules]
        self._matches: list[list[tuple[RouteMatch, Match]]] = [
            [(match, grpc_match(match) if rule.grpc else http_match(match)) for match in rule.matches]
            for rule in rules
        ]
        # One rule that takes every HTTP request needs no looking.
        self.trivial = (
            len(rules) == 1
            and not rules[0].hosts
            and not rules[0].grpc
            and rules[0].matches == (RouteMatch(),)
        )

    def find(self, request: Request) -> Found | None:
        """The rule of a request; None when there is none."""
        host = host_of(request.authority)
        best: tuple[Specificity, Specificity] | None = None
        winner: Found | None = None
        for index, matches in enumerate(self._matches):
            taken = host_match(self._hosts[index], host)
            if taken is None:
                continue
            for match, test in matches:
                found = test(request.method, request.path, request.headers)
                if found is not None and (best is None or (taken, found) > best):
                    best, winner = (taken, found), Found(index, match)
        return winner
