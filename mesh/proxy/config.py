"""What one proxy is told at its start: the ``LINKERD2_PROXY_*`` environment as an object."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.proxy.atoms.backoff import Backoff
from mesh.proxy.atoms.ewma import DEFAULT_DECAY, DEFAULT_RTT
from mesh.proxy.duration import InvalidDuration, proxy_duration
from mesh.proxy.load import MAX_IN_FLIGHT

__all__ = ["CLUSTER_NETWORKS", "DEFAULT_POLICIES", "InvalidConfig", "ProxyConfig", "port_ranges"]

PREFIX = "LINKERD2_PROXY_"

OUTBOUND_BACKOFF = Backoff(0.1, 60.0, 0.1)
INBOUND_BACKOFF = Backoff(0.1, 10.0, 0.1)

# Source: linkerd2 charts/linkerd-control-plane/values.yaml.
CLUSTER_NETWORKS = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")

# Source: linkerd2-proxy app/inbound/src/policy/defaults.rs.
DEFAULT_POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "all-tls-unauthenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "audit",
    "deny",
)


class InvalidConfig(Exception):
    """An environment variable with a value that says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """The configuration of one proxy; every default is Linkerd's own.

    *Source:* linkerd2-proxy app/src/env.rs unless a field says otherwise. Times are seconds.

    Attributes:
        inbound_port, outbound_port, control_port, admin_port: where the proxy listens.
        identity: whether the proxy has an identity at all. Off, nothing is encrypted.
        identity_name: the proxy's own TLS name.
        pod_ip: the pod's address, for tap events. Source: LINKERD2_PROXY_INBOUND_IPS, the first.
        outbound_connect_timeout: for a connection to an endpoint. Charts set 1000 ms.
        inbound_connect_timeout: for a connection to the application. Charts set 100 ms.
        outbound_failfast, inbound_failfast: how long a request waits at the head of a queue.
        inbound_max_in_flight, outbound_max_in_flight: requests served at once; more are refused.
        queue_capacity: requests that may wait behind the one at the head.
        outbound_idle: how long an unused destination is kept.
        outbound_backoff, inbound_backoff: between attempts to connect again.
        default_rtt, decay: where a balancer's estimates start and how fast they forget.
        default_policy: for ports that no Server selects; one of DEFAULT_POLICIES.
        cluster_networks: who the ``cluster-*`` policies let in.
        profile_suffixes: names below these may have profiles, without a dot at the end; an empty one is all.
        opaque_ports: ranges of ports of which, until the control plane says otherwise, nothing is detected.
        inbound_ports: ports of the application whose policy is followed from the start.
        policy_labels: inbound metrics carry ``srv_*``, ``route_*`` and ``authz_*``; when False they carry
            ``authority`` instead, as in stable-2.8.1.
        informational_headers: outbound answers made by the proxy explain themselves.
        min_refresh, max_refresh: bounds of the wait before a certificate is renewed.
        shutdown_grace: how long open connections may delay the exit.
        shutdown_endpoint: whether ``/shutdown`` works at all.
        log_level: a filter, as ``/proxy-log-level`` shows and changes it.
        env: the whole environment, for ``/env.json``.
        version: of the proxy; empty if unknown.
        epoch: Unix time at which the proxy's clock shows 0.
    """

    inbound_port: int = 4143
    outbound_port: int = 4140
    control_port: int = 4190
    admin_port: int = 4191
    identity: bool = True
    identity_name: str = ""
    pod_ip: str = ""
    outbound_connect_timeout: float = 1.0
    inbound_connect_timeout: float = 0.3
    outbound_failfast: float = 3.0
    inbound_failfast: float = 1.0
    inbound_max_in_flight: int = MAX_IN_FLIGHT
    outbound_max_in_flight: int = MAX_IN_FLIGHT
    queue_capacity: int = 10_000
    outbound_idle: float = 5.0
    outbound_backoff: Backoff = OUTBOUND_BACKOFF
    inbound_backoff: Backoff = INBOUND_BACKOFF
    default_rtt: float = DEFAULT_RTT
    decay: float = DEFAULT_DECAY
    default_policy: str = "all-unauthenticated"
    cluster_networks: tuple[str, ...] = ()
    profile_suffixes: tuple[str, ...] = ("svc.cluster.local",)
    opaque_ports: tuple[tuple[int, int], ...] = ()
    inbound_ports: tuple[int, ...] = ()
    policy_labels: bool = True
    informational_headers: bool = True
    min_refresh: float = 10.0
    max_refresh: float = 86_400.0
    shutdown_grace: float = 120.0
    shutdown_endpoint: bool = False
    log_level: str = "warn,linkerd=info"
    env: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    version: str = ""
    epoch: float = 0.0

    def __post_init__(self) -> None:
        if self.default_policy not in DEFAULT_POLICIES:
            raise InvalidConfig(
                f"{PREFIX}INBOUND_DEFAULT_POLICY: {self.default_policy!r}: expected one of "
                + ", ".join(DEFAULT_POLICIES)
            )
        if self.default_policy.startswith("cluster-") and not self.cluster_networks:
            raise InvalidConfig(f"{self.default_policy} needs {PREFIX}POLICY_CLUSTER_NETWORKS")

    @classmethod
    def from_env(
        cls,
        env: Mapping[str, str],
        *,
        epoch: float = 0.0,
        policy_labels: bool = True,
        version: str = "",
    ) -> "ProxyConfig":
        """The configuration that the environment of a container describes.

        Raises:
            InvalidConfig: a value cannot be read; says which variable.
        """
        read = _Environment(env)
        return cls(
            inbound_port=read.port("INBOUND_LISTEN_ADDR", 4143),
            outbound_port=read.port("OUTBOUND_LISTEN_ADDR", read.port("OUTBOUND_LISTEN_ADDRS", 4140)),
            control_port=read.port("CONTROL_LISTEN_ADDR", 4190),
            admin_port=read.port("ADMIN_LISTEN_ADDR", 4191),
            identity=not read.flag("IDENTITY_DISABLED"),
            identity_name=read.text("IDENTITY_LOCAL_NAME"),
            pod_ip=read.text("INBOUND_IPS").partition(",")[0].strip(),
            outbound_connect_timeout=read.duration("OUTBOUND_CONNECT_TIMEOUT", 1.0),
            inbound_connect_timeout=read.duration("INBOUND_CONNECT_TIMEOUT", 0.3),
            outbound_failfast=read.duration("OUTBOUND_HTTP_FAILFAST_TIMEOUT", 3.0),
            inbound_failfast=read.duration("INBOUND_HTTP_FAILFAST_TIMEOUT", 1.0),
            inbound_max_in_flight=read.integer("INBOUND_MAX_IN_FLIGHT", MAX_IN_FLIGHT),
            outbound_max_in_flight=read.integer("OUTBOUND_MAX_IN_FLIGHT", MAX_IN_FLIGHT),
            queue_capacity=read.integer("OUTBOUND_HTTP_QUEUE_CAPACITY", 10_000),
            outbound_idle=read.duration("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", 5.0),
            default_policy=read.text("INBOUND_DEFAULT_POLICY") or "all-unauthenticated",
            cluster_networks=read.several("POLICY_CLUSTER_NETWORKS"),
            profile_suffixes=tuple(
                name.removesuffix(".")
                for name in read.several("DESTINATION_PROFILE_SUFFIXES") or ("svc.cluster.local.",)
            ),
            opaque_ports=read.ranges("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION"),
            inbound_ports=tuple(
                port for low, high in read.ranges("INBOUND_PORTS") for port in range(low, high + 1)
            ),
            informational_headers=not read.flag("OUTBOUND_DISABLE_INFORMATIONAL_HEADERS"),
            min_refresh=read.duration("IDENTITY_MIN_REFRESH", 10.0),
            max_refresh=read.duration("IDENTITY_MAX_REFRESH", 86_400.0),
            shutdown_grace=read.duration("SHUTDOWN_GRACE_PERIOD", 120.0),
            shutdown_endpoint=read.flag("SHUTDOWN_ENDPOINT_ENABLED"),
            log_level=read.text("LOG").strip() or "warn,linkerd=info",
            env=dict(env),
            version=version,
            epoch=epoch,
            policy_labels=policy_labels,
        )


class _Environment:
    """Reads variables, and names them when they cannot be read. Names come without the prefix."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env

    def text(self, name: str) -> str:
        return self.env.get(PREFIX + name, "")

    def several(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in ("true", "1", "yes")

    def duration(self, name: str, default: float) -> float:
        text = self.text(name)
        if not text:
            return default
        try:
            return proxy_duration(text)
        except InvalidDuration as error:
            raise InvalidConfig(f"{PREFIX}{name}: {error}") from None

    def integer(self, name: str, default: int) -> int:
        text = self.text(name)
        if not text:
            return default
        if not text.strip().isdecimal():
            raise InvalidConfig(f"{PREFIX}{name}: {text!r} is not a number")
        return int(text)

    def ranges(self, name: str) -> tuple[tuple[int, int], ...]:
        """Ranges of ports."""
        try:
            return port_ranges(self.text(name))
        except InvalidConfig as error:
            raise InvalidConfig(f"{PREFIX}{name}: {error}") from None

    def port(self, name: str, default: int) -> int:
        """The port of a listen address; of the first if there are several."""
        text = self.text(name)
        if not text:
            return default
        port = text.partition(",")[0].rpartition(":")[2]
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise InvalidConfig(f"{PREFIX}{name}: {text!r} is not an address with a port")
        return int(port)


def port_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Ranges of ports, both ends included: ``1-2,42`` is (1, 2), (42, 42). Empty parts are skipped.

    Raises:
        InvalidConfig: a part is no port, or runs backwards.
    """
    ranges: list[tuple[int, int]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        low, dash, high = part.partition("-")
        bounds = (low.strip(), high.strip() if dash else low.strip())
        if not all(bound.isdecimal() and int(bound) < 65_536 for bound in bounds):
            raise InvalidConfig(f"{part!r} is not a port or a range of ports")
        first, last = map(int, bounds)
        if first > last:
            raise InvalidConfig(f"port range {part!r} runs backwards")
        ranges.append((first, last))
    return tuple(ranges)
