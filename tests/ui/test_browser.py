"""The page in Debian's chromium: the tutorial pressed through, as a class would see it."""

import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
STEPS = (
    *("Is the cluster ready?", "Install the control plane", "Did it work?", "Deploy an application"),
    *("Look at its pods", "Put it into the mesh", "Wait for the new pods", "Now the mesh sees"),
)
# Streamlit probes paths below the page's own for its base; both are answered by others.
HARMLESS = ("_stcore/health", "_stcore/host-config")
WIDE = {"width": 1400, "height": 950}


def need(on_ci: bool, present: bool, what: str) -> None:
    if not present and on_ci:
        pytest.fail(f"{what} is missing")
    if not present:
        pytest.skip(f"{what} is missing")


@pytest.fixture
def address(tmp_path: Path, on_ci: bool) -> Iterator[str]:
    """The page, served on a free port of the loopback."""
    need(on_ci, CHROMIUM.exists(), str(CHROMIUM))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"]
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *flags],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(timeout=20)
    printed = (tmp_path / "server.log").read_text()
    assert "Traceback" not in printed, printed


def wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Until the server says that it is well."""
    import time

    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server did not answer")


@pytest.fixture
def browse(tmp_path: Path, on_ci: bool) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser of its own; complaints in its console fail the test at the end."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need(on_ci, False, "playwright")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        contexts = []

        def opened(**options: Any) -> Any:
            folder = tmp_path / f"profile{len(contexts)}"
            context = playwright.chromium.launch_persistent_context(
                str(folder),
                executable_path=str(CHROMIUM),
                headless=True,
                args=list(FLAGS),
                **{"viewport": WIDE, **options},
            )
            contexts.append(context)
            page = context.pages[0]
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda message: complain(message))
            page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
            return page

        def complain(message: Any) -> None:
            place = str((message.location or {}).get("url", ""))
            if message.type == "error" and not any(word in place + message.text for word in HARMLESS):
                complaints.append(f"{message.text} {place}")

        yield opened
        for context in contexts:
            context.close()
        shutil.rmtree(tmp_path / "profile0", ignore_errors=True)
    assert not complaints


def walk(page: Any) -> None:
    for label in STEPS:
        page.get_by_role("button", name=label).click()
        page.get_by_role("button", name=f"√ {label}").wait_for()


def test_tutorial_in_a_browser(address: str, browse: Callable[..., Any], tmp_path: Path) -> None:
    page = browse()
    page.goto(address)
    walk(page)
    row = page.locator("table tr", has_text="voting").first
    row.get_by_text("1/1").wait_for()
    assert "%" in row.inner_text()
    assert "2/2" in page.locator("table", has_text="Restarts").inner_text()
    canvas = page.locator("canvas[role=img]").first
    assert "web to voting" in canvas.get_attribute("aria-label")
    frames = int(canvas.get_attribute("data-frames"))
    page.wait_for_function(
        "([canvas, frames]) => Number(canvas.dataset.frames) > frames + 5",
        arg=[canvas.element_handle(), frames],
    )
    assert page.locator("[data-testid=stVegaLiteChart]").count() == 6
    page.get_by_role("button", name="+5 min").click()
    page.get_by_text("sleep 300").first.wait_for()
    shot = tmp_path / "page.png"
    page.screenshot(path=str(shot))
    assert shot.stat().st_size > 20_000
    reloaded = page.url
    clock = page.get_by_text("simulated").first.inner_text()
    page.goto(reloaded)
    page.get_by_role("button", name=f"√ {STEPS[-1]}").wait_for()
    assert page.get_by_text(clock).first.is_visible()


def test_playing_in_a_browser_and_still_pictures(address: str, browse: Callable[..., Any]) -> None:
    page = browse(reduced_motion="reduce", locale="ja-JP")
    page.goto(address)
    page.get_by_text("チュートリアル").first.wait_for()
    page.get_by_role("button", name="アプリケーションを動かす").click()
    page.get_by_role("button", name="√ アプリケーションを動かす").wait_for()
    page.get_by_role("button", name="再生", exact=True).click()
    page.get_by_role("button", name="一時停止", exact=True).wait_for()
    page.get_by_text("0:00:30").first.wait_for()
    page.get_by_role("button", name="一時停止", exact=True).click()
    page.get_by_role("button", name="再生", exact=True).wait_for()
    canvas = page.locator("canvas[role=img]").first
    canvas.wait_for()
    page.wait_for_timeout(500)
    before = canvas.get_attribute("data-frames")
    page.wait_for_timeout(700)
    assert canvas.get_attribute("data-frames") == before


def test_narrow_screen_needs_no_sideways_scrolling(address: str, browse: Callable[..., Any]) -> None:
    page = browse(viewport={"width": 390, "height": 844})
    page.goto(address)
    page.get_by_role("button", name=STEPS[0]).click()
    page.get_by_role("button", name=f"√ {STEPS[0]}").wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 392
