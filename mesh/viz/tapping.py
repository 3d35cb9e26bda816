"""The tap injector: marks pods that are created as tappable and tells their proxies whom to trust.

*Source:* viz/tap/injector/webhook.go.
"""

import base64
import json
from typing import Any

__all__ = ["DISABLE", "ENABLED", "review"]

Obj = dict[str, Any]
DISABLE = "viz.linkerd.io/disable-tap"
ENABLED = "viz.linkerd.io/tap-enabled"
VARIABLE = "LINKERD2_PROXY_TAP_SVC_NAME"


def review(admission_review: Obj, namespace: Obj, service_name: str) -> Obj:
    """The answer to an AdmissionReview of a pod: allowed, with a patch when it has a proxy to be tapped.

    Args:
        namespace: the Namespace object.
        service_name: the tap service's mesh identity.
    """
    request = admission_review.get("request") or {}
    response: Obj = {"uid": request.get("uid"), "allowed": True}
    ops = _ops(request.get("object") or {}, namespace, service_name)
    if ops:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(ops).encode()).decode()
    answer: Obj = {key: admission_review.get(key) for key in ("apiVersion", "kind")}
    return {**answer, "response": response}


def _ops(pod: Obj, namespace: Obj, service_name: str) -> list[Obj]:
    """The JSON patch, empty when the pod is not to be tapped."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    above = (namespace.get("metadata") or {}).get("annotations") or {}
    if annotations.get(DISABLE, above.get(DISABLE, "false")) == "true":
        return []
    for part in ("initContainers", "containers"):
        for place, container in enumerate((pod.get("spec") or {}).get(part) or ()):
            if container.get("name") == "linkerd-proxy":
                return _patch(container, f"/spec/{part}/{place}", annotations, service_name)
    return []


def _patch(proxy: Obj, path: str, annotations: Obj, service_name: str) -> list[Obj]:
    if any(entry.get("name") == VARIABLE for entry in proxy.get("env") or ()):
        return []
    ops: list[Obj] = []
    if not annotations:
        ops.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    key = ENABLED.replace("/", "~1")
    ops.append({"op": "add", "path": f"/metadata/annotations/{key}", "value": "true"})
    if not proxy.get("env"):
        ops.append({"op": "add", "path": f"{path}/env", "value": []})
    variable = {"name": VARIABLE, "value": service_name}
    return [*ops, {"op": "add", "path": f"{path}/env/-", "value": variable}]
