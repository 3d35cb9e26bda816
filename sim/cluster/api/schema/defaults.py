"""Defaulting: what the API server fills into objects that leave it out.

Functions change the object they are given, which must be the caller's own.

*Source:* the defaulting functions of Kubernetes 1.32 and, where they differ, of 1.15.
"""

import base64
from collections.abc import Callable

from sim.cluster.api.objects import Obj

__all__ = ["apply_defaults", "quality_of_service"]


def apply_defaults(obj: Obj, given_version: str, minor: int) -> None:
    """Fill in what ``obj`` leaves out.

    Args:
        given_version: the apiVersion the client used; some defaults depend on it.
        minor: the cluster's minor version.
    """
    function = KINDS.get(obj["kind"])
    if function is not None:
        function(obj, given_version, minor)


def _fill(target: Obj, **values: object) -> None:
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def _mapping(parent: Obj, key: str) -> Obj:
    """The object at ``key``, made when missing."""
    found = parent.get(key)
    if not isinstance(found, dict):
        found = parent[key] = {}
    return found


# -- pods -------------------------------------------------------------------------------------------------


def _pod_spec(spec: Obj) -> None:
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
    )
    _mapping(spec, "securityContext")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Obj) -> None:
    _fill(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image") or "")
    resources = _mapping(container, "resources")
    for field in ("limits", "requests"):
        for name, amount in (resources.get(field) or {}).items():
            resources[field][name] = str(amount)
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    for port in container.get("ports") or ():
        _fill(port, protocol="TCP")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        if source.get("fieldRef"):
            _fill(source["fieldRef"], apiVersion="v1")
        if source.get("resourceFieldRef"):
            _fill(source["resourceFieldRef"], divisor="0")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe):
            _fill(
                container[probe], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3
            )
            _http_get(container[probe])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _http_get(hook)


def _http_get(handler: Obj) -> None:
    if handler.get("httpGet"):
        _fill(handler["httpGet"], path="/", scheme="HTTP")


def _pull_policy(image: str) -> str:
    name, at, _ = image.rpartition("/")[2].partition("@")
    tag = name.partition(":")[2]
    return "IfNotPresent" if at or tag not in ("", "latest") else "Always"


def _volume(volume: Obj) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if volume.get(source) is not None:
            _fill(volume[source], defaultMode=420)
    if volume.get("hostPath") is not None:
        _fill(volume["hostPath"], type="")
    for source in (volume.get("projected") or {}).get("sources") or ():
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _fill(item.get("fieldRef") or {}, apiVersion="v1")
        if source.get("serviceAccountToken"):
            _fill(source["serviceAccountToken"], expirationSeconds=3600)


def quality_of_service(spec: Obj) -> str:
    """``BestEffort``, ``Burstable`` or ``Guaranteed``, from requests and limits of cpu and memory."""
    guaranteed, any_amount = True, False
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            any_amount = any_amount or name in limits or name in requests
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                guaranteed = False
    if not any_amount:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _pod(obj: Obj, _version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _pod_spec(spec)
    _fill(spec, enableServiceLinks=True)
    status = _mapping(obj, "status")
    if not status.get("phase"):
        status["phase"] = "Pending"
        status["qosClass"] = quality_of_service(spec)


def _template(spec: Obj) -> None:
    _pod_spec(_mapping(_mapping(spec, "template"), "spec"))


# -- workloads ----------------------------------------------------------------------------------------------


def _selector_from_labels(spec: Obj, version: str) -> None:
    """Before apps/v1 a workload without a selector selected its template's labels."""
    if "beta" in version and not spec.get("selector"):
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        spec["selector"] = {"matchLabels": dict(labels)}


def _deployment(obj: Obj, version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _mapping(spec, "strategy")
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_mapping(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    _template(spec)
    _selector_from_labels(spec, version)


def _replica_set(obj: Obj, version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _fill(spec, replicas=1)
    _template(spec)
    _selector_from_labels(spec, version)


def _stateful_set(obj: Obj, version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    strategy = _mapping(spec, "updateStrategy")
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_mapping(strategy, "rollingUpdate"), partition=0)
    _template(spec)
    _selector_from_labels(spec, version)


def _daemon_set(obj: Obj, version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _fill(spec, revisionHistoryLimit=10)
    strategy = _mapping(spec, "updateStrategy")
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_mapping(strategy, "rollingUpdate"), maxUnavailable=1)
    _template(spec)
    _selector_from_labels(spec, version)


def _job_spec(spec: Obj, minor: int) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    _fill(spec, parallelism=1, backoffLimit=6)
    if minor >= 24:
        _fill(spec, completionMode="NonIndexed", suspend=False)
    _template(spec)


def _job(obj: Obj, _version: str, minor: int) -> None:
    _job_spec(_mapping(obj, "spec"), minor)


def _cron_job(obj: Obj, _version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _fill(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    _template(_mapping(_mapping(spec, "jobTemplate"), "spec"))


def _autoscaler(obj: Obj, version: str, minor: int) -> None:
    """The stored form is autoscaling/v2's on clusters that serve it."""
    spec = _mapping(obj, "spec")
    _fill(spec, minReplicas=1)
    if obj["apiVersion"] == "autoscaling/v2":
        target = spec.pop("targetCPUUtilizationPercentage", None)
        if not spec.get("metrics"):
            goal = {"type": "Utilization", "averageUtilization": target or 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": goal}}]
    elif not spec.get("metrics"):
        _fill(spec, targetCPUUtilizationPercentage=80)


# -- services and configuration --------------------------------------------------------------------


def _service(obj: Obj, _version: str, minor: int) -> None:
    spec = _mapping(obj, "spec")
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _fill(spec, externalTrafficPolicy="Cluster")
    for port in spec.get("ports") or ():
        _fill(port, protocol="TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port.get("port")
    if minor >= 20 and spec["type"] != "ExternalName":
        _fill(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if minor >= 22 and spec["type"] != "ExternalName":
        _fill(spec, internalTrafficPolicy="Cluster")
    _fill(_mapping(obj, "status"), loadBalancer={})


def _secret(obj: Obj, _version: str, minor: int) -> None:
    _fill(obj, type="Opaque")
    plain = obj.pop("stringData", None)
    if isinstance(plain, dict):
        data = _mapping(obj, "data")
        data |= {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}


def _namespace(obj: Obj, _version: str, minor: int) -> None:
    if not obj["metadata"].get("deletionTimestamp"):
        _fill(_mapping(obj, "spec"), finalizers=["kubernetes"])
    _fill(_mapping(obj, "status"), phase="Active")
    if minor >= 21:
        _mapping(obj["metadata"], "labels")["kubernetes.io/metadata.name"] = obj["metadata"].get("name")


def _binding(obj: Obj, _version: str, minor: int) -> None:
    group = "rbac.authorization.k8s.io"
    if obj.get("roleRef"):
        _fill(obj["roleRef"], apiGroup=group)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            _fill(subject, apiGroup=group)


def _webhooks(obj: Obj, version: str, minor: int) -> None:
    beta = version.endswith("v1beta1")
    for hook in obj.get("webhooks") or ():
        _fill(
            hook,
            failurePolicy="Ignore" if beta else "Fail",
            matchPolicy="Exact" if beta else "Equivalent",
            timeoutSeconds=30 if beta else 10,
            namespaceSelector={},
            objectSelector={},
        )
        if beta:
            _fill(hook, sideEffects="Unknown", admissionReviewVersions=["v1beta1"])
        if obj["kind"].startswith("Mutating"):
            _fill(hook, reinvocationPolicy="Never")
        for rule in hook.get("rules") or ():
            _fill(rule, scope="*")
        service = (hook.get("clientConfig") or {}).get("service")
        if service:
            _fill(service, port=443)


def _api_service(obj: Obj, _version: str, minor: int) -> None:
    service = (obj.get("spec") or {}).get("service")
    if service:
        _fill(service, port=443)


def _endpoints(obj: Obj, _version: str, minor: int) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            _fill(port, protocol="TCP")


KINDS: dict[str, Callable[[Obj, str, int], None]] = {
    "APIService": _api_service,
    "ClusterRoleBinding": _binding,
    "CronJob": _cron_job,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "Endpoints": _endpoints,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": _job,
    "MutatingWebhookConfiguration": _webhooks,
    "Namespace": _namespace,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "ReplicationController": _replica_set,
    "RoleBinding": _binding,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
    "ValidatingWebhookConfiguration": _webhooks,
}
