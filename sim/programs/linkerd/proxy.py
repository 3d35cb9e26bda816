"""linkerd-proxy: the sidecar container. Binds :class:`mesh.proxy.proxy.Proxy` to a pod's network.

It listens where its environment says, but serves traffic only once identity has certified it: until then
connections are refused and ``/ready`` answers 503.
"""

from dataclasses import replace
from typing import Any

from mesh.messages import Certificate
from mesh.proxy.concrete import Concrete
from mesh.proxy.config import InvalidConfig, ProxyConfig
from mesh.proxy.destination import Destination
from mesh.proxy.logical import Logical
from mesh.proxy.proxy import Proxy
from sim.cluster.program import Container
from sim.programs.linkerd.control import ControlClient, Discovery, IdentityLoop, LogicalFollower
from sim.programs.linkerd.listeners import AdminPort, Inbound, Outbound, Refused
from sim.programs.linkerd.outbound import BackendFollower, PolicyFollower, configured
from sim.programs.linkerd.policy import PortPolicies
from sim.programs.linkerd.tap import TapPort
from sim.programs.linkerd.transport import Credentials, Hello, ProxyTransport, judge
from sim.programs.world import World

__all__ = ["LinkerdProxy"]

PREFIX = "LINKERD2_PROXY_"
SWEEP = 5.0  # seconds between looks for destinations nobody uses; they idle out after that long


class LinkerdProxy:
    """The proxy of one pod."""

    def __init__(self, container: Container, world: World) -> None:
        self.container = container
        self.engine = container.engine
        self.world = world
        self.discoveries: dict[Destination, Discovery] = {}
        self.followers: dict[Logical, LogicalFollower] = {}
        self.policies: dict[Destination, PolicyFollower] = {}
        self.backends: dict[Concrete, BackendFollower] = {}
        self.ports = PortPolicies(self)
        self.transport: ProxyTransport | None = None

    # -- life ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Read the configuration, open the admin port, and ask identity for a certificate."""
        env = self.container.env
        try:
            config = ProxyConfig.from_env(
                env,
                epoch=self.engine.calendar.epoch,
                policy_labels=PREFIX + "POLICY_SVC_ADDR" in env,
                version=self.container.image.rpartition(":")[2],
            )
        except InvalidConfig as error:
            self.container.log(f"ERROR linkerd_app: Invalid configuration: {error}")
            self.container.exit(64)
            return
        if not config.pod_ip:
            config = replace(config, pod_ip=self.container.pod.ip)
        self.config = config
        self.proxy = self._proxy(config)
        self.proxy.drain.begun.waiters.append(self._drain)
        anchors = env.get(PREFIX + "IDENTITY_TRUST_ANCHORS", "")
        self.credentials = Credentials(config.identity_name, anchors)
        self.transport = ProxyTransport(self.container, self.world, self.credentials, self.proxy)
        self.container.pod.net.listen(config.admin_port, AdminPort(self))
        self.container.ports.append(config.admin_port)
        self.container.log("INFO linkerd2_proxy::rt: Using single-threaded proxy runtime")
        self.container.log(f"INFO linkerd2_proxy: Admin interface on 0.0.0.0:{config.admin_port}")
        self._listen_to_tap()
        self.destination = self.control("DESTINATION")
        if config.identity_name:
            loop = IdentityLoop(self, self.control("IDENTITY"))
            self.engine.process(self._alive(loop.run()))
        else:
            self._listen()
        self.engine.call_in(SWEEP, self._sweep)

    def _proxy(self, config: ProxyConfig) -> Proxy:
        engine, pod = self.engine, self.container.pod
        rng = engine.stream("balancer", f"{pod.namespace}/{pod.name}")
        return Proxy(
            config,
            lambda: engine._now,
            rng,
            self.resolve,
            self.release,
            follow=self.follow,
            unfollow=self.unfollow,
            watch=self.ports.watch,
            resolve_backend=self.resolve_backend,
            release_backend=self.release_backend,
        )

    def _listen_to_tap(self) -> None:
        """Open the control port, if tap is configured: it is for one identity only."""
        env, port = self.container.env, self.config.control_port
        watcher = env.get(PREFIX + "TAP_SVC_NAME", "")
        if not watcher or not self.config.identity_name or PREFIX + "TAP_DISABLED" in env:
            return
        self.container.pod.net.listen(port, TapPort(self, watcher))
        self.container.ports.append(port)
        self.container.log(f"INFO linkerd2_proxy: Tap interface on 0.0.0.0:{port}")

    def control(self, service: str) -> ControlClient:
        """A new client of a control-plane service: ``DESTINATION``, ``IDENTITY``, ``POLICY``."""
        env = self.container.env
        return ControlClient(
            self, env[f"{PREFIX}{service}_SVC_ADDR"], env.get(f"{PREFIX}{service}_SVC_NAME", "")
        )

    def _alive(self, steps: Any) -> Any:
        """Run steps only while the container lives."""
        event = next(steps)
        while True:
            value = yield event
            if not self.container.alive:
                steps.close()
                return
            event = steps.send(value)

    @property
    def draining(self) -> bool:
        """Whether new connections are refused."""
        return not self.proxy.drain.accepting

    def terminate(self) -> None:
        """SIGTERM: take no new connections, finish what is in flight, then exit."""
        self.container.log("INFO linkerd_signal: received SIGTERM, starting shutdown")
        self.proxy.drain.begin()

    def _drain(self, _: Any = None) -> None:
        """Look whether it is time to exit.

        *Differs:* upstream waits for open connections to close; here for requests in flight.
        """
        if not self.container.alive:
            return
        if self.proxy.drain.look(any(conn.pending for conn in self.container.pod.net.conns)):
            self.container.exit(0)
        else:
            self.engine.call_in(0.1, self._drain)

    def stopped(self) -> None:
        """The process is gone: so are its connections and subscriptions."""
        for discovery in list(self.discoveries.values()):
            discovery.stop()
        self.discoveries.clear()
        for each in (*self.policies.values(), *self.backends.values()):
            each.stop()
        self.policies.clear()
        self.backends.clear()
        for follower in self.followers.values():
            follower.stop()
        self.followers.clear()
        self.ports.stop()
        if self.transport is not None:
            self.transport.close()

    # -- identity --------------------------------------------------------------------------------------

    def certified(self, certificate: Certificate) -> None:
        """Identity issued a certificate: the first one opens the proxy for traffic."""
        first = self.credentials.certificate is None
        if not self.proxy.certify(certificate):
            return
        self.credentials.certificate = certificate
        if first:
            self.container.log(f"INFO linkerd_app: Certified identity id={self.credentials.name}")
            self._listen()

    def _listen(self) -> None:
        net = self.container.pod.net
        assert self.transport is not None
        net.listen(self.config.outbound_port, Outbound(self, self.transport))
        net.listen(self.config.inbound_port, Inbound(self, self.transport))
        self.container.ports += [self.config.outbound_port, self.config.inbound_port]
        self.container.log(f"INFO linkerd2_proxy: Inbound interface on 0.0.0.0:{self.config.inbound_port}")
        self.container.log(
            f"INFO linkerd2_proxy: Outbound interface on 127.0.0.1:{self.config.outbound_port}"
        )
        self.ports.begin()

    # -- discovery -------------------------------------------------------------------------------------

    def resolve(self, destination: Destination) -> None:
        """The proxy met a destination for the first time: follow it."""
        self.discoveries[destination] = Discovery(self, self.destination, destination)
        if configured(self):
            discovery = self.discoveries[destination]
            discovery.await_policy()
            self.policies[destination] = PolicyFollower(self, destination, discovery.go_on)

    def resolve_backend(self, concrete: Concrete) -> None:
        """A route or split leads to a further authority: follow it."""
        self.backends[concrete] = BackendFollower(self, concrete)

    def release_backend(self, concrete: Concrete) -> None:
        """Nothing leads to that authority any more."""
        follower = self.backends.pop(concrete, None)
        if follower is not None:
            follower.stop()
        self._forget_unused(concrete)

    def release(self, destination: Destination) -> None:
        """The destination idled out: its connections close, unless another destination leads there too."""
        discovery = self.discoveries.pop(destination, None)
        if discovery is not None:
            discovery.stop()
        policy = self.policies.pop(destination, None)
        if policy is not None:
            policy.stop()
        self._forget_unused(destination.own)

    def _forget_unused(self, concrete: Concrete) -> None:
        """Close the connections of its endpoints that nothing else leads to."""
        if self.transport is None:
            return
        used = {
            endpoint.address
            for other in self.proxy.destinations.values()
            for each in other.concretes
            for endpoint in each.endpoints.values()
        }
        for endpoint in concrete.endpoints.values():
            if endpoint.address not in used:
                self.transport.forget(endpoint.address)

    def follow(self, logical: Logical) -> None:
        """Inbound requests name something for the first time: follow its profile."""
        self.followers[logical] = LogicalFollower(self, self.destination, logical)

    def unfollow(self, logical: Logical) -> None:
        """The name was forgotten."""
        follower = self.followers.pop(logical, None)
        if follower is not None:
            follower.stop()

    def forget(self, removed: tuple[tuple[str, int], ...], concrete: Concrete) -> None:
        """Endpoints went away: close their connections."""
        for key in removed:
            endpoint = concrete.endpoints.get(key)
            if endpoint is not None and self.transport is not None:
                self.transport.forget(endpoint.address)

    def _sweep(self, _: Any) -> None:
        if self.container.alive:
            self.proxy.sweep()
            self.engine.call_in(SWEEP, self._sweep)

    # -- TLS ----------------------------------------------------------------------------------------------

    def handshake(self, hello: Any) -> tuple[str | None, Hello | None]:
        """Take part in a connection's opening: the client's identity, and what we present.

        Raises:
            Refused: it wants somebody else, has a bad certificate, or we have none yet.
        """
        if not isinstance(hello, Hello):
            return None, None
        mine = self.credentials
        if mine.certificate is None or hello.server_name != mine.name:
            raise Refused
        answer = Hello("", mine.certificate, mine.name)
        if hello.certificate is None:
            return None, answer
        now = self.engine.calendar.epoch + self.engine.now
        if judge(hello, hello.name, mine.anchors, now):
            raise Refused
        return hello.name, answer
