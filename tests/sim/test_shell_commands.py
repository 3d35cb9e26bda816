"""The small commands: time, text, jobs; and what they say when used wrongly."""

import re
from timeit import default_timer

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.shell.commands.pattern import Pattern, PatternError
from sim.shell.commands.session import seconds
from tests.sim.shell_host import BareHost

TYPO = "https://run.linkerd.io/emojvoto.yml"
RIGHT = "https://run.linkerd.io/emojivoto.yml"


@pytest.fixture
def host() -> BareHost:
    found = BareHost()
    found.files.write("f", "".join(f"line {n}\n" for n in range(1, 21)))
    found.files.write("pods", "NAME READY\nweb 1/1\nvoting 2/2\nVOTE-bot 1/1\n")
    return found


@pytest.mark.parametrize(
    ("text", "length"),
    [("5", 5.0), ("1.5", 1.5), (".5", 0.5), ("90s", 90.0), ("3m", 180.0), ("2h", 7200.0), ("1d", 86400.0)],
)
def test_sleep_lets_simulated_time_pass(host: BareHost, text: str, length: float) -> None:
    assert seconds(text) == length
    assert host.out(f"sleep {text}") == ""
    assert host.engine.now == length


@pytest.mark.parametrize("text", ["banana", "-1", "1e3", "inf", "nan", "5x", "''", "1m30s", "0x10", "１"])
def test_sleep_refuses_what_is_no_time(host: BareHost, text: str) -> None:
    result = host.sh(f"sleep {text}")
    assert result.status == 1
    assert re.fullmatch(r"sleep: [^\n]+\n", result.stderr)
    assert host.engine.now == 0.0


def test_sleep_has_limits(host: BareHost) -> None:
    assert host.sh("sleep").stderr == "sleep: missing operand: how many seconds?\n"
    assert "at most 31 days" in host.sh("sleep 32d").stderr
    assert "invalid" in host.sh("sleep 99999999999999").stderr
    assert host.out("sleep 1 2m") == ""
    assert host.engine.now == 121.0


def test_date_is_simulated(host: BareHost) -> None:
    assert host.out("sleep 1h; date") == "Tue Sep  1 10:00:00 UTC 2026\n"
    assert host.out("date +%Y-%m-%dT%H:%M:%SZ") == "2026-09-01T10:00:00Z\n"
    assert host.out("date +%s") == "1788256800\n"
    assert host.sh("date -s tomorrow").status == 1


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("head -n 2 f", "line 1\nline 2\n"),
        ("head -2 f | tail -1", "line 2\n"),
        ("head -n -18 f", "line 1\nline 2\n"),
        ("head -c 6 f", "line 1"),
        ("tail -n 1 f", "line 20\n"),
        ("tail -n +20 f", "line 20\n"),
        ("tail f | wc -l", "10\n"),
        ("wc -l f", "20 f\n"),
        ("cat f | wc -l", "20\n"),
        ("echo 'a b' | wc", "      1       2       4\n"),
        ("grep web pods", "web 1/1\n"),
        ("grep -i vote pods", "VOTE-bot 1/1\n"),
        ("grep -v 1/1 pods", "NAME READY\nvoting 2/2\n"),
        ("grep -c 1/1 pods", "2\n"),
        ("grep -E 'web|voting' pods | wc -l", "2\n"),
        ("grep 'web\\|voting' pods | wc -l", "2\n"),
        ("grep -Eo '[0-9]+/[0-9]+' pods", "1/1\n2/2\n1/1\n"),
        ("grep -n '^v' pods", "3:voting 2/2\n"),
        ("grep -F 1/1 pods f", "pods:web 1/1\npods:VOTE-bot 1/1\n"),
        ("grep -w vot pods || echo none", "none\n"),
        ("grep -q web pods && echo found", "found\n"),
        ("cat pods | grep -e web", "web 1/1\n"),
        ("grep -A1 '^web' pods", "web 1/1\nvoting 2/2\n"),
        ("grep -n -C 1 voting pods", "2-web 1/1\n3:voting 2/2\n4-VOTE-bot 1/1\n"),
        ("grep -B1 -e NAME -e VOTE pods", "NAME READY\n--\nvoting 2/2\nVOTE-bot 1/1\n"),
        ("grep -A5 1/1 pods | wc -l", "3\n"),
        ("grep -co 1 pods", "2\n"),
        ("sort -r pods | head -1", "web 1/1\n"),
        ("echo 'b\na\nb' | sort -u", "a\nb\n"),
        ("echo '10\n9' | sort -n", "9\n10\n"),
        ("cat -n pods | head -1", "     1\tNAME READY\n"),
        ("echo x | tee g | cat - g", "x\nx\n"),
        ("ls", "f\npods\n"),
        ("echo a > dir/b; ls dir", "b\n"),
        ("rm f; ls", "pods\n"),
        ("rm -f nothing", ""),
        ("pwd", "/sandbox\n"),
        ("cd .", ""),
        ("wait", ""),
        ("clear", "\x1b[H\x1b[2J"),
    ],
)
def test_text_commands(host: BareHost, text: str, printed: str) -> None:
    assert host.out(text) == printed


@pytest.mark.parametrize(
    "text",
    [
        "cat nofile",
        "cat -z f",
        "head -n x f",
        "head nofile",
        "tail --lines=2 f",
        "wc nofile",
        "wc -z f",
        "grep",
        "grep '[' f",
        "grep -E '(' f",
        "grep x nofile",
        "grep -A x y f",
        "grep -P x f",
        "sort nofile",
        "tee /etc/passwd",
        "rm nofile",
        "rm",
        "ls nofile",
        "ls -Z",
        "cd ..",
        "cd /tmp",
        "export 1x=2",
        "set -x",
        "set -o noclobber",
        "kill %9",
        "kill",
        "env FOO=1 date",
        "sh nofile",
        "sh",
        "exit x",
        "watch -q date",
        "wait %1",
        "curl",
        "curl --no-such-flag http://localhost",
        "curl -H broken localhost",
        "curl ftp://example.com",
        "curl http://localhost:99999/",
        "curl 'http://'",
        "curl -m banana localhost",
        "curl -o /etc/passwd https://run.linkerd.io/emojivoto.yml",
        "fault",
        "fault nothing",
    ],
)
def test_misuse_is_one_line_and_a_status(host: BareHost, text: str) -> None:
    before = dict(host.files.written)
    result = host.sh(text)
    assert result.status != 0
    assert result.stdout + result.stderr
    if text != "fault":
        assert re.fullmatch(r"[^\n]+\n", result.stderr), result.stderr
    assert host.files.written == before
    assert host.engine.now == 0.0


def test_jobs_end_by_themselves_or_are_killed(host: BareHost) -> None:
    host.sh("sleep 10 & sleep 100 &")
    assert host.engine.now == 0.0
    assert host.out("jobs") == "[1]  Running    sleep 10 &\n[2]  Running    sleep 100 &\n"
    assert host.out("sleep 20; jobs") == "[2]  Running    sleep 100 &\n"
    assert host.out("kill %2; jobs") == ""
    host.sh("sleep 30 &")
    host.out("wait")
    assert host.engine.now == 50.0


def test_curl_reads_bundled_pages(host: BareHost) -> None:
    assert host.out("curl -sL https://run.linkerd.io/emojivoto.yml | grep -c '^kind:'") == "11\n"
    assert "already here" in host.out(
        "curl --proto '=https' --tlsv1.2 -sSfL https://run.linkerd.io/install-edge | sh"
    )
    assert host.out("curl -s https://versioncheck.linkerd.io/version.json?x=1") == (
        '{"stable": "stable-2.14.10", "edge": "edge-26.8.3"}\n'
    )
    gateway = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.1.0/standard-install.yaml"
    assert "bundle-version: v1.1.0" in host.out(f"curl -sL {gateway}")
    assert host.out(
        "curl -s -o o.yml -w '%{http_code} %{content_type}\\n' https://run.linkerd.io/emojivoto-policy.yml"
    ) == ("200 text/yaml\n")
    assert host.out("grep -c 'kind: ServerAuthorization' o.yml") == "4\n"
    assert "HTTP/1.1 200 OK" in host.out("curl -sI https://run.linkerd.io/emojivoto.yml")


@pytest.mark.parametrize(
    ("text", "message", "status"),
    [
        (
            f"curl -sL {TYPO}",
            f"curl: (78) {TYPO}: not among the pages bundled with the sandbox; did you mean {RIGHT}?",
            78,
        ),
        (
            "curl http://localhost:8080/",
            "curl: (7) Failed to connect to localhost port 8080 after 0 ms: Couldn't connect to server",
            7,
        ),
    ],
)
def test_curls_errors(host: BareHost, text: str, message: str, status: int) -> None:
    result = host.sh(text)
    assert (result.stderr, result.status) == (message + "\n", status)


# -- grep's patterns ------------------------------------------------------------------------------------

PIECES = [
    "a",
    "b",
    ".",
    "a*",
    "b+",
    "(ab)",
    "(a|b)*",
    "[ab]",
    "[^a]",
    "a?",
    "^",
    "$",
    "|",
    "b{1,2}",
    "(a*)*",
    "[a-b]",
]


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.text("abc", max_size=8))
def test_patterns_match_what_pythons_do(pieces: list[str], line: str) -> None:
    text = "".join(pieces)
    try:
        expected = re.compile(text)
    except re.error:
        return
    try:
        pattern = Pattern(text, extended=True)
    except PatternError:
        # Python takes an empty alternative's repetition, which POSIX leaves undefined.
        assume(False)
    assert pattern.search(line) == bool(expected.search(line))


@pytest.mark.parametrize(
    "text", ["(a+)+$", "(a|aa)+$", "(a*)*(a*)*b", "a*a*a*a*a*b", "(x+x+)+y", "(.*)*(.*)*q"]
)
def test_no_pattern_takes_for_ever(text: str) -> None:
    started = default_timer()
    Pattern(text, extended=True).search("a" * 100_000 + "!")
    assert default_timer() - started < 3.0


@pytest.mark.parametrize(
    "text",
    ["(", ")", "[", "[z-a]", "[[:nope:]]", "a{3,1}", "a{999}", "*", "\\", "\\b", "(a{200}){200}", "a" * 501],
)
def test_bad_patterns_are_refused(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern(text, extended=True)


def test_spans_are_leftmost_longest() -> None:
    assert Pattern("a|ab|abc", extended=True).spans("xabcab") == [(1, 4), (4, 6)]
    assert Pattern("VoTe", ignore_case=True).spans("vote") == [(0, 4)]
    assert Pattern("[[:digit:]]\\{2\\}").spans("123") == [(0, 2)]
