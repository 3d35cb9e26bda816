"""``kubectl rollout history`` and ``undo``: the pod templates a Deployment had, kept in its ReplicaSets."""

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.describe.template import template_lines
from sim.shell.kubectl.flagsets import DRY_RUN, FILES, OUTPUT, SELECTOR
from sim.shell.kubectl.printing.layout import align
from sim.shell.kubectl.printing.output import printer, show
from sim.shell.kubectl.targets import Found

__all__ = ["HISTORY", "REVISION", "UNDO", "owned_replicasets", "revision_of"]

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"


def owned_replicasets(call: Call, deployment: Obj) -> list[Obj]:
    """The ReplicaSets a Deployment controls."""
    uid = deployment["metadata"].get("uid")
    found = call.client.list("replicasets.apps", deployment["metadata"].get("namespace"))
    return [
        one
        for one in found
        if any(
            owner.get("uid") == uid and owner.get("controller")
            for owner in one["metadata"].get("ownerReferences") or []
        )
    ]


def revision_of(obj: Obj) -> int:
    """The revision number in an object's annotations; 0 without one."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def _history(call: Call, found: Found) -> dict[int, Obj]:
    """ReplicaSets by revision.

    Raises:
        Failure: not a Deployment, whose history is kept otherwise.
    """
    if found.obj["kind"] != "Deployment":
        raise Failure(f"error: the history of {found.resource.plural} is not kept in this simulation")
    return {revision_of(one): one for one in owned_replicasets(call, found.obj) if revision_of(one)}


def history(call: Call) -> None:
    """List revisions, or show one."""
    from sim.shell.kubectl.writing.rollout import workloads

    for found in workloads(call, "history"):
        revisions = _history(call, found)
        wanted = call["revision"]
        if wanted < 0:
            raise Failure(f"error: revision must be a positive integer: {wanted}")
        if wanted:
            if wanted not in revisions:
                raise Failure(
                    f"error: unable to find the specified revision {wanted} in the history of {found.label}"
                )
            _show_revision(call, found, revisions[wanted], wanted)
            continue
        lines = ["REVISION\tCHANGE-CAUSE"]
        for number in sorted(revisions):
            cause = (revisions[number]["metadata"].get("annotations") or {}).get(CHANGE_CAUSE) or "<none>"
            lines.append(f"{number}\t{cause}")
        body = align("\n".join(lines)) + "\n" if revisions else "No rollout history found."
        call.print(f"{found.label} \n{body}\n")


def _show_revision(call: Call, found: Found, replicaset: Obj, number: int) -> None:
    make = printer(call)
    if make is not None:
        call.write(make([Found(call.client.resource("replicasets.apps"), replicaset)], False))
        return
    lines = template_lines(replicaset["spec"]["template"], indent="  ")
    call.print(f"{found.label} with revision #{number}\nPod Template:\n{align(chr(10).join(lines))}\n\n")


def undo(call: Call) -> None:
    """Put an earlier pod template back."""
    from sim.shell.kubectl.writing.rollout import workloads

    for found in workloads(call, "undo"):
        try:
            _undo_one(call, found)
        except KubeError as error:
            call.refused(error)


def _undo_one(call: Call, found: Found) -> None:
    revisions = _history(call, found)
    if found.obj["spec"].get("paused"):
        raise Failure(
            "error: you cannot rollback a paused deployment; "
            f"resume it first with 'kubectl rollout resume deployment/{found.name}' and try again"
        )
    number = call["to-revision"] or _previous(found, revisions)
    if number not in revisions:
        raise Failure(f"error: unable to find specified revision {number} in history")
    template = _bare(revisions[number]["spec"]["template"])
    if template == _bare(found.obj["spec"]["template"]):
        show(call, found, f"skipped rollback (current template already matches revision {number})")
        return
    if call["dry-run"] != "none":
        show(call, found, "rolled back (dry run)")
        return
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    stored = call.client.patch(found.resource.key, found.name, found.namespace, patch, "json")
    show(call, Found(found.resource, stored), "rolled back")


def _previous(found: Found, revisions: dict[int, Obj]) -> int:
    """The revision before the latest."""
    if len(revisions) < 2:
        raise Failure(f'error: no rollout history found for deployment "{found.name}"')
    return sorted(revisions)[-2]


def _bare(template: Obj) -> Obj:
    """A template without the label that the controller adds."""
    meta = {key: value for key, value in template.get("metadata", {}).items() if key != "creationTimestamp"}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != "pod-template-hash"}
    return {**template, "metadata": {**meta, "labels": labels}}


HISTORY = Verb(
    "rollout history deploy/NAME [--revision=N]",
    "List the revisions of a Deployment, or show the pod template of one",
    history,
    (*FILES, SELECTOR, OUTPUT, Flag("revision", kind="int", help="Show this revision's pod template")),
)
UNDO = Verb(
    "rollout undo deploy/NAME [--to-revision=N]",
    "Put an earlier pod template back (the one before the current, unless told otherwise)",
    undo,
    (*FILES, SELECTOR, OUTPUT, DRY_RUN, Flag("to-revision", kind="int", help="The revision to go back to")),
)
