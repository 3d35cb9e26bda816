"""Which checks belong to which category, in each edition."""

from mesh.cli.checks import api, configuration, dataplane, existence, identity, kubernetes, pre, versions, viz
from mesh.cli.checks.model import Check
from mesh.editions import Edition

__all__ = ["checks_of", "plan"]

SHARED: dict[str, tuple[Check, ...]] = {
    "kubernetes-api": kubernetes.API,
    "pre-kubernetes-setup": pre.SETUP,
    "linkerd-identity": identity.IDENTITY,
    "linkerd-identity-data-plane": identity.DATA_PLANE,
    "linkerd-version": versions.CLI,
}
STABLE: dict[str, tuple[Check, ...]] = {
    **SHARED,
    "kubernetes-version": kubernetes.VERSION,
    "pre-kubernetes-capability": pre.CAPABILITY,
    "linkerd-existence": existence.STABLE_EXISTENCE,
    "linkerd-config": configuration.STABLE_CONFIG,
    "linkerd-api": api.API,
    "control-plane-version": versions.STABLE_CONTROL_PLANE,
    "linkerd-data-plane": dataplane.STABLE_DATA_PLANE,
    "linkerd-ha-checks": versions.STABLE_HA,
    "linkerd-addons": api.ADDONS,
    "linkerd-grafana": api.GRAFANA,
}
EDGE: dict[str, tuple[Check, ...]] = {
    **SHARED,
    "kubernetes-version": kubernetes.VERSION[:1],
    "gateway-api-crd": kubernetes.GATEWAY,
    "linkerd-crd": existence.CRD,
    "linkerd-existence": existence.EDGE_EXISTENCE,
    "linkerd-config": configuration.EDGE_CONFIG,
    "linkerd-webhooks-and-apisvc-tls": identity.WEBHOOKS,
    "control-plane-version": versions.EDGE_CONTROL_PLANE,
    "linkerd-control-plane-proxy": versions.CONTROL_PLANE_PROXY,
    "linkerd-data-plane": dataplane.EDGE_DATA_PLANE,
    "linkerd-ha-checks": versions.EDGE_HA,
    "linkerd-extension-checks": viz.EXTENSIONS,
    "linkerd-viz": viz.VIZ,
    "linkerd-viz-data-plane": viz.VIZ_DATA_PLANE,
}


def checks_of(edition: Edition, category: str) -> tuple[Check, ...]:
    """The checks of a category, in order.

    Raises:
        KeyError: the edition has no such category.
    """
    return (EDGE if edition.viz_prefix else STABLE)[category]


def plan(edition: Edition, mode: str) -> list[tuple[str, tuple[Check, ...]]]:
    """The categories that a run in ``mode`` goes through.

    Raises:
        KeyError: the edition has no such mode.
    """
    return [(name, checks_of(edition, name)) for name in edition.checks[mode]]
