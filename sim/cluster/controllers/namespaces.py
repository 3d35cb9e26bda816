"""Namespaces: what every one holds from the start, and how one is emptied before it goes."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import AlreadyExists, ApiError, NotFound
from sim.cluster.controllers.workqueue import Controller, Key

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["NamespaceController", "RootCaPublisher", "ServiceAccountController"]

Obj = dict[str, Any]

# Owners before what they own, so that nothing is made anew while a namespace is emptied.
FIRST = (
    "cronjobs.batch",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "replicasets.apps",
    "replicationcontrollers",
)
ROOT_CA_SINCE = 20  # minor version. Source: Kubernetes 1.20, RootCAConfigMap


class ServiceAccountController(Controller):
    """Keeps a ServiceAccount ``default`` in every active namespace."""

    NAME = "service-account-controller"

    def subscribe(self) -> None:
        """Namespaces and service accounts."""
        self.api.watch("namespaces", self._on_namespace)
        self.api.watch("serviceaccounts", self._on_account)

    def _on_namespace(self, event: "WatchEvent") -> None:
        self.enqueue(("", event.object["metadata"]["name"]))

    def _on_account(self, event: "WatchEvent") -> None:
        if event.type == "DELETED" and event.object["metadata"]["name"] == "default":
            self.enqueue(("", event.object["metadata"]["namespace"]))

    def wanted(self, namespace: str) -> Obj:
        """The object every namespace holds."""
        meta = {"name": "default", "namespace": namespace}
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}

    def reconcile(self, key: Key) -> None:
        """Create it if it lacks."""
        namespace = self.api.find("namespaces", key[1])
        if namespace is None or "deletionTimestamp" in namespace["metadata"]:
            return
        wanted = self.wanted(key[1])
        name = wanted["metadata"]["name"]
        if self.api.find(wanted["kind"].lower() + "s", name, key[1]) is None:
            try:
                self.api.create_now(wanted)
            except AlreadyExists:
                return


class RootCaPublisher(ServiceAccountController):
    """Keeps the ConfigMap ``kube-root-ca.crt`` in every active namespace of clusters from 1.20 on."""

    NAME = "root-ca-cert-publisher"

    def subscribe(self) -> None:
        """Namespaces and config maps."""
        if self.api.minor >= ROOT_CA_SINCE:
            self.api.watch("namespaces", self._on_namespace)
            self.api.watch("configmaps", self._on_map)

    def _on_map(self, event: "WatchEvent") -> None:
        if event.type == "DELETED" and event.object["metadata"]["name"] == "kube-root-ca.crt":
            self.enqueue(("", event.object["metadata"]["namespace"]))

    def wanted(self, namespace: str) -> Obj:
        """The object every namespace holds."""
        meta = {"name": "kube-root-ca.crt", "namespace": namespace}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": meta,
            "data": {"ca.crt": self.api.root_ca},
        }


class NamespaceController(Controller):
    """Empties namespaces that are being deleted, and removes them when nothing is left."""

    NAME = "namespace-controller"

    def subscribe(self) -> None:
        """Namespaces; and pods, the things that take time to go."""
        self.api.watch("namespaces", self._on_namespace)
        self.api.watch("pods", self._on_pod)

    def _on_namespace(self, event: "WatchEvent") -> None:
        if event.type != "DELETED" and "deletionTimestamp" in event.object["metadata"]:
            self.enqueue(("", event.object["metadata"]["name"]))

    def _on_pod(self, event: "WatchEvent") -> None:
        if event.type == "DELETED":
            name = event.object["metadata"]["namespace"]
            namespace = self.api.find("namespaces", name)
            if namespace is not None and "deletionTimestamp" in namespace["metadata"]:
                self.enqueue(("", name))

    def reconcile(self, key: Key) -> None:
        """Delete what is there; remove the namespace once it is empty.

        Raises:
            ApiError: something is left that no pod's end will bring us back for: look again, with back-off.
        """
        namespace = self.api.find("namespaces", key[1])
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return
        for resource in self._resources():
            for obj in self.api.list(resource, key[1]):
                if "deletionTimestamp" not in obj["metadata"]:
                    try:
                        self.api.delete(resource, obj["metadata"]["name"], key[1], propagation="Background")
                    except NotFound:
                        continue  # went with its owner
        left = [resource for resource in self._resources() if self.api.list(resource, key[1])]
        if not left:
            self.api.remove("namespaces", key[1])
        elif left != ["pods"]:
            raise ApiError(f"namespace {key[1]} still holds {', '.join(left)}")

    def _resources(self) -> list[str]:
        """Keys of everything that lives in namespaces, owners first; what is computed cannot be deleted."""
        keys = [
            resource.key
            for resource in self.api.resources()
            if resource.namespaced and resource.stored and resource.group != "metrics.k8s.io"
        ]
        first = [key for key in FIRST if key in keys]
        return first + [key for key in keys if key not in first]
