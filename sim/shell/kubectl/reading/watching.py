"""``kubectl get -w``: a table that goes on with a line for each change, while simulated time passes."""

from collections.abc import Sequence
from typing import Any

from sim.shell.kubectl.call import Call, Failure
from sim.shell.kubectl.printing.output import printer
from sim.shell.kubectl.reading.get import Heading, kind_for, table_lines
from sim.shell.kubectl.tables import table
from sim.shell.kubectl.targets import Found, Wanted, namespace_of

__all__ = ["watch"]

PADDING, MINIMUM = 3, 6


class Columns:
    """Widths that never shrink: lines printed later keep to the columns of those before."""

    def __init__(self) -> None:
        self.widths: list[int] = []

    def text(self, lines: list[list[str]]) -> str:
        """Lines padded to the widest cells so far."""
        for line in lines:
            self.widths += [MINIMUM] * (len(line) - len(self.widths))
            for index, cell in enumerate(line[:-1]):
                self.widths[index] = max(self.widths[index], len(cell) + PADDING)
        return "".join(
            "".join(cell.ljust(width) for cell, width in zip(line[:-1], self.widths, strict=False))
            + line[-1]
            + "\n"
            for line in lines
        )


def watch(call: Call, targets: Sequence[Wanted], found: list[Found]) -> None:
    """Print what is there, then every change for ``--timeout`` of simulated time.

    Raises:
        Failure: several types, or a background job.
    """
    if len({one.resource.key for one in targets or found}) != 1:
        raise Failure("error: you may only specify a single resource type when watching")
    if call.context.background:
        raise Failure(
            "error: watching in the background is not supported here; leave out the & (see --timeout)"
        )
    target = targets[0] if targets else Wanted(found[0].resource, found[0].name)
    printed = _Printed(call, target)
    if not call["watch-only"]:
        printed.add("ADDED", [one.obj for one in found])
    changes: list[tuple[float, str, Any]] = []

    def note(event: Any) -> None:
        if printed.selects(event.object) or (event.old is not None and printed.selects(event.old)):
            changes.append((call.now(), event.type, event.object))

    handle = call.client.watch(target.resource.key, note, initial=False)
    try:
        call.context.sleep(call["timeout"])
    finally:
        handle.stop()
    for when, kind, obj in changes:
        printed.add(kind, [obj], when)


class _Printed:
    """Prints objects of one watch in the form asked for."""

    def __init__(self, call: Call, target: Wanted) -> None:
        self.call = call
        self.target = target
        self.make = printer(call)
        self.columns = Columns()
        self.kind = kind_for(call, target.resource)
        self.headers = True
        self.namespace = namespace_of(call, target.resource)

    def selects(self, obj: Any) -> bool:
        meta = obj["metadata"]
        if self.namespace and meta.get("namespace") != self.namespace:
            return False
        if self.target.name and meta["name"] != self.target.name:
            return False
        labels, fields = self.call["selector"], self.call["field-selector"]
        return self.call.client.selects(labels, obj, self.target.resource.key, fields)

    def add(self, event: str, objects: list[Any], when: float | None = None) -> None:
        """Print objects, as they were at Unix time ``when``."""
        if self.make is not None:
            found = [Found(self.target.resource, obj) for obj in objects]
            self.call.write("".join(self.make([one], False) for one in found))
            return
        view = self.call.view()
        if when is not None:
            view = type(view)(when, view.minor)
        made = table(self.kind, objects, view)
        lines = table_lines(
            self.call, made, Heading(self.target.resource, self.call["show-kind"]), headers=self.headers
        )
        if self.call["output-watch-events"]:
            first = [["EVENT"]] if self.headers and not self.call["no-headers"] and lines else []
            rest = [[event]] * (len(lines) - len(first))
            lines = [start + line for start, line in zip([*first, *rest], lines, strict=True)]
        if objects:
            self.headers = False
            self.call.write(self.columns.text(lines))
