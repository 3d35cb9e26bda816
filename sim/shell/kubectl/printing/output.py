"""Printing objects: json, yaml, name, jsonpath, custom-columns, go-template."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mesh.cli.flags import did_you_mean
from mesh.yaml import dump
from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.printing.gotemplate import TemplateError, go_text, render_go
from sim.shell.kubectl.printing.jsonpath import JsonPathError, find, parse_path
from sim.shell.kubectl.printing.layout import rows
from sim.shell.kubectl.printing.templates import parse_template, render
from sim.shell.kubectl.targets import Found

__all__ = ["HUMAN", "json_text", "printer", "show", "visible"]

HUMAN = ("", "wide")
FORMATS = (
    "custom-columns",
    "custom-columns-file",
    "go-template",
    "go-template-file",
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "name",
    "wide",
    "yaml",
)
Printer: TypeAlias = Callable[[Sequence[Found], bool], str]  # objects, and whether they are to be one List


def json_text(value: Any) -> str:
    """Indented JSON as kubectl prints it: keys sorted, HTML's characters escaped as Go does."""
    text = json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)
    for char, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(char, escape)
    return text + "\n"


def visible(obj: Obj, managed_fields: bool = False) -> Obj:
    """The object as it is shown: without managedFields unless they are asked for."""
    if managed_fields or "managedFields" not in obj.get("metadata", {}):
        return obj
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": meta}


def printer(call: Call) -> Printer | None:
    """What ``-o`` asks for; None for the human forms.

    Raises:
        Failure: an unknown format, or one whose template is missing or wrong.
    """
    text = call.flag("output") or ""
    if text in HUMAN:
        return None
    form, equals, template = text.partition("=")
    if form not in FORMATS:
        raise Failure(
            f'error: unable to match a printer suitable for the output format "{text}"'
            f"{did_you_mean(form, FORMATS)}, allowed formats are: {','.join(FORMATS)}"
        )
    if form in ("json", "yaml", "name", "wide"):
        if equals:
            raise Failure(f'error: the output format "{form}" takes no template')
        return _structured(call, form)
    template = template or call.flag("template") or ""
    if not template:
        raise Failure(f"error: template format specified but no template given: write -o {form}=TEMPLATE")
    if form.endswith("-file"):
        template = _file(call, template).rstrip("\n")
    return _templated(call, form.removesuffix("-file"), template)


def _file(call: Call, name: str) -> str:
    try:
        return call.context.read(name)
    except OSError as error:
        raise Failure(f"error: error reading --template {error}") from None


def _structured(call: Call, form: str) -> Printer:
    managed = bool(call.flag("show-managed-fields", False))

    def print_them(found: Sequence[Found], as_list: bool) -> str:
        if form == "name":
            return "".join(f"{one.label}\n" for one in found)
        value = _document(found, as_list, managed)
        return json_text(value) if form == "json" else dump(value, sort=True)

    return print_them


def _document(found: Sequence[Found], as_list: bool, managed: bool = False) -> Obj:
    """One object, or a v1 List of them."""
    items = [visible(one.obj, managed) for one in found]
    if not as_list and len(items) == 1:
        return items[0]
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def _templated(call: Call, form: str, template: str) -> Printer:
    try:
        if form == "custom-columns":
            return _custom_columns(template, bool(call.flag("no-headers", False)))
        if form == "go-template":
            return lambda found, as_list: _rendered(lambda: render_go(template, _document(found, as_list)))
        parsed = parse_template(template)
    except JsonPathError as error:
        raise Failure(f"error: error parsing jsonpath {template}, {error}") from None
    if form == "jsonpath-as-json":
        paths = [part for part in parsed if not isinstance(part, str)]
        if len(paths) != 1:
            raise Failure("error: jsonpath-as-json takes one path, such as {.items[*].metadata.name}")
        path = parse_path(template)
        return lambda found, as_list: json_text(find(path, _document(found, as_list)))
    return lambda found, as_list: _rendered(lambda: render(parsed, _document(found, as_list)))


def _rendered(make: Callable[[], str]) -> str:
    try:
        return make()
    except (JsonPathError, TemplateError) as error:
        raise Failure(f"error: error executing template: {error}") from None


def _custom_columns(spec: str, no_headers: bool) -> Printer:
    """``HEADER:path,HEADER:path``."""
    headers, paths = [], []
    for part in spec.split(","):
        header, colon, path = part.partition(":")
        if not colon or not path:
            raise Failure(
                f"error: unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
            )
        headers.append(header)
        paths.append(parse_path(path))

    def print_them(found: Sequence[Found], as_list: bool) -> str:
        lines = [] if no_headers else [headers]
        for one in found:
            values = [find(path, one.obj) for path in paths]
            lines.append(
                [",".join(go_text(value) for value in cell) if cell else "<none>" for cell in values]
            )
        return rows(lines) + "\n" if lines else ""

    return print_them


def show(call: Call, found: Found, done: str) -> None:
    """Say what was done to an object (``deployment.apps/web configured``), or print it as ``-o`` asks."""
    make = printer(call)
    if make is None:
        call.print(f"{found.label} {done}")
    elif call["output"] == "name":
        call.print(found.label)
    else:
        call.write(make([found], False))
