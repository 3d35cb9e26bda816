"""edge: the current edition, edge-26.8.3, with the metrics extension viz in a namespace of its own.

*Source:* charts/linkerd-control-plane, charts/linkerd-crds and viz/charts of that edge release.
"""

from types import MappingProxyType

from mesh.editions.model import Crd, Edition, Part, Port, Workload

__all__ = ["EDGE"]

REGISTRY = "cr.l5d.io/linkerd"
CONTROLLER = f"{REGISTRY}/controller"
PROMETHEUS_URL = "http://prometheus.{viz}.svc.{domain}:9090"
NETWORKS = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")
LOG = ("-log-level={log}", "-log-format=plain")

IDENTITY = Part(
    "identity",
    CONTROLLER,
    (
        "identity",
        *LOG,
        "-controller-namespace={ns}",
        "-identity-trust-domain={trust}",
        "-identity-issuance-lifetime={lifetime}",
        "-identity-clock-skew-allowance={skew}",
        "-identity-scheme=linkerd.io/tls",
    ),
    (Port("ident-grpc", 8080), Port("ident-admin", 9990)),
    9990,
)
DESTINATION = Part(
    "destination",
    CONTROLLER,
    (
        "destination",
        "-addr=:8086",
        "-controller-namespace={ns}",
        "-outbound-transport-mode=transport-header",
        "-enable-h2-upgrade=true",
        *LOG,
        "-enable-endpoint-slices=true",
        "-cluster-domain={domain}",
        "-identity-trust-domain={trust}",
        "-default-opaque-ports={opaque}",
    ),
    (Port("dest-grpc", 8086), Port("dest-admin", 9996)),
    9996,
)
SP_VALIDATOR = Part(
    "sp-validator",
    CONTROLLER,
    ("sp-validator", *LOG),
    (Port("sp-validator", 8443), Port("spval-admin", 9997)),
    9997,
)
POLICY = Part(
    "policy",
    f"{REGISTRY}/policy-controller",
    (
        "--admin-addr=0.0.0.0:9990",
        "--control-plane-namespace={ns}",
        "--grpc-addr=0.0.0.0:8090",
        "--server-addr=0.0.0.0:9443",
        "--server-tls-key=/var/run/linkerd/tls/tls.key",
        "--server-tls-certs=/var/run/linkerd/tls/tls.crt",
        "--cluster-networks={networks}",
        "--identity-domain={trust}",
        "--cluster-domain={domain}",
        "--default-policy={policy}",
        "--log-level={log}",
        "--log-format=plain",
        "--default-opaque-ports={opaque}",
        "--global-egress-network-namespace=linkerd-egress",
        "--probe-networks=0.0.0.0/0,::/0",
    ),
    (Port("policy-grpc", 8090), Port("policy-admin", 9990), Port("policy-https", 9443)),
    9990,
    live="/live",
)
INJECTOR = Part(
    "proxy-injector",
    CONTROLLER,
    ("proxy-injector", *LOG, "-linkerd-namespace={ns}"),
    (Port("proxy-injector", 8443), Port("injector-admin", 9995)),
    9995,
)
METRICS_API = Part(
    "metrics-api",
    f"{REGISTRY}/metrics-api",
    ("-controller-namespace={ns}", *LOG, "-cluster-domain={domain}", f"-prometheus-url={PROMETHEUS_URL}"),
    (Port("http", 8085), Port("admin", 9995)),
    9995,
)
TAP = Part(
    "tap",
    f"{REGISTRY}/tap",
    ("api", "-api-namespace={ns}", *LOG, "-identity-trust-domain={trust}"),
    (Port("grpc", 8088), Port("apiserver", 8089), Port("admin", 9998)),
    9998,
)
TAP_INJECTOR = Part(
    "tap-injector",
    f"{REGISTRY}/tap",
    ("injector", "-tap-service-name=tap.{viz}.serviceaccount.identity.{ns}.{trust}", *LOG),
    (Port("tap-injector", 8443), Port("admin", 9995)),
    9995,
)
WEB = Part(
    "web",
    f"{REGISTRY}/web",
    (
        "-linkerd-metrics-api-addr=metrics-api.{viz}.svc.{domain}:8085",
        "-cluster-domain={domain}",
        "-controller-namespace={ns}",
        *LOG,
    ),
    (Port("http", 8084), Port("admin", 9994)),
    9994,
)
PROMETHEUS = Part(
    "prometheus",
    "prom/prometheus",
    (
        "--log.level=info",
        "--log.format=logfmt",
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/data",
        "--storage.tsdb.retention.time=6h",
    ),
    (Port("admin", 9090),),
    9090,
    "v2.55.1",
    live="/-/healthy",
    ready="/-/ready",
)

POLICY_GROUP = "policy.linkerd.io"
CRDS = (
    Crd(
        POLICY_GROUP,
        "authorizationpolicies",
        "authorizationpolicy",
        "AuthorizationPolicy",
        ("v1alpha1",),
        ("authzpolicy",),
    ),
    Crd(POLICY_GROUP, "egressnetworks", "egressnetwork", "EgressNetwork", ("v1alpha1",)),
    Crd(
        "workload.linkerd.io",
        "externalworkloads",
        "externalworkload",
        "ExternalWorkload",
        ("v1beta1", "v1alpha1"),
    ),
    Crd(
        POLICY_GROUP,
        "httplocalratelimitpolicies",
        "httplocalratelimitpolicy",
        "HTTPLocalRateLimitPolicy",
        ("v1alpha1",),
    ),
    Crd(POLICY_GROUP, "httproutes", "httproute", "HTTPRoute", ("v1beta3", "v1beta2", "v1beta1", "v1alpha1")),
    Crd(
        POLICY_GROUP,
        "meshtlsauthentications",
        "meshtlsauthentication",
        "MeshTLSAuthentication",
        ("v1alpha1",),
        ("meshtlsauthn",),
    ),
    Crd(
        POLICY_GROUP,
        "networkauthentications",
        "networkauthentication",
        "NetworkAuthentication",
        ("v1alpha1",),
        ("netauthn", "networkauthn"),
    ),
    Crd(
        POLICY_GROUP,
        "serverauthorizations",
        "serverauthorization",
        "ServerAuthorization",
        ("v1beta1", "v1alpha1"),
        ("saz", "serverauthz", "srvauthz"),
    ),
    Crd(POLICY_GROUP, "servers", "server", "Server", ("v1beta3", "v1beta2", "v1beta1", "v1alpha1"), ("srv",)),
    Crd(
        "linkerd.io", "serviceprofiles", "serviceprofile", "ServiceProfile", ("v1alpha2", "v1alpha1"), ("sp",)
    ),
)

KUBERNETES = ("kubernetes-api", "kubernetes-version", "gateway-api-crd")
INSTALLED = (*KUBERNETES, "linkerd-existence", "linkerd-config", "linkerd-identity")
WEBHOOKS = "linkerd-webhooks-and-apisvc-tls"

EDGE = Edition(
    name="edge",
    version="edge-26.8.3",
    channel="edge",
    minimum_kubernetes=(1, 31, 0),
    minimum_kubectl=None,
    cluster_version="v1.32.4",
    registry=REGISTRY,
    proxy_image=f"{REGISTRY}/proxy",
    proxy_version="edge-26.8.3",
    init_image=f"{REGISTRY}/proxy",
    init_version="edge-26.8.3",
    debug_image=f"{REGISTRY}/debug",
    namespace="linkerd",
    viz_namespace="linkerd-viz",
    opaque_ports=("25", "587", "3306", "4444", "5432", "6379", "9300", "11211"),
    skip_inbound_ports=("4567", "4568"),
    skip_outbound_ports=("4567", "4568"),
    native_sidecar=True,
    viz_prefix=True,
    cluster_networks=NETWORKS,
    workloads=(
        Workload("linkerd-identity", "identity", "linkerd-identity", (IDENTITY,)),
        Workload(
            "linkerd-destination", "destination", "linkerd-destination", (DESTINATION, SP_VALIDATOR, POLICY)
        ),
        Workload("linkerd-proxy-injector", "proxy-injector", "linkerd-proxy-injector", (INJECTOR,)),
        Workload("metrics-api", "metrics-api", "metrics-api", (METRICS_API,), viz=True),
        Workload("prometheus", "prometheus", "prometheus", (PROMETHEUS,), viz=True),
        Workload("tap", "tap", "tap", (TAP,), viz=True),
        Workload("tap-injector", "tap-injector", "tap-injector", (TAP_INJECTOR,), viz=True),
        Workload("web", "web", "web", (WEB,), viz=True),
    ),
    crds=CRDS,
    separate_crds=True,
    checks=MappingProxyType(
        {
            "pre": (*KUBERNETES, "pre-kubernetes-setup", "linkerd-version"),
            "crds": (*KUBERNETES, "linkerd-crd", "linkerd-version"),
            "default": (
                *INSTALLED,
                WEBHOOKS,
                "linkerd-version",
                "control-plane-version",
                "linkerd-control-plane-proxy",
                "linkerd-ha-checks",
                "linkerd-extension-checks",
                "linkerd-viz",
            ),
            "proxy": (
                *INSTALLED,
                WEBHOOKS,
                "linkerd-identity-data-plane",
                "linkerd-version",
                "linkerd-control-plane-proxy",
                "linkerd-data-plane",
                "linkerd-ha-checks",
                "linkerd-extension-checks",
                "linkerd-viz",
                "linkerd-viz-data-plane",
            ),
            "viz": ("linkerd-viz",),
            "viz-proxy": ("linkerd-viz", "linkerd-viz-data-plane"),
        }
    ),
)
