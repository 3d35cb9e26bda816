"""The settings of an installation as flags, ``--set`` and ``--values`` change them.

*Source:* flags of ``linkerd install``; Helm's grammar for ``--set``.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.manifests.objects import Obj

__all__ = ["FREE", "PROXY_FLAGS", "SETTINGS", "apply_flags", "apply_set", "merge"]

# Flags about sidecars, shared with inject in the real command: flag, path in the chart's values.
PROXY_FLAGS: tuple[tuple[Flag, str], ...] = (
    (
        Flag("admin-port", kind="int", default=4191, help="Proxy port to serve metrics on"),
        "proxy.ports.admin",
    ),
    (
        Flag("control-port", kind="int", default=4190, help="Proxy port to use for control"),
        "proxy.ports.control",
    ),
    (
        Flag("inbound-port", kind="int", default=4143, help="Proxy port for inbound traffic"),
        "proxy.ports.inbound",
    ),
    (
        Flag("outbound-port", kind="int", default=4140, help="Proxy port for outbound traffic"),
        "proxy.ports.outbound",
    ),
    (Flag("proxy-image", help="Linkerd proxy container image name"), "proxy.image.name"),
    (Flag("proxy-version", help="Tag to be used for the Linkerd proxy images"), "proxy.image.version"),
    (Flag("init-image", help="Linkerd init container image name"), "proxyInit.image.name"),
    (Flag("init-image-version", help="Linkerd init container image version"), "proxyInit.image.version"),
    (Flag("image-pull-policy", help="Docker image pull policy"), "imagePullPolicy"),
    (Flag("proxy-log-level", help="Log level for the proxy"), "proxy.logLevel"),
    (Flag("proxy-uid", kind="int", default=2102, help="Run the proxy under this user ID"), "proxy.uid"),
    (
        Flag("proxy-cpu-request", help="Amount of CPU units that the proxy requests"),
        "proxy.resources.cpu.request",
    ),
    (
        Flag("proxy-cpu-limit", help="Maximum amount of CPU units the proxy can use"),
        "proxy.resources.cpu.limit",
    ),
    (
        Flag("proxy-memory-request", help="Amount of memory the proxy requests"),
        "proxy.resources.memory.request",
    ),
    (
        Flag("proxy-memory-limit", help="Maximum amount of memory the proxy can use"),
        "proxy.resources.memory.limit",
    ),
    (
        Flag("skip-inbound-ports", help="Ports and/or ranges that skip the proxy, inbound"),
        "proxyInit.ignoreInboundPorts",
    ),
    (
        Flag("skip-outbound-ports", help="Ports and/or ranges that skip the proxy, outbound"),
        "proxyInit.ignoreOutboundPorts",
    ),
    (
        Flag(
            "enable-external-profiles",
            kind="bool",
            help="Let service profiles cover names outside the cluster",
        ),
        "proxy.enableExternalProfiles",
    ),
)
SETTINGS: tuple[tuple[Flag, str], ...] = (
    (Flag("cluster-domain", default="cluster.local", help="Custom cluster domain"), "clusterDomain"),
    (
        Flag("controller-replicas", kind="int", default=1, help="Replicas of the controller to deploy"),
        "controllerReplicas",
    ),
    (
        Flag("controller-log-level", default="info", help="Log level for the controller and web components"),
        "controllerLogLevel",
    ),
    (
        Flag(
            "controller-uid",
            kind="int",
            default=2103,
            help="Run the control plane components under this user ID",
        ),
        "controllerUID",
    ),
    (
        Flag("disable-heartbeat", kind="bool", help="Disables the heartbeat cronjob"),
        "disableHeartBeat",
    ),
    (
        Flag(
            "linkerd-cni-enabled",
            kind="bool",
            help="Omit the NET_ADMIN init container: the CNI plugin is there",
        ),
        "cniEnabled",
    ),
    (
        Flag(
            "identity-trust-domain", default="cluster.local", help="Configures the name suffix of identities"
        ),
        "identityTrustDomain",
    ),
)
EDGE_SETTINGS: tuple[tuple[Flag, str], ...] = (
    (
        Flag("default-inbound-policy", help="Inbound policy to use for ports without a Server"),
        "proxy.defaultInboundPolicy",
    ),
    (
        Flag("native-sidecar", kind="bool", default=True, help="Make the proxy a native sidecar"),
        "proxy.nativeSidecar",
    ),
    (Flag("access-log", help="Format of the access log, if any: apache, json"), "proxy.accessLog"),
)
FREE = ("podAnnotations", "podLabels", "nodeSelector", "commonLabels")  # values that may hold any keys
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")


def apply_flags(values: Obj, parsed: Parsed, table: Iterable[tuple[Flag, str]]) -> Obj:
    """``values`` with every flag of ``table`` that was given."""
    for flag, path in table:
        if flag.name in parsed.changed:
            values = _with(values, path.split("."), parsed[flag.name])
    return values


def apply_set(values: Obj, assignments: Iterable[str], *, text: bool = False) -> Obj:
    """``values`` after ``--set a.b=1,c=true``; with ``text`` (``--set-string``) everything stays text.

    Raises:
        FlagError: an assignment without ``=``, or of a value the chart does not have.
    """
    for assignment in assignments:
        for part in re.split(r"(?<!\\),", assignment):
            name, equals, word = part.partition("=")
            if not equals or not name:
                raise FlagError(f'failed parsing --set data: "{part}" is not of the form key=value', "set")
            path = [key.replace("\\.", ".") for key in re.split(r"(?<!\\)\.", name)]
            _require_known(values, path, name)
            values = _with(
                values, path, word.replace("\\,", ",") if text else _scalar(word.replace("\\,", ","))
            )
    return values


def merge(values: Obj, changes: Obj) -> Obj:
    """``values`` with ``changes`` laid over them, objects merged key by key."""
    found = dict(values)
    for key, value in changes.items():
        before = found.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        found[key] = merge(before, value) if both and isinstance(before, dict) else value
    return found


def _with(values: Obj, path: list[str], value: Any) -> Obj:
    """A copy of ``values`` with ``value`` at ``path``."""
    if len(path) == 1:
        return {**values, path[0]: value}
    inner = values.get(path[0])
    return {**values, path[0]: _with(inner if isinstance(inner, dict) else {}, path[1:], value)}


def _require_known(values: Obj, path: list[str], name: str) -> None:
    """A typo in a value's name would be accepted in silence by Helm; here it is an error."""
    level: Any = values
    for depth, key in enumerate(path):
        if key in FREE:
            return
        if not isinstance(level, dict) or key not in level:
            known = list(level) if isinstance(level, dict) else []
            near = get_close_matches(key, known, n=1)
            before = path[:depth]
            hint = f" (did you mean {'.'.join([*before, near[0], *path[depth + 1 :]])}?)" if near else ""
            raise FlagError(f"--set: the chart has no value {name}{hint}", "set")
        level = level[key]


def _scalar(word: str) -> Any:
    """A number, a truth value, null or the text itself, as Helm reads them."""
    if INTEGER.match(word):
        return int(word)
    return {"true": True, "false": False, "null": None}.get(word, word)
