"""What a played lesson ends with: before and after, the trail of a failure, a figure."""

from collections.abc import Callable
from pathlib import Path

from sim.lab import charts, results, trail
from sim.lab.player import RECAP, Played
from sim.lab.run import caption

__all__ = ["figure", "show"]

MARKS = {"inject": "injected", "fault": "fault", "heal": "healed"}  # steps worth a line in the figure


def show(played: Played, write: Callable[[int, str], object]) -> None:
    """Print the outputs worth comparing, and the trail of the last request that failed."""
    for step in RECAP:
        if step in played.output:
            write(1, f"{played.texts.sections[step].heading} ({step})\n{played.output[step]}\n")
    rows = trail.last_failure(played.sandbox.tables)
    if rows:
        write(1, "The trail of a request that failed\n")
        width = max(len(row.hop) for row in rows)
        middle = max(len(row.what) for row in rows)
        for number, row in enumerate(rows, 1):
            write(
                1,
                f"  {number}  {row.hop:{width}}  {row.what:{middle}}  {row.wire}  {row.verdict}".rstrip()
                + "\n",
            )
        write(1, "\n")


def figure(played: Played, folder: Path) -> Path:
    """Draw success rate and latency of the source's requests, and return the file.

    Raises:
        OSError: the folder cannot be written.
    """
    frame = results.requests(played.sandbox.tables)
    sources = set(frame["src"]) - {
        f"deploy/{dst.partition('.')[0].removesuffix('-svc')}" for dst in frame["dst"]
    }
    frame = frame[frame["src"].isin(sources)]
    marks = tuple(
        charts.Mark(played.times[step], label) for step, label in MARKS.items() if step in played.times
    )
    drawn = charts.golden_signals(
        frame,
        title=f"{played.texts.title}: requests of the load",
        caption=caption(played.sandbox),
        marks=marks,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{played.lesson.id}.png"
    drawn.savefig(path, dpi=130)
    return path
