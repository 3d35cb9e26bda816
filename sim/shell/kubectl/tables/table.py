"""A table of objects: columns, rows, and what the cells may depend on besides the object."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sim.shell.kubectl.printing.layout import age

__all__ = ["Cells", "Column", "Kind", "Obj", "Table", "View", "columns", "container_cells", "selector"]

Obj: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """When and by which server a table is made.

    Attributes:
        now: Unix seconds.
        minor: the server's minor version; some columns came later.
    """

    now: float
    minor: int = 32

    def age(self, obj: Obj) -> str:
        """Time since the object was created."""
        return age(obj.get("metadata", {}).get("creationTimestamp"), self.now)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; ``wide`` ones show only with ``-o wide``."""

    name: str
    wide: bool = False


Cells: TypeAlias = Callable[[Obj, View], list[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How objects of one kind are shown: columns (all of them, wide too) and the cells of an object."""

    columns: tuple[Column, ...]
    cells: Cells
    since: tuple[tuple[str, int], ...] = ()  # columns that older servers lack: (heading, first minor)


@dataclass(slots=True)
class Table:
    """Columns and rows; each row keeps its object for names, labels and namespaces."""

    columns: tuple[Column, ...]
    rows: list[tuple[list[str], Obj]] = field(default_factory=list)


def columns(narrow: str, wide: str = "") -> tuple[Column, ...]:
    """Columns from headings separated by ``|``."""
    return tuple(
        [Column(name) for name in narrow.split("|")]
        + [Column(name, wide=True) for name in wide.split("|") if name]
    )


def container_cells(template: Obj) -> list[str]:
    """The CONTAINERS and IMAGES cells of a pod template."""
    containers = template.get("spec", {}).get("containers") or []
    return [
        ",".join(container.get("name", "") for container in containers),
        ",".join(container.get("image", "") for container in containers),
    ]


def selector(value: Obj | None) -> str:
    """A label selector as one cell: ``app=web,tier in (a,b)``; ``<none>`` when it selects everything."""
    if not value:
        return "<none>"
    if "matchLabels" not in value and "matchExpressions" not in value:
        return ",".join(f"{key}={text}" for key, text in sorted(value.items()))
    parts = [f"{key}={text}" for key, text in sorted((value.get("matchLabels") or {}).items())]
    parts += [_expression(rule) for rule in value.get("matchExpressions") or []]
    return ",".join(parts) or "<none>"


def _expression(rule: Obj) -> str:
    """One ``matchExpressions`` entry in selector syntax."""
    key, operator, values = rule["key"], rule["operator"], sorted(rule.get("values") or [])
    if operator == "Exists":
        return str(key)
    if operator == "DoesNotExist":
        return f"!{key}"
    return f"{key} {operator.lower()} ({','.join(values)})"
