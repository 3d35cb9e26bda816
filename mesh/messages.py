"""What the parts of the mesh say to one another: HTTP messages, endpoint updates, certificates.

The only module that both the proxy and the control plane know.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Address",
    "Certificate",
    "CertifyRequest",
    "EndpointUpdate",
    "FailureAccrual",
    "HeaderFilter",
    "InboundAuthorization",
    "InboundPolicy",
    "InboundRateLimit",
    "InboundRule",
    "InjectFilter",
    "Limits",
    "OutboundBackend",
    "OutboundPolicy",
    "OutboundRule",
    "Peer",
    "PenaltyRule",
    "PolicyRef",
    "Profile",
    "RedirectFilter",
    "Request",
    "Response",
    "RetryRule",
    "RouteFilter",
    "RouteMatch",
    "StreamTimeouts",
    "ValueMatch",
    "fail",
]

INFINITY = float("inf")


class Limits(NamedTuple):
    """How long one attempt may take once its request is sent (seconds).

    Attributes:
        headers: until the response's headers.
        response: until the response's end.
        idle: without a frame, while a body is being read.
    """

    headers: float = INFINITY
    response: float = INFINITY
    idle: float = INFINITY


class Request:
    """One HTTP request. gRPC when ``grpc`` is set (content type ``application/grpc`` on HTTP/2).

    Attributes:
        method: GET, POST, …
        authority: the name and port dialled, as the application wrote it: ``web-svc.emojivoto:80``.
        path: path and query.
        headers: lower-case names; None when there is none.
        body: any value; the simulation passes Python objects, the wire passes bytes.
        size: bytes of the body, for the byte counters.
        limits: of the attempt in hand, set by the layers; None for none.
        context: whatever the driver attached (identity of the request for the tables); flows never look.
    """

    __slots__ = ("authority", "body", "context", "grpc", "headers", "limits", "method", "path", "size")

    def __init__(
        self,
        method: str,
        authority: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: Any = None,
        size: int = 0,
        grpc: bool = False,
        context: Any = None,
    ) -> None:
        self.method = method
        self.authority = authority
        self.path = path
        self.headers = headers
        self.body = body
        self.size = size
        self.grpc = grpc
        self.context = context
        self.limits: Limits | None = None

    def __repr__(self) -> str:
        return f"<{self.method} {self.authority}{self.path}>"


class Response:
    """One HTTP response, or what stands for it when there was none.

    Attributes:
        status: HTTP status; 0 when no response came (then ``error`` says why).
        grpc_status: from headers or trailers; None when there was none.
        error: empty, or why there is no response: ``refused``, ``reset``, ``unreachable``,
            ``connect timeout`` (transport), ``timeout`` (the deadline of the Send passed), ``tls``
            (the peer's certificate was not acceptable).
            ``headers timeout``, ``response timeout``, ``idle timeout`` (one of the Send's own limits passed).
        first_byte: seconds from the request to the first body frame if that differs from the end; None
            when the body came with the headers.
    """

    __slots__ = ("body", "error", "first_byte", "grpc_message", "grpc_status", "headers", "size", "status")

    def __init__(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: Any = None,
        size: int = 0,
        grpc_status: int | None = None,
        grpc_message: str = "",
        error: str = "",
        first_byte: float | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.size = size
        self.grpc_status = grpc_status
        self.grpc_message = grpc_message
        self.error = error
        self.first_byte = first_byte

    def __repr__(self) -> str:
        return f"<{self.status} grpc={self.grpc_status} {self.error}>"


def fail(error: str) -> Response:
    """The value that stands for a response that never came."""
    return Response(0, error=error)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of an accepted connection.

    Attributes:
        ip: source address.
        client_id: the verified mesh identity, or None without mTLS.
        no_tls_reason: why there is no identity: ``loopback``, ``no_tls_from_remote``, ``port_skipped``.
        sni: whom its TLS is for, if that is not this proxy; empty otherwise.
    """

    ip: str
    client_id: str | None = None
    no_tls_reason: str = "no_tls_from_remote"
    sni: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """One endpoint of a destination, as the destination service describes it.

    Attributes:
        identity: the TLS name to expect, or None: then no mTLS is attempted.
        hint: ``h2`` (peer proxy upgrades), ``opaque`` or empty.
        labels: the ``dst_*`` labels without their prefix, in order of name.
    """

    ip: str
    port: int
    identity: str | None = None
    hint: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    weight: int = 10_000


@dataclass(frozen=True, slots=True)
class EndpointUpdate:
    """A change of a destination's endpoints.

    Attributes:
        add: new or changed addresses.
        remove: (ip, port) pairs to drop.
        labels: set-level labels (``namespace``, ``service``), present on updates that add.
        no_endpoints: 2.8.1's message for "nothing there"; ``exists`` tells an empty service from none.
    """

    add: tuple[Address, ...] = ()
    remove: tuple[tuple[str, int], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    no_endpoints: bool = False
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """What GetProfile says of a destination.

    Attributes:
        name: fully qualified service name, empty for a plain endpoint.
        opaque: carry bytes, detect nothing.
        endpoint: set when the target is one pod, not a service.
        routes: ServiceProfile routes as JSON objects, in order.
        retry_budget: the ServiceProfile's, as a JSON object.
        overrides: (authority, weight) of a TrafficSplit.
    """

    name: str = ""
    opaque: bool = False
    endpoint: Address | None = None
    routes: tuple[dict[str, Any], ...] = ()
    retry_budget: dict[str, Any] | None = None
    overrides: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CertifyRequest:
    """A proxy asks for its certificate.

    Attributes:
        identity: the name asked for.
        token: the service-account token.
        csr: certificate signing request, PEM.
    """

    identity: str
    token: str
    csr: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certified identity.

    Attributes:
        leaf: PEM.
        intermediates: PEM, possibly several, leaf's issuer first.
        not_after: Unix seconds.
    """

    leaf: bytes
    intermediates: bytes = b""
    not_after: float = 0.0
    name: str = field(default="")


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The resource behind a decision, as labels and error messages name it.

    Attributes:
        group, kind, name: empty group and kind ``default`` for what no resource says.
        section: of a Service or Server, the port's name.
    """

    group: str = ""
    kind: str = "default"
    name: str = "default"
    namespace: str = ""
    port: int = 0
    section: str = ""

    def __str__(self) -> str:
        if self.kind == "default":
            return f"default.{self.name}"
        port = f":{self.port}" if self.port else ""
        return f"{self.kind.lower()}.{self.namespace}.{self.name}{port}"


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """What a header or query parameter must be.

    Attributes:
        kind: ``exact`` or ``regex``; an expression must cover the whole value.
    """

    name: str
    value: str
    kind: str = "exact"


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """One way for a request to belong to a rule; all that is given must hold.

    Attributes:
        path: for HTTP; the prefix ``/`` where nothing is said.
        path_kind: ``prefix`` (whole segments), ``exact`` or ``regex``.
        method: of HTTP, None for any; of gRPC, the name of the method, empty for any.
        service: of gRPC, the fully qualified service, empty for any.
    """

    path: str = "/"
    path_kind: str = "prefix"
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()
    method: str | None = None
    service: str = ""


@dataclass(frozen=True, slots=True)
class HeaderFilter:
    """Changes headers: adds, then sets, then removes. Names are lower-case.

    Attributes:
        response: of the response instead of the request.
    """

    add: tuple[tuple[str, str], ...] = ()
    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    response: bool = False


@dataclass(frozen=True, slots=True)
class RedirectFilter:
    """Answers with a redirect. None leaves a part of the URL as it is.

    Attributes:
        path: replaces the whole path (``path_kind`` full) or the prefix that matched (``prefix``).
    """

    status: int = 301
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    path_kind: str = "full"


@dataclass(frozen=True, slots=True)
class InjectFilter:
    """Answers by itself with a failure, to a share of requests.

    Attributes:
        status: for HTTP.
        grpc: the code for gRPC.
        numerator, denominator: the share.
    """

    status: int
    message: str
    grpc: int = 2
    numerator: int = 1
    denominator: int = 1


RouteFilter: TypeAlias = HeaderFilter | RedirectFilter | InjectFilter


@dataclass(frozen=True, slots=True)
class StreamTimeouts:
    """How long a request may take, in seconds; infinity for ever.

    Attributes:
        request: everything, all attempts included, from the start.
        response: one attempt, from the request sent to the end of its response.
        idle: without any frame, while a body is being read.
    """

    request: float = INFINITY
    response: float = INFINITY
    idle: float = INFINITY


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Which failures are sent again, and how often.

    Attributes:
        http: ranges of statuses, both ends included.
        grpc: codes.
        limit: attempts after the first.
        timeout: for the headers of every attempt but the last, from the request sent; seconds.
    """

    http: tuple[tuple[int, int], ...] = ()
    grpc: frozenset[int] = frozenset()
    limit: int = 1
    timeout: float = INFINITY


@dataclass(frozen=True, slots=True)
class FailureAccrual:
    """When an endpoint is taken out, and for how long.

    Attributes:
        mode: ``consecutive`` or ``unified``.
        max_failures: in a row; 0 for any number (unified).
        min_penalty, max_penalty: seconds; doubles in between.
        jitter: ratio added at random.
        threshold, window, min_requests: of the success rate (unified).
    """

    mode: str = "consecutive"
    max_failures: int = 7
    min_penalty: float = 1.0
    max_penalty: float = 60.0
    jitter: float = 0.5
    threshold: float = 0.8
    window: float = 10.0
    min_requests: int = 5


@dataclass(frozen=True, slots=True)
class PenaltyRule:
    """Failures count as slow answers in the balancer's estimate.

    Attributes:
        penalty, max_retry_after: seconds.
    """

    penalty: float = 5.0
    max_retry_after: float = 300.0


@dataclass(frozen=True, slots=True)
class OutboundBackend:
    """Where a rule sends a share of its requests.

    Attributes:
        authority: what to ask the destination service for (``voting-svc.emojivoto.svc.cluster.local:8080``);
            empty when the backend is the original address, or invalid.
        filters: of this backend; the failure that stands for an invalid one is among them.
        accrual, penalty: of the Service.
    """

    ref: PolicyRef
    authority: str = ""
    weight: int = 1
    filters: tuple[RouteFilter, ...] = ()
    accrual: FailureAccrual | None = None
    penalty: PenaltyRule | None = None


@dataclass(frozen=True, slots=True)
class OutboundRule:
    """One rule of an outbound route.

    Attributes:
        ref: the route's resource.
        grpc: of a GRPCRoute: its matches name services and methods.
        hosts: of the route, empty for any; ``*.`` in front stands for at least one label.
        weighted: draw among the backends by weight; otherwise the first, whatever its weight.
    """

    ref: PolicyRef
    backends: tuple[OutboundBackend, ...]
    matches: tuple[RouteMatch, ...] = (RouteMatch(),)
    hosts: tuple[str, ...] = ()
    grpc: bool = False
    filters: tuple[RouteFilter, ...] = ()
    timeouts: StreamTimeouts = StreamTimeouts()
    retry: RetryRule | None = None
    weighted: bool = False


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """What the policy controller says of a destination.

    Attributes:
        parent: the Service, or what stands for one.
        protocol: ``detect``, ``http1``, ``http2``, ``grpc``, ``opaque`` or ``tls``.
        detect_timeout: seconds.
        rules: of all its routes, in order; the best match decides, the first of equals.
        backend: where bytes go that are no HTTP.
        allow_headers: requests may override retries and timeouts by ``l5d-*`` headers.
    """

    parent: PolicyRef
    rules: tuple[OutboundRule, ...] = ()
    protocol: str = "detect"
    detect_timeout: float = 10.0
    backend: OutboundBackend | None = None
    allow_headers: bool = False


@dataclass(frozen=True, slots=True)
class InboundAuthorization:
    """Who may use a port, or a route of it.

    Attributes:
        kind, name: the policy resource, or ``default`` and the default policy's name.
        networks: where clients may come from, as CIDRs.
        exceptions: but for these, as CIDRs.
        tls: ``none`` (anyone), ``any`` (mesh TLS) or ``identity`` (mesh TLS with one of the identities).
        identities: exact names; ``*`` is every mesh identity, ``*.suffix`` those under a suffix.
    """

    kind: str
    name: str
    networks: tuple[str, ...]
    tls: str = "none"
    identities: tuple[str, ...] = ()
    group: str = ""
    exceptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundRule:
    """One rule of a route attached to a Server.

    Attributes:
        ref: the route's resource.
        authorizations: in addition to the server's.
    """

    ref: PolicyRef
    matches: tuple[RouteMatch, ...] = (RouteMatch(),)
    hosts: tuple[str, ...] = ()
    grpc: bool = False
    filters: tuple[RouteFilter, ...] = ()
    authorizations: tuple[InboundAuthorization, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundRateLimit:
    """Requests a second that one proxy lets through; 0 for any number.

    Attributes:
        overrides: (identities, requests a second), instead of ``identity`` for those.
    """

    ref: PolicyRef
    total: int = 0
    identity: int = 0
    overrides: tuple[tuple[tuple[str, ...], int], ...] = ()


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """What the policy controller says of one port of a pod.

    Attributes:
        kind, name, group: the Server, or ``default`` and the default policy's name.
        protocol: ``detect``, ``http1``, ``http2``, ``grpc``, ``opaque`` or ``tls``.
        detect_timeout_s: how long detection may wait for bytes.
        authorizations: any one of them lets a client in; none: nobody may.
        probes: paths of the pod's HTTP probes on the port, open to GET from everywhere; empty once a route
            is attached.
        rules: of the routes attached; once there is any, requests that match none are not found.
        rate_limit: for those who were let in.
    """

    kind: str
    name: str
    protocol: str = "detect"
    detect_timeout_s: float = 10.0
    authorizations: tuple[InboundAuthorization, ...] = ()
    probes: tuple[str, ...] = ()
    group: str = ""
    rules: tuple[InboundRule, ...] = ()
    rate_limit: InboundRateLimit | None = None
