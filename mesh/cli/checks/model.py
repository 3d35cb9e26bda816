"""What a check is, and what checks share: the cluster, how errors are told, small questions to the API."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mesh.cli.console import Console
from mesh.cli.kube import KubeError, Obj
from mesh.yaml import YamlError, load_all

__all__ = ["Check", "CheckContext", "CheckError", "Finding", "Skip", "listing"]


class CheckError(Exception):
    """What a check found wrong; may have several lines."""


class Skip(Exception):
    """The check does not apply here; nothing is printed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line that a check prints besides its own: ``[kubernetes] control plane can talk to Kubernetes``."""

    description: str
    error: str = ""


@dataclass(frozen=True)
class CheckContext:
    """What checks look at.

    Attributes:
        data_plane_namespace: where ``--proxy`` looks; empty for all namespaces.
        expected_version: what ``--expected-version`` says is up to date; empty: ask for the latest.
        cni: the CNI plugin stands in for linkerd-init.
        lenient_viz: leave the viz category out when the extension is not installed.
    """

    console: Console
    data_plane_namespace: str = ""
    expected_version: str = ""
    cni: bool = False
    lenient_viz: bool = True

    @property
    def kube(self) -> Any:
        """The cluster's API."""
        return self.console.kube

    @property
    def namespace(self) -> str:
        """The control plane's namespace."""
        return self.console.namespace

    def get(self, resource: str, name: str, namespace: str | None = None) -> Obj:
        """One object.

        Raises:
            CheckError: it is not there, or may not be read.
        """
        try:
            return self.console.kube.get(resource, name, namespace)
        except KubeError as error:
            raise CheckError(error.message) from None

    def list(self, resource: str, namespace: str | None = None, **selectors: str) -> list[Obj]:
        """The objects that match.

        Raises:
            CheckError: they may not be read.
        """
        try:
            return self.console.kube.list(resource, namespace, **selectors)
        except KubeError as error:
            raise CheckError(error.message) from None

    def may(self, verb: str, group: str, resource: str, namespace: str = "", name: str = "") -> str:
        """Empty when the user may do that, else why not, as the API server's review says.

        Raises:
            CheckError: the review itself failed.
        """
        attributes = {
            "namespace": namespace,
            "verb": verb,
            "group": group,
            "resource": resource,
            "name": name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        try:
            status = self.console.kube.create(review).get("status") or {}
        except KubeError as error:
            raise CheckError(error.message) from None
        if status.get("allowed"):
            return ""
        what = f"{resource}.{group}" if group else resource
        reason = f": {status['reason']}" if status.get("reason") else ""
        return f"not authorized to access {what}{reason}"

    def config(self) -> dict[str, Any]:
        """What ``linkerd-config`` holds: the chart's values, or 2.8.1's global, proxy and install.

        Raises:
            CheckError: there is none, or it cannot be read.
        """
        data = self.get("configmaps", "linkerd-config", self.namespace).get("data") or {}
        try:
            if "values" in data:
                (values,) = load_all(data["values"], name="linkerd-config")
                return dict(values)
            return {key: json.loads(text) for key, text in data.items()}
        except (YamlError, ValueError, TypeError) as error:
            raise CheckError(f"the ConfigMap linkerd-config cannot be read: {error}") from None

    def heartbeat_disabled(self) -> bool:
        """Whether the installation left the heartbeat out."""
        config = self.config()
        if "values" in config or "linkerdVersion" in config:
            return bool(config.get("disableHeartBeat"))
        flags = (config.get("install") or {}).get("flags") or []
        return {"name": "disable-heartbeat", "value": "true"} in flags

    def ask(self, namespace: str, pod: str, port: int, method: str, path: str, body: Any = None) -> Any:
        """What a pod answers.

        Raises:
            CheckError: nothing, or an error.
        """
        try:
            reply = self.console.kube.request(namespace, pod, port, method, path, body)
        except KubeError as error:
            raise CheckError(error.message) from None
        if reply.status == 0:
            raise CheckError(f"cannot reach pod {pod}: {reply.error}")
        if reply.status >= 400:
            why = reply.body.get("error", "") if isinstance(reply.body, dict) else reply.body
            raise CheckError(f"pod {pod} answered {path} with HTTP status {reply.status}: {why}".rstrip(": "))
        return reply.body


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``linkerd check``.

    Attributes:
        anchor: where the hint points to, on the page of hints.
        run: looks; returns further lines to print; raises CheckError or Skip.
        fatal: a failure ends the run.
        warning: a failure is a warning: it changes neither verdict nor exit status.
        retry: tried again until ``--wait`` is over.
    """

    description: str
    anchor: str
    run: Callable[[CheckContext], list[Finding] | None]
    fatal: bool = False
    warning: bool = False
    retry: bool = False


def listing(title: str, items: list[str]) -> CheckError:
    """An error with one bullet an item."""
    return CheckError(title + "".join(f"\n\t* {item}" for item in items))
