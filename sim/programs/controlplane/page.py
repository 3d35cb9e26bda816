"""The dashboard's pages: namespaces, and the workloads of one, with their figures."""

from collections.abc import Sequence
from html import escape
from typing import Any

from mesh.viz.tables import latency, percent, rate

__all__ = ["page", "table"]

# What the dashboard shows where nothing was measured. Source: screenshots of `linkerd dashboard`.
MISSING = "---"
HEADER = ("Meshed", "Success Rate", "RPS", "P50 Latency", "P95 Latency", "P99 Latency")
FIGURES = (
    ("success", percent),
    ("rps", rate),
    ("latency_ms_p50", latency),
    ("latency_ms_p95", latency),
    ("latency_ms_p99", latency),
)

Row = dict[str, Any]  # as `stat -o json` has it


def page(version: str, title: str, body: str) -> str:
    """A whole page."""
    return (
        f"<!doctype html>\n<title>Linkerd</title>\n<h1>{escape(title)}</h1>\n{body}"
        f"<p>Linkerd dashboard, {escape(version)}</p>\n"
    )


def table(kind: str, rows: Sequence[Row], *, link: str = "") -> str:
    """Rows of one kind as a table; names lead to ``link`` and the name."""
    lines = [_line("th", [escape(kind), *HEADER])]
    for row in rows:
        name = escape(row["name"])
        cells = [f'<a href="{escape(link)}{name}">{name}</a>' if link else name, row["meshed"]]
        cells += [MISSING if row[key] is None else show(row[key]) for key, show in FIGURES]
        lines.append(_line("td", cells))
    return "<table>\n" + "".join(lines) + "</table>\n"


def _line(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>\n"
