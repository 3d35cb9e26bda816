"""Who calls whom: a canvas on which sampled requests travel, and the same as a table."""

from pathlib import Path
from typing import Any

import streamlit as st

from ui.state.golden import grade
from ui.state.traffic import Edge
from ui.state.view import View
from ui.tables import rate
from ui.text import Text

__all__ = ["payload", "show"]

SCRIPT = Path(__file__).with_name("topology.js").read_text(encoding="utf-8")
MARKUP = """<div class="topology">
  <canvas role="img" tabindex="0"></canvas>
  <div class="bar"><span class="legend"></span><button type="button"></button></div>
</div>"""
STYLE = """
.topology { position: relative; width: 100%; font-family: var(--st-font); color: var(--st-text-color); }
canvas { display: block; width: 100%; border-radius: 8px; background: var(--st-secondary-background-color); }
canvas:focus-visible { outline: 2px solid var(--st-primary-color); }
.bar { display: flex; justify-content: space-between; align-items: center; gap: 1rem; margin-top: 4px;
  font-size: 0.9rem; flex-wrap: wrap; }
button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--st-border-color);
  border-radius: 6px; padding: 2px 14px; cursor: pointer; }
"""

# Registered once, at import; everything that varies travels as data.
_canvas = st.components.v2.component("meshdojo_topology", html=MARKUP, css=STYLE, js=SCRIPT)


def show(text: Text, view: View) -> None:
    """The drawing with what its figures and its time mean."""
    st.subheader(text("topology.title"))
    traffic = view.traffic
    if not traffic.nodes:
        st.caption(text("topology.empty"))
        return
    _canvas(key="topology", data=payload(text, view))
    if traffic.dots:
        caption = text("topology.caption", begin=traffic.begin, end=traffic.end, stretch=traffic.stretch)
        more = f" {text('topology.every', every=traffic.every)}" if traffic.every > 1 else ""
        st.caption(caption + more)
    else:
        st.caption(text("topology.idle"))
    if traffic.edges:
        with st.expander(text("topology.table")):
            st.markdown(_table(text, traffic.edges))


def payload(text: Text, view: View) -> dict[str, Any]:
    """What the canvas draws, as plain data."""
    traffic = view.traffic
    number = {node.name: i for i, node in enumerate(traffic.nodes)}
    for edge in traffic.edges:  # callers outside the namespace have no place in the drawing
        number.setdefault(edge.src, -1)
    return {
        "nodes": [
            {
                "name": node.name,
                "x": round(node.x, 4),
                "y": round(node.y, 4),
                "meshed": node.meshed,
                "grade": grade(node.success),
                "figures": "-" if node.success is None else f"{node.success:.1%} · {node.rps:.1f} rps",
            }
            for node in traffic.nodes
        ],
        "edges": [
            {
                "src": number[edge.src],
                "dst": number[edge.dst],
                "secured": edge.secured,
                "label": f"{edge.rps:.1f} rps · {edge.success:.1%}" if edge.rps else "",
            }
            for edge in traffic.edges
        ],
        "dots": [list(dot) for dot in traffic.dots],
        "period": 10.0,
        "height": 420 if st.query_params.get("present") == "1" else 300,
        "pause": text("topology.pause"),
        "resume": text("topology.resume"),
        "legend": text("topology.legend"),
        "summary": _summary(text, view),
    }


def _summary(text: Text, view: View) -> str:
    """The drawing in words."""
    sentences = [
        text(
            "topology.alt.edge",
            src=edge.src,
            dst=edge.dst,
            rps=f"{edge.rps:.1f}",
            success=f"{edge.success:.1%}",
            secured=text("topology.alt.secured") if edge.secured else "",
        )
        for edge in view.traffic.edges
        if edge.rps
    ]
    return text("topology.alt", namespace=view.choice[0], edges=" ".join(sentences))


def _table(text: Text, edges: tuple[Edge, ...]) -> str:
    """The edges as Markdown."""
    heads = [text(f"topology.{name}") for name in ("from", "to")]
    heads += [text("golden.rps"), text("golden.success"), "P99", text("topology.secured")]
    lines = ["| " + " | ".join(heads) + " |", "|:--|:--|--:|--:|--:|:--|"]
    for edge in edges:
        cells = [edge.src, edge.dst, f"{edge.rps:.2f}", rate(edge.success if edge.rps else None)]
        cells += [f"{edge.p99_ms:.1f} ms", text("topology.yes" if edge.secured else "topology.no")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
