"""A proxy's conversations with the control plane: its certificate, and where its requests may go."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy

from mesh.control.certificates import key_pem, make_key
from mesh.control.signing import make_csr
from mesh.messages import Certificate, CertifyRequest, EndpointUpdate, Profile, Request, Response, fail
from sim.cluster.net import Conn, Refusal, UnknownName
from sim.programs.http import Stream
from sim.programs.task import Hop

if TYPE_CHECKING:
    from mesh.proxy.destination import Destination
    from mesh.proxy.logical import Logical
    from sim.programs.linkerd.proxy import LinkerdProxy

__all__ = ["ControlClient", "Discovery", "Follower", "IdentityLoop", "LogicalFollower"]

Steps = Generator[simpy.Event, Any, Any]
PREFIX = "LINKERD2_PROXY_"

# Reconnect back-off of the control clients. Source: linkerd2-proxy app/src/env.rs (inbound and control:
# 100 ms doubling to 10 s, jitter 0.1).
BACKOFF_MIN = 0.1
BACKOFF_MAX = 10.0
JITTER = 0.1


class ControlClient:
    """Calls one control-plane address, over mutual TLS as soon as there is a certificate.

    Args:
        address: ``host:port`` of the environment; ``localhost.`` is the own pod, without TLS.
        server_name: the identity expected there; empty for none.
    """

    def __init__(self, proxy: "LinkerdProxy", address: str, server_name: str) -> None:
        assert proxy.transport is not None
        self.proxy = proxy
        self.transport = proxy.transport
        self.engine = proxy.engine
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.server_name = server_name
        self.meter = proxy.proxy.control_meter(address, server_name)
        self._rng = self.engine.stream("control", proxy.container.pod.name)
        self._conn: Conn | None = None
        self._opening: simpy.Event | None = None

    def backoff(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row (1, 2, …)."""
        base = min(BACKOFF_MAX, BACKOFF_MIN * 2.0 ** min(failures - 1, 20))
        return min(BACKOFF_MAX, base * (1.0 + JITTER * self._rng.random()))

    def call(self, path: str, body: Any, timeout: float = 10.0) -> Steps:
        """One request; the generator returns the :class:`~mesh.messages.Response`."""
        conn = yield from self._open()
        if isinstance(conn, Refusal):
            return fail(conn.error)
        start = self.engine.now
        self.meter.requests.inc()
        event = self.engine.event()
        request = Request("POST", f"{self.host}:{self.port}", path, body=body, grpc=True)
        request.context = Hop(0, 0)
        expiry = self.engine.deadline(timeout, self._settle(event), fail("timeout"))
        exchange = conn.send(request, self._settle(event))
        response = yield event
        expiry.cancel()
        if isinstance(response, Refusal):
            response = fail(response.error)
        if response.status:
            self.meter.record(True, response, self.engine.now - start)
        else:
            self.meter.failed("timeout" if response.error == "timeout" else "unclassified")
        if response.error == "timeout":
            exchange.abandon()
        if isinstance(response.body, Stream):
            response.body.on_end(conn.close)
        else:
            conn.close()
        return response

    def _settle(self, event: simpy.Event) -> Callable[[Any], None]:
        def settle(value: Any) -> None:
            if not event.triggered:
                event.succeed(value)

        return settle

    def _open(self) -> Steps:
        """The one connection, made again when it broke; a :class:`Refusal` if it cannot be."""
        while self._opening is not None:
            yield self._opening
        if self._conn is not None and not self._conn.closed:
            return self._conn
        self._opening = opening = self.engine.event()
        outcome = yield from self._dial()
        self._conn = outcome if isinstance(outcome, Conn) else None
        self._opening = None
        opening.succeed()
        return outcome

    def _dial(self) -> Steps:
        net, transport = self.proxy.container.pod.net, self.transport
        try:
            ip = net.network.dns.resolve(self.host, self.proxy.container.pod.namespace)[0]
        except UnknownName:
            return Refusal("unreachable")
        event = self.engine.event()
        if ip.startswith("127.") or not self.server_name:
            net.dial(ip, self.port, self._settle(event), user=transport.user, timeout=3.0)
        else:
            transport.dial_tls(ip, self.port, self.server_name, self._settle(event), 3.0)
        outcome: Conn | Refusal = yield event
        return outcome


class IdentityLoop:
    """Gets the proxy certified and renews in time.

    *Source:* linkerd2-proxy proxy/identity-client/src/certify.rs: one key and one request per process; the
    current token is sent each time.
    """

    def __init__(self, proxy: "LinkerdProxy", client: ControlClient) -> None:
        self.proxy = proxy
        self.client = client
        self.engine = proxy.engine
        env = proxy.container.env
        self.name = env[PREFIX + "IDENTITY_LOCAL_NAME"]
        self.token_file = env.get(PREFIX + "IDENTITY_TOKEN_FILE", "")
        pod = proxy.container.pod
        key = make_key(self.engine.stream("keys", pod.namespace, pod.name, proxy.container.restart))
        self.csr = make_csr(key_pem(key), self.name)

    def run(self) -> Steps:
        """For as long as the proxy lives."""
        failures = 0
        while True:
            response: Response = yield from self._certify()
            if isinstance(response.body, Certificate):
                failures = 0
                self.proxy.certified(response.body)
                wait = self._renewal()
            elif response.error:
                failures += 1
                self.proxy.proxy.identity.failed()
                wait = self.client.backoff(failures)
            else:
                self.proxy.proxy.identity.failed()
                text = response.grpc_message or f"status {response.status}"
                self.proxy.container.log(f"WARN linkerd_identity: Failed to obtain identity error={text}")
                wait = self._renewal()
            yield self.engine.timeout(wait)

    def _renewal(self) -> float:
        """Seconds until it asks again."""
        now = self.engine.calendar.epoch + self.engine.now
        return self.proxy.proxy.identity.next_renewal(now) - now

    def _certify(self) -> Steps:
        try:
            token = self.proxy.container.read(self.token_file)
        except FileNotFoundError:
            return Response(200, grpc_status=2, grpc_message=f"cannot read {self.token_file}")
        body = CertifyRequest(self.name, token.strip(), self.csr)
        return (yield from self.client.call("/Certify", body))


class Follower:
    """Follows something at the destination service.

    A stream that ends is opened again after a back-off; meanwhile the proxy keeps what it knows.

    Attributes:
        final: gRPC codes which say that there is no such thing, and asking again is no use.
    """

    final: tuple[int, ...] = (3, 5)  # InvalidArgument, NotFound

    def __init__(self, proxy: "LinkerdProxy", client: ControlClient) -> None:
        self.proxy = proxy
        self.client = client
        self.engine = proxy.engine
        self.streams: list[Stream] = []
        self.live = True
        self.token = proxy.container.env.get(PREFIX + "DESTINATION_CONTEXT", "")

    def stop(self) -> None:
        """Nobody needs it any more."""
        self.live = False
        for stream in self.streams:
            stream.end()

    def _body(self, target: str) -> dict[str, Any]:
        """What is asked about ``target``."""
        return {"path": target, "token": self.token}

    def _subscribe(self, path: str, target: str, receive: Callable[[Any], None]) -> Steps:
        """Open a stream and pass on what comes; returns how it ended: ``ended``, ``NotFound`` or an error."""
        response: Response = yield from self.client.call(path, self._body(target))
        if not self.live or not self.proxy.container.alive:
            if isinstance(response.body, Stream):
                response.body.end()
            return "stopped"
        if isinstance(response.body, Stream):
            stream = response.body
            self.streams.append(stream)
            ended = self.engine.event()
            stream.listen(receive, lambda: ended.triggered or ended.succeed())
            yield ended
            self.streams.remove(stream)
            return "ended"
        if response.grpc_status in self.final:
            return "NotFound"
        return response.error or f"grpc status {response.grpc_status}"

    def _follow(
        self,
        path: str,
        target: str,
        receive: Callable[[Any], None],
        wanted: Callable[[], bool],
        begins: Callable[[], None] = lambda: None,
    ) -> Steps:
        """Subscribe while it is ``wanted``, again and again; True when there is no such thing."""
        failures = 0
        while self.live and wanted():
            begins()
            outcome = yield from self._subscribe(path, target, receive)
            if outcome == "NotFound":
                return True
            failures = 1 if outcome == "ended" else failures + 1
            if self.live:
                yield self.engine.timeout(self.client.backoff(failures))
        return False


class LogicalFollower(Follower):
    """Keeps the profile of what inbound requests are for current."""

    def __init__(self, proxy: "LinkerdProxy", client: ControlClient, logical: "Logical") -> None:
        super().__init__(proxy, client)
        self.process = self.engine.process(
            self._follow("/GetProfile", logical.name, logical.profile, lambda: True)
        )


class Discovery(Follower):
    """Keeps one destination current: profile first, then the endpoints of the service it names."""

    def __init__(self, proxy: "LinkerdProxy", client: ControlClient, destination: "Destination") -> None:
        super().__init__(proxy, client)
        self.destination = destination
        self.name = ""
        self._fresh = False
        self._held: list[Profile] | None = None
        self.process = self.engine.process(self._profile())

    def await_policy(self) -> None:
        """Hold profiles back until :meth:`go_on`: nothing is sent before both have answered."""
        self._held = []

    def go_on(self) -> None:
        """The policy is known, or that there is none for now."""
        held, self._held = self._held, None
        for profile in (held or ())[-1:]:
            self._on_profile(profile)

    def _profile(self) -> Steps:
        """Follow the profile of the original destination for as long as the destination is used."""
        ip, port = self.destination.target
        missing = yield from self._follow("/GetProfile", f"{ip}:{port}", self._on_profile, lambda: True)
        if missing:
            self.destination.not_found()

    def _on_profile(self, profile: Profile) -> None:
        if self._held is not None:
            self._held.append(profile)
            return
        self.destination.profile(profile)
        if profile.name and profile.name != self.name:
            self.name = profile.name
            self.engine.process(self._endpoints(profile.name))
        elif not profile.name and profile.endpoint is None:
            self.destination.not_found()

    def _endpoints(self, name: str) -> Steps:
        """Follow the endpoints of the named service."""
        path = f"{name.partition(':')[0]}:{self.destination.target[1]}"
        missing = yield from self._follow(
            "/Get", path, self._on_update, lambda: self.name == name, self._begin_afresh
        )
        if missing:
            self.destination.not_found()

    def _begin_afresh(self) -> None:
        self._fresh = True

    def _on_update(self, update: EndpointUpdate) -> None:
        if self._fresh:
            # A new stream starts with the whole set: whatever it does not name went away meanwhile.
            self._fresh = False
            named = {(address.ip, address.port) for address in update.add}
            gone = tuple(key for key in self.destination.endpoints if key not in named)
            if gone:
                self.destination.update(EndpointUpdate(remove=gone))
        self.proxy.forget(update.remove, self.destination.own)
        self.destination.update(update)
