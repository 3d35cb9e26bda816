"""The page, run by Streamlit's own tester."""

import json
import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from ui.session import Session
from ui.state.steps import INJECT, UNINJECT
from ui.state.view import View

Open = Callable[..., AppTest]


def session(at: AppTest) -> Session:
    found = at.session_state["session"]
    assert isinstance(found, Session)
    return found


def view(at: AppTest) -> View:
    found = session(at).view
    assert found is not None
    return found


def table(at: AppTest) -> dict[str, list[str]]:
    """The golden table as shown: name → cells."""
    text = next(one.value for one in at.markdown if "| P50 | P95 | P99 |" in one.value)
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def last(at: AppTest) -> str:
    return session(at).log[-1][1]


def healthy(at: AppTest) -> None:
    assert not at.exception
    assert not at.error
    assert not at.warning


def say(at: AppTest, line: str) -> AppTest:
    at.text_input(key="line").set_value(line)
    return at.button(key="run").click().run()


# -- the tutorial -----------------------------------------------------------------------------------------


def test_fresh_page_has_a_first_step_and_no_figures(page: Open) -> None:
    at = page()
    healthy(at)
    assert at.button(key="step.pre").label.startswith("1")
    assert any("No Deployments yet" in one.value for one in at.info)
    assert at.toggle(key="knob.mesh").disabled
    assert session(at).log == ()


def test_tutorial_to_meshed_and_figures(walked: Open) -> None:
    at = walked("pods")
    healthy(at)
    assert {name: cells[0] for name, cells in table(at).items()} == dict.fromkeys(
        ("emoji", "vote-bot", "voting", "web"), "0/1"
    )
    assert any("Not in the mesh yet" in one.value for one in at.markdown)
    assert at.button(key="step.pods").label.startswith("√")
    assert at.button(key="step.inject").label.startswith("6")
    for step in ("inject", "rollout", "stat"):
        at.button(key=f"step.{step}").click().run()
    healthy(at)
    shown = table(at)
    assert {cells[0] for cells in shown.values()} == {"1/1"}
    assert re.fullmatch(r":(red|orange|green)\[[●▲◆]\] \d+\.\d\d%", shown["voting"][1])
    assert 0.8 < float(shown["voting"][2]) < 1.2
    assert 1.7 < float(shown["web"][2]) < 2.2
    assert set(shown["vote-bot"][1:]) == {"-"}
    assert any("Nobody calls it" in one.value for one in at.markdown)
    assert all(button.label.startswith("√") for button in at.button if str(button.key).startswith("step."))
    assert any("2/2" in one.value for one in at.markdown)


def test_tutorial_of_today(page: Open) -> None:
    at = page(scenario="02-the-tutorial-today")
    for step in ("pre", "install", "viz", "check", "deploy", "pods", "inject", "rollout", "stat"):
        at.button(key=f"step.{step}").click().run()
    healthy(at)
    assert {cells[0] for cells in table(at).values()} == {"1/1"}
    assert any(code.value == "linkerd viz stat -n emojivoto deploy --unmeshed" for code in at.code)


def test_mark_follows_the_cluster_not_the_button(walked: Open) -> None:
    at = walked("deploy")
    assert at.button(key="step.deploy").label.startswith("√")
    say(at, "kubectl delete namespace emojivoto")
    at.button(key="advance.60").click().run()
    assert at.button(key="step.deploy").label.startswith("4")


# -- each control changes what it should --------------------------------------------------------------------


def test_advance_moves_the_clock(page: Open) -> None:
    at = page()
    for seconds in (10, 60, 300):
        before = view(at).now
        at.button(key=f"advance.{seconds}").click().run()
        assert view(at).now == before + seconds
        assert last(at) == f"sleep {seconds}"


def test_doughnut_slider(walked: Open) -> None:
    at = walked()
    at.slider(key="knob.doughnut").set_value(0).run()
    assert last(at) == "fault error -n emojivoto deploy/voting --route VoteDoughnut --rate 0"
    assert any(last(at) in code.value for code in at.code)
    at.button(key="advance.300").click().run()
    healthy(at)
    assert table(at)["voting"][1] == ":green[●] 100.00%"
    say(at, "fault clear")
    assert at.slider(key="knob.doughnut").value == 100


def test_latency_slider(walked: Open) -> None:
    at = walked()
    at.slider(key="knob.delay").set_value(100).run()
    assert last(at) == "fault latency -n emojivoto deploy/voting --add 100ms"
    at.button(key="advance.300").click().run()
    assert int(table(at)["voting"][3].removesuffix(" ms")) >= 50
    assert int(table(at)["emoji"][3].removesuffix(" ms")) < 10
    at.slider(key="knob.delay").set_value(0).run()
    assert last(at) == "fault clear 1"
    at.button(key="advance.300").click().run()
    assert int(table(at)["voting"][3].removesuffix(" ms")) < 10
    healthy(at)


def test_latency_slider_of_another_workload(walked: Open) -> None:
    at = walked("pods")
    at.segmented_control(key="knob.target").set_value("emoji").run()
    at.slider(key="knob.delay").set_value(50).run()
    assert last(at) == "fault latency -n emojivoto deploy/emoji --add 50ms"
    assert at.slider(key="knob.delay").value == 50
    at.segmented_control(key="knob.target").set_value("voting").run()
    assert at.slider(key="knob.delay").value == 0


def test_load_slider(walked: Open) -> None:
    at = walked()
    at.slider(key="knob.bots").set_value(4).run()
    assert last(at) == "kubectl -n emojivoto scale deploy/vote-bot --replicas=4"
    at.button(key="advance.300").click().run()
    assert 7.0 < float(table(at)["web"][2]) < 8.5
    assert table(at)["vote-bot"][0] == "4/4"


def test_injection_toggle_both_ways(walked: Open) -> None:
    at = walked("pods")
    at.toggle(key="knob.mesh").set_value(True).run()
    assert last(at) == INJECT
    at.button(key="advance.300").click().run()
    assert {cells[0] for cells in table(at).values()} == {"1/1"}
    at.toggle(key="knob.mesh").set_value(False).run()
    assert last(at) == UNINJECT
    at.button(key="advance.300").click().run()
    assert {cells[0] for cells in table(at).values()} == {"0/1"}
    assert not at.toggle(key="knob.mesh").value
    healthy(at)


def test_namespace_and_workload_chosen(walked: Open) -> None:
    at = walked()
    at.selectbox(key="workload").set_value("voting").run()
    assert view(at).choice == ("emojivoto", "voting")
    at.selectbox(key="namespace").set_value("linkerd").run()
    assert "linkerd-prometheus" in table(at)
    healthy(at)


def test_playing_ticks_and_pauses_by_itself(page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.session.MAX_TICKS", 3)
    at = page()
    at.segmented_control(key="speed").set_value(15).run()
    at.button(key="play").click().run()
    one = session(at)
    assert one.playing == 15
    for _ in range(3):
        one.tick()
    assert view(at).now == 45
    one.tick()
    assert not one.playing
    at.run()
    assert any("Paused by itself" in warning.value for warning in at.warning)
    at.button(key="undo").click().run()
    assert view(at).now == 0
    assert session(at).log == ()


# -- terminal -----------------------------------------------------------------------------------------------


def test_terminal_runs_and_shows(walked: Open) -> None:
    at = walked("deploy")
    say(at, "kubectl get ns")
    assert any("$ kubectl get ns" in code.value and "emojivoto" in code.value for code in at.code)
    healthy(at)


@pytest.mark.parametrize(
    "line",
    [
        "kubctl get po",
        "fault error deploy/voting --rate 2",
        "sleep banana",
        "cat <<",
        "$(",
        "kubectl get poods",
        "|",
    ],
)
def test_nonsense_is_one_line_and_no_traceback(page: Open, line: str) -> None:
    at = page()
    before = view(at)
    say(at, line)
    healthy(at)
    shown = view(at).transcript[-1]
    assert shown.status != 0
    assert len(shown.error.strip().splitlines()) == 1
    assert "Traceback" not in shown.error
    assert view(at).now == before.now


def test_line_of_a_megabyte_is_refused(page: Open) -> None:
    at = page()
    say(at, "echo " + "x" * 1_000_000)
    assert [warning.value for warning in at.warning] == [
        "That line has 1,000,005 characters, at most 100,000 are read."
    ]
    assert session(at).log == ()
    assert not at.exception


def test_long_output_is_cut(page: Open) -> None:
    at = page()
    say(at, "linkerd install")
    healthy(at)
    assert len(view(at).transcript[-1].output) < 50_000


# -- sessions -----------------------------------------------------------------------------------------------


def test_undo_takes_back_one_line(walked: Open) -> None:
    at = walked("deploy")
    before = view(at)
    at.slider(key="knob.doughnut").set_value(20).run()
    assert view(at).knobs.doughnut == 0.2
    at.button(key="undo").click().run()
    assert view(at).knobs.doughnut == 1.0
    assert (view(at).key, view(at).now, view(at).golden) == (before.key, before.now, before.golden)
    healthy(at)


def test_reset_goes_back_to_the_start(walked: Open) -> None:
    at = walked("deploy")
    at.button(key="reset").click().run()
    assert session(at).log == ()
    assert view(at).now == 0
    assert "s" not in at.query_params
    healthy(at)


def test_link_gives_the_same_session(walked: Open, page: Open) -> None:
    at = walked()
    at.slider(key="knob.doughnut").set_value(50).run()
    at.button(key="advance.60").click().run()
    link = at.query_params["s"]
    other = page(s=link[0] if isinstance(link, list) else link, lang="ja")
    healthy(other)
    assert session(other).log == session(at).log
    assert view(other).golden == view(at).golden
    assert view(other).traffic == view(at).traffic
    assert other.slider(key="knob.doughnut").value == 50


def test_seed_of_the_link(page: Open) -> None:
    at = page(seed="7")
    assert session(at).origin.seed == 7
    healthy(at)


def test_scenario_form_starts_another_session(walked: Open) -> None:
    at = walked("install")
    at.selectbox(key="scenario").set_value("02-the-tutorial-today")
    at.number_input(key="seed").set_value(5)
    at.button(key="start").click().run()
    assert (session(at).origin.scenario, session(at).origin.seed) == ("02-the-tutorial-today", 5)
    assert session(at).log == ()
    healthy(at)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"s": "%%%"}, "cannot be read"),
        ({"s": "A" * 20_000}, "cannot be read"),
        ({"s": "eJw"}, "cannot be read"),
        ({"scenario": "99-nothing"}, "No such scenario"),
        ({"scenario": "../../etc/passwd"}, "No such scenario"),
        ({"seed": "-1"}, "seed"),
        ({"seed": "1e9"}, "seed"),
        ({"lang": "xx"}, "No such language: xx"),
    ],
)
def test_malformed_address_is_one_message(page: Open, parameters: dict[str, str], message: str) -> None:
    at = page(**parameters)
    assert not at.exception
    assert len(at.warning) == 1
    assert message in at.warning[0].value
    at.run()
    assert not at.warning
    at.button(key="step.pre").click().run()
    assert at.button(key="step.pre").label.startswith("√")


def test_defect_is_said_and_the_session_kept(page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    at = page()
    monkeypatch.setattr("ui.session.look", lambda *_: 1 / 0)
    at.button(key="step.pre").click().run()
    assert not at.exception
    assert "ZeroDivisionError" in at.warning[0].value


# -- languages ----------------------------------------------------------------------------------------------


def test_japanese_by_address_and_by_control(walked: Open, page: Open) -> None:
    at = walked("pods", lang="ja")
    healthy(at)
    shown = [one.value for one in at.subheader]
    assert "ゴールデンメトリクス" in shown
    assert any("まだメッシュの外" in one.value for one in at.markdown)
    at = page()
    at.segmented_control(key="language").set_value("ja").run()
    assert "チュートリアル" in [one.value for one in at.subheader]
    assert at.query_params["lang"] in ("ja", ["ja"])


def test_redraw_computes_nothing(walked: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    at = walked()

    def looked(*_: object) -> None:
        raise AssertionError("a redraw looked at the sandbox")

    monkeypatch.setattr("ui.session.look", looked)
    at.segmented_control(key="language").set_value("ja").run()
    healthy(at)


def test_larger_for_a_projector(walked: Open) -> None:
    usual, larger = walked("pods"), walked("pods", present="1")
    healthy(larger)

    def heights(at: AppTest) -> list[int]:
        return [json.loads(chart.proto.spec)["height"] for chart in at.get("vega_lite_chart")]

    assert heights(usual)
    assert all(big > small for big, small in zip(heights(larger), heights(usual), strict=True))
