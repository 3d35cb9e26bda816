"""What the programs of the control plane have in common: an admin port, logs, flags, watches under RBAC.

*Differs:* their CPU time is not modelled; a permission that is taken away later stops no watch that is open.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mesh.messages import Peer, Request, Response
from sim.cluster.api import ApiError, Watch, WatchEvent
from sim.cluster.program import Container
from sim.programs.http import serve
from sim.programs.task import Pause, Steps, run

if TYPE_CHECKING:
    import simpy

    from sim.cluster.api import ApiServer

__all__ = ["Component", "Reviewed", "Snapshot", "host_port", "json_object", "reviewed"]

Obj = dict[str, Any]
REGISTRY_TYPE = "application/x-registry"  # asks /metrics for numbers instead of their text
RETRY = 5.0  # seconds between attempts to list what could not be listed


class Snapshot:
    """Metrics of a controller at one moment, as a scrape reads them."""

    def __init__(self, readings: Sequence[tuple[str, tuple[tuple[str, str], ...], float]]) -> None:
        self._readings = readings

    def series(self) -> list[tuple[Any, ...]]:
        """Name and labels of each series."""
        return [(name, labels) for name, labels, _ in self._readings]

    def values(self) -> list[float]:
        """The values, in the order of :meth:`series`."""
        return [value for _, _, value in self._readings]

    def expose(self) -> str:
        """The text of ``/metrics``."""
        lines = []
        for name, labels, value in self._readings:
            shown = ",".join(f'{key}="{text}"' for key, text in labels)
            lines.append(f"{name}{{{shown}}} {value:g}\n" if shown else f"{name} {value:g}\n")
        return "".join(lines)


class Component(ABC):
    """A controller: starts, waits for what it watches, is ready, serves.

    Attributes:
        ready: everything it watches has been listed.
        counts: its own counters, by name and labels.
    """

    def __init__(self, container: Container) -> None:
        self.container = container
        self.engine = container.engine
        self.api = container.api
        self.namespace = container.pod.namespace
        self.user = f"system:serviceaccount:{self.namespace}:{container.pod.service_account}"
        self.ready = False
        self.started = self.unix()
        self.counts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._watches: list[Watch] = []

    # -- life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the admin port, then do what the component is for."""
        self.info(f"running version {self.version}")
        port = self.admin_port()
        if port:
            serve(self.container, port, self.admin)
            self.info(f"starting admin server on :{port}")
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """What the component does besides its admin port; sets :attr:`ready` when it can work."""

    def terminate(self) -> None:
        """SIGTERM: these programs stop at once."""
        self.info("shutting down gracefully")
        self.container.exit(0)

    def stopped(self) -> None:
        """Its watches end with it."""
        for watch in self._watches:
            watch.stop()
        self._watches.clear()

    # -- surroundings -------------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The tag of the image."""
        return self.container.image.rpartition(":")[2]

    def flag(self, name: str, default: str = "") -> str:
        """The value of ``-name=value`` or ``--name value`` among the arguments."""
        words = [*self.container.command, *self.container.args]
        for place, word in enumerate(words):
            key, equals, value = word.lstrip("-").partition("=")
            if word.startswith("-") and key == name:
                return value if equals else words[place + 1] if place + 1 < len(words) else default
        return default

    def admin_port(self) -> int:
        """The declared port whose name says ``admin``; 0 without one."""
        for port in self.container.spec.get("ports") or ():
            if "admin" in port.get("name", ""):
                return int(port["containerPort"])
        return 0

    def log(self, level: str, message: str) -> None:
        """A line of the container's log, in logrus' form."""
        escaped = message.replace("\\", "\\\\").replace('"', '\\"')
        self.container.log(f'time="{self.engine.timestamp()}" level={level} msg="{escaped}"')

    def info(self, message: str) -> None:
        """Log that something happened."""
        self.log("info", message)

    def warn(self, message: str) -> None:
        """Log that something is wrong."""
        self.log("warning", message)

    def count(self, name: str, *labels: tuple[str, str]) -> None:
        """Count one more of ``name``."""
        self.counts[name, labels] = self.counts.get((name, labels), 0.0) + 1.0

    # -- admin --------------------------------------------------------------------------------------------

    def admin(self, request: Request, peer: Peer) -> Response:
        """``/ping``, ``/live``, ``/ready``, ``/metrics``."""
        path = request.path.partition("?")[0]
        if path in ("/ping", "/live"):
            return Response(200, body="pong\n" if path == "/ping" else "live\n")
        if path == "/ready":
            return Response(200, body="ok\n") if self.ready else Response(503, body="not ready\n")
        if path == "/metrics":
            snapshot = self.metrics()
            wanted = (request.headers or {}).get("accept") == REGISTRY_TYPE
            return Response(200, body=snapshot if wanted else snapshot.expose())
        return Response(404, body="404 page not found\n")

    def metrics(self) -> Snapshot:
        """What it says of itself."""
        own = [("process_start_time_seconds", (), self.started)]
        return Snapshot([*own, *((*key, value) for key, value in sorted(self.counts.items()))])

    # -- the API server -----------------------------------------------------------------------------------

    def forbidden(self, verb: str, resource: str, namespace: str | None = None) -> str:
        """Why this component may not do that, empty when it may."""
        if self.api.allowed(self.user, verb, resource, namespace):
            return ""
        plural, _, group = resource.partition(".")
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        return (
            f'{resource} is forbidden: User "{self.user}" cannot {verb} resource "{plural}" '
            f'in API group "{group}" {where}'
        )

    def listed(self, resource: str, namespace: str | None = None, *, labels: str = "") -> list[Obj]:
        """The objects of a resource.

        Raises:
            PermissionError: RBAC does not allow it.
            ApiError: there is no such resource.
        """
        refusal = self.forbidden("list", resource, namespace)
        if refusal:
            raise PermissionError(refusal)
        return self.api.list(resource, namespace, labels=labels)

    def watch(self, resources: Mapping[str, Callable[[WatchEvent], None]]) -> None:
        """List and follow resources; ready once all are listed. What RBAC forbids is tried again."""
        self.info("waiting for caches to sync")
        run(self.container, self._sync(dict(resources)))

    def _sync(self, waiting: dict[str, Callable[[WatchEvent], None]]) -> Steps:
        while waiting:
            for resource, receive in list(waiting.items()):
                refusal = self.forbidden("list", resource) or self.forbidden("watch", resource)
                if refusal:
                    self.log("error", f"failed to list {resource}: {refusal}")
                    continue
                try:
                    self._watches.append(self.api.watch(resource, receive, initial=True))
                except ApiError as error:
                    self.log("error", f"failed to list {resource}: {error.message}")
                    continue
                del waiting[resource]
            if waiting:
                yield Pause(RETRY)
        self.info("caches synced")
        self.ready = True
        self.synced()

    def synced(self) -> None:  # noqa: B027 - few components do anything then
        """Everything watched has been listed."""

    def record(self, resource: str, namespace: str, name: str, type_: str, reason: str, message: str) -> None:
        """Record a Kubernetes event about an object, if it is still there."""
        refusal = self.forbidden("create", "events", namespace)
        if refusal:
            self.warn(f"server rejected event: {refusal}")
            return
        about = self.api.find(resource, name, namespace)
        if about is not None:
            self.api.event(about, type_, reason, message, component=self.container.pod.service_account)

    def unix(self) -> float:
        """Unix seconds now."""
        return self.engine.calendar.epoch + self.engine.now


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the API server answered to a review, or why it did not."""

    status: Obj
    error: str = ""


def reviewed(api: "ApiServer", review: Obj, user: str) -> "Generator[simpy.Event, Any, Reviewed]":
    """Create a review object; for a simpy process. A refusal is a value: a failed process stops the run."""
    try:
        answer = yield from api.create(review, user=user)
    except ApiError as error:
        return Reviewed({}, error.message)
    return Reviewed(answer.get("status") or {})


def json_object(request: Request) -> Obj | None:
    """The JSON object that a request carries, as a value or as text; None without one."""
    body = request.body
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return None
    return body if isinstance(body, dict) else None


def host_port(address: str, port: int) -> str:
    """``host:port`` of an address or URL that may lack the port."""
    bare = address.partition("://")[2] or address
    bare = bare.partition("/")[0]
    return bare if ":" in bare else f"{bare}:{port}"
