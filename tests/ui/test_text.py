"""The words of both languages."""

import re
import string
from pathlib import Path

import pytest

from ui.state.steps import steps
from ui.text import CATALOGUES, LANGUAGES, Text, spoken

SOURCES = sorted(Path(__file__).parents[2].joinpath("ui").glob("**/*.py"))
PREFIXES = ("page", "time", "session", "bad", "steps", "step", "knobs", "golden", "why", "topology")
PREFIXES += ("charts", "mark", "pods", "events", "terminal", "about")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_and_values() -> None:
    english, japanese = CATALOGUES["en"], CATALOGUES["ja"]
    assert set(LANGUAGES) == set(CATALOGUES)
    assert list(english) == list(japanese)
    for key, text in english.items():
        assert fields(text) == fields(japanese[key]), key
        assert text.strip() == text
        assert japanese[key].strip() == japanese[key]


def test_japanese_is_japanese() -> None:
    same = {key for key, text in CATALOGUES["ja"].items() if text == CATALOGUES["en"][key]}
    names = {"page.title", "golden.meshed", "golden.rps", "pods.ready", "terminal.placeholder"}
    assert same == names
    kana = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
    without = {key for key, text in CATALOGUES["ja"].items() if not kana.search(text)}
    assert without - names == {"pods.title"}


def test_every_key_written_in_the_program_exists_and_none_is_unused() -> None:
    written: set[str] = set()
    patterns: set[str] = set()
    for path in SOURCES:
        if path.parent.name == "text":
            continue
        source = path.read_text(encoding="utf-8")
        pattern = rf"""["']((?:{"|".join(PREFIXES)})(?:\.[a-z0-9_]+)+)["']"""
        written |= set(re.findall(pattern, source))
        patterns |= set(re.findall(rf'f[\'"]((?:{"|".join(PREFIXES)})\.[a-z_.{{}}]*)', source))
    known = set(CATALOGUES["en"])
    keys = {key for key in written if key in known}
    widgets = {"knob", "step", "chart", "advance"}
    unknown = {key for key in written - known if key.split(".")[0] not in widgets}
    unknown -= {"session.sh", "topology.js"}  # files
    assert not unknown
    stems = {re.sub(r"\{.*", "", text) for text in patterns}
    unused = {key for key in known - keys if not any(key.startswith(stem) for stem in stems)}
    assert not unused


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("edition", ["stable-2.8.1", "edge"])
def test_every_step_is_told(language: str, edition: str) -> None:
    text = Text(language)
    for step in steps(edition):
        assert text(f"step.{step.id}")
        assert text(f"step.{step.id}.text")


def test_language_of_a_browser() -> None:
    assert [spoken(one) for one in ("ja", "ja-JP", "JA-jp", "en-US", "jav", None, "")] == [
        *("ja", "ja", "ja"),
        *("en", "en", "en", "en"),
    ]
