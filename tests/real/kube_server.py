"""A small Kubernetes API over HTTP in front of a sandbox's store, for the real kubectl.

Enough for get, apply, create, patch, delete, scale, logs and watches: discovery in the older form, JSON
bodies, Status errors. A thread a connection, but one request at a time: hold ``lock`` to touch the
simulation meanwhile. Simulated time passes while a write is admitted, and while somebody watches.
"""

import json
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sim.cluster.api import ApiError, ApiServer, NotFound, UnsupportedMediaType
from sim.cluster.api.resources import Resource
from sim.cluster.api.scale import scale_of
from sim.engine import Engine

Obj = dict[str, Any]
Query = dict[str, str]
PATCHES = {
    "application/strategic-merge-patch+json": "strategic",
    "application/merge-patch+json": "merge",
    "application/json-patch+json": "json",
}
TICK = 0.25  # simulated seconds between two looks of a watch
PAUSE = 0.002  # wall seconds between them
LONGEST = 1200.0  # simulated seconds a watch may last


class Handler(BaseHTTPRequestHandler):
    """One connection's requests. ``server`` carries the API and the engine."""

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
        text = self.rfile.read(length)
        url = urlsplit(self.path)
        parts = [part for part in url.path.split("/") if part]
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        try:
            if query.get("watch") in ("true", "1"):
                self.watch(parts, query)
                return
            with self.server.lock:
                code, result = self.route(parts, query, self.parsed(text))
        except ApiError as error:
            code, result = error.code, error.status
        self.answer(code, result)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def parsed(self, text: bytes) -> Any:
        """The body; typed commands of kubectl 1.32 and later send protobuf, which is refused."""
        if "protobuf" in (self.headers.get("Content-Type") or ""):
            raise UnsupportedMediaType("the body of the request was in an unknown format: only JSON is read")
        return json.loads(text) if text else None

    # -- discovery ----------------------------------------------------------------------------------------

    def route(self, parts: list[str], query: Query, body: Any) -> tuple[int, Any]:
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
        return self.objects(*self.place(parts), query, body)

    def place(self, parts: list[str]) -> tuple[Resource, list[str], str | None]:
        """The resource of a path, the rest of it (name, subresource), and the namespace."""
        group_version = parts[1] if parts[0] == "api" else "/".join(parts[1:3])
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = None
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        resource = next((r for r in self.served(group_version) if r.plural == (rest or [""])[0]), None)
        if resource is None:
            raise NotFound("the server could not find the requested resource")
        return resource, rest[1:], namespace

    def groups(self) -> Obj:
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

    def resources(self, group_version: str) -> Obj:
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

    # -- objects ------------------------------------------------------------------------------------------

    def objects(
        self, resource: Resource, rest: list[str], namespace: str | None, query: Query, body: Any
    ) -> tuple[int, Any]:
        """One request about objects: its status code and answer."""
        api, name, part = self.server.api, "".join(rest[:1]), "".join(rest[1:2])
        dry = query.get("dryRun") == "All"
        if self.command == "GET":
            return 200, self.read(resource, name, part, namespace, query)
        if self.command == "DELETE":
            options = body or {}
            grace = options.get("gracePeriodSeconds")
            policy = options.get("propagationPolicy") or "Background"
            gone = api.delete(resource, name, namespace, grace=grace, propagation=policy, dry_run=dry)
            return 200, gone
        if self.command == "PATCH":
            kind = PATCHES[self.headers["Content-Type"].partition(";")[0]]
            write = api.patch(resource, name, namespace, body, kind, subresource=part, dry_run=dry)
            return 200, self.server.write(write)
        if query.get("fieldValidation") == "Strict":
            api.validator.check_fields(resource, body)
        if self.command == "PUT":
            return 200, self.server.write(api.update(body, subresource=part, resource=resource))
        if namespace is not None:
            body.setdefault("metadata", {}).setdefault("namespace", namespace)
        return 201, self.server.write(api.create(body, dry_run=dry))

    def read(self, resource: Resource, name: str, part: str, namespace: str | None, query: Query) -> Any:
        api = self.server.api
        if part == "log":
            return self.log(name, namespace or "default", query)
        if name:
            found = api.get(resource, name, namespace)
            return scale_of(resource, found) if part == "scale" else found
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(api.resource_version)},
            "items": api.list(resource, namespace, labels=labels, fields=fields),
        }

    def log(self, pod: str, namespace: str, query: Query) -> bytes:
        """The text of a container's log, from the kubelet."""
        lines = self.server.logs(namespace, pod, query.get("container", ""))
        return "".join(f"{line}\n" for line in lines[-int(query.get("tailLines", len(lines))) :]).encode()

    # -- watches ------------------------------------------------------------------------------------------

    def watch(self, parts: list[str], query: Query) -> None:
        """Events as they happen; time passes until the client goes away."""
        with self.server.lock:
            resource, _, namespace = self.place(parts)
            since = int(query.get("resourceVersion") or 0)
            events, since = self.server.initial(resource, namespace, query, since)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        end = self.server.engine.now + LONGEST
        try:
            while not self.server.closing.is_set() and self.server.engine.now < end:
                for event in events:
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                self.wfile.flush()
                if select.select([self.connection], [], [], PAUSE)[0]:
                    return  # the client closed
                with self.server.lock:
                    events, since = self.server.later(resource, namespace, query, since)
        except (BrokenPipeError, ConnectionResetError):
            return


class KubeServer(ThreadingMixIn, HTTPServer):
    """The API of a running engine on a loopback port.

    Attributes:
        seen: method and path of every request.
        failures: defects met while answering, which end a test.
    """

    daemon_threads = True

    def __init__(self, api: ApiServer, engine: Engine, logs: Any = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.api = api
        self.engine = engine
        self.logs = logs
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.seen: list[str] = []
        self.failures: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        problem = sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]
        if not isinstance(problem, ConnectionError):
            self.failures.append(repr(problem))

    def write(self, write: Any) -> Any:
        return self.engine.run_process(self.engine.process(write), limit=self.engine.now + 60)

    def initial(
        self, resource: Resource, namespace: str | None, query: Query, since: int
    ) -> tuple[list[Obj], int]:
        """What a watch begins with: everything there is, when it says no version or asks for it."""
        wanted = query.get("sendInitialEvents") == "true"
        if since and not wanted:
            return [], since
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        found = self.api.list(resource, namespace, labels=labels, fields=fields)
        events: list[Obj] = [{"type": "ADDED", "object": one} for one in found]
        now = self.api.resource_version
        if wanted:
            meta = {"resourceVersion": str(now), "annotations": {"k8s.io/initial-events-end": "true"}}
            mark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
            events.append({"type": "BOOKMARK", "object": mark})
        return events, now

    def later(
        self, resource: Resource, namespace: str | None, query: Query, since: int
    ) -> tuple[list[Obj], int]:
        """A moment later: the events since a version, and the version to go on from."""
        self.engine.run_until(self.engine.now + TICK)
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        events = [
            {"type": event.type, "object": event.object}
            for event in self.api.history(resource, since, labels=labels, fields=fields)
            if namespace is None or event.object["metadata"].get("namespace") == namespace
        ]
        return events, self.api.resource_version

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(api: ApiServer, engine: Engine, logs: Any = None) -> Iterator[KubeServer]:
    """Serve for the length of a block; a defect met meanwhile fails it.

    Args:
        logs: the lines of a container's log: ``logs(namespace, pod, container)``.
    """
    server = KubeServer(api, engine, logs)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
    assert server.failures == []
