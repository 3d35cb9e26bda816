"""Reads scenarios: every problem at once, each with file and line."""

from pathlib import Path
from typing import Any

from sim.scenario.complaints import build
from sim.scenario.document import Document, Problem, Problems, read
from sim.scenario.schema import Scenario

__all__ = ["Problems", "from_data", "load", "load_file"]


def load(text: str, file: str = "scenario.yaml") -> Scenario:
    """The scenario a YAML text describes.

    Raises:
        Problems: all that is wrong, a line each: ``scenario.yaml:7: load.bot: unknown field 'rsp'; …``.
    """
    document = read(text, file)
    data = document.data
    if isinstance(data, dict) and "schema" not in data:
        document.add(1, "'schema: 1' is missing: it must be the first line")
        document.data = {"schema": 1, **data}
    return _made(document)


def load_file(path: Path) -> Scenario:
    """The scenario of a file, or of a folder's ``scenario.yaml``.

    Raises:
        Problems: it cannot be read, or is wrong.
    """
    file = path / "scenario.yaml" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Problems([Problem(str(file), 1, "no such file")]) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise Problems([Problem(str(file), 1, f"cannot be read: {problem}")]) from None
    return load(text, str(file))


def from_data(data: dict[str, Any], file: str = "scenario") -> Scenario:
    """The scenario plain data describes; ``schema: 1`` is added when absent.

    Raises:
        Problems: all that is wrong.
    """
    return _made(Document(file, {"schema": 1, **data}))


def _made(document: Document) -> Scenario:
    scenario = build(Scenario, document)
    scenario._source.update(document.data)
    return scenario
