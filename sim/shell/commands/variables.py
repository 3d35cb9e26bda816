"""Shell variables and options: export, unset, env, printenv, set."""

import re

from sim.shell.context import Context, Result, error

__all__ = ["env_", "export_", "printenv_", "set_", "unset_"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def export_(context: Context, argv: list[str], stdin: str) -> Result:
    """Set variables (``export A=b``); without words, list them."""
    if not argv or argv == ["-p"]:
        return Result(
            "".join(f'declare -x {name}="{value}"\n' for name, value in sorted(context.host.environ.items()))
        )
    pairs = [word.partition("=") for word in argv]
    for name, _, _ in pairs:
        if not NAME.fullmatch(name):
            return error(f"export: `{name[:40]}': not a valid name")
    for name, equals, value in pairs:
        if equals:
            context.host.environ[name] = value
        else:
            context.host.environ.setdefault(name, "")
    return Result()


def unset_(context: Context, argv: list[str], stdin: str) -> Result:
    """Forget variables."""
    for name in argv:
        context.host.environ.pop(name, None)
    return Result()


def env_(context: Context, argv: list[str], stdin: str) -> Result:
    """List the variables."""
    if argv:
        return error("env: running a command is not offered here: write A=b COMMAND")
    return Result("".join(f"{name}={value}\n" for name, value in sorted(context.environ.items())))


def printenv_(context: Context, argv: list[str], stdin: str) -> Result:
    """The values of variables, or all of them."""
    if not argv:
        return env_(context, [], stdin)
    found = [context.environ[name] for name in argv if name in context.environ]
    return Result("".join(value + "\n" for value in found), "", 0 if len(found) == len(argv) else 1)


SWITCHES = {"e": "errexit", "u": "nounset"}


def set_(context: Context, argv: list[str], stdin: str) -> Result:
    """``set -e``, ``-u``, ``-o pipefail`` and ``+e`` …; without words, list the variables."""
    if not argv:
        return Result("".join(f"{name}={value}\n" for name, value in sorted(context.host.environ.items())))
    changes: dict[str, bool] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        if not re.fullmatch(r"[-+][euo]+", word):
            return error(
                f"set: {word[:40]}: only -e, -u, -o pipefail and +e, +u, +o pipefail are offered here", 2
            )
        for letter in word[1:]:
            name = (words.pop(0) if words else "") if letter == "o" else SWITCHES[letter]
            if name not in ("errexit", "nounset", "pipefail"):
                return error(f"set: -o {name[:40]}: only errexit, nounset and pipefail are offered here", 2)
            changes[name] = word[0] == "-"
    for name, value in changes.items():
        setattr(context.shell, name, value)
    return Result()
