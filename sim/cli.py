"""The ``meshdojo`` command."""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.scenario.schema import Scenario
    from sim.shell.sandbox import Sandbox

__all__ = ["app", "main"]


def _overview(context: typer.Context) -> None:
    """A command that only groups others shows them."""
    if context.invoked_subcommand is None:
        print(context.get_help())


app = typer.Typer(
    name="meshdojo",
    help="A service mesh that runs for real, inside a simulated Kubernetes cluster.",
    callback=_overview,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
lessons = typer.Typer(
    help="Play the lessons that come with the scenarios.", callback=_overview, invoke_without_command=True
)
app.add_typer(lessons, name="lesson")

Edition = Annotated[str | None, typer.Option(help="stable-2.8.1 (the tutorial's) or edge (today's).")]
Seed = Annotated[int | None, typer.Option(min=0, help="The integer everything random derives from.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no remarks.")]
Out = Annotated[Path | None, typer.Option(help="Folder to write results to.")]


class Complaint(Exception):
    """Something the user can mend, in one line."""


def main() -> None:
    """Run the command; whatever goes wrong is one line and exit status 1."""
    try:
        # Outside its standalone mode the library returns the status of typer.Exit.
        status = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(130) from None
    except Exception as problem:
        complaint = _complaint(problem)
        if not complaint:
            raise
        for line in complaint.splitlines():
            print(f"meshdojo: {line}", file=sys.stderr)
        raise SystemExit(1) from None
    raise SystemExit(status if isinstance(status, int) else 0)


def _complaint(problem: Exception) -> str:
    """What to tell the user of a mistake of theirs; empty for a defect of ours."""
    # Imported here: most runs make no mistake, and these modules take half a second.
    from sim.lab.catalog import UnknownScenario
    from sim.lab.player import Unfinished
    from sim.lab.run import FailedLine
    from sim.scenario.document import Problems
    from sim.scenario.paths import PathError

    if isinstance(problem, Complaint | UnknownScenario | Unfinished | FailedLine | Problems | PathError):
        return str(problem)
    if isinstance(problem, OSError):
        return f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem)
    if type(problem).__module__.startswith(("click", "typer")) and hasattr(problem, "format_message"):
        return f"{problem.format_message().rstrip('.')}; see meshdojo --help"
    return ""


def _write(channel: int, text: str) -> None:
    stream = sys.stdout if channel == 1 else sys.stderr
    # The two channels of a transcript stay in order on a terminal and in a file they share.
    (sys.stderr if channel == 1 else sys.stdout).flush()
    stream.write(text)


# -- sh -----------------------------------------------------------------------------------------------------


@app.command()
def sh(
    file: Annotated[str, typer.Argument(help="A script; - for standard input; nothing for a prompt.")] = "",
    scenario: Annotated[
        str | None, typer.Option(help="A scenario's id or file: its world, not its timeline.")
    ] = None,
    edition: Edition = None,
    seed: Seed = None,
    mount: Annotated[Path | None, typer.Option(help="Folder whose files the sandbox may read.")] = None,
    out: Out = None,
) -> None:
    """Run shell lines in a fresh sandbox. Prints the transcript; on a terminal, gives a prompt.

    Time passes only when a command lets it: `sleep 60` is a simulated minute.
    """
    from sim.shell import terminal

    sandbox = _sandbox(scenario, edition, seed, mount)
    if not file and sys.stdin.isatty():
        status = terminal.prompt(sandbox, _write)
    else:
        text = sys.stdin.read() if file in ("", "-") else Path(file).read_text(encoding="utf-8")
        status = terminal.transcript(sandbox, text, _write)
    if out is not None:
        _export(sandbox, out)
    raise typer.Exit(1 if status else 0)


def _sandbox(scenario: str | None, edition: str | None, seed: int | None, mount: Path | None) -> "Sandbox":
    from sim.scenario.loader import from_data
    from sim.shell.sandbox import Sandbox

    changes = {name: value for name, value in (("edition", edition), ("seed", seed)) if value is not None}
    if scenario is None:
        made = from_data({"title": "a sandbox", **changes}, "command line")
    else:
        from sim.lab import catalog

        loaded = catalog.load(scenario)
        made = from_data({**loaded.source, "timeline": [], **changes}, scenario)
    return Sandbox(scenario=made, mounts=_mounted(mount))


def _mounted(folder: Path | None) -> dict[str, str]:
    """The text files of a folder by relative name; links are not followed."""
    if folder is None:
        return {}
    from sim.shell.files import FileRefused, read_folder

    try:
        return read_folder(folder)
    except (FileRefused, NotADirectoryError) as problem:
        raise Complaint(f"--mount {problem}") from None


def _export(sandbox: "Sandbox", folder: Path) -> None:
    """Write the sandbox's own files and its tables."""
    from sim.lab import results
    from sim.lab.run import Run

    for name, text in sandbox.files.written.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    horizon = max(sandbox.engine.now, 1.0)
    scenario = sandbox.scenario.model_copy(update={"horizon": horizon, "warmup": 0.0})
    results.write(folder, Run(scenario, sandbox, []).frames())


# -- run ----------------------------------------------------------------------------------------------------


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="A scenario's id, number or file.")],
    seed: Seed = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one thing: deploy/web.replicas=3."),
    ] = None,
    output: Annotated[str, typer.Option("-o", "--output", help="table or json.")] = "table",
    routes: Annotated[bool, typer.Option("--routes", help="A row for every route.")] = False,
    out: Out = None,
    quiet: Quiet = False,
) -> None:
    """Run a scenario and print a summary. With --out it also writes tables and figures."""
    from sim.lab import catalog
    from sim.lab.run import run as run_scenario

    if output not in ("table", "json"):
        raise Complaint(f"-o {output}: expected table or json")
    changed = _changed(catalog.load(scenario), set_ or [], seed)
    with _progress(changed.title, changed.horizon, quiet) as progress:
        done = run_scenario(changed, progress)
    summary = done.summary(routes=routes)
    if output == "json":
        print(summary.to_json(orient="records", double_precision=6))
    else:
        print(_table(summary))
        print(done.caption())
    if out is not None:
        from sim.lab import results
        from sim.lab.charts import save_run

        paths = results.write(out, done.frames()) + save_run(done, out)
        if not quiet:
            print(f"{len(paths)} files written to {out}", file=sys.stderr)


def _changed(scenario: "Scenario", changes: list[str], seed: int | None) -> "Scenario":
    """The scenario with the command line's changes."""
    from sim.scenario import paths

    assignments = list(changes) if seed is None else [*changes, f"seed={seed}"]
    for assignment in assignments:
        if "=" not in assignment:
            raise Complaint(f"--set {assignment}: expected PATH=VALUE")
    return paths.set_values(scenario, assignments) if assignments else scenario


def _table(summary: Any) -> str:
    """The summary with columns that line up."""
    shown = summary.drop(columns=["run", "window_start_s"])
    if shown.empty:
        return "No requests after the warm-up."
    formats: dict[str, Callable[[float], str]] = {
        "rps": "{:.2f}".format,
        "success_rate": "{:.2%}".format,
        "p50_ms": "{:.1f}".format,
        "p95_ms": "{:.1f}".format,
        "p99_ms": "{:.1f}".format,
    }
    return str(shown.to_string(index=False, formatters=formats))


@contextmanager
def _progress(title: str, total: float, quiet: bool) -> "Iterator[Callable[[float], object]]":
    """A progress bar on standard error, when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda now: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda now: bar.update(task, completed=now)


# -- lessons and scenarios ----------------------------------------------------------------------------------


@lessons.command("play")
def play(
    lesson: Annotated[str, typer.Argument(help="A scenario with a lesson: 01-the-tutorial.")],
    lang: Annotated[str, typer.Option(help="Language of the narration: en or ja.")] = "en",
    seed: Seed = None,
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("out"),
) -> None:
    """Play a lesson in the terminal. Short narration, and at the end a figure of what happened."""
    from sim.lab import catalog, recap
    from sim.lab.player import play as play_lesson
    from sim.scenario.lesson import LANGUAGES

    if lang not in LANGUAGES:
        raise Complaint(f"--lang {lang}: expected one of {', '.join(LANGUAGES)}")
    played = play_lesson(catalog.find(lesson), _write, language=lang, seed=seed)
    recap.show(played, _write)
    path = recap.figure(played, out)
    _write(1, f"Success rate and latency over time: {path}\n")


@lessons.command("list")
def list_lessons() -> None:
    """List the lessons."""
    from sim.lab import catalog

    for name, folder in catalog.folders().items():
        if (folder / "lesson.yaml").is_file():
            print(name)


@app.command()
def scenarios() -> None:
    """List the scenarios that come with the program."""
    from sim.lab import catalog

    for name in catalog.folders():
        made = catalog.load(name)
        print(f"{name:32} {made.edition:14} {made.title}")


# -- the app and the rest -----------------------------------------------------------------------------------


@app.command("app")
def web(
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback lets the class in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8501,
) -> None:
    """Open the sandbox in the browser."""
    import os
    from importlib.util import find_spec
    from runpy import run_module

    spec = find_spec("app")
    if spec is None or spec.origin is None:
        raise Complaint("app.py is not installed beside the packages")
    if host not in ("127.0.0.1", "localhost", "::1"):
        _invite(f"http://{host}:{port}")
    sys.argv = ["streamlit", "run", spec.origin, "--server.address", host, "--server.port", str(port)]
    sys.argv += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    print(f"The sandbox is at http://{host}:{port} (Ctrl-C ends it)", file=sys.stderr)
    os.chdir(Path(spec.origin).parent)  # where .streamlit/config.toml is looked for
    run_module("streamlit", run_name="__main__")


def _invite(url: str) -> None:
    """Print the address and its QR code for the class."""
    import segno

    print(f"For the class: {url}", file=sys.stderr)
    segno.make(url).terminal(out=sys.stderr, compact=True)


@app.command()
def version() -> None:
    """Print the version, and the editions it knows."""
    from importlib.metadata import version as installed

    from sim.scenario.schema import EDITIONS

    print(f"meshdojo {installed('meshdojo')}")
    for name, defaults in EDITIONS.items():
        print(f"  linkerd {name} on Kubernetes {defaults.version}")


if __name__ == "__main__":
    main()
