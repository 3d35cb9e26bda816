"""Tables of ``kubectl get``: for each kind the columns and the cells of an object."""

from collections.abc import Iterable

from sim.shell.kubectl.tables import access, cluster, network, workload
from sim.shell.kubectl.tables.custom import custom_kind
from sim.shell.kubectl.tables.pod import POD, pod_state
from sim.shell.kubectl.tables.table import Column, Kind, Obj, Table, View, columns

__all__ = ["Column", "Kind", "Obj", "Table", "View", "custom_kind", "kind_of", "pod_state", "table"]


def _plain(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], view.age(obj)]


PLAIN = Kind(columns("NAME|AGE"), _plain)
RBAC = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
KINDS = {
    "pods": POD,
    "services": network.SERVICE,
    "endpoints": network.ENDPOINTS,
    "endpointslices.discovery.k8s.io": network.SLICE,
    "ingresses.networking.k8s.io": network.INGRESS,
    "networkpolicies.networking.k8s.io": network.NETWORK_POLICY,
    "deployments.apps": workload.DEPLOYMENT,
    "replicasets.apps": workload.REPLICASET,
    "statefulsets.apps": workload.STATEFULSET,
    "daemonsets.apps": workload.DAEMONSET,
    "jobs.batch": workload.JOB,
    "cronjobs.batch": workload.CRONJOB,
    "horizontalpodautoscalers.autoscaling": workload.AUTOSCALER,
    "nodes": cluster.NODE,
    "namespaces": cluster.NAMESPACE,
    "configmaps": cluster.CONFIGMAP,
    "secrets": cluster.SECRET,
    "serviceaccounts": cluster.SERVICE_ACCOUNT,
    "events": cluster.EVENT,
    "resourcequotas": cluster.QUOTA,
    "limitranges": access.CREATED,
    "leases.coordination.k8s.io": cluster.LEASE,
    "priorityclasses.scheduling.k8s.io": cluster.PRIORITY_CLASS,
    "poddisruptionbudgets.policy": cluster.DISRUPTION_BUDGET,
    "podsecuritypolicies.policy": cluster.SECURITY_POLICY,
    "apiservices.apiregistration.k8s.io": cluster.APISERVICE,
    "customresourcedefinitions.apiextensions.k8s.io": access.CREATED,
    f"mutatingwebhookconfigurations.{ADMISSION}": cluster.WEBHOOKS,
    f"validatingwebhookconfigurations.{ADMISSION}": cluster.WEBHOOKS,
    f"roles.{RBAC}": access.CREATED,
    f"clusterroles.{RBAC}": access.CREATED,
    f"rolebindings.{RBAC}": access.BINDING,
    f"clusterrolebindings.{RBAC}": access.BINDING,
}


def kind_of(key: str) -> Kind:
    """How objects of the resource ``key`` (``deployments.apps``) are shown; NAME and AGE when not known."""
    return KINDS.get(key, PLAIN)


def table(kind: Kind, objects: Iterable[Obj], view: View) -> Table:
    """The table of ``objects``, without the columns that servers of ``view.minor`` do not have yet."""
    late = {heading for heading, first in kind.since if view.minor < first}
    kept = [index for index, column in enumerate(kind.columns) if column.name not in late]
    made = Table(tuple(kind.columns[index] for index in kept))
    for obj in objects:
        cells = kind.cells(obj, view)
        made.rows.append(([cells[index] for index in kept], obj))
    return made
