"""The scale subresource: one small object for everything that has replicas."""

from sim.cluster.api.errors import NotAllowed
from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource
from sim.cluster.api.schema.validation import negative_replicas

__all__ = ["scale_of", "scaled", "selector_text"]


def selector_text(selector: Obj | None) -> str:
    """A LabelSelector as ``kubectl get -l`` takes it: ``app=web,tier in (a,b)``."""
    if not selector:
        return ""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        terms.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }.get(expression["operator"], key)
        )
    return ",".join(terms)


def scale_of(resource: Resource, obj: Obj) -> Obj:
    """The Scale of an object.

    Raises:
        NotAllowed: its kind has no replicas.
    """
    if "scale" not in resource.subresources:
        raise NotAllowed(f"the server does not allow scaling {resource.key}: it has no scale subresource")
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    selector = spec.get("selector")
    if resource.kind == "ReplicationController":
        selector = {"matchLabels": selector}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            key: meta[key]
            for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            if key in meta
        },
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {"replicas": status.get("replicas", 0), "selector": selector_text(selector)},
    }


def scaled(resource: Resource, obj: Obj, scale: Obj) -> Obj:
    """The object with the replicas of ``scale``.

    Raises:
        Invalid: fewer than none, or not a whole number.
    """
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    negative_replicas(resource, obj["metadata"]["name"], replicas)
    return {**obj, "metadata": dict(obj["metadata"]), "spec": {**obj["spec"], "replicas": replicas}}
