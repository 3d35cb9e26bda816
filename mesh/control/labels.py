"""Names of the labels, annotations, containers and volumes by which the parts of a mesh know each other.

*Source:* pkg/k8s/labels.go.
"""

__all__: list[str] = []

PREFIX = "linkerd.io"
CONFIG = "config.linkerd.io/"
CONFIG_ALPHA = "config.alpha.linkerd.io/"
CONFIG_BETA = "config.beta.linkerd.io/"

INJECT = "linkerd.io/inject"
ENABLED = "enabled"
DISABLED = "disabled"
INGRESS = "ingress"

CREATED_BY = "linkerd.io/created-by"
PROXY_VERSION = "linkerd.io/proxy-version"
IDENTITY_MODE = "linkerd.io/identity-mode"
TRUST_ROOT = "linkerd.io/trust-root-sha256"

CONTROL_PLANE_NS = "linkerd.io/control-plane-ns"
CONTROL_PLANE_COMPONENT = "linkerd.io/control-plane-component"
WORKLOAD_NS = "linkerd.io/workload-ns"
PROXY_OWNER = "linkerd.io/proxy-"  # followed by the owner's kind
POD_TEMPLATE_HASH = "pod-template-hash"
OPAQUE_PORTS = CONFIG + "opaque-ports"
SKIP_INBOUND_PORTS = CONFIG + "skip-inbound-ports"

PROXY_CONTAINER = "linkerd-proxy"
INIT_CONTAINER = "linkerd-init"
VALIDATOR_CONTAINER = "linkerd-network-validator"
DEBUG_CONTAINER = "linkerd-debug"
END_ENTITY_VOLUME = "linkerd-identity-end-entity"
TOKEN_VOLUME = "linkerd-identity-token"  # noqa: S105 - a volume's name
XTABLES_VOLUME = "linkerd-proxy-init-xtables-lock"

# Kinds of root owners that give a pod its proxy-KIND label.
OWNER_KINDS = (
    "deployment",
    "replicaset",
    "replicationcontroller",
    "daemonset",
    "statefulset",
    "job",
    "cronjob",
)
