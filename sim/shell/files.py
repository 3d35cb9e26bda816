"""The sandbox's files: names and texts in memory. Nothing here touches a disk but :func:`read_folder`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["FileRefused", "Files", "read_folder"]

MAX_FILE = 8_000_000  # characters
MAX_TOTAL = 64_000_000
MAX_FILES = 1_000
MAX_NAME = 255  # Source: Linux, limits.h NAME_MAX


class FileRefused(OSError):
    """This sandbox will not read or write that. One line, without the name of the command."""


class Files:
    """Files by relative name; folders exist because names have slashes.

    Args:
        mounts: files that may be read but not changed or removed.
    """

    def __init__(self, mounts: Mapping[str, str] | None = None) -> None:
        self.written: dict[str, str] = {}
        self.mounts: dict[str, str] = {}
        for name, text in (mounts or {}).items():
            self.mounts[clean(name)] = text

    def read(self, name: str) -> str:
        """The text of a file.

        Raises:
            FileNotFoundError, FileRefused: with a one-line message that begins with the name.
        """
        if name == "/dev/null":
            return ""
        path = clean(name)
        if path in self.written:
            return self.written[path]
        if path in self.mounts:
            return self.mounts[path]
        if self.listdir(path):
            raise FileRefused(f"{name}: Is a directory")
        raise FileNotFoundError(f"{name}: No such file or directory")

    def check(self, name: str) -> None:
        """Raise what :meth:`write` would raise for this name, without writing."""
        if name == "/dev/null":
            return
        path = clean(name)
        if path in self.mounts:
            raise FileRefused(f"{name}: Read-only file (it was mounted)")
        if self.listdir(path):
            raise FileRefused(f"{name}: Is a directory")
        if path not in self.written and len(self.written) >= MAX_FILES:
            raise FileRefused(f"{name}: No space left: a sandbox holds {MAX_FILES:,} files")

    def write(self, name: str, text: str, *, append: bool = False) -> None:
        """Write a file, or add to its end; ``/dev/null`` swallows everything.

        Raises:
            FileRefused: the name, a mounted file, or no space.
        """
        self.check(name)
        if name == "/dev/null":
            return
        path = clean(name)
        if append:
            text = self.written.get(path, "") + text
        others = sum(map(len, self.written.values())) - len(self.written.get(path, ""))
        if len(text) > MAX_FILE or others + len(text) > MAX_TOTAL:
            raise FileRefused(f"{name}: No space left: a file may hold {MAX_FILE:,} characters")
        self.written[path] = text

    def remove(self, name: str) -> None:
        """Remove a file.

        Raises:
            FileNotFoundError, FileRefused: it is not there, or mounted.
        """
        path = clean(name)
        self.check(name)
        if path not in self.written:
            raise FileNotFoundError(f"{name}: No such file or directory")
        del self.written[path]

    def exists(self, name: str) -> bool:
        """Whether that file can be read."""
        try:
            self.read(name)
        except OSError:
            return False
        return True

    def names(self) -> list[str]:
        """All files, sorted."""
        return sorted({*self.written, *self.mounts})

    def listdir(self, name: str = ".") -> list[str]:
        """What is in a folder: files and folders by their last part, sorted; empty when it is none."""
        folder = "" if name in (".", "./", "") else clean(name) + "/"
        inside = (path[len(folder) :] for path in self.names() if path.startswith(folder))
        return sorted({path.partition("/")[0] for path in inside})


def clean(name: str) -> str:
    """The name with its ``./`` and doubled slashes taken out.

    Raises:
        FileRefused: it is empty, absolute, a home folder, or leads out of the working folder.
    """
    shown = name if len(name) < 80 else name[:77] + "..."
    if not name:
        raise FileNotFoundError("'': No such file or directory")
    if len(name) > MAX_NAME:
        raise FileRefused(f"{shown}: File name too long")
    if name.startswith(("/", "~")) or "\\" in name:
        raise FileRefused(f"{shown}: only names in the working folder can be used here")
    if any(ord(char) < 32 for char in name):
        raise FileRefused(f"{shown!r}: a file name cannot hold control characters")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FileRefused(f"{shown}: a name cannot lead out of the working folder")
    if not parts:
        raise FileRefused(f"{shown}: Is a directory")
    return "/".join(parts)


def read_folder(folder: Path, suffixes: Iterable[str] = ()) -> dict[str, str]:
    """The text files of a real folder, by name, for :class:`Files`' mounts.

    Links, hidden files, and files that are not UTF-8 text are left out, so that nothing outside the folder
    can come in.

    Raises:
        NotADirectoryError: it is no folder.
        FileRefused: it holds more than a sandbox can.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: Not a directory")
    wanted = tuple(suffixes)
    found: dict[str, str] = {}
    total = 0
    for path in _walk(folder):
        if wanted and not path.name.endswith(wanted):
            continue
        total += path.stat().st_size
        if len(found) >= MAX_FILES or total > MAX_TOTAL:
            raise FileRefused(f"{folder}: too much to mount ({MAX_FILES:,} files, {MAX_TOTAL:,} bytes)")
        try:
            found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def _walk(folder: Path) -> Iterable[Path]:
    """Ordinary files below a folder, sorted; links are not followed."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path
