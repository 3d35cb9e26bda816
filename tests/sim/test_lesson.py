"""Lessons: steps, checks by name, texts in two languages."""

from pathlib import Path

import pytest

from sim.scenario.lesson import Lesson, load, load_folder, read_texts
from sim.scenario.loader import Problems

LESSON = """\
id: first
title: A first lesson
steps:
- id: apply
  run: kubectl apply -f web.yml
  check: pods-ready
  hint: {en: Is it applied, ja: 適用しましたか}
- id: look
  run:
  - kubectl get po
  - linkerd stat deploy
  check: {name: figures, with: {namespace: default, least: 1}}
  solve: [sleep 60]
  predict:
    question: {en: How many, ja: いくつ}
    options: [{en: one, ja: 一}, {en: two, ja: 二}]
    answer: 2
"""
EN = """\
# Title

Intro.

## apply: Apply it

Text.

```
# not a heading
## nor: this
```

## look: Look

More.
"""
JA = "# 題\n\n## apply: 適用\n\n本文。\n\n## look\n\n本文。\n"


def folder(tmp_path: Path, lesson: str = LESSON, en: str = EN, ja: str = JA) -> Path:
    (tmp_path / "lesson.yaml").write_text(lesson, encoding="utf-8")
    (tmp_path / "lesson.en.md").write_text(en, encoding="utf-8")
    (tmp_path / "lesson.ja.md").write_text(ja, encoding="utf-8")
    return tmp_path


def problems(text: str, **arguments: object) -> list[str]:
    with pytest.raises(Problems) as found:
        load(text, "l.yaml", **arguments)  # type: ignore[arg-type]
    return str(found.value).splitlines()


def test_a_lesson_and_its_texts(tmp_path: Path) -> None:
    lesson, texts = load_folder(folder(tmp_path), checks=["pods-ready", "figures"])
    assert isinstance(lesson, Lesson)
    apply, look = lesson.steps
    assert apply.run == ("kubectl apply -f web.yml",)
    assert apply.solution() == apply.run
    assert look.solution() == ("sleep 60",)
    assert look.check is not None
    assert (look.check.name, look.check.given) == ("figures", {"namespace": "default", "least": 1})
    assert texts["en"].title == "Title"
    assert texts["en"].intro == "Intro."
    assert texts["en"].sections["apply"].heading == "Apply it"
    assert "## nor: this" in texts["en"].sections["apply"].body
    assert texts["ja"].sections["look"].heading == "look"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- id: look", "- id: apply", "l.yaml:1: step id 'apply' is used twice"),
        (
            "check: pods-ready",
            "check: pod-ready",
            "l.yaml:6: steps.0: no check 'pod-ready'; did you mean 'pods-ready'?",
        ),
        ("name: figures", "name: os.system", "l.yaml:12: steps.1: no check 'os.system'"),
        ("ja: 適用しましたか", "de: nein", "l.yaml:7: steps.0.hint: unknown field 'de'; there are en, ja"),
        ("ja: 適用しましたか", "ja: ''", "l.yaml:7: steps.0.hint: ja must not be empty"),
        ("answer: 2", "answer: 3", "l.yaml:14: steps.1.predict: answer 3 is none of the 2 options"),
        ("title: A first lesson\n", "", "l.yaml:1: title is missing"),
        ("  run: kubectl", "  rnu: kubectl", "l.yaml:5: steps.0: unknown field 'rnu'; did you mean 'run'?"),
        ("- id: apply", "- id: Apply It", "l.yaml:4: steps.0: id is not written as expected: 'Apply It'"),
        ("  solve: [sleep 60]", "  solve: 5", "l.yaml:13: steps.1: solve must be a list, not 5"),
    ],
)
def test_wrong_lessons(old: str, new: str, message: str) -> None:
    assert old in LESSON
    found = problems(LESSON.replace(old, new), checks=["pods-ready", "figures"])
    assert message in found


@pytest.mark.parametrize(
    ("en", "message"),
    [
        (EN.replace("## look: Look\n\nMore.\n", ""), "no section for step 'look'"),
        (EN + "\n## extra\n\nx\n", "section 'extra' is no step's"),
        (EN.replace("More.", ""), "the section of step 'look' is empty"),
        (EN + "\n## look\n\nagain\n", "section 'look' is there twice"),
        (EN.replace("# Title", "Title", 1), "the first line must be '# Title'"),
    ],
)
def test_wrong_texts(tmp_path: Path, en: str, message: str) -> None:
    with pytest.raises(Problems, match=message):
        load_folder(folder(tmp_path, en=en))


def test_a_missing_language_is_told(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "lesson.ja.md").unlink()
    with pytest.raises(Problems, match=r"lesson\.ja\.md:1: no such file"):
        load_folder(place)


def test_texts_keep_their_line_numbers() -> None:
    _, found = read_texts("# T\n\n## a\nx\n## a\n", "t.md")
    assert [(one.line, one.message) for one in found] == [(5, "section 'a' is there twice")]
