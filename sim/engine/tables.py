"""The result tables of a run: rows packed into bytes, read as numpy arrays.

``requests`` holds what callers wanted (client truth, one row a logical request), ``attempts`` every send to
an endpoint, ``pods`` changes of pods, ``events`` anything worth narrating. ``samples`` (what Prometheus
scraped) and ``summary`` are derived by the lab. Names and columns are the project's contract with notebooks.
"""

import struct
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Attempts", "Event", "Names", "Outcome", "PodChange", "Requests", "Tables"]


class Outcome(IntEnum):
    """What became of a request: a closed list."""

    OK = 0
    APP_ERROR = 1
    TIMEOUT = 2
    FAILFAST = 3
    REFUSED = 4
    UNAUTHORIZED = 5
    RATE_LIMITED = 6
    UNREACHABLE = 7


NO_GRPC = 255  # the `grpc_status` code of a request that is not gRPC


class Names:
    """Numbers for keys, in order of first use.

    At most 65,535 of them, so that a column needs two bytes; later keys share the last number.
    """

    LIMIT = 0xFFFF

    def __init__(self) -> None:
        self.keys: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, key: tuple[str, ...]) -> int:
        """The number of ``key``; a new one if it was never seen."""
        found = self._numbers.get(key)
        if found is None:
            if len(self.keys) == self.LIMIT:
                key = tuple("(other)" for _ in key)
                self.keys.append(key)
            found = min(len(self.keys), self.LIMIT)
            self._numbers[key] = found
            if found < self.LIMIT:
                self.keys.append(key)
        return found


class Packed:
    """Rows of one struct layout, kept as bytes in chunks that never move."""

    CHUNK = 1 << 16

    def __init__(self, layout: str, columns: list[tuple[str, str]]) -> None:
        self.pack = struct.Struct(layout).pack
        self.dtype = np.dtype(columns)
        if self.dtype.itemsize != struct.calcsize(layout):
            raise ValueError(f"{layout} does not pack {columns}")
        self._full: list[bytes] = []
        self._rows: list[bytes] = []
        self._chunk = self.CHUNK // self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._full) * self._chunk + len(self._rows)

    def append(self, *values: float) -> None:
        """Append a row of plain numbers, in the order of the columns."""
        rows = self._rows
        rows.append(self.pack(*values))
        if len(rows) == self._chunk:
            self._full.append(b"".join(rows))
            rows.clear()

    def array(self) -> npt.NDArray[Any]:
        """The rows so far as a structured array (a copy: the table may go on growing)."""
        return np.frombuffer(b"".join([*self._full, *self._rows]), dtype=self.dtype)

    def nbytes(self) -> int:
        """Bytes of the rows kept."""
        return len(self) * self.dtype.itemsize


class Requests(Packed):
    """One row a logical request; ``edge`` is a number of :attr:`Tables.edges`: (src, dst, route)."""

    def __init__(self) -> None:
        super().__init__(
            "<IdfHHBBB",
            [
                ("trace", "<u4"),
                ("start_s", "<f8"),
                ("latency_s", "<f4"),
                ("edge", "<u2"),
                ("status", "<u2"),
                ("grpc_status", "u1"),
                ("outcome", "u1"),
                ("tries", "u1"),
            ],
        )


class Attempts(Packed):
    """One row a send to an endpoint.

    ``link`` is a number of :attr:`Tables.links`: (source pod, destination pod); ``try_tls`` is
    ``2 * try + tls``; ``why`` an :class:`Outcome`.
    """

    def __init__(self) -> None:
        super().__init__(
            "<IdfHHBB",
            [
                ("trace", "<u4"),
                ("start_s", "<f8"),
                ("latency_s", "<f4"),
                ("link", "<u2"),
                ("status", "<u2"),
                ("try_tls", "u1"),
                ("why", "u1"),
            ],
        )


class PodChange(NamedTuple):
    """A change of a pod."""

    t_s: float
    namespace: str
    pod: str
    workload: str
    phase: str
    ready: str
    containers: str
    meshed: bool


class Event(NamedTuple):
    """Anything that can be narrated."""

    t_s: float
    source: str
    kind: str
    object: str
    message: str


class Tables:
    """The tables of one run."""

    def __init__(self) -> None:
        self.edges = Names()  # (src workload, dst authority, route) of the requests
        self.links = Names()  # (source pod, destination pod) of the attempts
        self.requests = Requests()
        self.attempts = Attempts()
        self.pods: list[PodChange] = []
        self.events: list[Event] = []
