"""``kubectl describe`` of any kind without a form of its own: its fields, with names in words."""

import re
from typing import Any

from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines

__all__ = ["describe_any"]

CAPITALS = frozenset({"Api", "Uid", "Url"})
SKIPPED = ("managedFields", "labels", "annotations", "name", "namespace")
WORD = re.compile(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])")


def words(name: str) -> str:
    """``Creation Timestamp`` of ``creationTimestamp``; names that are no identifiers stay."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
        return name
    spaced = WORD.sub(lambda match: f"{match[1] or match[3]} {match[2] or match[4]}", name)
    spaced = spaced[:1].upper() + spaced[1:]
    return " ".join(word.upper() if word in CAPITALS else word for word in spaced.split(" "))


def describe_any(call: Call, obj: Obj) -> list[str]:
    """Every field of the object, then its events."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta.get('namespace', '')}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    rest = {key: value for key, value in obj.items() if key != "metadata"}
    rest["metadata"] = {key: value for key, value in meta.items() if key not in SKIPPED}
    order = ["apiVersion", "kind", "metadata", *sorted(set(rest) - {"apiVersion", "kind", "metadata"})]
    for key in order:
        title = "API Version" if key == "apiVersion" else words(key)
        lines += _field(title, rest[key], "")
    return lines + event_lines(call, obj)


def _field(title: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, dict):
        lines = [f"{indent}{title}:"]
        for key in sorted(value):
            lines += _field(words(key), value[key], indent + "  ")
        return lines
    if isinstance(value, list):
        lines = [f"{indent}{title}:"]
        for item in value:
            lines += _item(item, indent + "  ")
        return lines
    text = "<nil>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text:
        return [f"{indent}{title}:", *(f"{indent}  {line}" for line in text.rstrip("\n").split("\n"))]
    return [f"{indent}{title}:\t{text}"]


def _item(item: Any, indent: str) -> list[str]:
    if not isinstance(item, dict):
        return [f"{indent}{item}"]
    lines = []
    for key in sorted(item):
        lines += _field(words(key), item[key], indent)
    return lines
