"""A live sandbox and the session that made it: scenario, seed, and the log of (time, line)."""

from dataclasses import dataclass
from hashlib import sha256

from sim.lab import catalog
from sim.scenario.loader import from_data
from sim.shell.sandbox import Sandbox

__all__ = ["MAX_EVENTS", "MAX_LINE", "PLAYING", "Line", "Live", "Log", "Origin", "Shown", "key", "origin"]

Line = tuple[float, str]  # simulated seconds, and the line typed then
Log = tuple[Line, ...]

PLAYING = "# playing"  # ends the lines that the play button types
MAX_LINE = 100_000  # characters of one line; a pasted manifest fits
MAX_EVENTS = 10_000_000  # of the engine, in one session: some two minutes of computing
EVENTS_PER_LINE = 2_000_000  # half a minute of computing; nine simulated hours of the tutorial
GUARD_INTERVAL = 5.0  # simulated seconds between two looks at the budget
KEPT_OUTPUT = 40_000  # characters of one line's output that the transcript keeps


class Spent(KeyboardInterrupt):
    """The line used up its budget of events: interrupted, as Ctrl-C would."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where sessions begin: a bundled scenario and a seed."""

    scenario: str
    seed: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the transcript.

    Attributes:
        time: simulated seconds when it began; ``took`` until it ended.
    """

    time: float
    line: str
    output: str
    error: str
    status: int
    took: float


def origin(scenario: str, seed: int | None = None) -> Origin:
    """A bundled scenario by its id, with its own seed unless given.

    Raises:
        UnknownScenario: none is bundled under that id; names the nearest.
    """
    found = scenario if scenario in catalog.folders() else None
    if found is None:
        raise catalog.UnknownScenario(_unknown(scenario))
    return Origin(found, catalog.load(found).seed if seed is None else seed)


def _unknown(scenario: str) -> str:
    from difflib import get_close_matches

    names = list(catalog.folders())
    near = get_close_matches(scenario[:60], names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    return f"{scenario[:60]!r}: {hint}"


def key(start: Origin, log: Log) -> str:
    """The name of a state: what was typed when, in which scenario, with which seed."""
    digest = sha256(f"{start.scenario}\n{start.seed}\n".encode())
    for when, line in log:
        digest.update(f"{when!r} {len(line)} {line}\n".encode())
    return digest.hexdigest()


class Live:
    """A sandbox with the log that brought it where it is.

    Attributes:
        log: replaying it in a new Live of the same origin gives the same state.
        transcript: what each line printed.
        memory: figures derived from the sandbox's past, which stays as it is; kept by those who compute them.
    """

    def __init__(self, start: Origin) -> None:
        source = catalog.load(start.scenario).source
        scenario = from_data({**source, "timeline": [], "seed": start.seed}, start.scenario)
        self.origin = start
        self.sandbox = Sandbox(scenario=scenario)
        self.log: list[Line] = []
        self.transcript: list[Shown] = []
        self.memory: dict[str, object] = {}
        self._allowed = 0
        self.sandbox.engine.call_in(GUARD_INTERVAL, self._guard)

    @property
    def key(self) -> str:
        """The name of its state."""
        return key(self.origin, tuple(self.log))

    @property
    def now(self) -> float:
        """Simulated seconds."""
        return float(self.sandbox.engine.now)

    @property
    def full(self) -> bool:
        """Whether the session's budget of events is used up."""
        return self.sandbox.engine.events >= MAX_EVENTS

    def _guard(self, _: object) -> None:
        """Interrupt a line that works too long. Counts events, not seconds: a replay does the same."""
        engine = self.sandbox.engine
        engine.call_in(GUARD_INTERVAL, self._guard)
        if self._allowed and engine.events > self._allowed:
            raise Spent

    def run(self, line: str) -> Shown:
        """Type a line: it is logged, and shown in the transcript."""
        engine = self.sandbox.engine
        began, text = self.now, {1: "", 2: ""}
        out: list[tuple[int, str]] = []
        self.log.append((began, line))
        self._allowed = min(engine.events + EVENTS_PER_LINE, MAX_EVENTS)
        try:
            status = self.sandbox.run(line, lambda channel, piece: out.append((channel, piece)))
        except Spent:
            out.append((2, f"meshdojo: interrupted at {self.now:.0f} s: this took too many events\n"))
            status = 130
        finally:
            self._allowed = 0
        for channel, piece in out:
            text[channel] += piece
        shown = Shown(began, line, _cut(text[1]), _cut(text[2]), status, self.now - began)
        self.transcript.append(shown)
        return shown

    def replay(self, when: float, line: str) -> Shown:
        """Type a line of a log at its time."""
        if when > self.now:
            self._allowed = min(self.sandbox.engine.events + EVENTS_PER_LINE, MAX_EVENTS)
            try:
                self.sandbox.engine.run_until(when)
            except Spent:
                pass  # the log leaves a gap longer than the budget: go on from where that ended
            finally:
                self._allowed = 0
        return self.run(line)


def _cut(text: str) -> str:
    """A long output without its middle."""
    if len(text) <= KEPT_OUTPUT:
        return text
    half = KEPT_OUTPUT // 2
    return f"{text[:half]}\n… {len(text) - KEPT_OUTPUT:,} characters left out …\n{text[-half:]}"
