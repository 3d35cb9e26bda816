"""The table of kubectl's verbs, and how a command line finds its verb."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import NamedTuple

from mesh.cli.console import Result
from mesh.cli.flags import Flag, FlagError, did_you_mean, parse, usage
from mesh.cli.kube import KubeError
from sim.shell.context import Context
from sim.shell.kubectl.call import Call, Failure, Verb, server_error
from sim.shell.kubectl.flagsets import GLOBAL

__all__ = ["TABLE", "run"]

HERE = "sim.shell.kubectl"


class Entry(NamedTuple):
    """Where a verb lives (``module:NAME``), its group in the help, and one line about it."""

    place: str
    group: str
    summary: str


BASIC, INTERMEDIATE, DEPLOY = "Start", "Look and change", "Roll out"
NODES, TROUBLE, SETTINGS, OTHER = "Nodes", "Find out why", "Apply, change, wait", "About"

TABLE: Mapping[str, Entry] = {
    "create": Entry("creating.create:CREATE", BASIC, "Create objects from a file or from words"),
    "expose": Entry("creating.launch:EXPOSE", BASIC, "Make a Service for a workload or a pod"),
    "run": Entry("creating.launch:RUN", BASIC, "Run an image in a pod"),
    "set": Entry("writing.setting:SET", BASIC, "Set environment, image or resources of a workload"),
    "explain": Entry("reading.explain:EXPLAIN", INTERMEDIATE, "Say what a kind and its fields mean"),
    "get": Entry("reading.get:GET", INTERMEDIATE, "Show one or many objects"),
    "edit": Entry("writing.patch:EDIT", INTERMEDIATE, "Not here: use patch or apply"),
    "delete": Entry("writing.delete:DELETE", INTERMEDIATE, "Delete objects by file, name or label"),
    "rollout": Entry("writing.rollout:ROLLOUT", DEPLOY, "Follow, restart, undo and list rollouts"),
    "scale": Entry("writing.scale:SCALE", DEPLOY, "Set how many replicas a workload has"),
    "autoscale": Entry("writing.scale:AUTOSCALE", DEPLOY, "Let CPU use decide the number of replicas"),
    "top": Entry("reading.top:TOP", NODES, "Show CPU and memory use"),
    "cordon": Entry("writing.node:CORDON", NODES, "Keep new pods off a node"),
    "uncordon": Entry("writing.node:UNCORDON", NODES, "Let new pods on a node again"),
    "drain": Entry("writing.node:DRAIN", NODES, "Move all pods off a node"),
    "describe": Entry("describe.verb:DESCRIBE", TROUBLE, "Show the details of objects, with their events"),
    "logs": Entry("reading.logs:LOGS", TROUBLE, "Print what a container wrote"),
    "exec": Entry("session.exec:EXEC", TROUBLE, "Run a command in a container"),
    "port-forward": Entry("session.forward:PORT_FORWARD", TROUBLE, "Lead a local port to a pod"),
    "events": Entry("reading.events:EVENTS", TROUBLE, "List events, oldest first"),
    "auth": Entry("session.auth:AUTH", TROUBLE, "Ask what one is allowed to do"),
    "diff": Entry("writing.diff:DIFF", SETTINGS, "Show what apply would change"),
    "apply": Entry("writing.apply:APPLY", SETTINGS, "Make the cluster as a file says"),
    "patch": Entry("writing.patch:PATCH", SETTINGS, "Change fields of an object"),
    "replace": Entry("writing.patch:REPLACE", SETTINGS, "Replace an object by the one in a file"),
    "wait": Entry("reading.wait:WAIT", SETTINGS, "Wait until a condition holds"),
    "kustomize": Entry("writing.patch:KUSTOMIZE", SETTINGS, "Not here"),
    "label": Entry("writing.marks:LABEL", SETTINGS, "Set or remove labels"),
    "annotate": Entry("writing.marks:ANNOTATE", SETTINGS, "Set or remove annotations"),
    "api-resources": Entry("session.about:API_RESOURCES", OTHER, "List the kinds the server knows"),
    "api-versions": Entry("session.about:API_VERSIONS", OTHER, "List the API groups and versions"),
    "cluster-info": Entry("session.about:CLUSTER_INFO", OTHER, "Say where the cluster is"),
    "config": Entry("session.config:CONFIG", OTHER, "Read and change the kubeconfig"),
    "version": Entry("session.about:VERSION", OTHER, "Print versions of client and server"),
}
INSTEAD = {
    "attach": "use kubectl logs or kubectl exec",
    "cp": "use kubectl exec POD -- cat FILE",
    "debug": "use kubectl exec or kubectl describe",
    "proxy": "use kubectl port-forward",
    "plugin": "plugins are not supported here",
    "completion": "the prompt of meshdojo sh completes by itself",
    "certificate": "certificate signing requests are not simulated",
    "taint": "use kubectl cordon",
}


def run(context: Context, argv: list[str], stdin: str) -> Result:
    """Run ``kubectl`` with these words; whatever goes wrong is one line and a status."""
    call: Call | None = None
    try:
        path, verb, words = _find(argv)
        if verb is None:
            return Result(stdout=overview())
        if "--help" in words or "-h" in words:
            words = words[: words.index("--")] if "--" in words else words
            if "--help" in words or "-h" in words:
                return Result(stdout=verb_help(path, verb))
        call = _prepare(context, path, verb, words, stdin)
        if verb.run is None:
            if not call.args:
                return Result(stdout=verb_help(path, verb))
            raise Failure(f"error: {_unknown(call.args[0], path, verb.verbs)}")
        verb.run(call)
        return call.result()
    except Failure as failure:
        line, status = failure.message, failure.status
    except KubeError as error:
        line, status = server_error(error), 1
    except OSError as error:
        line, status = f"error: {error}", 1
    if call is None:
        return Result(stderr=line.rstrip("\n") + "\n" if line else "", status=status)
    if line:
        call.warn(line)
    call.status = status
    return call.result()


# -- finding the verb --


def _find(argv: list[str]) -> tuple[str, Verb | None, list[str]]:
    """The verb, its full name, and the words without it; no verb when there is none to find."""
    words = list(argv)
    index = _first_word(words, GLOBAL)
    if index is None:
        parsed = _parsed(words, GLOBAL, "kubectl")
        if parsed:
            raise Failure('error: no command given; see "kubectl --help"')
        return "kubectl", None, []
    name = words.pop(index)
    if name == "help":
        return _find([*words, "--help"]) if words else ("kubectl", None, [])
    entry = TABLE.get(name)
    if entry is None:
        raise Failure(f"error: {_unknown(name, 'kubectl', TABLE)}")
    verb, path = _load(entry), f"kubectl {name}"
    while verb.verbs:
        index = _first_word(words, (*GLOBAL, *verb.flags))
        if index is None:
            break
        if words[index] not in verb.verbs:
            raise Failure(f"error: {_unknown(words[index], path, verb.verbs)}")
        name = words.pop(index)
        verb, path = verb.verbs[name], f"{path} {name}"
    return path, verb, words


def _unknown(name: str, path: str, known: Iterable[str]) -> str:
    shown = name if len(name) <= 60 else name[:57] + "..."
    if path == "kubectl" and name in INSTEAD:
        return f'"{shown}" is not supported here; {INSTEAD[name]}'
    return f'unknown command "{shown}" for "{path}"{did_you_mean(name[:60], known)}'


def _load(entry: Entry) -> Verb:
    """The verb of a table line; its module is imported when first used."""
    module, _, name = entry.place.partition(":")
    found = getattr(import_module(f"{HERE}.{module}"), name)
    if not isinstance(found, Verb):
        raise TypeError(f"{entry.place} is not a Verb")
    return found


def _first_word(words: list[str], flags: tuple[Flag, ...]) -> int | None:
    """Index of the first word that is neither a flag nor the value of a known one."""
    taking = {f"--{flag.name}" for flag in flags if flag.kind != "bool" and flag.no_value is None}
    taking |= {f"-{flag.short}" for flag in flags if flag.short and f"--{flag.name}" in taking}
    index = 0
    while index < len(words) and words[index] != "--":
        word = words[index]
        if not word.startswith("-") or word == "-":
            return index
        index += 2 if word in taking else 1
    return None


# -- running it --


def _parsed(words: list[str], flags: tuple[Flag, ...], path: str, interspersed: bool = True) -> bool:
    """Whether there is anything but ``--help`` among flags; checks them."""
    try:
        return bool(parse(words, flags, interspersed).changed - {"help"})
    except FlagError as error:
        raise Failure(f"error: {error}; see '{path} --help' for usage") from None


def _prepare(context: Context, path: str, verb: Verb, words: list[str], stdin: str) -> Call:
    """Read the flags and find out for whom and where the verb works."""
    from sim.shell.kubectl.session.about import client_version
    from sim.shell.kubectl.session.kubeconfig import current

    own = {flag.name for flag in verb.flags}
    shorts = {flag.short for flag in verb.flags}
    shared = tuple(flag for flag in GLOBAL if flag.name not in own and flag.short not in shorts - {""})
    try:
        parsed = parse(words, (*verb.flags, *shared), verb.interspersed)
    except FlagError as error:
        raise Failure(f"error: {error}; see '{path} --help' for usage") from None
    least, most = verb.words
    if verb.run is not None and not least <= len(parsed.args) <= (len(parsed.args) if most is None else most):
        raise Failure(_wrong_words(path, verb, len(parsed.args)))
    where = current(context, parsed.values.get("kubeconfig") or "", parsed.values.get("context") or "")
    user = parsed.values.get("as") or ""
    client = context.client.acting_as(user) if user else context.client
    named = "namespace" in parsed.changed
    namespace = parsed.values["namespace"] if named else where.namespace
    return Call(context, client, parsed, stdin, namespace or "default", named, client_version(context))


def _wrong_words(path: str, verb: Verb, count: int) -> str:
    least, most = verb.words
    bound = f"at least {least}" if count < least else f"at most {most}"
    return f"error: {path} takes {bound} plain words, got {count}; usage: kubectl {verb.usage}"


# -- help --


def overview() -> str:
    """``kubectl --help``: the verbs by group."""
    lines = ["kubectl speaks to the cluster's API server. In this sandbox it is a model of the real one.", ""]
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, entry in TABLE.items():
        groups.setdefault(entry.group, []).append((name, entry.summary))
    for group, verbs in groups.items():
        lines += [f"{group}:", *(f"  {name:<14} {summary}" for name, summary in verbs), ""]
    lines += [
        "First steps:",
        "  kubectl get pods -A                         what runs, everywhere",
        "  kubectl -n emojivoto describe deploy/web    one object, with its events",
        "  kubectl api-resources                       what kinds of objects there are",
        "",
        "Usage:",
        "  kubectl [flags] COMMAND [TYPE] [NAME] [flags]",
        "",
        'Use "kubectl COMMAND --help" for a command, "kubectl explain TYPE" for a kind of object.',
    ]
    return "\n".join(lines) + "\n"


def verb_help(path: str, verb: Verb) -> str:
    """``kubectl VERB --help``."""
    parts = [verb.about]
    if verb.examples:
        parts.append("Examples:\n" + "\n".join(f"  {line}" for line in verb.examples.strip().splitlines()))
    if verb.verbs:
        subs = {
            id(sub): (name, sub) for name, sub in reversed(list(verb.verbs.items()))
        }  # aliases share a line
        width = max(len(name) for name, _ in subs.values()) + 2
        rows = [
            f"  {name:<{width}}{sub.about.splitlines()[0]}" for name, sub in reversed(list(subs.values()))
        ]
        parts.append("Commands:\n" + "\n".join(rows))
    if verb.flags:
        parts.append("Options:\n" + usage(verb.flags).rstrip("\n"))
    parts.append(f"Usage:\n  kubectl {verb.usage}")
    if verb.verbs:
        parts.append(f'Use "{path} COMMAND --help" for one of its commands.')
    parts.append("Flags that every command takes:\n" + usage(GLOBAL).rstrip("\n"))
    return "\n\n".join(parts) + "\n"
