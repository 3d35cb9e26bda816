"""``kubectl get``: objects as a table, or as ``-o`` asks; with ``-w``, their changes too."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, FILES, OUTPUT, SELECTED, TEMPLATE
from sim.shell.kubectl.printing.jsonpath import JsonPathError, find, parse_path
from sim.shell.kubectl.printing.layout import rows
from sim.shell.kubectl.printing.output import printer
from sim.shell.kubectl.sources import live, load
from sim.shell.kubectl.tables import Kind, Table, custom_kind, kind_of, table
from sim.shell.kubectl.targets import Found, Wanted, fetch, short_type, wanted

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource

__all__ = ["GET", "Heading", "kind_for", "print_tables", "table_lines"]


def get(call: Call) -> None:
    """Read, sort, print; then watch if asked to."""
    if call["raw"]:
        _raw(call)
        return
    if call["filename"]:
        targets: list[Wanted] = []
        found = list(live(call, load(call)))
        single = len(found) == 1
    else:
        targets = wanted(call, call.args)
        found = _ignoring(call, targets)
        single = len(targets) == 1 and bool(targets[0].name)
    if call["sort-by"]:
        found = sorted_by(call["sort-by"], found)
    if call["watch"] or call["watch-only"]:
        from sim.shell.kubectl.reading.watching import watch

        watch(call, targets, found)
        return
    make = printer(call)
    if make is not None:
        if found or not call.status:
            call.write(make(found, not single))
    elif found:
        print_tables(call, found, prefixed=call["show-kind"] or _several(targets, found))
    elif not call.status and not call["ignore-not-found"]:
        call.warn(nothing_found(call, targets))


def _ignoring(call: Call, targets: list[Wanted]) -> list[Found]:
    """The objects wanted; with --ignore-not-found a missing one is no failure."""
    found: list[Found] = []
    for target in targets:
        status, lines = call.status, len(call.err)
        found += fetch(call, [target])
        if (
            call["ignore-not-found"]
            and target.name
            and any("(NotFound)" in line for line in call.err[lines:])
        ):
            del call.err[lines:]
            call.status = status
    return found


def _several(targets: Iterable[Wanted], found: Iterable[Found]) -> bool:
    """Whether more than one type is shown, so that names need their type in front."""
    return len({target.resource.key for target in targets} or {one.resource.key for one in found}) > 1


def nothing_found(call: Call, targets: Sequence[Wanted]) -> str:
    """``No resources found in emojivoto namespace.``"""
    if call.flag("all-namespaces", False) or not any(target.resource.namespaced for target in targets):
        return "No resources found"
    return f"No resources found in {call.namespace} namespace."


def _raw(call: Call) -> None:
    """``--raw PATH``: the few paths that are no objects."""
    from sim.shell.kubectl.printing.output import json_text

    path = call["raw"].rstrip("/")
    if path == "/version":
        call.write(json_text(call.client.version()))
    elif path in ("/healthz", "/livez", "/readyz"):
        call.client.version()
        call.write("ok")
    else:
        raise Failure(
            "error: --raw knows /version, /healthz, /livez and /readyz here; objects: kubectl get … -o json"
        )


# -- order --


def sorted_by(expression: str, found: list[Found]) -> list[Found]:
    """``found`` in order of the value at a path; objects without it come first.

    Raises:
        Failure: the path cannot be read, or no object has it.
    """
    try:
        path = parse_path(expression)
        values = [(find(path, one.obj) or [None])[0] for one in found]
    except JsonPathError as error:
        raise Failure(f"error: --sort-by {expression}: {error}") from None
    if found and all(value is None for value in values):
        raise Failure(f'error: no object in the list has the field "{expression}"')
    order = sorted(range(len(found)), key=lambda index: _sort_key(values[index]))
    return [found[index] for index in order]


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float):
        return (1, value)
    # Digits compare as numbers, so that web-10 follows web-9.
    parts = re.split(r"(\d+)", str(value))
    return (2, tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts))


# -- tables --


def kind_for(call: Call, resource: "Resource") -> Kind:
    """How objects of a resource are shown; custom resources ask their definition."""
    if not resource.custom:
        return kind_of(resource.key)
    try:
        definition = call.client.get("customresourcedefinitions.apiextensions.k8s.io", resource.key)
    except KubeError:
        return kind_of(resource.key)
    return custom_kind(definition, resource.version)


def print_tables(call: Call, found: Sequence[Found], *, prefixed: bool = False) -> None:
    """One table for each type, an empty line between them."""
    groups: dict[str, list[Found]] = {}
    for one in found:
        groups.setdefault(one.resource.key, []).append(one)
    blocks = []
    for group in groups.values():
        resource = group[0].resource
        made = table(kind_for(call, resource), (one.obj for one in group), call.view())
        blocks.append(rows(table_lines(call, made, Heading(resource, prefixed))) + "\n")
    call.write("\n".join(blocks))


class Heading:
    """What surrounds a table's own columns: type prefix and namespace."""

    def __init__(self, resource: "Resource", prefixed: bool) -> None:
        self.prefix = f"{short_type(resource)}/" if prefixed else ""
        self.namespaced = resource.namespaced


def table_lines(call: Call, made: Table, heading: Heading, *, headers: bool = True) -> list[list[str]]:
    """The cells to print: chosen columns, with namespace and labels as flags ask."""
    wide = call.flag("output") == "wide"
    kept = [index for index, column in enumerate(made.columns) if wide or not column.wide]
    keys = [key for text in call.flag("label-columns") or [] for key in text.split(",") if key]
    spaces = bool(call.flag("all-namespaces", False)) and heading.namespaced
    lines = []
    if headers and not call.flag("no-headers", False):
        first = [made.columns[index].name for index in kept]
        first += [key.rpartition("/")[2].upper() for key in keys]
        first += ["LABELS"] if call.flag("show-labels", False) else []
        lines.append((["NAMESPACE"] if spaces else []) + first)
    for cells, obj in made.rows:
        row = [cells[index] for index in kept]
        named = kept.index(_name_column(made)) if _name_column(made) in kept else -1
        if heading.prefix and named >= 0:
            row[named] = heading.prefix + row[named]
        row += _label_cells(call, obj, keys)
        lines.append(([obj["metadata"].get("namespace", "")] if spaces else []) + row)
    return lines


def _name_column(made: Table) -> int:
    return next((index for index, column in enumerate(made.columns) if column.name == "NAME"), -1)


def _label_cells(call: Call, obj: Obj, keys: list[str]) -> list[str]:
    labels = obj["metadata"].get("labels") or {}
    cells = [labels.get(key, "") for key in keys]
    if call.flag("show-labels", False):
        cells.append(",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>")
    return cells


GET = Verb(
    usage="get (TYPE[,TYPE] [NAME... | -l SELECTOR] | TYPE/NAME... | -f FILE) [flags]",
    about=(
        "Show one or many objects as a table, or in the format -o asks for.\n\n"
        "READY, STATUS and RESTARTS of a pod are worked out from its containers when they are printed. With\n"
        "-w the command goes on printing changes while simulated time passes: for --timeout, 60 s unless\n"
        "you say otherwise."
    ),
    run=get,
    flags=(
        OUTPUT,
        TEMPLATE,
        ALL_NAMESPACES,
        *SELECTED,
        *FILES,
        Flag("watch", "w", kind="bool", help="Go on printing changes for --timeout of simulated time"),
        Flag("watch-only", kind="bool", help="Print changes without the first table"),
        Flag("output-watch-events", kind="bool", help="With -w: say what each change was"),
        Flag("timeout", kind="duration", default=60.0, help="With -w: how long to watch, in simulated time"),
        Flag("no-headers", kind="bool", help="Leave out the first line of tables"),
        Flag("show-labels", kind="bool", help="Add a column with all labels"),
        Flag("label-columns", "L", kind="list", help="Labels to show as columns"),
        Flag("show-kind", kind="bool", help="Print the type in front of names"),
        Flag("sort-by", help="JSONPath of the field to sort by, such as .metadata.creationTimestamp"),
        Flag("ignore-not-found", kind="bool", help="What is not there is no error"),
        Flag("show-managed-fields", kind="bool", help="Keep managedFields", hidden=True),
        Flag("chunk-size", kind="int", default=500, help="Objects a request", hidden=True),
        Flag("server-print", kind="bool", default=True, help="Accepted", hidden=True),
        Flag("raw", help="A path of the API instead of objects", hidden=True),
    ),
    examples="""
kubectl get pods -n emojivoto
kubectl get deploy,svc -A -o wide
kubectl get po -l app=web-svc -o yaml
kubectl get po web-5f9b8d6c7-abcde -o jsonpath='{.status.podIP}'
kubectl get po --sort-by=.spec.nodeName -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName
kubectl get po -w --timeout=2m
""",
)
