"""The terminal: any line, and what was printed."""

from itertools import groupby

import streamlit as st

from ui.session import Session
from ui.state.live import PLAYING, Shown
from ui.state.view import View
from ui.text import Text

__all__ = ["show"]

SHOWN = 12  # lines whose output is shown
ROWS = 400  # of one output


def show(text: Text, session: Session, view: View) -> None:
    """The transcript, newest last, and a line to type."""
    st.subheader(text("terminal.title"))
    with st.container(height=380, autoscroll=True, key="transcript"):
        printed = _transcript(text, view.transcript)
        st.code(printed or text("terminal.empty"), language=None, wrap_lines=False)
    with st.form("terminal", clear_on_submit=True, border=False):
        field, button = st.columns([6, 1], vertical_alignment="bottom")
        line = field.text_input(
            text("terminal.label"),
            key="line",
            placeholder=text("terminal.placeholder"),
            help=text("terminal.text"),
        )
        if button.form_submit_button(text("terminal.run"), key="run", width="stretch") and line.strip():
            session.type(line)
            st.rerun(scope="app")


def _transcript(text: Text, lines: tuple[Shown, ...]) -> str:
    """What was typed and printed; what was played in one go is one line."""
    parts: list[str] = []
    for played, group in groupby(lines, key=lambda shown: shown.line.endswith(PLAYING)):
        if played:
            parts.append(f"# {text('terminal.played', seconds=sum(shown.took for shown in group))}")
        else:
            parts += [_one(text, shown) for shown in group]
    return "\n".join(parts[-SHOWN:])


def _one(text: Text, shown: Shown) -> str:
    """One line with its output."""
    rows = (shown.error + shown.output).rstrip("\n").splitlines()
    if len(rows) > ROWS:
        rows = [*rows[: ROWS // 2], "…", *rows[-ROWS // 2 :]]
    head = "\n".join(
        f"{'$' if not number else '>'} {row}" for number, row in enumerate(shown.line.splitlines())
    )
    tail = [f"({text('terminal.status', status=shown.status)})"] if shown.status else []
    return "\n".join([head, *rows, *tail])
