"""The proxy injector: an admission webhook that adds a proxy to pods, as a JSON patch.

*Source:* controller/proxy-injector/webhook.go, pkg/inject/inject.go, charts/patch/templates/patch.json.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.certificates import fingerprint
from mesh.control.injection import annotations as settings
from mesh.control.injection.decision import Report, reason_text, report
from mesh.control.injection.workload import Workload, container_ports, port_names
from mesh.control.sidecar import (
    debug_container,
    init_container,
    proxy_container,
    validator_container,
    volumes,
)
from mesh.control.values import STABLE, ProxyValues, ServiceAccountMount

__all__ = ["Admission", "OwnerEvent", "admit", "annotate", "configure", "inject", "review"]

Obj: TypeAlias = dict[str, Any]
Ops: TypeAlias = list[dict[str, Any]]

ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class OwnerEvent:
    """A Kubernetes event to be recorded on the pod's owner."""

    kind: str
    name: str
    namespace: str
    reason: str
    message: str
    type: str = "Normal"


@dataclass(frozen=True, slots=True)
class Admission:
    """What came of one admission request.

    Attributes:
        review: the AdmissionReview to answer with.
        event: to record, if any.
        request_labels, response_labels: of ``proxy_inject_admission_requests_total`` and
            ``proxy_inject_admission_responses_total``, each to be counted up by one.
        warnings: annotations that were ignored.
    """

    review: Obj
    event: OwnerEvent | None
    request_labels: tuple[tuple[str, str], ...]
    response_labels: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


def review(
    admission_review: Obj, *, namespace: Obj, owner: tuple[str, str] | None, config: ProxyValues
) -> Obj:
    """The answer to an AdmissionReview: always allowed, perhaps with a patch; see :func:`admit`."""
    return admit(admission_review, namespace=namespace, owner=owner, config=config).review


def admit(
    admission_review: Obj, *, namespace: Obj, owner: tuple[str, str] | None, config: ProxyValues
) -> Admission:
    """Answer an AdmissionReview of a Pod or a Service that is being created.

    Args:
        namespace: the Namespace object.
        owner: (kind, name) of the object that the pod belongs to in the end: its Deployment rather than its
            ReplicaSet. None: the pod has none.
        config: the installed values.
    """
    request = admission_review.get("request") or {}
    name = str(request.get("namespace") or (namespace.get("metadata") or {}).get("name") or "")
    obj = dict(request.get("object") or {})
    obj.setdefault("kind", (request.get("kind") or {}).get("kind", ""))
    workload = Workload.of(obj, owner, name)
    above = (namespace.get("metadata") or {}).get("annotations") or {}
    found = report(workload, config, above)
    warnings: tuple[str, ...] = ()
    event = None
    if found.injectable:
        ops, warnings = inject(workload, above, config, f"linkerd/proxy-injector {config.version}")
        if owner is not None:
            event = OwnerEvent(*owner, name, "Injected", "Linkerd sidecar proxy injected")
    else:
        ops = _opaque_ports(workload, above, config)
        if owner is not None and found.reasons:
            texts = ", ".join(reason_text(code, config.edition) for code in found.reasons)
            message = f"Linkerd sidecar proxy injection skipped: {texts}"
            event = OwnerEvent(*owner, name, "InjectionSkipped", message)
    requested, answered = _counters(found, owner, workload)
    return Admission(_answer(admission_review, request, ops), event, requested, answered, warnings)


def inject(
    workload: Workload,
    namespace: Mapping[str, str],
    config: ProxyValues,
    created_by: str,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Ops, tuple[str, ...]]:
    """The patch that adds the proxy to a workload's pods, and warnings about ignored annotations.

    Args:
        namespace: annotations of the pods' namespace.
        created_by: value of the annotation ``linkerd.io/created-by``.
        extra: annotations to add, which count as the pod's own.
    """
    values, copied, warnings = configure(workload, namespace, config, extra)
    added = {**copied, **extra, labels.CREATED_BY: created_by, **_marks(values)}
    ops = _metadata_ops(workload, "annotations", added)
    ops += _metadata_ops(workload, "labels", _labels(workload, values), has_metadata=True)
    return ops + _spec_ops(workload, values), warnings


def annotate(workload: Workload, added: Mapping[str, str]) -> Ops:
    """The patch that only annotates a workload's pods (the command line without --manual)."""
    return _metadata_ops(workload, "annotations", dict(added))


def configure(
    workload: Workload,
    namespace: Mapping[str, str],
    config: ProxyValues,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> tuple[ProxyValues, dict[str, str], tuple[str, ...]]:
    """The values for one workload's pods, the namespace's annotations that they take over, and warnings.

    Chart values give way to the namespace's annotations, those to the pod's. In 2.8.1 pods follow their
    namespace without being annotated.
    """
    pod = {**workload.annotations, **extra}
    copied = settings.inherited(namespace, pod, config.edition)
    warnings: tuple[str, ...] = ()
    values = _facts(workload, config)
    if settings.ADDITIONAL_ENV in namespace and settings.ADDITIONAL_ENV in pod:
        env = {settings.ADDITIONAL_ENV: namespace[settings.ADDITIONAL_ENV]}
        values, warnings = settings.apply(values, env)
    values, more = settings.apply(values, {**copied, **pod}, port_names(workload.pod_spec))
    mode = pod.get(labels.INJECT) or namespace.get(labels.INJECT)
    if mode == labels.INGRESS:
        values = replace(values, ingress=True)
    return values, {} if config.edition == STABLE else copied, (*warnings, *more)


def _facts(workload: Workload, config: ProxyValues) -> ProxyValues:
    """``config`` with what the pod itself decides."""
    spec = workload.pod_spec
    containers = [c for c in spec.get("containers") or () if isinstance(c, dict)]
    capabilities = (((containers or [{}])[0].get("securityContext")) or {}).get("capabilities") or {}
    owner_kind, owner_name = workload.owner or ("", "")
    component = ""
    if owner_kind.lower() == "deployment" and workload.namespace == config.namespace:
        component = owner_name
    return replace(
        config,
        component=component,
        inbound_ports=",".join(map(str, container_ports(spec))),
        account_mount=_account_mount(containers),
        added_capabilities=tuple(capabilities.get("add") or ()),
        dropped_capabilities=tuple(capabilities.get("drop") or ()),
    )


def _account_mount(containers: Iterable[Obj]) -> ServiceAccountMount | None:
    for container in containers:
        for mount in container.get("volumeMounts") or ():
            if mount.get("mountPath") == ACCOUNT_PATH:
                return ServiceAccountMount(str(mount["name"]), ACCOUNT_PATH, bool(mount.get("readOnly")))
    return None


def _marks(values: ProxyValues) -> dict[str, str]:
    """Annotations by which others see what was injected."""
    marks = {labels.PROXY_VERSION: values.proxy_version or values.version}
    if values.edition == STABLE:
        marks[labels.IDENTITY_MODE] = "disabled" if values.disable_identity else "default"
    else:
        marks[labels.TRUST_ROOT] = fingerprint(values.trust_anchors)
    return marks


def _labels(workload: Workload, values: ProxyValues) -> dict[str, str]:
    found = {labels.CONTROL_PLANE_NS: values.namespace}
    if workload.namespace:
        found[labels.WORKLOAD_NS] = workload.namespace
    if workload.owner is not None and workload.owner[0].lower() in labels.OWNER_KINDS:
        found[labels.PROXY_OWNER + workload.owner[0].lower()] = workload.owner[1]
    return found


def _pointer(workload: Workload, *parts: str) -> str:
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in (*workload.path, *parts))
    return "/" + "/".join(escaped)


def _add(workload: Workload, *parts: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": _pointer(workload, *parts), "value": value}


def _metadata_ops(
    workload: Workload, part: str, added: Mapping[str, str], *, has_metadata: bool = False
) -> Ops:
    ops = []
    if not has_metadata and not isinstance((workload.template or {}).get("metadata"), dict):
        ops.append(_add(workload, "metadata", value={}))
    if not workload.pod_metadata(part):
        ops.append(_add(workload, "metadata", part, value={}))
    ops += [_add(workload, "metadata", part, key, value=added[key]) for key in sorted(added)]
    return ops


def _spec_ops(workload: Workload, values: ProxyValues) -> Ops:
    """Volumes and containers, in the chart's order."""
    spec = workload.pod_spec
    ops = [] if spec.get("volumes") else [_add(workload, "spec", "volumes", value=[])]
    if not spec.get("initContainers") and (not values.cni or values.edition != STABLE):
        ops.append(_add(workload, "spec", "initContainers", value=[]))
    found = volumes(values)
    if found and found[0]["name"] == labels.XTABLES_VOLUME:
        ops.append(_add(workload, "spec", "volumes", "-", value=found.pop(0)))
    place = "0" if values.native else "-"
    if not values.cni:
        ops.append(_add(workload, "spec", "initContainers", place, value=init_container(values)))
    elif values.edition != STABLE:
        ops.append(_add(workload, "spec", "initContainers", place, value=validator_container(values)))
    if values.debug:
        ops.append(_add(workload, "spec", "containers", "-", value=debug_container(values)))
    ops += [_add(workload, "spec", "volumes", "-", value=volume) for volume in found]
    if values.native:
        where = ("initContainers", "1")
    else:
        where = ("containers", "0" if values.await_proxy else "-")
    ops.append(_add(workload, "spec", *where, value=proxy_container(values)))
    return ops


def _opaque_ports(workload: Workload, namespace: Mapping[str, str], config: ProxyValues) -> Ops:
    """For pods and services that stay outside the mesh: say which of their ports are opaque."""
    if config.edition == STABLE or workload.kind not in ("pod", "service"):
        return []
    metadata = workload.obj.get("metadata") or {}
    own = metadata.get("annotations") or {}
    if labels.OPAQUE_PORTS in own:
        return []
    value = namespace.get(labels.OPAQUE_PORTS) or ",".join(_default_opaque(workload, config))
    if not value:
        return []
    ops: Ops = []
    if not metadata:
        ops.append({"op": "add", "path": "/metadata", "value": {}})
    if not own:
        ops.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    path = "/metadata/annotations/" + labels.OPAQUE_PORTS.replace("/", "~1")
    return [*ops, {"op": "add", "path": path, "value": value}]


def _default_opaque(workload: Workload, config: ProxyValues) -> list[str]:
    """The ports on the default opaque list that the object exposes; a service's named target never counts."""
    default = config.opaque_ports.split(",")
    if workload.kind == "pod":
        exposed = {str(port) for port in container_ports(workload.pod_spec)}
        return [port for port in default if port in exposed]
    exposed = set()
    for port in (workload.obj.get("spec") or {}).get("ports") or ():
        target = port.get("targetPort")
        number = port.get("port") if target in (None, 0) else target
        if isinstance(number, int) and str(number) in default:
            exposed.add(str(port.get("port")))
    return sorted(exposed, key=int)


def _answer(admission_review: Obj, request: Obj, ops: Ops) -> Obj:
    response: Obj = {"uid": request.get("uid", ""), "allowed": True}
    if ops:
        patch = json.dumps(ops, ensure_ascii=False, separators=(",", ":")).encode()
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(patch).decode()
    return {
        "apiVersion": admission_review.get("apiVersion", "admission.k8s.io/v1"),
        "kind": "AdmissionReview",
        "response": response,
    }


def _counters(
    found: Report, owner: tuple[str, str] | None, workload: Workload
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Labels of the request and the response counter."""
    kind = owner[0].lower() if owner else workload.kind
    asked = (
        ("owner_kind", kind),
        ("namespace", workload.namespace),
        ("annotation_at", found.annotation_at),
    )
    skipped = (("skip", "false" if found.injectable else "true"), ("skip_reason", ",".join(found.reasons)))
    return asked, (*asked, *skipped)
