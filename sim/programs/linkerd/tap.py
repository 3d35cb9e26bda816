"""Port 4190: a proxy's tap server, where the tap controller watches single requests as they pass.

*Source:* linkerd2-proxy app/src/tap.rs, proxy/tap/src/grpc/server.rs. *Differs:* one answer with all events
at the end of the time asked for instead of a stream; and the windows in which requests are counted, which
upstream the tap controller opens one after the other, are opened here.
"""

from typing import TYPE_CHECKING, Any

from mesh.messages import Response
from mesh.proxy.tap import Match, RequestInit, ResponseInit, TapSession
from mesh.proxy.tap import TapEvent as Seen
from mesh.viz.tap import TapEvent
from sim.cluster.net import Conn, Exchange, Refusal
from sim.programs.linkerd.listeners import Refused

if TYPE_CHECKING:
    from sim.programs.linkerd.proxy import LinkerdProxy

__all__ = ["OBSERVE", "TapPort"]

OBSERVE = "/io.linkerd.proxy.tap.Tap/Observe"
WINDOW = 1.0  # seconds for which a limit of requests holds. Source: viz/tap/api/grpc_server.go, tapInterval
UNKNOWN = "0.0.0.0:0"  # where a request came from that arrived before the tap began
INVALID_ARGUMENT, UNIMPLEMENTED, UNAUTHENTICATED = 3, 12, 16  # gRPC statuses
CANCEL = 8  # HTTP/2 error code of a stream that somebody gave up. Source: RFC 9113 §7
CUT = 2  # INTERNAL_ERROR: of one whose connection broke


class TapPort:
    """Lets in one identity over mutual TLS, and shows it requests.

    Args:
        watcher: the tap controller's identity.
    """

    def __init__(self, program: "LinkerdProxy", watcher: str) -> None:
        self.program = program
        self.watcher = watcher
        self.opened = 0  # sessions so far: the first number of an event's id

    def accept(self, conn: Conn, hello: Any) -> Any:
        """Take part in TLS; whoever comes without gets an answer too, but not the one it wants."""
        try:
            conn.state, answer = self.program.handshake(hello)
        except Refused:
            return Refusal("tls")
        return answer

    def serve(self, exchange: Exchange) -> None:
        """Observe for as long as the request says."""
        request, client = exchange.request, exchange.conn.state
        if client != self.watcher:
            who = "Unauthenticated peer" if client is None else f"Unauthorized peer: {client}"
            exchange.reply(Response(200, grpc_status=UNAUTHENTICATED, grpc_message=who))
        elif request.path != OBSERVE:
            exchange.reply(Response(200, grpc_status=UNIMPLEMENTED))
        else:
            try:
                observation = Observation(self, exchange, request.body)
            except (KeyError, TypeError, ValueError) as error:
                why = f"malformed request: {error}"
                exchange.reply(Response(200, grpc_status=INVALID_ARGUMENT, grpc_message=why))
            else:
                observation.open()


class Observation:
    """One request of the tap controller: events for a while, at most so many requests a window.

    Args:
        body: ``seconds``, ``max_rps``, and ``match`` with the fields of :class:`~mesh.proxy.tap.Match`.

    Raises:
        KeyError, TypeError, ValueError: it is not that.
    """

    def __init__(self, port: TapPort, exchange: Exchange, body: Any) -> None:
        self.port = port
        self.exchange = exchange
        self.engine = port.program.engine
        self.match = Match(**body.get("match", {}))
        self.limit = max(1, int(float(body["max_rps"]) * WINDOW))
        self.until = self.engine.now + float(body["seconds"])
        if not self.until < float("inf") or self.until < self.engine.now:
            raise ValueError("seconds must be positive")
        self.events: list[TapEvent] = []
        self.sessions: list[TapSession] = []

    def open(self) -> None:
        """Begin, and answer at the end."""
        self.engine.call_at(self.until, self._finish)
        self._next(None)

    def _next(self, _: Any) -> None:
        """Open a window; it stays open until its requests were taken and have ended."""
        if self.engine.now >= self.until or not self.port.program.container.alive:
            return
        session = self.port.program.proxy.tap(self.match, self.limit)
        Window(self, session, self.port.opened)
        self.sessions.append(session)
        self.port.opened += 1

    def used_up(self, session: TapSession, began: float) -> None:
        """A window's requests were taken: the next one opens a second after it did."""
        if session in self.sessions:  # its last request ends with two events
            self.sessions.remove(session)
            self.engine.call_at(max(self.engine.now, began + WINDOW), self._next)

    def _finish(self, _: Any) -> None:
        for session in self.sessions:
            session.close()
        self.events.sort(key=lambda event: event.at)
        self.exchange.reply(Response(200, grpc_status=0, body=self.events))


class Window:
    """Translates one session's events into what the tap controller passes on."""

    def __init__(self, observation: Observation, session: TapSession, base: int) -> None:
        self.observation = observation
        self.session = session
        self.base = base
        self.began = observation.engine.now
        self.open: dict[int, TapEvent] = {}
        session.listener = self._take

    def _take(self) -> None:
        events = self.observation.events
        for seen in self.session.take():
            events.append(self._translate(seen))
        if self.session.done:
            self.observation.used_up(self.session, self.began)

    def _translate(self, seen: Seen) -> TapEvent:
        if isinstance(seen, RequestInit):
            begun = self.open[seen.id] = self._begun(seen)
            return begun
        begun = self.open[seen.id]
        at = begun.at + seen.since_request_init
        if isinstance(seen, ResponseInit):
            latency = _microseconds(seen.since_request_init)
            return self._event("rsp", begun, at, status=seen.status, latency_us=latency)
        del self.open[seen.id]
        duration = _microseconds(seen.since_response_init)
        if isinstance(seen.eos, str):
            reset = CANCEL if seen.eos in ("cancelled", "timeout") else CUT
            return self._event("end", begun, at, duration_us=duration, reset=reset)
        # The size is always 0, as upstream.
        return self._event("end", begun, at, duration_us=duration, grpc_status=seen.eos)

    def _begun(self, seen: RequestInit) -> TapEvent:
        labels = dict(seen.labels)
        tls = labels["tls"]
        return TapEvent(
            self.base,
            seen.id,
            "req",
            "in" if labels["direction"] == "inbound" else "out",
            seen.source or UNKNOWN,
            labels["target_addr"],
            labels.get("no_tls_reason", tls) if tls == "no_identity" else tls,
            method=seen.method,
            authority=seen.authority,
            path=seen.path,
            at=seen.time,
            target_labels={
                name.removeprefix("dst_"): text for name, text in seen.labels if name.startswith("dst_")
            },
            route_labels={"route": seen.route} if seen.route else {},
        )

    def _event(self, kind: str, begun: TapEvent, at: float, **fields: Any) -> TapEvent:
        """A later event of a request; it says again whose it is."""
        return TapEvent(
            self.base,
            begun.stream,
            kind,
            begun.direction,
            begun.source,
            begun.target,
            begun.tls,
            at=at,
            source_labels=begun.source_labels,
            target_labels=begun.target_labels,
            route_labels=begun.route_labels,
            **fields,
        )


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)
