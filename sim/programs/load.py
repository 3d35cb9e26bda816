"""The load generator: an image like any other, told by its environment what to send.

Open loop (``RPS``): arrivals do not wait for answers, so overload shows. Closed loop (``USERS``): each user
waits for the answer, thinks, and sends the next, so overload hides (coordinated omission).
"""

from math import log

from mesh.messages import Request, Response
from sim.cluster.program import Container, Images
from sim.engine import Draws
from sim.programs.env import go_duration, go_float, go_int
from sim.programs.http import Client
from sim.programs.task import Call, Pause, Steps, Task, run
from sim.programs.world import World

__all__ = ["LoadGenerator", "register"]

INFINITY = float("inf")


class LoadGenerator:
    """Sends requests to one authority. Its n-th request arrives and draws alike in every run of a seed."""

    def __init__(self, container: Container, world: World) -> None:
        self.container = container
        self.engine = container.engine
        self.world = world
        pod = container.pod
        self.source = world.source(f"{pod.namespace}/{pod.workload}")
        self.client = Client(container, record=True)
        env = container.env
        self.target = env.get("TARGET", "")
        self.path = env.get("ROUTE", "/")
        self.method = env.get("METHOD", "GET")
        self.grpc = env.get("GRPC", "") == "true"
        self.rps = go_float(env.get("RPS", "0"))
        self.poisson = env.get("ARRIVALS", "poisson") == "poisson"
        self.users = go_int(env.get("USERS", "0"), 0)
        self.think = go_duration(env.get("THINK", "0s"))
        self.timeout = go_duration(env.get("TIMEOUT", ""), INFINITY)
        self.tasks: list[Task] = []
        self.running = False

    def start(self) -> None:
        """Begin, or exit when the environment says nothing to do."""
        if not self.target or (self.rps <= 0 and self.users <= 0):
            self.container.log("TARGET and one of RPS, USERS must be set")
            self.container.exit(1)
            return
        self.running = True
        if self.rps > 0:
            self.engine.call_in(self._gap(), self._arrive)
        else:
            self.tasks = [run(self.container, self._user()) for _ in range(self.users)]

    def terminate(self) -> None:
        """Stop sending at once and leave."""
        self.stopped()
        self.container.exit(0)

    def stopped(self) -> None:
        """Send no more."""
        self.running = False
        for task in self.tasks:
            task.stop()

    def _gap(self) -> float:
        """Seconds to the next arrival: drawn by its number, so a pod's restart changes nothing."""
        if not self.poisson:
            return 1.0 / self.rps
        key = self.source.key ^ (self.source.n + 1)
        return -log(1.0 - Draws(key).uniform()) / self.rps

    def _arrive(self, _: object) -> None:
        if not self.running:
            return
        request = Request(self.method, self.target, self.path, grpc=self.grpc)
        request.context = self.source.next()
        self.client.call(request, self._answered, self.timeout)
        self.engine.call_in(self._gap(), self._arrive)

    def _answered(self, response: Response) -> None:
        """The client recorded it."""

    def _user(self) -> Steps:
        while self.running:
            request = Request(self.method, self.target, self.path, grpc=self.grpc)
            request.context = self.source.next()
            yield Call(self.client, request, self.timeout)
            # A refused connection answers at once: never loop without letting time pass.
            yield Pause(max(self.think, 1e-6))


def register(images: Images, world: World) -> None:
    """Publish the image ``load-generator``."""
    images.add("load-generator", lambda container: LoadGenerator(container, world), megabytes=10.0)
