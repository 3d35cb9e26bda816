"""The reference vectors, by name."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("vectors.json")


def vector(name: str) -> dict[str, Any]:
    """The vector with that id."""
    found: dict[str, Any] = next(each for each in vectors() if each["id"] == name)
    return found


def vectors(area: str = "") -> list[dict[str, Any]]:
    """All vectors, or those of an area."""
    everything: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"]
    return [each for each in everything if not area or each["area"] == area]
