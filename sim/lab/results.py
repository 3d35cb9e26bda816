"""The result tables of a run as data frames, and their export.

Columns are the project's contract with notebooks: one row one observation, the unit in the name, a ``run``
column so that runs can be stacked.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.engine.tables import NO_GRPC, Names, Outcome, Tables

if TYPE_CHECKING:
    import pandas as pd

    from mesh.viz.samples import SampleStore, Series

__all__ = ["attempts", "events", "pods", "requests", "samples", "summary", "write"]

OUTCOMES = np.array([outcome.name.lower() for outcome in Outcome], dtype=object)


def requests(tables: Tables, run: int = 0) -> "pd.DataFrame":
    """Logical requests: what callers wanted, and what became of it (client truth)."""
    import pandas as pd

    rows = tables.requests.array()
    src, dst, route = _columns(tables.edges, rows["edge"], 3)
    grpc = pd.array(rows["grpc_status"].astype(int), dtype="Int64")
    frame = pd.DataFrame(
        {
            "run": run,
            "trace": rows["trace"],
            "start_s": rows["start_s"],
            "src": src,
            "dst": dst,
            "route": route,
            "status": rows["status"],
            "grpc_status": grpc,
            "outcome": OUTCOMES[rows["outcome"]],
            "success": rows["outcome"] == Outcome.OK,
            "latency_ms": rows["latency_s"] * 1000.0,
            "tries": rows["tries"],
        }
    )
    frame.loc[rows["grpc_status"] == NO_GRPC, "grpc_status"] = pd.NA
    return frame


def attempts(tables: Tables, run: int = 0) -> "pd.DataFrame":
    """Sends to endpoints."""
    import pandas as pd

    rows = tables.attempts.array()
    src_pod, dst_pod = _columns(tables.links, rows["link"], 2)
    return pd.DataFrame(
        {
            "run": run,
            "trace": rows["trace"],
            "try": rows["try_tls"] // 2,
            "start_s": rows["start_s"],
            "src_pod": src_pod,
            "dst_pod": dst_pod,
            "status": rows["status"],
            "success": rows["why"] == Outcome.OK,
            "latency_ms": rows["latency_s"] * 1000.0,
            "tls": rows["try_tls"] % 2 == 1,
            "why": OUTCOMES[rows["why"]],
        }
    )


def pods(tables: Tables, run: int = 0) -> "pd.DataFrame":
    """Changes of pods."""
    import pandas as pd

    columns = ["t_s", "namespace", "pod", "workload", "phase", "ready", "containers", "meshed"]
    frame = pd.DataFrame(tables.pods, columns=columns)
    frame.insert(0, "run", run)
    return frame


def events(tables: Tables, run: int = 0) -> "pd.DataFrame":
    """Everything that can be narrated."""
    import pandas as pd

    frame = pd.DataFrame(tables.events, columns=["t_s", "source", "kind", "object", "message"])
    frame.insert(0, "run", run)
    return frame


def samples(store: "SampleStore", run: int = 0) -> "pd.DataFrame":
    """What Prometheus scraped: one row a value that changed."""
    import pandas as pd

    rows: list[tuple[int, float, str, str, str, float]] = []

    def visit(series: "Series") -> None:
        labels = ",".join(f"{name}={value}" for name, value in sorted(series.labels.items()))
        pod = series.labels.get("pod", "")
        rows.extend((run, t, pod, series.metric, labels, value) for t, value in series.kept())

    store.walk(visit)
    return pd.DataFrame(rows, columns=["run", "t_s", "pod", "metric", "labels", "value"])


def summary(
    frame: "pd.DataFrame", window_s: float, start_s: float = 0.0, end_s: float | None = None
) -> "pd.DataFrame":
    """Requests by run, source, destination, route and window.

    Args:
        frame: of :func:`requests`.
        window_s: seconds a window; the last may be shorter, and its rate allows for that.
        start_s: where the first window begins (the end of the warm-up).
        end_s: where the last one ends; the last request's start unless given.
    """
    import pandas as pd

    columns = ["run", "src", "dst", "route", "window_start_s"]
    figures = ["rps", "success_rate", "p50_ms", "p95_ms", "p99_ms", "retries", "timeouts"]
    kept = frame[frame["start_s"] >= start_s]
    if end_s is not None:
        kept = kept[kept["start_s"] < end_s]
    if kept.empty:
        return pd.DataFrame(columns=columns + figures)
    end = float(kept["start_s"].max()) if end_s is None else end_s
    begin = start_s + ((kept["start_s"] - start_s) // window_s) * window_s
    rows = []
    for key, group in kept.assign(window_start_s=begin).groupby(columns, sort=True):
        length = min(window_s, end - key[-1]) or window_s
        quantiles = np.percentile(group["latency_ms"], [50, 95, 99])
        rows.append(
            (
                *key,
                len(group) / length,
                float(group["success"].mean()),
                *(float(q) for q in quantiles),
                int((group["tries"].clip(lower=1) - 1).sum()),
                int((group["outcome"] == "timeout").sum()),
            )
        )
    return pd.DataFrame(rows, columns=columns + figures)


def write(folder: Path, frames: "dict[str, pd.DataFrame]") -> list[Path]:
    """Write each table as CSV and Parquet; the paths written.

    ``samples`` only as Parquet: its labels, spelled out in every row, make a CSV of a hundred megabytes.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in frames.items():
        csv, parquet = folder / f"{name}.csv", folder / f"{name}.parquet"
        if name != "samples":
            frame.to_csv(csv, index=False, float_format="%.6f", lineterminator="\n")
            written.append(csv)
        frame.to_parquet(parquet, index=False)
        written.append(parquet)
    return written


def _columns(names: Names, numbers: Any, width: int) -> list[Any]:
    """The parts of the keys behind a column of numbers."""
    keys = np.array([*names.keys, ("",) * width], dtype=object).reshape(-1, width)
    return [keys[numbers, part] for part in range(width)]
