"""What pydantic found wrong with plain data, in words people can act on, with line numbers."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from sim.scenario.document import Document, Path, Problems

__all__ = ["build"]

M = TypeVar("M", bound=BaseModel)

# pydantic's error types that need other words; {field} is the last part of the path, {value} what was given.
WORDS = {
    "missing": "{field} is missing",
    "greater_than_equal": "{field} must be at least {ge:g}, not {value}",
    "greater_than": "{field} must be more than {gt:g}, not {value}",
    "less_than_equal": "{field} must be at most {le:g}, not {value}",
    "less_than": "{field} must be less than {lt:g}, not {value}",
    "literal_error": "{field} must be {expected}, not {value}",
    "int_type": "{field} must be a whole number, not {value}",
    "int_parsing": "{field} must be a whole number, not {value}",
    "int_from_float": "{field} must be a whole number, not {value}",
    "float_type": "{field} must be a number, not {value}",
    "float_parsing": "{field} must be a number, not {value}",
    "bool_type": "{field} must be true or false, not {value}",
    "bool_parsing": "{field} must be true or false, not {value}",
    "string_type": "{field} must be text, not {value}",
    "string_too_short": "{field} must not be empty",
    "string_too_long": "{field} must have at most {max_length} characters",
    "string_pattern_mismatch": "{field} is not written as expected: {value}",
    "dict_type": "{field} must be a mapping (name: value), not {value}",
    "model_type": "{field} must be a mapping (name: value), not {value}",
    "list_type": "{field} must be a list, not {value}",
    "tuple_type": "{field} must be a list, not {value}",
    "too_short": "{field} must have at least {min_length} entries",
    "too_long": "{field} must have at most {max_length} entries",
}


def build(model: type[M], document: Document) -> M:
    """The model of a document.

    Raises:
        Problems: everything that is wrong, the document's own problems included.
    """
    data = document.data
    if not isinstance(data, dict):
        document.add(1, "expected a mapping (name: value)" if data is not None else "the file is empty")
        raise Problems(document.problems)
    made: M | None = None
    try:
        made = model.model_validate(data)
    except ValidationError as invalid:
        for path, message in _messages(model, data, invalid):
            document.add(document.line(path), message)
    if made is None or document.problems:
        raise Problems(document.problems)
    return made


def _messages(model: type[BaseModel], data: Any, invalid: ValidationError) -> Iterator[tuple[Path, str]]:
    seen: set[tuple[Path, str]] = set()
    for error in invalid.errors(include_url=False):
        path, fits = _real_path(data, error["loc"])
        if not fits:
            continue
        message = _words(model, path, error)
        if (path, message) not in seen:
            seen.add((path, message))
            yield path, message


def _real_path(data: Any, location: Iterable[str | int]) -> tuple[Path, bool]:
    """The path inside the data, and whether the error is about what was written.

    pydantic names the branch of a union in the middle of a path; a branch that tries text as a mapping, or
    a mapping as text, says nothing useful.
    """
    path: list[str | int] = []
    value = data
    steps = list(location)
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        if step == "[key]":  # what is wrong is the name itself
            return (*path, step), True
        if isinstance(value, Mapping) and (step in value or (last and isinstance(step, str))):
            if step not in value and _is_branch(str(step)):
                return tuple(path), False
            path.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path.append(step)
            value = value[step]
        elif isinstance(value, Mapping) != (str(step)[:1].isupper()):
            return tuple(path), False
    return tuple(path), True


def _is_branch(step: str) -> bool:
    """Whether a step of a path is pydantic's name of a union's branch, not a field."""
    return step[:1].isupper() or step in ("str", "int", "float") or "[" in step


def _words(model: type[BaseModel], path: Path, error: Any) -> str:
    """One problem as a line, beginning with where it is."""
    kind, given = error["type"], error.get("input")
    where = ".".join(map(str, path[:-1]))
    name = str(path[-1]) if path else "the file"
    prefix = f"{where}: " if where else ""
    if kind == "extra_forbidden":
        return f"{prefix}unknown field {name!r}{_nearest(name, _fields_at(model, path[:-1]))}"
    if path and path[-1] == "[key]":
        hint = "write deploy/web" if path[0] == "workloads" else "lower-case letters, digits and -"
        return f"{where}: not a valid name ({hint})"
    if kind in ("value_error", "assertion_error"):
        text = str(error.get("ctx", {}).get("error", error["msg"]))
        return f"{'.'.join(map(str, path))}: {text}" if path else text
    form = WORDS.get(kind)
    if form is None:
        return f"{prefix}{name}: {error['msg'].lower()}"
    return prefix + form.format(field=name, value=_shown(given), **error.get("ctx", {}))


def _shown(value: Any) -> str:
    text = (
        repr(value)
        if isinstance(value, str)
        else "a mapping"
        if isinstance(value, dict)
        else "a list"
        if isinstance(value, list)
        else str(value)
    )
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(name: str, known: list[str]) -> str:
    found = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else f"; there are {', '.join(known)}" if known else ""


def _fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """Names of the fields the models at a path have."""
    models: list[type[BaseModel]] = [model]
    for step in path:
        inside: list[type[BaseModel]] = []
        for one in models:
            for name, field in one.model_fields.items():
                if step in (name, field.alias):
                    inside += _models_in(field.annotation)
        # A name in a mapping, or an index in a list: the annotation's models are already what is inside.
        models = inside or models
    return sorted({field.alias or name for one in models for name, field in one.model_fields.items()})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Every model an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
