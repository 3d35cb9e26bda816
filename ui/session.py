"""One browser's session: where it stands, what its controls ask for, and the link that holds it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from sim.lab.catalog import UnknownScenario
from ui.state.live import MAX_LINE, PLAYING, Live, Log, Origin, Shown, key, origin
from ui.state.pool import Pool
from ui.state.sharing import MAX_TEXT, Malformed, decode, encode
from ui.state.view import View, look
from ui.text import LANGUAGES, Text, spoken

__all__ = ["MAX_TICKS", "SCENARIO", "Notice", "Session", "current", "language"]

SCENARIO = "01-the-tutorial"
MAX_TICKS = 600  # of playing before it pauses by itself, so that a forgotten tab does not compute for ever
Progress = Callable[[int, int], object]


@st.cache_resource(show_spinner=False)
def pool() -> Pool:
    """The live sandboxes of all sessions of this server."""
    return Pool()


@dataclass(frozen=True, slots=True)
class Notice:
    """A message: a key of the texts and its values."""

    key: str
    values: dict[str, object] = field(default_factory=dict)


@dataclass
class Session:
    """Scenario, seed and log; everything else follows from them.

    Attributes:
        pending: lines that controls asked for, not typed yet.
        view: what the page shows, of the state ``view.key``.
        choice: namespace and workload to look at, once they are there; ``looked`` what the view was made for.
        playing: simulated seconds a tick; 0 when paused.
        ticks: of playing so far.
        fresh: the whole page is being drawn, not only the part that plays.
        changed: the whole page must be drawn again.
        notices: messages for the next redraw.
    """

    origin: Origin
    log: Log = ()
    pending: list[str] = field(default_factory=list)
    view: View | None = None
    choice: tuple[str, str] = ("emojivoto", "web")
    looked: tuple[str, str] = ("", "")
    playing: int = 0
    ticks: int = 0
    fresh: bool = True
    changed: bool = False
    notices: list[Notice] = field(default_factory=list)

    # -- what controls do (callbacks) -----------------------------------------------------------------------

    def type(self, line: str) -> None:
        """Ask for a line."""
        if len(line) > MAX_LINE:
            self.notices.append(Notice("bad.long", {"length": len(line), "limit": MAX_LINE}))
        elif line.strip():
            self.pending.append(line)

    def undo(self) -> None:
        """Take back the last line; what was played in one go counts as one."""
        self.pause()
        kept = len(self.log)
        while kept and self.log[kept - 1][1].endswith(PLAYING):
            kept -= 1
        self.log = self.log[: min(kept, len(self.log) - 1)] if self.log else ()

    def reset(self, start: Origin | None = None) -> None:
        """Back to the start, perhaps of another scenario."""
        self.pause()
        self.origin, self.log = start or self.origin, ()
        self.pending.clear()

    def play(self, seconds: int) -> None:
        """Let time pass by itself, so many simulated seconds a tick."""
        self.playing, self.ticks, self.changed = seconds, 0, True

    def pause(self) -> None:
        """Stop that."""
        self.changed = self.changed or bool(self.playing)
        self.playing = 0

    # -- what redraws do ------------------------------------------------------------------------------------

    def settle(self, progress: Progress) -> View:
        """Type what is pending and look: the view of where the session stands then."""
        view = self.view
        same = view is not None and view.key == key(self.origin, self.log) and self.looked == self.choice
        if view is not None and same and not self.pending:
            return view
        live = pool().at(self.origin, self.log, progress)
        try:
            while self.pending:
                self._type(live, self.pending.pop(0))
            self.log = tuple(live.log)
            self.view = look(live, *self.choice)
            self.looked = self.choice
        except Exception as problem:
            # A defect must not show a traceback in class, nor be hidden: say what it is, keep the session.
            self.pending.clear()
            why = f"{type(problem).__name__}: {problem}"[:300]
            self.notices.append(Notice("bad.failed", {"why": why}))
            if self.view is None:
                raise
            return self.view
        pool().put(live)
        return self.view

    def _type(self, live: Live, line: str) -> Shown | None:
        if live.full:
            self.notices.append(Notice("session.full"))
            return None
        return live.run(line)

    def tick(self) -> None:
        """One tick of playing, if it plays; it pauses by itself when that has gone on for long."""
        if not self.playing:
            return
        self.ticks += 1
        if self.ticks > MAX_TICKS or (self.view is not None and self.view.full):
            self.notices.append(Notice("time.stopped", {"ticks": self.ticks - 1}))
            self.pause()
            return
        done = self.view.done if self.view is not None else ()
        self.pending.append(f"sleep {self.playing} {PLAYING}")
        self.changed = self.settle(lambda done, total: None).done != done

    def link(self) -> str:
        """The session as a link's text; empty when it is too long for one."""
        text = encode(self.log)
        return text if len(text) <= MAX_TEXT else ""

    def remember(self) -> None:
        """Put the session into the page's address, so that a reload finds it."""
        wanted = {"s": self.link()}
        if self.origin.scenario != SCENARIO or "scenario" in st.query_params:
            wanted["scenario"] = self.origin.scenario
        if self.origin != origin(self.origin.scenario):
            wanted["seed"] = str(self.origin.seed)
        else:
            wanted["seed"] = ""
        for name, value in wanted.items():
            if value and st.query_params.get(name) != value:
                st.query_params[name] = value
            elif not value and name in st.query_params:
                del st.query_params[name]


def current() -> Session:
    """This browser's session: the one it has, or the one its link holds, or a fresh one."""
    found = st.session_state.get("session")
    if isinstance(found, Session):
        return found
    notices: list[Notice] = []
    made = Session(_origin(notices), _log(notices))
    made.notices = notices
    st.session_state["session"] = made
    return made


def _origin(notices: list[Notice]) -> Origin:
    """Scenario and seed of the link."""
    wanted, seed = st.query_params.get("scenario", SCENARIO), st.query_params.get("seed", "")
    try:
        start = origin(wanted)
    except UnknownScenario as problem:
        notices.append(Notice("bad.scenario", {"why": str(problem)}))
        start = origin(SCENARIO)
    if not seed:
        return start
    if not (seed.isascii() and seed.isdecimal() and len(seed) <= 18):
        notices.append(Notice("bad.seed"))
        return start
    return Origin(start.scenario, int(seed))


def _log(notices: list[Notice]) -> Log:
    """The log of the link."""
    try:
        return decode(st.query_params.get("s", ""))
    except Malformed as problem:
        notices.append(Notice("bad.share", {"why": str(problem)}))
        return ()


def language() -> Text:
    """The words of the language chosen: by the control, by the address, or as the browser's."""
    if st.session_state.get("language") not in LANGUAGES:
        wanted = st.query_params.get("lang", "")
        if wanted and wanted not in LANGUAGES:
            st.session_state["bad_language"] = wanted[:20]
        st.session_state["language"] = wanted if wanted in LANGUAGES else spoken(st.context.locale)
    return Text(st.session_state["language"])
