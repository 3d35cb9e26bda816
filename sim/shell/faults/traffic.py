"""Faults in what workloads answer: errors and added latency. Nothing is rolled out."""

from typing import TYPE_CHECKING

from sim.programs.faults import Rule
from sim.shell.faults.book import FaultError
from sim.shell.faults.targets import Target, duration, share, workload

if TYPE_CHECKING:
    from mesh.cli.flags import Parsed
    from sim.shell.context import Context

__all__ = ["error", "latency"]

LONGEST = 3600.0


def error(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Answer a share of a workload's requests with an error."""
    if not flags["rate"]:
        raise FaultError("--rate is missing: which share of the requests fails, between 0 and 1?")
    rate = share(flags["rate"], "--rate")
    status = flags["status"]
    if not 100 <= status <= 599:
        raise FaultError(f"--status {status}: an HTTP status lies between 100 and 599")
    target = _answering(context, words[0], flags["namespace"])
    rule = Rule(workload=target.workload, route=flags["route"], rate=rate, status=status)
    return _apply(context, "error", target, rule, f"--rate {rate:g} --status {status}")


def latency(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Add a delay to a workload's answers."""
    if not flags["add"]:
        raise FaultError("--add is missing: how much, such as 250ms?")
    delay = duration(flags["add"], "--add")
    if delay > LONGEST:
        raise FaultError(f"--add {flags['add']}: at most an hour")
    target = _answering(context, words[0], flags["namespace"])
    rule = Rule(workload=target.workload, route=flags["route"], delay=delay)
    return _apply(context, "latency", target, rule, f"--add {flags['add']}")


def _answering(context: "Context", word: str, namespace: str) -> Target:
    """The workload whose requests a rule can speak of: programs know their workload, not their pod.

    Raises:
        FaultError: there is none, or it is a pod of one.
    """
    target = workload(context, word, namespace)
    if target.kind == "po" and target.obj["metadata"].get("ownerReferences"):
        raise FaultError(f"po/{target.name} belongs to a workload: name that, such as deploy/web")
    return target


def _apply(context: "Context", verb: str, target: Target, rule: Rule, what: str) -> str:
    rules = context.host.world.faults
    number = rules.add(rule)
    route = f" --route {rule.route}" if rule.route else ""
    text = f"{verb} -n {target.namespace} {target.kind}/{target.name}{route} {what}"
    key = (verb, target.workload, rule.route)
    fault = context.host.faults.add(key, text, lambda: rules.remove(number))
    return f"fault {fault.number}: {text}\n"
