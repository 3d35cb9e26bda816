"""Route: finds the ServiceProfile route of a request.

*Source:* linkerd2-proxy service-profiles/src/{http,proto}.rs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mesh.messages import Request
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer

__all__ = ["Condition", "InvalidRoute", "Route"]


class InvalidRoute(Exception):
    """A ServiceProfile route that cannot be understood."""


class Condition:
    """What a route's ``condition`` asks of a request. Its fields are joined by "and".

    Args:
        condition: the JSON object: ``pathRegex``, ``method``, ``all``, ``any``, ``not``.

    Raises:
        InvalidRoute: a field is unknown, or the expression is no regular expression.
    """

    __slots__ = ("all", "any", "method", "negated", "path")

    def __init__(self, condition: Mapping[str, Any]) -> None:
        unknown = set(condition) - {"pathRegex", "method", "all", "any", "not"}
        if unknown:
            raise InvalidRoute(
                f"route condition {min(unknown)!r}: expected pathRegex, method, all, any or not"
            )
        self.method: str | None = condition.get("method")
        self.path: re.Pattern[str] | None = None
        expression = condition.get("pathRegex")
        if expression is not None:
            try:
                # Blanks are trimmed, and it must match the whole path.
                self.path = re.compile(rf"(?:{expression.strip()})\Z")
            except re.error as error:
                raise InvalidRoute(f"pathRegex {expression!r}: {error}") from None
        self.all = [Condition(each) for each in condition.get("all", ())]
        self.any = [Condition(each) for each in condition.get("any", ())]
        self.negated = Condition(condition["not"]) if condition.get("not") else None

    def matches(self, method: str, path: str) -> bool:
        """Whether a request meets it. ``path`` comes without a query."""
        return (
            (self.method is None or self.method == method)
            and (self.path is None or self.path.match(path) is not None)
            and all(each.matches(method, path) for each in self.all)
            and (not self.any or any(each.matches(method, path) for each in self.any))
            and (self.negated is None or not self.negated.matches(method, path))
        )


class Route:
    """Hands each request to the stack of the first route that matches, else to the default route's.

    Remembers what it decided for a method and path, up to a limit.
    """

    __slots__ = ("default", "known", "routes")

    LIMIT = 1024

    def __init__(self, default: Layer, routes: Sequence[tuple[Condition, Layer]] = ()) -> None:
        self.default = default
        self.routes = routes
        self.known: dict[tuple[str, str], Layer] = {}

    def __call__(self, request: Request, deadline: float) -> Flow:
        if not self.routes:
            return self.default(request, deadline)
        stack = self.known.get((request.method, request.path))
        if stack is None:
            stack = self._find(request.method, request.path)
        return stack(request, deadline)

    def _find(self, method: str, path: str) -> Layer:
        bare = path.partition("?")[0]
        found = next(
            (stack for condition, stack in self.routes if condition.matches(method, bare)), self.default
        )
        if len(self.known) >= self.LIMIT:
            self.known.clear()
        self.known[method, path] = found
        return found
