"""A pod's volumes as its containers read them: files by path, rendered when read."""

import posixpath
from typing import TYPE_CHECKING, Any

from sim.cluster.node.environment import ConfigError, field_reference, lookup, resource_reference

if TYPE_CHECKING:
    from sim.cluster.api import ApiServer
    from sim.cluster.node.node import Node

__all__ = ["TOKEN_FOLDER", "Volumes"]

Obj = dict[str, Any]

TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
API_AUDIENCE = "https://kubernetes.default.svc"


class Volumes:
    """The files of one pod.

    *Differs:* config maps and secrets are read as they are now; a kubelet refreshes mounted files up to a
    minute or two late, and never those mounted with subPath. Unknown kinds of volume are empty folders.
    """

    def __init__(self, api: "ApiServer", node: "Node", pod: Obj) -> None:
        self.api = api
        self.node = node
        self.pod = pod
        self.scratch: dict[str, dict[str, str]] = {}  # emptyDir volumes: what containers left there

    def problem(self) -> tuple[str, str] | None:
        """(volume, reason) of the first one that cannot be mounted yet, or None."""
        for volume in self.pod["spec"].get("volumes") or ():
            try:
                self._files(volume, self.pod["spec"]["containers"][0])
            except ConfigError as error:
                return volume["name"], str(error)
        return None

    def read(self, container: Obj, path: str) -> str:
        """The text of a file as ``container`` sees it.

        Raises:
            FileNotFoundError: nothing is mounted there, or no such file.
        """
        wanted = posixpath.normpath(path)
        mounts = container.get("volumeMounts") or ()
        best: Obj | None = None
        for mount in mounts:
            root = mount["mountPath"].rstrip("/")
            inside = wanted == root or wanted.startswith(root + "/")
            if inside and (best is None or len(root) > len(best["mountPath"].rstrip("/"))):
                best = mount
        files = self._mounted(container, best) if best is not None else self._account(wanted)
        root = best["mountPath"].rstrip("/") if best is not None else TOKEN_FOLDER
        name = wanted.removeprefix(root).lstrip("/")
        if name not in files:
            raise FileNotFoundError(f"open {path}: no such file or directory")
        return files[name]

    def _mounted(self, container: Obj, mount: Obj) -> dict[str, str]:
        volumes = self.pod["spec"].get("volumes") or ()
        volume = next((v for v in volumes if v["name"] == mount["name"]), None)
        if volume is None:
            return {}
        try:
            files = self._files(volume, container)
        except ConfigError as error:
            raise FileNotFoundError(str(error)) from error
        sub = mount.get("subPath", "").strip("/")
        if not sub:
            return files
        if sub in files:
            return {"": files[sub]}
        return {k.removeprefix(sub + "/"): v for k, v in files.items() if k.startswith(sub + "/")}

    def _account(self, wanted: str) -> dict[str, str]:
        """The service account's files, which every pod has unless it says no."""
        automount = self.pod["spec"].get("automountServiceAccountToken", True)
        if not wanted.startswith(TOKEN_FOLDER) or automount is False:
            return {}
        files = {"token": self.token(API_AUDIENCE), "namespace": self.pod["metadata"]["namespace"]}
        root = self.api.find("configmaps", "kube-root-ca.crt", files["namespace"])
        files["ca.crt"] = ((root or {}).get("data") or {}).get("ca.crt", "")
        return files

    def token(self, audience: str) -> str:
        """A service account token for ``audience``, as this project writes them: plain and reviewable."""
        meta = self.pod["metadata"]
        account = self.pod["spec"].get("serviceAccountName") or "default"
        return f"sa:{meta['namespace']}:{account}:{audience}:{meta['uid']}"

    # -- kinds of volume ---------------------------------------------------------------------------------

    def _files(self, volume: Obj, container: Obj) -> dict[str, str]:
        """The files of a volume.

        Raises:
            ConfigError: its source is missing and not optional.
        """
        for kind in ("configMap", "secret"):
            if kind in volume:
                return self._keyed(kind, volume[kind])
        if "downwardAPI" in volume:
            return self._downward(volume["downwardAPI"], container)
        if "projected" in volume:
            files: dict[str, str] = {}
            for source in volume["projected"].get("sources") or ():
                files.update(self._projected(source, container))
            return files
        return self.scratch.setdefault(volume["name"], {})

    def _projected(self, source: Obj, container: Obj) -> dict[str, str]:
        if "serviceAccountToken" in source:
            token = source["serviceAccountToken"]
            return {token["path"]: self.token(token.get("audience") or API_AUDIENCE)}
        if "downwardAPI" in source:
            return self._downward(source["downwardAPI"], container)
        for kind in ("configMap", "secret"):
            if kind in source:
                return self._keyed(kind, source[kind])
        return {}

    def _keyed(self, kind: str, source: Obj) -> dict[str, str]:
        """A config map's or secret's keys as files; ``items`` picks and renames."""
        data = lookup(self.api, self.pod, kind, source)
        if data is None or not source.get("items"):
            return data or {}
        files: dict[str, str] = {}
        for item in source["items"]:
            if item["key"] in data:
                files[item["path"]] = data[item["key"]]
            elif not source.get("optional"):
                raise ConfigError(f"references non-existent {kind.lower()} key: {item['key']}")
        return files

    def _downward(self, source: Obj, container: Obj) -> dict[str, str]:
        files: dict[str, str] = {}
        for item in source.get("items") or ():
            if "fieldRef" in item:
                text = field_reference(self.node, self.pod, item["fieldRef"].get("fieldPath", ""))
            else:
                text = resource_reference(self.node, self.pod, container, item["resourceFieldRef"])
            files[item["path"]] = text
        return files
