"""``kubectl set``: environment, images, resources and service account of a workload's pods."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from types import MappingProxyType

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.cluster.api.objects import clone
from sim.cluster.node.quantity import quantity
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import DRY_RUN, FIELD_MANAGER, FILES, PRINTED, RECORD, SELECTOR
from sim.shell.kubectl.printing.output import printer, show
from sim.shell.kubectl.targets import Found, find, resource_of
from sim.shell.kubectl.writing.apply import dry_run, suffix
from sim.shell.kubectl.writing.merge import three_way_strategic

__all__ = ["SET", "difference", "pod_spec"]

Change = Callable[[Obj], None]
ASSIGNMENT = re.compile(r"^[^\s=]+=|^[^\s=/]+-$")
ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*\Z")


def pod_spec(obj: Obj) -> Obj | None:
    """The spec of the pods that ``obj`` is or makes; None for objects without pods."""
    spec = obj.get("spec") or {}
    if obj["kind"] == "Pod":
        return dict(spec)
    if obj["kind"] == "CronJob":
        spec = spec.get("jobTemplate", {}).get("spec", {})
    found = spec.get("template", {}).get("spec") if isinstance(spec.get("template"), dict) else None
    return found if isinstance(found, dict) else None


def difference(call: Call, old: Obj, new: Obj) -> Obj:
    """The strategic merge patch that takes ``old`` to ``new``."""
    return three_way_strategic(call.client.schema, old, new, old)


def _change(call: Call, words: list[str], change: Change, done: str) -> None:
    """Change the pod template of every object named; nothing is sent for one that stays the same."""
    found = find(call, words, verb="set")
    if not found and not call.status:
        raise Failure("error: no objects were found")
    for one in found:
        new = clone(one.obj)
        spec = pod_spec(new)
        if spec is None:
            call.fail(f"error: {one.label} has no pod template")
            continue
        if new["kind"] == "Pod":
            new["spec"] = spec
        change(spec)
        _send(call, one, new, done)


def _send(call: Call, one: Found, new: Obj, done: str) -> None:
    patch = difference(call, one.obj, new)
    mode = dry_run(call)
    if not patch:
        if printer(call) is not None:
            show(call, one, done)
        return
    try:
        stored = new
        if mode != "client":
            stored = call.client.patch(
                one.resource.key, one.name, one.namespace, patch, "strategic", dry_run=mode == "server"
            )
    except KubeError as error:
        call.refused(error)
        return
    show(call, Found(one.resource, stored), done + suffix(call))


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Objects and assignments (``A=b``, ``A-``) of a command line."""
    assigned = [word for word in words if ASSIGNMENT.match(word)]
    return [word for word in words if not ASSIGNMENT.match(word)], assigned


def _containers(call: Call, spec: Obj, pattern: str) -> list[Obj]:
    """The containers whose name matches; a pattern that matches none is a failure of its own."""
    everything = (spec.get("initContainers") or []) + (spec.get("containers") or [])
    if pattern == "*":
        return list(spec.get("containers") or [])
    found = [container for container in everything if fnmatchcase(container["name"], pattern)]
    if not found:
        names = ", ".join(container["name"] for container in everything)
        raise Failure(f'error: unable to find container named "{pattern}"; there are: {names}')
    return found


# -- env --------------------------------------------------------------------------------------


def set_env(call: Call) -> None:
    """Set, remove or list environment variables."""
    words, assigned = _split(call.args)
    if not words and not call["filename"]:
        raise Failure(
            "error: one or more resources must be specified as <resource> <name> or <resource>/<name>"
        )
    if call["list"]:
        if assigned:
            raise Failure("error: --list shows variables; leave out the assignments")
        _list_env(call, words)
        return
    values: dict[str, str] = {}
    removed: list[str] = []
    for word in [*assigned, *call["env"]]:
        name, equals, value = word.partition("=")
        bare = name if equals else name.removesuffix("-")
        if not ENV_NAME.match(bare):
            raise Failure(f'error: "{bare}" is not a valid environment variable name')
        if equals:
            values[bare] = value
        else:
            removed.append(bare)
    if both := sorted(set(values) & set(removed)):
        raise Failure(
            f"error: can not both modify and remove the following environment variable(s): {both[0]}"
        )
    added = [{"name": name, "value": value} for name, value in values.items()] + _from_source(call)
    if not added and not removed:
        raise Failure(
            "error: at least one environment variable must be provided: NAME=VALUE, or NAME- to remove it"
        )
    _change(call, words, lambda spec: _write_env(call, spec, added, removed), "env updated")


def _write_env(call: Call, spec: Obj, added: list[Obj], removed: list[str]) -> None:
    for container in _containers(call, spec, call["containers"]):
        env = [one for one in container.get("env") or [] if one["name"] not in removed]
        for new in added:
            old = next((index for index, one in enumerate(env) if one["name"] == new["name"]), None)
            if old is None:
                env.append(dict(new))
            elif call["overwrite"]:
                env[old] = dict(new)
            elif env[old].get("value") != new.get("value"):
                had = env[old].get("value", "")
                raise Failure(f"error: '{new['name']}' already has a value ({had}), and --overwrite is false")
        if env or "env" in container:
            container["env"] = env
        if not env:
            container.pop("env", None)


def _from_source(call: Call) -> list[Obj]:
    """``--from=configmap/NAME``: a variable for each of its keys."""
    if not call["from"]:
        return []
    kind, slash, name = call["from"].partition("/")
    key = resource_of(call, kind).key
    if not slash or key not in ("configmaps", "secrets"):
        raise Failure("error: --from takes configmap/NAME or secret/NAME")
    source = call.client.get(key, name, call.namespace)
    field = "configMapKeyRef" if key == "configmaps" else "secretKeyRef"
    made = []
    for entry in sorted(source.get("data") or {}):
        variable = call["prefix"] + re.sub(r"[^A-Za-z0-9_]", "_", entry).upper()
        made.append({"name": variable, "valueFrom": {field: {"key": entry, "name": name}}})
    return made


def _list_env(call: Call, words: list[str]) -> None:
    for one in find(call, words, verb="set"):
        spec = pod_spec(one.obj)
        if spec is None:
            call.fail(f"error: {one.label} has no pod template")
            continue
        for container in _containers(call, spec, call["containers"]):
            call.print(f"# {one.obj['kind']} {one.name}, container {container['name']}")
            for variable in container.get("env") or []:
                call.print(_env_text(variable))


def _env_text(variable: Obj) -> str:
    source = variable.get("valueFrom")
    if not source:
        return f"{variable['name']}={variable.get('value', '')}"
    if "fieldRef" in source:
        return f"# {variable['name']} from field path {source['fieldRef'].get('fieldPath', '')}"
    for field, what in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
        if field in source:
            ref = source[field]
            return f"# {variable['name']} from {what} {ref.get('name')}, key {ref.get('key')}"
    return f"# {variable['name']} from resource {source.get('resourceFieldRef', {}).get('resource', '')}"


# -- image, resources, serviceaccount ---------------------------------------------------------


def set_image(call: Call) -> None:
    """Set the images of containers by name; ``*`` for all."""
    words, assigned = _split(call.args)
    if not words and not call["filename"]:
        raise Failure("error: You must provide one or more resources by argument or filename.")
    if not assigned or any("=" not in word for word in assigned):
        raise Failure("error: at least one image update is required: CONTAINER=IMAGE")
    images = dict(word.split("=", 1) for word in assigned)
    if empty := [name for name, image in images.items() if not image]:
        raise Failure(f'error: the image of container "{empty[0]}" is empty')

    def change(spec: Obj) -> None:
        for pattern, image in images.items():
            for container in _containers(call, spec, pattern):
                container["image"] = image

    _change(call, words, change, "image updated")


def set_resources(call: Call) -> None:
    """Set requests and limits."""
    wanted = {name: _amounts(call[name]) for name in ("limits", "requests") if call[name]}
    if not wanted:
        raise Failure(
            "error: you must specify an update to requests or limits (in the form of --requests/--limits)"
        )

    def change(spec: Obj) -> None:
        for container in _containers(call, spec, call["containers"]):
            resources = container.setdefault("resources", {})
            for name, amounts in wanted.items():
                merged = {**(resources.get(name) or {}), **amounts}
                resources[name] = {key: amount for key, amount in merged.items() if amount != "0"}
                if not resources[name]:
                    del resources[name]

    _change(call, call.args, change, "resource requirements updated")


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

    def change(spec: Obj) -> None:
        spec["serviceAccountName"] = account
        if "serviceAccount" in spec:
            spec["serviceAccount"] = account

    _change(call, words, change, "serviceaccount updated")


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
