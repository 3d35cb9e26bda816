"""Sessions as text: the ``s`` of a link. Everything read is checked, nothing of it is evaluated."""

import base64
import binascii
import json
import zlib
from itertools import groupby
from typing import Any

from ui.state.live import MAX_LINE, Log

__all__ = ["MAX_TEXT", "Malformed", "decode", "encode", "script"]

VERSION = 1
MAX_TEXT = 12_000  # characters of a link that browsers and servers still pass on
MAX_JSON = 400_000
MAX_LINES = 4_000
MAX_TIME = 366 * 86400.0


class Malformed(ValueError):
    """The text is not a session; the message says what is wrong with it."""


def encode(log: Log) -> str:
    """The log as text for a link; empty for an empty log."""
    if not log:
        return ""
    rows: list[list[Any]] = []
    for line, group in groupby(log, key=lambda entry: entry[1]):
        times = [when for when, _ in group]
        rows.append([line, *times])
    body = json.dumps([VERSION, rows], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.compress(body, 9)).decode().rstrip("=")


def decode(text: str) -> Log:
    """The log that a link's text stands for.

    Raises:
        Malformed: it is none, or too long.
    """
    if not text:
        return ()
    if len(text) > MAX_TEXT:
        raise Malformed(f"{len(text):,} characters, at most {MAX_TEXT:,}")
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
        unpack = zlib.decompressobj()
        body = unpack.decompress(packed, MAX_JSON)
        if unpack.unconsumed_tail or not unpack.eof:
            raise Malformed("cut off, or too long")
        data = json.loads(body)
    except (UnicodeError, binascii.Error, zlib.error, RecursionError) as problem:
        raise Malformed(f"not a session: {type(problem).__name__}") from None
    except ValueError as problem:
        if isinstance(problem, Malformed):
            raise
        raise Malformed("not a session: no JSON") from None
    return _log(data)


def _log(data: Any) -> Log:
    """The log in the JSON of a link."""
    if not (isinstance(data, list) and len(data) == 2 and isinstance(data[1], list)):
        raise Malformed("not a session: no list of lines")
    if data[0] != VERSION:
        raise Malformed(f"version {str(data[0])[:10]}, this program reads {VERSION}")
    log: list[tuple[float, str]] = []
    for row in data[1]:
        if not (isinstance(row, list) and len(row) > 1 and isinstance(row[0], str)):
            raise Malformed("a line is not a line with its times")
        if len(row[0]) > MAX_LINE or len(log) + len(row) > MAX_LINES:
            raise Malformed(f"a line or the log is too long (at most {MAX_LINES:,} lines)")
        for when in row[1:]:
            if isinstance(when, bool) or not isinstance(when, int | float) or not 0.0 <= when <= MAX_TIME:
                raise Malformed(f"a line's time is not a time: {str(when)[:20]}")
            log.append((float(when), row[0]))
    return tuple(log)


def script(log: Log) -> str:
    """The log as lines for ``meshdojo sh``."""
    return "".join(f"{line}\n" for _, line in log)
