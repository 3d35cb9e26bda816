"""Tap: watch requests as they pass, as values.

*Source:* linkerd2-proxy proxy/tap. Sits where the metrics are: outbound at the endpoint, so that a retry is
a request of its own; inbound below policy, so that a refused request is never seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mesh.messages import Request, Response
from mesh.proxy.metrics import Labels

__all__ = ["InvalidTap", "Match", "RequestInit", "ResponseEnd", "ResponseInit", "TapEvent", "TapSession"]

# Events a subscriber may have unread. Source: proxy/tap/src/grpc/server.rs.
BUFFER = 400


class InvalidTap(Exception):
    """A tap that asks for nothing."""


@dataclass(frozen=True, slots=True)
class RequestInit:
    """A request began.

    Attributes:
        id: shared by its events.
        labels: those of its metrics.
        source: where it came from, ``ip:port``, if the driver said so.
        route: the ServiceProfile route it takes, if any.
    """

    id: int
    time: float
    method: str
    authority: str
    path: str
    headers: tuple[tuple[str, str], ...]
    labels: Labels
    source: str = ""
    route: str = ""


@dataclass(frozen=True, slots=True)
class ResponseInit:
    """Its response's headers came. Durations are seconds."""

    id: int
    since_request_init: float
    status: int
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ResponseEnd:
    """Its response ended. ``eos`` is a gRPC status, the reason of a reset, or None."""

    id: int
    since_request_init: float
    since_response_init: float
    eos: int | str | None


TapEvent: TypeAlias = RequestInit | ResponseInit | ResponseEnd


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests to watch; every field that is set must match.

    Attributes:
        direction: ``inbound`` or ``outbound``.
        method, authority: exact.
        path: a prefix, without query.
        labels: labels that the endpoint must carry, such as ``dst_deployment``.
    """

    direction: str = ""
    method: str = ""
    authority: str = ""
    path: str = ""
    labels: Labels = ()

    def accepts(self, request: Request, labels: Labels) -> bool:
        """Whether ``request``, at an endpoint with ``labels``, is wanted."""
        return (
            (not self.direction or ("direction", self.direction) in labels)
            and (not self.method or self.method == request.method)
            and (not self.authority or self.authority == request.authority)
            and request.path.partition("?")[0].startswith(self.path)
            and all(label in labels for label in self.labels)
        )


class TapSession:
    """One subscriber's view, until ``limit`` requests were taken.

    Attributes:
        events: what was not read yet. A full buffer drops events; a request whose first event does not fit
            is not watched.
        listener: called after every event, if set.
    """

    def __init__(self, match: Match, limit: int, close: Callable[["TapSession"], None]) -> None:
        if limit < 1:
            raise InvalidTap("a tap needs a limit of at least 1 request")
        self.match = match
        self.remaining = limit
        self.events: list[TapEvent] = []
        self.listener: Callable[[], object] | None = None
        self._open: dict[int, int] = {}
        self._sources: dict[int, str] = {}
        self._routes: dict[int, str] = {}
        self._last = 0
        self._close = close

    @property
    def done(self) -> bool:
        """Whether no further event can come."""
        return self.remaining == 0 and not self._open

    def close(self) -> None:
        """Stop watching."""
        self.remaining = 0
        self._open.clear()
        self._close(self)

    def arrived(self, request: Request, source: str) -> None:
        """A request came in from ``source``; for drivers, before they run its flow."""
        if self.remaining:
            self._sources[id(request)] = source
            self._routes.pop(id(request), None)  # of an earlier request at the same address in memory

    def routed(self, request: Request, route: str) -> None:
        """A request takes a route of its destination's profile; a retry takes it again."""
        if self.remaining:
            self._routes[id(request)] = route

    def take(self) -> list[TapEvent]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events

    def offer(self, request: Request, labels: Labels, now: float) -> bool:
        """A request begins; whether it is taken."""
        if not self.remaining or len(self.events) >= BUFFER or not self.match.accepts(request, labels):
            return False
        self.remaining -= 1
        self._last += 1
        key = id(request)
        self._open[key] = self._last
        self._push(
            RequestInit(
                self._last,
                now,
                request.method,
                request.authority,
                request.path.partition("?")[0],
                tuple((request.headers or {}).items()),
                labels,
                self._sources.get(key, ""),
                self._routes.get(key, ""),
            )
        )
        return True

    def ended(self, request: Request, response: Response | None, start: float, now: float) -> None:
        """A request that was taken ended; without headers there is only an end."""
        number = self._open.pop(id(request), None)
        if number is None:
            return
        since = now - start
        if response is None or not response.status:
            reason = "cancelled" if response is None else response.error
            self._push(ResponseEnd(number, since, 0.0, reason))
        else:
            first = since if response.first_byte is None else response.first_byte
            headers = tuple((response.headers or {}).items())
            self._push(ResponseInit(number, first, response.status, headers))
            self._push(ResponseEnd(number, since, since - first, response.grpc_status))
        if self.done:
            self._close(self)

    def _push(self, event: TapEvent) -> None:
        if len(self.events) < BUFFER:
            self.events.append(event)
        if self.listener is not None:
            self.listener()
