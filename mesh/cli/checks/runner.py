"""Runs checks in order, with retries, and says how each ended."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mesh.cli.checks.model import Check, CheckContext, CheckError, Finding, Skip

__all__ = ["RETRY_S", "Outcome", "run"]

RETRY_S = 5.0  # between attempts, while --wait lasts


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one line ended.

    Attributes:
        result: ``success``, ``warning`` or ``error``.
    """

    category: str
    description: str
    result: str
    anchor: str = ""
    error: str = ""


def run(
    categories: Iterable[tuple[str, Iterable[Check]]],
    context: CheckContext,
    wait_s: float,
    observe: Callable[[Outcome], None] | None = None,
) -> Iterator[Outcome]:
    """The outcomes in order; the first fatal failure is the last one.

    Args:
        wait_s: seconds from now during which checks that may be retried are.
        observe: told of every failed attempt that will be retried.
    """
    deadline = context.console.now() + wait_s
    for category, checks in categories:
        for check in checks:
            try:
                outcomes = _attempts(category, check, context, deadline, observe)
            except Skip:
                continue
            yield from outcomes
            if check.fatal and any(outcome.result == "error" for outcome in outcomes):
                return


def _attempts(
    category: str,
    check: Check,
    context: CheckContext,
    deadline: float,
    observe: Callable[[Outcome], None] | None,
) -> list[Outcome]:
    """The last attempt's outcomes.

    Raises:
        Skip: the check does not apply.
    """
    while True:
        outcomes = _attempt(category, check, context)
        failed = [outcome for outcome in outcomes if outcome.error]
        if not failed or not check.retry or context.console.now() + RETRY_S > deadline:
            return outcomes
        if observe is not None:
            observe(failed[0])
        context.console.sleep(RETRY_S)


def _attempt(category: str, check: Check, context: CheckContext) -> list[Outcome]:
    """The check's own line, then those of what it found out about others."""
    try:
        findings = [Finding(check.description), *(check.run(context) or ())]
    except CheckError as error:
        findings = [Finding(check.description, str(error))]
    bad = "warning" if check.warning else "error"
    return [
        Outcome(category, found.description, bad if found.error else "success", check.anchor, found.error)
        for found in findings
    ]
