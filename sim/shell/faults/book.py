"""The faults in force, numbered, each with what ends it."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Fault", "FaultBook", "FaultError"]


class FaultError(Exception):
    """A fault that cannot be; one line that says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in force.

    Attributes:
        key: what it is about; a new fault of the same key takes its place.
        text: as ``fault list`` shows it.
        undo: ends it.
    """

    number: int
    key: tuple[str, ...]
    text: str
    since: float
    undo: Callable[[], object]


class FaultBook:
    """All faults of a sandbox."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._faults: dict[int, Fault] = {}
        self._last = 0

    def add(self, key: tuple[str, ...], text: str, undo: Callable[[], object]) -> Fault:
        """Note a fault that was just put in force; one of the same key is forgotten, not undone."""
        for number, old in list(self._faults.items()):
            if old.key == key:
                del self._faults[number]
        self._last += 1
        fault = self._faults[self._last] = Fault(self._last, key, text, self._now(), undo)
        return fault

    def find(self, key: tuple[str, ...]) -> Fault | None:
        """The fault of that key, if one is in force."""
        return next((fault for fault in self._faults.values() if fault.key == key), None)

    def all(self) -> list[Fault]:
        """Those in force, in order."""
        return list(self._faults.values())

    def clear(self, number: int | None = None) -> list[Fault]:
        """End one fault, or all; those that were ended.

        Raises:
            FaultError: there is none of that number.
        """
        if number is not None and number not in self._faults:
            known = ", ".join(map(str, self._faults)) or "none is in force"
            raise FaultError(f"no fault {number} ({known})")
        ended = self.all() if number is None else [self._faults[number]]
        for fault in ended:
            self._faults.pop(fault.number, None)
            fault.undo()
        return ended
