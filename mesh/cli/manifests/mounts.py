"""Which files a control-plane container finds where: ConfigMaps, Secrets, scratch space.

*Source:* charts of both editions. *Differs:* Prometheus and Grafana get whole folders, not single files.
"""

from dataclasses import dataclass

from mesh.cli.manifests.objects import Obj
from mesh.editions import Edition, Part

__all__ = ["Mount", "mounts_of"]

CONFIG, TLS, ISSUER = "/var/run/linkerd/config", "/var/run/linkerd/tls", "/var/run/linkerd/identity/issuer"


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume of a control-plane container: a ConfigMap's or Secret's files, or scratch space."""

    volume: str
    path: str
    kind: str = "emptyDir"
    name: str = ""

    def source(self) -> Obj:
        """The pod's volume."""
        key = "secretName" if self.kind == "secret" else "name"
        return {"name": self.volume, self.kind: {key: self.name} if self.name else {}}


LINKERD_CONFIG = Mount("config", CONFIG, "configMap", "linkerd-config")
STABLE_MOUNTS: dict[str, tuple[Mount, ...]] = {
    "identity": (LINKERD_CONFIG, Mount("identity-issuer", ISSUER, "secret", "linkerd-identity-issuer")),
    "public-api": (LINKERD_CONFIG,),
    "destination": (LINKERD_CONFIG,),
    "web": (LINKERD_CONFIG,),
    "proxy-injector": (LINKERD_CONFIG, Mount("tls", TLS, "secret", "linkerd-proxy-injector-tls")),
    "sp-validator": (Mount("tls", TLS, "secret", "linkerd-sp-validator-tls"),),
    "tap": (LINKERD_CONFIG, Mount("tls", TLS, "secret", "linkerd-tap-tls")),
    "prometheus": (
        Mount("data", "/data"),
        Mount("prometheus-config", "/etc/prometheus", "configMap", "linkerd-prometheus-config"),
    ),
    "grafana": (
        Mount("data", "/data"),
        Mount("grafana-config", "/etc/grafana", "configMap", "linkerd-grafana-config"),
    ),
}
TRUST_ROOTS = Mount(
    "trust-roots", "/var/run/linkerd/identity/trust-roots", "configMap", "linkerd-identity-trust-roots"
)
EDGE_MOUNTS: dict[str, tuple[Mount, ...]] = {
    "identity": (Mount("identity-issuer", ISSUER, "secret", "linkerd-identity-issuer"), TRUST_ROOTS),
    "sp-validator": (Mount("sp-tls", TLS, "secret", "linkerd-sp-validator-k8s-tls"),),
    "policy": (Mount("policy-tls", TLS, "secret", "linkerd-policy-validator-k8s-tls"),),
    "proxy-injector": (
        LINKERD_CONFIG,
        TRUST_ROOTS,
        Mount("tls", TLS, "secret", "linkerd-proxy-injector-k8s-tls"),
    ),
    "tap": (Mount("tls", TLS, "secret", "tap-k8s-tls"),),
    "tap-injector": (Mount("tls", TLS, "secret", "tap-injector-k8s-tls"),),
    "prometheus": (
        Mount("data", "/data"),
        Mount("prometheus-config", "/etc/prometheus", "configMap", "prometheus-config"),
    ),
}


def mounts_of(edition: Edition, part: Part) -> tuple[Mount, ...]:
    """The mounts of a container."""
    return (EDGE_MOUNTS if edition.viz_prefix else STABLE_MOUNTS).get(part.name, ())
