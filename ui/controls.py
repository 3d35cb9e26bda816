"""Buttons, sliders and toggles. Each types a line, and shows it."""

from functools import partial

import streamlit as st

from ui.session import Session
from ui.state.live import PLAYING, origin
from ui.state.sharing import script
from ui.state.steps import INJECT, UNINJECT
from ui.state.view import View
from ui.text import LANGUAGES, Text

__all__ = ["clock", "head", "knobs", "steps"]

SPEEDS = (1, 5, 15, 60)
DELAY_MAX, DELAY_STEP, BOTS_MAX = 500, 10, 20
DEMO = "emojivoto"


def head(text: Text, session: Session, view: View) -> None:
    """Title, language, and what concerns the whole session."""
    title, words, buttons = st.columns([5, 2, 5], vertical_alignment="bottom")
    title.markdown(f"### :material/donut_large: {text('page.title')}\n{text('page.subtitle')}")
    words.segmented_control(
        text("page.language"),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        key="language",
        required=True,
        label_visibility="collapsed",
    )
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        st.button(
            text("session.undo"),
            key="undo",
            icon=":material/undo:",
            on_click=session.undo,
            disabled=not session.log,
            help=text("session.undo.help"),
        )
        st.button(
            text("session.reset"),
            key="reset",
            icon=":material/restart_alt:",
            on_click=session.reset,
            help=text("session.reset.help"),
        )
        with st.popover(text("session.share"), icon=":material/share:"):
            _share(text, session)
        with st.popover(text("session.settings"), icon=":material/tune:"):
            _settings(text, session)


def _share(text: Text, session: Session) -> None:
    """The link, and the lines."""
    start, link = session.origin, session.link()
    if link or not session.log:
        st.write(text("session.share.text"))
        base = (st.context.url or "").partition("?")[0].rstrip("/") + "/"
        query = [f"scenario={start.scenario}", f"seed={start.seed}"] + ([f"s={link}"] if link else [])
        st.code(f"{base}?{'&'.join([*query, f'lang={text.language}'])}", language=None, wrap_lines=True)
    else:
        st.write(text("session.share.long"))
    st.download_button(
        text("session.download"),
        script(session.log),
        file_name="session.sh",
        mime="text/plain",
        on_click="ignore",
        help=text("session.download.help", scenario=start.scenario, seed=start.seed),
        key="download",
    )


def _settings(text: Text, session: Session) -> None:
    """Another scenario or seed: a new session."""
    from sim.lab import catalog

    names = list(catalog.folders())
    with st.form("settings", border=False):
        name = st.selectbox(
            text("session.scenario"),
            names,
            index=names.index(session.origin.scenario),
            format_func=lambda one: f"{one} · {catalog.load(one).title}",
            key="scenario",
        )
        seed = st.number_input(
            text("session.seed"),
            min_value=0,
            max_value=10**9,
            value=min(session.origin.seed, 10**9),
            key="seed",
        )
        if st.form_submit_button(text("session.start"), key="start"):
            session.reset(origin(str(name), int(seed)))
            st.rerun()


# -- time ---------------------------------------------------------------------------------------------------


def clock(text: Text, session: Session, view: View) -> None:
    """The simulated clock and what moves it."""
    minutes, seconds = divmod(int(view.now), 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours:d}:{minutes:02d}:{seconds:02d}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**:material/timer: {text('page.clock', clock=shown)}**",
            help=text("page.clock.help", date=view.date),
            width="content",
        )
        if session.playing:
            st.button(text("time.pause"), key="pause", icon=":material/pause:", on_click=session.pause)
        else:
            st.button(
                text("time.play"),
                key="play",
                icon=":material/play_arrow:",
                on_click=lambda: session.play(int(st.session_state.get("speed") or SPEEDS[1])),
            )
        for step in (10, 60, 300):
            st.button(
                text(f"time.{step}"), key=f"advance.{step}", on_click=session.type, args=(f"sleep {step}",)
            )
        st.segmented_control(
            text("time.speed"),
            SPEEDS,
            default=SPEEDS[1],
            required=True,
            key="speed",
            format_func=lambda speed: f"×{speed}",
            help=text("time.speed"),
            label_visibility="collapsed",
            on_change=partial(_change_speed, session),
        )


def _change_speed(session: Session) -> None:
    if session.playing:
        session.play(int(st.session_state["speed"]))


# -- the tutorial -------------------------------------------------------------------------------------------


def steps(text: Text, session: Session, view: View) -> None:
    """A button a step, with its command, a sentence, and √ when the cluster shows it was taken."""
    st.subheader(text("steps.title"))
    st.caption(text("steps.intro"))
    upcoming = next((i for i, done in enumerate(view.done) if not done), None)
    for number, (step, done) in enumerate(zip(view.steps, view.done, strict=True)):
        label = f"{'√' if done else number + 1}  {text(f'step.{step.id}')}"
        st.button(
            label,
            key=f"step.{step.id}",
            type="primary" if number == upcoming else "secondary",
            on_click=session.type,
            args=(step.script,),
            width="stretch",
            help=f"{text(f'step.{step.id}.text')}\n```\n{step.script}\n```",
        )
    # Below the buttons, so that these stay where they are from step to step.
    typed = [shown for shown in view.transcript if not shown.line.endswith(PLAYING)]
    if typed:
        last = next((one for one in view.steps if one.script == typed[-1].line), None)
        st.caption(text("steps.ran"))
        st.code("\n".join(one.line[:2000] for one in typed[-3:]), language="bash", wrap_lines=True)
        if last is not None:
            st.write(text(f"step.{last.id}.text"))
    if upcoming is not None:
        step = view.steps[upcoming]
        st.caption(f"{text('steps.next')}: **{text(f'step.{step.id}')}**")
        st.code(step.script, language="bash", wrap_lines=True)


# -- what if ------------------------------------------------------------------------------------------------


def knobs(text: Text, session: Session, view: View) -> None:
    """Controls of the demo application; they stand where the cluster says, whoever turned them."""
    state = view.knobs
    st.subheader(text("knobs.title"))
    if not state.deployed:
        st.caption(text("knobs.wait"))
    target = st.session_state.get("knob.target", "voting")
    st.session_state["knob.mesh"] = state.injected
    st.session_state["knob.doughnut"] = round(state.doughnut * 100)
    st.session_state["knob.delay"] = int(min(DELAY_MAX, max(0.0, state.delay_ms.get(target, 0.0))))
    st.session_state["knob.bots"] = max(0, min(BOTS_MAX, state.bots))
    installed = view.done[[step.id for step in view.steps].index("install")]
    st.toggle(
        text("knobs.mesh"),
        key="knob.mesh",
        on_change=partial(_mesh, session),
        disabled=not (state.deployed and installed),
        help=text("knobs.mesh.help") if installed else text("knobs.mesh.wait"),
    )
    off = not state.deployed
    _slider(text, "doughnut", 100, 5, partial(_doughnut, session), off)
    _slider(text, "delay", DELAY_MAX, DELAY_STEP, partial(_delay, session, view), off)
    st.segmented_control(
        text("knobs.delay.to"),
        ["voting", "emoji", "web"],
        default="voting",
        required=True,
        key="knob.target",
        disabled=off,
        label_visibility="collapsed",
    )
    _slider(text, "bots", BOTS_MAX, 1, partial(_bots, session), off)


def _slider(text: Text, name: str, most: int, step: int, do: "partial[None]", off: bool) -> None:
    """A slider from 0, whose place in the session's state was set before."""
    label, about = text(f"knobs.{name}"), text(f"knobs.{name}.help")
    st.slider(label, 0, most, step=step, key=f"knob.{name}", on_change=do, disabled=off, help=about)


def _mesh(session: Session) -> None:
    session.type(INJECT if st.session_state["knob.mesh"] else UNINJECT)


def _doughnut(session: Session) -> None:
    rate = st.session_state["knob.doughnut"] / 100
    session.type(f"fault error -n {DEMO} deploy/voting --route VoteDoughnut --rate {rate:g}")


def _delay(session: Session, view: View) -> None:
    delay, target = st.session_state["knob.delay"], st.session_state.get("knob.target", "voting")
    if delay:
        session.type(f"fault latency -n {DEMO} deploy/{target} --add {delay}ms")
    elif target in view.knobs.delays:
        session.type(f"fault clear {view.knobs.delays[target]}")


def _bots(session: Session) -> None:
    session.type(f"kubectl -n {DEMO} scale deploy/vote-bot --replicas={st.session_state['knob.bots']}")
