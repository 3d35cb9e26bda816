"""What an edition of Linkerd is made of, as data."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Crd", "Edition", "Part", "Port", "Workload"]


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Part:
    """One container of the control plane.

    Attributes:
        image: registry and name; the tag is ``tag`` or else the edition's version.
        args: the manifest's arguments; ``{ns}``, ``{viz}``, ``{domain}`` stand for the namespaces and the
            cluster's domain; ``{trust}``, ``{lifetime}``, ``{skew}``, ``{networks}``, ``{opaque}``,
            ``{policy}`` and ``{log}`` for values of the chart.
        ports: declared ports, in order.
        probe: number of the port that answers ``/ping`` and ``/ready``; 0 for none.
        live, ready: paths of the probes.
    """

    name: str
    image: str
    args: tuple[str, ...]
    ports: tuple[Port, ...]
    probe: int = 0
    tag: str = ""
    live: str = "/ping"
    ready: str = "/ready"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment of the control plane.

    Attributes:
        component: value of the label ``linkerd.io/control-plane-component``.
        account: its ServiceAccount.
        parts: its own containers; proxy and init container come on top.
        viz: it belongs to the metrics extension.
    """

    name: str
    component: str
    account: str
    parts: tuple[Part, ...]
    viz: bool = False


@dataclass(frozen=True, slots=True)
class Crd:
    """A custom resource type that the edition brings.

    Attributes:
        versions: newest first; the first is stored.
    """

    group: str
    plural: str
    singular: str
    kind: str
    versions: tuple[str, ...]
    short_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``servers.policy.linkerd.io``."""
        return f"{self.plural}.{self.group}"


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of Linkerd.

    Attributes:
        name: as the user chooses it: ``stable-2.8.1`` or ``edge``.
        version: as the programs print it: ``stable-2.8.1``, ``edge-26.8.3``.
        channel: the key of the version-check document: ``stable`` or ``edge``.
        minimum_kubernetes: oldest API version it accepts.
        minimum_kubectl: oldest kubectl it accepts; None when it does not ask.
        cluster_version: the Kubernetes version its sandbox has by default.
        proxy_image, proxy_version, init_image, init_version: what injection puts into pods.
        debug_image: the debugging sidecar.
        namespace, viz_namespace: where the control plane and its metrics extension go by default.
        opaque_ports: ports taken as opaque TCP by default.
        skip_inbound_ports, skip_outbound_ports: ports that bypass the proxy by default.
        native_sidecar: the proxy is a restartable init container.
        viz_prefix: metrics commands are ``linkerd viz …``; else they are at the top level.
        workloads: Deployments of the control plane, then of the metrics extension.
        crds: custom resource types; ``separate_crds``: they are installed by ``install --crds``.
        checks: names of check categories by mode: ``default``, ``pre``, ``proxy``, ``crds``.
        controller_uid: the user that control-plane containers run as.
    """

    name: str
    version: str
    channel: str
    minimum_kubernetes: tuple[int, int, int]
    minimum_kubectl: tuple[int, int, int] | None
    cluster_version: str
    registry: str
    proxy_image: str
    proxy_version: str
    init_image: str
    init_version: str
    debug_image: str
    namespace: str
    viz_namespace: str
    opaque_ports: tuple[str, ...]
    skip_inbound_ports: tuple[str, ...]
    skip_outbound_ports: tuple[str, ...]
    native_sidecar: bool
    viz_prefix: bool
    cluster_networks: tuple[str, ...]
    workloads: tuple[Workload, ...]
    crds: tuple[Crd, ...]
    separate_crds: bool
    checks: Mapping[str, tuple[str, ...]]
    controller_uid: int = 2103

    @property
    def core(self) -> tuple[Workload, ...]:
        """The control plane's own Deployments."""
        return tuple(workload for workload in self.workloads if not workload.viz)

    @property
    def viz(self) -> tuple[Workload, ...]:
        """The Deployments of the metrics extension."""
        return tuple(workload for workload in self.workloads if workload.viz)

    def image(self, part: Part) -> str:
        """The image reference of a control-plane container."""
        return f"{part.image}:{part.tag or self.version}"
