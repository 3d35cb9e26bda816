"""The shell's grammar: what it reads, what it refuses, in one line each."""

from contextlib import suppress
from timeit import default_timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.shell.parser import MAX_LINE, MAX_SCRIPT, parse, quote
from sim.shell.syntax import Literal, ShellError, SimpleCommand, Substitution, Variable


def only(text: str) -> SimpleCommand:
    """The one command of a line."""
    (statement,) = parse(text)
    ((_, pipeline),) = statement.chain.links
    (command,) = pipeline.commands
    return command


def refusal(text: str) -> str:
    """Why a line is refused; empty if it is not."""
    try:
        parse(text)
    except ShellError as problem:
        return str(problem)
    return ""


def words(text: str) -> list[str | None]:
    return [word.plain() for word in only(text).words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo a  b", ["echo", "a", "b"]),
        ("echo 'a  b' \"c d\" e\\ f", ["echo", "a  b", "c d", "e f"]),
        ("echo a'b'\"c\"d", ["echo", "abcd"]),
        ("echo '' \"\"", ["echo", "", ""]),
        ("echo 'it'\\''s'", ["echo", "it's"]),
        ('echo "a\\"b\\$c\\\\d\\n"', ["echo", 'a"b$c\\d\\n']),
        ("echo a#b # comment", ["echo", "a#b"]),
        ("echo a \\\n  b", ["echo", "a", "b"]),
        ('echo "a\\\nb"', ["echo", "ab"]),
        ("$ kubectl get po", ["kubectl", "get", "po"]),
        ("  $ kubectl get po", ["kubectl", "get", "po"]),
        (
            "kubectl get -o jsonpath={.items[*].metadata.name}",
            ["kubectl", "get", "-o", "jsonpath={.items[*].metadata.name}"],
        ),
        ("kubectl get po -l 'app in (a,b)'", ["kubectl", "get", "po", "-l", "app in (a,b)"]),
        ("curl localhost:8080/api/vote?choice=:joy:", ["curl", "localhost:8080/api/vote?choice=:joy:"]),
        ("echo a=b", ["echo", "a=b"]),
        ("echo $", ["echo", "$"]),
        ("echo 5$", ["echo", "5$"]),
        ("echo ✔ 投票", ["echo", "✔", "投票"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_variables_and_substitutions_keep_their_quoting() -> None:
    assert only("echo $A").words[1].parts == (Variable("A"),)
    assert only('echo "${A}b"').words[1].parts == (Variable("A", True), Literal("b", True))
    assert only("echo '$A'").words[1].parts == (Literal("$A", True),)
    assert only("echo $?").words[1].parts == (Variable("?"),)
    part = only('echo "$(echo \')\' "x")"').words[1].parts[0]
    assert isinstance(part, Substitution)
    assert part.quoted


def test_assignments_stand_before_the_command() -> None:
    command = only("A=1 B='x y' env C=3")
    assert [(name, word.plain()) for name, word in command.assignments] == [("A", "1"), ("B", "x y")]
    assert [word.plain() for word in command.words] == ["env", "C=3"]
    assert only("A=").assignments[0][1].parts == ()


def test_pipes_chains_and_background() -> None:
    statements = parse("a | b && c || d; e & f")
    assert [s.text for s in statements] == ["a | b && c || d", "e &", "f"]
    assert [operator for operator, _ in statements[0].chain.links] == ["", "&&", "||"]
    assert [len(pipeline.commands) for _, pipeline in statements[0].chain.links] == [2, 1, 1]
    assert [s.background for s in statements] == [False, True, False]
    assert len(parse("a |\n  b &&\n\n c")) == 1


def test_a_semicolon_ends_a_statement() -> None:
    assert [s.text for s in parse("a; b\n# c\n\nd")] == ["a", "b", "d"]
    assert [s.line for s in parse("a; b\n# c\n\nd")] == [1, 1, 4]


def test_redirections() -> None:
    found = [
        (r.channel, r.operator, r.target.plain())
        for r in only("cmd <in >out 2>>err 2>&1 >/dev/null").redirects
    ]
    assert found == [(0, "<", "in"), (1, ">", "out"), (2, ">>", "err"), (2, "&", "1"), (1, ">", "/dev/null")]
    assert [(r.channel, r.operator) for r in only("cmd &> both").redirects] == [(1, ">"), (2, "&")]
    assert [(r.channel, r.operator, r.target.plain()) for r in only("cmd >&2").redirects] == [(1, "&", "2")]


def test_here_documents() -> None:
    text = "cat <<EOF | kubectl apply -f - && echo done\na: $B\n  c\nEOF\necho next"
    first, second = parse(text)
    ((redirect,),) = [command.redirects for command in first.chain.links[0][1].commands[:1]]
    assert redirect.target.parts == (Literal("a: ", True), Variable("B", True), Literal("\n  c\n", True))
    assert (second.text, second.line) == ("echo next", 5)
    assert only("cat <<'EOF'\n$A `x`\nEOF").redirects[0].target.plain() == "$A `x`\n"
    assert only("cat <<-EOF\n\ta\n\t\tb\n\tEOF").redirects[0].target.plain() == "a\nb\n"
    assert only("cat <<EOF\nEOF").redirects[0].target.plain() == ""


def test_two_here_documents_on_one_line() -> None:
    first, second = parse("cat <<A; cat <<B\n1\nA\n2\nB\n")
    bodies = [s.chain.links[0][1].commands[0].redirects[0].target.plain() for s in (first, second)]
    assert bodies == ["1\n", "2\n"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("for i in 1 2; do echo $i; done", "a loop (for) is not supported here"),
        ("while true; do echo; done", "a loop (while) is not supported here"),
        ("if true; then echo; fi", "a condition (if; use && and ||) is not supported here"),
        ("case x in y) ;; esac", "a condition (case; use && and ||) is not supported here"),
        ("f() { echo; }", "a function definition is not supported here"),
        ("function f { echo; }", "a function definition is not supported here"),
        ("[[ a == b ]]", "[[ … ]] is not supported here"),
        ("[ a = b ]", "[ … ] is not supported here"),
        ("(echo a)", "( … ), a subshell, is not supported here"),
        ("{ echo a; }", "{ … }, a group, is not supported here"),
        ("echo `date`", "`…` (write $(…) instead) is not supported here"),
        ('echo "`date`"', "`…` (write $(…) instead) is not supported here"),
        ("echo $((1+1))", "$(( … )), arithmetic, is not supported here"),
        ("echo ${A:-b}", "${A:-b} is not supported here"),
        ("echo $1", "$1 is not supported here"),
        ("echo {a,b}", "{a,b}, brace expansion, is not supported here"),
        ("echo {1..3}", "{a,b}, brace expansion, is not supported here"),
        ("cat <<< x", "<<< (a here string) is not supported here"),
        ("cat <(echo)", "<( … ), process substitution, is not supported here"),
        ("a |& b", "|& (write 2>&1 |) is not supported here"),
        ("echo 3>x", "file descriptor 3 is not supported here"),
        ("echo >| x", ">| is not supported here"),
        ("echo a |", "syntax error: nothing stands after the |"),
        ("echo a &&", "syntax error: nothing stands after '&&'"),
        ("| cat", "syntax error near '|'"),
        ("echo a && || b", "syntax error near '||'"),
        ("echo a; ; b", "syntax error near ';'"),
        ("echo >", "syntax error: a file name must stand after >"),
        ("echo 'a", "unexpected end of line: a ' is never closed"),
        ('echo "a', 'unexpected end of line: a " is never closed'),
        ("echo $(date", "unexpected end of line: a $( is never closed"),
        ("echo ${A", "unexpected end of line: a ${ is never closed"),
        ("cat <<EOF\na", "here document: a line with only 'EOF' must end it"),
        ("cat <<EOF", "here document: a line with only 'EOF' must end it"),
        ("echo a)", "unexpected `)' (quote it if it is meant as text)"),
        ("echo " + "$(" * 20 + ")" * 20, "$( … ) more than 8 deep is not supported here"),
        ("echo \0", "the line holds a NUL character"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ShellError) as problem:
        parse(text)
    assert str(problem.value) == message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["echo 'a", 'echo "a', "cat <<EOF\nx", "a |", "a &&", "echo $(x"])
def test_unfinished_lines_say_so(text: str) -> None:
    with pytest.raises(ShellError) as problem:
        parse(text)
    assert problem.value.unfinished


@pytest.mark.parametrize("text", ["| a", "for i", "a > ", "echo `"])
def test_wrong_lines_are_not_unfinished(text: str) -> None:
    with pytest.raises(ShellError) as problem:
        parse(text)
    assert not problem.value.unfinished


def test_long_lines_are_refused() -> None:
    with pytest.raises(ShellError, match="the line is too long: 1,000,005 characters"):
        parse("echo " + "a" * MAX_LINE)
    with pytest.raises(ShellError, match="the script is too long"):
        parse("echo a\n" * (MAX_SCRIPT // 7 + 1))
    assert len(parse("echo " + "a" * (MAX_LINE - 6))) == 1


@pytest.mark.parametrize(
    "piece",
    [
        "'",
        '"',
        "\\",
        "$",
        "${",
        "$(",
        "{,",
        "(",
        "<",
        "<<",
        "|",
        "&",
        ";",
        "# ",
        "a ",
        "A=",
        "\n",
        "! ",
        '"$',
    ],
)
def test_parsing_takes_time_in_proportion_to_the_text(piece: str) -> None:
    text = (piece * 400_000)[:900_000]
    started = default_timer()
    with suppress(ShellError):
        parse(text)
    assert default_timer() - started < 15.0


@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), max_size=5))
def test_quoted_words_come_back_as_they_were(given_words: list[str]) -> None:
    assert words(" ".join(["echo", *map(quote, given_words)])) == ["echo", *given_words]


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=60))
def test_any_text_parses_or_is_refused_in_one_line(text: str) -> None:
    assert "\n" not in refusal(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                " ",
                "'",
                '"',
                "\\",
                "$",
                "(",
                ")",
                "{",
                "}",
                "|",
                "&",
                ";",
                "<",
                ">",
                "\n",
                "#",
                "=",
                "`",
                "EOF",
                "<<",
            ]
        ),
        max_size=25,
    )
)
def test_any_mixture_of_special_characters_parses_or_is_refused_in_one_line(parts: list[str]) -> None:
    assert "\n" not in refusal("".join(parts))
