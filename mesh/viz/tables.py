"""Tables as the command prints them: columns, gaps, and what stands where nothing was measured."""

from collections.abc import Collection, Sequence
from typing import Any

from mesh.viz.stat import StatRow

__all__ = [
    "MISSING",
    "Line",
    "columns",
    "latency",
    "percent",
    "rate",
    "stat_json",
    "stat_table",
    "stat_tables",
]

Line = Sequence[str]
MISSING = "-"


def columns(lines: Sequence[Line], *, left: Collection[int], gap: int = 3) -> str:
    """Lines of cells as text: columns in ``left`` are left aligned, the others right; ``gap`` blanks between.

    No line ends in blanks; the text ends in a newline unless there are no lines.
    """
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for line in lines:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append((" " * gap).join(cells).rstrip())
    return "\n".join(out) + "\n"


def percent(share: float) -> str:
    """A success rate: ``92.07%``."""
    return f"{share * 100:.2f}%"


def rate(rps: float) -> str:
    """Requests per second: ``2.0rps``."""
    return f"{rps:.1f}rps"


def latency(milliseconds: int) -> str:
    """A latency: ``12ms``."""
    return f"{milliseconds}ms"


def bytes_rate(count: int, window: float) -> str:
    """Bytes per second: ``2.0B/s``."""
    return f"{count / window:.1f}B/s"


FIGURES = ("SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99")


def _figures(row: StatRow, *, wide: bool) -> list[str]:
    """Success, RPS, latencies and TCP of a row; ``-`` everywhere when there were no requests."""
    figures = row.figures
    if not figures.seen:
        return [MISSING] * (8 if wide else 6)
    cells = [
        percent(figures.success_rate),
        rate(figures.rps),
        latency(figures.p50),
        latency(figures.p95),
        latency(figures.p99),
        str(row.connections),
    ]
    if wide:
        cells += [bytes_rate(row.read, figures.window), bytes_rate(row.written, figures.window)]
    return cells


def meshed(row: StatRow) -> str:
    """The MESHED cell: meshed pods among those that should run."""
    return f"{row.pods.meshed}/{row.pods.running}" if row.resource.of.owner else MISSING


def stat_table(rows: Sequence[StatRow], *, namespaces: bool, wide: bool, prefixed: bool) -> str:
    """One kind's table.

    Args:
        namespaces: show the NAMESPACE column.
        wide: show bytes per second too.
        prefixed: names with their kind: ``deploy/web``.
    """
    kind = rows[0].resource.of
    show_namespace = namespaces and kind.name != "namespace"
    header = ["NAMESPACE"] * show_namespace + ["NAME"] + ["STATUS"] * (kind.name == "pod") + ["MESHED"]
    header += [*FIGURES, "TCP_CONN"] + ["READ_BYTES/SEC", "WRITE_BYTES/SEC"] * wide
    lines: list[Line] = [header]
    for row in rows:
        name = f"{kind.short}/{row.resource.name}" if prefixed else row.resource.name
        lines.append(
            [row.resource.namespace] * show_namespace
            + [name]
            + [row.status] * (kind.name == "pod")
            + [meshed(row), *_figures(row, wide=wide)]
        )
    return columns(lines, left=range(1 + show_namespace))


def stat_tables(tables: Sequence[Sequence[StatRow]], *, namespaces: bool, wide: bool) -> str:
    """Every table that has rows, blank lines between; names carry their kind when there are several."""
    filled = [rows for rows in tables if rows]
    prefixed = len(filled) > 1
    texts = [stat_table(rows, namespaces=namespaces, wide=wide, prefixed=prefixed) for rows in filled]
    return "\n".join(texts)


def stat_json(tables: Sequence[Sequence[StatRow]]) -> list[dict[str, Any]]:
    """Rows as ``-o json`` prints them; figures are null where nothing was measured."""
    out = []
    for row in (row for rows in tables for row in rows):
        figures, seen = row.figures, row.figures.seen
        out.append(
            {
                "namespace": row.resource.namespace,
                "kind": row.resource.kind,
                "name": row.resource.name,
                "meshed": meshed(row),
                "success": figures.success_rate if seen else None,
                "rps": figures.rps if seen else None,
                "latency_ms_p50": figures.p50 if seen else None,
                "latency_ms_p95": figures.p95 if seen else None,
                "latency_ms_p99": figures.p99 if seen else None,
                "tcp_open_connections": row.connections if seen else None,
                "tcp_read_bytes_rate": row.read / figures.window if seen else None,
                "tcp_write_bytes_rate": row.written / figures.window if seen else None,
            }
        )
    return out
