"""Categories linkerd-version, control-plane-version and linkerd-control-plane-proxy."""

import json
from collections.abc import Callable, Iterable

from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip, listing
from mesh.cli.checks.pods import meshed, proxy_of, running, unready_proxies
from mesh.cli.kube import Obj
from mesh.cli.version import UNAVAILABLE, server_version

__all__ = [
    "CLI",
    "CONTROL_PLANE_PROXY",
    "EDGE_CONTROL_PLANE",
    "STABLE_CONTROL_PLANE",
    "latest",
    "proxy_checks",
]

VERSION_URL = "https://versioncheck.linkerd.io/version.json"


def latest(context: CheckContext) -> str:
    """The newest version of this edition's channel, or the one that the user expects.

    Raises:
        CheckError: it cannot be found out.
    """
    if context.expected_version:
        return context.expected_version
    channel = context.console.edition.channel
    try:
        document = json.loads(context.console.read(VERSION_URL))
        return str(document[channel])
    except OSError as error:
        raise CheckError(f"cannot read {VERSION_URL}: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise CheckError(f"{VERSION_URL} names no version of channel {channel}") from None


def outdated(context: CheckContext, version: str) -> str:
    """What is wrong with running ``version``; empty when it is the newest of its channel."""
    newest = latest(context)
    if version == newest:
        return ""
    channel = newest.partition("-")[0]
    if version.partition("-")[0] != channel:
        return f"mismatched channels: running {version} but retrieved {newest}"
    own, wanted = version.partition("-")[2], newest.partition("-")[2]
    return f"is running version {own} but the latest {channel} version is {wanted}"


def _latest(context: CheckContext) -> None:
    latest(context)


def _cli(context: CheckContext) -> None:
    problem = outdated(context, context.console.edition.version)
    if problem:
        raise CheckError(problem)


def _server(context: CheckContext) -> str:
    """The version of the running control plane.

    Raises:
        CheckError: it does not say.
    """
    version = server_version(context.console)
    if version == UNAVAILABLE:
        raise CheckError("the control plane did not say which version it is")
    return version


def _retrieve(context: CheckContext) -> None:
    _server(context)


def _server_current(context: CheckContext) -> None:
    problem = outdated(context, _server(context))
    if problem:
        raise CheckError(problem)


def _server_matches(context: CheckContext) -> None:
    server, client = _server(context), context.console.edition.version
    if server != client:
        raise CheckError(f"control plane running {server} but cli running {client}")


Select = Callable[[CheckContext], list[Obj]]


def _images(pods: Iterable[Obj]) -> list[tuple[str, str]]:
    """Name and proxy version of each pod."""
    return [
        (pod["metadata"]["name"], str((proxy_of(pod) or {})["image"]).rpartition(":")[2])
        for pod in pods
        if running(pod)
    ]


def proxy_checks(
    select: Select, names: tuple[str, str, str], anchors: tuple[str, str, str]
) -> tuple[Check, ...]:
    """Three checks of a group of pods: proxies are ready, up to date, and of this command's version."""

    def ready(context: CheckContext) -> None:
        pods = select(context)
        lines = unready_proxies(pods)
        lines += [f"pod/{pod['metadata']['name']} is not running" for pod in pods if not running(pod)]
        if lines:
            raise CheckError("\n".join(lines))

    def current(context: CheckContext) -> None:
        old = [
            f"{name} ({version})" for name, version in _images(select(context)) if outdated(context, version)
        ]
        if old:
            raise listing("some proxies are not running the current version:", old)

    def same(context: CheckContext) -> None:
        client = context.console.edition.version
        other = [f"{name} ({version})" for name, version in _images(select(context)) if version != client]
        if other:
            raise CheckError(f"{other[0]} running a different version than cli {client}")

    return (
        Check(names[0], anchors[0], ready, fatal=True, retry=True),
        Check(names[1], anchors[1], current, warning=True),
        Check(names[2], anchors[2], same, warning=True),
    )


def _control_plane(context: CheckContext) -> list[Obj]:
    """The control plane's own pods.

    Raises:
        CheckError: there is none.
    """
    pods = meshed(context, context.namespace, control_plane=True)
    if not pods:
        raise CheckError(f'no "linkerd-proxy" containers found in the "{context.namespace}" namespace')
    return pods


def _high_availability(context: CheckContext) -> bool:
    """Whether the control plane was installed with ``--ha``."""
    config = context.config()
    if "linkerdVersion" in config:
        return bool(config.get("highAvailability"))
    flags = (config.get("install") or {}).get("flags") or []
    return {"name": "ha", "value": "true"} in flags


def replicas(context: CheckContext) -> None:
    """With high availability no component of the control plane has a single replica."""
    if not _high_availability(context):
        raise Skip
    single = [
        item["metadata"]["name"]
        for item in context.list("deployments.apps", context.namespace)
        if (item.get("status") or {}).get("availableReplicas", 0) <= 1
        and item["metadata"]["name"] in {workload.name for workload in context.console.edition.core}
        and item["metadata"]["name"] not in ("linkerd-web", "linkerd-prometheus", "linkerd-grafana")
    ]
    if single:
        raise CheckError(f"not enough replicas available for {', '.join(single)}")


def kube_system(context: CheckContext) -> None:
    """With high availability the injector must not stand between the cluster's own pods and their start."""
    if not _high_availability(context):
        raise Skip
    labels = context.get("namespaces", "kube-system")["metadata"].get("labels") or {}
    if labels.get("config.linkerd.io/admission-webhooks") != "disabled":
        raise CheckError(
            "kube-system namespace needs to have the label config.linkerd.io/admission-webhooks: disabled "
            "if injector webhook failure policy is Fail"
        )


CLI = (
    Check("can determine the latest version", "l5d-version-latest", _latest, warning=True),
    Check("cli is up-to-date", "l5d-version-cli", _cli, warning=True),
)
STABLE_CONTROL_PLANE = (
    Check("control plane is up-to-date", "l5d-version-control", _server_current, warning=True),
    Check("control plane and cli versions match", "l5d-version-control", _server_matches, warning=True),
)
EDGE_CONTROL_PLANE = (
    Check("can retrieve the control plane version", "l5d-version-control", _retrieve, fatal=True, retry=True),
    *STABLE_CONTROL_PLANE,
)
CONTROL_PLANE_PROXY = proxy_checks(
    _control_plane,
    (
        "control plane proxies are healthy",
        "control plane proxies are up-to-date",
        "control plane proxies and cli versions match",
    ),
    ("l5d-cp-proxy-healthy", "l5d-cp-proxy-version", "l5d-cp-proxy-cli-version"),
)
REPLICAS = Check(
    "multiple replicas of control plane pods",
    "l5d-control-plane-replicas",
    replicas,
    warning=True,
    retry=True,
)
EDGE_HA = (REPLICAS,)
STABLE_HA = (
    Check("pod injection disabled on kube-system", "l5d-injection-disabled", kube_system, warning=True),
    REPLICAS,
)
