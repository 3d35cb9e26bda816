"""Files stay in memory: nothing absolute, nothing above, no links, mounts are read-only."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.shell import files
from sim.shell.files import FileRefused, Files, clean, read_folder
from tests.sim.shell_host import BareHost

BAD = [
    "/etc/passwd",
    "/",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "~",
    "~/x",
    "a\\b",
    "x\ny",
    "\x01",
    "/dev/tcp/x",
    "a" * 300,
]


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    held = Files({"a": "1"})
    for do in (lambda: held.read(name), lambda: held.write(name, "x"), lambda: held.remove(name)):
        with pytest.raises(OSError, match=r"^[^\n]+$"):
            do()
    assert held.names() == ["a"]


@pytest.mark.parametrize("name", BAD)
def test_the_shell_refuses_them_everywhere(name: str, tmp_path: Path) -> None:
    host = BareHost()
    quoted = "'" + name.replace("'", "") + "'"
    for line in (
        f"cat {quoted}",
        f"echo x > {quoted}",
        f"cat < {quoted}",
        f"tee {quoted}",
        f"rm {quoted}",
        f"sh {quoted}",
    ):
        result = host.sh(line)
        assert result.status != 0, line
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
    assert host.files.names() == []


@given(st.text(max_size=40))
def test_no_name_reads_outside(name: str) -> None:
    held = Files({"a/b": "1"})
    try:
        text = held.read(name)
    except OSError as problem:
        text = str(problem)
    assert "\n" not in text
    assert text == "" if name == "/dev/null" else text == "1" or "a/b" not in clean_or_empty(name)


def clean_or_empty(name: str) -> str:
    """The cleaned name; empty if it is refused."""
    try:
        return clean(name)
    except OSError:
        return ""


def test_names_are_cleaned() -> None:
    assert clean("./a//b/./c") == "a/b/c"
    held = Files()
    held.write("./x.yml", "1")
    assert held.read("x.yml") == "1"
    assert held.listdir() == ["x.yml"]


def test_mounts_cannot_change() -> None:
    held = Files({"m": "1"})
    for do in (
        lambda: held.write("m", "2"),
        lambda: held.write("m", "2", append=True),
        lambda: held.remove("m"),
    ):
        with pytest.raises(FileRefused, match="Read-only"):
            do()
    assert held.read("m") == "1"


def test_space_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 10)
    monkeypatch.setattr(files, "MAX_TOTAL", 25)
    monkeypatch.setattr(files, "MAX_FILES", 3)
    held = Files()
    with pytest.raises(FileRefused, match="No space left"):
        held.write("a", "x" * 11)
    held.write("a", "x" * 10)
    with pytest.raises(FileRefused, match="No space left"):
        held.write("a", "x", append=True)
    held.write("b", "x" * 10)
    with pytest.raises(FileRefused, match="No space left"):
        held.write("c", "x" * 10)
    held.write("c", "x")
    with pytest.raises(FileRefused, match="3 files"):
        held.write("d", "")
    held.write("a", "y" * 10)  # in the place of what was there


def test_dev_null_swallows() -> None:
    held = Files()
    held.write("/dev/null", "x")
    assert held.read("/dev/null") == ""
    assert held.names() == []


def test_a_folder_comes_in_without_links_or_hidden_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.yml").write_text("a")
    (folder / "sub" / "b.yml").write_text("b")
    (folder / ".hidden").write_text("h")
    (folder / "binary").write_bytes(b"\xff\xfe")
    (folder / "link.yml").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    assert read_folder(folder) == {"a.yml": "a", "sub/b.yml": "b"}
    with pytest.raises(NotADirectoryError):
        read_folder(secret)


def test_a_folder_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_TOTAL", 5)
    (tmp_path / "a").write_text("123456")
    with pytest.raises(FileRefused, match="too much"):
        read_folder(tmp_path)
