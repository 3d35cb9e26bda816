"""One grammar for what can be set and varied: ``load.bot.rps``, ``deploy/web.replicas``, ``proxy.preset``.

A path is names and list indices joined by dots. A first part with a slash is a workload, and stands for
``workloads.<it>``.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from sim.scenario.document import Problem, Problems
from sim.scenario.document import read as read_yaml
from sim.scenario.loader import from_data
from sim.scenario.schema import Scenario

__all__ = ["PathError", "get", "parse", "set_value", "set_values"]

WORKLOAD = re.compile(r"((?:[a-z0-9-]+/)?(?:deploy|sts|ds)/[a-z0-9][a-z0-9-]*)(?:\.(.+))?")
PART = re.compile(r"[A-Za-z0-9_/-]+")
MAX_PARTS = 20


class PathError(ValueError):
    """A path that leads nowhere, or a value that does not fit there. One line."""


def parse(path: str) -> tuple[str, ...]:
    """The parts of a path.

    Raises:
        PathError: it is not written as a path.
    """
    workload = WORKLOAD.fullmatch(path)
    if workload:
        rest = workload[2].split(".") if workload[2] else []
        parts = ["workloads", workload[1], *rest]
    else:
        parts = path.split(".")
    if len(parts) > MAX_PARTS or not all(PART.fullmatch(part) for part in parts):
        raise PathError(
            f"{path[:60]!r} is no path: write names joined by dots, as in load.bot.rps or deploy/web.replicas"
        )
    return tuple(parts)


def get(scenario: Scenario, path: str) -> Any:
    """What is at a path: a value, or a model or mapping.

    Raises:
        PathError: nothing is there; names the nearest.
    """
    value: Any = scenario
    walked: list[str] = []
    for part in parse(path):
        value = _step(value, part, ".".join(walked))
        walked.append(part)
    return value


def _step(value: Any, part: str, where: str) -> Any:
    place = f"{where} has" if where else "a scenario has"
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        if part in fields:
            return getattr(value, part)
        raise PathError(f"{place} no {part!r}{_nearest(part, list(fields))}")
    if isinstance(value, Mapping):
        if part in value:
            return value[part]
        raise PathError(f"{place} no {part!r}{_nearest(part, list(value))}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        if part.isdecimal() and int(part) < len(value):
            return value[int(part)]
        raise PathError(f"{place} {len(value)} entries, no {part!r}")
    raise PathError(f"{where} is a value: nothing is inside it")


def _nearest(part: str, known: list[str]) -> str:
    near = get_close_matches(part, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(known[:12])}" if known else "; it is empty"


def set_value(scenario: Scenario, path: str, text: str) -> Scenario:
    """A scenario with one value changed, checked as a whole; ``text`` is read as YAML (``5``, ``[a, b]``).

    Raises:
        PathError: the path leads nowhere, or the value does not fit.
    """
    parts = parse(path)
    # Workloads need not be mentioned before: any workload may be overridden.
    known = parts[:1] if parts[0] == "workloads" else parts[:-1]
    if known and not isinstance(get(scenario, ".".join(known)), BaseModel | Mapping | tuple | list):
        raise PathError(f"{'.'.join(known)} is a value: nothing is inside it")
    data = copy.deepcopy(scenario.source)
    _put(data, scenario, parts, _value(text), path)
    try:
        return from_data(data, path)
    except Problems as problems:
        raise PathError(f"{path}={text[:60]}: {problems.problems[0].message}") from None


def set_values(scenario: Scenario, assignments: Sequence[str]) -> Scenario:
    """A scenario with ``path=value`` assignments applied in order.

    Raises:
        PathError: one of them is wrong.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise PathError(f"{assignment[:60]!r}: write path=value")
        scenario = set_value(scenario, path.strip(), text.strip())
    return scenario


def _value(text: str) -> Any:
    try:
        document = read_yaml(text, "value")
        if document.problems:
            raise Problems(document.problems)
    except Problems as problems:
        found: list[Problem] = problems.problems
        raise PathError(f"{text[:60]!r} is no value: {found[0].message}") from None
    return document.data


def _put(data: dict[str, Any], scenario: Scenario, parts: tuple[str, ...], value: Any, path: str) -> None:
    """Set a value in the plain data, making what was only there by default."""
    place: Any = data
    for index, part in enumerate(parts[:-1]):
        following = parts[index + 1]
        if isinstance(place, list):
            place = place[int(part)]
            continue
        if not isinstance(place.get(part), dict | list):
            place[part] = {}
        place = place[part]
        if isinstance(place, list) and not following.isdecimal():
            raise PathError(f"{path}: {part} is a list: give an index")
    if isinstance(place, list):
        if not parts[-1].isdecimal() or int(parts[-1]) >= len(place):
            raise PathError(f"{path}: there are {len(place)} entries, no {parts[-1]!r}")
        place[int(parts[-1])] = value
    else:
        place[parts[-1]] = value
