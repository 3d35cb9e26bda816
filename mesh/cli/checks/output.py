"""The outcomes of checks as a table, its short form, or JSON.

*Source:* pkg/healthcheck/healthcheck_output.go: icons, underlines, indentation, verdict.
"""

import json
from collections.abc import Iterable
from itertools import groupby

from mesh.cli.checks.runner import Outcome

__all__ = ["as_json", "as_table", "succeeded"]

ICONS = {"success": "√", "warning": "‼", "error": "×"}
INDENT = "    "


def succeeded(outcomes: Iterable[Outcome]) -> bool:
    """The verdict; warnings do not count."""
    return all(outcome.result != "error" for outcome in outcomes)


def as_table(outcomes: list[Outcome], hints: str, *, short: bool = False) -> str:
    """Categories with their lines, and the verdict.

    Args:
        hints: start of the address of a hint.
        short: only what went wrong.
    """
    shown = [outcome for outcome in outcomes if not short or outcome.result != "success"]
    blocks = []
    for category, lines in groupby(shown, key=lambda outcome: outcome.category):
        blocks.append(f"{category}\n{'-' * len(category)}\n" + "".join(_line(line, hints) for line in lines))
    verdict = f"Status check results are {ICONS['success' if succeeded(outcomes) else 'error']}\n"
    return "\n".join([*blocks, verdict])


def _line(outcome: Outcome, hints: str) -> str:
    line = f"{ICONS[outcome.result]} {outcome.description}\n"
    if not outcome.error:
        return line
    told = "".join(f"{INDENT}{part}\n" for part in outcome.error.split("\n"))
    return f"{line}{told}{INDENT}see {hints}{outcome.anchor} for hints\n"


def as_json(outcomes: list[Outcome], hints: str) -> str:
    """The form that programs read."""
    categories = []
    for category, lines in groupby(outcomes, key=lambda outcome: outcome.category):
        checks = []
        for line in lines:
            entry = {"description": line.description}
            if line.error:
                entry |= {"hint": hints + line.anchor, "error": line.error}
            checks.append({**entry, "result": line.result})
        categories.append({"categoryName": category, "checks": checks})
    return json.dumps({"success": succeeded(outcomes), "categories": categories}, indent=2) + "\n"
