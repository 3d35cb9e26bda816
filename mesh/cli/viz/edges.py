"""``linkerd edges``: connections between resources, and their identities."""

import json

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.verb import Verb
from mesh.cli.viz.api import NAMESPACE_FLAGS, ask, named
from mesh.viz.edges import Edge, edge_json, edges_table

__all__ = ["EDGES"]


def _edges(parsed: Parsed, console: Console) -> Result:
    resources = named(parsed)
    if len(resources) != 1:
        raise FlagError(f"name one kind of resource, not {len(resources)}")
    (resource,) = resources
    if not resource.of.owner:
        raise FlagError(f"a {resource.kind} has no edges: name pods or what owns them")
    answer = ask(
        console, "Edges", {"kind": resource.kind, "namespace": resource.namespace, "name": resource.name}
    )
    edges = [Edge(**edge) for edge in answer["edges"]]
    if parsed["output"] == "json":
        return Result(stdout=json.dumps(edge_json(edges), indent=2) + "\n")
    if not edges:
        return Result(stderr="No edges found.\n")
    return Result(stdout=edges_table(edges, wide=parsed["output"] == "wide"))


EDGES = Verb(
    name="edges",
    run=_edges,
    flags=(
        *NAMESPACE_FLAGS,
        Flag(
            "output",
            "o",
            default="table",
            choices=("table", "json", "wide"),
            help="Output: table, json or wide",
        ),
    ),
    summary="Display connections between resources, and Linkerd proxy identities",
    about=(
        "Who is connected to whom, and whether the connection is secured by mutual TLS.\n"
        "Connections are those that proxies opened: a client outside the mesh has none to show."
    ),
    words="(RESOURCETYPE)",
    example="""  # Between Deployments that begin or end in a namespace
  {cmd} -n emojivoto deploy

  # Between all pods, with identities
  {cmd} -A po -o wide
""",
)
