"""Manifests as commands read and print them: files, folders, URLs, standard input; documents and Lists."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mesh.cli.console import Console
from mesh.cli.kube import Obj
from mesh.yaml import YamlError, dump, load_all

__all__ = ["Input", "InputError", "Outcome", "read_inputs", "render", "transform"]


class InputError(Exception):
    """What was given cannot be read; ``str()`` is one line."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file's documents."""

    name: str
    documents: list[Obj]


@dataclass(slots=True)
class Outcome:
    """What became of one input.

    Attributes:
        reports: what the transformation said of each object, those in Lists singly.
        errors: why objects could not be transformed; then nothing should be printed.
    """

    documents: list[Obj] = field(default_factory=list)
    reports: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_inputs(path: str, console: Console) -> list[Input]:
    """The documents at ``-`` (standard input), a file, a folder with all below it, or a URL.

    Raises:
        InputError: malformed YAML, nothing in it, or something that is no object.
        OSError: no such file.
    """
    if path == "-":
        texts = [("stdin", console.stdin)]
    elif "://" in path:
        texts = [(path, console.read(path))]
    else:
        texts = [(name, console.read(name)) for name in _files(path, console)]
    inputs = []
    for name, text in texts:
        try:
            documents = load_all(text, name=name)
        except YamlError as error:
            raise InputError(str(error)) from None
        for number, document in enumerate(documents, 1):
            if not isinstance(document, dict):
                raise InputError(f"error: {name}: document {number} is not an object: {_shown(document)}")
        inputs.append(Input(name, documents))
    if not any(found.documents for found in inputs):
        raise InputError(f"error: no Kubernetes objects in {'stdin' if path == '-' else path}")
    return inputs


def _files(path: str, console: Console) -> list[str]:
    """The file itself, or the files below a folder in order of name."""
    path = path.rstrip("/") or path
    try:
        names = console.listdir(path)
    except OSError:
        names = []
    if not names:
        return [path]  # a file; or nothing at all, and reading it says so
    found = []
    for name in sorted(names):
        found += _files(f"{path}/{name}", console)
    return found


def transform(documents: list[Obj], change: Callable[[Obj], tuple[Obj, Any]]) -> Outcome:
    """Apply ``change`` to every object; it returns the new object and a report, or raises InputError."""
    outcome = Outcome()
    for document in documents:
        if document.get("kind") == "List":
            outcome.documents.append(_list(document, change, outcome))
        else:
            outcome.documents.append(_one(document, change, outcome))
    return outcome


def _list(document: Obj, change: Callable[[Obj], tuple[Obj, Any]], outcome: Outcome) -> Obj:
    items = document.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        outcome.errors.append("a List whose items are not objects")
        return document
    return {**document, "items": [_one(item, change, outcome) for item in items]}


def _one(obj: Obj, change: Callable[[Obj], tuple[Obj, Any]], outcome: Outcome) -> Obj:
    try:
        obj, report = change(obj)
    except InputError as error:
        outcome.errors.append(str(error))
    else:
        outcome.reports.append(report)
    return obj


def render(documents: list[Obj], form: str) -> str:
    """Documents as text, each YAML one followed by ``---``."""
    if form == "json":
        return "".join(json.dumps(document, indent=4, ensure_ascii=False) + "\n" for document in documents)
    return "".join(dump(document) + "---\n" for document in documents)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
