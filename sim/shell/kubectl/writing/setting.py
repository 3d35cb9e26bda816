"""``kubectl set``: environment, images, resources and service account of a workload's pods."""

from types import MappingProxyType

from mesh.cli.flags import Flag
from sim.cluster.node.quantity import quantity
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import DRY_RUN, FIELD_MANAGER, FILES, PRINTED, RECORD, SELECTOR
from sim.shell.kubectl.writing.environment import set_env
from sim.shell.kubectl.writing.podspecs import change, containers, split

__all__ = ["SET"]


def set_image(call: Call) -> None:
    """Set the images of containers by name; ``*`` for all."""
    words, assigned = split(call.args)
    if not words and not call["filename"]:
        raise Failure("error: You must provide one or more resources by argument or filename.")
    if not assigned or any("=" not in word for word in assigned):
        raise Failure("error: at least one image update is required: CONTAINER=IMAGE")
    images = dict(word.split("=", 1) for word in assigned)
    if empty := [name for name, image in images.items() if not image]:
        raise Failure(f'error: the image of container "{empty[0]}" is empty')

    def edit(spec: Obj) -> None:
        for pattern, image in images.items():
            for container in containers(call, spec, pattern):
                container["image"] = image

    change(call, words, edit, "image updated")


def set_resources(call: Call) -> None:
    """Set requests and limits."""
    wanted = {name: _amounts(call[name]) for name in ("limits", "requests") if call[name]}
    if not wanted:
        raise Failure(
            "error: you must specify an update to requests or limits (in the form of --requests/--limits)"
        )

    def edit(spec: Obj) -> None:
        for container in containers(call, spec, call["containers"]):
            resources = container.setdefault("resources", {})
            for name, amounts in wanted.items():
                merged = {**(resources.get(name) or {}), **amounts}
                resources[name] = {key: amount for key, amount in merged.items() if amount != "0"}
                if not resources[name]:
                    del resources[name]

    change(call, call.args, edit, "resource requirements updated")


def _amounts(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, amount = part.partition("=")
        try:
            valid = bool(equals) and quantity(amount) >= 0
        except ValueError:
            valid = False
        if not valid:
            raise Failure(f'error: invalid amount "{part}": write cpu=200m or memory=64Mi')
        found[name] = amount
    return found


def set_account(call: Call) -> None:
    """Set the service account of a workload's pods."""
    if len(call.args) < 2 and not call["filename"]:
        raise Failure("error: serviceaccount is required: kubectl set serviceaccount deploy/NAME ACCOUNT")
    words, account = call.args[:-1], call.args[-1]

    def edit(spec: Obj) -> None:
        spec["serviceAccountName"] = account
        if "serviceAccount" in spec:
            spec["serviceAccount"] = account

    change(call, words, edit, "serviceaccount updated")


SHARED = (
    *FILES,
    *PRINTED,
    DRY_RUN,
    SELECTOR,
    RECORD,
    FIELD_MANAGER,
    Flag("all", kind="bool", help="All objects of the type in the namespace"),
    Flag("local", kind="bool", help="Not supported here", hidden=True),
)
CONTAINERS = Flag("containers", "c", default="*", help="Only containers whose name matches")
SET = Verb(
    usage="set COMMAND TYPE/NAME ... [flags]",
    about="Change the pod template of a workload; new pods then replace the old ones.",
    verbs=MappingProxyType(
        {
            "env": Verb(
                "set env (TYPE/NAME | TYPE --all) NAME=VALUE... NAME-... [flags]",
                "Set, remove (NAME-) or list environment variables",
                set_env,
                (
                    *SHARED,
                    CONTAINERS,
                    Flag("env", "e", kind="array", help="NAME=VALUE; the same as without -e"),
                    Flag("from", help="A variable for each key of configmap/NAME or secret/NAME"),
                    Flag("prefix", help="With --from: put this in front of the names"),
                    Flag("list", kind="bool", help="Only print what is set"),
                    Flag("resolve", kind="bool", help="Accepted", hidden=True),
                    Flag("overwrite", kind="bool", default=True, help="Change what is set already"),
                ),
                examples="""
kubectl -n emojivoto set env deploy/voting FAILURE_RATE=0.5
kubectl -n emojivoto set env deploy/voting FAILURE_RATE-
kubectl -n emojivoto set env deploy/web --list
""",
            ),
            "image": Verb(
                "set image TYPE/NAME CONTAINER=IMAGE... [flags]",
                "Set the images of containers; * stands for every container",
                set_image,
                SHARED,
                examples="kubectl -n emojivoto set image deploy/web web-svc=buoyantio/emojivoto-web:v12",
            ),
            "resources": Verb(
                "set resources TYPE/NAME [--requests=cpu=100m] [--limits=cpu=1,memory=64Mi] [flags]",
                "Set the CPU and memory that containers ask for and may use; 0 removes one",
                set_resources,
                (
                    *SHARED,
                    CONTAINERS,
                    Flag("limits", help="What they may use"),
                    Flag("requests", help="What they ask for"),
                ),
            ),
            "serviceaccount": Verb(
                "set serviceaccount TYPE/NAME ACCOUNT [flags]",
                "Set the service account of a workload's pods",
                set_account,
                SHARED,
            ),
        }
    ),
)
