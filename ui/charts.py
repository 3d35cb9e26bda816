"""Charts over simulated time: what happened on the left, what the mesh saw on the right, never mixed."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.session import Session
from ui.state.past import SHOWN, Point
from ui.state.view import View
from ui.text import Text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["show"]

# Okabe and Ito's colours; the brighter ones on dark.
# Source: jfly.uni-koeln.de/color, "Color Universal Design" (2008).
LIGHT = ("#0072B2", "#009E73", "#CC79A7", "#D55E00")
DARK = ("#56B4E9", "#2FC79A", "#E39BC4", "#FF8A4C")
GREY = "#888888"
QUANTILES = ("P50", "P95", "P99")
HEIGHT, TALL = 210, 300


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
    for name in ("success", "rps", "latency"):
        st.vega_lite_chart(
            None,
            _chart(text, view, name, points, ends, scales[name]),
            width="stretch",
            key=f"chart.{which}.{name}",
            alt=_alt(text, view, which, name, points),
        )
    st.caption(view.caption)
    with st.expander(text("charts.table")):
        st.dataframe(_frame(text, points), hide_index=True, height=200, alt=text(f"charts.{which}"))


def _frame(text: Text, points: tuple[Point, ...]) -> "pd.DataFrame":
    """The points as a table."""
    import pandas as pd

    rows = [(point.t, point.success * 100.0, point.rps, point.p50, point.p95, point.p99) for point in points]
    heads = [text("charts.end"), text("charts.success"), text("charts.rps")]
    heads += [f"{quantile} (ms)" for quantile in QUANTILES]
    return pd.DataFrame(rows, columns=heads).round(2)


def _alt(text: Text, view: View, which: str, name: str, points: tuple[Point, ...]) -> str:
    """What a chart shows, in a sentence."""
    column, factor = ("p99", 1.0) if name == "latency" else (name, 100.0 if name == "success" else 1.0)
    return text(
        "charts.alt",
        what=text(f"charts.{name}"),
        workload=view.choice[1],
        view=text(f"charts.{which}"),
        first=f"{getattr(points[0], column) * factor:.1f}",
        begin=points[0].t / 60.0,
        last=f"{getattr(points[-1], column) * factor:.1f}",
        end=points[-1].t / 60.0,
    )


def _chart(
    text: Text,
    view: View,
    name: str,
    points: tuple[Point, ...],
    ends: tuple[float, float],
    scale: tuple[float, float],
) -> dict[str, Any]:
    """One panel in Vega-Lite: lines with points, and the moments at which something was done.

    Written as plain data: building it with Altair costs fifty times as much, at each tick of playing.
    """
    present = st.query_params.get("present") == "1"
    size = 16 if present else 12
    latency = name == "latency"
    title = {"text": text(f"charts.{name}"), "anchor": "start", "fontSize": size + 1, "fontWeight": "normal"}
    axis = {"labelFontSize": size, "titleFontSize": size}
    x = {
        "field": "minutes",
        "type": "quantitative",
        "title": text("charts.time") if latency else None,
        "scale": {"domain": list(ends), "nice": False},
        "axis": axis,
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": list(scale), "zero": False, "nice": name != "success"},
        "axis": axis,
    }
    return {
        "title": title,
        "height": (TALL if present else HEIGHT) + (40 if latency else 0),  # for legend and axis title
        "layer": [*_marks(text, view, x, size, name == "success"), _lines(name, points, x, y, size)],
    }


def _lines(
    name: str, points: tuple[Point, ...], x: dict[str, Any], y: dict[str, Any], size: int
) -> dict[str, Any]:
    """The figures: one line, or three for the quantiles, apart by colour and dashes."""
    colours = DARK if st.context.theme.type == "dark" else LIGHT
    names = ("p50", "p95", "p99") if name == "latency" else (name,)
    factor = 100.0 if name == "success" else 1.0
    rows = [
        {"minutes": point.t / 60.0, "figure": one.upper(), "value": getattr(point, one) * factor}
        for point in points
        for one in names
        if getattr(point, one) == getattr(point, one)
    ]
    encoding: dict[str, Any] = {"x": x, "y": y}
    mark: dict[str, Any] = {"type": "line", "strokeWidth": 2, "point": {"size": 24}, "tooltip": True}
    if name == "latency":
        legend = {
            "orient": "top",
            "title": None,
            "symbolType": "stroke",
            "symbolStrokeWidth": 3,
            "labelFontSize": size,
        }
        domain = list(QUANTILES)
        figure = {"field": "figure", "type": "nominal", "legend": legend}
        encoding["color"] = {**figure, "scale": {"domain": domain, "range": list(colours[1:])}}
        encoding["strokeDash"] = {**figure, "scale": {"domain": domain, "range": [[1, 0], [6, 3], [2, 2]]}}
    else:
        mark |= {"color": colours[0], "point": {"size": 24, "color": colours[0]}}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _marks(text: Text, view: View, x: dict[str, Any], size: int, labelled: bool) -> list[dict[str, Any]]:
    """Vertical lines where something was injected or broken; labelled in the top panel."""
    if not view.marks:
        return []
    data = {
        "values": [
            {"minutes": mark.t / 60.0, "what": text(mark.what), "line": mark.line[:200]}
            for mark in view.marks
        ]
    }
    tooltip = [{"field": name, "type": "nominal"} for name in ("what", "line")]
    rules = {
        "data": data,
        "mark": {"type": "rule", "strokeDash": [5, 3], "color": GREY},
        "encoding": {"x": x, "tooltip": tooltip},
    }
    words = {
        "data": data,
        "mark": {"type": "text", "align": "left", "dx": 4, "dy": -6, "color": GREY, "fontSize": size - 1},
        "encoding": {"x": x, "y": {"value": "height"}, "text": {"field": "what", "type": "nominal"}},
    }
    return [rules, words] if labelled else [rules]
