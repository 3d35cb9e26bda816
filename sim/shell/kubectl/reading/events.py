"""``kubectl events``: what happened, oldest first."""

from mesh.cli.flags import Flag
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.describe.events import event_age
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, OUTPUT, TEMPLATE
from sim.shell.kubectl.printing.layout import rows
from sim.shell.kubectl.printing.output import printer
from sim.shell.kubectl.tables.cluster import event_seen
from sim.shell.kubectl.targets import Found, resource_of

__all__ = ["EVENTS"]


def events(call: Call) -> None:
    """List events in order of time."""
    namespace = None if call["all-namespaces"] else call.namespace
    found = call.client.list("events", namespace)
    if call["for"]:
        found = _about(call, found)
    if call["types"]:
        wanted = {word.lower() for word in call["types"]}
        if unknown := wanted - {"normal", "warning"}:
            raise Failure(f"error: valid --types are Normal or Warning, not {sorted(unknown)[0]}")
        found = [event for event in found if str(event.get("type", "")).lower() in wanted]
    found.sort(key=lambda event: (event_seen(event), int(event["metadata"].get("resourceVersion") or 0)))
    make = printer(call)
    if make is not None:
        resource = call.client.resource("events")
        call.write(make([Found(resource, event) for event in found], True))
        return
    if not found:
        call.warn("No events found." if namespace is None else f"No events found in {namespace} namespace.")
        return
    _table(call, found)


def _about(call: Call, found: list[Obj]) -> list[Obj]:
    """Events of the object that ``--for TYPE/NAME`` names."""
    kind, slash, name = call["for"].partition("/")
    if not slash or not name:
        raise Failure("error: --for must be in resource/name form")
    wanted = resource_of(call, kind).kind
    return [
        event
        for event in found
        if event.get("involvedObject", {}).get("kind") == wanted
        and event["involvedObject"].get("name") == name
    ]


def _table(call: Call, found: list[Obj]) -> None:
    spaces = call["all-namespaces"]
    lines = [] if call["no-headers"] else [["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]]
    if spaces and lines:
        lines[0].insert(0, "NAMESPACE")
    now = call.now()
    for event in found:
        about = event.get("involvedObject", {})
        line = [
            event_age(event, now),
            event.get("type", ""),
            event.get("reason", ""),
            f"{about.get('kind', '')}/{about.get('name', '')}",
            event.get("message", "").strip(),
        ]
        lines.append(([event["metadata"]["namespace"]] if spaces else []) + line)
    call.print(rows(lines))


EVENTS = Verb(
    usage="events [--for TYPE/NAME] [--types=Warning] [flags]",
    about="List events, oldest first: what scheduler, kubelets and controllers did, or could not do.",
    run=events,
    words=(0, 0),
    flags=(
        ALL_NAMESPACES,
        OUTPUT,
        TEMPLATE,
        Flag("for", help="Only events of this object: TYPE/NAME"),
        Flag("types", kind="list", help="Only Normal or only Warning"),
        Flag("no-headers", kind="bool", help="Leave out the first line"),
    ),
    examples="""
kubectl -n emojivoto events --types=Warning
kubectl -n emojivoto events --for deploy/web
""",
)
