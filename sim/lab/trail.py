"""The trail of one request: what it caused, hop by hop, from the tables of what happened."""

from typing import Any, NamedTuple

import numpy as np

from mesh.grpc import code_name
from sim.engine.tables import NO_GRPC, Outcome, Tables

__all__ = ["Row", "last_failure"]


class Row(NamedTuple):
    """One hop. The first row is the request as it is sent, the last the answer it got."""

    hop: str
    what: str
    wire: str
    verdict: str


def last_failure(tables: Tables) -> list[Row]:
    """The trail of the newest request of a source that failed because the application said so.

    Empty when there is none.
    """
    rows = tables.requests.array()
    failed = rows[rows["outcome"] == Outcome.APP_ERROR]
    callers = {dst for _, dst, _ in tables.edges.keys}
    for row in failed[::-1]:
        src, _, _ = tables.edges.keys[row["edge"]]
        if not any(dst.partition(".")[0].startswith(src.rpartition("/")[2]) for dst in callers):
            return _trail(tables, rows, row)
    return []


def _trail(tables: Tables, rows: Any, root: Any) -> list[Row]:
    """What the root request caused: same trace, within its time, sent by somebody else."""
    end = root["start_s"] + root["latency_s"]
    same = rows[(rows["trace"] == root["trace"]) & (rows["edge"] != root["edge"])]
    inner = same[(same["start_s"] >= root["start_s"]) & (same["start_s"] < end)]
    inner = inner[np.argsort(inner["start_s"], kind="stable")]
    src, dst, route = tables.edges.keys[root["edge"]]
    trail = [Row(f"{_short(src)} → {_short(dst)}", f"asks {route}", "", "")]
    for row in inner:
        a, b, path = tables.edges.keys[row["edge"]]
        trail.append(Row(f"{_short(a)} → {_short(b)}", path.rpartition("/")[2], _wire(row), _verdict(row)))
    trail.append(Row(f"{_short(dst)} → {_short(src)}", f"answers {route}", _wire(root), _verdict(root)))
    return trail


def _short(name: str) -> str:
    """``deploy/web`` → web; ``web-svc.emojivoto`` → web-svc."""
    return name.rpartition("/")[2].partition(".")[0]


def _wire(row: Any) -> str:
    """What stood on the wire."""
    text = f"HTTP {row['status']}" if row["status"] else "no answer"
    code = int(row["grpc_status"])
    if code != NO_GRPC:
        text += f", grpc-status {code} ({code_name(code)})"
    return f"{text}, {row['latency_s'] * 1000:.1f} ms"


def _verdict(row: Any) -> str:
    return "success" if row["outcome"] == Outcome.OK else "failure"
