"""Image → program: what runs in a container is decided by the name of its image.

The kubelet makes a :class:`Container` for every container it starts and asks the :class:`Images` registry
for the program. A program is an ordinary object with three methods; everything it may touch is on its
container.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sim.engine import Engine, Station

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer
    from sim.cluster.net import NetNs

__all__ = ["Container", "HttpCaller", "HttpReply", "Image", "Images", "PodRuntime", "Program"]

Obj = dict[str, Any]

ANY_MEMORY = 8  # MiB of a small Go service: our own round figure


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What came back: ``status`` 0 when nothing did, and then ``error`` says why in a client's words."""

    status: int
    body: Any = None
    error: str = ""
    headers: dict[str, str] | None = None


class HttpCaller(Protocol):
    """How the kubelet and the API server speak HTTP without knowing who defines the messages."""

    def call(
        self,
        source: "NetNs",
        host: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Any:
        """Generator for a simpy process; returns an :class:`HttpReply`. ``host``: IP or cluster DNS name."""
        ...


class Program(Protocol):
    """What an image does once its container runs."""

    def start(self) -> None:
        """The container started. May log, listen, open processes, or exit at once."""
        ...

    def terminate(self) -> None:
        """SIGTERM. A program that ignores it is killed when the grace period ends."""
        ...

    def stopped(self) -> None:
        """The container is gone: its listeners are closed; stop everything that still runs."""
        ...


@dataclass
class PodRuntime:
    """A pod as its containers see it. ``labels`` and ``annotations`` are as they were at the start."""

    name: str
    namespace: str
    uid: str
    ip: str
    node: str
    service_account: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: Obj
    net: "NetNs"
    workload: str  # "deploy/web": kind abbreviation and name of the root owner; "po/name" without one


@dataclass
class Container:
    """One running container.

    Attributes:
        env: environment after expansion of field references and ``$(VAR)``.
        command: entry point of the manifest, empty for the image's own.
        args: arguments after expansion.
        user: numeric user it runs as.
        cpu: where its CPU work queues; infinite workers until the program says otherwise; its speed is the
            container's share of the node.
        restart: how often this container was restarted before.
        read: the text of a mounted file; raises FileNotFoundError.
        exit: ends the container with that code.
        charge: adds CPU seconds to its account that did not queue at ``cpu`` (a proxy's work per request).
    """

    engine: Engine
    api: "ApiServer"
    pod: PodRuntime
    name: str
    image: str
    spec: Obj
    env: dict[str, str]
    command: list[str]
    args: list[str]
    user: int
    cpu: Station
    restart: int
    exit: Callable[[int], None]
    read: Callable[[str], str]
    tables: Any = None
    charge: Callable[[float], object] = field(default=float)  # by default nobody keeps an account
    logs: list[tuple[float, str]] = field(default_factory=list)
    ports: list[int] = field(
        default_factory=list
    )  # ports it listens on; the kubelet closes them when it stops
    alive: bool = True

    MAX_LOG_LINES = 2_000  # what a node keeps of a container's log before it rotates

    def log(self, line: str) -> None:
        """Write a line to the container's log."""
        self.logs.append((self.engine.now, line))
        if len(self.logs) > 2 * self.MAX_LOG_LINES:
            del self.logs[: self.MAX_LOG_LINES]


Factory = Callable[[Container], Program]


@dataclass(frozen=True, slots=True)
class Image:
    """An image the simulated registries hold.

    Attributes:
        megabytes: what a pull transfers.
        memory: working set of a container of it, MiB. *Differs:* a constant; programs here hold no memory.
    """

    name: str
    factory: Factory
    megabytes: float = 30.0
    memory: int = ANY_MEMORY


class Images:
    """The simulated registries: image names, registry and tag aside, and their programs."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}

    def add(self, name: str, factory: Factory, *, megabytes: float = 30.0, memory: int = ANY_MEMORY) -> None:
        """Publish ``name``, the last component of the image's path."""
        self._images[name] = Image(name, factory, megabytes, memory)

    def find(self, reference: str) -> Image | None:
        """The image of ``ghcr.io/buoyantio/emojivoto-web:v11``, whatever its registry and tag; or None."""
        name = reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
        return self._images.get(name)
