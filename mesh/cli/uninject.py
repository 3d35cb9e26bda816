"""``linkerd uninject``: takes the proxy and its marks out of manifests."""

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, Parsed
from mesh.cli.kube import Obj
from mesh.cli.resources import InputError, read_inputs, render, transform
from mesh.cli.verb import Verb, fail
from mesh.control.injection.uninjector import uninject
from mesh.control.injection.workload import Workload
from mesh.control.values import STABLE
from mesh.editions import Edition

__all__ = ["UNINJECT"]

OUTPUT = Flag("output", "o", default="yaml", help="Output format: yaml, json", choices=("yaml", "json"))


def _flags(edition: Edition) -> tuple[Flag, ...]:
    return () if edition.name == STABLE else (OUTPUT,)


def _change(obj: Obj) -> tuple[Obj, str]:
    """The object without its proxy, and its line in the report."""
    workload = Workload.of(obj)
    result, changed = uninject(obj)
    if not workload.kind:
        return result, 'document missing "kind" field, skipped'
    return result, f'{workload.kind} "{workload.name}" {"uninjected" if changed else "skipped"}'


def _run(parsed: Parsed, console: Console) -> Result:
    if len(parsed.args) != 1:
        return fail("Error: please specify one kubernetes resource file, folder, URL or -")
    try:
        inputs = read_inputs(parsed.args[0], console)
    except InputError as error:
        return fail(str(error))
    result = Result()
    for found in inputs:
        outcome = transform(found.documents, _change)
        if outcome.errors:
            result.stderr += "Error transforming resources:\n" + "\n".join(outcome.errors) + "\n"
            result.status = 1
            return result
        result.stdout += render(outcome.documents, parsed.values.get("output", "yaml"))
        result.stderr += "\n".join(["", *outcome.reports, "", ""])
    return result


UNINJECT = Verb(
    name="uninject",
    run=_run,
    flags=_flags,
    summary="Remove the Linkerd proxy from a Kubernetes config",
    about="""Remove the Linkerd proxy from a Kubernetes config.

It reads one file, a folder and all below it, a URL, or standard input (-).""",
    example="""  # Uninject all the deployments in the default namespace.
  kubectl get deploy -o yaml | linkerd uninject - | kubectl apply -f -

  # Uninject all the resources inside a folder and its sub-folders.
  linkerd uninject <folder> | kubectl apply -f -""",
    words="CONFIG-FILE",
)
