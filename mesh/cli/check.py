"""``linkerd check``: is everything as Linkerd needs it?"""

from dataclasses import replace

from mesh.cli.checks.catalogue import plan
from mesh.cli.checks.model import CheckContext
from mesh.cli.checks.output import as_json, as_table, succeeded
from mesh.cli.checks.runner import run
from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.verb import Verb
from mesh.editions import Edition

__all__ = ["CHECK", "VIZ_CHECK"]

HINTS = {True: "https://linkerd.io/2/checks/#", False: "https://linkerd.io/checks/#"}
WAIT_S = 300.0
# The real command needs about as long to start and to connect. It matters where time stands still between
# lines: controllers act on what the line before changed.
CONNECT_S = 0.25
COMMON_FLAGS = (
    Flag(
        "output",
        "o",
        default="table",
        choices=("table", "json", "short"),
        help="Output format. One of: table, json, short",
    ),
    Flag("wait", kind="duration", default=WAIT_S, help="Maximum allowed time for all tests to pass"),
    Flag("namespace", "n", help="Namespace to use for --proxy checks (default: all namespaces)"),
    Flag("proxy", kind="bool", help="Also run data-plane checks, to determine if the data plane is healthy"),
)


def _flags(edition: Edition) -> tuple[Flag, ...]:
    flags = (
        *COMMON_FLAGS,
        Flag(
            "pre",
            kind="bool",
            help="Only run pre-installation checks, to determine if Linkerd can be installed",
        ),
        Flag("expected-version", help="Overrides the version used when checking if Linkerd is up-to-date"),
        Flag("linkerd-cni-enabled", kind="bool", help="The CNI plugin is used: pods need no capabilities"),
    )
    if not edition.separate_crds:
        return flags
    return (*flags, Flag("crds", kind="bool", help="Only run checks of the Linkerd CRDs"))


def _check(parsed: Parsed, console: Console) -> Result:
    chosen = [name for name in ("pre", "proxy", "crds") if parsed.values.get(name)]
    if len(chosen) > 1:
        raise FlagError(f"--{chosen[0]} and --{chosen[1]} flags are mutually exclusive", chosen[1])
    context = CheckContext(
        console,
        data_plane_namespace=parsed["namespace"],
        expected_version=parsed["expected-version"],
        cni=parsed["linkerd-cni-enabled"],
    )
    return _result(parsed, context, chosen[0] if chosen else "default")


def _viz_check(parsed: Parsed, console: Console) -> Result:
    context = CheckContext(console, data_plane_namespace=parsed["namespace"], lenient_viz=False)
    return _result(parsed, context, "viz-proxy" if parsed["proxy"] else "viz")


def _result(parsed: Parsed, context: CheckContext, mode: str) -> Result:
    """Run the checks of ``mode`` and show them as asked."""
    edition = context.console.edition
    hints, form = HINTS[edition.viz_prefix], parsed["output"]
    context.console.sleep(CONNECT_S)
    outcomes = list(run(plan(edition, mode), context, parsed["wait"]))
    text = as_json(outcomes, hints) if form == "json" else as_table(outcomes, hints, short=form == "short")
    return Result(stdout=text, status=0 if succeeded(outcomes) else 1)


CHECK = Verb(
    name="check",
    run=_check,
    flags=_flags,
    summary="Check the Linkerd installation for potential problems",
    about=(
        "Look at the cluster and at the control plane, and say what is not as it should be. Every line is\n"
        "something that was looked at just now: √ is well, ‼ is a warning, × is an error (exit status 1)."
    ),
    example="""  # May Linkerd be installed here?
  {cmd} --pre

  # Does the control plane work? Waits up to five minutes for it
  {cmd}

  # And the proxies of one namespace?
  {cmd} --proxy -n emojivoto

  # Only what is wrong
  {cmd} -o short
""",
)
VIZ_CHECK = replace(
    CHECK,
    run=_viz_check,
    flags=COMMON_FLAGS,
    summary="Check the Linkerd Viz extension for potential problems",
    about="Look at the metrics extension, and say what is not as it should be.",
    example="""  # Does the extension work?
  {cmd}
""",
)
