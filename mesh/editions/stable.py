"""stable-2.8.1: the edition of the 2020 tutorial.

*Source:* the manifests that ``linkerd install`` of stable-2.8.1 printed: images, arguments, ports.
"""

from types import MappingProxyType

from mesh.editions.model import Crd, Edition, Part, Port, Workload

__all__ = ["STABLE"]

REGISTRY = "gcr.io/linkerd-io"
CONTROLLER = f"{REGISTRY}/controller"
PROMETHEUS_URL = "http://linkerd-prometheus.{ns}.svc.{domain}:9090"
LOG = "-log-level={log}"

WORKLOADS = (
    Workload(
        "linkerd-identity",
        "identity",
        "linkerd-identity",
        (
            Part(
                "identity",
                CONTROLLER,
                ("identity", LOG),
                (Port("grpc", 8080), Port("admin-http", 9990)),
                9990,
            ),
        ),
    ),
    Workload(
        "linkerd-controller",
        "controller",
        "linkerd-controller",
        (
            Part(
                "public-api",
                CONTROLLER,
                (
                    "public-api",
                    f"-prometheus-url={PROMETHEUS_URL}",
                    "-destination-addr=linkerd-dst.{ns}.svc.{domain}:8086",
                    "-controller-namespace={ns}",
                    LOG,
                ),
                (Port("http", 8085), Port("admin-http", 9995)),
                9995,
            ),
        ),
    ),
    Workload(
        "linkerd-destination",
        "destination",
        "linkerd-destination",
        (
            Part(
                "destination",
                CONTROLLER,
                ("destination", "-addr=:8086", "-controller-namespace={ns}", "-enable-h2-upgrade=true", LOG),
                (Port("grpc", 8086), Port("admin-http", 9996)),
                9996,
            ),
        ),
    ),
    Workload(
        "linkerd-web",
        "web",
        "linkerd-web",
        (
            Part(
                "web",
                f"{REGISTRY}/web",
                (
                    "-api-addr=linkerd-controller-api.{ns}.svc.{domain}:8085",
                    "-grafana-addr=linkerd-grafana.{ns}.svc.{domain}:3000",
                    "-controller-namespace={ns}",
                    LOG,
                ),
                (Port("http", 8084), Port("admin-http", 9994)),
                9994,
            ),
        ),
    ),
    Workload(
        "linkerd-proxy-injector",
        "proxy-injector",
        "linkerd-proxy-injector",
        (
            Part(
                "proxy-injector",
                CONTROLLER,
                ("proxy-injector", LOG),
                (Port("proxy-injector", 8443), Port("admin-http", 9995)),
                9995,
            ),
        ),
    ),
    Workload(
        "linkerd-sp-validator",
        "sp-validator",
        "linkerd-sp-validator",
        (
            Part(
                "sp-validator",
                CONTROLLER,
                ("sp-validator", LOG),
                (Port("sp-validator", 8443), Port("admin-http", 9997)),
                9997,
            ),
        ),
    ),
    Workload(
        "linkerd-tap",
        "tap",
        "linkerd-tap",
        (
            Part(
                "tap",
                CONTROLLER,
                ("tap", "-controller-namespace={ns}", LOG),
                (Port("grpc", 8088), Port("apiserver", 8089), Port("admin-http", 9998)),
                9998,
            ),
        ),
    ),
    Workload(
        "linkerd-grafana",
        "grafana",
        "linkerd-grafana",
        (
            Part(
                "grafana",
                f"{REGISTRY}/grafana",
                (),
                (Port("http", 3000),),
                3000,
                live="/api/health",
                ready="/api/health",
            ),
        ),
    ),
    Workload(
        "linkerd-prometheus",
        "prometheus",
        "linkerd-prometheus",
        (
            Part(
                "prometheus",
                "prom/prometheus",
                (
                    "--storage.tsdb.path=/data",
                    "--storage.tsdb.retention.time=6h",
                    "--config.file=/etc/prometheus/prometheus.yml",
                    "--log.level=info",
                ),
                (Port("admin-http", 9090),),
                9090,
                "v2.15.2",
                live="/-/healthy",
                ready="/-/ready",
            ),
        ),
    ),
)

KUBERNETES = ("kubernetes-api", "kubernetes-version")
INSTALLED = (*KUBERNETES, "linkerd-existence", "linkerd-config", "linkerd-identity")
ADDONS = ("linkerd-addons", "linkerd-grafana")

STABLE = Edition(
    name="stable-2.8.1",
    version="stable-2.8.1",
    channel="stable",
    minimum_kubernetes=(1, 13, 0),
    minimum_kubectl=(1, 13, 0),
    cluster_version="v1.15.12-gke.20",
    registry=REGISTRY,
    proxy_image=f"{REGISTRY}/proxy",
    proxy_version="stable-2.8.1",
    init_image=f"{REGISTRY}/proxy-init",
    init_version="v1.3.3",
    debug_image=f"{REGISTRY}/debug",
    namespace="linkerd",
    viz_namespace="linkerd",
    opaque_ports=(),
    skip_inbound_ports=(),
    skip_outbound_ports=(),
    native_sidecar=False,
    viz_prefix=False,
    cluster_networks=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    workloads=WORKLOADS,
    crds=(
        Crd(
            "linkerd.io",
            "serviceprofiles",
            "serviceprofile",
            "ServiceProfile",
            ("v1alpha2", "v1alpha1"),
            ("sp",),
        ),
        Crd("split.smi-spec.io", "trafficsplits", "trafficsplit", "TrafficSplit", ("v1alpha1",), ("ts",)),
    ),
    separate_crds=False,
    checks=MappingProxyType(
        {
            "pre": (*KUBERNETES, "pre-kubernetes-setup", "pre-kubernetes-capability", "linkerd-version"),
            "default": (
                *INSTALLED,
                "linkerd-api",
                "linkerd-version",
                "control-plane-version",
                "linkerd-ha-checks",
                *ADDONS,
            ),
            "proxy": (
                *INSTALLED,
                "linkerd-identity-data-plane",
                "linkerd-api",
                "linkerd-version",
                "linkerd-data-plane",
                *ADDONS,
            ),
        }
    ),
)
