"""The cluster's network: addresses, service addresses as kube-proxy programs them, opening connections."""

from collections.abc import Callable
from typing import Any

from sim.cluster.net.connection import Conn, Refusal
from sim.cluster.net.dns import Dns
from sim.cluster.net.namespace import NetNs, Socket
from sim.cluster.net.topology import NetworkSpec, Topology
from sim.engine import Engine

__all__ = ["Network"]

# How long Linux waits for a neighbour that does not answer before "no route to host".
# Source: arp(7): three unanswered solicitations, one second apart.
NO_NEIGHBOUR = 3.0


class Network:
    """All network namespaces and what connects them.

    Args:
        engine: the clock; stream ``kube-proxy`` picks service endpoints.
        spec: delays.
    """

    def __init__(self, engine: Engine, spec: NetworkSpec | None = None) -> None:
        self.engine = engine
        self.topology = Topology(engine, spec or NetworkSpec())
        self.dns = Dns()
        self._namespaces: dict[str, NetNs] = {}
        self._services: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self._service_ips: dict[str, int] = {}
        self._pick = engine.stream("kube-proxy")

    def add_host(self, name: str, zone: str) -> None:
        """Add a machine."""
        self.topology.add_host(name, zone)

    def namespace(self, ip: str, host: str, name: str, search: str = "default") -> NetNs:
        """A new network namespace with that address on that host.

        Raises:
            ValueError: the address is in use.
        """
        if ip in self._namespaces:
            raise ValueError(f"address {ip} is in use by {self._namespaces[ip].name}")
        found = self._namespaces[ip] = NetNs(self, ip, host, name, search)
        return found

    def drop(self, namespace: NetNs) -> None:
        """A pod is gone: its listeners close, its connections are reset, its address is free."""
        if self._namespaces.get(namespace.ip) is namespace:
            del self._namespaces[namespace.ip]
        namespace.drop()

    def at(self, ip: str) -> NetNs | None:
        """The namespace with that address."""
        return self._namespaces.get(ip)

    def program_service(self, cluster_ip: str, port: int, endpoints: list[tuple[str, int]] | None) -> None:
        """What kube-proxy does: connections to the service address go to one of ``endpoints``.

        An empty list refuses connections; None forgets the port.
        """
        key = (cluster_ip, port)
        if endpoints is None:
            if self._services.pop(key, None) is not None:
                self._service_ips[cluster_ip] -= 1
            return
        if key not in self._services:
            self._service_ips[cluster_ip] = self._service_ips.get(cluster_ip, 0) + 1
        self._services[key] = endpoints

    def route(self, ip: str, port: int) -> tuple[str, int] | None:
        """Where a connection to (ip, port) goes: itself, or a pick of a service's endpoints; None refuses."""
        if not self._service_ips.get(ip):
            return (ip, port)
        endpoints = self._services.get((ip, port))
        if not endpoints:
            return None
        if len(endpoints) == 1:
            return endpoints[0]
        return endpoints[int(self._pick.random() * len(endpoints))]

    def open(
        self,
        source: NetNs,
        ip: str,
        port: int,
        hello: Any,
        timeout: float,
        done: Callable[[Conn | Refusal], object],
    ) -> None:
        """Open a connection across the network; see :meth:`NetNs.dial`."""
        Opening(self, source, (ip, port), hello, timeout, done)


class Opening:
    """A connection being opened: SYN out, answer back, or a timeout first."""

    def __init__(
        self,
        network: Network,
        source: NetNs,
        original: tuple[str, int],
        hello: Any,
        timeout: float,
        done: Callable[[Conn | Refusal], object],
    ) -> None:
        self.network = network
        self.engine = network.engine
        self.source = source
        self.original = original
        self.hello = hello
        self.done: Callable[[Conn | Refusal], object] | None = done
        self.expiry = self.engine.deadline(timeout, self._finish, Refusal("connect timeout"))
        target = network.route(*original)
        if target is None:
            self.engine.call_in(0.0, self._finish, Refusal("refused"))
            return
        self.target = target
        self.retry = 1.0  # Linux retransmits SYNs after 1, 2, 4 … s (RFC 6298, 2.1)
        self._syn(None)

    def _syn(self, _: Any) -> None:
        if self.done is None:
            return
        namespace = self.network.at(self.target[0])
        if namespace is None:
            self.engine.call_in(NO_NEIGHBOUR, self._finish, Refusal("unreachable"))
            return
        self.link = self.network.topology.link(self.source.host, namespace.host)
        if self.link.up:
            self.engine.call_in(self.link.delay(), self._arrive)
        elif self.retry <= 64.0:
            self.engine.call_in(self.retry, self._syn)
            self.retry *= 2.0
        else:
            self._finish(Refusal("connect timeout"))

    def _arrive(self, _: Any) -> None:
        namespace = self.network.at(self.target[0])
        socket: Socket | None = None
        if namespace is not None and namespace.alive:
            socket = namespace.entrance(self.target[1])
        if socket is None or self.done is None or not self.source.alive:
            self.engine.call_in(self.link.delay(), self._finish, Refusal("refused"))
            return
        conn = Conn(self.engine, self.source, socket, self.link, self.original, self.target, False)
        answer = socket.server.accept(conn, self.hello)
        back = self.link.delay()
        if isinstance(answer, Refusal):
            conn.close(answer.error)
            self.engine.call_in(back, self._finish, answer)
            return
        conn.answer = answer
        if self.hello is not None:
            # TLS 1.3 needs one round trip more before the client may speak. Source: RFC 8446, 2.
            back += self.link.delay() + self.link.delay()
        self.engine.call_in(back, self._finish, conn)

    def _finish(self, outcome: Conn | Refusal) -> None:
        done, self.done = self.done, None
        if done is None:
            if isinstance(outcome, Conn):
                outcome.close()
            return
        self.expiry.cancel()
        done(outcome)
