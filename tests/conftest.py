"""Options and fixtures all tests share."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` rewrites stored outputs instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite stored outputs")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether stored outputs are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def on_ci() -> bool:
    """Whether a missing component is a failure (CI) or a reason to skip (a user's machine)."""
    return os.environ.get("CI") == "true"
