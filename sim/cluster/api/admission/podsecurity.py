"""PodSecurityPolicy, as far as it decides which capabilities a pod's containers may add."""

from typing import TYPE_CHECKING

from sim.cluster.api.access.rbac import Access
from sim.cluster.api.admission.request import Request
from sim.cluster.api.errors import Forbidden
from sim.cluster.api.objects import Obj, controller_of

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["check_pod_security"]


def check_pod_security(api: "ApiServer", request: Request) -> None:
    """Refuse a pod none of whose usable policies allows the capabilities it adds.

    Usable are the policies that the pod's service account or, for a pod without controller, its creator may
    ``use``. *Differs:* real policies decide about users, volumes and host access too.

    Raises:
        Forbidden: no usable policy allows them.
    """
    wanted = _wanted(request.object)
    for policy in _usable(api, request):
        allowed = policy["spec"].get("allowedCapabilities") or ()
        if "*" in allowed or all(capability in allowed for _, capability in wanted):
            return
    meta = request.object["metadata"]
    texts = [
        f'{path}.securityContext.capabilities.add: Invalid value: "{capability}": capability may not be added'
        for path, capability in wanted
    ]
    raise Forbidden(
        f'pods "{meta.get("name") or meta.get("generateName", "")}" is forbidden: '
        f"unable to validate against any pod security policy: [{' '.join(texts)}]"
    )


def _usable(api: "ApiServer", request: Request) -> list[Obj]:
    pod = request.object
    users = [f"system:serviceaccount:{pod['metadata']['namespace']}:{pod['spec']['serviceAccountName']}"]
    if controller_of(pod) is None:
        users.append(request.user)
    found = []
    for policy in api.list("podsecuritypolicies.policy"):
        access = Access(
            "use",
            "policy",
            "podsecuritypolicies",
            namespace=pod["metadata"]["namespace"],
            name=policy["metadata"]["name"],
        )
        if any(api.rbac.allows(user, access) for user in users):
            found.append(policy)
    return found


def _wanted(pod: Obj) -> list[tuple[str, str]]:
    """(path of the container, capability) of each capability a pod adds."""
    found = []
    for field in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(field) or ()):
            capabilities = (container.get("securityContext") or {}).get("capabilities") or {}
            found += [(f"spec.{field}[{index}]", name) for name in capabilities.get("add") or ()]
    return found
