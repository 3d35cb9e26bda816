"""Images people reach for in tutorials: a shell to run commands in, and a plain web server."""

from functools import partial

from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container, Images
from sim.programs.http import serve
from sim.programs.task import Handled, Steps, Work
from sim.programs.world import World

__all__ = ["Sleeper", "WebServer", "register"]

WELCOME = "<!doctype html>\n<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n"
WORK = 0.0001  # seconds of CPU for a static page; a round figure


class Sleeper:
    """A container that waits for somebody to ``kubectl exec`` into it."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def start(self) -> None:
        """Run until killed; ``true`` and ``false`` as commands exit at once."""
        words = [*self.container.command, *self.container.args]
        if words and words[0].rpartition("/")[2] in ("true", "false"):
            self.container.exit(0 if words[0].endswith("true") else 1)
            return
        if words and words[0] == "echo":
            self.container.log(" ".join(words[1:]))
            self.container.exit(0)

    def terminate(self) -> None:
        """A shell as process 1 ignores SIGTERM."""

    def stopped(self) -> None:
        """Nothing to stop."""


class WebServer:
    """nginx with its welcome page on port 80."""

    def __init__(self, container: Container, world: World) -> None:
        self.container = container
        self.world = world

    def start(self) -> None:
        """Listen."""
        serve(self.container, 80, self.handle, faults=self.world.faults)

    def terminate(self) -> None:
        """Leave at once."""
        self.container.exit(0)

    def stopped(self) -> None:
        """Nothing outlives the container."""

    def handle(self, request: Request, peer: Peer) -> Handled:
        """The welcome page, or 404."""
        return self._answer(request)

    def _answer(self, request: Request) -> Steps:
        yield Work(WORK)
        self.container.log(f'{request.method} {request.path} "{request.authority}"')
        if request.path.partition("?")[0] in ("/", "/index.html"):
            return Response(200, headers={"content-type": "text/html"}, body=WELCOME, size=len(WELCOME))
        return Response(404, body="404 Not Found\n", size=14)


def register(images: Images, world: World) -> None:
    """Publish them."""
    for name in ("curl", "busybox", "alpine", "debian", "ubuntu", "pause", "debug", "netshoot"):
        images.add(name, Sleeper, megabytes=10.0)
    for name in ("nginx", "nginx-unprivileged"):
        images.add(name, partial(WebServer, world=world), megabytes=70.0)
