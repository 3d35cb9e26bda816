"""Connections, redirections, service addresses, names, partitions and loss."""

from collections import Counter
from typing import Any

import pytest

from mesh.messages import Peer, Request, Response
from sim.cluster.net import Conn, Network, NetworkSpec, Redirect, Refusal, UnknownName
from sim.engine import Engine
from sim.programs.http import Caller, Client, Stream, serve
from sim.programs.task import Pause, Steps
from tests.sim.harness import Bench

QUIET = NetworkSpec(host=0.001, zone=0.01, between_zones=0.1, jitter=0.0)


def echo(request: Request, peer: Peer) -> Response:
    return Response(200, body=(request.path, peer.ip))


def test_a_request_costs_a_handshake_and_a_round_trip() -> None:
    bench = Bench(spec=QUIET)
    server, client = bench.container("server"), bench.container("client")
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    serve(server, 8080, echo)
    http = Client(client)
    times: list[float] = []
    for _ in range(2):
        response = bench.ask(http, Request("GET", "server:80", "/x"))
        assert response.body == ("/x", client.pod.ip)
    http.call(Request("GET", "server:80", "/y"), lambda _: times.append(bench.engine.now - start))
    start = bench.engine.now
    bench.engine.run_until(start + 1)
    # 11 ms one way: host 1 ms, zone 10 ms. The connection was kept, so only the round trip is paid.
    assert times == [pytest.approx(0.022)]


def test_service_addresses_pick_per_connection_and_refuse_without_endpoints() -> None:
    bench = Bench()
    servers = [bench.container(f"server-{i}") for i in range(3)]
    for server in servers:
        serve(server, 8080, lambda request, peer, name=server.name: Response(200, body=name))
    client = bench.container("client")
    bench.service("server", "10.96.0.1", 80, *((server, 8080) for server in servers))
    kept = Client(client)
    same = {bench.ask(kept, Request("GET", "server:80", "/")).body for _ in range(20)}
    assert len(same) == 1, "one kept connection, one pod"
    counts = Counter(bench.ask(Client(client), Request("GET", "server:80", "/")).body for _ in range(300))
    assert min(counts.values()) > 70, "a new connection picks anew, evenly"
    bench.service("server", "10.96.0.1", 80)
    assert bench.ask(Client(client), Request("GET", "server:80", "/")).error == "refused"


def test_names_are_searched_like_a_pod_does() -> None:
    bench = Bench()
    dns = bench.network.dns
    dns.set_name("web-svc.emojivoto.svc.cluster.local", ["10.96.0.9"])
    for name in (
        "web-svc",
        "web-svc.emojivoto",
        "web-svc.emojivoto.svc",
        "web-svc.emojivoto.svc.cluster.local.",
    ):
        assert dns.resolve(name, "emojivoto") == ["10.96.0.9"]
    with pytest.raises(UnknownName):
        dns.resolve("web-svc", "default")
    assert dns.resolve("10.1.2.3") == ["10.1.2.3"]


def test_redirections_send_traffic_to_the_pods_own_ports() -> None:
    bench = Bench()
    server, client = bench.container("server"), bench.container("client")
    serve(server, 8080, lambda request, peer: Response(200, body="application"))
    serve(server, 4143, lambda request, peer: Response(200, body="proxy"))
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    bench.service("admin", "10.96.0.2", 80, (server, 9000))
    serve(server, 9000, lambda request, peer: Response(200, body="admin"))
    server.pod.net.redirect_inbound(Redirect(4143, frozenset({9000})))
    assert bench.ask(Client(client), Request("GET", "server:80", "/")).body == "proxy"
    assert bench.ask(Client(client), Request("GET", "admin:80", "/")).body == "admin"
    server.pod.net.close(4143)
    assert bench.ask(Client(client), Request("GET", "server:80", "/")).error == "refused"


def test_outbound_redirection_exempts_the_proxys_user() -> None:
    bench = Bench()
    server, client = bench.container("server"), bench.container("client")
    proxy = bench.container("proxy", pod=client.pod, user=2102)
    serve(server, 8080, lambda request, peer: Response(200, body="direct"))
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    client.pod.net.redirect_outbound(Redirect(4140, exempt_user=2102))
    assert bench.ask(Client(client), Request("GET", "server:80", "/")).error == "refused"
    serve(proxy, 4140, lambda request, peer: Response(200, body="proxy"))
    assert bench.ask(Client(client), Request("GET", "server:80", "/")).body == "proxy"
    assert bench.ask(Client(proxy), Request("GET", "server:80", "/")).body == "direct"


def test_a_pod_that_dies_resets_what_waits_for_it() -> None:
    bench = Bench(spec=QUIET)
    server, client = bench.container("server"), bench.container("client")

    def slow(request: Request, peer: Peer) -> Steps:
        yield Pause(10.0)
        return Response(200)

    serve(server, 8080, slow)
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    bench.engine.call_at(1.0, lambda _: bench.network.drop(server.pod.net))
    response = bench.ask(Client(client), Request("GET", "server:80", "/"))
    assert response.error == "reset"
    assert bench.engine.now < 1.1
    again = bench.ask(Client(client), Request("GET", "server:80", "/"))
    assert again.error == "unreachable"


def test_deadlines_are_answers_and_late_replies_are_dropped() -> None:
    bench = Bench(spec=QUIET)
    server, client = bench.container("server"), bench.container("client")

    def slow(request: Request, peer: Peer) -> Steps:
        yield Pause(1.0)
        return Response(200)

    serve(server, 8080, slow)
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    assert bench.ask(Client(client), Request("GET", "server:80", "/"), timeout=0.5).error == "timeout"
    bench.engine.run_until(bench.engine.now + 5)
    assert bench.ask(Client(client), Request("GET", "server:80", "/"), timeout=5).status == 200


def test_partitions_hold_messages_until_they_heal() -> None:
    bench = Bench(spec=QUIET)
    server, client = bench.container("server"), bench.container("client")
    serve(server, 8080, echo)
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    http = Client(client)
    bench.ask(http, Request("GET", "server:80", "/"))
    topology = bench.network.topology
    topology.partition(server.pod.node, client.pod.node)
    bench.engine.call_in(3.0, lambda _: topology.partition(server.pod.node, client.pod.node, heal=True))
    start = bench.engine.now
    assert bench.ask(http, Request("GET", "server:80", "/")).status == 200
    # Retransmissions after 0.2, 0.4, 0.8, 1.6 s: the fifth, at 6.2 s, finds the link up again.
    assert 3.0 < bench.engine.now - start < 7.0
    with pytest.raises(KeyError):
        topology.partition("node-0", "node-9")


def test_zones_are_farther_than_hosts_and_can_be_cut() -> None:
    engine = Engine()
    network = Network(engine, QUIET)
    for name, zone in (("a", "east"), ("b", "east"), ("c", "west")):
        network.add_host(name, zone)
    topology = network.topology
    assert topology.link("a", "a").delay() == pytest.approx(0.001)
    assert topology.link("a", "b").delay() == pytest.approx(0.011)
    assert topology.link("a", "c").delay() == pytest.approx(0.111)
    topology.partition("east", "west")
    assert not topology.link("c", "b").up
    assert topology.link("a", "b").up


def test_loss_costs_retransmissions_in_proportion() -> None:
    engine = Engine()
    network = Network(engine, QUIET)
    network.add_host("a", "z")
    network.add_host("b", "z")
    link = network.topology.link("a", "b")
    network.topology.lose("a", "b", 0.1)
    delays = [link.delay() for _ in range(20_000)]
    lost = sum(1 for d in delays if d > 0.1) / 20_000
    assert abs(lost - 0.1) < 0.01
    assert min(d for d in delays if d > 0.1) == pytest.approx(0.211)
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        network.topology.lose("a", "b", 1.0)


def test_streams_cross_the_network_in_order_and_end_with_either_side() -> None:
    bench = Bench(spec=QUIET)
    server, client = bench.container("server"), bench.container("client")
    streams: list[Stream] = []

    def subscribe(request: Request, peer: Peer) -> Response:
        streams.append(Stream(bench.engine))
        return Response(200, body=streams[-1])

    serve(server, 8080, subscribe)
    bench.service("server", "10.96.0.1", 80, (server, 8080))
    got: list[Any] = []
    ended: list[str] = []
    response = bench.ask(Client(client), Request("POST", "server:80", "/watch"))
    response.body.listen(got.append, lambda: ended.append("client"))
    streams[0].on_end(lambda: ended.append("server"))
    for n in range(5):
        streams[0].push(n)
    bench.engine.run_until(bench.engine.now + 1)
    assert got == [0, 1, 2, 3, 4]
    bench.network.drop(client.pod.net)
    bench.engine.run_until(bench.engine.now + 1)
    assert ended == ["client", "server"]
    streams[0].push(5)
    bench.engine.run_until(bench.engine.now + 1)
    assert got == [0, 1, 2, 3, 4]


def test_callers_word_failures_as_go_clients_do() -> None:
    bench = Bench()
    server = bench.container("server")
    serve(server, 8080, echo)
    host = bench.network.namespace("10.128.0.2", "node-0", "node-0")
    caller = Caller(bench.engine)

    def ask(name: str, port: int, method: str = "GET") -> Any:
        process = bench.engine.process(caller.call(host, name, port, method, "/", timeout=2.0))
        return bench.engine.run_process(process)

    assert ask(server.pod.ip, 8080).status == 200
    assert ask(server.pod.ip, 8080, "CONNECT").status == 200
    assert "connection refused" in ask(server.pod.ip, 9999).error
    assert "no such host" in ask("nowhere", 80).error
    assert "context deadline exceeded" in ask("10.4.9.9", 80).error


def test_an_unknown_address_is_unreachable_and_a_taken_port_is_an_error() -> None:
    bench = Bench()
    client = bench.container("client")
    outcomes: list[Conn | Refusal] = []
    client.pod.net.dial("10.9.9.9", 80, outcomes.append)
    bench.engine.run_until(5.0)
    assert isinstance(outcomes[0], Refusal)
    assert outcomes[0].error == "unreachable"
    serve(client, 80, echo)
    with pytest.raises(OSError, match="address already in use"):
        serve(client, 80, echo)
