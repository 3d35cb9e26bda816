"""``tap``: single requests as proxies report them, and the lines that describe them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mesh.grpc import code_name

__all__ = ["TapEvent", "TapMatch", "limited", "line"]


@dataclass(frozen=True, slots=True)
class TapEvent:
    """What a proxy saw of one request: its start, its response head, its end.

    Attributes:
        at: when the proxy saw it, seconds since the start of the run.
        base, stream: the two numbers that identify the request at that proxy.
        kind: ``req``, ``rsp`` or ``end``.
        direction: ``in`` or ``out``.
        source, target: ``IP:port`` of both sides.
        tls: ``true`` or the reason why not.
        latency_us: µs from the request's start to the response's head (``rsp``).
        duration_us: µs from the response's head to its end (``end``).
        grpc_status: number, None when the response is not gRPC.
        reset: HTTP/2 error code of a reset stream, None without.
        source_labels, target_labels, route_labels: what is known of both sides and of the route.
    """

    base: int
    stream: int
    kind: str
    direction: str
    source: str
    target: str
    tls: str = "true"
    method: str = ""
    authority: str = ""
    path: str = ""
    status: int = 0
    latency_us: int = 0
    duration_us: int = 0
    size: int = 0
    grpc_status: int | None = None
    reset: int | None = None
    at: float = 0.0
    source_labels: Mapping[str, str] = field(default_factory=dict)
    target_labels: Mapping[str, str] = field(default_factory=dict)
    route_labels: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it travels from the tap service to the command."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "TapEvent":
        """The event of a JSON value.

        Raises:
            TypeError: it has not the right fields.
        """
        return cls(**body)

    @property
    def key(self) -> tuple[str, int, int, str]:
        """What the three events of one request share, at one proxy."""
        return self.direction, self.base, self.stream, self.target


@dataclass(frozen=True, slots=True)
class TapMatch:
    """Which requests are wanted; an empty field wants all.

    Attributes:
        path: a prefix.
        authority, method: exact; the method in any case.
    """

    method: str = ""
    path: str = ""
    authority: str = ""

    def wants(self, event: TapEvent) -> bool:
        """Whether a request event matches."""
        return (
            (not self.method or event.method.upper() == self.method.upper())
            and event.path.startswith(self.path)
            and (not self.authority or event.authority == self.authority)
        )


def line(event: TapEvent, resource: str = "") -> str:
    """The line of an event, as ``tap`` prints it.

    Args:
        resource: kind by which both sides are named (``deployment``); empty names addresses only.
    """
    head = f"{event.kind} id={event.base}:{event.stream} proxy={event.direction}"
    head += f" src={event.source} dst={event.target} tls={event.tls}"
    parts = [head]
    if event.kind == "req":
        parts.append(f":method={event.method} :authority={event.authority} :path={event.path}")
    elif event.kind == "rsp":
        parts.append(f":status={event.status} latency={event.latency_us}µs")
    elif event.reset is not None:
        parts.append(f"reset-error={event.reset} duration={event.duration_us}µs")
        parts.append(f"response-length={event.size}B")
    else:
        if event.grpc_status is not None:
            parts.append(f"grpc-status={_grpc_name(event.grpc_status)}")
        parts.append(f"duration={event.duration_us}µs response-length={event.size}B")
    if resource:
        parts += _named("src", event.source_labels, resource)
        parts += _named("dst", event.target_labels, resource)
        parts += [f"rt_{name}={value}" for name, value in sorted(event.route_labels.items())]
    return " ".join(parts)


def _grpc_name(code: int) -> str:
    return code_name(code)


def _named(side: str, labels: Mapping[str, str], resource: str) -> list[str]:
    """The resource, namespace and other labels of one side, as the wide output adds them."""
    wanted = [
        resource,
        "namespace",
        *(name for name in sorted(labels) if name not in (resource, "namespace")),
    ]
    named = [(name if name != resource else "res", name) for name in wanted if labels.get(name)]
    return [
        f"{side}_{shown}={resource}/{labels[name]}" if shown == "res" else f"{side}_{shown}={labels[name]}"
        for shown, name in named
    ]


def limited(events: Sequence[TapEvent], per_second: float, seconds: float) -> list[TapEvent]:
    """At most ``per_second`` requests a second, each with its response: what tap's ``--max-rps`` leaves."""
    allowed = max(1, int(per_second * seconds))
    chosen: set[tuple[str, int, int, str]] = set()
    for event in events:
        if event.kind == "req" and len(chosen) < allowed:
            chosen.add(event.key)
    return [event for event in events if event.key in chosen]
