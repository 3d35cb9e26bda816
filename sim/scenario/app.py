"""Declared applications: any call graph, described instead of programmed.

A service has routes, a route is a list of steps: ``work``, ``pause``, ``call``, ``parallel``, ``choice``,
``fail``, ``loop``. Each service is bound to an image name, so that any manifest may run it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.scenario.units import Duration

__all__ = ["App", "Branch", "Call", "Fail", "Load", "Loop", "Route", "Service", "Step", "Work"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class Model(BaseModel):
    """Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Work(Model):
    """CPU time.

    Attributes:
        mean: seconds.
        distribution: ``constant``, ``exponential``, or ``lognormal`` with ``sigma``.
    """

    mean: Duration
    distribution: Literal["constant", "exponential", "lognormal"] = "exponential"
    sigma: Annotated[float, Field(gt=0.0, le=3.0)] = 0.5


class Call(Model):
    """A request to another service of the app, or to any authority."""

    service: str
    route: str = "/"
    timeout: Duration | None = None
    on_error: Literal["fail", "ignore"] = "fail"


class Fail(Model):
    """An answer with an error status, in a share of the requests."""

    rate: Share = 1.0
    status: Annotated[int, Field(ge=100, le=599)] = 500


class Branch(Model):
    """One alternative of a choice."""

    share: Share
    steps: list["Step"]


class Loop(Model):
    """Steps several times, one after another."""

    times: Annotated[int, Field(ge=0, le=1000)]
    steps: list["Step"]


class Step(Model):
    """Exactly one of its fields."""

    work: Duration | Work | None = None
    pause: Duration | None = None
    call: str | Call | None = None
    parallel: list[list["Step"]] | None = None
    choice: list[Branch] | None = None
    fail: Fail | None = None
    loop: Loop | None = None

    @model_validator(mode="after")
    def one(self) -> "Step":
        """A step does one thing."""
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "a step is one of work, pause, call, parallel, choice, fail, loop; "
                + (f"this has {', '.join(given)}" if given else "this has none")
            )
        if self.choice is not None and sum(branch.share for branch in self.choice) > 1.0 + 1e-9:
            raise ValueError("the shares of a choice add up to more than 1")
        return self


Route = list[Step]


class Service(Model):
    """One service of an app.

    Attributes:
        image: name it is bound to; the service's own name unless given.
        workers: requests worked on at once, the rest queue; none given: no limit.
        routes: path → steps; ``/`` answers what no other matches.
    """

    image: str | None = None
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    protocol: Literal["http", "grpc"] = "http"
    workers: Annotated[int, Field(ge=1)] | None = None
    cpu: str | None = None
    routes: dict[str, Route] = {"/": []}


class App(Model):
    """An application: its services, in the namespace of its name."""

    services: dict[Name, Service]

    @model_validator(mode="after")
    def calls(self) -> "App":
        """Calls inside the app name services and routes that exist."""
        for name, service in self.services.items():
            for path, steps in service.routes.items():
                for call in _calls(steps):
                    self._check(f"{name} {path}", call)
        return self

    def _check(self, where: str, call: Call) -> None:
        if "." in call.service or ":" in call.service:
            return  # another namespace's: known only at run time
        target = self.services.get(call.service)
        if target is None:
            raise ValueError(f"{where} calls {call.service!r}, which is not a service of this app")
        if call.route not in target.routes and "/" not in target.routes:
            raise ValueError(f"{where} calls route {call.route!r}, which {call.service} does not have")


def _calls(steps: list[Step]) -> list[Call]:
    """Every call in the steps, however deep."""
    found: list[Call] = []
    for step in steps:
        if step.call is not None:
            found.append(step.call if isinstance(step.call, Call) else Call(service=step.call))
        inner = [*(step.parallel or []), *(branch.steps for branch in step.choice or [])]
        if step.loop is not None:
            inner.append(step.loop.steps)
        for part in inner:
            found += _calls(part)
    return found


class Load(Model):
    """A load source: open loop (``rps``) or closed loop (``users``).

    Attributes:
        target: authority, ``web-svc.emojivoto:80``.
        arrivals: of an open loop: ``poisson``, or ``uniform`` for constant pacing.
        think: of a closed loop: pause of each user between an answer and the next request.
    """

    target: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?$")]
    route: str = "/"
    method: Literal["GET", "POST"] = "GET"
    grpc: bool = False
    rps: Annotated[float, Field(gt=0.0, le=1e6)] | None = None
    arrivals: Literal["poisson", "uniform"] = "poisson"
    users: Annotated[int, Field(ge=1, le=100_000)] | None = None
    think: Duration = 0.0
    timeout: Duration | None = None
    namespace: Name = "load"

    @model_validator(mode="after")
    def open_or_closed(self) -> "Load":
        """A source is one or the other."""
        if (self.rps is None) == (self.users is None):
            raise ValueError("a load has either rps (open loop) or users (closed loop)")
        return self
