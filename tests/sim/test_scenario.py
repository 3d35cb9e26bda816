"""Scenarios: everything wrong is told at once, with its line; paths set and get values."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import paths
from sim.scenario.loader import Problems, from_data, load, load_file
from sim.scenario.presets import PRESETS, Preset, comparable, preset
from sim.scenario.schema import EDITIONS, Scenario

GOOD = """\
schema: 1
title: A shop
edition: stable-2.8.1
seed: 7
horizon: 10m
warmup: 60s
cluster: {nodes: 2, cpu: 8, zones: [a, b]}
network: {latency: 1ms, jitter: 0, loss: 0.01}
proxy: {preset: none}
apps:
  shop:
    services:
      web:
        workers: 4
        routes:
          /:
          - work: 5ms
          - parallel: [[{call: db}], [{pause: 1ms}]]
          - choice:
            - {share: 0.5, steps: [{call: {service: db, timeout: 1s, on_error: ignore}}]}
          - loop: {times: 2, steps: [{work: {mean: 2ms, distribution: lognormal, sigma: 1}}]}
          - fail: {rate: 0.1, status: 503}
      db: {protocol: grpc, port: 8080}
load:
  people: {target: "web.shop:80", rps: 50}
  bot: {target: web.shop, users: 3, think: 1s}
workloads:
  deploy/web: {replicas: 2}
timeline:
- {at: 1m, run: kubectl get po}
- at: 10s
  run: |
    linkerd install | kubectl apply -f -
"""


def problems(text: str) -> list[str]:
    with pytest.raises(Problems) as found:
        load(text, "s.yaml")
    lines = str(found.value).splitlines()
    assert len(lines) == len(found.value.problems)
    return lines


def test_a_good_scenario() -> None:
    scenario = load(GOOD)
    assert (scenario.horizon, scenario.warmup, scenario.cluster.nodes) == (600.0, 60.0, 2)
    assert (scenario.date, scenario.version) == ("2020-07-15T09:00:00Z", "v1.15.12-gke.20")
    assert [entry.at for entry in scenario.happenings()] == [10.0, 60.0]
    assert scenario.load["people"].rps == 50.0
    assert scenario.load["bot"].think == 1.0
    assert scenario.workloads["deploy/web"].replicas == 2
    steps = scenario.apps["shop"].services["web"].routes["/"]
    assert steps[0].work == 0.005


def test_defaults_follow_the_edition() -> None:
    for name, defaults in EDITIONS.items():
        scenario = from_data({"edition": name})
        assert (scenario.date, scenario.version) == (defaults.start, defaults.version)
    scenario = from_data({"start": "2024-02-29T00:00:00Z", "cluster": {"version": "v1.12.0"}})
    assert (scenario.date, scenario.version) == ("2024-02-29T00:00:00Z", "v1.12.0")


def test_dates_and_times_stay_text_in_yaml() -> None:
    assert load("schema: 1\nstart: 2020-07-15T09:00:00Z\n").date == "2020-07-15T09:00:00Z"


def test_everything_wrong_is_told_at_once_with_its_line() -> None:
    text = """\
schema: 1
edition: stable
horizn: 10m
load:
  bot:
    target: web.x:80
    rsp: 5
    rps: -1
  c: {target: x}
cluster:
  nodes: 0
  nodes: 3
  version: 1.2
proxy: {preset: physical-2020}
timeline:
- at: 10
  run: 5
"""
    assert problems(text) == [
        "s.yaml:2: edition must be 'edge' or 'stable-2.8.1', not 'stable'",
        "s.yaml:3: unknown field 'horizn'; did you mean 'horizon'?",
        "s.yaml:7: load.bot: unknown field 'rsp'; did you mean 'rps'?",
        "s.yaml:8: load.bot: rps must be more than 0, not -1",
        "s.yaml:9: load.c: a load has either rps (open loop) or users (closed loop)",
        "s.yaml:11: cluster: nodes must be at least 1, not 0",
        "s.yaml:12: 'nodes' is given twice, first in line 11",
        "s.yaml:13: cluster: version must be text, not 1.2",
        "s.yaml:14: proxy.preset: no preset 'physical-2020'; there are none, physical-2019",
        "s.yaml:16: timeline.0.at: expected a duration such as 250ms, 10s or 1m, not 10",
        "s.yaml:17: timeline.0: run must be text, not 5",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml:1: the file is empty"),
        ("- 1\n", "s.yaml:1: expected a mapping (name: value)"),
        ("title: x\n", "s.yaml:1: 'schema: 1' is missing: it must be the first line"),
        ("schema: 2\n", "s.yaml:1: schema must be 1, not 2"),
        ("schema: 1\nload: 5\n", "s.yaml:2: load must be a mapping (name: value), not 5"),
        ("schema: 1\ntimeline: {}\n", "s.yaml:2: timeline must be a list, not a mapping"),
        ("schema: 1\nseed: x\n", "s.yaml:2: seed must be a whole number, not 'x'"),
        ("schema: 1\nseed: 1.5\n", "s.yaml:2: seed must be a whole number, not 1.5"),
        ("schema: 1\ntitle: ''\n", "s.yaml:2: title must not be empty"),
        ("schema: 1\nstart: yesterday\n", "s.yaml:2: start: expected a date such as 2026-09-01T09:00:00Z"),
        (
            "schema: 1\ncluster: {version: '1.32'}\n",
            "s.yaml:2: cluster.version: expected a Kubernetes version such as v1.32.4 or v1.15.12-gke.20",
        ),
        ("schema: 1\nnetwork: {loss: 1}\n", "s.yaml:2: network: loss must be less than 1, not 1"),
        ("schema: 1\nhorizon: 1s\nwarmup: 2s\n", "s.yaml:1: warmup (2 s) must be shorter than horizon (1 s)"),
        (
            "schema: 1\nhorizon: 1s\ntimeline: [{at: 2s, run: ls}]\n",
            "s.yaml:1: timeline: 'ls' at 2 s is after the horizon (1 s)",
        ),
        (
            "schema: 1\napps:\n  a:\n    services:\n      We_b: {}\n",
            "s.yaml:5: apps.a.services.We_b: not a valid name (lower-case letters, digits and -)",
        ),
        (
            "schema: 1\napps: {a: {services: {w: {}}}, b: {services: {w: {}}}}\n",
            "s.yaml:1: apps: service 'w' is declared twice: images are found by name",
        ),
        (
            "schema: 1\napps:\n  a:\n    services:\n      w: {routes: {/: [{call: nobody}]}}\n",
            "s.yaml:3: apps.a: w / calls 'nobody', which is not a service of this app",
        ),
        (
            "schema: 1\napps: {a: {services: {w: {routes: {/: [{wrok: 5ms}]}}}}}\n",
            "s.yaml:2: apps.a.services.w.routes./.0: unknown field 'wrok'; did you mean 'work'?",
        ),
        (
            "schema: 1\napps: {a: {services: {w: {routes: {/: [{fail: {rate: 2}}]}}}}}\n",
            "s.yaml:2: apps.a.services.w.routes./.0.fail: rate must be at most 1, not 2",
        ),
        (
            "schema: 1\nworkloads: {web: {replicas: 2}}\n",
            "s.yaml:2: workloads.web: not a valid name (write deploy/web)",
        ),
        (
            "a: [1,\n",
            (
                "s.yaml:2: not YAML: expected the node content, but found '<stream end>' "
                "while parsing a flow node"
            ),
        ),
        ("a: b: c\n", "s.yaml:1: not YAML: mapping values are not allowed here"),
        ("x: &a 1\ny: *a\n", "s.yaml:1: anchors (&) and aliases (*) are not used here"),
        ("a: 1\n---\nb: 2\n", "s.yaml:2: one document is expected, here a second begins"),
        ("a: " + "[" * 60 + "]" * 60, "s.yaml:1: nested more than 40 deep"),
        ("a" * 1_000_001, "s.yaml:1: the file is too long: more than 1,000,000 characters"),
        ("a: \x01\n", None),
        ("schema: 1\ntitle: !!python/object:os.system x\n", None),
        ("? [a, b]\n: c\n", None),
    ],
)
def test_each_wrong_thing(text: str, message: str | None) -> None:
    found = problems(text)
    if message is None:
        assert all(line.startswith("s.yaml:") for line in found)
    else:
        assert message in found


def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert problems(bomb) == ["s.yaml:1: anchors (&) and aliases (*) are not used here"]


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=80))
def test_any_text_is_a_scenario_or_a_list_of_problems(text: str) -> None:
    told: list[str] = []
    try:
        load(text)
    except Problems as found:
        told = [str(one) for one in found.problems]
    assert all("\n" not in one for one in told)


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    assert load_file(tmp_path).title == "A shop"
    assert load_file(tmp_path / "scenario.yaml").title == "A shop"
    with pytest.raises(Problems, match="no such file"):
        load_file(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Problems, match="cannot be read"):
        load_file(tmp_path / "binary.yaml")


# -- paths ------------------------------------------------------------------------------------------------


@pytest.fixture
def shop() -> Scenario:
    return load(GOOD)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("load.people.rps", 50.0),
        ("deploy/web.replicas", 2),
        ("workloads.deploy/web.replicas", 2),
        ("proxy.preset", "none"),
        ("cluster.nodes", 2),
        ("timeline.0.at", 60.0),
        ("apps.shop.services.web.workers", 4),
        ("seed", 7),
    ],
)
def test_get(shop: Scenario, path: str, value: object) -> None:
    assert paths.get(shop, path) == value


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("load.people.rps=80", 80.0),
        ("deploy/web.replicas=3", 3),
        ("deploy/voting.replicas=3", 3),
        ("emojivoto/deploy/voting.replicas=0", 0),
        ("proxy.preset=physical-2019", "physical-2019"),
        ("cluster.zones=[x, y, z]", ("x", "y", "z")),
        ("timeline.0.at=20s", 20.0),
        ("horizon=1h", 3600.0),
        ("apps.shop.services.db.replicas=7", 7),
        ("network.latency=250ms", 0.25),
        ("slo='p99<250ms'", "p99<250ms"),
    ],
)
def test_set(shop: Scenario, assignment: str, value: object) -> None:
    changed = paths.set_values(shop, [assignment])
    path = assignment.partition("=")[0]
    assert paths.get(changed, path) == value
    assert changed != shop
    assert shop == load(GOOD)
    again = paths.set_values(changed, ["seed=9"])
    assert paths.get(again, path) == value


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("load.poeple.rps=80", "load has no 'poeple'; did you mean 'people'?"),
        ("load.people.rp=80", "load.people.rp=80: load.people: unknown field 'rp'; did you mean 'rps'?"),
        (
            "load.people.users=5",
            "load.people.users=5: load.people: a load has either rps (open loop) or users (closed loop)",
        ),
        ("cluster.nodes=x", "cluster.nodes=x: cluster: nodes must be a whole number, not 'x'"),
        ("clutser.nodes=2", "a scenario has no 'clutser'; did you mean 'cluster'?"),
        ("horizon=5", "horizon=5: horizon: expected a duration such as 250ms, 10s or 1m, not 5"),
        (
            "deploy/web.replica=3",
            "deploy/web.replica=3: workloads.deploy/web: unknown field 'replica'; did you mean 'replicas'?",
        ),
        ("timeline.9.at=1s", "timeline has 2 entries, no '9'"),
        ("seed.x=1", "seed is a value: nothing is inside it"),
        ("horizon", "'horizon': write path=value"),
        ("a b=1", "'a b' is no path: write names joined by dots, as in load.bot.rps or deploy/web.replicas"),
        (
            "proxy.preset=[a",
            (
                "'[a' is no value: not YAML: expected ',' or ']', but got '<stream end>' "
                "while parsing a flow sequence"
            ),
        ),
    ],
)
def test_wrong_assignments(shop: Scenario, assignment: str, message: str) -> None:
    with pytest.raises(paths.PathError) as found:
        paths.set_values(shop, [assignment])
    assert str(found.value) == message


# -- presets ----------------------------------------------------------------------------------------------


def test_every_figure_of_a_preset_has_a_source() -> None:
    for one in PRESETS.values():
        figures = {name for name in ("median", "sigma", "cpu", "hop") if getattr(one, name)}
        assert figures == set(one.sources)
        assert one.label


def test_quantiles_have_the_distributions_mean_and_median() -> None:
    one = Preset(name="x", family="", label="x", median=0.002, sigma=0.5)
    values = one.quantiles(256)
    assert len(values) == 256
    assert list(values) == sorted(values)
    assert sum(values) / 256 == pytest.approx(0.002 * 2.718281828 ** (0.5**2 / 2))
    assert values[128] == pytest.approx(0.002, rel=0.02)
    assert preset("none").quantiles() == ()


def test_presets_compare_within_one_study() -> None:
    assert comparable("none", "physical-2019")
    assert comparable("physical-2019", "physical-2019")
    with pytest.raises(ValueError, match="no preset 'x'; there are none, physical-2019"):
        preset("x")
