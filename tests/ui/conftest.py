"""Sandboxes and pages taken to where a test begins."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui.state.live import Live, origin
from ui.state.steps import steps

APP = Path(__file__).parents[2] / "app.py"
ALL = ("pre", "install", "check", "deploy", "pods", "inject", "rollout", "stat")


@pytest.fixture
def page() -> Callable[..., AppTest]:
    """A page just opened, with the address's parameters given."""

    def opened(**parameters: str) -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=120)
        for name, value in parameters.items():
            at.query_params[name] = value
        return at.run()

    return opened


@pytest.fixture
def walked(page: Callable[..., AppTest]) -> Callable[..., AppTest]:
    """A page on which the tutorial's buttons were pressed up to a step."""

    def walk(until: str = "stat", **parameters: str) -> AppTest:
        at = page(**parameters)
        for step in ALL[: ALL.index(until) + 1]:
            at.button(key=f"step.{step}").click().run()
        return at

    return walk


@pytest.fixture
def taught() -> Callable[..., Live]:
    """A sandbox in which the steps of a scenario were taken."""

    def teach(scenario: str = "01-the-tutorial", until: str = "stat") -> Live:
        live = Live(origin(scenario))
        for step in steps(live.sandbox.edition):
            shown = live.run(step.script)
            assert shown.status == 0, shown.error
            if step.id == until:
                break
        return live

    return teach
