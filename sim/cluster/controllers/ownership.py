"""What belongs to whom: the pods and sets a controller owns, adopts or releases."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api.objects import clone, controller_of, owner_reference
from sim.cluster.api.selectors import matches_selector

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer, WatchEvent

__all__ = ["active", "claim", "is_available", "is_ready", "new_pod", "owned", "owner_key", "set_condition"]

Obj = dict[str, Any]


def owner_key(event: "WatchEvent", kind: str) -> tuple[str, str] | None:
    """The key of the controller of that kind that an event's object belongs to."""
    owner = controller_of(event.object)
    if owner is None and event.old is not None:
        owner = controller_of(event.old)
    if owner is None or owner["kind"] != kind:
        return None
    return event.object["metadata"]["namespace"], owner["name"]


def owned(api: "ApiServer", resource: str, owner: Obj) -> list[Obj]:
    """Objects whose controller is ``owner``."""
    uid = owner["metadata"]["uid"]
    found = []
    for obj in api.list(resource, owner["metadata"]["namespace"]):
        reference = controller_of(obj)
        if reference is not None and reference["uid"] == uid:
            found.append(obj)
    return found


def claim(api: "ApiServer", resource: str, owner: Obj) -> list[Obj]:
    """As :func:`owned`, after adopting orphans the selector matches and releasing what it no longer does.

    *Source:* controller_ref_manager: adopts nothing while the owner is being deleted.
    """
    selector, uid = owner["spec"].get("selector"), owner["metadata"]["uid"]
    found = []
    for obj in api.list(resource, owner["metadata"]["namespace"]):
        reference = controller_of(obj)
        matches = matches_selector(selector, obj["metadata"].get("labels") or {})
        if reference is None:
            dying = "deletionTimestamp" in owner["metadata"] or "deletionTimestamp" in obj["metadata"]
            if matches and selector and not dying:
                adopted = clone(obj)
                adopted["metadata"].setdefault("ownerReferences", []).append(owner_reference(owner))
                found.append(api.replace_now(adopted))
        elif reference["uid"] == uid and matches:
            found.append(obj)
        elif reference["uid"] == uid:
            released = clone(obj)
            references = released["metadata"]["ownerReferences"]
            released["metadata"]["ownerReferences"] = [r for r in references if r["uid"] != uid]
            api.replace_now(released)
    return found


def active(pod: Obj) -> bool:
    """Whether the pod runs or will: neither finished nor being deleted."""
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


def _ready_condition(pod: Obj) -> Obj | None:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return dict(condition) if condition["status"] == "True" else None
    return None


def is_ready(pod: Obj) -> bool:
    """Whether its Ready condition is True."""
    return _ready_condition(pod) is not None


def is_available(api: "ApiServer", pod: Obj, min_ready: float) -> tuple[bool, float]:
    """Whether it has been Ready for ``min_ready`` seconds, and if not, in how many it will have been."""
    condition = _ready_condition(pod)
    if condition is None:
        return False, 0.0
    if min_ready <= 0:
        return True, 0.0
    since = api.engine.calendar.seconds(condition["lastTransitionTime"])
    left = since + min_ready - api.engine.now
    return left <= 0, max(left, 0.0)


def new_pod(owner: Obj, template: Obj, name: str) -> Obj:
    """A pod from a template, owned by ``owner``."""
    meta = clone(template.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    meta.update(
        name=name,
        namespace=owner["metadata"]["namespace"],
        ownerReferences=[owner_reference(owner)],
    )
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": clone(template["spec"])}


def set_condition(
    status: Obj, kind: str, value: str, reason: str, message: str, now: str, *, touch: bool = False
) -> None:
    """Set a condition in ``status``; its times move when its value does (``touch``: the update's anyway)."""
    entries = status.setdefault("conditions", [])
    fresh = {"type": kind, "status": value, "lastUpdateTime": now, "lastTransitionTime": now}
    fresh |= {"reason": reason, "message": message}
    for index, entry in enumerate(entries):
        if entry["type"] != kind:
            continue
        if entry["status"] == value:
            fresh["lastTransitionTime"] = entry["lastTransitionTime"]
            if entry.get("reason") == reason and entry.get("message") == message and not touch:
                return
        entries[index] = fresh
        return
    entries.append(fresh)
