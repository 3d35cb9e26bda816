"""Checks of lessons: named functions that look at a sandbox and say whether something is so.

Lessons refer to them by name; no code is ever loaded from a lesson.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sim.shell.sandbox import Sandbox

__all__ = ["CHECKS", "passes"]

Obj = dict[str, Any]


def exists(sandbox: Sandbox, *, resource: str, name: str, namespace: str = "") -> bool:
    """An object of that name is there."""
    return sandbox.api.find(resource, name, namespace or None) is not None


def pods_ready(sandbox: Sandbox, *, namespace: str, ready: str, workload: str = "") -> bool:
    """Every pod that is not going away shows READY as given, and there is at least one."""
    pods = [pod for pod in sandbox.api.list("pods", namespace) if "deletionTimestamp" not in pod["metadata"]]
    pods = [pod for pod in pods if pod["metadata"]["name"].startswith(f"{workload}-" if workload else "")]
    return bool(pods) and all(_ready(pod) == ready for pod in pods)


def _ready(pod: Obj) -> str:
    """The READY column: ready containers of all, native sidecars counted as kubectl does."""
    spec, status = pod["spec"], pod.get("status") or {}
    sidecars = {c["name"] for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"}
    statuses = list(status.get("containerStatuses") or [])
    statuses += [s for s in status.get("initContainerStatuses") or [] if s["name"] in sidecars]
    ready = sum(1 for one in statuses if one.get("ready"))
    return f"{ready}/{len(spec['containers']) + len(sidecars)}"


def check_passes(sandbox: Sandbox, *, flags: str = "") -> bool:
    """``linkerd check`` has no error."""
    return sandbox.shell.nested(f"linkerd check --wait 0s {flags}").status == 0


def figures(sandbox: Sandbox, *, namespace: str, workload: str, shown: bool = True) -> bool:
    """``linkerd stat`` has (or with ``shown: false`` has not) a success rate for a workload."""
    viz = "viz " if sandbox.edition == "edge" else ""
    result = sandbox.shell.nested(f"linkerd {viz}stat -n {namespace} {workload} -o json")
    try:
        rows: list[Obj] = json.loads(result.stdout or "[]")
    except ValueError:
        return not shown
    return any(row.get("success") is not None for row in rows) is shown


def fault_in_force(sandbox: Sandbox) -> bool:
    """Some fault is in force."""
    return bool(sandbox.world.faults.rules)


def no_fault(sandbox: Sandbox) -> bool:
    """No fault is in force."""
    return not fault_in_force(sandbox)


CHECKS: Mapping[str, Callable[..., bool]] = MappingProxyType(
    {
        "exists": exists,
        "pods-ready": pods_ready,
        "check-passes": check_passes,
        "figures": figures,
        "fault-in-force": fault_in_force,
        "no-fault": no_fault,
    }
)


def passes(sandbox: Sandbox, name: str, given: Mapping[str, Any]) -> bool:
    """Whether the check of that name holds.

    Raises:
        KeyError: there is no such check.
        TypeError: it does not take these arguments.
    """
    return CHECKS[name](sandbox, **given)
