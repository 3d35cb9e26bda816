"""Flags are read as pflag reads them, and mistakes are told in one line."""

import pytest

from mesh.cli.flags import Flag, FlagError, did_you_mean, duration, parse, usage

FLAGS = (
    Flag("namespace", "n", default="default", help="Where"),
    Flag("all-namespaces", "A", kind="bool", help="Everywhere"),
    Flag("output", "o", choices=("json", "yaml"), help="Form"),
    Flag("replicas", kind="int", default=1, help="How many"),
    Flag("rate", kind="float", help="How often"),
    Flag("wait", kind="duration", default=300.0, help="How long"),
    Flag("label", "l", kind="list", help="Which"),
    Flag("set", kind="array", help="What"),
    Flag("dry-run", no_value="client", default="none", help="Only pretend"),
    Flag("stdin", "i", kind="bool"),
    Flag("tty", "t", kind="bool", hidden=True),
)


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--namespace", "x"], "namespace", "x"),
        (["--namespace=x"], "namespace", "x"),
        (["--namespace="], "namespace", ""),
        (["-n", "x"], "namespace", "x"),
        (["-nx"], "namespace", "x"),
        (["-n=x"], "namespace", "x"),
        ([], "namespace", "default"),
        (["-A"], "all-namespaces", True),
        (["--all-namespaces=false"], "all-namespaces", False),
        (["-An", "x"], "namespace", "x"),
        (["-it"], "tty", True),
        (["--replicas", "-3"], "replicas", -3),
        (["--rate", ".5"], "rate", 0.5),
        (["--wait", "1h30m"], "wait", 5400.0),
        (["--wait", "250ms"], "wait", 0.25),
        (["--wait", "0"], "wait", 0.0),
        (["-l", "a,b", "-l", "c"], "label", ["a", "b", "c"]),
        (["--set", "a=1,b=2", "--set", "c=3"], "set", ["a=1,b=2", "c=3"]),
        (["--dry-run"], "dry-run", "client"),
        (["--dry-run=server"], "dry-run", "server"),
        (["--output", "yaml"], "output", "yaml"),
    ],
)
def test_forms_of_a_flag(argv: list[str], name: str, value: object) -> None:
    parsed = parse(argv, FLAGS)
    assert parsed[name] == value
    assert (name in parsed.changed) == bool(argv)
    assert parsed.args == []


def test_words_and_flags_mix_until_the_dashes() -> None:
    parsed = parse(["get", "-n", "x", "po", "-", "--", "-A", "curl"], FLAGS)
    assert parsed.args == ["get", "po", "-"]
    assert parsed.rest_after_dashdash == ["-A", "curl"]
    assert parsed["all-namespaces"] is False


def test_without_mixing_the_first_word_ends_the_flags() -> None:
    parsed = parse(["-n", "x", "get", "-A"], FLAGS, interspersed=False)
    assert parsed.args == ["get", "-A"]
    assert (parsed["namespace"], parsed["all-namespaces"]) == ("x", False)


def test_an_optional_value_is_never_the_next_word() -> None:
    parsed = parse(["--dry-run", "server"], FLAGS)
    assert (parsed["dry-run"], parsed.args) == ("client", ["server"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--namspace", "x"], "unknown flag: --namspace (did you mean --namespace?)"),
        (["--zzz"], "unknown flag: --zzz"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-Ax"], "unknown shorthand flag: 'x' in -Ax"),
        (["--namespace"], "flag needs an argument: --namespace"),
        (["-n"], "flag needs an argument: 'n' in -n"),
        (["--replicas", "two"], 'invalid argument "two" for "--replicas" flag: must be a whole number'),
        (["--rate", "fast"], 'invalid argument "fast" for "--rate" flag: must be a number'),
        (["-A=maybe"], 'invalid argument "maybe" for "-A, --all-namespaces" flag: must be true or false'),
        (["-o", "xml"], 'invalid argument "xml" for "-o, --output" flag: must be one of: json, yaml'),
    ],
)
def test_mistakes(argv: list[str], message: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(argv, FLAGS)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["banana", "", "5", "5m5", "m", "--5m", "1e3s", "5 m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        duration(text)


def test_durations_add_up_and_may_be_negative() -> None:
    assert duration("-1m30s") == -90.0
    assert duration("1.5h") == 5400.0


def test_defaults_are_not_shared_between_parses() -> None:
    first = parse([], FLAGS)
    first.values["label"].append("x")
    assert parse([], FLAGS)["label"] == []


def test_usage_is_aligned_and_sorted_and_hides_what_is_hidden() -> None:
    assert usage(FLAGS[:9]) == (
        "  -A, --all-namespaces       Everywhere\n"
        '      --dry-run[="client"]   Only pretend (default "none")\n'
        "  -l, --label strings        Which\n"
        '  -n, --namespace string     Where (default "default")\n'
        "  -o, --output string        Form\n"
        "      --rate float           How often\n"
        "      --replicas int         How many (default 1)\n"
        "      --set stringArray      What\n"
        "      --wait duration        How long (default 5m0s)\n"
    )
    assert usage(FLAGS[-1:]) == ""


def test_did_you_mean_is_silent_about_strangers() -> None:
    assert did_you_mean("installt", ["install", "check"]) == " (did you mean install?)"
    assert did_you_mean("xyzzy", ["install", "check"]) == ""
