"""``kubectl delete``: ask the server to take objects away, and wait until they are gone."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Verb
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, DRY_RUN, FILES, OUTPUT, SELECTED
from sim.shell.kubectl.sources import live, load
from sim.shell.kubectl.targets import Found, fetch, wanted
from sim.shell.kubectl.writing.apply import dry_run, suffix

__all__ = ["DELETE", "gone"]

PATIENCE = 3600.0  # seconds of simulated time that delete waits at most without --timeout
IMMEDIATE = (
    "Warning: Immediate deletion does not wait for confirmation that the running resource has been "
    "terminated. The resource may continue to run on the cluster indefinitely."
)
CASCADES = {
    "background": "Background",
    "true": "Background",
    "orphan": "Orphan",
    "false": "Orphan",
    "foreground": "Foreground",
}


def gone(call: Call, found: Found) -> bool:
    """Whether the object is no longer there; one of the same name made since does not count."""
    try:
        now = call.client.get(found.resource.key, found.name, found.namespace)
    except KubeError as error:
        if error.reason == "NotFound":
            return True
        raise
    return bool(now["metadata"].get("uid") != found.obj["metadata"].get("uid"))


def delete(call: Call) -> None:
    """Delete what files, names or selectors say."""
    grace = _grace(call)
    victims = list(_victims(call))
    deleted = []
    for found in victims:
        try:
            if dry_run(call) == "none":
                call.client.delete(
                    found.resource.key,
                    found.name,
                    found.namespace,
                    grace=grace,
                    propagation=CASCADES[call["cascade"]],
                )
        except KubeError as error:
            if not (error.reason == "NotFound" and call["ignore-not-found"]):
                call.refused(error)
            continue
        deleted.append(found)
        _say(call, found, grace)
    if call["wait"] and not (call["force"] and grace == 0) and dry_run(call) == "none":
        _wait(call, deleted)


def _grace(call: Call) -> float | None:
    """Seconds of grace asked for; None takes the object's own.

    Raises:
        Failure: flags that contradict each other.
    """
    if call["now"]:
        if call.given("grace-period"):
            raise Failure("error: --now and --grace-period cannot be specified together")
        return 1.0
    period = call["grace-period"]
    if period == 0 and not call["force"]:
        return 1.0  # Source: kubectl; only --force may skip the confirmation
    if call["force"]:
        if period > 0:
            raise Failure("error: --force and --grace-period greater than 0 cannot be specified together")
        call.warn(IMMEDIATE)
        return 0.0
    return float(period) if period > 0 else None


def _victims(call: Call) -> list[Found]:
    """The objects to delete; those that are not there are reported."""
    if call["filename"]:
        if call.args:
            raise Failure(
                "error: when paths, URLs, or stdin is provided as resource input, no words may follow"
            )
        sources = load(call)
        if not sources and not call.status:
            raise Failure("error: no objects passed to delete")
        return _forgiving(call, [partial(live, call, [source]) for source in sources])
    if not call.args:
        raise Failure("error: You must provide one or more resources by argument or filename.")
    targets = wanted(call, call.args, verb="delete")
    selecting = bool(call["selector"] or call["field-selector"])
    if call["all"] and selecting:
        raise Failure("error: setting 'all' parameter but found a non empty selector.")
    if not all(target.name for target in targets) and not (call["all"] or selecting):
        raise Failure("error: resource(s) were provided, but no name was specified")
    if all(target.name for target in targets):
        if call["all"]:
            raise Failure("error: name cannot be provided when --all is specified")
        return _forgiving(call, [partial(fetch, call, [target]) for target in targets])
    found = list(fetch(call, targets))
    if not found and not call.status:
        call.print("No resources found")
    return found


def _forgiving(call: Call, reads: Sequence[Callable[[], Iterable[Found]]]) -> list[Found]:
    """What the reads find; with --ignore-not-found, what is missing is no failure."""
    found: list[Found] = []
    for read in reads:
        status, lines = call.status, len(call.err)
        found += read()
        if call["ignore-not-found"] and any("(NotFound)" in line for line in call.err[lines:]):
            del call.err[lines:]
            call.status = status
    return found


def _say(call: Call, found: Found, grace: float | None) -> None:
    if call["output"] == "name":
        call.print(found.label)
        return
    kind = found.label.partition("/")[0]
    done = "force deleted" if call["force"] and grace == 0 else "deleted"
    call.print(f'{kind} "{found.name}" {done}{suffix(call)}')


def _wait(call: Call, deleted: list[Found]) -> None:
    limit = call["timeout"] or PATIENCE
    end = call.context.engine.now + limit
    for found in deleted:
        left = max(0.0, end - call.context.engine.now)
        if not call.wait_until(partial(gone, call, found), left):
            call.fail(f"error: timed out waiting for the condition on {found.resource.plural}/{found.name}")
            return


DELETE = Verb(
    usage="delete (-f FILE | TYPE NAME... | TYPE/NAME... | TYPE -l SELECTOR | TYPE --all) [flags]",
    about=(
        "Delete objects by file, name or label.\n\n"
        "Pods get a grace period to end by themselves; what owns other objects takes them along. delete\n"
        "waits, letting simulated time pass, until what it deleted is gone (--wait=false does not)."
    ),
    run=delete,
    flags=(
        *FILES,
        *SELECTED,
        ALL_NAMESPACES,
        OUTPUT,
        DRY_RUN,
        Flag("all", kind="bool", help="All objects of the types, in the namespace"),
        Flag("grace-period", kind="int", default=-1, help="Seconds a pod gets to end by itself"),
        Flag("now", kind="bool", help="Same as --grace-period=1"),
        Flag("force", kind="bool", help="Do not wait for the node's word that a pod ended"),
        Flag("ignore-not-found", kind="bool", help="What is not there is no error"),
        Flag("wait", kind="bool", default=True, help="Wait until the objects are gone"),
        Flag("timeout", kind="duration", help="How long to wait at most (0: an hour)"),
        Flag(
            "cascade",
            default="background",
            no_value="background",
            choices=tuple(CASCADES),
            help="What becomes of the objects it owns: background, foreground or orphan",
        ),
    ),
    examples="""
kubectl delete -f emojivoto.yml
kubectl -n emojivoto delete pod -l app=web-svc
kubectl delete ns emojivoto --wait=false
""",
)
