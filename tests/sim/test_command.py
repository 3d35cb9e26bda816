"""The ``meshdojo`` command itself: what it says of itself, and of a mistake."""

import sys

import pytest

from sim import cli


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["meshdojo", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "shown"), [((), ("sh", "run", "lesson", "app")), (("lesson",), ("play", "list"))]
)
def test_without_a_command_it_shows_the_commands(
    arguments: tuple[str, ...],
    shown: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, *arguments) == 0
    printed, complaints = capsys.readouterr()
    assert complaints == ""
    assert printed.startswith("Usage: ")
    assert "meshdojo: " not in printed
    first_words = {line.split()[0] for line in printed.splitlines() if line.startswith("  ")}
    assert first_words >= set(shown)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("compair",), "meshdojo: No such command 'compair'; see meshdojo --help\n"),
        (("sh", "nofile"), "meshdojo: nofile: No such file or directory\n"),
        (("run",), "meshdojo: Missing argument 'scenario'; see meshdojo --help\n"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(monkeypatch, *arguments) == 1
    assert capsys.readouterr() == ("", complaint)
