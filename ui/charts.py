"""Charts over simulated time: what happened on the left, what the mesh saw on the right, never mixed."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.session import Session
from ui.state.past import SHOWN, Point
from ui.state.view import View
from ui.text import Text

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

__all__ = ["show"]

# Okabe and Ito's colours; the brighter ones on dark.
# Source: jfly.uni-koeln.de/color, "Color Universal Design" (2008).
LIGHT = ("#0072B2", "#009E73", "#B86E00", "#D55E00")
DARK = ("#56B4E9", "#2FC79A", "#E69F00", "#FF8A4C")
QUANTILES = ("P50", "P95", "P99")
HEIGHT, TALL = 150, 240


def show(text: Text, view: View, session: Session) -> None:
    """Success rate, RPS and latency of the chosen workload."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(text("charts.title"), width="content")
        if view.workloads:
            st.session_state["workload"] = view.choice[1]
            st.selectbox(
                text("charts.workload"),
                view.workloads,
                key="workload",
                format_func=lambda name: f"{text('charts.workload')} {name}",
                label_visibility="collapsed",
                width=260,
                on_change=_choose,
            )
    truth, seen = st.columns(2, gap="medium")
    ends = (max(0.0, view.now - SHOWN) / 60.0, max(view.now, 60.0) / 60.0)
    everything = [*view.truth.points, *view.seen]
    scales = _scales(everything)
    with truth:
        note = text("charts.truth.text", width=view.truth.width)
        _column(text, view, "truth", note, view.truth.points, ends, scales)
    with seen:
        _column(text, view, "seen", text("charts.seen.text"), view.seen, ends, scales)


def _choose() -> None:
    """Another workload was chosen."""
    session = st.session_state["session"]
    session.choice = (session.choice[0], st.session_state["workload"])


def _scales(points: list[Point]) -> dict[str, tuple[float, float]]:
    """Both columns share their axes, so that they can be compared by eye."""
    worst = min((point.success for point in points), default=1.0)
    latencies = [point.p99 for point in points if point.p99 == point.p99]
    return {
        "success": (50.0 if worst >= 0.5 else 0.0, 100.0),
        "rps": (0.0, max((point.rps for point in points), default=1.0) * 1.1),
        "latency": (0.0, max(latencies, default=1.0) * 1.1),
    }


def _column(
    text: Text,
    view: View,
    which: str,
    note: str,
    points: tuple[Point, ...],
    ends: tuple[float, float],
    scales: dict[str, tuple[float, float]],
) -> None:
    st.markdown(f"**{text(f'charts.{which}')}** · {view.choice[1]}")
    st.caption(note)
    if not points:
        st.info(text(f"charts.no_{which}", workload=view.choice[1]))
        return
    import pandas as pd

    frame = pd.DataFrame([asdict(point) for point in points])
    frame["minutes"] = frame["t"] / 60.0
    frame["success"] *= 100.0
    for name in ("success", "rps", "latency"):
        chart = _chart(text, view, name, frame, ends, scales[name])
        st.altair_chart(
            chart, width="stretch", key=f"chart.{which}.{name}", alt=_alt(text, view, which, name, frame)
        )
    st.caption(view.caption)
    with st.expander(text("charts.table")):
        table = frame[["t", "success", "rps", "p50", "p95", "p99"]].round(2)
        table.columns = [text("charts.end"), text("charts.success"), text("charts.rps"), *QUANTILES]
        st.dataframe(table, hide_index=True, height=200, alt=text(f"charts.{which}"))


def _alt(text: Text, view: View, which: str, name: str, frame: "pd.DataFrame") -> str:
    """What a chart shows, in a sentence."""
    column = "p99" if name == "latency" else name
    return text(
        "charts.alt",
        what=text(f"charts.{name}"),
        workload=view.choice[1],
        view=text(f"charts.{which}"),
        first=f"{frame[column].iloc[0]:.1f}",
        begin=float(frame["minutes"].iloc[0]),
        last=f"{frame[column].iloc[-1]:.1f}",
        end=float(frame["minutes"].iloc[-1]),
    )


def _chart(
    text: Text,
    view: View,
    name: str,
    frame: "pd.DataFrame",
    ends: tuple[float, float],
    scale: tuple[float, float],
) -> "alt.LayerChart":
    """One panel: lines with points, and the moments at which something was done."""
    import altair as alt

    present = st.query_params.get("present") == "1"
    colours = DARK if st.context.theme.type == "dark" else LIGHT
    x = alt.X("minutes:Q", title=text("charts.time") if name == "latency" else None)
    x = x.scale(domain=list(ends), nice=False)
    y = alt.Y("value:Q", title=None).scale(domain=list(scale), nice=name != "success", zero=False)
    columns = ["p50", "p95", "p99"] if name == "latency" else [name]
    long = frame.melt(["minutes"], columns, var_name="figure")
    long["figure"] = long["figure"].str.upper()
    base = alt.Chart(long.dropna()).encode(x=x, y=y)
    if name == "latency":
        legend = alt.Legend(orient="top", title=None)
        shown = base.mark_line(point=alt.OverlayMarkDef(size=24), strokeWidth=2).encode(
            color=alt.Color("figure:N", legend=legend).scale(domain=list(QUANTILES), range=list(colours[1:])),
            strokeDash=alt.StrokeDash("figure:N", legend=legend).scale(
                domain=list(QUANTILES), range=[[1, 0], [6, 3], [2, 2]]
            ),
        )
    else:
        shown = base.mark_line(
            color=colours[0], strokeWidth=2, point=alt.OverlayMarkDef(color=colours[0], size=24)
        )
    size = 16 if present else 12
    title = alt.TitleParams(text(f"charts.{name}"), anchor="start", fontSize=size + 1, fontWeight="normal")
    layers: Any = alt.layer(*_marks(text, view, ends, size, name == "success"), shown)
    made: alt.LayerChart = layers.properties(height=TALL if present else HEIGHT, title=title)
    return made.configure_axis(labelFontSize=size, titleFontSize=size).configure_legend(labelFontSize=size)


def _marks(text: Text, view: View, ends: tuple[float, float], size: int, labelled: bool) -> "list[alt.Chart]":
    """Vertical lines where something was injected or broken; labelled in the top panel."""
    import altair as alt
    import pandas as pd

    if not view.marks:
        return []
    rows = [(mark.t / 60.0, text(mark.what), mark.line) for mark in view.marks]
    frame = pd.DataFrame(rows, columns=["minutes", "what", "line"])
    x = alt.X("minutes:Q").scale(domain=list(ends), nice=False)
    rules = (
        alt.Chart(frame).mark_rule(strokeDash=[5, 3], color="#888888").encode(x=x, tooltip=["what", "line"])
    )
    if not labelled:
        return [rules]
    words = alt.Chart(frame).mark_text(
        align="left", baseline="bottom", dx=3, color="#888888", fontSize=size - 1, y="height"
    )
    return [rules, words.encode(x=x, text="what:N")]
