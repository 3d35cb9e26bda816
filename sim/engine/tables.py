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
    """Numbers for names, in order of first use."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number of ``name``; a new one if it was never seen."""
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self.names)
            self.names.append(name)
        return found


class Packed:
    """Rows of one struct layout, kept as bytes."""

    def __init__(self, layout: str, columns: list[tuple[str, str]]) -> None:
        self.pack = struct.Struct(layout).pack
        self.dtype = np.dtype(columns)
        if self.dtype.itemsize != struct.calcsize(layout):
            raise ValueError(f"{layout} does not pack {columns}")
        self.rows = bytearray()
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def array(self) -> npt.NDArray[Any]:
        """The rows so far as a structured array (a copy: the table may go on growing)."""
        return np.frombuffer(bytes(self.rows), dtype=self.dtype)


class Requests(Packed):
    """One row a logical request; ``number`` of a row is its index."""

    def __init__(self) -> None:
        super().__init__(
            "<IdfHHHHBBB",
            [
                ("trace", "<u4"),
                ("start_s", "<f8"),
                ("latency_s", "<f4"),
                ("src", "<u2"),
                ("dst", "<u2"),
                ("route", "<u2"),
                ("status", "<u2"),
                ("grpc_status", "u1"),
                ("outcome", "u1"),
                ("tries", "u1"),
            ],
        )

    def add(
        self,
        trace: int,
        start: float,
        latency: float,
        src: int,
        dst: int,
        route: int,
        status: int,
        grpc_status: int,
        outcome: int,
        tries: int,
    ) -> None:
        """Append a row; times in seconds, names as numbers of :attr:`Tables.names`."""
        self.rows += self.pack(trace, start, latency, src, dst, route, status, grpc_status, outcome, tries)
        self.length += 1


class Attempts(Packed):
    """One row a send to an endpoint."""

    def __init__(self) -> None:
        super().__init__(
            "<IffHHHBB",
            [
                ("trace", "<u4"),
                ("start_s", "<f4"),
                ("latency_s", "<f4"),
                ("src_pod", "<u2"),
                ("dst_pod", "<u2"),
                ("status", "<u2"),
                ("try_tls", "u1"),
                ("why", "u1"),
            ],
        )

    def add(
        self,
        trace: int,
        start: float,
        latency: float,
        src: int,
        dst: int,
        status: int,
        try_tls: int,
        why: int,
    ) -> None:
        """Append a row. ``try_tls`` is ``2 * try + tls``; ``why`` an :class:`Outcome`."""
        self.rows += self.pack(trace, start, latency, src, dst, status, try_tls, why)
        self.length += 1


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
        self.names = Names()
        self.requests = Requests()
        self.attempts = Attempts()
        self.pods: list[PodChange] = []
        self.events: list[Event] = []
