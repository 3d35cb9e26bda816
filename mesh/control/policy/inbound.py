"""The effective policy of a port: its Server, who may use it, its routes and limits.

*Source:* policy-controller/k8s/index/src/inbound/index.rs.
"""

from collections.abc import Iterator
from typing import Any

from mesh.control.policy.defaults import (
    EVERYWHERE,
    POLICIES,
    PolicyConfig,
    default_authorizations,
    inbound_policy,
    probe_paths,
)
from mesh.control.policy.objects import Obj, Objects, meta, selects, spec
from mesh.control.policy.routes import (
    ROUTES,
    InvalidRoute,
    filters,
    group_of,
    hosts,
    matches,
    parents,
    route_ref,
)
from mesh.messages import InboundAuthorization, InboundPolicy, InboundRateLimit, InboundRule, PolicyRef

__all__ = ["GROUP", "port_policy", "selected_port"]

GROUP = "policy.linkerd.io"
PROTOCOLS = {
    "HTTP/1": "http1",
    "HTTP/2": "http2",
    "gRPC": "grpc",
    "opaque": "opaque",
    "TLS": "tls",
}


def selected_port(pod: Obj, wanted: Any) -> int | None:
    """The number of a Server's port in a pod; None if it has no port of that name."""
    if isinstance(wanted, int) or str(wanted).isdecimal():
        return int(wanted)
    containers = [*(spec(pod).get("initContainers") or ()), *(spec(pod).get("containers") or ())]
    for container in containers:
        for port in container.get("ports") or ():
            if port.get("name") == wanted:
                return int(port["containerPort"])
    return None


def port_policy(objects: Objects, config: PolicyConfig, pod: Obj, port: int) -> InboundPolicy:
    """The policy of one port of a pod: that of the oldest Server that selects it, else the default."""
    namespace, labels = meta(pod).get("namespace", ""), meta(pod).get("labels") or {}
    for server in objects.all("Server", namespace):
        chosen = spec(server)
        if "podSelector" not in chosen or not selects(chosen["podSelector"], labels):
            continue
        if selected_port(pod, chosen.get("port")) == port:
            return _ServerPolicy(objects, config, server).build(pod, port)
    return inbound_policy(pod, port, config)


class _ServerPolicy:
    """Puts a Server's policy together."""

    def __init__(self, objects: Objects, config: PolicyConfig, server: Obj) -> None:
        self.objects = objects
        self.config = config
        self.server = server
        self.namespace = meta(server).get("namespace", "")
        self.name = meta(server).get("name", "")

    def build(self, pod: Obj, port: int) -> InboundPolicy:
        rules = tuple(self._rules())
        return InboundPolicy(
            "server",
            self.name,
            protocol=PROTOCOLS.get(spec(self.server).get("proxyProtocol", ""), "detect"),
            authorizations=tuple(self._authorizations()),
            probes=() if rules else tuple(dict.fromkeys(probe_paths(pod, port))),
            group=GROUP,
            rules=rules,
            rate_limit=self._rate_limit(),
        )

    # -- who -------------------------------------------------------------------------------------------

    def _authorizations(self) -> Iterator[InboundAuthorization]:
        """ServerAuthorizations, AuthorizationPolicies of the server or namespace, then the fallback."""
        for authorization in self.objects.all("ServerAuthorization", self.namespace):
            if self._names_me(spec(authorization).get("server") or {}):
                yield from self._server_authorization(authorization)
        yield from self._policies("Server", self.name)
        yield from self._policies("Namespace", self.namespace)
        access = spec(self.server).get("accessPolicy", "deny")
        if access in POLICIES:
            yield from default_authorizations(access, self.config)

    def _names_me(self, target: Obj) -> bool:
        if target.get("name"):
            return bool(target["name"] == self.name)
        return "selector" in target and selects(target["selector"], meta(self.server).get("labels") or {})

    def _server_authorization(self, authorization: Obj) -> Iterator[InboundAuthorization]:
        client = spec(authorization).get("client") or {}
        mesh = client.get("meshTLS") or {}
        tls = "none"
        identities: tuple[str, ...] = ()
        if not client.get("unauthenticated"):
            tls = "any" if mesh.get("unauthenticatedTLS") else "identity"
            accounts = (self._account(each) for each in mesh.get("serviceAccounts") or ())
            identities = (*(mesh.get("identities") or ()), *accounts)
        networks = client.get("networks")
        if networks is None:
            networks = [{"cidr": each} for each in self.config.cluster_networks]
        name = meta(authorization).get("name", "")
        yield from _by_network("serverauthorization", name, networks, tls, identities)

    def _account(self, ref: Obj) -> str:
        return self.config.identity(ref.get("name", ""), ref.get("namespace") or self.namespace)

    def _policies(self, kind: str, name: str) -> Iterator[InboundAuthorization]:
        for policy in self.objects.all("AuthorizationPolicy", self.namespace):
            target = spec(policy).get("targetRef") or {}
            if (target.get("kind"), target.get("name")) == (kind, name):
                yield from self._policy(policy)

    def _policy(self, policy: Obj) -> Iterator[InboundAuthorization]:
        """All that it requires must hold; something missing voids it."""
        networks: list[Obj] = [{"cidr": each} for each in EVERYWHERE]
        tls = "none"
        identities: tuple[str, ...] = ()
        for ref in spec(policy).get("requiredAuthenticationRefs") or ():
            kind, namespace = ref.get("kind"), ref.get("namespace") or self.namespace
            if kind == "ServiceAccount":
                tls, identities = "identity", (self.config.identity(ref.get("name", ""), namespace),)
                continue
            found = self.objects.get(kind, namespace, ref.get("name", ""))
            if found is None:
                return
            if kind == "MeshTLSAuthentication":
                tls, identities = "identity", tuple(self._identities(found))
            else:
                networks = spec(found).get("networks") or []
        name = meta(policy).get("name", "")
        yield from _by_network("authorizationpolicy", name, networks, tls, identities)

    def _identities(self, authentication: Obj) -> Iterator[str]:
        yield from spec(authentication).get("identities") or ()
        own = meta(authentication).get("namespace", "")
        for ref in spec(authentication).get("identityRefs") or ():
            if ref.get("kind") == "Namespace":
                yield "*." + self.config.tenants(ref.get("name") or own)
            else:
                yield self.config.identity(ref.get("name", ""), ref.get("namespace") or own)

    # -- what ------------------------------------------------------------------------------------------

    def _rules(self) -> Iterator[InboundRule]:
        for kind in ROUTES:
            routes = [each for each in self.objects.all(kind, self.namespace) if self._attached(each)]
            if routes:
                for route in routes:
                    yield from self._route(route)
                return

    def _attached(self, route: Obj) -> bool:
        wanted = ("Server", self.namespace, self.name)
        return any(parent[:3] == wanted for parent in parents(route))

    def _route(self, route: Obj) -> Iterator[InboundRule]:
        grpc = route.get("kind") == "GRPCRoute"
        allowed = tuple(self._policies(route.get("kind", ""), meta(route).get("name", "")))
        for rule in spec(route).get("rules") or ():
            try:
                found = matches(rule, grpc=grpc), filters(rule.get("filters"))
            except InvalidRoute:
                continue
            yield InboundRule(route_ref(route), found[0], hosts(route), grpc, found[1], allowed)

    def _rate_limit(self) -> InboundRateLimit | None:
        """The oldest one counts."""
        for limit in self.objects.all("HTTPLocalRateLimitPolicy", self.namespace):
            target = spec(limit).get("targetRef") or {}
            if (target.get("kind"), target.get("name")) != ("Server", self.name):
                continue
            ref = PolicyRef(
                group_of(limit), "httplocalratelimitpolicy", meta(limit).get("name", ""), self.namespace
            )
            overrides = tuple(
                (tuple(self._account(each) for each in entry.get("clientRefs") or ()), _rps(entry))
                for entry in spec(limit).get("overrides") or ()
            )
            return InboundRateLimit(
                ref, _rps(spec(limit).get("total")), _rps(spec(limit).get("identity")), overrides
            )
        return None


def _rps(entry: Any) -> int:
    return int((entry or {}).get("requestsPerSecond") or 0)


def _by_network(
    kind: str, name: str, networks: list[Obj], tls: str, identities: tuple[str, ...]
) -> Iterator[InboundAuthorization]:
    """One authorization for all networks without exceptions, and one for each that has some."""
    whole = tuple(each["cidr"] for each in networks if not each.get("except"))
    if whole:
        yield InboundAuthorization(kind, name, whole, tls, identities, GROUP)
    for each in networks:
        if each.get("except"):
            yield InboundAuthorization(
                kind, name, (each["cidr"],), tls, identities, GROUP, tuple(each["except"])
            )
