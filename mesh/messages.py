"""What the parts of the mesh say to one another: HTTP messages, endpoint updates, certificates.

The only module that both the proxy and the control plane know.
"""

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Address",
    "Certificate",
    "CertifyRequest",
    "EndpointUpdate",
    "InboundAuthorization",
    "InboundPolicy",
    "Peer",
    "Profile",
    "Request",
    "Response",
    "fail",
]


class Request:
    """One HTTP request. gRPC when ``grpc`` is set (content type ``application/grpc`` on HTTP/2).

    Attributes:
        method: GET, POST, …
        authority: the name and port dialled, as the application wrote it: ``web-svc.emojivoto:80``.
        path: path and query.
        headers: lower-case names; None when there is none.
        body: any value; the simulation passes Python objects, the wire passes bytes.
        size: bytes of the body, for the byte counters.
        context: whatever the driver attached (identity of the request for the tables); flows never look.
    """

    __slots__ = ("authority", "body", "context", "grpc", "headers", "method", "path", "size")

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
    """

    ip: str
    client_id: str | None = None
    no_tls_reason: str = "no_tls_from_remote"


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
class InboundAuthorization:
    """Who may use a port.

    Attributes:
        kind, name: the policy resource, or ``default`` and the default policy's name.
        networks: where clients may come from, as CIDRs.
        tls: ``none`` (anyone), ``any`` (mesh TLS) or ``identity`` (mesh TLS with one of the identities).
        identities: exact names; ``*`` is every mesh identity, ``*.suffix`` those under a suffix.
    """

    kind: str
    name: str
    networks: tuple[str, ...]
    tls: str = "none"
    identities: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """What the policy controller says of one port of a pod.

    Attributes:
        kind, name: the Server, or ``default`` and the default policy's name.
        protocol: ``detect`` or ``opaque``.
        detect_timeout_s: how long detection may wait for bytes.
        authorizations: any one of them lets a client in; none: nobody may.
        probes: paths of the pod's HTTP probes on the port, open to GET from everywhere.
    """

    kind: str
    name: str
    protocol: str = "detect"
    detect_timeout_s: float = 10.0
    authorizations: tuple[InboundAuthorization, ...] = ()
    probes: tuple[str, ...] = ()
    group: str = ""
