"""``linkerd``: finds the command that a line names, reads its flags and runs it.

Commands live in modules of their own, each imported when it is needed.
"""

import importlib
from dataclasses import dataclass, replace

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed, did_you_mean, parse, usage
from mesh.cli.kube import KubeError
from mesh.cli.verb import Verb, fail
from mesh.editions import EDITIONS, Edition

__all__ = ["GLOBAL_FLAGS", "linkerd", "verbs"]

TOP = ""
VIZ = "viz"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is found.

    Attributes:
        target: ``module:NAME`` of a :class:`~mesh.cli.verb.Verb`.
        stable, edge: the group that it belongs to in each edition (empty: top level), or None: it has none.
    """

    name: str
    target: str
    stable: str | None = TOP
    edge: str | None = TOP

    def group(self, edition: Edition) -> str | None:
        """The group in ``edition``."""
        return self.edge if edition.viz_prefix else self.stable


ENTRIES = (
    Entry("check", "mesh.cli.check:CHECK"),
    Entry("inject", "mesh.cli.inject:INJECT"),
    Entry("install", "mesh.cli.installation.install:INSTALL"),
    Entry("uninject", "mesh.cli.uninject:UNINJECT"),
    Entry("uninstall", "mesh.cli.installation.uninstall:UNINSTALL"),
    Entry("version", "mesh.cli.version:VERSION"),
    Entry("dashboard", "mesh.cli.viz.dashboard:DASHBOARD", TOP, VIZ),
    Entry("edges", "mesh.cli.viz.edges:EDGES", TOP, VIZ),
    Entry("routes", "mesh.cli.viz.routes:ROUTES", TOP, VIZ),
    Entry("stat", "mesh.cli.viz.stat:STAT", TOP, VIZ),
    Entry("tap", "mesh.cli.viz.tap:TAP", TOP, VIZ),
    Entry("top", "mesh.cli.viz.top:TOP", TOP, VIZ),
    Entry("check", "mesh.cli.check:VIZ_CHECK", None, VIZ),
    Entry("install", "mesh.cli.installation.viz_install:VIZ_INSTALL", None, VIZ),
    Entry("uninstall", "mesh.cli.installation.uninstall:VIZ_UNINSTALL", None, VIZ),
)
# Commands of the real linkerd that this one lacks, and what a line that names one is told.
ABSENT = {
    "multicluster": "several clusters",
    "mc": "several clusters",
    "install-cni": "the CNI plugin",
    "jaeger": "the jaeger extension",
    "install-sp": "the control plane's own service profiles",
    "alpha": "experimental commands",
    "bc": "Buoyant Cloud",
    "completion": "shell completion",
    "diagnostics": "diagnostics",
    "dg": "diagnostics",
    "endpoints": "diagnostics",
    "metrics": "diagnostics",
    "identity": "certificate dumps",
    "authz": "authorization tables",
    "profile": "service profile generation",
    "prune": "pruning",
    "upgrade": "upgrading",
}
GLOBAL_FLAGS = (
    Flag("linkerd-namespace", "L", default="linkerd", help="Namespace in which Linkerd is installed"),
    Flag(
        "cni-namespace", default="linkerd-cni", help="Namespace in which the Linkerd CNI plugin is installed"
    ),
    Flag("kubeconfig", help="Path to the kubeconfig file to use for CLI requests"),
    Flag("context", help="Name of the kubeconfig context to use"),
    Flag("as", help="Username to impersonate for Kubernetes operations"),
    Flag("as-group", kind="array", help="Group to impersonate for Kubernetes operations"),
    Flag("api-addr", help="Override kubeconfig and communicate directly with the control plane at host:port"),
    Flag("verbose", kind="bool", help="Turn on debug logging"),
)
HELP = Flag("help", "h", kind="bool", help="Help for this command")
INTRO = {
    TOP: "linkerd manages the Linkerd service mesh.",
    VIZ: "viz manages the linkerd-viz extension of Linkerd service mesh: metrics, dashboard, tap.",
}
EXAMPLES = {
    False: """  # Is the cluster ready for Linkerd? Install it; did it work?
  linkerd check --pre
  linkerd install | kubectl apply -f -
  linkerd check

  # Add the proxy to every Deployment of a namespace, and look at its traffic
  kubectl get -n emojivoto deploy -o yaml | linkerd inject - | kubectl apply -f -
  linkerd stat -n emojivoto deploy
""",
    True: """  # Is the cluster ready for Linkerd? Install its types, then itself; did it work?
  linkerd check --pre
  linkerd install --crds | kubectl apply -f -
  linkerd install | kubectl apply -f -
  linkerd check

  # Metrics are an extension
  linkerd viz install | kubectl apply -f -
  linkerd viz stat -n emojivoto deploy
""",
}


def _load(target: str) -> Verb:
    """The command at ``module:NAME``."""
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Verb), f"{target} is no Verb"
    return found


def _targets(edition: Edition, group: str) -> dict[str, str]:
    """Where the commands of a group are, by name; nothing is imported."""
    return {entry.name: entry.target for entry in ENTRIES if entry.group(edition) == group}


def verbs(edition: Edition, group: str = TOP) -> dict[str, Verb]:
    """The commands of ``edition`` at the top level or in the group ``viz``, in order of name."""
    return {name: _load(target) for name, target in sorted(_targets(edition, group).items())}


def linkerd(argv: list[str], console: Console) -> Result:
    """Run ``linkerd`` with these arguments; an error is a Result with status 1, never an exception."""
    rest = list(argv)
    edition = console.edition
    group = TOP
    position = _command(rest, edition, group)
    if position is not None and rest[position] == VIZ and edition.viz_prefix:
        del rest[position]
        group = VIZ
        position = _command(rest, edition, group)
    asked = position is not None and rest[position] == "help"
    if asked and position is not None:
        del rest[position]
        position = _command(rest, edition, group)
        rest.append("--help")
    if position is None:
        return _without_command(rest, edition, group)
    word = rest.pop(position)
    target = _targets(edition, group).get(word)
    if target is None:
        return fail(_unknown(word, group, edition))
    return _run(_load(target), _full(word, group), rest, console)


def _command(argv: list[str], edition: Edition, group: str) -> int | None:
    """Position of the first word that is neither a flag nor a flag's value."""
    known = {flag.name: flag for flag in (*GLOBAL_FLAGS, HELP)}
    known |= {flag.short: flag for flag in known.values() if flag.short}
    commands = {*_targets(edition, group), VIZ}
    position = 0
    while position < len(argv):
        word = argv[position]
        if word == "--":
            return None
        if not word.startswith("-") or word == "-":
            return position
        flag = known.get(word.lstrip("-"))
        following = argv[position + 1] if position + 1 < len(argv) else ""
        alone = "=" in word or (not word.startswith("--") and len(word) > 2)
        alone = alone or (flag.kind == "bool" if flag else following in commands)
        position += 1 if alone else 2
    return None


def _without_command(argv: list[str], edition: Edition, group: str) -> Result:
    """The overview, unless a flag is wrong."""
    try:
        parsed = parse(argv, (*GLOBAL_FLAGS, HELP))
    except FlagError as error:
        return fail(f"Error: {error}; see {_full('--help', group)}")
    if parsed.rest_after_dashdash:
        return fail(_unknown(parsed.rest_after_dashdash[0], group, edition))
    return Result(stdout=_overview(edition, group))


def _run(verb: Verb, full: str, argv: list[str], console: Console) -> Result:
    """Read the flags and call the command; whatever the cluster or a file refuses becomes one line."""
    try:
        parsed = parse(argv, (*verb.flags_in(console.edition), *_inherited(verb, console.edition)))
        if parsed["help"]:
            return Result(stdout=_help(verb, full, console.edition))
        if not verb.words and (parsed.args or parsed.rest_after_dashdash):
            extra = (parsed.args + parsed.rest_after_dashdash)[0]
            return fail(
                f'Error: unknown command "{extra}" for "{full}": it takes flags only; see {full} --help'
            )
        return verb.run(parsed, _surroundings(parsed, console))
    except FlagError as error:
        return fail(f"Error: {error}{_elsewhere(verb, error.name, console.edition)}; see {full} --help")
    except KubeError as error:
        return fail(f"Error: {error.message}")
    except OSError as error:
        return fail(f"Error: {error}")


def _inherited(verb: Verb, edition: Edition) -> list[Flag]:
    """The global flags, without those that the command defines itself; a letter it uses is its own."""
    own = verb.flags_in(edition)
    names, shorts = {flag.name for flag in own}, {flag.short for flag in own}
    return [
        replace(flag, short="" if flag.short in shorts else flag.short)
        for flag in (*GLOBAL_FLAGS, HELP)
        if flag.name not in names
    ]


def _surroundings(parsed: Parsed, console: Console) -> Console:
    """The console as the global flags change it.

    Raises:
        FlagError: ``--as`` with a client that cannot impersonate.
    """
    if "linkerd-namespace" in parsed.changed:
        console = replace(console, namespace=parsed["linkerd-namespace"])
    if parsed["as"]:
        impersonate = getattr(console.kube, "impersonate", None)
        if impersonate is None:
            raise FlagError("--as: this client always acts as its own user", "as")
        console = replace(console, kube=impersonate(parsed["as"], parsed["as-group"]))
    return console


def _elsewhere(verb: Verb, name: str, edition: Edition) -> str:
    """A remark when the flag exists in another edition."""
    if name in {flag.name for flag in verb.flags_in(edition)}:
        return ""
    for other in EDITIONS:
        if other is not edition and name in {flag.name for flag in verb.flags_in(other)}:
            return f" (it belongs to {other.name}; this is {edition.name})"
    return ""


def _unknown(word: str, group: str, edition: Edition) -> str:
    """One line about a word that is no command here."""
    for entry in ENTRIES:
        there = entry.group(edition)
        if entry.name == word and there is not None and there != group:
            return f"Error: in {edition.name} `{_full(word, group)}` is `{_full(word, there)}`"
    if word == VIZ and group == TOP:
        return f"Error: in {edition.name} metrics are built in: `linkerd viz stat` is `linkerd stat`"
    if word in ABSENT:
        return f"Error: `{_full(word, group)}` ({ABSENT[word]}) is not part of this linkerd"
    known = [*_targets(edition, group), *([VIZ] if edition.viz_prefix and not group else [])]
    name = f"linkerd {group}".rstrip()
    return f'Error: unknown command "{word}" for "{name}"{did_you_mean(word, known)}; see {name} --help'


def _full(word: str, group: str) -> str:
    return f"linkerd {group} {word}" if group else f"linkerd {word}"


def _overview(edition: Edition, group: str) -> str:
    """What ``linkerd`` alone, ``linkerd --help`` and ``linkerd viz`` print."""
    rows = {name: verb.summary for name, verb in verbs(edition, group).items()}
    if group == TOP and edition.viz_prefix:
        rows[VIZ] = "Metrics, dashboard and tap: the viz extension"
    width = max(len(name) for name in rows)
    commands = "".join(f"  {name:<{width}}  {summary}\n" for name, summary in sorted(rows.items()))
    name = f"linkerd {group}".rstrip()
    examples = "" if group else f"Examples:\n{EXAMPLES[edition.viz_prefix]}\n"
    return (
        f"{INTRO[group]}\n\nUsage:\n  {name} [command]\n\n{examples}Available Commands:\n{commands}\n"
        f"Flags:\n{usage((*GLOBAL_FLAGS, HELP))}\n"
        f'Use "{name} [command] --help" for more information about a command.\n'
    )


def _help(verb: Verb, full: str, edition: Edition) -> str:
    """What ``linkerd VERB --help`` prints."""
    own = verb.flags_in(edition)
    parts = [verb.about.strip() or verb.summary, f"Usage:\n  {full} {verb.words}".rstrip() + " [flags]"]
    if verb.example:
        parts.append("Examples:\n" + verb.example.replace("{cmd}", full).strip("\n"))
    if own:
        parts.append("Flags:\n" + usage(own).rstrip("\n"))
    parts.append("Global Flags:\n" + usage(_inherited(verb, edition)).rstrip("\n"))
    return "\n\n".join(parts) + "\n"
