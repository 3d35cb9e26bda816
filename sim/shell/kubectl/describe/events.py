"""The events of an object, as the last section of ``kubectl describe``."""

from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.printing.layout import age
from sim.shell.kubectl.tables.cluster import event_seen

__all__ = ["event_age", "event_lines", "event_source", "events_about"]


def events_about(call: Call, obj: Obj) -> list[Obj]:
    """Events that involve ``obj``, oldest first."""
    meta = obj["metadata"]
    fields = f"involvedObject.name={meta['name']},involvedObject.kind={obj['kind']}"
    if meta.get("uid"):
        fields += f",involvedObject.uid={meta['uid']}"
    # Events about objects of the cluster live in the namespace `default`.
    found = call.client.list("events", meta.get("namespace") or "default", fields=fields)
    return sorted(
        found, key=lambda event: (event_seen(event), int(event["metadata"].get("resourceVersion") or 0))
    )


def event_age(event: Obj, now: float) -> str:
    """``3m14s``, or ``2s (x5 over 3m14s)`` for one that repeated."""
    last = age(event_seen(event), now)
    count = (event.get("series") or {}).get("count") or event.get("count") or 1
    if count > 1:
        return f"{last} (x{count} over {age(event.get('firstTimestamp') or event_seen(event), now)})"
    return last


def event_source(event: Obj) -> str:
    """Which component said it, and on which node."""
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    return ", ".join(filter(None, (component, source.get("host"))))


def event_lines(call: Call, obj: Obj) -> list[str]:
    """The ``Events:`` section."""
    found = events_about(call, obj)
    if not found:
        return ["Events:\t<none>"]
    lines = ["Events:", "  Type\tReason\tAge\tFrom\tMessage", "  ----\t------\t----\t----\t-------"]
    now = call.now()
    for event in found:
        cells = (
            event.get("type", ""),
            event.get("reason", ""),
            event_age(event, now),
            event_source(event),
            event.get("message", "").strip(),
        )
        lines.append("  " + "\t".join(cells))
    return lines
