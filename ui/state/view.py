"""Everything one page shows, read off a live sandbox at one moment."""

from dataclasses import dataclass

from sim.lab.run import caption
from sim.scenario.presets import Preset, preset
from ui.state import golden, past, traffic
from ui.state.cluster import Knobs, Pod, knobs, namespaces, pods
from ui.state.live import Live, Shown
from ui.state.steps import Step, steps

__all__ = ["Event", "View", "look"]

RECENT = 60  # events shown
TRANSCRIPT = 40  # lines of the transcript shown


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    t: float
    kind: str
    object: str
    message: str


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows. It never changes: a redraw without a new line computes nothing.

    Attributes:
        key: of the state; ``choice`` the namespace and workload looked at.
        done: whether each of ``steps`` was taken.
        caption: scenario, edition, seed, preset, version.
    """

    key: str
    choice: tuple[str, str]
    now: float
    date: str
    edition: str
    caption: str
    preset: Preset
    namespaces: tuple[str, ...]
    workloads: tuple[str, ...]
    golden: golden.Golden
    knobs: Knobs
    pods: tuple[Pod, ...]
    events: tuple[Event, ...]
    transcript: tuple[Shown, ...]
    steps: tuple[Step, ...]
    done: tuple[bool, ...]
    traffic: traffic.Traffic
    truth: past.Truth
    seen: tuple[past.Point, ...]
    marks: tuple[past.Mark, ...]
    full: bool


def look(live: Live, namespace: str, workload: str) -> View:
    """The page's content now; a namespace or workload that is not there gives way to the first that is."""
    sandbox = live.sandbox
    spaces = namespaces(sandbox)
    namespace = namespace if namespace in spaces else spaces[0] if spaces else ""
    table = golden.read(sandbox, namespace) if namespace else golden.Golden("", (), "")
    names = tuple(row.name for row in table.rows)
    if workload not in names:
        workload = "web" if "web" in names else names[0] if names else ""
    shown = pods(sandbox, namespace) if namespace else []
    plan = steps(live.sandbox.edition)
    return View(
        key=live.key,
        choice=(namespace, workload),
        now=live.now,
        date=sandbox.engine.timestamp(),
        edition=sandbox.edition,
        caption=caption(sandbox),
        preset=preset(sandbox.scenario.proxy.preset),
        namespaces=tuple(spaces),
        workloads=names,
        golden=table,
        knobs=knobs(sandbox),
        pods=tuple(shown),
        events=_events(live, namespace),
        transcript=tuple(live.transcript[-TRANSCRIPT:]),
        steps=plan,
        done=tuple(step.done(live) for step in plan),
        traffic=traffic.read(sandbox, namespace, shown),
        truth=past.truth(live, namespace, workload),
        seen=past.seen(live, namespace, workload),
        marks=past.marks(live),
        full=live.full,
    )


def _events(live: Live, namespace: str) -> tuple[Event, ...]:
    """The newest events of a namespace (or of none), newest first."""
    found = []
    for event in reversed(live.sandbox.tables.events):
        place = event.object.rpartition(" ")[2]
        if "/" in place and place.partition("/")[0] != namespace:
            continue
        found.append(Event(event.t_s, event.kind, event.object, event.message))
        if len(found) == RECENT:
            break
    return tuple(found)
