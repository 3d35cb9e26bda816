"""Label and field selectors: which objects a list or a watch is about."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sim.cluster.api.errors import BadRequest
from sim.cluster.api.objects import Obj

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource

__all__ = ["field_value", "matches_labels", "matches_selector", "parse_fields", "parse_labels", "selection"]

Predicate = Callable[[Obj], bool]
Requirement = tuple[str, str, frozenset[str]]

TERM = re.compile(
    r"""\s*(?:
        (?P<setkey>[\w./-]+)\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
      | (?P<key>[\w./-]+)\s*(?P<op>==|=|!=|>|<)\s*(?P<value>[\w.-]*)
      | (?P<absent>!)\s*(?P<absentkey>[\w./-]+)
      | (?P<present>[\w./-]+)
    )\s*(?:,|$)""",
    re.VERBOSE,
)

FIELDS: dict[str, frozenset[str]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    "events": frozenset(
        {
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "source",
            "type",
        }
    ),
    "nodes": frozenset({"spec.unschedulable"}),
    "namespaces": frozenset({"status.phase"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "jobs.batch": frozenset({"status.successful"}),
}
COMMON_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


def parse_labels(text: str) -> list[Requirement]:
    """Requirements (key, operator, values) of ``a=b,c!=d,e in (f,g),h,!i``.

    Raises:
        BadRequest: the text is not a selector.
    """
    found: list[Requirement] = []
    position, text = 0, text.strip()
    while position < len(text):
        match = TERM.match(text, position)
        if match is None or match.end() == position:
            raise BadRequest(
                f'unable to parse requirement: found "{text[position:]}" in label selector "{text}"'
            )
        found.append(_requirement(match))
        position = match.end()
    return found


def _requirement(match: re.Match[str]) -> Requirement:
    if match["setkey"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        return match["setkey"], match["set"], values
    if match["key"]:
        operator = {"==": "in", "=": "in", "!=": "notin"}.get(match["op"], match["op"])
        return match["key"], operator, frozenset({match["value"]})
    if match["absent"]:
        return match["absentkey"], "absent", frozenset()
    return match["present"], "present", frozenset()


def matches_labels(requirements: list[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether labels meet every requirement."""
    for key, operator, values in requirements:
        value = labels.get(key)
        if operator == "in":
            met = value in values
        elif operator == "notin":
            met = value not in values
        elif operator == "present":
            met = value is not None
        elif operator == "absent":
            met = value is None
        else:
            met = _compares(operator, value, next(iter(values)))
        if not met:
            return False
    return True


def _compares(operator: str, value: str | None, bound: str) -> bool:
    try:
        number, limit = int(value or ""), int(bound)
    except ValueError:
        return False
    return number > limit if operator == ">" else number < limit


def matches_selector(selector: Obj | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object (matchLabels, matchExpressions) selects labels; None selects nothing."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions") or ():
        value, values = labels.get(expression.get("key", "")), expression.get("values") or ()
        operator = expression.get("operator")
        met = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }.get(operator, False)
        if not met:
            return False
    return True


def field_value(obj: Obj, path: str) -> str:
    """The value at a dotted path as text; empty when nothing is there."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_fields(text: str, resource: "Resource") -> list[tuple[str, bool, str]]:
    """(path, wanted, value) of each term of ``status.phase!=Running,spec.nodeName=n1``.

    Raises:
        BadRequest: not a selector, or a field this resource cannot be selected by.
    """
    found: list[tuple[str, bool, str]] = []
    for term in filter(None, (term.strip() for term in text.split(","))):
        path, operator, value = re.split(r"(!=|==|=)", term, maxsplit=1) if "=" in term else (term, "", "")
        if not operator:
            raise BadRequest(f"invalid selector: '{text}'; can't understand '{term}'")
        path = path.strip()
        if path not in COMMON_FIELDS and path not in FIELDS.get(resource.key, ()):
            raise BadRequest(f'field label not supported for {resource.key}: "{path}"')
        found.append((path, operator != "!=", value.strip()))
    return found


def selection(resource: "Resource", labels: str = "", fields: str = "") -> Predicate | None:
    """A predicate for both selectors; None when neither restricts anything.

    Raises:
        BadRequest: one of them cannot be parsed.
    """
    wanted_labels = parse_labels(labels) if labels else []
    wanted_fields = parse_fields(fields, resource) if fields else []
    if not wanted_labels and not wanted_fields:
        return None

    def selects(obj: Obj) -> bool:
        if wanted_labels and not matches_labels(wanted_labels, obj["metadata"].get("labels") or {}):
            return False
        return all((field_value(obj, path) == value) is want for path, want, value in wanted_fields)

    return selects
