"""The ports of the application as policy sees them: what holds for each, and the raw connections it let in.

*Source:* linkerd2-proxy app/inbound/src/policy/{store,tcp}.rs.
"""

from collections.abc import Callable

from mesh.messages import Peer
from mesh.proxy.config import ProxyConfig
from mesh.proxy.layers.limit import LocalRateLimit
from mesh.proxy.metrics import Labels, Registry
from mesh.proxy.policy import ServerPolicy, default_policy
from mesh.proxy.telemetry.labels import accepted_tls, reference, target

__all__ = ["Admission", "Ports"]


class Admission:
    """A raw connection that policy let in, until it closes.

    Attributes:
        labels: of its metrics.
        end: called once, should policy no longer let it in.
    """

    __slots__ = ("_open", "end", "labels", "peer")

    def __init__(
        self, peer: Peer, labels: Labels, end: Callable[[], object], open_: "dict[Admission, None]"
    ) -> None:
        self.peer = peer
        self.labels = labels
        self.end = end
        self._open = open_
        open_[self] = None

    def close(self) -> None:
        """The connection is over; closing twice does nothing."""
        self._open.pop(self, None)


class Ports:
    """Policies of one proxy, by port.

    Args:
        asked: called once for each port whose policy is needed for the first time; the caller subscribes to
            the control plane and calls :meth:`set`.
    """

    def __init__(
        self, config: ProxyConfig, registry: Registry, asked: Callable[[int], object] | None
    ) -> None:
        self.config = config
        self.registry = registry
        self._asked = asked
        self._defaults: dict[int, ServerPolicy] = {}
        self._policies: dict[int, ServerPolicy] = {}
        self._limiters: dict[int, LocalRateLimit] = {}
        self._open: dict[int, dict[Admission, None]] = {}

    # -- what holds ------------------------------------------------------------------------------------

    def policy(self, port: int) -> ServerPolicy | None:
        """The control plane's policy of a port, else the default; None in editions without policy."""
        config = self.config
        if not config.policy_labels:
            return None
        found = self._policies.get(port) or self._defaults.get(port)
        if found is None:
            opaque = any(low <= port <= high for low, high in config.opaque_ports)
            protocol = "opaque" if opaque else "detect"
            found = default_policy(config.default_policy, config.cluster_networks, protocol=protocol)
            self._defaults[port] = found
            if self._asked is not None:
                self._asked(port)
                found = self._policies.get(port, found)
        return found

    def limiter(self, port: int) -> LocalRateLimit | None:
        """The port's rate limits, if there are any."""
        return self._limiters.get(port)

    def set(self, port: int, policy: ServerPolicy | None) -> None:
        """The control plane's policy of a port; None for the default.

        Connections that it no longer lets in end. Rate limits start afresh only if they changed.
        """
        if policy is None:
            self._policies.pop(port, None)
        else:
            self._policies[port] = policy
        rule = policy.rate_limit if policy is not None else None
        limiter = self._limiters.get(port)
        if limiter is not None and limiter.rule != rule:
            del self._limiters[port]
        if rule is not None and port not in self._limiters:
            self._limiters[port] = LocalRateLimit(rule)
        self._review(port)

    # -- raw connections -------------------------------------------------------------------------------

    def admit(self, peer: Peer, port: int, end: Callable[[], object]) -> Admission | None:
        """Decide on a raw connection; None if it is refused.

        Args:
            end: closes the connection, should the policy change to its disadvantage.
        """
        policy = self.policy(port)
        if policy is not None:
            found = policy.admit(peer)
            if found is None:
                self._count("deny", peer, port)
                return None
            meta = found.meta
            self._count("allow", peer, port, reference("authz", meta.group, meta.kind, meta.name))
        return Admission(peer, self.labels(peer, port), end, self._open.setdefault(port, {}))

    def labels(self, peer: Peer, port: int) -> Labels:
        """Labels of a connection that was accepted for a port."""
        tls = accepted_tls(peer, self.config.identity)
        return (*self._where(port), *tls, *self._server(port))

    def _review(self, port: int) -> None:
        """The policy of a port is another one: end connections that it does not let in."""
        policy = self.policy(port)
        if policy is None:
            return
        for admission in [each for each in self._open.get(port, ()) if policy.admit(each.peer) is None]:
            admission.close()
            self._count("terminate", admission.peer, port)
            admission.end()

    def _count(self, decision: str, peer: Peer, port: int, authz: Labels = ()) -> None:
        labels = (*self._where(port), *self._server(port), *authz, *accepted_tls(peer, self.config.identity))
        self.registry.counter(f"inbound_tcp_authz_{decision}_total", labels).inc()

    def _where(self, port: int) -> Labels:
        return target(self.config.pod_ip or "127.0.0.1", port)

    def _server(self, port: int) -> Labels:
        policy = self.policy(port)
        if policy is None:
            return ()
        meta = policy.meta
        return (*reference("srv", meta.group, meta.kind, meta.name), ("srv_port", str(port)))
