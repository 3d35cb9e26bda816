"""What many kinds' rules are made of: each check adds what it finds to a list of problems.

*Source:* Kubernetes' validation, whose words these are; a small part of it.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from sim.cluster.api.resources import Resource

__all__ = [
    "CONFIG_KEY",
    "DUPLICATE",
    "ENV_NAME",
    "INVALID",
    "SUBDOMAIN",
    "SUBDOMAIN_TEXT",
    "Problems",
    "bad",
    "check_count",
    "check_labels",
    "check_port",
    "check_port_name",
    "check_share",
    "check_unique",
    "choose",
    "name_problem",
    "need",
]

Problems = list[tuple[str, str, str]]

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
SERVICE_LABEL = re.compile(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
ENV_NAME = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
CONFIG_KEY = re.compile(r"^[-._a-zA-Z0-9]{1,253}$")
PERCENT = re.compile(r"^[0-9]+%$")

LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc')"
)
SERVICE_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123')"
)
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com')"
)
VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'MyValue')"
)
MAX_SHOWN = 200  # characters of a refused value that a message repeats
PORT_TEXT = "must be between 1 and 65535, inclusive"
REQUIRED, INVALID, UNSUPPORTED, DUPLICATE = (
    "FieldValueRequired",
    "FieldValueInvalid",
    "FieldValueNotSupported",
    "FieldValueDuplicate",
)


def bad(problems: Problems, path: str, value: Any, why: str) -> None:
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if len(shown) > MAX_SHOWN:
        shown = shown[:MAX_SHOWN] + "..."
    problems.append((path, f"Invalid value: {shown}: {why}", INVALID))


def need(problems: Problems, path: str, why: str = "") -> None:
    problems.append((path, f"Required value: {why}" if why else "Required value", REQUIRED))


def choose(problems: Problems, path: str, value: Any, choices: Iterable[str]) -> None:
    if value not in choices:
        known = ", ".join(f'"{one}"' for one in sorted(choices))
        problems.append((path, f'Unsupported value: "{value}": supported values: {known}', UNSUPPORTED))


def name_problem(resource: Resource, name: str) -> str:
    """Why a name is not allowed for objects of a resource; empty when it is."""
    if resource.group == "rbac.authorization.k8s.io":
        return (
            "may not be '.' or '..', or contain '/' or '%'"
            if name in (".", "..") or re.search("[/%]", name)
            else ""
        )
    if resource.key == "services":
        return "" if SERVICE_LABEL.match(name) else SERVICE_TEXT
    if resource.key == "namespaces":
        return "" if LABEL.match(name) else LABEL_TEXT
    if len(name) > 253:
        return "must be no more than 253 characters"
    return "" if SUBDOMAIN.match(name) else SUBDOMAIN_TEXT


def check_labels(labels: Any, path: str, problems: Problems) -> None:
    """Keys and values of labels."""
    for key, value in (labels or {}).items():
        if not QUALIFIED.match(str(key)):
            bad(problems, path, key, "name part must consist of alphanumeric characters, '-', '_' or '.'")
        if len(str(value)) > 63:
            bad(problems, path, value, "must be no more than 63 characters")
        elif not LABEL_VALUE.match(str(value)):
            bad(problems, path, value, VALUE_TEXT)


def check_count(value: Any, path: str, problems: Problems) -> None:
    """A whole number of at least 0."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        bad(problems, path, value, "must be an integer")
    elif value is not None and value < 0:
        bad(problems, path, value, "must be greater than or equal to 0")


def check_port(value: Any, path: str, problems: Problems) -> None:
    if not isinstance(value, int) or not 1 <= value <= 65_535:
        bad(problems, path, value, PORT_TEXT)


def check_unique(name: Any, seen: set[str], path: str, problems: Problems) -> None:
    """A DNS label that no sibling has."""
    if not name:
        need(problems, path)
    elif not LABEL.match(str(name)):
        bad(problems, path, name, LABEL_TEXT)
    elif name in seen:
        problems.append((path, f'Duplicate value: "{name}"', DUPLICATE))
    seen.add(str(name))


def check_port_name(name: str, names: set[str], path: str, problems: Problems) -> None:
    if len(name) > 15:
        bad(problems, path, name, "must be no more than 15 characters")
    elif not LABEL.match(name) or not re.search("[a-z]", name) or "--" in name:
        bad(problems, path, name, "must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)")
    elif name in names:
        problems.append((path, f'Duplicate value: "{name}"', DUPLICATE))
    names.add(name)


def check_share(value: Any, path: str, problems: Problems) -> None:
    """A count or a percentage."""
    if isinstance(value, str):
        if not PERCENT.match(value):
            bad(
                problems,
                path,
                value,
                "a valid percent string must be a numeric string followed by an ending '%'",
            )
    else:
        check_count(value, path, problems)
