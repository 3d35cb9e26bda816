"""Declared services: the steps of a scenario's app, run as a program.

Steps are compiled once into small objects whose ``run`` is a generator of task steps; a route without calls
or choices costs one resumption a request.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import exp, log
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Protocol

from mesh.grpc import FAILURES
from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container, Images
from sim.engine import Draws
from sim.programs import task
from sim.programs.http import Client, serve
from sim.programs.task import Handled, Steps
from sim.programs.world import World

if TYPE_CHECKING:
    from sim.scenario import app as schema

__all__ = ["DeclaredService", "manifests", "register"]

INFINITY = float("inf")
NORMAL = NormalDist().inv_cdf
OK = Response(200)
OK_GRPC = Response(200, grpc_status=0)


class Failed(Exception):
    """A step ends the request with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Compiled(Protocol):
    """A step made ready to run."""

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Take the step."""
        ...


class Work:
    """CPU time from a distribution."""

    def __init__(self, sample: Callable[[Draws], float]) -> None:
        self.sample = sample

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Queue at the container's workers."""
        yield task.Work(self.sample(draws))


class Pause:
    """Time without CPU."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Wait."""
        yield task.Pause(self.seconds)


class Call:
    """A request to another service; its failure is this request's, unless ignored."""

    def __init__(self, authority: str, route: str, grpc: bool, timeout: float, ignore: bool) -> None:
        self.authority = authority
        self.route = route
        self.grpc = grpc
        self.timeout = timeout
        self.ignore = ignore

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Send it and look at the answer."""
        request = Request("POST" if self.grpc else "GET", self.authority, self.route, grpc=self.grpc)
        response: Response = yield task.Call(service.client, request, self.timeout)
        if not self.ignore and failed(response):
            raise Failed(service.error(504 if response.error == "timeout" else 500))


def failed(response: Response) -> bool:
    """Whether a caller takes a response for a failure."""
    return bool(response.error) or response.status >= 500 or response.grpc_status in FAILURES


class Parallel:
    """Several lists of steps at once; the first failure, in order, is the request's."""

    def __init__(self, parts: Sequence[Sequence[Compiled]]) -> None:
        self.parts = parts

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Run all to their ends."""
        # Each part draws its own numbers, so that their interleaving does not matter.
        parts = [self._part(part, service, draws.branch(), spared) for part in self.parts]
        for outcome in (yield task.Together(parts)):
            if outcome is not None:
                raise Failed(outcome)

    def _part(
        self, steps: Sequence[Compiled], service: "DeclaredService", draws: Draws, spared: bool
    ) -> Steps:
        try:
            for step in steps:
                yield from step.run(service, draws, spared)
        except Failed as failure:
            return failure.response
        return None


class Choice:
    """One of several lists of steps, by share; what is left of 1 does nothing."""

    def __init__(self, branches: Sequence[tuple[float, Sequence[Compiled]]]) -> None:
        self.branches = branches

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Draw and run one."""
        u = draws.uniform()
        for share, steps in self.branches:
            if u < share:
                for step in steps:
                    yield from step.run(service, draws, spared)
                return
            u -= share


class Fail:
    """An error answer in a share of the requests; a fault rule on the route takes its place."""

    def __init__(self, rate: float, status: int) -> None:
        self.rate = rate
        self.status = status

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """Draw."""
        if draws.uniform() < self.rate and not spared:
            raise Failed(service.error(self.status))
        yield from ()


class Loop:
    """Steps several times."""

    def __init__(self, times: int, steps: Sequence[Compiled]) -> None:
        self.times = times
        self.steps = steps

    def run(self, service: "DeclaredService", draws: Draws, spared: bool) -> Steps:
        """One after another."""
        for _ in range(self.times):
            for step in self.steps:
                yield from step.run(service, draws, spared)


def constant(seconds: float, draws: Draws) -> float:
    """Always the same."""
    return seconds


def exponential(mean: float, draws: Draws) -> float:
    """Exponential with that mean."""
    return draws.exponential(mean)


def lognormal(mu: float, sigma: float, draws: Draws) -> float:
    """Lognormal with those parameters of its logarithm."""
    return exp(mu + sigma * NORMAL(draws.uniform() or 0.5))


def sampler(work: "float | schema.Work") -> Callable[[Draws], float]:
    """How a work step's demand is drawn, in seconds."""
    if isinstance(work, float | int):
        return partial(exponential, float(work))
    if work.distribution == "constant":
        return partial(constant, work.mean)
    if work.distribution == "exponential":
        return partial(exponential, work.mean)
    return partial(lognormal, log(work.mean) - work.sigma**2 / 2, work.sigma)


class DeclaredService:
    """One container of a declared service."""

    def __init__(self, container: Container, world: World, app: "schema.App", name: str) -> None:
        self.container = container
        self.world = world
        self.app = app
        self.service = app.services[name]
        self.client = Client(container, record=True)
        self.grpc = self.service.protocol == "grpc"
        self.ok = OK_GRPC if self.grpc else OK
        self.routes = {path: self._compile(steps) for path, steps in self.service.routes.items()}
        self.default = self.routes.get("/")

    def start(self) -> None:
        """Listen with as many workers as declared."""
        if self.service.workers is not None:
            self.container.cpu.change(workers=self.service.workers)
        serve(self.container, self.service.port, self.handle, faults=self.world.faults)

    def terminate(self) -> None:
        """Leave at once."""
        self.container.exit(0)

    def stopped(self) -> None:
        """Nothing outlives the container."""

    def handle(self, request: Request, peer: Peer) -> Handled:
        """Answer a request by its route's steps."""
        path = request.path
        steps = self.routes.get(path)
        if steps is None:
            steps = self.routes.get(path.partition("?")[0], self.default)
            if steps is None:
                return Response(404) if not self.grpc else Response(200, grpc_status=12)
        return self._run(request, steps)

    def _run(self, request: Request, steps: Sequence[Compiled]) -> Steps:
        hop = request.context
        draws = Draws(hop.draw_key())
        try:
            for step in steps:
                if type(step) is Work:  # the common case, without a generator of its own
                    yield task.Work(step.sample(draws))
                else:
                    yield from step.run(self, draws, hop.spared)
        except Failed as failure:
            return failure.response
        return self.ok

    def error(self, status: int) -> Response:
        """The error answer of this service's protocol."""
        if self.grpc:
            return Response(200, grpc_status=2 if status == 500 else 14, grpc_message=f"status {status}")
        return Response(status, size=20)

    def _compile(self, steps: "list[schema.Step]") -> list[Compiled]:
        return [self._step(step) for step in steps]

    def _step(self, step: "schema.Step") -> Compiled:
        if step.work is not None:
            return Work(sampler(step.work))
        if step.pause is not None:
            return Pause(step.pause)
        if step.call is not None:
            return self._call(step.call)
        if step.parallel is not None:
            return Parallel([self._compile(part) for part in step.parallel])
        if step.choice is not None:
            return Choice([(branch.share, self._compile(branch.steps)) for branch in step.choice])
        if step.fail is not None:
            return Fail(step.fail.rate, step.fail.status)
        assert step.loop is not None
        return Loop(step.loop.times, self._compile(step.loop.steps))

    def _call(self, call: "str | schema.Call") -> Call:
        name = call if isinstance(call, str) else call.service
        route = "/" if isinstance(call, str) else call.route
        timeout = INFINITY if isinstance(call, str) or call.timeout is None else call.timeout
        ignore = not isinstance(call, str) and call.on_error == "ignore"
        target = self.app.services.get(name)
        if target is None:
            return Call(name, route, False, timeout, ignore)
        authority = f"{name}.{self.container.pod.namespace}:{target.port}"
        return Call(authority, route, target.protocol == "grpc", timeout, ignore)


def register(images: Images, world: World, apps: "dict[str, schema.App]") -> None:
    """Publish an image for every declared service."""
    for app in apps.values():
        for name, service in app.services.items():
            factory = partial(DeclaredService, world=world, app=app, name=name)
            images.add(service.image or name, factory, megabytes=20.0)


def manifests(namespace: str, app: "schema.App") -> list[dict[str, Any]]:
    """The Kubernetes objects of an app: a namespace, and a Deployment and a Service for each service."""
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    ]
    for name, service in app.services.items():
        labels = {"app": name}
        port = {"name": service.protocol, "containerPort": service.port}
        container: dict[str, Any] = {"name": name, "image": service.image or name, "ports": [port]}
        if service.cpu is not None:
            container["resources"] = {"requests": {"cpu": service.cpu}}
        objects.append(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "replicas": service.replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
                },
            }
        )
        ports = [{"name": service.protocol, "port": service.port, "targetPort": service.port}]
        objects.append(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"selector": labels, "ports": ports},
            }
        )
    return objects
