"""A proxy follows the policy of its ports, through a controller that comes, goes and changes its mind."""

from itertools import pairwise
from typing import Any

from mesh.messages import InboundAuthorization, InboundPolicy, Peer, Request, Response
from sim.cluster.program import Container
from sim.programs.http import Stream, serve
from sim.programs.linkerd.proxy import LinkerdProxy
from tests.sim.harness import Bench

P = "LINKERD2_PROXY_"
EVERYONE = InboundAuthorization("AuthorizationPolicy", "everyone", ("0.0.0.0/0",))
OPEN = InboundPolicy("Server", "web", authorizations=(EVERYONE,))
WORKLOAD = '{"ns":"emojivoto", "pod":"web-pod"}'


class Controller:
    """Answers ``/WatchPort`` as told."""

    def __init__(self, bench: Bench, container: Container) -> None:
        self.bench = bench
        self.container = container
        self.policies: dict[int, InboundPolicy] = {}
        self.code = 0
        self.asked: list[tuple[float, str, Any]] = []
        self.streams: list[tuple[int, Stream]] = []
        serve(container, 8090, self.answer)

    def answer(self, request: Request, peer: Peer) -> Response:
        self.asked.append((self.bench.engine.now, request.path, request.body))
        if self.code:
            return Response(200, grpc_status=self.code)
        port = request.body["port"]
        stream = Stream(self.bench.engine)
        self.streams.append((port, stream))
        if port in self.policies:
            stream.push(self.policies[port])
        return Response(200, body=stream)

    def say(self, port: int, policy: InboundPolicy) -> None:
        self.policies[port] = policy
        for number, stream in self.streams:
            if number == port:
                stream.push(policy)


def world(ports: str = "8080") -> tuple[Bench, Controller, LinkerdProxy]:
    bench = Bench()
    controller = Controller(bench, bench.container("policy", namespace="linkerd"))
    env = {
        P + "POLICY_SVC_ADDR": f"{controller.container.pod.ip}:8090",
        P + "POLICY_WORKLOAD": WORKLOAD,
        P + "DESTINATION_SVC_ADDR": f"{controller.container.pod.ip}:8086",
        P + "INBOUND_DEFAULT_POLICY": "deny",
        P + "INBOUND_PORTS": ports,
        P + "IDENTITY_DISABLED": "true",
    }
    program = LinkerdProxy(bench.container("web", env=env), bench.world)
    return bench, controller, program


def name(program: LinkerdProxy, port: int) -> str:
    policy = program.proxy.policy(port)
    assert policy is not None
    return policy.meta.name


def test_named_ports_are_followed_from_the_start_and_others_once_somebody_comes() -> None:
    bench, controller, program = world("8080,9090")
    controller.policies = {8080: OPEN, 7000: OPEN}
    program.start()
    assert name(program, 8080) == "deny", "until the first answer the default holds"
    bench.engine.run_until(1.0)
    assert [name(program, port) for port in (8080, 9090)] == ["web", "deny"]
    assert [(path, body) for _, path, body in controller.asked] == [
        ("/WatchPort", {"workload": WORKLOAD, "port": port}) for port in (8080, 9090)
    ]
    assert name(program, 7000) == "deny"
    bench.engine.run_until(2.0)
    assert name(program, 7000) == "web"
    assert len(controller.asked) == 3


def test_a_change_reaches_the_proxy() -> None:
    bench, controller, program = world()
    controller.policies = {8080: OPEN}
    program.start()
    bench.engine.run_until(1.0)
    controller.say(8080, InboundPolicy("Server", "closed", protocol="opaque"))
    bench.engine.run_until(2.0)
    policy = program.proxy.policy(8080)
    assert policy is not None
    assert (policy.meta.name, policy.protocol) == ("closed", "opaque")


def test_what_was_said_last_holds_while_the_controller_is_away() -> None:
    bench, controller, program = world()
    controller.policies = {8080: OPEN}
    program.start()
    bench.engine.run_until(1.0)
    controller.code = 14
    controller.streams[0][1].end()
    bench.engine.run_until(30.0)
    waits = [when for when, _, _ in controller.asked][1:]
    gaps = [late - early for early, late in pairwise(waits)]
    assert name(program, 8080) == "web"
    assert gaps[0] < 0.3
    assert all(9.0 < gap < 11.0 for gap in gaps[8:]), "the back-off ends at ten seconds"
    controller.code, controller.policies[8080] = 0, InboundPolicy("Server", "new")
    bench.engine.run_until(45.0)
    assert name(program, 8080) == "new"


def test_a_pod_that_is_not_known_yet_is_asked_for_again_and_a_missing_method_is_not() -> None:
    for code, final in ((5, False), (12, True)):
        bench, controller, program = world()
        controller.code = code
        program.start()
        bench.engine.run_until(5.0)
        assert (len(controller.asked) == 1) is final
        assert name(program, 8080) == "deny"


def test_a_proxy_that_is_gone_follows_nothing() -> None:
    bench, controller, program = world()
    controller.policies = {8080: OPEN}
    program.start()
    bench.engine.run_until(1.0)
    program.stopped()
    bench.engine.run_until(5.0)
    assert all(stream.ended for _, stream in controller.streams)
    assert len(controller.asked) == 1


def test_a_port_used_before_the_proxy_can_ask_is_asked_for_once_it_can() -> None:
    bench, controller, program = world(ports="")
    controller.policies = {4191: OPEN}
    program.ports.watch(4191)
    program.start()
    bench.engine.run_until(1.0)
    assert name(program, 4191) == "web"
    assert len(controller.asked) == 1
