"""What a fault's words mean: workloads, pods, nodes, zones, shares and times."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sim.shell.faults.book import FaultError

if TYPE_CHECKING:
    from sim.shell.context import Context

__all__ = ["Target", "duration", "node", "place", "pods", "share", "workload"]

Obj = dict[str, Any]
KINDS = {
    "deploy": ("deployments.apps", "deploy"),
    "deployment": ("deployments.apps", "deploy"),
    "deployments": ("deployments.apps", "deploy"),
    "deployment.apps": ("deployments.apps", "deploy"),
    "sts": ("statefulsets.apps", "sts"),
    "statefulset": ("statefulsets.apps", "sts"),
    "ds": ("daemonsets.apps", "ds"),
    "daemonset": ("daemonsets.apps", "ds"),
    "po": ("pods", "po"),
    "pod": ("pods", "po"),
    "pods": ("pods", "po"),
}
NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Target:
    """A workload or pod: its object, and the name programs know it by."""

    __slots__ = ("kind", "name", "namespace", "obj")

    def __init__(self, kind: str, obj: Obj) -> None:
        self.kind = kind
        self.obj = obj
        self.name: str = obj["metadata"]["name"]
        self.namespace: str = obj["metadata"]["namespace"]

    @property
    def workload(self) -> str:
        """``emojivoto/deploy/web``."""
        return f"{self.namespace}/{self.kind}/{self.name}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?``, or a few names there are, or nothing."""
    names = sorted(set(known))
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(names[:8])}" if names else ""


def _found(context: "Context", resource: str, kind: str, name: str, namespace: str) -> Target:
    """The one object of a name; in all namespaces when none is given.

    Raises:
        FaultError: there is none, or more than one.
    """
    objects = context.client.api.list(resource, namespace or None)
    same = [obj for obj in objects if obj["metadata"]["name"] == name]
    if not same:
        names = (f"{kind}/{obj['metadata']['name']}" for obj in objects)
        where = f" in namespace {namespace}" if namespace else ""
        raise FaultError(f"no {kind}/{name[:60]}{where}{suggestion(f'{kind}/{name[:60]}', names)}")
    if len(same) > 1:
        spaces = ", ".join(obj["metadata"]["namespace"] for obj in same)
        raise FaultError(f"{kind}/{name} is in several namespaces ({spaces}): say which with -n")
    return Target(kind, same[0])


def workload(context: "Context", word: str, namespace: str) -> Target:
    """The workload of ``deploy/web``.

    Raises:
        FaultError: it is not written so, or does not exist.
    """
    kind, slash, name = word.partition("/")
    if not slash or kind.lower() not in KINDS or not name:
        raise FaultError(f"{word[:60]!r} is no workload: write it as deploy/web")
    resource, short = KINDS[kind.lower()]
    return _found(context, resource, short, name, namespace)


def pods(context: "Context", word: str, namespace: str) -> list[Target]:
    """The pod of ``NAME`` or ``po/NAME``, or all pods of a workload.

    Raises:
        FaultError: there is no such pod.
    """
    kind, slash, name = word.partition("/")
    if not slash:
        return [_found(context, "pods", "po", word, namespace)]
    target = workload(context, word, namespace)
    if target.kind == "po":
        return [target]
    selector = target.obj["spec"]["selector"].get("matchLabels") or {}
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    found = context.client.api.list("pods", target.namespace, labels=labels)
    if not found:
        raise FaultError(f"{kind}/{name} has no pods")
    return [Target("po", obj) for obj in found]


def node(context: "Context", name: str) -> str:
    """A node's name.

    Raises:
        FaultError: there is none of that name.
    """
    known = context.host.cluster.kubelets
    if name not in known:
        raise FaultError(f"no node {name[:60]!r}{suggestion(name[:60], known)}")
    return name


def place(context: "Context", name: str) -> str:
    """A node or zone: something a network can be cut between.

    Raises:
        FaultError: there is none of that name.
    """
    topology = context.host.cluster.network.topology
    hosts = topology.hosts()
    known = {*hosts, *(topology.zone(host) for host in hosts)} - {""}
    if name not in known:
        raise FaultError(f"no node or zone {name[:60]!r}{suggestion(name[:60], known)}")
    return name


def share(text: str, what: str) -> float:
    """A share of ``0.3`` or ``30%``.

    Raises:
        FaultError: it is no number between 0 and 1.
    """
    match = re.fullmatch(rf"({NUMBER})(%?)", text)
    value = float(match[1]) / (100.0 if match[2] else 1.0) if match else -1.0
    if not 0.0 <= value <= 1.0:
        raise FaultError(f"{what} {text[:40]}: a share lies between 0 and 1 (or 0% and 100%)")
    return value


def duration(text: str, what: str, *, negative: bool = False) -> float:
    """Seconds of ``250ms``, ``2s``, ``5m``.

    Raises:
        FaultError: it is no time with a unit.
    """
    match = re.fullmatch(rf"(-?)({NUMBER})(us|µs|ms|s|m|h|d)", text)
    if match is None or (match[1] and not negative):
        raise FaultError(f"{what} {text[:40]}: write a time such as 250ms, 2s or 5m")
    return float(match[2]) * UNITS[match[3]] * (-1.0 if match[1] else 1.0)
