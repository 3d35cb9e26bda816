"""``linkerd tap``: single requests, as they pass."""

import json
from typing import Any

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.kube import KubeError
from mesh.cli.verb import Verb
from mesh.cli.viz.api import NAMESPACE_FLAGS, named, running_pod, viz_namespace
from mesh.viz.resources import Resource
from mesh.viz.tap import TapEvent, line

__all__ = ["TAP", "TAP_FLAGS", "tapped"]

TAP_PORT = 8089
SECONDS = 10.0
TAP_FLAGS = (
    *NAMESPACE_FLAGS,
    Flag("method", help="Only requests with this HTTP method"),
    Flag("path", help="Only requests whose path begins so"),
    Flag("authority", help="Only requests with this :authority"),
    Flag("max-rps", kind="float", default=100.0, help="Maximum requests per second to tap"),
    Flag("for", kind="duration", default=SECONDS, help="How long to listen"),
)


def tapped(parsed: Parsed, console: Console) -> tuple[Resource, list[TapEvent]]:
    """Listen for a while at the resource that the command line names.

    *Differs:* the real command listens until it is interrupted.

    Raises:
        FlagError: not one resource.
        KubeError: no tap service, or none of the pods can be tapped.
    """
    resources = named(parsed)
    if len(resources) != 1 or not resources[0].of.owner:
        raise FlagError("name one resource that owns pods: KIND/NAME, or a kind for all of them")
    if parsed["max-rps"] <= 0 or parsed["for"] <= 0:
        raise FlagError("--max-rps and --for must be positive")
    resource = resources[0]
    namespace = viz_namespace(console)
    pod = running_pod(console, namespace, "tap" if console.edition.viz_prefix else "linkerd-tap")
    where = f"namespaces/{resource.namespace}/" if resource.namespace else ""
    path = f"/apis/tap.linkerd.io/v1alpha1/watch/{where}{resource.of.plural}/{resource.name}/tap"
    match = {name: parsed[name] for name in ("method", "path", "authority")}
    body: dict[str, Any] = {"max_rps": parsed["max-rps"], "seconds": parsed["for"], "match": match}
    body["resource"] = {"kind": resource.kind, "namespace": resource.namespace, "name": resource.name}
    reply = console.kube.request(namespace, pod, TAP_PORT, "POST", path, body, parsed["for"] + 30.0)
    if reply.status == 0:
        raise KubeError("Unreachable", f"cannot connect to the tap service: {reply.error}")
    if not isinstance(reply.body, dict) or "error" in reply.body or reply.status != 200:
        why = reply.body.get("error") if isinstance(reply.body, dict) else None
        raise KubeError("InternalError", str(why or f"the tap service answered HTTP {reply.status}"))
    return resource, [TapEvent.from_json(event) for event in reply.body["events"]]


def _tap(parsed: Parsed, console: Console) -> Result:
    resource, events = tapped(parsed, console)
    if parsed["output"] == "json":
        return Result(stdout="".join(json.dumps(event.to_json()) + "\n" for event in events))
    wide = resource.of.label if parsed["output"] == "wide" else ""
    return Result(stdout="".join(line(event, wide) + "\n" for event in events))


TAP = Verb(
    name="tap",
    run=_tap,
    flags=(
        *TAP_FLAGS,
        Flag(
            "output",
            "o",
            default="",
            choices=("", "wide", "json"),
            help="Output: wide or json; default: lines",
        ),
    ),
    summary="Listen to a traffic stream",
    about="Print requests and responses of pods as their proxies see them.",
    words="(RESOURCE)",
    example="""  # Requests that web answers and sends
  {cmd} -n emojivoto deploy/web

  # Only votes
  {cmd} -n emojivoto deploy/web --path /api/vote
""",
)
