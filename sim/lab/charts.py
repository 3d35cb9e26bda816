"""Figures of a run, drawn with matplotlib's objects (never pyplot's state, which threads would share)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.lab.run import Run

__all__ = ["Mark", "golden_signals", "save_run"]

# Okabe and Ito's colours, which colour-blind readers tell apart.
# Source: jfly.uni-koeln.de/color, "Color Universal Design" (2008).
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line in every panel."""

    t_s: float
    label: str


def golden_signals(
    frame: "pd.DataFrame", *, title: str, caption: str, window_s: float = 15.0, marks: tuple[Mark, ...] = ()
) -> "Figure":
    """Success rate above, latency quantiles below, over time.

    Args:
        frame: requests of one source, as :func:`sim.lab.results.requests` gives them.
        caption: scenario, seed, version and preset: what a reader needs to make it again.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    time, success, quantiles = _windows(frame, window_s)
    above.plot(time, 100.0 * success, color=BLUE, marker="o", markersize=3, linewidth=1.4)
    above.set_ylabel("success rate (%)")
    above.set_ylim(-3, 106)
    styles = ((50, GREEN, "-", "o"), (95, ORANGE, "--", "s"), (99, RED, ":", "^"))
    for (q, colour, line, marker), values in zip(styles, quantiles, strict=True):
        below.plot(
            time,
            values,
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=3,
            label=f"P{q}",
            linewidth=1.4,
        )
    below.set_ylabel("latency (ms)")
    below.set_xlabel("simulated seconds")
    below.set_ylim(bottom=0)
    below.legend(loc="upper left", ncols=3, frameon=False)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        _mark(axes, marks, axes is above)
    fonts = _fonts()
    figure.suptitle(title, fontfamily=fonts)
    figure.supxlabel(caption, x=0.995, ha="right", fontsize=7, color=GREY, fontfamily=fonts)
    return figure


def _fonts() -> list[str]:
    """Families in which every glyph of our texts is found: matplotlib's own, then a Japanese one."""
    from importlib.util import find_spec

    from matplotlib.font_manager import FontProperties, fontManager

    families = ["DejaVu Sans"]
    spec = find_spec("matplotlib_fontja")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        for file in sorted(Path(folder).rglob("*.ttf")):
            fontManager.addfont(file)
            families.append(FontProperties(fname=file).get_name())
    return families


def _windows(frame: "pd.DataFrame", window_s: float) -> tuple[Any, Any, list[Any]]:
    """Middle, success rate and P50, P95, P99 of each window that has requests."""
    index = (frame["start_s"] // window_s).astype(int)
    grouped = frame.groupby(index)
    time = (grouped["start_s"].min().index.to_numpy() + 0.5) * window_s
    success = grouped["success"].mean().to_numpy()
    quantiles = [grouped["latency_ms"].quantile(q).to_numpy() for q in (0.5, 0.95, 0.99)]
    return time, success, quantiles


def _mark(axes: Any, marks: tuple[Mark, ...], labelled: bool) -> None:
    """Vertical lines; their labels only once, above the upper panel."""
    for number, mark in enumerate(marks):
        axes.axvline(mark.t_s, color=GREY, linewidth=1.0, linestyle="-.")
        if labelled:
            height = 1.02 + 0.07 * (number % 2)
            axes.text(
                mark.t_s,
                height,
                mark.label,
                transform=axes.get_xaxis_transform(),
                fontsize=8,
                color=GREY,
                ha="left",
            )
    axes.margins(x=0.01)
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))


def save_run(done: "Run", folder: Path) -> list[Path]:
    """Draw each source's golden signals of a run; the files written, none without requests."""
    from sim.lab import results

    frame = results.requests(done.sandbox.tables)
    marks = tuple(
        Mark(t, line.split("|")[-1].strip()[:24]) for t, line in done.lines if line.startswith("fault")
    )
    written = []
    for source, group in frame.groupby("src"):
        figure = golden_signals(group, title=f"requests of {source}", caption=done.caption(), marks=marks)
        path = folder / f"requests-{str(source).replace('/', '-')}.png"
        figure.savefig(path, dpi=110)
        written.append(path)
    return written
