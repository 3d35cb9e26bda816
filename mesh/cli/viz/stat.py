"""``linkerd stat``: success rates, request rates and latencies."""

import json

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.verb import Verb
from mesh.cli.viz.api import NAMESPACE_FLAGS, PEER_FLAGS, ask, named, peer
from mesh.editions import Edition
from mesh.viz.stat import StatRequest, StatRow, problem
from mesh.viz.tables import stat_json, stat_tables

__all__ = ["STAT"]

OUTPUTS = ("table", "json", "wide")


def _stat(parsed: Parsed, console: Console) -> Result:
    """Ask for each resource, print the tables."""
    tables = []
    to, source = peer(parsed, "to"), peer(parsed, "from")
    for resource in named(parsed):
        request = StatRequest(resource, parsed["time-window"], to, source, parsed["selector"])
        wrong = problem(request)
        if wrong:
            raise FlagError(wrong)
        answer = ask(console, "StatSummary", request.to_json())
        rows = [StatRow.from_json(row) for row in answer["rows"]]
        tables.append([row for row in rows if _shown(row, parsed, console)])
    if parsed["output"] == "json":
        return Result(stdout=json.dumps(stat_json(tables), indent=2) + "\n")
    if not any(tables):
        return Result(stderr="No traffic found.\n")
    text = stat_tables(tables, namespaces=parsed["all-namespaces"], wide=parsed["output"] == "wide")
    return Result(stdout=text)


def _shown(row: StatRow, parsed: Parsed, console: Console) -> bool:
    """Edge hides what is not in the mesh, unless it is asked for; stable-2.8.1 shows everything."""
    if not console.edition.viz_prefix or parsed["unmeshed"] or parsed["from"]:
        return True
    return row.pods.meshed > 0 or not row.resource.of.owner


def _flags(edition: Edition) -> tuple[Flag, ...]:
    flags: tuple[Flag, ...] = (
        *NAMESPACE_FLAGS,
        *PEER_FLAGS,
        Flag(
            "time-window",
            "t",
            kind="duration",
            default=60.0,
            help="How far to look back: at least 15s; longer than the scrape interval",
        ),
        Flag("selector", "l", help="Label selector of the resources"),
        Flag("output", "o", default="table", choices=OUTPUTS, help="Output format: table, json or wide"),
    )
    if edition.viz_prefix:
        flags += (Flag("unmeshed", kind="bool", help="Include resources that are not in the mesh"),)
    return flags


STAT = Verb(
    name="stat",
    run=_stat,
    flags=_flags,
    summary="Display traffic stats about one or many resources",
    about=(
        "Success rate, requests per second and latencies of what resources answered, as their proxies\n"
        "counted it. `-` stands for nothing counted: not in the mesh, or no requests in the window."
    ),
    words="(RESOURCES)",
    example="""  # Every Deployment of a namespace
  {cmd} -n emojivoto deploy

  # Who calls voting, and how does it go for them?
  {cmd} -n emojivoto deploy --to deploy/voting

  # What does web call?
  {cmd} -n emojivoto deploy --from deploy/web

  # All pods everywhere, with bytes
  {cmd} -A po -o wide
""",
)
