"""``linkerd routes``: figures by route of a ServiceProfile."""

import json

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.verb import Verb
from mesh.cli.viz.api import NAMESPACE_FLAGS, PEER_FLAGS, ask, named, peer
from mesh.viz.routes import RouteRow, RoutesRequest, routes_json, routes_table
from mesh.viz.stat import MIN_WINDOW

__all__ = ["ROUTES"]


def _routes(parsed: Parsed, console: Console) -> Result:
    if parsed["time-window"] < MIN_WINDOW:
        raise FlagError(f"the time window must be at least {MIN_WINDOW:g}s")
    to, wide = peer(parsed, "to"), parsed["output"] == "wide"
    found: dict[str, list[RouteRow]] = {}
    for resource in named(parsed):
        request = RoutesRequest(resource, parsed["time-window"], to)
        for table in ask(console, "TopRoutes", request.to_json())["tables"]:
            found[table["resource"]] = [RouteRow.from_json(row) for row in table["rows"]]
    if parsed["output"] == "json":
        body = {name: routes_json(rows, actual=to is not None) for name, rows in found.items()}
        return Result(stdout=json.dumps(body, indent=2) + "\n")
    parts = [
        f"==> {name} <==\n" + routes_table(rows, actual=wide and to is not None) + "\n"
        for name, rows in found.items()
    ]
    return Result(stdout="".join(parts))


ROUTES = Verb(
    name="routes",
    run=_routes,
    flags=(
        *NAMESPACE_FLAGS,
        *(flag for flag in PEER_FLAGS if flag.name.startswith("to")),
        Flag("time-window", "t", kind="duration", default=60.0, help="How far to look back: at least 15s"),
        Flag(
            "output",
            "o",
            default="table",
            choices=("table", "json", "wide"),
            help="Output: table, json or wide",
        ),
    ),
    summary="Display route stats",
    about=(
        "Figures by route, as a Service's ServiceProfile names them; [DEFAULT] is what no route matches.\n"
        "With --to and -o wide, what callers experienced and what was really sent stand side by side."
    ),
    words="(RESOURCES)",
    example="""  # Routes that web serves
  {cmd} -n emojivoto deploy/web

  # Routes of voting-svc that web calls, with retries told apart
  {cmd} -n emojivoto deploy/web --to svc/voting-svc -o wide
""",
)
