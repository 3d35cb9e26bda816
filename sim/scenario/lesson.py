"""Lessons: steps to take in a scenario, with checks, hints and texts in two languages.

``lesson.yaml`` holds what is checked and run, ``lesson.en.md`` and ``lesson.ja.md`` the texts. A text file
begins with ``# Title`` and has one ``## id: Heading`` section a step. No code is loaded from a lesson: a
check is the name of a function that the program has.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sim.scenario.complaints import build
from sim.scenario.document import Document, Problem, Problems, read

__all__ = [
    "LANGUAGES",
    "Check",
    "Lesson",
    "Predict",
    "Section",
    "Step",
    "Texts",
    "load",
    "load_folder",
    "read_texts",
]

LANGUAGES = ("en", "ja")
HEADING = re.compile(r"##[ \t]+([a-z0-9][a-z0-9-]*)[ \t]*(?::[ \t]*(.*))?")
TITLE = re.compile(r"#[ \t]+(.+)")
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _lines(value: Any) -> Any:
    """One line or a list of lines."""
    return (value,) if isinstance(value, str) else value


Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]


class Model(BaseModel):
    """Unknown fields are errors; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Both(Model):
    """A text in both languages."""

    en: Annotated[str, Field(min_length=1)]
    ja: Annotated[str, Field(min_length=1)]


class Check(Model):
    """What must be true for a step to be done: a check's name and its arguments."""

    name: str
    given: dict[str, str | int | float | bool] = Field(default={}, alias="with")


def _check(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Predict(Model):
    """A question asked before the step is run. ``answer`` is the number of the right option, from 1."""

    question: Both
    options: Annotated[tuple[Both, ...], Field(min_length=2, max_length=6)]
    answer: Annotated[int, Field(ge=1)]
    because: Both | None = None

    @model_validator(mode="after")
    def answer_is_an_option(self) -> "Predict":
        """The right answer is one of the options."""
        if self.answer > len(self.options):
            raise ValueError(f"answer {self.answer} is none of the {len(self.options)} options")
        return self


class Step(Model):
    """One step.

    Attributes:
        run: shell lines the learner is to type.
        check: what must be true afterwards.
        hint: what to say when it is not.
        solve: shell lines that bring it about when they differ from ``run``.
        predict: a question first.
    """

    id: Id
    run: Lines = ()
    check: Annotated[Check, BeforeValidator(_check)] | None = None
    hint: Both | None = None
    solve: Lines = ()
    predict: Predict | None = None

    def solution(self) -> tuple[str, ...]:
        """Shell lines that take the step."""
        return self.solve or self.run


class Lesson(Model):
    """A lesson."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    id: Id
    title: Annotated[str, Field(min_length=1)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def ids_are_unique(self) -> "Lesson":
        """A step's id is used once."""
        ids = [step.id for step in self.steps]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"step id {twice[0]!r} is used twice")
        return self


@dataclass(frozen=True, slots=True)
class Section:
    """The text of one step in one language."""

    heading: str
    body: str


@dataclass(frozen=True, slots=True)
class Texts:
    """A lesson's texts in one language."""

    title: str
    intro: str
    sections: dict[str, Section]


def load(text: str, file: str = "lesson.yaml", *, checks: Collection[str] | None = None) -> Lesson:
    """The lesson a YAML text describes.

    Args:
        checks: names of the checks there are; None leaves them unchecked.

    Raises:
        Problems: all that is wrong, a line each.
    """
    document = read(text, file)
    if checks is not None:
        _check_names(document, checks)
    return build(Lesson, document)


def _check_names(document: Document, checks: Collection[str]) -> None:
    steps = document.data.get("steps") if isinstance(document.data, dict) else None
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        check = step.get("check") if isinstance(step, dict) else None
        name = check.get("name") if isinstance(check, dict) else check
        if not isinstance(name, str) or name in checks:
            continue
        near = get_close_matches(name, list(checks), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        document.add(document.line(("steps", index, "check")), f"steps.{index}: no check {name!r}{hint}")


def read_texts(text: str, file: str) -> tuple[Texts, list[Problem]]:
    """A text file's title, introduction and sections, and what is wrong with it."""
    problems: list[Problem] = []
    title, current, fenced = "", "", False
    headings: dict[str, str] = {}
    bodies: dict[str, list[str]] = {"": []}
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else HEADING.fullmatch(line.rstrip())
        first = None if fenced or title else TITLE.fullmatch(line.rstrip())
        if heading:
            current = heading[1]
            if current in headings:
                problems.append(Problem(file, number, f"section {current!r} is there twice"))
            headings[current] = heading[2] or current
            bodies[current] = []
        elif first:
            title = first[1].strip()
        else:
            bodies[current].append(line)
    if not title:
        problems.append(Problem(file, 1, "the first line must be '# Title'"))
    sections = {one: Section(headings[one], "\n".join(bodies[one]).strip()) for one in headings}
    return Texts(title, "\n".join(bodies[""]).strip(), sections), problems


def load_folder(folder: Path, *, checks: Collection[str] | None = None) -> tuple[Lesson, dict[str, Texts]]:
    """A folder's lesson and its texts by language.

    Raises:
        Problems: a file is missing or wrong, or a step has no text in some language.
    """
    file = folder / "lesson.yaml"
    lesson = load(_text(file), str(file), checks=checks)
    problems: list[Problem] = []
    texts: dict[str, Texts] = {}
    for language in LANGUAGES:
        path = folder / f"lesson.{language}.md"
        texts[language], wrong = read_texts(_text(path), str(path))
        problems += wrong + list(_mismatches(lesson, texts[language], str(path)))
    if problems:
        raise Problems(problems)
    return lesson, texts


def _mismatches(lesson: Lesson, texts: Texts, file: str) -> list[Problem]:
    """Steps without a text, and texts without a step."""
    ids = [step.id for step in lesson.steps]
    found = [Problem(file, 1, f"no section for step {one!r}") for one in ids if one not in texts.sections]
    found += [Problem(file, 1, f"section {one!r} is no step's") for one in texts.sections if one not in ids]
    empty = [one for one in ids if one in texts.sections and not texts.sections[one].body]
    return found + [Problem(file, 1, f"the section of step {one!r} is empty") for one in empty]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Problems([Problem(str(path), 1, "no such file")]) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise Problems([Problem(str(path), 1, f"cannot be read: {problem}")]) from None
