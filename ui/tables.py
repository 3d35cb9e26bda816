"""Tables: golden metrics, pods, events."""

import streamlit as st

from ui.state import golden as figures
from ui.state.view import View
from ui.text import Text

__all__ = ["SHAPES", "golden", "pods", "rate"]

# Shape and colour: whoever does not see the one sees the other.
SHAPES = {"good": ("●", "green"), "warning": ("▲", "orange"), "bad": ("◆", "red")}


def rate(success: float | None) -> str:
    """A success rate with its shape and colour."""
    if success is None:
        return "-"
    shape, colour = SHAPES[figures.grade(success)]
    return f":{colour}[{shape}] {success:.2%}"


def golden(text: Text, view: View) -> None:
    """Name, Meshed, success rate, RPS, P50, P95, P99, and why figures are missing."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(text("golden.title"), width="content")
        if len(view.namespaces) > 1:
            st.session_state["namespace"] = view.choice[0]
            st.selectbox(
                text("golden.namespace"),
                view.namespaces,
                key="namespace",
                label_visibility="collapsed",
                width=220,
                on_change=_choose,
            )
    if not view.golden.rows:
        st.info(text("golden.none"))
        return
    st.markdown(_golden(text, view))
    if missing := _missing(text, view):
        st.markdown(missing)
    st.caption(f"{text('golden.legend')} — {text('golden.as')}", help=text("golden.caption"))
    viz = "viz " if view.edition == "edge" else ""
    st.code(f"linkerd {viz}stat -n {view.choice[0]} deploy{' --unmeshed' if viz else ''}", language="bash")


def _choose() -> None:
    """Another namespace was chosen."""
    session = st.session_state["session"]
    session.choice = (st.session_state["namespace"], session.choice[1])


def _golden(text: Text, view: View) -> str:
    """The table as Markdown; names are DNS labels, so nothing needs escaping."""
    heads = [text("golden.name"), text("golden.meshed"), text("golden.success"), text("golden.rps")]
    lines = ["| " + " | ".join([*heads, "P50", "P95", "P99"]) + " |", "|:--|--:|--:|--:|--:|--:|--:|"]
    for row in view.golden.rows:
        proxies, _, total = row.meshed.partition("/")
        meshed = f"**{row.meshed}**" if proxies == total != "0" else row.meshed
        cells = [f"**{row.name}**", meshed, rate(row.success)]
        cells.append("-" if row.rps is None else f"{row.rps:.2f}")
        cells += ["-" if q is None else f"{q} ms" for q in (row.p50, row.p95, row.p99)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _missing(text: Text, view: View) -> str:
    """Why each row without figures has none, rows of one reason together."""
    reasons: dict[str, list[str]] = {}
    for row in view.golden.rows:
        if row.why:
            reasons.setdefault(row.why, []).append(row.name)
    return "\n".join(f"- `-` **{', '.join(names)}**: {text(why)}" for why, names in reasons.items())


def pods(text: Text, view: View) -> None:
    """The pods of the namespace, as ``kubectl get pods -o wide`` would list them."""
    st.subheader(text("pods.title"))
    st.code(f"kubectl get pods -n {view.choice[0] or 'default'} -o wide", language="bash")
    if not view.pods:
        st.caption(text("pods.none"))
        return
    heads = [text(f"pods.{name}") for name in ("name", "ready", "status", "restarts", "age", "node")]
    lines = ["| " + " | ".join(heads) + " |", "|:--|:-:|:--|--:|--:|:--|"]
    for pod in view.pods:
        ready = f"**{pod.ready}** :material/lock:" if pod.meshed and pod.well else pod.ready
        status = pod.status if pod.well else f":orange[▲] {pod.status}"
        lines.append(f"| {pod.name} | {ready} | {status} | {pod.restarts} | {pod.age} | {pod.node} |")
    st.markdown("\n".join(lines))


def events(text: Text, view: View) -> None:
    """The newest events. Their messages are anybody's text, so they are shown as data, not as Markdown."""
    st.subheader(text("events.title"))
    st.code(f"kubectl get events -n {view.choice[0] or 'default'}", language="bash")
    if not view.events:
        st.caption(text("events.none"))
        return
    import pandas as pd

    names = [text(f"events.{name}") for name in ("time", "kind", "object", "message")]
    rows = [(round(event.t, 1), event.kind, event.object, event.message) for event in view.events]
    st.dataframe(pd.DataFrame(rows, columns=names), hide_index=True, height=260, alt=text("events.title"))
