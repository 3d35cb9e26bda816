"""Annotations that change what a proxy is given: which there are, how they are read, which pods inherit.

A value that cannot be read is ignored with a warning; a pod is never refused because of one.
*Source:* pkg/k8s/labels.go and pkg/inject of both editions.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mesh.control.injection.quantity import quantity
from mesh.control.labels import CONFIG, CONFIG_ALPHA, CONFIG_BETA
from mesh.control.values import STABLE, ProxyValues

__all__ = [
    "ADDITIONAL_ENV",
    "SETTINGS",
    "Setting",
    "apply",
    "inherited",
    "parse_bool",
    "parse_duration",
    "parse_ports",
]

POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "deny",
    "audit",
)
DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
UNITS = (("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0))
ADDITIONAL_ENV = CONFIG + "proxy-additional-env"
BOTH, EDGE_ONLY, STABLE_ONLY = "both", "edge", "stable"


def parse_bool(text: str) -> bool:
    """Go's strconv.ParseBool.

    Raises:
        ValueError: neither true nor false.
    """
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise ValueError("not true or false")


def parse_duration(text: str) -> float:
    """Seconds of a Go duration such as ``1m30s``.

    Raises:
        ValueError: no such duration; a number without a unit is none.
    """
    if text == "0":
        return 0.0
    parts = list(DURATION.finditer(text))
    if not parts or "".join(part.group() for part in parts) != text:
        raise ValueError("not a duration with a unit, such as 10s")
    factors = dict(UNITS)
    return sum(float(part.group()[: -len(part.group(1))]) * factors[part.group(1)] for part in parts)


def parse_ports(text: str, names: Mapping[str, int] | None = None) -> str:
    """A list of ports, ranges and known names as ``25,80-90``; unknown parts make it unreadable.

    Args:
        names: container port names that may stand for their numbers.

    Raises:
        ValueError: a part is no port.
    """
    found = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        if names and part in names:
            found.append(str(names[part]))
            continue
        low, _, high = part.partition("-")
        if not low.isdigit() or not (high or low).isdigit() or not 0 < int(low) <= int(high or low) < 65536:
            raise ValueError(f"{part!r} is not a port, a range or the name of a container's port")
        found.append(part)
    return ",".join(found)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError("not a port")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit():
        raise ValueError("not a whole number")
    return int(text)


def _quantity(text: str) -> str:
    if quantity(text) < 0:
        raise ValueError("a negative quantity")
    return text


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _whole_seconds(text: str) -> int:
    return int(parse_duration(text))


def _text(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError("not one of " + ", ".join(choices))
        return text

    return parse


def _enabled(text: str) -> bool:
    return _choice("enabled", "disabled")(text) == "enabled"


def _networks(text: str) -> str:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        ipaddress.ip_network(part, strict=False)
    return ",".join(parts)


def _ratio(text: str) -> str:
    if not 0 < float(text) <= 1:
        raise ValueError("not a share between 0 and 1")
    return text


@dataclass(frozen=True, slots=True)
class Setting:
    """One annotation.

    Attributes:
        key: the full key.
        attributes: of ProxyValues, which all get the value.
        parse: reads the text; raises ValueError.
        editions: where it exists.
        inherits: pods take it over from their namespace.
        ports: the text is a list of ports that may name container ports.
    """

    key: str
    attributes: tuple[str, ...]
    parse: Callable[[str], Any]
    editions: str = BOTH
    inherits: bool = True
    ports: bool = False

    def known_in(self, edition: str) -> bool:
        """Whether ``edition`` has it."""
        return self.editions == BOTH or (self.editions == STABLE_ONLY) == (edition == STABLE)


# Later entries win over earlier ones that set the same attribute.
SETTINGS = (
    Setting(CONFIG + "proxy-image", ("proxy_image",), _text, STABLE_ONLY),
    Setting(CONFIG + "proxy-image", ("proxy_image", "init_image"), _text, EDGE_ONLY),
    Setting(CONFIG + "proxy-version", ("proxy_version",), _text, STABLE_ONLY),
    Setting(CONFIG + "proxy-version", ("proxy_version", "init_version"), _text, EDGE_ONLY),
    Setting(CONFIG + "image-pull-policy", ("pull_policy",), _choice("Always", "IfNotPresent", "Never")),
    Setting(CONFIG + "init-image", ("init_image",), _text, STABLE_ONLY),
    Setting(CONFIG + "init-image-version", ("init_version",), _text, STABLE_ONLY),
    Setting(CONFIG + "inbound-port", ("inbound_port",), _port),
    Setting(CONFIG + "outbound-port", ("outbound_port",), _port),
    Setting(CONFIG + "control-port", ("control_port",), _port),
    Setting(CONFIG + "admin-port", ("admin_port",), _port),
    Setting(CONFIG + "skip-inbound-ports", ("skip_inbound_ports",), parse_ports, ports=True),
    Setting(CONFIG + "skip-outbound-ports", ("skip_outbound_ports",), parse_ports),
    Setting(CONFIG + "skip-subnets", ("skip_subnets",), _networks, EDGE_ONLY),
    Setting(CONFIG + "opaque-ports", ("opaque_ports",), parse_ports, EDGE_ONLY, ports=True),
    Setting(CONFIG + "proxy-require-identity-inbound-ports", ("require_identity_ports",), parse_ports),
    Setting(CONFIG + "default-inbound-policy", ("default_inbound_policy",), _choice(*POLICIES), EDGE_ONLY),
    Setting(CONFIG + "proxy-cpu-request", ("cpu_request",), _quantity),
    Setting(CONFIG + "proxy-cpu-limit", ("cpu_limit",), _quantity),
    Setting(CONFIG + "proxy-memory-request", ("memory_request",), _quantity),
    Setting(CONFIG + "proxy-memory-limit", ("memory_limit",), _quantity),
    Setting(CONFIG + "proxy-ephemeral-storage-request", ("ephemeral_storage_request",), _quantity, EDGE_ONLY),
    Setting(CONFIG + "proxy-ephemeral-storage-limit", ("ephemeral_storage_limit",), _quantity, EDGE_ONLY),
    Setting(CONFIG + "proxy-cpu-ratio-limit", ("cpu_ratio_limit",), _ratio, EDGE_ONLY, inherits=False),
    Setting(CONFIG + "proxy-uid", ("uid",), _count),
    Setting(CONFIG + "proxy-gid", ("gid",), _count, EDGE_ONLY),
    Setting(CONFIG + "proxy-log-level", ("log_level",), _text),
    Setting(CONFIG + "proxy-log-format", ("log_format",), _choice("plain", "json"), EDGE_ONLY),
    Setting(CONFIG + "proxy-log-http-headers", ("log_http_headers",), _choice("off", "insecure"), EDGE_ONLY),
    Setting(CONFIG + "access-log", ("access_log",), _choice("apache", "json"), EDGE_ONLY),
    Setting(CONFIG + "proxy-await", ("await_proxy",), _enabled, EDGE_ONLY),
    Setting(CONFIG_ALPHA + "proxy-enable-native-sidecar", ("native",), parse_bool, EDGE_ONLY),
    Setting(CONFIG_BETA + "proxy-enable-native-sidecar", ("native",), parse_bool, EDGE_ONLY, inherits=False),
    Setting(CONFIG + "proxy-enable-native-sidecar", ("native",), parse_bool, EDGE_ONLY),
    Setting(CONFIG_ALPHA + "proxy-wait-before-exit-seconds", ("wait_before_exit_s",), _count),
    Setting(CONFIG + "shutdown-grace-period", ("shutdown_grace_period",), _duration, EDGE_ONLY),
    Setting(CONFIG + "proxy-admin-shutdown", ("admin_shutdown",), _enabled, EDGE_ONLY),
    Setting(CONFIG + "proxy-outbound-connect-timeout", ("outbound_connect_timeout",), _duration, EDGE_ONLY),
    Setting(CONFIG + "proxy-inbound-connect-timeout", ("inbound_connect_timeout",), _duration, EDGE_ONLY),
    Setting(
        CONFIG + "proxy-outbound-discovery-cache-unused-timeout",
        ("outbound_discovery_idle",),
        _duration,
        EDGE_ONLY,
    ),
    Setting(
        CONFIG + "proxy-inbound-discovery-cache-unused-timeout",
        ("inbound_discovery_idle",),
        _duration,
        EDGE_ONLY,
    ),
    Setting(
        CONFIG + "proxy-disable-outbound-protocol-detect-timeout",
        ("disable_outbound_detect_timeout",),
        parse_bool,
        EDGE_ONLY,
    ),
    Setting(
        CONFIG + "proxy-disable-inbound-protocol-detect-timeout",
        ("disable_inbound_detect_timeout",),
        parse_bool,
        EDGE_ONLY,
    ),
    Setting(CONFIG + "proxy-metrics-hostname-labels", ("hostname_labels",), parse_bool, EDGE_ONLY),
    Setting(CONFIG + "enable-external-profiles", ("external_profiles",), parse_bool),
    Setting(CONFIG + "enable-gateway", ("gateway",), parse_bool, EDGE_ONLY, inherits=False),
    Setting(CONFIG + "close-wait-timeout", ("close_wait_timeout_s",), _whole_seconds, inherits=False),
    Setting(CONFIG + "enable-debug-sidecar", ("debug",), parse_bool),
    Setting(CONFIG + "debug-image", ("debug_image",), _text, inherits=False),
    Setting(CONFIG + "debug-image-version", ("debug_version",), _text, inherits=False),
    Setting(
        CONFIG + "debug-image-pull-policy",
        ("debug_pull_policy",),
        _choice("Always", "IfNotPresent", "Never"),
        inherits=False,
    ),
    Setting(CONFIG + "disable-tap", ("disable_tap",), parse_bool, STABLE_ONLY),
    Setting(CONFIG + "disable-identity", ("disable_identity",), parse_bool, STABLE_ONLY),
)


def inherited(namespace: Mapping[str, str], pod: Mapping[str, str], edition: str) -> dict[str, str]:
    """The configuration that a pod takes over from its namespace, in order of key."""
    keys = {setting.key for setting in SETTINGS if setting.known_in(edition) and setting.inherits}
    if edition != STABLE:
        keys.add(ADDITIONAL_ENV)
    return {key: namespace[key] for key in sorted(keys) if key in namespace and key not in pod}


def apply(
    values: ProxyValues, annotations: Mapping[str, str], port_names: Mapping[str, int] | None = None
) -> tuple[ProxyValues, tuple[str, ...]]:
    """The values as annotations change them, and a warning for each one that was ignored.

    Args:
        port_names: the pod's container port names, for lists that may use them.
    """
    changes: dict[str, Any] = {}
    warnings = []
    for setting in SETTINGS:
        text = annotations.get(setting.key)
        if text is None or not setting.known_in(values.edition):
            continue
        try:
            parsed = parse_ports(text, port_names) if setting.ports else setting.parse(str(text))
        except ValueError as error:
            warnings.append(f"annotation {setting.key}: {text!r} ignored: {error}")
            continue
        changes.update(dict.fromkeys(setting.attributes, parsed))
    if values.edition != STABLE and ADDITIONAL_ENV in annotations:
        try:
            changes["additional_env"] = _merge_env(values.additional_env, annotations[ADDITIONAL_ENV])
        except ValueError as error:
            warnings.append(f"annotation {ADDITIONAL_ENV}: ignored: {error}")
    return replace(values, **changes), tuple(warnings)


def _merge_env(env: Iterable[tuple[str, str]], text: str) -> tuple[tuple[str, str], ...]:
    """``env`` with the variables of a JSON list put over it by name."""
    try:
        added = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}") from None
    if not isinstance(added, list) or not all(isinstance(v, dict) and v.get("name") for v in added):
        raise ValueError('not a list of {"name": …, "value": …}')
    merged = dict(env)
    merged.update({str(variable["name"]): str(variable.get("value", "")) for variable in added})
    return tuple(merged.items())
