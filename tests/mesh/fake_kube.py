"""A Kubernetes API in memory for tests of the linkerd command: holds manifests, answers, records."""

import datetime
import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from mesh.cli.console import Console, Result
from mesh.cli.kube import KubeError, Obj, Reply
from mesh.cli.linkerd import linkerd
from mesh.control.config import from_config
from mesh.control.sidecar import init_container, proxy_container
from mesh.editions import Edition, edition
from mesh.yaml import load_all

START = 1_594_803_600.0  # 2020-07-15T09:00:00Z
RESOURCES = {
    "APIService": "apiservices.apiregistration.k8s.io",
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
    "ConfigMap": "configmaps",
    "CronJob": "cronjobs.batch",
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "Deployment": "deployments.apps",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "PodSecurityPolicy": "podsecuritypolicies.policy",
    "ReplicaSet": "replicasets.apps",
    "Role": "roles.rbac.authorization.k8s.io",
    "RoleBinding": "rolebindings.rbac.authorization.k8s.io",
    "Secret": "secrets",
    "Server": "servers.policy.linkerd.io",
    "AuthorizationPolicy": "authorizationpolicies.policy.linkerd.io",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations.admissionregistration.k8s.io",
}
CLUSTER_WIDE = {
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PodSecurityPolicy",
    "ValidatingWebhookConfiguration",
}
Answer = Callable[[str, str, Any], Reply]


class FakeKube:
    """Objects by (resource, namespace, name), and what was asked.

    Attributes:
        calls: every request, as (method, what).
        denied: (verb, resource) pairs that access reviews refuse.
        answers: (component label, port) to a function of method, path and body.
        down: nothing answers.
    """

    def __init__(self, git_version: str) -> None:
        self.git_version = git_version
        self.objects: dict[tuple[str, str, str], Obj] = {}
        self.calls: list[tuple[str, str]] = []
        self.denied: set[tuple[str, str]] = set()
        self.answers: dict[tuple[str, int], Answer] = {}
        self.down = False

    # -- the protocol -------------------------------------------------------------------------------------

    def version(self) -> Obj:
        self._record("version", "")
        return {"gitVersion": self.git_version}

    def get(self, resource: str, name: str, namespace: str | None = None) -> Obj:
        self._record("get", f"{resource}/{name}")
        found = self.objects.get((resource, namespace or "", name))
        if found is None:
            raise KubeError("NotFound", f'{resource} "{name}" not found', 404)
        return deepcopy(found)

    def list(
        self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        self._record("list", resource)
        assert not fields
        return [
            deepcopy(found)
            for (kind, space, _), found in sorted(self.objects.items())
            if kind == resource and namespace in (None, space) and _matches(found, labels)
        ]

    def create(self, obj: Obj) -> Obj:
        self._record("create", obj["kind"])
        assert obj["kind"] == "SelfSubjectAccessReview"
        asked = obj["spec"]["resourceAttributes"]
        allowed = (asked["verb"], asked["resource"]) not in self.denied
        return {**obj, "status": {"allowed": allowed}}

    def request(
        self,
        namespace: str,
        pod: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        timeout: float = 30.0,
    ) -> Reply:
        self._record("request", f"{pod}:{port}{path}")
        found = self.objects.get(("pods", namespace, pod))
        if found is None:
            raise KubeError("NotFound", f'pods "{pod}" not found', 404)
        labels = found["metadata"]["labels"]
        component = labels.get("linkerd.io/control-plane-component") or labels.get("component", "")
        answer = self.answers.get((component, port))
        return answer(method, path, body) if answer else Reply(0, error="connection refused")

    def _record(self, method: str, what: str) -> None:
        self.calls.append((method, what))
        if self.down:
            raise KubeError("Unreachable", "connect: connection refused", 0)

    # -- what tests do to the cluster ---------------------------------------------------------------------

    def put(self, obj: Obj) -> None:
        """Store an object."""
        metadata = obj["metadata"]
        namespace = "" if obj["kind"] in CLUSTER_WIDE else metadata.get("namespace", "default")
        self.objects[RESOURCES[obj["kind"]], namespace, metadata["name"]] = deepcopy(obj)

    def at(self, resource: str, name: str, namespace: str = "") -> Obj:
        """The stored object itself."""
        return self.objects[resource, namespace, name]

    def drop(self, resource: str, name: str, namespace: str = "") -> None:
        """Delete an object."""
        del self.objects[resource, namespace, name]

    def apply(self, text: str) -> None:
        """``kubectl apply -f -``."""
        for document in load_all(text):
            self.put(document)

    def pods_of(self, deployment: str, namespace: str = "linkerd") -> Iterator[Obj]:
        """The stored pods of a Deployment."""
        for (kind, space, name), found in list(self.objects.items()):
            if kind == "pods" and space == namespace and name.rsplit("-", 2)[0] == deployment:
                yield found

    def scale(self, deployment: str, replicas: int, namespace: str = "linkerd") -> None:
        """Make a Deployment's ReplicaSet, pods and status as its controllers would."""
        for pod in self.pods_of(deployment, namespace):
            self.drop("pods", pod["metadata"]["name"], namespace)
        found = self.at("deployments.apps", deployment, namespace)
        found["spec"]["replicas"] = replicas
        found["status"] = {"availableReplicas": replicas}
        metadata = {"name": f"{deployment}-5d4f", "namespace": namespace}
        self.put({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "status": {}})
        for number in range(replicas):
            self.put(_pod(found, f"{deployment}-5d4f-{number:05d}"))

    def settle(self) -> None:
        """Make the pods of every Deployment that has none."""
        for kind, namespace, name in list(self.objects):
            if kind == "deployments.apps" and not list(self.pods_of(name, namespace)):
                self.scale(name, self.objects[kind, namespace, name]["spec"]["replicas"], namespace)
        for found in self.list("apiservices.apiregistration.k8s.io"):
            found["status"] = {"conditions": [{"type": "Available", "status": "True", "reason": "Passed"}]}
            self.put(found)

    def inject(self, namespace: str) -> None:
        """Give every pod of a namespace the sidecar, from the cluster's own configuration."""
        config = self.at("configmaps", "linkerd-config", "linkerd")
        roots = self.objects.get(("configmaps", "linkerd", "linkerd-identity-trust-roots"))
        values = from_config(config, roots["data"]["ca-bundle.crt"] if roots else "")
        for (kind, space, _), pod in self.objects.items():
            if kind != "pods" or space != namespace:
                continue
            pod["metadata"]["labels"]["linkerd.io/control-plane-ns"] = "linkerd"
            spec = pod["spec"]
            spec["initContainers"] = [init_container(values)]
            (spec["initContainers"] if values.native else spec["containers"]).append(proxy_container(values))
            pod["status"] = _status(spec)


def _matches(found: Obj, selector: str) -> bool:
    labels = found["metadata"].get("labels") or {}
    for part in filter(None, selector.split(",")):
        key, equals, value = part.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def _pod(deployment: Obj, name: str) -> Obj:
    template = deepcopy(deployment["spec"]["template"])
    metadata = {**template["metadata"], "name": name, "namespace": deployment["metadata"]["namespace"]}
    spec = template["spec"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": _status(spec)}


def _status(spec: Obj) -> Obj:
    ready = [{"name": container["name"], "ready": True} for container in spec["containers"]]
    inits = [
        {"name": container["name"], "ready": container.get("restartPolicy") == "Always"}
        for container in spec.get("initContainers", ())
    ]
    return {
        "phase": "Running",
        "podIP": "10.4.0.7",
        "containerStatuses": ready,
        "initContainerStatuses": inits,
    }


class Files:
    """Files and URLs in memory; records what was read."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.reads: list[str] = []

    def read(self, name: str) -> str:
        self.reads.append(name)
        if name not in self.texts:
            raise FileNotFoundError(f"{name}: no such file")
        return self.texts[name]


class RecordingConsole(Console):
    """A console that notes who asks for the version of kubectl."""

    looked: bool = False

    def __getattribute__(self, name: str) -> Any:
        if name == "kubectl_version":
            object.__setattr__(self, "looked", True)
        return super().__getattribute__(name)


class Bench:
    """A cluster, an operator's machine and a clock, ready to run the command on."""

    def __init__(self, name: str, *, seed: int = 1, git_version: str = "") -> None:
        self.edition: Edition = edition(name)
        self.clock = START
        self.kube = FakeKube(git_version or self.edition.cluster_version)
        versions = json.dumps({"stable": "stable-2.8.1", "edge": "edge-26.8.3"})
        self.files = Files({"https://versioncheck.linkerd.io/version.json": versions})
        self.console = RecordingConsole(
            kube=self.kube,
            edition=self.edition,
            now=lambda: self.clock,
            sleep=self._sleep,
            read=self.files.read,
            listdir=lambda name: [],
            rng=random.Random(seed),
            kubectl_version="v1.16.6-beta.0",
        )
        self._bootstrap()

    def _sleep(self, seconds: float) -> None:
        self.clock += seconds

    def beat(self) -> None:
        """The nodes' heartbeats."""
        stamp = datetime.datetime.fromtimestamp(self.clock, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for number in (1, 2, 3):
            self.kube.put(
                {
                    "apiVersion": "v1",
                    "kind": "Node",
                    "metadata": {"name": f"node-{number}"},
                    "spec": {"podCIDR": f"10.4.{number}.0/24", "podCIDRs": [f"10.4.{number}.0/24"]},
                    "status": {
                        "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": stamp}],
                        "nodeInfo": {"containerRuntimeVersion": "containerd://1.7.0"},
                    },
                }
            )

    def _bootstrap(self) -> None:
        self.beat()
        for name in ("default", "kube-system"):
            self.kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        metadata = {"name": "extension-apiserver-authentication", "namespace": "kube-system"}
        data = {"requestheader-client-ca-file": "PEM"}
        self.kube.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        if self.edition.separate_crds:
            for plural in ("httproutes", "grpcroutes"):
                name = f"{plural}.gateway.networking.k8s.io"
                kind = "CustomResourceDefinition"
                crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
                self.kube.put(crd)

    def run(self, line: str) -> Result:
        """``linkerd LINE``."""
        return linkerd(line.split(), self.console)

    def install(self, flags: str = "", *, viz: bool = True) -> "Bench":
        """Install the control plane (and in edge the extension) and let everything become ready."""
        self.kube.objects = deepcopy(_installed(self.edition.name, flags, viz and self.edition.viz_prefix))
        api = "metrics-api" if self.edition.viz_prefix else "controller"
        self.kube.answers[api, 8085] = self.answer
        self.kube.answers[api, 9995] = lambda method, path, body: Reply(200, "pong\n")
        self.kube.answers["prometheus", 9090] = lambda method, path, body: Reply(200, "ready")
        return self

    def meshed_app(self) -> "Bench":
        """An injected Deployment ``web`` in the namespace ``app``."""
        self.kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}})
        labels = {"app": "web"}
        container = {"name": "web", "image": "web:v1", "ports": [{"containerPort": 80}]}
        template = {"metadata": {"labels": labels, "annotations": {}}, "spec": {"containers": [container]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": "web", "namespace": "app"}
        self.kube.put({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
        self.kube.settle()
        self.kube.inject("app")
        return self

    prometheus_error = ""
    scraped = True

    def answer(self, method: str, path: str, body: Any) -> Reply:
        """The API pod."""
        name = path.rpartition("/")[2]
        if name == "Version":
            return Reply(200, {"releaseVersion": self.edition.version})
        if name == "ListPods":
            pods = [pod["metadata"] for pod in self.kube.list("pods")]
            shown = [f"{pod['namespace']}/{pod['name']}" for pod in pods]
            return Reply(200, {"pods": [{"name": name, "added": self.scraped} for name in shown]})
        assert name == "SelfCheck"
        results = [
            ("kubernetes", "control plane can talk to Kubernetes", ""),
            ("prometheus", "control plane can talk to Prometheus", self.prometheus_error),
        ]
        return Reply(
            200,
            {
                "results": [
                    {
                        "subsystemName": subsystem,
                        "checkDescription": description,
                        "status": "FAIL" if error else "OK",
                        "friendlyMessageToUser": error,
                    }
                    for subsystem, description, error in results
                ]
            },
        )


@cache
def _installed(name: str, flags: str, viz: bool) -> dict[tuple[str, str, str], Obj]:
    """The objects of a cluster with an installation; made once, since hundreds of tests want it."""
    bench = Bench(name)
    lines = ["install --crds"] if bench.edition.separate_crds else []
    for line in [*lines, f"install {flags}", *(["viz install"] if viz else [])]:
        done = bench.run(line)
        assert done.status == 0, done.stderr
        bench.kube.apply(done.stdout)
    bench.kube.settle()
    if viz:
        bench.kube.inject("linkerd-viz")
    return bench.kube.objects
