"""The commands of the sandbox's shell, by name: where each lives. Modules are imported when first used."""

from difflib import get_close_matches
from types import MappingProxyType

__all__ = ["COMMANDS", "nearest"]

TEXT = ("cat", "echo", "head", "tail", "wc", "sort", "tee")
VARIABLES = ("env", "export", "printenv", "set", "unset")
SESSION = (
    "cd",
    "clear",
    "date",
    "exit",
    "false",
    "help",
    "history",
    "jobs",
    "kill",
    "ls",
    "pwd",
    "rm",
    "sh",
    "sleep",
    "true",
    "wait",
    "watch",
)

COMMANDS = MappingProxyType(
    {
        **{name: f"sim.shell.commands.text:{name}" for name in TEXT},
        **{name: f"sim.shell.commands.session:{name}_" for name in SESSION},
        **{name: f"sim.shell.commands.variables:{name}_" for name in VARIABLES},
        ":": "sim.shell.commands.session:true_",
        "bash": "sim.shell.commands.session:sh_",
        "curl": "sim.shell.commands.curl:curl",
        "grep": "sim.shell.commands.grep:grep",
        "fault": "sim.shell.commands.fault:fault",
        "kubectl": "sim.shell.kubectl:kubectl",
        "linkerd": "sim.shell.commands.linkerd:linkerd",
    }
)

# What people type that is not here, and what to do instead.
INSTEAD = MappingProxyType(
    {
        "helm": "`linkerd install` and `kubectl apply` do what is needed",
        "k": "kubectl",
        "nano": "write a file with cat <<EOF > NAME",
        "vi": "write a file with cat <<EOF > NAME",
        "vim": "write a file with cat <<EOF > NAME",
        "wget": "curl",
    }
)


def nearest(name: str) -> str:
    """``; did you mean …?`` for the command nearest to ``name``, or nothing."""
    if name in INSTEAD:
        return f"; instead: {INSTEAD[name]}"
    found = get_close_matches(name[:40].lower(), COMMANDS, n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else "; `help` lists what there is"
