"""The configuration of the mesh's Prometheus: whom it scrapes and how pods' labels become metric labels.

*Source:* prometheus.yaml of both editions.
"""

from typing import Any

from mesh.cli.manifests.settings import Settings
from mesh.yaml import dump

__all__ = ["prometheus_config"]

META = "__meta_kubernetes_pod"
SCRAPE = "10s"


def prometheus_config(settings: Settings) -> str:
    """The text of ``prometheus.yml``."""
    edge = settings.edition.viz_prefix
    jobs: list[Any] = [{"job_name": "prometheus", "static_configs": [{"targets": ["localhost:9090"]}]}]
    if not edge:
        keep = {"source_labels": [f"{META}_container_name"], "action": "keep", "regex": "^grafana$"}
        jobs.append(_pods("grafana", [keep], [settings.namespace]))
    jobs += [_cadvisor(), _controllers(settings), _proxies(settings)]
    intervals = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE}
    return dump({"global": intervals, "rule_files": ["/etc/prometheus/*_rules.yml"], "scrape_configs": jobs})


def _pods(name: str, relabel: list[Any], namespaces: list[str] | None = None) -> dict[str, Any]:
    """A job that discovers pods."""
    discovery: dict[str, Any] = {"role": "pod"}
    if namespaces:
        discovery["namespaces"] = {"names": namespaces}
    return {"job_name": name, "kubernetes_sd_configs": [discovery], "relabel_configs": relabel}


def _cadvisor() -> dict[str, Any]:
    """CPU and memory of containers, asked of the kubelets through the API server."""
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    return {
        "job_name": "kubernetes-nodes-cadvisor",
        "scheme": "https",
        "tls_config": {"ca_file": f"{folder}/ca.crt", "insecure_skip_verify": True},
        "bearer_token_file": f"{folder}/token",
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [
            {"action": "labelmap", "regex": "__meta_kubernetes_node_label_(.+)"},
            {"target_label": "__address__", "replacement": "kubernetes.default.svc:443"},
            {
                "source_labels": ["__meta_kubernetes_node_name"],
                "regex": "(.+)",
                "target_label": "__metrics_path__",
                "replacement": "/api/v1/nodes/$1/proxy/metrics/cadvisor",
            },
        ],
        "metric_relabel_configs": [
            {
                "source_labels": ["__name__"],
                "regex": "(container|machine)_(cpu|memory|network|fs)_(.+)",
                "action": "keep",
            },
            {"source_labels": ["__name__"], "regex": "container_memory_failures_total", "action": "drop"},
        ],
    }


def _controllers(settings: Settings) -> dict[str, Any]:
    """The control plane's own metrics."""
    component = {
        "source_labels": [f"{META}_container_name"],
        "action": "replace",
        "target_label": "component",
    }
    port = f"{META}_container_port_name"
    if settings.edition.viz_prefix:
        keep = [
            {"source_labels": [port], "action": "keep", "regex": ".*admin$"},
            {"source_labels": [port], "action": "drop", "regex": "linkerd-admin"},
        ]
        return _pods("linkerd-controller", [*keep, component], [settings.namespace, settings.viz_namespace])
    labels = [f"{META}_label_linkerd_io_control_plane_component", port]
    keep = [{"source_labels": labels, "action": "keep", "regex": "(.*);admin-http$"}]
    return _pods("linkerd-controller", [*keep, component], [settings.namespace])


def _proxies(settings: Settings) -> dict[str, Any]:
    """Every proxy of this control plane; who a pod belongs to becomes its metrics' labels."""
    phase = {"source_labels": [f"{META}_phase"], "regex": "(Pending|Running)", "action": "keep"}
    mine = {
        "source_labels": [
            f"{META}_container_name",
            f"{META}_container_port_name",
            f"{META}_label_linkerd_io_control_plane_ns",
        ],
        "action": "keep",
        "regex": f"^linkerd-proxy;linkerd-admin;{settings.namespace}$",
    }
    job = f"{META}_label_linkerd_io_proxy_job"  # "job" is Prometheus' own label: k8s_job stands for it
    relabel = [
        mine,
        {"source_labels": ["__meta_kubernetes_namespace"], "action": "replace", "target_label": "namespace"},
        {"source_labels": [f"{META}_name"], "action": "replace", "target_label": "pod"},
        {"source_labels": [job], "action": "replace", "target_label": "k8s_job"},
        {"action": "labeldrop", "regex": job},
        {"action": "labelmap", "regex": f"{META}_label_linkerd_io_proxy_(.+)"},
        {"action": "labeldrop", "regex": f"{META}_label_linkerd_io_proxy_(.+)"},
        {"action": "labelmap", "regex": f"{META}_label_linkerd_io_(.+)"},
        {"action": "labelmap", "regex": f"{META}_label_(.+)", "replacement": "__tmp_pod_label_$1"},
        {
            "action": "labelmap",
            "regex": "__tmp_pod_label_linkerd_io_(.+)",
            "replacement": "__tmp_pod_label_$1",
        },
        {"action": "labeldrop", "regex": "__tmp_pod_label_linkerd_io_(.+)"},
        {"action": "labelmap", "regex": "__tmp_pod_label_(.+)"},
    ]
    return _pods("linkerd-proxy", [phase, *relabel] if settings.edition.viz_prefix else relabel)
