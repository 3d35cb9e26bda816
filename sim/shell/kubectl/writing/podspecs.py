"""Changing the pod templates of workloads: what the ``kubectl set`` commands share."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TypeAlias

from mesh.cli.kube import KubeError
from sim.cluster.api.objects import clone
from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.printing.output import printer, show
from sim.shell.kubectl.targets import Found, find
from sim.shell.kubectl.writing.apply import dry_run, suffix
from sim.shell.kubectl.writing.merge import three_way_strategic

__all__ = ["change", "containers", "difference", "pod_spec", "split"]

Change: TypeAlias = Callable[[Obj], None]
ASSIGNMENT = re.compile(r"^[^\s=]+=|^[^\s=/]+-$")


def pod_spec(obj: Obj) -> Obj | None:
    """The spec of the pods that ``obj`` is or makes; None for objects without pods."""
    spec = obj.get("spec") or {}
    if obj["kind"] == "Pod":
        return dict(spec)
    if obj["kind"] == "CronJob":
        spec = spec.get("jobTemplate", {}).get("spec", {})
    found = spec.get("template", {}).get("spec") if isinstance(spec.get("template"), dict) else None
    return found if isinstance(found, dict) else None


def difference(call: Call, old: Obj, new: Obj) -> Obj:
    """The strategic merge patch that takes ``old`` to ``new``."""
    return three_way_strategic(call.client.schema, old, new, old)


def change(call: Call, words: list[str], edit: Change, done: str) -> None:
    """Change the pod template of every object named; nothing is sent for one that stays the same."""
    found = find(call, words, verb="set")
    if not found and not call.status:
        raise Failure("error: no objects were found")
    for one in found:
        new = clone(one.obj)
        spec = pod_spec(new)
        if spec is None:
            call.fail(f"error: {one.label} has no pod template")
            continue
        if new["kind"] == "Pod":
            new["spec"] = spec
        edit(spec)
        _send(call, one, new, done)


def _send(call: Call, one: Found, new: Obj, done: str) -> None:
    patch = difference(call, one.obj, new)
    mode = dry_run(call)
    if not patch:
        if printer(call) is not None:
            show(call, one, done)
        return
    try:
        stored = new
        if mode != "client":
            stored = call.client.patch(
                one.resource.key, one.name, one.namespace, patch, "strategic", dry_run=mode == "server"
            )
    except KubeError as error:
        call.refused(error)
        return
    show(call, Found(one.resource, stored), done + suffix(call))


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Objects and assignments (``A=b``, ``A-``) of a command line."""
    assigned = [word for word in words if ASSIGNMENT.match(word)]
    return [word for word in words if not ASSIGNMENT.match(word)], assigned


def containers(call: Call, spec: Obj, pattern: str) -> list[Obj]:
    """The containers whose name matches; a pattern that matches none is a failure of its own."""
    everything = (spec.get("initContainers") or []) + (spec.get("containers") or [])
    if pattern == "*":
        return list(spec.get("containers") or [])
    found = [container for container in everything if fnmatchcase(container["name"], pattern)]
    if not found:
        names = ", ".join(container["name"] for container in everything)
        raise Failure(f'error: unable to find container named "{pattern}"; there are: {names}')
    return found
