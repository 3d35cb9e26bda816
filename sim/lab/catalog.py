"""The scenarios that come with the program, and how one is found by name."""

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from sim.scenario.loader import load_file
from sim.scenario.schema import Scenario

__all__ = ["UnknownScenario", "find", "folders", "load"]


class UnknownScenario(Exception):
    """No scenario of that name, and no such file."""


def folders() -> dict[str, Path]:
    """The bundled scenario folders by id, in order."""
    root = Path(str(files("scenarios")))
    return {path.name: path for path in sorted(root.iterdir()) if (path / "scenario.yaml").is_file()}


def find(name: str) -> Path:
    """The folder or file a name means: a bundled id (its number is enough), or a path.

    Raises:
        UnknownScenario: there is none; names the nearest.
    """
    bundled = folders()
    if name in bundled:
        return bundled[name]
    numbered = [path for id_, path in bundled.items() if id_.partition("-")[0] == name.zfill(2)]
    if numbered:
        return numbered[0]
    path = Path(name)
    if path.exists():
        return path
    near = get_close_matches(name, list(bundled), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(bundled)}"
    raise UnknownScenario(f"no scenario {name!r}, neither bundled nor a file{hint}")


def load(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        UnknownScenario: there is none.
        Problems: it is wrong.
    """
    return load_file(find(name))
