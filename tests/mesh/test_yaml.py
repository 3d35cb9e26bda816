"""The YAML loader refuses what could hurt and reads what kubectl reads; what is dumped reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.yaml import YamlError, dump, dump_all, load_all

BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join('*' + chr(97 + i) for _ in range(10))}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\na: 2\n", 2, 'key "a" already set'),
        ("a:\n b\n  c: d\n", 3, "mapping values are not allowed"),
        ("a: 1\nb: [1,\n", 2, "did not find expected node content"),
        ("a: !!python/object:os.system x", 1, "!!python/object:os.system is not supported"),
        ("a: !!timestamp 2020-01-01", 1, "not supported"),
        ("a: !foo 1", 1, "!foo is not supported"),
        ("a: !!int x", 1, "cannot decode"),
        ("a: 1\n? {b: c}\n: 1", 2, "mapping key must be a string"),
        ("a: 1\nb: *x", 2, "unknown anchor"),
        ("&a [*a]", 1, "unknown anchor"),
        ("a: \x00", 1, "control characters"),
        ("a: \ud800", 1, "Unicode"),
        ("[" * 101 + "]" * 101, 1, "nested more than 100"),
        ("[" * 50_000, 1, "nested more than 100"),
        ("a: 1\nb: " + "x" * 1_000_000, 2, "1 MB"),
        (BOMB, 6, "aliases repeat more than 200,000"),
        ("a: 1" + "0" * 5000, 1, "digits"),
        ("<<: 3", 1, "map merge requires map"),
    ],
)
def test_refused_in_one_line(text: str, line: int, part: str) -> None:
    with pytest.raises(YamlError) as caught:
        load_all(text, name="x.yml")
    assert str(caught.value).startswith(f"error: error parsing x.yml: line {line}: ")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("off", False),
        ("0644", 420),
        ("0x1F", 31),
        ("-12", -12),
        ("1_000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("12:30:45", "12:30:45"),
        ("2020-07-15T09:00:00Z", "2020-07-15T09:00:00Z"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("100m", "100m"),
        ("v11", "v11"),
        ("y", "y"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert load_all(f"a: {text}") == [{"a": value}]
    assert type(load_all(f"a: {text}")[0]["a"]) is type(value)


def test_keys_become_strings_and_aliases_are_copies() -> None:
    (doc,) = load_all("1: a\ntrue: b\nbase: &x {k: [1]}\nother: *x\nmerged: {<<: *x, j: 2}\n")
    assert doc["1"] == "a"
    assert doc["true"] == "b"
    assert doc["merged"] == {"k": [1], "j": 2}
    doc["other"]["k"].append(2)
    assert doc["base"] == {"k": [1]}


def test_empty_documents_are_left_out() -> None:
    assert load_all("---\n# nothing\n---\na: 1\n---\n") == [{"a": 1}]
    assert load_all("") == []


def test_written_as_kubectl_writes() -> None:
    obj = {
        "b": "true",
        "a": ["x", {"c": "line 1\nline 2\n"}],
        "e": "",
        "n": None,
        "t": "2020-07-15T09:00:00Z",
    }
    assert dump(obj, sort=True) == (
        'a:\n- x\n- c: |\n    line 1\n    line 2\nb: "true"\ne: ""\n"n": null\nt: "2020-07-15T09:00:00Z"\n'
    )
    assert dump(obj).startswith('b: "true"')
    assert dump_all([{"a": 1}, {"b": "√ 日本"}]) == "a: 1\n---\nb: √ 日本\n"
    shared = {"k": 1}
    assert "&" not in dump({"a": shared, "b": shared})


TEXT = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
    st.sampled_from(
        ["true", "1e3", "0o7", "12:30", "~", "null", "", "- a", "a: b", "#x", " a", "a\nb", "a\n\n", "<<"]
    ),
    st.from_regex(r"[-+0-9a-fA-FxX_:.eEoTZ]{1,12}", fullmatch=True),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=5), st.booleans())
def test_what_is_dumped_reads_back(obj: dict[str, object], sort: bool) -> None:
    assert load_all(dump(obj, sort=sort)) == [obj]
