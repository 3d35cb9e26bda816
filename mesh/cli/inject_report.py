"""What ``linkerd inject`` says of the objects it read, on standard error.

*Source:* cli/cmd/inject.go of both editions.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.control.injection.decision import Report
from mesh.control.labels import DISABLED, INJECT
from mesh.control.values import STABLE

__all__ = ["Line", "report_text"]

OK, WARN = "√", "‼"


@dataclass(frozen=True, slots=True)
class Line:
    """One object: what was found, what was done (injected, annotated, skipped), what was ignored."""

    report: Report
    verb: str
    warnings: tuple[str, ...] = ()


def report_text(lines: Iterable[Line], edition: str, *, verbose: bool) -> str:
    """The whole report of one input, with its blank lines around."""
    known = list(lines)
    remarks = _remarks(known, edition, verbose=verbose)
    summary = [_summary(line) for line in known]
    return "\n".join(["", *remarks, *([""] if remarks else []), *summary, "", ""])


def _summary(line: Line) -> str:
    if not line.report.kind:
        return 'document missing "kind" field, skipped'
    return f'{line.report.kind} "{line.report.name}" {line.verb}'


def _remarks(lines: list[Line], edition: str, *, verbose: bool) -> list[str]:
    """Warnings; when verbose, a tick for everything that is in order."""
    stable = edition == STABLE
    reports = [line.report for line in lines]
    udp = [report.res_name for report in reports if report.udp]
    uses = "uses" if len(udp) == 1 else "use"
    disabled = f'"{INJECT}: {DISABLED}" annotation set on'
    done = any(line.verb != "skipped" for line in lines)
    automount = 'pods do not have automountServiceAccountToken set to "false"'
    table = (
        (
            _names('"hostNetwork: true" detected in', [r.res_name for r in reports if r.host_network]),
            "pods do not use host networking",
        ),
        (
            _names("known 3rd party sidecar detected in", [r.res_name for r in reports if r.sidecar]),
            "pods do not have a 3rd party proxy or initContainer already injected",
        ),
        (
            _names(disabled, [r.res_name for r in reports if r.off]),
            "pods are not annotated to disable injection",
        ),
        (
            "" if done else "no supported objects found",
            "at least one resource injected"
            if stable
            else "at least one resource can be injected or annotated",
        ),
        (
            f'{", ".join(udp)} {uses} "protocol: UDP"' if udp else "",
            "pod specs do not include UDP ports",
        ),
        (
            _names(
                'automountServiceAccountToken is set to "false" in',
                [r.res_name for r in reports if r.no_token],
            ),
            automount if stable else f"{automount} or service account token projection is enabled",
        ),
    )
    remarks = [
        f"{WARN} {warning}" if warning else f"{OK} {fine}" for warning, fine in table if warning or verbose
    ]
    ignored = [f"{WARN} {line.report.res_name}: {text}" for line in lines for text in line.warnings]
    return remarks + ignored


def _names(what: str, names: list[str]) -> str:
    return f"{what} {', '.join(names)}" if names else ""
