"""What Kubernetes adds to every new pod: its service account, the account's token, two tolerations."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.api.errors import Forbidden
from sim.cluster.api.objects import Obj, owner_reference, random_suffix

if TYPE_CHECKING:
    from sim.cluster.api.server import ApiServer

__all__ = ["TOKEN_PATH", "ServiceAccountPlugin", "default_tolerations"]

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, not a secret
PROJECTED_SINCE = 21  # minor version from which pods mount short-lived projected tokens
SECRETS_UNTIL = 23  # minor version up to which every account has a token Secret
LOOKUPS, LOOKUP_PAUSE = (
    10,
    0.1,
)  # how often and how far apart (s) a namespace's new default account is awaited
TOLERATED = 300  # seconds a pod stays on a node that is not ready


class ServiceAccountPlugin:
    """The ServiceAccount admission plugin."""

    def __init__(self, api: "ApiServer") -> None:
        self.api = api
        self._names = api.engine.stream("api", "names", "tokens")

    def wait_for_account(self, pod: Obj) -> Generator[simpy.Event, Any, None]:
        """Name the account and find it; a new namespace's ``default`` may need a moment to appear.

        Raises:
            Forbidden: the account does not exist.
        """
        spec, namespace = pod["spec"], pod["metadata"]["namespace"]
        name = spec.get("serviceAccountName") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        for attempt in range(LOOKUPS if name == "default" else 1):
            if attempt:
                yield self.api.engine.timeout(LOOKUP_PAUSE)
            if self.api.find("serviceaccounts", name, namespace) is not None:
                return
        pod_name = pod["metadata"].get("name") or pod["metadata"].get("generateName", "")
        raise Forbidden(
            f'pods "{pod_name}" is forbidden: error looking up service account {namespace}/{name}: '
            f'serviceaccount "{name}" not found'
        )

    def mount_token(self, pod: Obj) -> None:
        """Mount the account's token into every container that has nothing at its path."""
        spec, namespace = pod["spec"], pod["metadata"]["namespace"]
        account = self.api.find("serviceaccounts", spec["serviceAccountName"], namespace)
        automount = spec.get("automountServiceAccountToken")
        if automount is None and account is not None:
            automount = account.get("automountServiceAccountToken")
        containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        bare = [container for container in containers if not _mounts_token(container)]
        if automount is False or account is None or not bare:
            return
        volume = self._volume(spec, account)
        for container in bare:
            mount = {"name": volume, "readOnly": True, "mountPath": TOKEN_PATH}
            container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]

    def _volume(self, spec: Obj, account: Obj) -> str:
        """The name of the pod's token volume, made when it has none."""
        volumes = spec.setdefault("volumes", [])
        secrets = account.get("secrets") or ()
        if self.api.minor < PROJECTED_SINCE and secrets:
            name = str(secrets[0]["name"])
            if all(volume["name"] != name for volume in volumes):
                volumes.append({"name": name, "secret": {"secretName": name, "defaultMode": 420}})
            return name
        for volume in volumes:
            if volume["name"].startswith("kube-api-access-"):
                return str(volume["name"])
        name = f"kube-api-access-{random_suffix(self._names)}"
        volumes.append({"name": name, "projected": _projection()})
        return name

    def issue_secret(self, account: Obj) -> None:
        """Give a new account its token Secret, as clusters did until 1.23.

        *Differs:* a controller made it a moment later; here it exists at once, owned by its account.
        """
        if self.api.minor > SECRETS_UNTIL:
            return
        meta = account["metadata"]
        meta["uid"] = self.api.store.next_uid()
        name = f"{meta['name']}-token-{random_suffix(self._names)}"
        account["secrets"] = [*(account.get("secrets") or ()), {"name": name}]
        token = f"sa:{meta['namespace']}:{meta['name']}::"
        self.api.create_now(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "annotations": {
                        "kubernetes.io/service-account.name": meta["name"],
                        "kubernetes.io/service-account.uid": meta["uid"],
                    },
                    "ownerReferences": [owner_reference(account)],
                },
                "type": "kubernetes.io/service-account-token",
                "stringData": {"token": token, "namespace": meta["namespace"], "ca.crt": self.api.root_ca},
            }
        )


def _mounts_token(container: Obj) -> bool:
    return any(mount.get("mountPath") == TOKEN_PATH for mount in container.get("volumeMounts") or ())


def _projection() -> Obj:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
        ],
    }


def default_tolerations(pod: Obj) -> None:
    """Pods stay five minutes on a node that stops answering, unless they say otherwise."""
    tolerations = list(pod["spec"].get("tolerations") or ())
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(
            one.get("key") in (key, None, "") and one.get("effect") in ("NoExecute", None)
            for one in tolerations
        ):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATED}
            )
    pod["spec"]["tolerations"] = tolerations
