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
    fine = _fine(stable=edition == STABLE)
    remarks = [
        f"{WARN} {warning}" if warning else f"{OK} {good}"
        for warning, good in zip(_warnings(lines), fine, strict=True)
        if warning or verbose
    ]
    ignored = [f"{WARN} {line.report.res_name}: {text}" for line in lines for text in line.warnings]
    return remarks + ignored


def _warnings(lines: list[Line]) -> tuple[str, ...]:
    """What is wrong, in order; empty texts where nothing is."""
    reports = [line.report for line in lines]
    udp = [report.res_name for report in reports if report.udp]
    done = any(line.verb != "skipped" for line in lines)
    automount = 'automountServiceAccountToken is set to "false" in'
    return (
        _names('"hostNetwork: true" detected in', [r.res_name for r in reports if r.host_network]),
        _names("known 3rd party sidecar detected in", [r.res_name for r in reports if r.sidecar]),
        _names(f'"{INJECT}: {DISABLED}" annotation set on', [r.res_name for r in reports if r.off]),
        "" if done else "no supported objects found",
        f'{", ".join(udp)} {"uses" if len(udp) == 1 else "use"} "protocol: UDP"' if udp else "",
        _names(automount, [r.res_name for r in reports if r.no_token]),
    )


def _fine(*, stable: bool) -> tuple[str, ...]:
    """What is said, when verbose, of each of the warnings that does not apply."""
    automount = 'pods do not have automountServiceAccountToken set to "false"'
    resources = (
        "at least one resource injected" if stable else "at least one resource can be injected or annotated"
    )
    return (
        "pods do not use host networking",
        "pods do not have a 3rd party proxy or initContainer already injected",
        "pods are not annotated to disable injection",
        resources,
        "pod specs do not include UDP ports",
        automount if stable else f"{automount} or service account token projection is enabled",
    )


def _names(what: str, names: list[str]) -> str:
    return f"{what} {', '.join(names)}" if names else ""
