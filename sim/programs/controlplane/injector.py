"""proxy-injector: the admission webhook that adds proxies to pods."""

from typing import Any

from mesh.control.config import ConfigError, from_config
from mesh.control.injector import Admission, admit
from mesh.control.values import ProxyValues
from mesh.messages import Peer, Request, Response
from sim.cluster.api import ApiError
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component
from sim.programs.http import serve

__all__ = ["ProxyInjector"]

Obj = dict[str, Any]
CONFIG = "/var/run/linkerd/config/"
TRUST_ROOTS = "/var/run/linkerd/identity/trust-roots/ca-bundle.crt"
OWNERS = {
    "ReplicaSet": "replicasets.apps",
    "Job": "jobs.batch",
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "CronJob": "cronjobs.batch",
    "ReplicationController": "replicationcontrollers",
}


class ProxyInjector(Component):
    """Answers AdmissionReviews on port 8443 once its caches are there."""

    PORT = 8443

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self._text: tuple[str, ...] = ()
        self._values: ProxyValues | None = None

    def begin(self) -> None:
        """Wait for namespaces and owners, then listen."""
        self.watch({key: lambda _: None for key in ("namespaces", "replicasets.apps", "jobs.batch")})

    def synced(self) -> None:
        """The caches are there."""
        serve(self.container, self.PORT, self.answer)
        self.info(f"listening at :{self.PORT}")

    def answer(self, request: Request, peer: Peer) -> Response:
        """One AdmissionReview."""
        review = request.body
        if request.method != "POST" or not isinstance(review, dict):
            return Response(400, body="Body was empty\n")
        asked = review.get("request") or {}
        name = str(asked.get("namespace") or "")
        try:
            namespace = self._namespace(name)
            owner = self._owner(asked.get("object") or {}, name)
            admission = admit(review, namespace=namespace, owner=owner, config=self.values())
        except (PermissionError, OSError, ConfigError) as error:
            self.log("error", f"failed to process webhook request: {error}")
            return Response(500, body=f"{error}\n")
        self._report(admission, asked, name)
        return Response(200, body=admission.review)

    def _report(self, admission: Admission, asked: Obj, namespace: str) -> None:
        """Log, count and record what was decided."""
        self.info(f"received admission review request {asked.get('uid', '')!r}")
        for warning in admission.warnings:
            self.warn(warning)
        self.count("proxy_inject_admission_requests_total", *admission.request_labels)
        self.count("proxy_inject_admission_responses_total", *admission.response_labels)
        event = admission.event
        if event is None:
            return
        owner = f"{event.kind.lower()}/{event.name}"
        self.info(f"{event.reason}: {owner} in namespace {namespace}: {event.message}")
        resource = {kind.lower(): key for kind, key in OWNERS.items()}.get(event.kind.lower())
        if resource is not None and not asked.get("dryRun"):
            self.record(resource, event.namespace, event.name, event.type, event.reason, event.message)

    def values(self) -> ProxyValues:
        """What the mounted configuration says now.

        Raises:
            FileNotFoundError, ConfigError: it is not there, or malformed.
        """
        try:
            text: tuple[str, ...] = (self.container.read(CONFIG + "values"),)
            data = {"values": text[0]}
        except FileNotFoundError:
            text = (self.container.read(CONFIG + "global"), self.container.read(CONFIG + "proxy"))
            data = dict(zip(("global", "proxy"), text, strict=True))
        anchors = ""
        if "values" in data:
            anchors = self.container.read(TRUST_ROOTS)
        if self._values is None or (*text, anchors) != self._text:
            config = {"metadata": {"namespace": self.namespace}, "data": data}
            self._values = from_config(config, anchors)
            self._text = (*text, anchors)
        return self._values

    def _namespace(self, name: str) -> Obj:
        refusal = self.forbidden("get", "namespaces")
        if refusal:
            raise PermissionError(refusal)
        return self.api.find("namespaces", name) or {"metadata": {"name": name}}

    def _owner(self, obj: Obj, namespace: str) -> tuple[str, str] | None:
        """Kind and name of the topmost owner of the object, None when it has none."""
        found: tuple[str, str] | None = None
        while True:
            references = (obj.get("metadata") or {}).get("ownerReferences") or ()
            reference = next((one for one in references if one.get("controller")), None)
            if reference is None or reference["kind"] not in OWNERS:
                return found
            found = reference["kind"], reference["name"]
            resource = OWNERS[reference["kind"]]
            refusal = self.forbidden("get", resource)
            if refusal:
                raise PermissionError(refusal)
            try:
                obj = self.api.get(resource, reference["name"], namespace)
            except ApiError:
                return found
