"""Deployments of the control plane with their own sidecars, and the heartbeat's CronJob.

*Source:* charts of both editions: probes, users, mounts, high-availability settings.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh.cli.manifests.mounts import Mount, mounts_of
from mesh.cli.manifests.objects import Naming, Obj, object_of
from mesh.cli.manifests.settings import COMPONENT, CONTROL_PLANE_NS, Settings
from mesh.control.sidecar import init_container, proxy_container, volumes
from mesh.control.values import ProxyValues
from mesh.editions import Part, Workload

__all__ = ["deployment", "disruption_budget", "heartbeat", "viz_deployment"]

PROXY_DEPLOYMENT = "linkerd.io/proxy-deployment"
SINGLE = ("web", "prometheus", "grafana")  # components that high availability leaves at one replica


USERS = {"prometheus": 65534, "grafana": 472}
HA_METRICS = {  # 2.8.1's requests and limits of its metrics store and graphs with --ha
    "prometheus": {
        "cpu": {"limit": "4", "request": "300m"},
        "memory": {"limit": "8192Mi", "request": "300Mi"},
    },
    "grafana": {"memory": {"limit": "1024Mi", "request": "50Mi"}},
}
GRAFANA_ENV = (
    ("GF_PATHS_DATA", "/data"),
    ("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning"),
)


def deployment(settings: Settings, workload: Workload) -> Obj:
    """A Deployment of the control plane; its proxy and init container are spelled out."""
    naming = settings.naming(workload.component)
    sidecar = _sidecar_values(settings, workload)
    labels = {
        COMPONENT: workload.component,
        CONTROL_PLANE_NS: settings.namespace,
        PROXY_DEPLOYMENT: workload.name,
    }
    pod_labels = {**labels, "linkerd.io/workload-ns": settings.namespace}
    pod = _pod(settings, workload)
    proxy = proxy_container(sidecar)
    pod["initContainers"] = [] if sidecar.cni else [init_container(sidecar)]
    if sidecar.native:
        pod["initContainers"].append(proxy)
    else:
        pod["containers"].append(proxy)
    pod["volumes"] += volumes(sidecar)
    annotations = {
        "linkerd.io/created-by": settings.created_by,
        "linkerd.io/proxy-version": sidecar.proxy_version or sidecar.version,
    }
    if not settings.edition.viz_prefix:
        annotations["linkerd.io/identity-mode"] = "default"
    template = {"metadata": {"annotations": annotations, "labels": pod_labels}, "spec": pod}
    return _deployment(settings, naming, workload, labels, template)


def viz_deployment(settings: Settings, workload: Workload) -> Obj:
    """A Deployment of the metrics extension; the injector adds its proxy."""
    selector = {"linkerd.io/extension": "viz", "component": workload.component}
    naming = Naming(settings.viz_namespace, selector, settings.created_by)
    annotations = {"linkerd.io/created-by": settings.created_by, "linkerd.io/inject": "enabled"}
    template = {
        "metadata": {"annotations": annotations, "labels": dict(selector)},
        "spec": _pod(settings, workload),
    }
    return _deployment(settings, naming, workload, selector, template)


def _deployment(
    settings: Settings, naming: Naming, workload: Workload, selector: Mapping[str, str], template: Obj
) -> Obj:
    metadata = naming.metadata(workload.name, annotate=True)
    metadata["labels"] = {
        "app.kubernetes.io/name": workload.component,
        "app.kubernetes.io/part-of": "Linkerd",
        "app.kubernetes.io/version": settings.edition.version,
        **metadata["labels"],
    }
    scaled = not workload.viz and workload.component not in SINGLE
    spec: Obj = {"replicas": int(settings.values["controllerReplicas"]) if scaled else 1}
    spec["selector"] = {"matchLabels": dict(selector)}
    if settings.ha and scaled:
        spec["strategy"] = {"rollingUpdate": {"maxUnavailable": 1}}
        template["spec"]["affinity"] = _apart(workload)
    spec["template"] = template
    return object_of("apps/v1", "Deployment", metadata, spec=spec)


def _pod(settings: Settings, workload: Workload) -> Obj:
    """The pod's specification without sidecar."""
    label = "kubernetes.io/os" if settings.edition.viz_prefix else "beta.kubernetes.io/os"
    mounts = {mount.volume: mount for part in workload.parts for mount in mounts_of(settings.edition, part)}
    return {
        "nodeSelector": {label: "linux"},
        "containers": [_container(settings, workload, part) for part in workload.parts],
        "serviceAccountName": workload.account,
        "volumes": [mount.source() for mount in mounts.values()],
    }


def _container(settings: Settings, workload: Workload, part: Part) -> Obj:
    """A container of the control plane."""
    slow = part.name in ("prometheus", "grafana")
    first = {"initialDelaySeconds": 30 if slow else 10, **({"timeoutSeconds": 30} if slow else {})}
    again: Obj = {"initialDelaySeconds": 30, "timeoutSeconds": 30} if slow else {"failureThreshold": 7}
    container: Obj = {"args": [settings.fill(arg) for arg in part.args]}
    env = _environment(settings, part)
    if env:
        container["env"] = env
    container |= {
        "image": _image(settings, part),
        "imagePullPolicy": settings.values["imagePullPolicy"],
        "livenessProbe": {"httpGet": {"path": part.live, "port": part.probe}, **first},
        "name": part.name,
        "ports": [{"containerPort": port.number, "name": port.name} for port in part.ports],
        "readinessProbe": {"httpGet": {"path": part.ready, "port": part.probe}, **again},
    }
    resources = _resources(settings, part)
    if resources:
        container["resources"] = resources
    container["securityContext"] = _security(settings, part)
    mounts = mounts_of(settings.edition, part)
    if mounts:
        container["volumeMounts"] = [_mounted(mount) for mount in mounts]
    if not container["args"]:
        del container["args"]
    return container


def _mounted(mount: Mount) -> Obj:
    found: Obj = {"mountPath": mount.path, "name": mount.volume}
    if mount.name:
        found["readOnly"] = True
    return found


def _image(settings: Settings, part: Part) -> str:
    """The part's image; values may name another registry or version of the controller."""
    if part.image == f"{settings.edition.registry}/controller":
        return f"{settings.values['controllerImage']}:{settings.values['linkerdVersion']}"
    return settings.edition.image(part)


def _environment(settings: Settings, part: Part) -> list[Obj]:
    if part.name == "grafana":
        return [{"name": name, "value": value} for name, value in GRAFANA_ENV]
    if part.name == "identity" and settings.edition.viz_prefix:
        text = "linkerd-await cannot block the identity controller"
        return [{"name": "LINKERD_DISABLED", "value": text}]
    return []


def _resources(settings: Settings, part: Part) -> Obj:
    """Requests and limits; there are none without high availability."""
    if not settings.ha:
        return {}
    key = "identityResources" if part.name == "identity" else "controllerResources"
    chart: Mapping[str, Any] = HA_METRICS.get(part.name) or settings.values.get(key) or {}
    found: Obj = {}
    for quantity, amounts in chart.items():
        for group in ("limit", "request"):
            if amounts.get(group):
                found.setdefault(f"{group}s", {})[quantity] = amounts[group]
    return found


def _security(settings: Settings, part: Part) -> Obj:
    user = USERS.get(part.name, int(settings.values["controllerUID"]))
    if not settings.edition.viz_prefix:
        return {"runAsUser": user}
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _sidecar_values(settings: Settings, workload: Workload) -> ProxyValues:
    """The proxy's values in a pod of the control plane."""
    ports = sorted({str(port.number) for part in workload.parts for port in part.ports})
    values = replace(settings.proxy, component=workload.name, inbound_ports=",".join(ports))
    if not settings.edition.viz_prefix:
        return values
    # The API server is reached directly: the control plane talks to it before its proxy is ready.
    api_ports = str(settings.values["proxyInit"]["kubeAPIServerPorts"])
    values = replace(values, skip_outbound_ports=api_ports, default_inbound_policy="all-unauthenticated")
    if workload.component == "identity":  # its proxy is certified by the container beside it
        return replace(values, native=False, await_proxy=False)
    return values


def _apart(workload: Workload) -> Obj:
    """Replicas on different nodes, and preferably in different zones."""
    selector = {"matchExpressions": [{"key": COMPONENT, "operator": "In", "values": [workload.component]}]}
    zone = {"labelSelector": selector, "topologyKey": "topology.kubernetes.io/zone"}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": zone, "weight": 100}],
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
            ],
        }
    }


def disruption_budget(settings: Settings, workload: Workload) -> Obj:
    """At most one replica may be taken away at a time."""
    metadata = settings.naming(workload.component).metadata(workload.name, annotate=True)
    selector = {"matchLabels": {COMPONENT: workload.component}}
    return object_of(
        "policy/v1", "PodDisruptionBudget", metadata, spec={"maxUnavailable": 1, "selector": selector}
    )


def heartbeat(settings: Settings) -> Obj:
    """The CronJob that once a day reports the version in use."""
    edge = settings.edition.viz_prefix
    naming = settings.naming("heartbeat")
    labels = {**naming.labels, "linkerd.io/workload-ns": settings.namespace}
    args = ["heartbeat", "-controller-namespace={ns}", "-log-level={log}"]
    if edge:
        args += ["-log-format=plain", "-prometheus-url=http://prometheus.linkerd-viz.svc.{domain}:9090"]
    else:
        args.insert(1, "-prometheus-url=http://linkerd-prometheus.{ns}.svc.{domain}:9090")
    container = {
        "name": "heartbeat",
        "image": f"{settings.values['controllerImage']}:{settings.values['linkerdVersion']}",
        "imagePullPolicy": settings.values["imagePullPolicy"],
        "args": [settings.fill(arg) for arg in args],
        "securityContext": {"runAsUser": int(settings.values["controllerUID"])},
    }
    pod = {
        "nodeSelector": {"kubernetes.io/os" if edge else "beta.kubernetes.io/os": "linux"},
        "serviceAccountName": "linkerd-heartbeat",
        "restartPolicy": "Never",
        "containers": [container],
    }
    metadata = naming.metadata("linkerd-heartbeat", annotate=True)
    template = {
        "metadata": {"labels": labels, "annotations": {"linkerd.io/created-by": settings.created_by}},
        "spec": pod,
    }
    spec = {
        "concurrencyPolicy": "Replace",
        "schedule": settings.heartbeat_schedule(),
        "successfulJobsHistoryLimit": 0,
        "jobTemplate": {"spec": {"template": template}},
    }
    return object_of("batch/v1" if edge else "batch/v1beta1", "CronJob", metadata, spec=spec)
