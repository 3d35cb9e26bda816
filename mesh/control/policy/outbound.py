"""The effective policy of a service, for clients of one namespace: routes, backends, breakers.

*Source:* policy-controller/k8s/index/src/outbound/index.rs, policy-controller/grpc/src/outbound.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from mesh.control import labels
from mesh.control.discovery.endpoints import annotated_ports, in_ports
from mesh.control.policy import annotations
from mesh.control.policy.annotations import InvalidAnnotation
from mesh.control.policy.defaults import PolicyConfig
from mesh.control.policy.objects import Obj, Objects, meta, spec
from mesh.control.policy.routes import (
    CORE,
    ROUTES,
    InvalidRoute,
    filters,
    group_of,
    hosts,
    matches,
    parents,
    route_ref,
)
from mesh.messages import (
    InjectFilter,
    OutboundBackend,
    OutboundPolicy,
    OutboundRule,
    PolicyRef,
    RetryRule,
    StreamTimeouts,
)

__all__ = ["service_policy"]

T = TypeVar("T")
Warn = Callable[[str], object]
INFINITY = float("inf")
PROTOCOLS = {"http": "http1", "kubernetes.io/h2c": "http2", "linkerd.io/opaque": "opaque", "tcp": "opaque"}


def service_policy(
    objects: Objects, config: PolicyConfig, service: Obj, port: int, namespace: str, warn: Warn
) -> OutboundPolicy:
    """The policy of one port of a service, for clients of ``namespace``.

    Args:
        warn: told of annotations and routes that say nothing, which are ignored.
    """
    return _ServicePolicy(objects, config, service, port, namespace, warn).build()


@dataclass(slots=True)
class _ServicePolicy:
    """Puts a service's policy together."""

    objects: Objects
    config: PolicyConfig
    service: Obj
    port: int
    client: str
    warn: Warn

    def build(self) -> OutboundPolicy:
        own = self._service_backend(self.service, self.port)
        routes = list(self._routes())
        rules = [rule for route in routes for rule in self._rules(route, own)]
        if not routes:
            # Only a service without routes has this one.
            default = PolicyRef(name="http")
            retry, timeouts = self._marks(self.service)
            rules = [OutboundRule(default, (own,), timeouts=timeouts, retry=retry)]
        return OutboundPolicy(own.ref, tuple(rules), self._protocol(), backend=own)

    def _protocol(self) -> str:
        """Declared by ``appProtocol`` or the opaque ports, else to be detected."""
        opaque = annotated_ports(meta(self.service), labels.OPAQUE_PORTS, self.config.opaque_ports)
        for entry in spec(self.service).get("ports") or ():
            if entry.get("port") == self.port and entry.get("appProtocol"):
                # Upstream carries what it does not know as bytes.
                return PROTOCOLS.get(entry["appProtocol"], "opaque")
        return "opaque" if in_ports(self.port, opaque) else "detect"

    # -- routes ----------------------------------------------------------------------------------------

    def _routes(self) -> Iterator[Obj]:
        """Those of the service's own namespace and of the client's, together; gRPC before HTTP."""
        namespace, name = meta(self.service).get("namespace", ""), meta(self.service).get("name", "")
        for kind in ROUTES:
            found = [
                route
                for route in self.objects.all(kind)
                if meta(route).get("namespace") in (namespace, self.client)
                and any(
                    parent[:3] == ("Service", namespace, name) and parent[3] in (None, self.port)
                    for parent in parents(route)
                )
            ]
            if found:
                yield from found
                return

    def _rules(self, route: Obj, own: OutboundBackend) -> Iterator[OutboundRule]:
        grpc = route.get("kind") == "GRPCRoute"
        retry, timeouts = self._marks(route)
        for rule in spec(route).get("rules") or ():
            try:
                found = matches(rule, grpc=grpc), filters(rule.get("filters"), responses=_gateway(route))
            except InvalidRoute as error:
                self.warn(f"ignoring a rule of {route_ref(route)}: {error}")
                continue
            backends = tuple(self._backend(each, route) for each in rule.get("backendRefs") or ())
            yield OutboundRule(
                route_ref(route),
                backends or (own,),
                *(found[0], hosts(route), grpc, found[1]),
                self._timeouts(rule, timeouts),
                retry,
                bool(backends),
            )

    def _marks(self, obj: Obj) -> tuple[RetryRule | None, StreamTimeouts]:
        """Retries and timeouts of a route; the service's own unless it has any of that kind."""
        retry = self._parsed(obj, annotations.retry) or self._parsed(self.service, annotations.retry)
        timeouts = self._parsed(obj, annotations.timeouts) or self._parsed(self.service, annotations.timeouts)
        return retry, timeouts or StreamTimeouts()

    def _parsed(self, obj: Obj, parse: Callable[[Any], T | None]) -> T | None:
        try:
            return parse(meta(obj).get("annotations") or {})
        except InvalidAnnotation as error:
            name, namespace = meta(obj).get("name", ""), meta(obj).get("namespace", "")
            self.warn(f"{obj.get('kind')} {namespace}/{name}: ignoring {error}")
            return None

    def _timeouts(self, rule: Obj, found: StreamTimeouts) -> StreamTimeouts:
        """A rule's own request timeout, unless an annotation says otherwise."""
        text = (rule.get("timeouts") or {}).get("request")
        if not text or found.request < INFINITY:
            return found
        try:
            seconds = annotations.duration(str(text))
        except InvalidAnnotation as error:
            self.warn(f"ignoring a timeout: {error}")
            return found
        return StreamTimeouts(seconds or INFINITY, found.response, found.idle)

    # -- backends --------------------------------------------------------------------------------------

    def _service_backend(self, service: Obj, port: int, weight: int = 1) -> OutboundBackend:
        name, namespace = meta(service).get("name", ""), meta(service).get("namespace", "")
        section = next(
            (str(e.get("name") or "") for e in spec(service).get("ports") or () if e.get("port") == port), ""
        )
        return OutboundBackend(
            PolicyRef("core", "Service", name, namespace, port, section),
            f"{name}.{namespace}.svc.{self.config.domain}:{port}",
            weight,
            (),
            self._parsed(service, annotations.accrual),
            self._parsed(service, annotations.penalty),
        )

    def _backend(self, entry: Obj, route: Obj) -> OutboundBackend:
        """A backend of a rule; one that cannot be used answers its share with an error."""
        namespace = entry.get("namespace") or meta(route).get("namespace", "")
        name, port, weight = entry.get("name", ""), entry.get("port"), int(entry.get("weight", 1))
        wrong = ""
        kept: tuple[Any, ...] = ()
        try:
            kept = filters(entry.get("filters"), responses=_gateway(route))
        except InvalidRoute as error:
            wrong = str(error)
        service = self.objects.get("Service", namespace, name)
        if (entry.get("kind", "Service"), entry.get("group") or "") not in {("Service", g) for g in CORE}:
            wrong = f"unsupported backend type {entry.get('group', '')}/{entry.get('kind')}"
        elif service is None:
            wrong = f"Service not found {name}"
        elif not port:
            wrong = f"missing port for backend Service {name}"
        if wrong or service is None:
            ref = PolicyRef("core", "Service", name, namespace, port or 0)
            return OutboundBackend(ref, "", weight, (InjectFilter(500, wrong),))
        made = self._service_backend(service, int(port or 0), weight)
        return OutboundBackend(made.ref, made.authority, weight, kept, made.accrual, made.penalty)


def _gateway(route: Obj) -> bool:
    """Whether a route is the Gateway API's, and not Linkerd's own kind of that name."""
    return group_of(route) == "gateway.networking.k8s.io"
