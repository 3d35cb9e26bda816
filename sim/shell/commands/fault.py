"""``fault``: break things in the running cluster, see what is broken, mend it."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from sim.shell.context import Context, Result, error
from sim.shell.faults.book import FaultError

if TYPE_CHECKING:
    from mesh.cli.flags import Parsed

__all__ = ["fault"]


@dataclass(frozen=True, slots=True)
class Verb:
    """One kind of fault.

    Attributes:
        function: ``module:name`` in :mod:`sim.shell.faults`.
        words: what follows the verb, for usage and for counting.
        flags: names of the flags it takes.
        text: what it does.
    """

    function: str
    words: tuple[str, ...]
    flags: tuple[str, ...]
    text: str


VERBS = MappingProxyType(
    {
        "error": Verb(
            "traffic:error", ("WORKLOAD",), ("route", "rate", "status"), "answer a share with errors"
        ),
        "latency": Verb("traffic:latency", ("WORKLOAD",), ("route", "add"), "add a delay to answers"),
        "slow": Verb("machines:slow", ("POD",), ("by",), "run a pod's containers slower (10 times)"),
        "kill": Verb("machines:kill", ("POD",), ("container",), "kill a pod's processes once"),
        "drain": Verb("machines:drain", ("NODE",), (), "take all pods off a node"),
        "partition": Verb("machines:partition", ("A", "B"), (), "cut the network between nodes or zones"),
        "loss": Verb("machines:loss", ("A", "B", "P"), (), "lose messages between nodes or zones"),
        "skew": Verb("machines:skew", ("NODE", "D"), (), "set a node's clock ahead"),
        "expire": Verb("certificates:expire", ("leaf|issuer|anchor",), (), "let certificates expire"),
        "down": Verb("components:down", ("COMPONENT",), (), "keep a component from running"),
    }
)


def _usage() -> str:
    lines = [
        "Break things in the running cluster; faults take effect at once, without a rollout.\n\nUsage:\n"
    ]
    for name, verb in VERBS.items():
        flags = "".join(f" [--{flag} …]" for flag in verb.flags)
        lines.append(f"  fault {' '.join((name, *verb.words))}{flags}".ljust(66) + f"  {verb.text}\n")
    lines.append("  fault list".ljust(66) + "  what is in force\n")
    lines.append("  fault clear [ID]".ljust(66) + "  end one fault, or all\n\n")
    lines.append(
        "A workload is written deploy/web, a pod by its name or as deploy/web for all of its pods.\n"
    )
    return "".join([*lines, "-n NAMESPACE is needed only where a name is in several.\n"])


def fault(context: Context, argv: list[str], stdin: str) -> Result:
    """Run one ``fault`` command."""
    if not argv or argv[0] in ("help", "-h", "--help") or "--help" in argv:
        return Result(_usage(), "", 0 if argv else 1)
    try:
        return Result(_run(context, argv[0], argv[1:]))
    except FaultError as problem:
        return error(f"fault: {problem}")


def _run(context: Context, name: str, argv: list[str]) -> str:
    if name == "list":
        return _list(context, argv)
    if name == "clear":
        return _clear(context, argv)
    verb = VERBS.get(name)
    if verb is None:
        near = get_close_matches(name, [*VERBS, "list", "clear"], n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(VERBS)}, list, clear"
        raise FaultError(f"no fault {name[:40]!r}{hint}")
    flags = _flags(verb, argv)
    words = flags.args + flags.rest_after_dashdash
    if len(words) != len(verb.words):
        raise FaultError(
            f"usage: fault {' '.join((name, *verb.words))}" + "".join(f" [--{f} …]" for f in verb.flags)
        )
    module, _, function = verb.function.partition(":")
    do: Callable[[Context, list[str], Parsed], str] = getattr(
        import_module(f"sim.shell.faults.{module}"), function
    )
    from mesh.cli.kube import KubeError

    try:
        return do(context, words, flags)
    except KubeError as problem:
        raise FaultError(problem.message) from None


def _flags(verb: Verb, argv: list[str]) -> "Parsed":
    from mesh.cli.flags import Flag, FlagError, parse

    known = {
        "route": Flag("route", help="only this path, or RPC"),
        "rate": Flag("rate", help="share of requests, 0 to 1"),
        "status": Flag("status", kind="int", default=500, help="HTTP status of the error"),
        "add": Flag("add", help="time added, such as 250ms"),
        "by": Flag("by", kind="float", default=10.0, help="how many times slower"),
        "container": Flag("container", "c", help="only this container"),
    }
    # A negative time is a word here, not a bundle of flags; a flag's own value is left to it.
    words: list[str] = []
    rest: list[str] = []
    for index, word in enumerate(argv):
        plain = _is_negative(word) and not (index and argv[index - 1].startswith("-"))
        (words if plain else rest).append(word)
    try:
        parsed = parse(rest, [known[name] for name in verb.flags] + [Flag("namespace", "n")])
    except FlagError as problem:
        raise FaultError(str(problem)) from None
    parsed.args += words
    return parsed


def _is_negative(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and word[1].isdigit()


def _list(context: Context, argv: list[str]) -> str:
    if argv:
        raise FaultError("list takes no words")
    faults = context.host.faults.all()
    if not faults:
        return "no faults\n"
    return "".join(f"{one.number:<4}{one.text}    (since {one.since:.0f} s)\n" for one in faults)


def _clear(context: Context, argv: list[str]) -> str:
    if len(argv) > 1 or (argv and not argv[0].isdecimal()):
        raise FaultError("usage: fault clear [ID] (fault list shows the IDs)")
    ended = context.host.faults.clear(int(argv[0][:9]) if argv else None)
    return "".join(f"ended: {one.text}\n" for one in ended) or "no faults\n"
