"""The policy of ports that no Server selects.

*Source:* policy-controller/k8s/index/src/inbound, policy-controller/core/src/inbound.rs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.discovery.endpoints import in_ports, pod_ports
from mesh.editions import Edition
from mesh.messages import InboundAuthorization, InboundPolicy

__all__ = [
    "EVERYWHERE",
    "POLICIES",
    "PolicyConfig",
    "default_authorizations",
    "inbound_policy",
    "probe_paths",
]

Obj: TypeAlias = dict[str, Any]

DEFAULT_POLICY = labels.CONFIG + "default-inbound-policy"
EVERYWHERE = ("0.0.0.0/0", "::/0")
POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "audit",
    "deny",
)
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """How the policy controller was installed.

    Attributes:
        namespace: of the control plane; part of identities.
        domain: of the cluster; part of authorities.
        trust_domain: of identities.
    """

    default_policy: str = "all-unauthenticated"
    cluster_networks: tuple[str, ...] = ()
    opaque_ports: str = ""
    namespace: str = "linkerd"
    domain: str = "cluster.local"
    trust_domain: str = "cluster.local"

    def identity(self, service_account: str, namespace: str) -> str:
        """The TLS name of pods that run under a service account."""
        return f"{service_account}.{self.tenants(namespace)}"

    def tenants(self, namespace: str) -> str:
        """What the TLS names of a namespace end in."""
        return f"{namespace}.serviceaccount.identity.{self.namespace}.{self.trust_domain}"

    @classmethod
    def of(cls, edition: Edition) -> "PolicyConfig":
        """The configuration of an unchanged installation of ``edition``."""
        return cls(cluster_networks=edition.cluster_networks, opaque_ports=",".join(edition.opaque_ports))


def inbound_policy(pod: Obj, port: int, config: PolicyConfig) -> InboundPolicy:
    """The policy that the pod's annotation names (it was frozen at injection), else the installed one."""
    metadata = pod.get("metadata") or {}
    name = (metadata.get("annotations") or {}).get(DEFAULT_POLICY, config.default_policy)
    if name not in POLICIES:
        name = config.default_policy
    opaque = in_ports(port, pod_ports(pod, labels.OPAQUE_PORTS, config.opaque_ports))
    return InboundPolicy(
        "default",
        name,
        protocol="opaque" if opaque else "detect",
        authorizations=default_authorizations(name, config),
        probes=tuple(dict.fromkeys(probe_paths(pod, port))),
    )


def default_authorizations(name: str, config: PolicyConfig) -> tuple[InboundAuthorization, ...]:
    """Whom a default policy, or a Server's ``accessPolicy``, lets in."""
    if name == "deny":
        return ()
    networks = config.cluster_networks if name.startswith("cluster-") else EVERYWHERE
    if name.endswith("-authenticated"):
        return (InboundAuthorization("default", name, networks, "identity", ("*",)),)
    return (InboundAuthorization("default", name, networks),)


def probe_paths(pod: Obj, port: int) -> Iterator[str]:
    """Paths that the kubelet asks for on this port; a native sidecar's are among the init containers'."""
    spec = pod.get("spec") or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        names = {entry.get("name"): entry.get("containerPort") for entry in container.get("ports") or ()}
        for probe in PROBES:
            get = (container.get(probe) or {}).get("httpGet")
            if get and names.get(get.get("port"), get.get("port")) == port:
                yield get.get("path") or "/"
