"""A scenario: what runs, on what, for how long, and what happens when. ``schema: 1``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from sim.scenario.app import App, Load
from sim.scenario.presets import preset
from sim.scenario.units import Duration

__all__ = [
    "EDITIONS",
    "ClusterShape",
    "Delays",
    "EditionDefaults",
    "Happening",
    "Proxy",
    "Scenario",
    "Workload",
]

Count = Annotated[int, Field(ge=1, le=200)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$")]
WorkloadName = Annotated[str, Field(pattern=r"^([a-z0-9-]+/)?(deploy|sts|ds)/[a-z0-9][a-z0-9.-]*$")]
YEAR = 365 * 86400.0


@dataclass(frozen=True, slots=True)
class EditionDefaults:
    """What a scenario of an edition gets when it does not say: date of t = 0, and the cluster's version."""

    start: str
    version: str


EDITIONS: Mapping[str, EditionDefaults] = MappingProxyType(
    {
        "stable-2.8.1": EditionDefaults("2020-07-15T09:00:00Z", "v1.15.12-gke.20"),
        "edge": EditionDefaults("2026-09-01T09:00:00Z", "v1.32.4"),
    }
)


def _date(text: str) -> str:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise ValueError("expected a date such as 2026-09-01T09:00:00Z") from None
    return text


def _version(text: str) -> str:
    parts = text.removeprefix("v").split(".")
    if not text.startswith("v") or len(parts) < 3 or not all(part.isdecimal() for part in parts[:2]):
        raise ValueError("expected a Kubernetes version such as v1.32.4 or v1.15.12-gke.20")
    return text


class Model(BaseModel):
    """Unknown fields are errors; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClusterShape(Model):
    """The machines."""

    nodes: Count = 3
    version: Annotated[str, AfterValidator(_version)] | None = None
    cpu: Annotated[float, Field(gt=0.0, le=1024.0)] = 4.0
    memory: Quantity = "16Gi"
    zones: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)] = ("us-central1-a",)


class Delays(Model):
    """The network between machines, one way. What is not given comes from the preset.

    Attributes:
        latency: between two machines of a zone.
        zones: added between two zones.
        jitter: mean of an exponential added to every message between machines.
        loss: share of messages lost between any two zones, each retransmitted.
    """

    latency: Duration | None = None
    zones: Duration | None = None
    jitter: Duration | None = None
    loss: Share = 0.0


class Proxy(Model):
    """What proxies cost."""

    preset: Annotated[str, AfterValidator(lambda name: preset(name).name)] = "physical-2019"


class Workload(Model):
    """Overrides of a workload, in force from the moment it is created."""

    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None


class Happening(Model):
    """One line of the timeline: a shell line at a time."""

    at: Duration
    run: Annotated[str, Field(min_length=1)]


class Scenario(Model):
    """Everything that, with a seed, decides a run.

    Attributes:
        horizon: simulated time it lasts.
        warmup: time at the start that statistics leave out.
        load: load sources by name.
        apps: declared applications by name, which is their namespace.
        workloads: overrides by workload: ``deploy/web``, ``emojivoto/deploy/web``.
        timeline: shell lines and when they run.
        slo: what counts as good, for plans: ``p99<250ms,success>99.9%``.
    """

    schema_: Literal[1] = Field(alias="schema")
    title: Annotated[str, Field(min_length=1, max_length=120)] = "untitled"
    edition: Literal["edge", "stable-2.8.1"] = "edge"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    start: Annotated[str, AfterValidator(_date)] | None = None
    horizon: Annotated[Duration, Field(gt=0.0, le=YEAR)] = 600.0
    warmup: Annotated[Duration, Field(ge=0.0)] = 0.0
    cluster: ClusterShape = ClusterShape()
    network: Delays = Delays()
    proxy: Proxy = Proxy()
    load: dict[Name, Load] = {}
    apps: dict[Name, App] = {}
    workloads: dict[WorkloadName, Workload] = {}
    timeline: tuple[Happening, ...] = ()
    slo: Annotated[str, Field(max_length=200)] | None = None

    # What the scenario was made from, so that a path can be set and everything checked again.
    _source: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def fits(self) -> "Scenario":
        """Times lie inside the run, and names are used once."""
        if self.warmup >= self.horizon:
            raise ValueError(f"warmup ({self.warmup:g} s) must be shorter than horizon ({self.horizon:g} s)")
        late = [entry for entry in self.timeline if entry.at > self.horizon]
        if late:
            line, at = late[0].run[:40], late[0].at
            raise ValueError(f"timeline: {line!r} at {at:g} s is after the horizon ({self.horizon:g} s)")
        services = [name for app in self.apps.values() for name in app.services]
        twice = sorted({name for name in services if services.count(name) > 1})
        if twice:
            raise ValueError(f"apps: service {twice[0]!r} is declared twice: images are found by name")
        return self

    @property
    def date(self) -> str:
        """The date of t = 0."""
        return self.start or EDITIONS[self.edition].start

    @property
    def version(self) -> str:
        """The cluster's Kubernetes version."""
        return self.cluster.version or EDITIONS[self.edition].version

    @property
    def source(self) -> dict[str, Any]:
        """The plain data it was made from: read only."""
        return self._source

    def happenings(self) -> list[Happening]:
        """The timeline in order of time."""
        return sorted(self.timeline, key=lambda entry: entry.at)
