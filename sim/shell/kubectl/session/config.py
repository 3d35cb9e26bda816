"""``kubectl config``: read and change the kubeconfig."""

from types import MappingProxyType

from mesh.cli.flags import Flag
from mesh.yaml import dump
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.printing.layout import rows
from sim.shell.kubectl.printing.output import json_text
from sim.shell.kubectl.session.kubeconfig import current, entry, load, save

__all__ = ["CONFIG"]


def view(call: Call) -> None:
    """Print the kubeconfig."""
    config = load(call.context, call["kubeconfig"])
    if call["minify"]:
        where = current(call.context, call["kubeconfig"], call["context"])
        found = entry(config, where.context)
        kept = found["context"].get("cluster"), found["context"].get("user")
        config = {
            **config,
            "contexts": [found],
            "clusters": [one for one in config.get("clusters") or [] if one.get("name") == kept[0]],
            "users": [one for one in config.get("users") or [] if one.get("name") == kept[1]],
        }
    form = call["output"]
    if form.startswith("jsonpath="):
        from sim.shell.kubectl.printing.templates import parse_template, render

        call.write(render(parse_template(form.partition("=")[2]), config))
        return
    if form not in ("", "yaml", "json"):
        raise Failure(f'error: the output format "{form}" is not available; use yaml, json or jsonpath=…')
    call.write(json_text(config) if form == "json" else dump(config, sort=True))


def current_context(call: Call) -> None:
    """Print the current context."""
    call.print(current(call.context, call["kubeconfig"]).context)


def get_contexts(call: Call) -> None:
    """List the contexts."""
    config = load(call.context, call["kubeconfig"])
    contexts = [one for one in config.get("contexts") or [] if not call.args or one["name"] in call.args]
    missing = [name for name in call.args if entry(config, name) is None]
    for name in missing:
        call.fail(f"error: context {name} not found")
    if call["output"] == "name":
        call.print("\n".join(one["name"] for one in contexts))
        return
    lines = [] if call["no-headers"] else [["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]]
    for one in contexts:
        inside = one.get("context") or {}
        mark = "*" if one["name"] == config.get("current-context") else ""
        cells = [str(inside.get(field, "")) for field in ("cluster", "user", "namespace")]
        lines.append([mark, one["name"], *cells])
    if lines and contexts:
        call.print(rows(lines))


def use_context(call: Call) -> None:
    """Make a context the current one."""
    config = load(call.context, call["kubeconfig"])
    name = call.args[0]
    if entry(config, name) is None:
        raise Failure(f'error: no context exists with the name: "{name}"')
    save(call.context, {**config, "current-context": name}, call["kubeconfig"])
    call.print(f'Switched to context "{name}".')


def set_context(call: Call) -> None:
    """Change a context, or make one."""
    config = load(call.context, call["kubeconfig"])
    if call["current"] == bool(call.args):
        raise Failure("error: you must specify a non-empty context name or --current")
    name = str(config.get("current-context") or "") if call["current"] else call.args[0]
    old = entry(config, name)
    if old is None and call["current"]:
        raise Failure("error: no current context is set")
    inside: Obj = dict((old or {}).get("context") or {})
    for flag in ("cluster", "user", "namespace"):
        if call.given(flag):
            inside[flag] = call[flag]
    if not inside.get("namespace"):
        inside.pop("namespace", None)
    new = {"name": name, "context": inside}
    others = [new if one.get("name") == name else one for one in config.get("contexts") or []]
    contexts = others if old is not None else [*others, new]
    save(call.context, {**config, "contexts": contexts}, call["kubeconfig"])
    call.print(f'Context "{name}" {"modified" if old is not None else "created"}.')


def _names(field: str) -> Verb:
    def run(call: Call) -> None:
        call.print("NAME")
        for one in load(call.context, call["kubeconfig"]).get(field) or []:
            call.print(str(one.get("name", "")))

    return Verb(f"config get-{field}", f"List the {field} of the kubeconfig", run, words=(0, 0))


CONFIG = Verb(
    usage="config COMMAND [flags]",
    about="Read and change the kubeconfig. Here it is the file .kube/config, made when you change it.",
    verbs=MappingProxyType(
        {
            "current-context": Verb(
                "config current-context", "Print the current context", current_context, words=(0, 0)
            ),
            "get-clusters": _names("clusters"),
            "get-contexts": Verb(
                "config get-contexts [NAME]",
                "List the contexts",
                get_contexts,
                (
                    Flag("output", "o", choices=("", "name"), help="name"),
                    Flag("no-headers", kind="bool", help="No first line"),
                ),
            ),
            "get-users": _names("users"),
            "set-context": Verb(
                "config set-context (NAME | --current) [--namespace=NAMESPACE]",
                "Change a context: the namespace that is used without -n, for one",
                set_context,
                (
                    Flag("current", kind="bool", help="The current context"),
                    Flag("cluster", help="Its cluster"),
                    Flag("user", help="Its user"),
                ),
                words=(0, 1),
            ),
            "use-context": Verb(
                "config use-context NAME", "Make a context the current one", use_context, words=(1, 1)
            ),
            "view": Verb(
                "config view",
                "Print the kubeconfig",
                view,
                (
                    Flag("output", "o", help="yaml, json or jsonpath=…"),
                    Flag("minify", kind="bool", help="Only what the current context uses"),
                    Flag("raw", kind="bool", help="Accepted", hidden=True),
                    Flag("flatten", kind="bool", help="Accepted", hidden=True),
                ),
                words=(0, 0),
            ),
        }
    ),
    examples="kubectl config set-context --current --namespace=emojivoto",
)
