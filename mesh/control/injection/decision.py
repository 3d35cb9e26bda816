"""Whether a pod is injected, and if not, why.

*Source:* pkg/inject/report.go of both editions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.control import labels
from mesh.control.injection.workload import Workload, has_sidecar, has_udp_port
from mesh.control.values import STABLE, ProxyValues

__all__ = ["Report", "decide", "reason_text", "report"]

HOST_NETWORK = "host_network_enabled"
SIDECAR = "sidecar_already_exists"
UNSUPPORTED = "unsupported_resource"
NOT_ENABLED = "injection_enable_annotation_absent"
IS_DISABLED = "injection_disable_annotation_present"
INVALID_WORKLOAD = "invalid_inject_annotation_at_workload"
INVALID_NAMESPACE = "invalid_inject_annotation_at_ns"
NO_TOKEN = "disabled_automount_service_account_token_account"  # noqa: S105 - a code

REASONS = {
    HOST_NETWORK: "hostNetwork is enabled",
    SIDECAR: "pod has a sidecar injected already",
    UNSUPPORTED: "this resource kind is unsupported",
    NOT_ENABLED: f'neither the namespace nor the pod have the annotation "{labels.INJECT}:{labels.ENABLED}"',
    IS_DISABLED: f'pod has the annotation "{labels.INJECT}:{labels.DISABLED}"',
    INVALID_WORKLOAD: f'invalid value for annotation "{labels.INJECT}" at workload',
    INVALID_NAMESPACE: f'invalid value for annotation "{labels.INJECT}" at namespace',
    NO_TOKEN: 'automountServiceAccountToken set to "false"',
}
NO_PROJECTION = ', with Values.identity.serviceAccountTokenProjection set to "false"'

ON = (labels.ENABLED, labels.INGRESS)
LEGAL = (*ON, labels.DISABLED, "")
AT_NAMESPACE, AT_WORKLOAD = "namespace", "workload"


def reason_text(code: str, edition: str) -> str:
    """What a skip reason means, in words."""
    return REASONS[code] + (NO_PROJECTION if code == NO_TOKEN and edition != STABLE else "")


def decide(namespace: str, pod: str) -> tuple[str, str]:
    """(reason for not injecting or empty, where the deciding annotation is), from two values of
    ``linkerd.io/inject``; empty text when the annotation is absent.
    """
    if namespace not in LEGAL:
        return INVALID_NAMESPACE, ""
    if pod not in LEGAL:
        return INVALID_WORKLOAD, ""
    if namespace in ON:
        return (IS_DISABLED, AT_WORKLOAD) if pod == labels.DISABLED else ("", AT_NAMESPACE)
    return ("", AT_WORKLOAD) if pod in ON else (NOT_ENABLED, "")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found out about one object.

    Attributes:
        off: injection is not wanted. ``disabled``: why; empty on the command line, which gives no reason.
        annotation_at: ``namespace`` or ``workload``: where the deciding annotation is.
        no_token: the pod has no service-account token to identify itself with.
        annotatable: nothing to inject into, but the object may be annotated (Namespace, Service).
    """

    kind: str
    name: str
    host_network: bool = False
    sidecar: bool = False
    udp: bool = False
    unsupported: bool = False
    off: bool = False
    disabled: str = ""
    annotation_at: str = ""
    no_token: bool = False
    annotatable: bool = False

    @property
    def res_name(self) -> str:
        """``deployment/web``."""
        return f"{self.kind}/{self.name}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of all reasons against injection, in order; the command line's ``disabled`` has none."""
        found = (
            (self.host_network, HOST_NETWORK),
            (self.sidecar, SIDECAR),
            (self.unsupported, UNSUPPORTED),
            (self.off and bool(self.disabled), self.disabled),
            (self.no_token, NO_TOKEN),
        )
        return tuple(code for holds, code in found if holds)

    @property
    def injectable(self) -> bool:
        """Whether a proxy may be put into the pod."""
        return not (self.off or self.annotatable or self.reasons)


def report(workload: Workload, values: ProxyValues, namespace: Mapping[str, str] | None = None) -> Report:
    """Look at a workload.

    Args:
        namespace: annotations of the pod's namespace for the webhook; None on the command line, where only
            ``disabled`` on the pod counts.
    """
    kind, name = workload.kind, workload.name
    if workload.template is None:
        stable = values.edition == STABLE
        annotatable = kind == "namespace" or (kind == "service" and not stable)
        return Report(kind, name, unsupported=not annotatable, annotatable=annotatable)
    annotation = str(workload.annotations.get(labels.INJECT, ""))
    if namespace is None:
        disabled, at, off = "", "", annotation == labels.DISABLED
    else:
        disabled, at = decide(str(namespace.get(labels.INJECT, "")), annotation)
        off = bool(disabled)
    spec = workload.pod_spec
    return Report(
        kind,
        name,
        host_network=bool(spec.get("hostNetwork")),
        sidecar=has_sidecar(spec),
        udp=has_udp_port(spec),
        off=off,
        disabled=disabled,
        annotation_at=at,
        no_token=spec.get("automountServiceAccountToken") is False and not values.token_projection,
    )
