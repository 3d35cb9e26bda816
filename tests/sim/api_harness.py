"""An API server alone: no controllers, no nodes."""

from collections.abc import Generator
from typing import Any

from sim.cluster.api import ApiError, ApiServer
from sim.cluster.program import HttpReply
from sim.engine import Engine, Tables

Obj = dict[str, Any]


class ApiBench:
    """An API server with a namespace ``shop`` and its default account."""

    def __init__(self, version: str = "v1.32.4", seed: int = 1) -> None:
        self.engine = Engine(seed)
        self.tables = Tables()
        self.api = ApiServer(self.engine, version=version, tables=self.tables)
        self.namespace("shop")

    def run(self, write: Generator[Any, Any, Obj]) -> Obj:
        """Let simulated time pass until a write is done; its error is raised."""
        result: Obj = self.engine.run_process(self.engine.process(write))
        return result

    def create(self, obj: Obj, **options: Any) -> Obj:
        return self.run(self.api.create(obj, **options))

    def patch(self, resource: str, name: str, patch: Any, kind: str = "strategic", **options: Any) -> Obj:
        return self.run(self.api.patch(resource, name, "shop", patch, kind, **options))

    def refused(self, write: Generator[Any, Any, Obj]) -> ApiError:
        """The error of a write that must fail."""
        try:
            self.run(write)
        except ApiError as error:
            return error
        raise AssertionError("the write was accepted")

    def namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        meta = {"name": name, "labels": labels or {}}
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name},
        }
        self.api.create_now(account)


class FakeHttp:
    """Webhooks that answer as the test says, after the time it says; keeps what they were asked."""

    def __init__(self, bench: ApiBench) -> None:
        self.bench = bench
        self.answers: dict[str, HttpReply | Obj] = {}
        self.delays: dict[str, float] = {}
        self.asked: list[tuple[str, int, str, Obj]] = []
        bench.api.http = self
        bench.api.netns = object()  # type: ignore[assignment]  # only passed through

    def call(
        self, source: Any, host: str, port: int, method: str, path: str, body: Any = None, **options: Any
    ) -> Any:
        self.asked.append((host, port, path, body))
        delay, timeout = self.delays.get(host, 0.0), options["timeout"]
        yield self.bench.engine.timeout(min(delay, timeout))
        if delay > timeout:
            return HttpReply(0, error="context deadline exceeded")
        answer = self.answers.get(host, {"allowed": True})
        if isinstance(answer, HttpReply):
            return answer
        response = {"uid": body["request"]["uid"], **answer}
        return HttpReply(
            200, {"apiVersion": body["apiVersion"], "kind": "AdmissionReview", "response": response}
        )


def deployment(name: str = "web", **spec: Any) -> Obj:
    """A Deployment in ``shop``."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [{"name": name, "image": f"example/{name}:v1", "ports": [{"containerPort": 80}]}]
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def pod(name: str = "web-1", labels: dict[str, str] | None = None, **spec: Any) -> Obj:
    """A Pod in ``shop``."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels or {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "example/web:v1"}], **spec},
    }


def service(name: str = "web-svc", **spec: Any) -> Obj:
    """A Service in ``shop``."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec},
    }


def config(name: str = "settings", **data: str) -> Obj:
    """A ConfigMap in ``shop``."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop"},
        "data": data,
    }


def crd(
    group: str = "example.com", kind: str = "Widget", versions: tuple[str, ...] = ("v1alpha1", "v1")
) -> Obj:
    """A CustomResourceDefinition; its first version is stored."""
    plural = f"{kind.lower()}s"
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer"},
                    "colour": {"type": "string", "enum": ["red", "blue"]},
                    "port": {"x-kubernetes-int-or-string": True},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": ["wd"]},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": index == 0,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
                for index, version in enumerate(versions)
            ],
        },
    }


def widget(name: str = "one", version: str = "v1", **spec: Any) -> Obj:
    """A custom object of :func:`crd` in ``shop``."""
    return {
        "apiVersion": f"example.com/{version}",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"size": 1, **spec},
    }
