"""Options and fixtures all tests share."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no defect, so examples have no deadline. On CI the examples are the same every time; a
# developer's runs look for new ones.
SLOW = [HealthCheck.too_slow]
settings.register_profile("explore", deadline=None, suppress_health_check=SLOW)
settings.register_profile("ci", deadline=None, suppress_health_check=SLOW, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "explore")


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
