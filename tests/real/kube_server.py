"""A small Kubernetes API over HTTP in front of a sandbox's store, for the real kubectl.

Enough for get, apply, create, delete and patch: discovery in the older form, JSON bodies, Status errors. All
requests are handled on one thread, one at a time; a write lets simulated time pass until it is admitted.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sim.cluster.api import ApiError, ApiServer, NotFound
from sim.cluster.api.resources import Resource
from sim.engine import Engine

PATCHES = {
    "application/strategic-merge-patch+json": "strategic",
    "application/merge-patch+json": "merge",
    "application/json-patch+json": "json",
}


class Handler(BaseHTTPRequestHandler):
    """One request. ``server`` carries the API and the engine."""

    protocol_version = "HTTP/1.1"
    server: "KubeServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        self.server.seen.append(f"{self.command} {self.path}")

    def answer(self, code: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        url = urlsplit(self.path)
        parts = [part for part in url.path.split("/") if part]
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        try:
            code, result = self.route(parts, query, body)
        except ApiError as error:
            code, result = error.code, error.status
        self.answer(code, result)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def route(self, parts: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        api = self.server.api
        if parts[:1] == ["version"]:
            return 200, {"gitVersion": api.version, "major": "1", "minor": str(api.minor)}
        if parts[:1] == ["openapi"]:
            # An empty v2 document and a v3 index without paths: kubectl then leaves validation to the server.
            return (200, b"") if parts[1] == "v2" else (200, {"paths": {}})
        if parts == ["api"]:
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if parts == ["apis"]:
            return 200, self.groups()
        if parts[0] == "api" and len(parts) == 2:
            return 200, self.resources("v1")
        if parts[0] == "apis" and len(parts) == 3:
            return 200, self.resources(f"{parts[1]}/{parts[2]}")
        group_version = parts[1] if parts[0] == "api" else f"{parts[1]}/{parts[2]}"
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        return self.objects(group_version, rest, query, body)

    def groups(self) -> dict[str, Any]:
        groups: dict[str, list[str]] = {}
        for resource in self.server.api.resources():
            for version in resource.versions:
                if resource.group and version not in groups.setdefault(resource.group, []):
                    groups[resource.group].append(version)
        rows = []
        for name, versions in groups.items():
            listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
            rows.append({"name": name, "versions": listed, "preferredVersion": listed[0]})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": rows}

    def served(self, group_version: str) -> Iterator[Resource]:
        for resource in self.server.api.resources():
            prefix = f"{resource.group}/" if resource.group else ""
            if group_version in [prefix + version for version in resource.versions]:
                yield resource

    def resources(self, group_version: str) -> dict[str, Any]:
        rows = [
            {
                "name": r.plural,
                "singularName": r.singular,
                "kind": r.kind,
                "namespaced": r.namespaced,
                "shortNames": list(r.short_names),
                "categories": list(r.categories),
                "verbs": list(r.verbs),
            }
            for r in self.served(group_version)
        ]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": rows,
        }

    def objects(
        self, group_version: str, rest: list[str], query: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        resource = next((r for r in self.served(group_version) if r.plural == rest[0]), None)
        if resource is None:
            raise NotFound("the server could not find the requested resource")
        name = rest[1] if len(rest) > 1 else ""
        api = self.server.api
        if self.command == "GET":
            return 200, self.read(resource, name, namespace, query)
        if self.command == "POST":
            body.setdefault("metadata", {}).setdefault("namespace", namespace)
            if namespace is None:
                del body["metadata"]["namespace"]
            return 201, self.server.write(api.create(body))
        if self.command == "PUT":
            return 200, self.server.write(api.update(body))
        if self.command == "DELETE":
            return 200, api.delete(resource, name, namespace)
        kind = PATCHES[self.headers["Content-Type"].partition(";")[0]]
        return 200, self.server.write(api.patch(resource, name, namespace, body, kind))

    def read(self, resource: Resource, name: str, namespace: str | None, query: dict[str, str]) -> Any:
        api = self.server.api
        if name:
            return api.get(resource, name, namespace)
        items = api.list(
            resource,
            namespace,
            labels=query.get("labelSelector", ""),
            fields=query.get("fieldSelector", ""),
        )
        metadata = {"resourceVersion": str(api.resource_version)}
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "items": items,
        }


class KubeServer(HTTPServer):
    """The API of a running engine on a loopback port."""

    def __init__(self, api: ApiServer, engine: Engine) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.api = api
        self.engine = engine
        self.seen: list[str] = []

    def write(self, write: Any) -> Any:
        return self.engine.run_process(self.engine.process(write), limit=self.engine.now + 60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(api: ApiServer, engine: Engine) -> Iterator[KubeServer]:
    """Serve for the length of a block."""
    server = KubeServer(api, engine)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
