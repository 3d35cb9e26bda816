"""Every bundled scenario: it loads, its run gives the stored summary, its lesson can be played."""

import csv
import io
from pathlib import Path

import pytest

from sim.lab import catalog, recap
from sim.lab.checks import CHECKS
from sim.lab.player import Unfinished, play
from sim.lab.run import run
from sim.scenario.lesson import LANGUAGES, load_folder

FOLDERS = catalog.folders()
ids = pytest.mark.parametrize("name", FOLDERS)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@ids
def test_a_run_gives_the_stored_summary(name: str, update_golden: bool) -> None:
    done = run(catalog.load(name))
    text = done.summary(routes=False).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    stored = FOLDERS[name] / "expected.csv"
    if update_golden:
        stored.write_text(text, encoding="utf-8")
    assert table(text) == table(stored.read_text(encoding="utf-8"))


@ids
def test_the_lesson_has_both_languages_and_known_checks(name: str) -> None:
    lesson, texts = load_folder(FOLDERS[name], checks=CHECKS)
    assert set(texts) == set(LANGUAGES)
    for language in LANGUAGES:
        assert list(texts[language].sections) == [step.id for step in lesson.steps]
        assert all(section.body for section in texts[language].sections.values())


@ids
def test_the_lesson_can_be_played_and_drawn(name: str, tmp_path: Path) -> None:
    printed: list[str] = []
    language = "ja" if name.startswith("02") else "en"  # a glyph that is missing would warn
    played = play(FOLDERS[name], lambda channel, text: printed.append(text), language=language)
    recap.show(played, lambda channel, text: printed.append(text))
    text = "".join(printed)
    assert text.count("(before)") == 1
    assert text.count("(after)") == 1
    assert " 4  web-svc → vote-bot" in text, "the doughnut's trail has four rows"
    assert recap.figure(played, tmp_path).stat().st_size > 10_000


def test_a_check_that_does_not_hold_stops_the_lesson(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text("schema: 1\ntitle: empty\n", encoding="utf-8")
    lesson = "schema: 1\nid: empty\ntitle: empty\nsteps:\n  - id: one\n    run: kubectl get nodes\n"
    lesson += "    check: {name: exists, with: {resource: namespaces, name: nowhere}}\n"
    (tmp_path / "lesson.yaml").write_text(lesson, encoding="utf-8")
    for language in LANGUAGES:
        (tmp_path / f"lesson.{language}.md").write_text("# Empty\n\n## one: One\n\nText.\n", encoding="utf-8")
    with pytest.raises(Unfinished, match="step 1, one: its check does not hold"):
        play(tmp_path, lambda channel, text: None)


def test_unknown_scenarios_are_named_with_the_nearest() -> None:
    with pytest.raises(catalog.UnknownScenario, match="did you mean 01-the-tutorial"):
        catalog.load("01-the-tutoral")
    assert catalog.find("1") == FOLDERS["01-the-tutorial"]
