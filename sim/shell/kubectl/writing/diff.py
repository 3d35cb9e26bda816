"""``kubectl diff``: what ``apply`` would change."""

import difflib

from mesh.cli.kube import KubeError
from mesh.yaml import dump
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import FIELD_MANAGER, FILES, SELECTOR
from sim.shell.kubectl.sources import Source, load
from sim.shell.kubectl.writing.apply import VALIDATE, patch_for, validate
from sim.shell.kubectl.writing.merge import annotated

__all__ = ["DIFF"]

UNSHOWN = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "selfLink")


def diff(call: Call) -> None:
    """Print a unified diff for every object that would change; status 1 when there are any."""
    sources = load(call)
    if call["selector"]:
        sources = [source for source in sources if call.client.selects(call["selector"], source.obj)]
    if not sources and not call.status:
        raise Failure("error: no objects passed to diff")
    validate(call, sources)
    for source in sources:
        try:
            live, merged = _states(call, source)
        except KubeError as error:
            call.refused(error, f'error when diffing "{source.origin}"')
            continue
        text = _text(source, live, merged)
        if text:
            call.write(text)
            call.status = max(call.status, 1)


def _states(call: Call, source: Source) -> tuple[Obj | None, Obj]:
    """The object as it is, None when it is not there, and as apply would leave it."""
    try:
        live = call.client.get(source.resource.key, source.name, source.namespace)
    except KubeError as error:
        if error.reason != "NotFound":
            raise
        return None, call.client.create(annotated(source.obj), dry_run=True)
    patch = patch_for(call, source, live)
    if not patch:
        return live, live
    key, kind = source.resource.key, source.patch_kind
    return live, call.client.patch(key, source.name, source.namespace, patch, kind, dry_run=True)


def _text(source: Source, live: Obj | None, merged: Obj) -> str:
    resource = source.resource
    api = resource.api_version.replace("/", ".")
    name = ".".join(filter(None, (api, resource.kind, source.namespace or "", source.name)))
    before = dump(_shown(live), sort=True).splitlines() if live is not None else []
    after = dump(_shown(merged), sort=True).splitlines()
    lines = list(difflib.unified_diff(before, after, f"LIVE/{name}", f"MERGED/{name}", lineterm=""))
    return "\n".join([f"diff -u -N LIVE/{name} MERGED/{name}", *lines]) + "\n" if lines else ""


def _shown(obj: Obj) -> Obj:
    """The object without what the server writes at every change, Secrets without their contents."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in UNSHOWN}
    annotations = {
        key: value
        for key, value in (meta.get("annotations") or {}).items()
        if not key.endswith("last-applied-configuration")
    }
    meta.pop("annotations", None)
    if annotations:
        meta["annotations"] = annotations
    shown = {key: value for key, value in obj.items() if key != "status"}
    if obj.get("kind") == "Secret" and obj.get("data"):
        shown["data"] = dict.fromkeys(obj["data"], "***")
    return {**shown, "metadata": meta}


DIFF = Verb(
    usage="diff -f FILE [flags]",
    about="Show what apply would change, as a unified diff. Exit status: 0 nothing, 1 something would.",
    run=diff,
    words=(0, 0),
    flags=(*FILES, SELECTOR, VALIDATE, FIELD_MANAGER),
    examples="kubectl -n emojivoto get deploy -o yaml | linkerd inject - | kubectl diff -f -",
)
