"""``kubectl patch`` and ``replace``, and what stands in for ``edit``."""

from typing import Any

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from mesh.yaml import YamlError, load_all
from sim.shell.kubectl.call import Call, Failure, Verb
from sim.shell.kubectl.flagsets import DRY_RUN, FIELD_MANAGER, FILES, PRINTED, RECORD
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.sources import Source, load
from sim.shell.kubectl.targets import Found, find
from sim.shell.kubectl.writing.apply import VALIDATE, dry_run, suffix, validate
from sim.shell.kubectl.writing.delete import gone
from sim.shell.kubectl.writing.merge import annotated

__all__ = ["EDIT", "KUSTOMIZE", "PATCH", "REPLACE"]

PATIENCE = 300.0  # seconds that replace --force waits for the old object to go


def patch(call: Call) -> None:
    """Send a patch to every object named."""
    if call["local"]:
        raise Failure(
            "error: --local is not supported here; the patch goes to the server (try --dry-run=server)"
        )
    body = _body(call)
    kind = call["type"]
    wanted = list if kind == "json" else dict
    if not isinstance(body, wanted):
        what = "a list of operations" if kind == "json" else "an object"
        raise Failure(f"error: a {kind} patch must be {what}")
    found = find(call, call.args, verb="patch")
    mode = dry_run(call)
    for one in found:
        try:
            stored = call.client.patch(
                one.resource.key,
                one.name,
                one.namespace,
                body,
                kind,
                subresource=call["subresource"],
                dry_run=mode != "none",
            )
        except KubeError as error:
            if error.reason == "UnsupportedMediaType":
                kind_text = f"{one.resource.api_version}, Kind={one.resource.kind}"
                call.fail(
                    f"error: application/strategic-merge-patch+json is not supported by {kind_text}: "
                    f"{error.message} (use --type=merge)"
                )
            else:
                call.refused(error)
            continue
        same = stored["metadata"].get("resourceVersion") == one.obj["metadata"].get("resourceVersion")
        done = "patched (no change)" if same and mode == "none" else "patched"
        obj = stored if not call["subresource"] else one.obj
        show(call, Found(one.resource, obj), done + suffix(call))


def _body(call: Call) -> Any:
    """The patch, from ``-p`` or a file, in JSON or YAML."""
    if call["patch"] and call["patch-file"]:
        raise Failure("error: cannot specify --patch and --patch-file together")
    text = call["patch"]
    if call["patch-file"]:
        try:
            text = call.context.read(call["patch-file"])
        except OSError as error:
            raise Failure(f"error: unable to read patch file: {error}") from None
    if not text:
        raise Failure("error: must specify --patch or --patch-file containing the contents of the patch")
    try:
        documents = load_all(text, name="patch")
    except YamlError as error:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise Failure(f"error: unable to parse {shown!r}: {error.message}") from None
    if len(documents) != 1:
        raise Failure("error: a patch is one document")
    return documents[0]


def replace(call: Call) -> None:
    """Replace objects by those in files."""
    if call.args:
        raise Failure(f"error: Unexpected args: [{' '.join(call.args)}]; objects are given with -f")
    sources = load(call)
    if not sources and not call.status:
        raise Failure("error: no objects passed to replace")
    validate(call, sources)
    for source in sources:
        try:
            if call["force"]:
                _recreate(call, source)
            else:
                _update(call, source)
        except KubeError as error:
            call.refused(error, f'error when replacing "{source.origin}"')


def _update(call: Call, source: Source) -> None:
    obj = annotated(source.obj) if call["save-config"] else source.obj
    mode = dry_run(call)
    current = call.client.get(source.resource.key, source.name, source.namespace)
    if mode == "none":
        current = call.client.update(obj)
    show(call, Found(source.resource, current), "replaced" + suffix(call))


def _recreate(call: Call, source: Source) -> None:
    """``--force``: delete, wait until it is gone, create."""
    try:
        old = call.client.get(source.resource.key, source.name, source.namespace)
    except KubeError as error:
        if error.reason != "NotFound":
            raise
    else:
        grace = call["grace-period"] if call["grace-period"] >= 0 else None
        call.client.delete(source.resource.key, source.name, source.namespace, grace=grace)
        found = Found(source.resource, old)
        call.print(f'{found.label.partition("/")[0]} "{found.name}" deleted')
        if not call.wait_until(lambda: gone(call, found), PATIENCE):
            raise Failure(
                f"error: timed out waiting for the condition on {source.resource.plural}/{source.name}"
            )
    source.obj["metadata"].pop("resourceVersion", None)
    source.obj["metadata"].pop("uid", None)
    made = call.client.create(annotated(source.obj) if call["save-config"] else source.obj)
    show(call, Found(source.resource, made), "replaced")


def _edit(call: Call) -> None:
    raise Failure(
        "error: there is no editor in this sandbox; change the object with kubectl patch, set or apply "
        "(kubectl get … -o yaml > file.yaml shows it)"
    )


def _kustomize(call: Call) -> None:
    raise Failure("error: kustomizations are not supported here; use kubectl apply -f with plain manifests")


PATCH = Verb(
    usage="patch (TYPE NAME | TYPE/NAME) -p PATCH [--type=strategic|merge|json] [flags]",
    about=(
        "Change fields of an object. A strategic patch merges lists of named things (containers, env) by\n"
        "name; a merge patch replaces lists whole; a JSON patch is a list of operations. Custom resources\n"
        "know no strategic one."
    ),
    run=patch,
    flags=(
        *FILES,
        *PRINTED,
        DRY_RUN,
        RECORD,
        FIELD_MANAGER,
        Flag("patch", "p", help="The patch, in JSON or YAML"),
        Flag("patch-file", help="File with the patch"),
        Flag(
            "type",
            default="strategic",
            choices=("strategic", "merge", "json"),
            help="strategic, merge or json",
        ),
        Flag(
            "subresource",
            choices=("", "status", "scale"),
            help="Patch this part of the object: status or scale",
        ),
        Flag("local", kind="bool", help="Not supported here", hidden=True),
    ),
    examples="""
kubectl -n emojivoto patch deploy/web -p '{"spec":{"replicas":2}}'
kubectl patch svc/web-svc --type=json -p '[{"op":"replace","path":"/spec/ports/0/port","value":81}]'
""",
)
REPLACE = Verb(
    usage="replace -f FILE [--force] [flags]",
    about="Replace objects by those in files. Fields that the file lacks go back to their defaults.",
    run=replace,
    flags=(
        *FILES,
        *PRINTED,
        DRY_RUN,
        VALIDATE,
        FIELD_MANAGER,
        Flag("force", kind="bool", help="Delete the old object and create the new one"),
        Flag(
            "grace-period", kind="int", default=-1, help="With --force: seconds a pod gets to end by itself"
        ),
        Flag(
            "save-config",
            kind="bool",
            help="Note the object in its annotation, so that apply can go on from it",
        ),
    ),
    examples="kubectl -n emojivoto get deploy/web -o yaml | kubectl replace -f -",
)
EDIT = Verb(
    "edit TYPE/NAME",
    "Not available here: there is no editor. Use patch, set or apply.",
    _edit,
    (*FILES, *PRINTED),
)
KUSTOMIZE = Verb("kustomize FOLDER", "Not available here.", _kustomize)
