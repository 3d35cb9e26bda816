"""The workload a pod belongs to, as people name it: ``deploy/web``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sim.cluster.api.errors import NotFound

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer

__all__ = ["workload_of"]

SHORT: Mapping[str, str] = MappingProxyType(
    {
        "Deployment": "deploy",
        "ReplicaSet": "rs",
        "DaemonSet": "ds",
        "StatefulSet": "sts",
        "Job": "job",
        "CronJob": "cj",
        "ReplicationController": "rc",
        "Pod": "po",
    }
)


def workload_of(api: "ApiServer", pod: dict[str, Any]) -> str:
    """Abbreviated kind and name of the root of the pod's chain of controllers; itself without one."""
    kind, name, current = "Pod", pod["metadata"]["name"], pod
    for _ in range(8):  # chains are at most two long; a loop of owners must not hang
        owners = current["metadata"].get("ownerReferences") or ()
        owner = next((o for o in owners if o.get("controller")), None)
        if owner is None:
            break
        kind, name = owner["kind"], owner["name"]
        try:
            resource = api.resource_for(owner["apiVersion"], kind)
        except NotFound:
            break  # an owner of a kind that is not served (any more) is still the owner
        found = api.find(resource.key, name, pod["metadata"]["namespace"])
        if found is None:
            break
        current = found
    return f"{SHORT.get(kind, kind.lower())}/{name}"
