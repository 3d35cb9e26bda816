"""Plays a lesson in the terminal: each step's text in short, its commands, its check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sim.lab.checks import CHECKS, passes
from sim.scenario.lesson import Lesson, Step, Texts, load_folder
from sim.scenario.loader import load_file
from sim.shell.sandbox import Sandbox

__all__ = ["Played", "Unfinished", "play"]

Write = Callable[[int, str], object]
RECAP = ("before", "after")  # steps of these ids are shown again at the end


class Unfinished(Exception):
    """A step of a lesson did not bring about what it should."""


@dataclass
class Played:
    """A lesson that was played.

    Attributes:
        times: simulated seconds at which each step began, by its id.
        output: what the commands of the steps in RECAP printed.
    """

    sandbox: Sandbox
    lesson: Lesson
    texts: Texts
    times: dict[str, float] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)


def play(folder: Path, write: Write, *, language: str = "en", seed: int | None = None) -> Played:
    """Play the lesson of a scenario folder from a fresh sandbox.

    The folder's timeline is not run: the lesson's steps are.

    Raises:
        Problems: the scenario or the lesson is wrong.
        Unfinished: a step's command failed, or its check did not hold afterwards.
    """
    lesson, texts = load_folder(folder, checks=CHECKS)
    changes = {"timeline": ()} if seed is None else {"timeline": (), "seed": seed}
    scenario = load_file(folder).model_copy(update=changes)
    played = Played(Sandbox(scenario=scenario), lesson, texts[language])
    write(1, f"{played.texts.title}\n{'=' * len(played.texts.title)}\n\n")
    for number, step in enumerate(lesson.steps, 1):
        _step(played, number, step, write)
    return played


def _step(played: Played, number: int, step: Step, write: Write) -> None:
    sandbox, section = played.sandbox, played.texts.sections[step.id]
    played.times[step.id] = sandbox.engine.now
    write(1, f"{number}. {section.heading}\n")
    first = section.body.partition("\n\n")[0]
    if first:
        write(1, f"{first}\n")
    write(1, "\n")
    kept: list[str] = []

    def tee(channel: int, text: str) -> None:
        kept.append(text)
        write(channel, text)

    for line in step.solution():
        write(1, f"$ {line}\n")
        if sandbox.run(line, tee):
            raise Unfinished(f"step {number}, {step.id}: the command failed: {line}")
    write(1, "\n")
    if step.id in RECAP:
        played.output[step.id] = "".join(kept)
    if step.check is not None and not passes(sandbox, step.check.name, step.check.given):
        hint = f" {step.hint.en}" if step.hint is not None else ""
        raise Unfinished(f"step {number}, {step.id}: its check does not hold.{hint}")
