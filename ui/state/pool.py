"""Live sandboxes kept for their sessions: a bounded store, the least recently used go first."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from ui.state.live import Live, Log, Origin, key

__all__ = ["Pool"]

Progress = Callable[[int, int], object]


class Pool:
    """Sandboxes by the name of their state.

    A sandbox is taken out to be used and put back under its new name, so that no two sessions ever run one
    at the same time. Sessions in the same state find one each, or replay.

    Args:
        capacity: how many are kept. One takes some ten megabytes.
    """

    def __init__(self, capacity: int = 32) -> None:
        self.capacity = capacity
        self._lock = Lock()
        self._kept: OrderedDict[int, tuple[str, Live]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, name: str) -> Live | None:
        """The most recently used sandbox in that state, which is then no longer here."""
        with self._lock:
            for number, (kept, live) in reversed(self._kept.items()):
                if kept == name:
                    del self._kept[number]
                    return live
        return None

    def put(self, live: Live) -> None:
        """Keep a sandbox under the name of its state."""
        name = live.key
        with self._lock:
            self._count += 1
            self._kept[self._count] = (name, live)
            while len(self._kept) > self.capacity:
                self._kept.popitem(last=False)

    def at(self, start: Origin, log: Log, progress: Progress = lambda done, total: None) -> Live:
        """A sandbox in the state that the log leads to: a live one, or a new one after a replay.

        ``progress`` is told lines done and lines in
        all; when it raises, what was replayed so far is kept.
        """
        live = self.take(key(start, log))
        if live is not None:
            return live
        live = Live(start)
        try:
            for number, (when, line) in enumerate(log, 1):
                progress(number - 1, len(log))
                live.replay(when, line)
        except BaseException:
            self.put(live)
            raise
        return live
