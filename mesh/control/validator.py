"""What the admission webhook of ServiceProfiles refuses.

*Source:* pkg/profiles/profiles.go, controller/sp-validator.
"""

import re
from typing import Any, TypeAlias

__all__ = ["problem", "review"]

Obj: TypeAlias = dict[str, Any]

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DURATION = re.compile(r"(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
SPEC = frozenset(("routes", "retryBudget", "dstOverrides", "opaquePorts"))
ROUTE = frozenset(("name", "condition", "responseClasses", "isRetryable", "timeout"))
CONDITION = frozenset(("all", "any", "not", "pathRegex", "method"))
RESPONSE_CLASS = frozenset(("condition", "isFailure"))
RESPONSE_CONDITION = frozenset(("all", "any", "not", "status"))
BUDGET = frozenset(("retryRatio", "minRetriesPerSecond", "ttl"))
STATUS_LEAST, STATUS_MOST = 100, 599


class _Refused(Exception):
    """A profile is not valid; the message says why."""


def review(admission_review: Obj) -> Obj:
    """The answer to an AdmissionReview of a ServiceProfile."""
    request = admission_review.get("request") or {}
    wrong = problem(request.get("object"))
    response: Obj = {"uid": request.get("uid"), "allowed": not wrong}
    if wrong:
        response["status"] = {"message": wrong, "code": 400, "reason": "BadRequest"}
    answer: Obj = {key: admission_review.get(key) for key in ("apiVersion", "kind")}
    return {**answer, "response": response}


def problem(profile: Any) -> str:
    """Why a ServiceProfile is refused, in one line; empty when it is valid."""
    try:
        _profile(profile)
    except _Refused as refusal:
        return str(refusal)
    return ""


def _profile(profile: Any) -> None:
    obj = _mapping(profile, "ServiceProfile")
    name = str((obj.get("metadata") or {}).get("name", ""))
    if not SUBDOMAIN.fullmatch(name) or len(name) > 253:
        raise _Refused(f"ServiceProfile {name!r} has invalid name: not a DNS subdomain")
    where = f'ServiceProfile "{name}"'
    spec = _mapping(obj.get("spec") or {}, f"{where} spec")
    _known(spec, SPEC, f"{where} spec")
    for route in _list(spec.get("routes"), f"{where} routes"):
        _route(_mapping(route, f"{where} route"), where)
    if spec.get("retryBudget") is not None:
        _budget(_mapping(spec["retryBudget"], f"{where} retryBudget"), where)


def _route(route: Obj, where: str) -> None:
    if not route.get("name"):
        raise _Refused(f"{where} has a route with no name")
    place = f"{where} route {route['name']!r}"
    _known(route, ROUTE, place)
    if not route.get("condition"):
        raise _Refused(f"{place} has no condition")
    if route.get("timeout"):
        _duration(route["timeout"], f"{place} timeout")
    _condition(_mapping(route["condition"], f"{place} condition"), place)
    for found in _list(route.get("responseClasses"), f"{place} responseClasses"):
        entry = _mapping(found, f"{place} response class")
        _known(entry, RESPONSE_CLASS, f"{place} response class")
        if not entry.get("condition"):
            raise _Refused(f"{place} has a response class with no condition")
        _response_condition(_mapping(entry["condition"], f"{place} response condition"), place)


def _condition(condition: Obj, place: str) -> None:
    _known(condition, CONDITION, f"{place} condition")
    if not condition:
        raise _Refused(f"{place}: a request match must have a field set")
    regex = condition.get("pathRegex")
    if regex is not None:
        try:
            re.compile(str(regex))
        except re.error as error:
            raise _Refused(f"{place} has invalid pathRegex {regex!r}: {error}") from None
    for inner in _nested(condition, place):
        _condition(inner, place)


def _response_condition(condition: Obj, place: str) -> None:
    _known(condition, RESPONSE_CONDITION, f"{place} response condition")
    if not condition:
        raise _Refused(f"{place}: a response match must have a field set")
    status = condition.get("status")
    if status is not None:
        span = _mapping(status, f"{place} status")
        least, most = (int(span.get(key) or 0) for key in ("min", "max"))
        for bound in (least, most):
            if bound and not STATUS_LEAST <= bound <= STATUS_MOST:
                raise _Refused(f"{place}: status {bound} is not within {STATUS_LEAST}-{STATUS_MOST}")
        if least and most and least > most:
            raise _Refused(f"{place}: status range minimum {least} is above its maximum {most}")
    for inner in _nested(condition, place):
        _response_condition(inner, place)


def _nested(condition: Obj, place: str) -> list[Obj]:
    """The conditions inside ``all``, ``any`` and ``not``."""
    found = [*_list(condition.get("all"), place), *_list(condition.get("any"), place)]
    if condition.get("not") is not None:
        found.append(condition["not"])
    return [_mapping(inner, f"{place} condition") for inner in found]


def _budget(budget: Obj, where: str) -> None:
    _known(budget, BUDGET, f"{where} retryBudget")
    for name in ("retryRatio", "minRetriesPerSecond"):
        value = budget.get(name, 0)
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise _Refused(f"{where} retryBudget {name} must be a number and not negative: {value!r}")
    if not budget.get("ttl"):
        raise _Refused(f"{where} retryBudget has no ttl")
    _duration(budget["ttl"], f"{where} retryBudget ttl")


def _duration(value: Any, place: str) -> None:
    text = str(value)
    if not text or DURATION.sub("", text):
        raise _Refused(f"{place} is not a duration such as 300ms: {text!r}")


def _mapping(value: Any, place: str) -> Obj:
    if not isinstance(value, dict):
        raise _Refused(f"{place} is not an object")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _Refused(f"{place}: not a list")
    return value


def _known(obj: Obj, fields: frozenset[str], place: str) -> None:
    """Refuse fields that are not in the schema."""
    for name in obj:
        if name not in fields:
            raise _Refused(f'{place}: unknown field "{name}"')
