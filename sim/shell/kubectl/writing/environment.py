"""``kubectl set env``: environment variables of a workload's pods."""

import re

from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.targets import find, resource_of
from sim.shell.kubectl.writing.podspecs import change, containers, pod_spec, split

__all__ = ["set_env"]

ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*\Z")


def set_env(call: Call) -> None:
    """Set, remove or list environment variables."""
    words, assigned = split(call.args)
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
    change(call, words, lambda spec: _write_env(call, spec, added, removed), "env updated")


def _write_env(call: Call, spec: Obj, added: list[Obj], removed: list[str]) -> None:
    for container in containers(call, spec, call["containers"]):
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
        for container in containers(call, spec, call["containers"]):
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
