"""The page, from top to bottom."""

import streamlit as st

from ui import about, charts, controls, tables, terminal, topology
from ui.session import Notice, Session, current, language
from ui.state.view import View
from ui.text import Text

__all__ = ["draw"]

# What runs is said in a fixed place: the page must not move under the pointer.
STYLE = """<style>
.stMainBlockContainer { padding-top: 3rem; padding-bottom: 3rem; }
.st-key-status { position: fixed; top: 0.4rem; left: 50%; width: min(28rem, 80vw); z-index: 999990;
  transform: translateX(-50%); }
</style>"""
PRESENTING = STYLE + "<style>html { font-size: 20px; }</style>"  # sizes on the page are in rem


def draw() -> None:
    """Draw the whole page: catch up with what controls asked for, then show what is."""
    st.set_page_config(page_title="meshdojo", page_icon="🍩", layout="wide")
    st.html(PRESENTING if st.query_params.get("present") == "1" else STYLE)
    text = language()
    session = current()
    session.fresh, session.changed = True, False
    with st.container(key="status"):
        status = st.empty()
    view = _settle(session, text, status)
    session.remember()
    _address(text)
    controls.head(text, session, view)
    _notices(text, session)
    left, right = st.columns([3, 7], gap="medium")
    with left:
        controls.steps(text, session, view)
        controls.knobs(text, session, view)
        about.panel(text, view)
    with right:
        _living(text, session)


def _settle(session: Session, text: Text, status: "st.delta_generator.DeltaGenerator") -> View:
    """Type what is pending; a replay shows how far it is."""
    shown: list[int] = []

    def progress(done: int, total: int) -> None:
        if total > 3:
            shown.append(done)
            status.progress(done / total, text("page.replaying", done=done, total=total))

    if session.pending:
        with status, st.spinner(text("page.running")):
            view = session.settle(progress)
    else:
        view = session.settle(progress)
    status.empty()
    return view


def _address(text: Text) -> None:
    """Keep the language in the address once it was chosen."""
    if st.query_params.get("lang", "") != text.language and (
        "lang" in st.query_params or text.language != "en"
    ):
        st.query_params["lang"] = text.language


def _notices(text: Text, session: Session) -> None:
    """Messages about what was asked for and could not be."""
    wrong = st.session_state.pop("bad_language", None)
    if wrong is not None:
        session.notices.append(Notice("bad.lang", {"lang": wrong}))
    for notice in session.notices:
        st.warning(text(notice.key, **notice.values).replace("`", "'"), icon=":material/warning:")
    session.notices.clear()


def _living(text: Text, session: Session) -> None:
    """What changes while time is played; as a fragment it redraws without the rest of the page."""
    every = 1.0 if session.playing else None

    @st.fragment(run_every=every)
    def living() -> None:
        if not session.fresh:
            if not session.pending:
                session.tick()
            if session.pending or session.changed:
                st.rerun(scope="app")
            session.settle(lambda done, total: None)
        session.fresh = False
        assert session.view is not None
        _show(text, session, session.view)

    living()


def _show(text: Text, session: Session, view: View) -> None:
    """The cluster and its traffic."""
    controls.clock(text, session, view)
    tables.golden(text, view)
    topology.show(text, view)
    charts.show(text, view, session)
    terminal.show(text, session, view)
    tables.pods(text, view)
    tables.events(text, view)
