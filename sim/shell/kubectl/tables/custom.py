"""Rows of custom resources: the printer columns their definition names."""

from sim.shell.kubectl.printing.jsonpath import find, parse_path
from sim.shell.kubectl.printing.layout import age
from sim.shell.kubectl.tables.table import Column, Kind, Obj, View

__all__ = ["custom_kind"]


def custom_kind(definition: Obj, version: str) -> Kind:
    """How objects of a CustomResourceDefinition are shown in ``version``: NAME, its columns, or AGE."""
    given = _given(definition.get("spec", {}), version)
    shown = [
        (c["name"].upper(), c.get("jsonPath") or c.get("JSONPath") or "", c.get("type", "")) for c in given
    ]
    headings = [Column("NAME")]
    headings += [Column(c["name"].upper(), wide=bool(c.get("priority"))) for c in given]
    if not shown:
        shown = [("AGE", ".metadata.creationTimestamp", "date")]
        headings.append(Column("AGE"))
    paths = [(parse_path(path), kind) for _, path, kind in shown]

    def cells(obj: Obj, view: View) -> list[str]:
        row = [obj["metadata"]["name"]]
        for path, kind in paths:
            found = find(path, obj)
            row.append(_cell(found[0] if found else None, kind, view))
        return row

    return Kind(tuple(headings), cells)


def _given(spec: Obj, version: str) -> list[Obj]:
    for entry in spec.get("versions") or []:
        if entry.get("name") == version and entry.get("additionalPrinterColumns"):
            return list(entry["additionalPrinterColumns"])
    return list(spec.get("additionalPrinterColumns") or [])


def _cell(value: object, kind: str, view: View) -> str:
    if value is None:
        return ""
    if kind == "date":
        return age(value, view.now)
    return str(value).lower() if isinstance(value, bool) else str(value)
