"""``kubectl label`` and ``annotate``."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import (
    ALL_NAMESPACES,
    DRY_RUN,
    FIELD_MANAGER,
    FILES,
    PRINTED,
    RECORD,
    SELECTED,
)
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.targets import Found, find
from sim.shell.kubectl.writing.apply import dry_run, suffix

__all__ = ["ANNOTATE", "LABEL"]


NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Mark:
    """Labels or annotations, and the words kubectl has for them."""

    field: str
    word: str
    done: str
    undone: str
    unchanged: str


LABELS = Mark("labels", "label", "labeled", "unlabeled", "not labeled")
ANNOTATIONS = Mark("annotations", "annotation", "annotated", "annotated", "annotated")


def _marker(mark: Mark) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        words, values, removed = _split(call, mark)
        if not values and not removed and not call["list"]:
            raise Failure(f"error: at least one {mark.word} update is required")
        found = find(call, words, verb=mark.word)
        if not found and not call.status:
            raise Failure("error: no objects were found")
        for one in found:
            if call["list"]:
                _list(call, one, mark, len(found) > 1)
            else:
                _mark(call, one, mark, values, removed)

    return run


def _split(call: Call, mark: Mark) -> tuple[list[str], dict[str, str], list[str]]:
    """Objects, ``key=value`` and ``key-`` of a command line."""
    words: list[str] = []
    values: dict[str, str] = {}
    removed: list[str] = []
    for word in call.args:
        key, equals, value = word.partition("=")
        if equals:
            _check(mark, key, value, word)
            values[key] = value
        elif word.endswith("-") and words:
            removed.append(word[:-1])
        elif values or removed:
            raise Failure(f"error: all resources must be specified before {mark.word} changes: {word}")
        else:
            words.append(word)
    if both := sorted(set(values) & set(removed)):
        raise Failure(f"error: can not both modify and remove {mark.word}(s) in the same command: {both[0]}")
    return words, values, removed


def _check(mark: Mark, key: str, value: str, word: str) -> None:
    """What kubectl checks before it sends a label or an annotation.

    Raises:
        Failure: the key or the label's value is not one.
    """
    prefix, slash, name = key.rpartition("/")
    if not NAME.match(name) or (slash and not DOMAIN.match(prefix)):
        raise Failure(
            f'error: invalid {mark.word} key in "{word}": a key is letters, digits, "-", "_" and ".", '
            "with a domain and / in front if need be"
        )
    if mark is LABELS and value and not NAME.match(value):
        raise Failure(
            f'error: invalid label value: "{word}": a value is at most 63 letters, digits, "-", "_" and ".", '
            "with a letter or digit at both ends"
        )


def _list(call: Call, one: Found, mark: Mark, several: bool) -> None:
    held = one.obj["metadata"].get(mark.field) or {}
    if several:
        call.print(f"Listing {mark.field} for {one.resource.kind}.{one.resource.version} {one.name}:")
    for key in sorted(held):
        call.print(f"{' ' if several else ''}{key}={held[key]}")


def _mark(call: Call, one: Found, mark: Mark, values: dict[str, str], removed: list[str]) -> None:
    held = one.obj["metadata"].get(mark.field) or {}
    if not call["overwrite"]:
        for key, value in values.items():
            if key in held and held[key] != value:
                call.fail(f"error: '{key}' already has a value ({held[key]}), and --overwrite is false")
                return
    for key in removed:
        if key not in held:
            call.print(f'{mark.word} "{key}" not found.')
    changes: Obj = {key: value for key, value in values.items() if held.get(key) != value}
    changes |= {key: None for key in removed if key in held}
    if not changes:
        show(call, one, mark.unchanged + suffix(call))
        return
    mode = dry_run(call)
    try:
        stored = one.obj
        if mode != "client":
            patch = {"metadata": {mark.field: changes}}
            stored = call.client.patch(
                one.resource.key, one.name, one.namespace, patch, "merge", dry_run=mode == "server"
            )
    except KubeError as error:
        call.refused(error)
        return
    only_removed = all(value is None for value in changes.values())
    show(call, Found(one.resource, stored), (mark.undone if only_removed else mark.done) + suffix(call))


def _flags(mark: Mark) -> tuple[Flag, ...]:
    return (
        *FILES,
        *SELECTED,
        *PRINTED,
        ALL_NAMESPACES,
        DRY_RUN,
        RECORD,
        FIELD_MANAGER,
        Flag("overwrite", kind="bool", help=f"Change the value of a {mark.word} that is there"),
        Flag("all", kind="bool", help="All objects of the type in the namespace"),
        Flag("list", kind="bool", help=f"Only print the {mark.field}"),
    )


LABEL = Verb(
    usage="label (TYPE NAME | TYPE/NAME | TYPE --all) KEY=VALUE... KEY-... [flags]",
    about="Set labels of objects, or remove them (KEY-). Selectors find objects by their labels.",
    run=_marker(LABELS),
    flags=_flags(LABELS),
    examples="""
kubectl label ns emojivoto team=demo
kubectl -n emojivoto label deploy/web tier=front --overwrite
kubectl label ns emojivoto team-
""",
)
ANNOTATE = Verb(
    usage="annotate (TYPE NAME | TYPE/NAME | TYPE --all) KEY=VALUE... KEY-... [flags]",
    about="Set annotations of objects, or remove them (KEY-).",
    run=_marker(ANNOTATIONS),
    flags=_flags(ANNOTATIONS),
    examples="""
kubectl annotate ns emojivoto linkerd.io/inject=enabled
kubectl annotate ns emojivoto linkerd.io/inject-
""",
)
