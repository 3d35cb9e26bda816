"""What a proxy is told: the settings that chart values, namespaces and workloads may change."""

from dataclasses import dataclass, replace

from mesh.editions import Edition
from mesh.editions import edition as named_edition

__all__ = ["EDGE", "STABLE", "ProxyValues", "ServiceAccountMount", "defaults"]

STABLE = "stable-2.8.1"
EDGE = "edge"


@dataclass(frozen=True, slots=True)
class ServiceAccountMount:
    """Where the application's first container has its service-account token; 2.8.1's proxy mounts it too."""

    name: str
    path: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class ProxyValues:
    """Everything the sidecar's containers are made from, for one pod.

    Port lists are text as users write it (``25,587,8000-8010``); durations and quantities keep their
    units. Attributes that one edition does not know are left at values that print nothing.
    *Source:* charts/linkerd-control-plane/values.yaml of both editions.

    Attributes:
        edition: ``stable-2.8.1`` or ``edge``.
        version: of the control plane, as the annotations name it.
        component: the Deployment the pod belongs to; control-plane components reach themselves on localhost.
        inbound_ports: the ports the pod's containers declare.
        added_capabilities: of the first container; 2.8.1 gives the proxy the same.
    """

    edition: str
    version: str
    namespace: str = "linkerd"
    cluster_domain: str = "cluster.local"
    trust_domain: str = "cluster.local"
    trust_anchors: str = ""
    cluster_networks: str = ""
    cni: bool = False
    native: bool = True
    proxy_image: str = ""
    proxy_version: str = ""
    init_image: str = ""
    init_version: str = ""
    pull_policy: str = "IfNotPresent"
    debug: bool = False
    debug_image: str = ""
    debug_version: str = ""
    debug_pull_policy: str = ""
    inbound_port: int = 4143
    outbound_port: int = 4140
    control_port: int = 4190
    admin_port: int = 4191
    skip_inbound_ports: str = ""
    skip_outbound_ports: str = ""
    skip_subnets: str = ""
    opaque_ports: str = ""
    require_identity_ports: str = ""
    default_inbound_policy: str = "all-unauthenticated"
    cpu_request: str = ""
    cpu_limit: str = ""
    memory_request: str = ""
    memory_limit: str = ""
    ephemeral_storage_request: str = ""
    ephemeral_storage_limit: str = ""
    cpu_ratio_limit: str = ""
    uid: int = 2102
    gid: int = -1
    log_level: str = "warn,linkerd=info,hickory=error"
    log_format: str = "plain"
    log_http_headers: str = "off"
    access_log: str = ""
    await_proxy: bool = True
    wait_before_exit_s: int = 0
    shutdown_grace_period: str = ""
    admin_shutdown: bool = False
    outbound_connect_timeout: str = "1000ms"
    inbound_connect_timeout: str = "100ms"
    outbound_discovery_idle: str = "5s"
    inbound_discovery_idle: str = "90s"
    disable_outbound_detect_timeout: bool = False
    disable_inbound_detect_timeout: bool = False
    hostname_labels: bool = False
    external_profiles: bool = False
    gateway: bool = False
    ingress: bool = False
    close_wait_timeout_s: int = 0
    disable_tap: bool = False
    disable_identity: bool = False
    token_projection: bool = True
    additional_env: tuple[tuple[str, str], ...] = ()
    component: str = ""
    inbound_ports: str = ""
    account_mount: ServiceAccountMount | None = None
    added_capabilities: tuple[str, ...] = ()
    dropped_capabilities: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        """The proxy's image reference."""
        return f"{self.proxy_image}:{self.proxy_version or self.version}"


def defaults(edition: Edition | str) -> ProxyValues:
    """The values of an edition whose chart was installed without changes, without trust anchors.

    Raises:
        ValueError: no edition of that name.
    """
    if isinstance(edition, str):
        edition = named_edition(edition)
    common = ProxyValues(
        edition=edition.name,
        version=edition.version,
        namespace=edition.namespace,
        cluster_networks=",".join(edition.cluster_networks),
        native=edition.native_sidecar,
        proxy_image=edition.proxy_image,
        proxy_version=edition.proxy_version,
        init_image=edition.init_image,
        init_version=edition.init_version,
        debug_image=edition.debug_image,
        skip_inbound_ports=",".join(edition.skip_inbound_ports),
        skip_outbound_ports=",".join(edition.skip_outbound_ports),
        opaque_ports=",".join(edition.opaque_ports),
    )
    if edition.name != STABLE:
        return common
    return replace(
        common,
        default_inbound_policy="",
        log_level="warn,linkerd=info",
        await_proxy=False,
        token_projection=False,
    )
