"""How lines run: pipes, chains, status, variables, redirections, limits."""

from timeit import default_timer

import pytest

from mesh.cli.console import Result
from sim.shell import interpreter
from sim.shell.table import COMMANDS
from tests.sim.shell_host import BareHost


@pytest.fixture
def host() -> BareHost:
    return BareHost({"mounted.yml": "kind: Pod\n"})


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("echo a b", "a b\n"),
        ("echo -n a", "a"),
        ("echo -e 'a\\nb'", "a\nb\n"),
        ("printf 1 || true", None),
        ("echo one | cat | cat", "one\n"),
        ("true && echo yes", "yes\n"),
        ("false || echo no", "no\n"),
        ("true || echo never", ""),
        ("false && echo never || echo after", "after\n"),
        ("! false && echo turned", "turned\n"),
        ("A=5; echo $A ${A}b", "5 5b\n"),
        ("A='x  y'; echo $A \"$A\"", "x y x  y\n"),
        ("A=' x '; echo [$A]", "[ x ]\n"),
        ("A=1 B=2; echo $A$B", "12\n"),
        ("export A=b C; printenv A", "b\n"),
        ("A=b printenv A; echo [$A]", "b\n[]\n"),
        ("export A=b; unset A; echo [$A]", "[]\n"),
        ("echo $NOTHING end", "end\n"),
        ('echo "$NOTHING" end', " end\n"),
        ("echo $(echo a; echo b)", "a b\n"),
        ('echo "$(echo a; echo b)"', "a\nb\n"),
        ("echo $(echo $(echo deep))", "deep\n"),
        ("X=$(echo 3); echo $X", "3\n"),
        ("cat <<EOF\nA is $HOME \\$x\nEOF", "A is /home/you $x\n"),
        ("cat <<'EOF'\n$HOME\nEOF", "$HOME\n"),
        ("cat <<A - <<B\n1\nA\n2\nB", "2\n"),
        ("echo 'a\nb' | wc -l", "2\n"),
        ("set +e; false; echo $?", None),
        ("true; echo $?", "0\n"),
        ("echo '*' \\* \"*\" *.none", "* * * *.none\n"),
        ("# only a comment", ""),
        ("", ""),
        ("echo 'echo inner' | sh", "inner\n"),
        ("sh -c 'echo $HOME'", "/home/you\n"),
        ("/usr/bin/env | head -1", "HOME=/home/you\n"),
    ],
)
def test_scripts(host: BareHost, text: str, printed: str | None) -> None:
    if printed is None:
        assert host.sh(text).status != 0
    else:
        assert host.out(text) == printed


def test_a_script_stops_at_its_first_failing_line(host: BareHost) -> None:
    assert host.sh("echo a\nfalse\necho b") == Result("a\n", "", 1)
    assert host.sh("echo a; false; echo b").stdout == "a\n"


def test_set_plus_e_goes_on_but_the_status_tells(host: BareHost) -> None:
    result = host.sh("set +e\nfalse\necho $?\necho b")
    assert result.stdout == "1\nb\n"
    assert result.status == 1
    assert host.sh("false; echo still").stdout == "still\n"  # it lasts
    assert host.sh("set -e; false; echo never").stdout == ""


def test_the_status_of_a_pipe_is_its_last_commands(host: BareHost) -> None:
    assert host.sh("false | true").status == 0
    assert host.sh("set -o pipefail; false | true").status == 1


def test_a_command_that_fails_with_a_message_and_no_output_ends_the_pipe(host: BareHost) -> None:
    result = host.sh("cat missing.yml | wc -l")
    assert result == Result("", "cat: missing.yml: No such file or directory\n", 1)
    assert host.sh("cat missing.yml 2>&1 | wc -l").stdout == "1\n"
    assert host.sh("echo a | grep b | wc -l").stdout == "0\n"


def test_set_u_makes_unset_variables_errors(host: BareHost) -> None:
    result = host.sh("set -u; echo $NOTHING")
    assert (result.status, result.stderr) == (1, "meshdojo: NOTHING: unbound variable\n")


def test_redirections(host: BareHost) -> None:
    assert host.out("echo a > f; echo b >> f; cat f") == "a\nb\n"
    assert host.out("cat < f") == "a\nb\n"
    assert host.sh("cat zzz 2> err").stderr == ""
    assert host.out("cat err") == "cat: zzz: No such file or directory\n"
    assert host.sh("cat zzz > all 2>&1").status == 1
    assert "No such file" in host.out("cat all")
    assert host.out("echo x 2>&1 >/dev/null") == ""
    assert host.sh("echo oops >&2") == Result("", "oops\n", 0)
    assert host.out("echo both &> f; cat f") == "both\n"
    assert host.out("> empty; wc -c empty") == "0 empty\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo x > /etc/passwd", "meshdojo: /etc/passwd: only names in the working folder can be used here"),
        ("echo x > ../up", "meshdojo: ../up: a name cannot lead out of the working folder"),
        ("echo x > ~/x", "meshdojo: ~/x: only names in the working folder can be used here"),
        ("echo x > mounted.yml", "meshdojo: mounted.yml: Read-only file (it was mounted)"),
        ("cat < nothing", "meshdojo: nothing: No such file or directory"),
        ("ls *.yml", "meshdojo: a wildcard (*.yml) is not supported here: name the files"),
    ],
)
def test_refused_files_stop_the_command_before_it_runs(host: BareHost, text: str, message: str) -> None:
    before = (host.files.written.copy(), host.engine.now)
    assert host.sh(f"sleep 5 && {text}" if text.startswith("cat") else text) == Result("", message + "\n", 1)
    if not text.startswith("cat"):
        assert (host.files.written, host.engine.now) == before


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kubctl", "did you mean kubectl?"),
        ("linkrd", "did you mean linkerd?"),
        ("gerp", "did you mean grep?"),
        ("vim", "instead: write a file with cat <<EOF > NAME"),
        ("qwertyuiop", "`help` lists what there is"),
    ],
)
def test_unknown_commands_name_the_nearest(host: BareHost, name: str, hint: str) -> None:
    assert host.sh(f"{name} get po") == Result("", f"meshdojo: command not found: {name}; {hint}\n", 127)


def test_nothing_of_a_line_runs_when_one_of_its_commands_is_unknown(host: BareHost) -> None:
    result = host.sh("sleep 60 && echo a > f | kubctl apply -f -")
    assert result.status == 127
    assert host.engine.now == 0.0
    assert host.files.names() == ["mounted.yml"]


def test_nothing_of_a_script_runs_when_it_does_not_parse(host: BareHost) -> None:
    assert host.sh("echo a > f\nsleep 60\necho b |").status == 2
    assert host.files.names() == ["mounted.yml"]
    assert host.engine.now == 0.0


def test_a_line_of_a_megabyte_is_refused(host: BareHost) -> None:
    result = host.sh("echo " + "a" * 1_000_000)
    assert result.status == 1
    assert result.stdout == ""
    assert result.stderr.startswith("meshdojo: the line is too long")
    assert len(result.stderr) < 200


def test_growing_variables_are_bounded(host: BareHost) -> None:
    host.sh("A=" + "x" * 1000)
    for _ in range(8):
        host.sh("A=$A$A$A$A")
    result = host.sh("echo $A$A$A$A | wc -c")
    assert "longer than 1,000,000 characters" in result.stderr
    assert len(host.environ["A"]) <= 1_000_000


def test_output_and_work_are_bounded(host: BareHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "MAX_OUTPUT", 10_000)
    monkeypatch.setattr(interpreter, "MAX_STATEMENTS", 50)
    host.out("echo " + "x" * 4000 + " > f")
    assert "characters of output" in host.sh("cat f f f f f").stderr
    assert "more than 50 commands" in host.sh("true\n" * 100).stderr


def test_shells_inside_shells_end(host: BareHost) -> None:
    host.out("echo 'sh script' > script")
    assert "deep" in host.sh("sh script").stderr
    host.out("echo 'watch -n 1 sh loop' > loop")
    assert "deep" in host.sh("sh loop").stderr + host.sh("sh loop").stdout


def test_exit_ends_a_script_with_its_status(host: BareHost) -> None:
    assert host.sh("echo a; exit 3; echo b") == Result("a\n", "", 3)
    assert host.sh("echo a").status == 0
    assert host.sh("exit banana").status == 2


def test_a_defect_is_one_line_with_the_line_that_caused_it(
    host: BareHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Result:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(host.shell, "_load", lambda name: broken)
    with pytest.raises(RuntimeError):
        host.sh("echo a")
    host.shell.reraise = False
    result = host.sh("echo a | cat")
    assert (
        result.stderr
        == "meshdojo: internal error, please report it: RuntimeError: first second (in: echo a | cat)\n"
    )
    assert result.status == 70


def test_announced_statements_are_what_was_typed(host: BareHost) -> None:
    told: list[str] = []
    host.shell.run("echo a | cat  # x\n$ echo b; false\necho never", lambda *_: None, told.append)
    assert told == ["echo a | cat", "echo b", "false"]


def test_output_comes_in_the_order_it_was_printed(host: BareHost) -> None:
    pieces: list[tuple[int, str]] = []
    host.shell.run("set +e; echo a; cat zzz; echo b", lambda *piece: pieces.append(piece))
    assert [channel for channel, _ in pieces] == [1, 2, 1]


def test_every_command_of_the_table_can_be_loaded(host: BareHost) -> None:
    for name in COMMANDS:
        assert callable(host.shell._load(name))


def test_watch_runs_a_few_times_and_lets_time_pass(host: BareHost) -> None:
    text = host.out("watch -n 5 'date | cat'")
    assert text.count("Every 5.0s: date | cat") == 3
    assert host.engine.now == 10.0
    assert host.sh("watch -n banana date").stderr == (
        "watch: invalid time interval 'banana': use seconds, or a number with s, m, h or d\n"
    )
    assert host.sh("watch").status == 1


def test_a_script_of_many_lines_is_fast(host: BareHost) -> None:
    started = default_timer()
    host.out("echo a | cat > f\n" * 5_000)
    assert default_timer() - started < 5.0
