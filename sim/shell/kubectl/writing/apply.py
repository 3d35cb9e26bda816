"""``kubectl apply``: make the cluster as files say, keeping what others set."""

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb, server_error
from sim.shell.kubectl.flagsets import DRY_RUN, FIELD_MANAGER, FILES, PRINTED, RECORD, SELECTOR
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.sources import Source, load
from sim.shell.kubectl.targets import Found
from sim.shell.kubectl.writing.merge import (
    LAST_APPLIED,
    annotated,
    last_applied,
    three_way_merge,
    three_way_strategic,
)

__all__ = ["APPLY", "dry_run", "patch_for", "validate"]

VALIDATE = Flag(
    "validate",
    default="strict",
    no_value="strict",
    choices=("strict", "true", "warn", "ignore", "false"),
    help="Refuse fields the kind does not have (strict), or let them pass (ignore)",
)
UNANNOTATED = (
    "Warning: resource {label} is missing the {annotation} annotation which is required by kubectl apply. "
    "kubectl apply should only be used on resources created declaratively by either "
    "kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically."
)


def dry_run(call: Call) -> str:
    """``none``, ``client`` or ``server``."""
    given = str(call.flag("dry-run", "none"))
    return {"true": "client", "false": "none"}.get(given, given)


def suffix(call: Call) -> str:
    """What is printed behind the verb of a dry run."""
    return {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run(call), "")


def validate(call: Call, sources: list[Source]) -> None:
    """Check the fields of every object before the first is written.

    Raises:
        Failure: one of them has a field its kind does not have.
    """
    if call.flag("validate", "strict") in ("ignore", "false", "warn"):
        return
    for source in sources:
        try:
            call.client.check_fields(source.obj)
        except KubeError as error:
            problem = error.message.removeprefix("error validating data: ")
            raise Failure(
                f'error: error validating "{source.origin}": error validating data: {problem}; '
                "if you choose to ignore these errors, turn validation off with --validate=false"
            ) from None


def apply(call: Call) -> None:
    """Create what is missing and patch what differs, in the order of the files."""
    if call["prune"]:
        raise Failure(
            "error: --prune is not supported here; delete what is no longer wanted with kubectl delete"
        )
    if call.args:
        raise Failure(f"error: Unexpected args: [{' '.join(call.args)}]; objects are given with -f")
    sources = load(call)
    selector = call["selector"]
    if selector:
        sources = [source for source in sources if call.client.selects(selector, source.obj)]
    if not sources and not call.status:
        raise Failure("error: no objects passed to apply")
    validate(call, sources)
    for source in sources:
        try:
            _apply_one(call, source)
        except KubeError as error:
            call.refused(error, f'error when applying "{source.origin}"')


def _apply_one(call: Call, source: Source) -> None:
    try:
        current = call.client.get(source.resource.key, source.name, source.namespace)
    except KubeError as error:
        if error.reason != "NotFound":
            raise
        _create(call, source)
        return
    if call["server-side"]:
        _server_side(call, source)
    else:
        _patch(call, source, current)


def _create(call: Call, source: Source) -> None:
    obj = source.obj if call["server-side"] else annotated(source.obj)
    mode = dry_run(call)
    try:
        made = obj if mode == "client" else call.client.create(obj, dry_run=mode == "server")
    except KubeError as error:
        call.refused(error, f'error when creating "{source.origin}"')
        return
    done = "serverside-applied" if call["server-side"] else "created"
    show(call, Found(source.resource, made), done + suffix(call))


def patch_for(call: Call, source: Source, current: Obj) -> Obj:
    """The patch that ``apply`` would send.

    Raises:
        Failure: a list of the file lacks its merge keys.
    """
    modified, original = annotated(source.obj), last_applied(current)
    if source.resource.custom:
        return three_way_merge(original, modified, current)
    try:
        return three_way_strategic(call.client.schema, original, modified, current)
    except ValueError as error:
        raise Failure(f'error: error when creating patch for "{source.origin}": {error}') from None


def _patch(call: Call, source: Source, current: Obj) -> None:
    found = Found(source.resource, current)
    if last_applied(current) is None:
        call.warn(
            UNANNOTATED.format(label=f"{source.resource.plural}/{source.name}", annotation=LAST_APPLIED)
        )
    patch = patch_for(call, source, current)
    mode = dry_run(call)
    if not patch:
        show(call, found, "unchanged" + suffix(call))
        return
    if mode == "client":
        show(call, found, "configured (dry run)")
        return
    key, kind = source.resource.key, source.patch_kind
    try:
        stored = call.client.patch(key, source.name, source.namespace, patch, kind, dry_run=mode == "server")
    except KubeError as error:
        if call["force"] and error.reason in ("Invalid", "Conflict"):
            _recreate(call, source)
            return
        call.fail(server_error(error, f'error when applying patch for: "{source.origin}"'))
        return
    same = stored["metadata"].get("resourceVersion") == current["metadata"].get("resourceVersion")
    changed = not same or mode == "server"
    show(call, Found(source.resource, stored), ("configured" if changed else "unchanged") + suffix(call))


def _recreate(call: Call, source: Source) -> None:
    """``--force``: what cannot be patched is deleted and made anew."""
    from sim.shell.kubectl.writing.delete import gone

    key, namespace = source.resource.key, source.namespace
    old = call.client.get(key, source.name, namespace)
    call.client.delete(key, source.name, namespace, grace=0)
    call.wait_until(lambda: gone(call, Found(source.resource, old)), 300.0)
    obj = annotated(source.obj)
    obj["metadata"].pop("resourceVersion", None)
    show(call, Found(source.resource, call.client.create(obj)), "configured")


def _server_side(call: Call, source: Source) -> None:
    """Server-side apply, without field owners: what the file says is merged into what is there."""
    kind, mode = source.patch_kind, dry_run(call)
    if mode == "client":
        raise Failure(
            "error: --dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)"
        )
    stored = call.client.patch(
        source.resource.key, source.name, source.namespace, source.obj, kind, dry_run=mode == "server"
    )
    show(call, Found(source.resource, stored), "serverside-applied" + suffix(call))


APPLY = Verb(
    usage="apply (-f FILE | -f - | -f URL | -f FOLDER) [flags]",
    about=(
        "Make the cluster as a file says: create what is missing, change what differs.\n\n"
        "apply remembers what it applied in an annotation of the object. Next time it compares three\n"
        "things: that annotation, the file, and the object in the cluster. A field that left the file is\n"
        "deleted; a field that others set, and the file never had, stays."
    ),
    run=apply,
    flags=(
        *FILES,
        *PRINTED,
        DRY_RUN,
        SELECTOR,
        VALIDATE,
        RECORD,
        FIELD_MANAGER,
        Flag("server-side", kind="bool", help="Let the server merge the file into the object"),
        Flag("force-conflicts", kind="bool", help="With --server-side: take over fields of others"),
        Flag("force", kind="bool", help="Delete and recreate what cannot be changed"),
        Flag(
            "overwrite",
            kind="bool",
            default=True,
            help="Fields of the file win over the cluster's",
            hidden=True,
        ),
        Flag("wait", kind="bool", help="Accepted; apply never waits", hidden=True),
        Flag("prune", kind="bool", help="Not supported here", hidden=True),
        Flag("all", kind="bool", help="With --prune", hidden=True),
    ),
    examples="""
kubectl apply -f emojivoto.yml
curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -
kubectl get deploy -o yaml | linkerd inject - | kubectl apply -f -
kubectl apply -f manifests/ -R --dry-run=server
""",
)
