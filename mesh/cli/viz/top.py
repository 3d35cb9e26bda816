"""``linkerd top``: tapped requests, counted by path."""

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, Parsed
from mesh.cli.verb import Verb
from mesh.cli.viz.tap import TAP_FLAGS, tapped
from mesh.viz.top import TopTable

__all__ = ["TOP"]


def _top(parsed: Parsed, console: Console) -> Result:
    resource, events = tapped(parsed, console)
    table = TopTable(not parsed["hide-sources"], parsed["routes"], resource.of.label)
    table.feed(events)
    return Result(stdout=str(table))


TOP = Verb(
    name="top",
    run=_top,
    flags=(
        *TAP_FLAGS,
        Flag("hide-sources", kind="bool", help="Do not tell callers apart"),
        Flag("routes", kind="bool", help="Group by route instead of path"),
    ),
    summary="Display sorted information about live traffic",
    about="Tap a resource for a while and count its requests by caller, callee, method and path.",
    words="(RESOURCE)",
    example="""  # What does web spend its time on?
  {cmd} -n emojivoto deploy/web
""",
)
