"""The flags of ``linkerd inject``, and the annotations that say the same to the injector."""

from dataclasses import dataclass

from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.control import labels
from mesh.control.injection.annotations import apply
from mesh.control.values import STABLE, ProxyValues
from mesh.editions import Edition

__all__ = ["flags_in", "overrides"]

OUTPUT = Flag("output", "o", default="yaml", help="Output format: yaml, json", choices=("yaml", "json"))
COMMON = (
    Flag("manual", kind="bool", help="Put the proxy's containers into the output, instead of annotations"),
    Flag("ignore-cluster", kind="bool", help="Do not read the configuration from the cluster"),
    Flag("enable-debug-sidecar", kind="bool", help="Inject a debug sidecar for data plane debugging"),
)
EDGE = (
    Flag("ingress", kind="bool", help="Enable ingress mode in the proxy"),
    Flag("close-wait-timeout", kind="duration", help="Sets nf_conntrack_tcp_timeout_close_wait"),
    Flag("opaque-ports", help="Ports that are carried without protocol detection; also for Services"),
    OUTPUT,
)


@dataclass(frozen=True, slots=True)
class Override:
    """A flag that stands for an annotation."""

    flag: Flag
    key: str


def _port(name: str, what: str) -> Override:
    return Override(Flag(name, kind="int", help=f"Proxy port {what}"), labels.CONFIG + name)


def _text(name: str, what: str, key: str = "") -> Override:
    return Override(Flag(name, help=what), labels.CONFIG + (key or name))


SHARED_OVERRIDES = (
    _port("admin-port", "to serve metrics on"),
    _port("control-port", "to use for control"),
    _port("inbound-port", "to use for inbound traffic"),
    _port("outbound-port", "to use for outbound traffic"),
    _text("proxy-image", "Image of the proxy"),
    _text("proxy-version", "Tag of the proxy's image"),
    _text("image-pull-policy", "Image pull policy: Always, IfNotPresent, Never"),
    _text("proxy-log-level", "Log level of the proxy"),
    Override(
        Flag("proxy-uid", kind="int", help="Run the proxy under this user ID"), labels.CONFIG + "proxy-uid"
    ),
    _text("proxy-cpu-request", "CPU that the proxy requests"),
    _text("proxy-cpu-limit", "CPU that the proxy may use at most"),
    _text("proxy-memory-request", "Memory that the proxy requests"),
    _text("proxy-memory-limit", "Memory that the proxy may use at most"),
    _text("skip-inbound-ports", "Ports that bypass the proxy, inbound"),
    _text("skip-outbound-ports", "Ports that bypass the proxy, outbound"),
    _text(
        "require-identity-on-inbound-ports",
        "Ports on which clients must have an identity",
        "proxy-require-identity-inbound-ports",
    ),
    Override(
        Flag("enable-external-profiles", kind="bool", help="Service profiles for non-Kubernetes services"),
        labels.CONFIG + "enable-external-profiles",
    ),
    Override(
        Flag("wait-before-exit-seconds", kind="int", help="Seconds that the proxy outlives SIGTERM"),
        labels.CONFIG_ALPHA + "proxy-wait-before-exit-seconds",
    ),
)
STABLE_OVERRIDES = (
    _text("init-image", "Image of the init container"),
    _text("init-image-version", "Tag of the init container's image"),
    Override(Flag("disable-tap", kind="bool", help="Disables resources tap"), labels.CONFIG + "disable-tap"),
    Override(
        Flag("disable-identity", kind="bool", help="Disables resources from participating in TLS identity"),
        labels.CONFIG + "disable-identity",
    ),
)
EDGE_OVERRIDES = (
    Override(
        Flag("proxy-gid", kind="int", help="Run the proxy under this group ID"), labels.CONFIG + "proxy-gid"
    ),
    Override(
        Flag("native-sidecar", kind="bool", help="Make the proxy a native sidecar"),
        labels.CONFIG + "proxy-enable-native-sidecar",
    ),
    _text("access-log", "Access log: apache, json"),
    _text("default-inbound-policy", "Inbound policy of ports without a Server"),
    _text("shutdown-grace-period", "How long the proxy waits for connections when it stops"),
)


def _overrides_in(edition: str) -> tuple[Override, ...]:
    return SHARED_OVERRIDES + (STABLE_OVERRIDES if edition == STABLE else EDGE_OVERRIDES)


def flags_in(edition: Edition) -> tuple[Flag, ...]:
    """The flags that ``inject`` has in an edition."""
    own = () if edition.name == STABLE else EDGE
    return (*COMMON, *own, *(override.flag for override in _overrides_in(edition.name)))


def overrides(parsed: Parsed, values: ProxyValues) -> dict[str, str]:
    """The annotations that the flags ask for; those that ask for what the cluster does anyway are left out.

    Raises:
        FlagError: a value that the annotation would not accept.
    """
    found: dict[str, str] = {}
    for override in _overrides_in(values.edition):
        if override.flag.name not in parsed.changed:
            continue
        text = _shown(parsed[override.flag.name])
        changed, warnings = apply(values, {override.key: text})
        if warnings:
            reason = warnings[0].rpartition("ignored: ")[2]
            raise FlagError(f"invalid argument {text!r} for --{override.flag.name}: {reason}")
        if changed != values:
            found[override.key] = text
    if parsed["enable-debug-sidecar"]:
        found[labels.CONFIG + "enable-debug-sidecar"] = "true"
    if values.edition != STABLE:
        found |= _edge_overrides(parsed, values)
    return found


def _edge_overrides(parsed: Parsed, values: ProxyValues) -> dict[str, str]:
    found: dict[str, str] = {}
    if parsed["ingress"]:
        found[labels.INJECT] = labels.INGRESS
    if parsed["close-wait-timeout"]:
        found[labels.CONFIG + "close-wait-timeout"] = f"{parsed['close-wait-timeout']:g}s"
    if parsed["opaque-ports"]:
        found[labels.OPAQUE_PORTS] = parsed["opaque-ports"]
    return found


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
