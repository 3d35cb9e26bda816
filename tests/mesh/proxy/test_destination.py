"""Destinations: what discovery says, and when they are dropped."""

from mesh.messages import Address, EndpointUpdate, FailureAccrual, Peer, Profile, Request, Response, fail
from mesh.proxy.destination import Destination
from mesh.proxy.effects import Send
from mesh.proxy.endpoint import Endpoint, Forward
from mesh.proxy.policy import Authentication
from tests.mesh.proxy.hand import Site, pods


def started(authority: str = "web:80") -> tuple[Site, Destination]:
    """A site with one request waiting for discovery."""
    site = Site()
    site.hand.start(site.outbound(authority=authority))
    return site, site.resolved[0]


def sent_to(site: Site) -> list[str]:
    site.hand.advance(0.0)
    return [f"{send.endpoint.ip}:{send.endpoint.port}" for _, send in site.hand.sends]


def test_a_request_waits_for_discovery() -> None:
    site, destination = started()
    assert repr(destination) == "<Destination web:80 at 10.96.0.1:80>"
    assert not destination.ready
    assert sent_to(site) == []
    destination.update(EndpointUpdate(add=tuple(pods(1))))
    assert destination.ready
    assert sent_to(site) == ["10.0.0.1:8080"]


def test_no_endpoints_of_a_service_that_exists_is_not_the_same_as_no_service() -> None:
    site, destination = started()
    destination.update(EndpointUpdate(add=tuple(pods(2))))
    destination.update(EndpointUpdate(no_endpoints=True, exists=True))
    assert not destination.endpoints
    assert not destination.ready
    destination.update(EndpointUpdate(no_endpoints=True, exists=False))
    (only,) = destination.endpoints.values()
    assert isinstance(only, Forward)
    site.get()
    assert sent_to(site)[-1] == "10.96.0.1:80"


def test_a_service_that_appears_ends_the_forwarding() -> None:
    site, destination = started()
    destination.not_found()
    assert sent_to(site) == ["10.96.0.1:80"]
    destination.update(EndpointUpdate(add=(Address("10.96.0.1", 80), Address("10.0.0.1", 8080))))
    assert not destination.forwarding
    assert {type(endpoint) for endpoint in destination.endpoints.values()} == {Endpoint}
    assert len(destination.pool) == 2


def test_a_profile_may_name_a_single_pod() -> None:
    site, destination = started("10.0.0.7:8080")
    pod = Address("10.0.0.7", 8080, identity="web.identity", hint="h2", labels=(("pod", "web-7"),))
    destination.profile(Profile(endpoint=pod))
    assert [endpoint.address for endpoint in destination.endpoints.values()] == [pod]
    site.hand.run(site.outbound(authority="10.0.0.7:8080"))
    site.hand.advance(0.0)
    labels = {"server_id": "web.identity", "dst_pod": "web-7", "authority": "10.0.0.7:8080"}
    assert site.total("request_total", **labels) == 2


def test_the_authority_label_is_the_profiles_name_with_the_port_dialled() -> None:
    cases = [
        ("web:8080", "web.ns.svc.cluster.local", "web.ns.svc.cluster.local:8080"),
        ("web", "web.ns.svc.cluster.local", "web.ns.svc.cluster.local:80"),
        ("web", "web.ns.svc.cluster.local:81", "web.ns.svc.cluster.local:81"),
        ("web", "", "web"),
    ]
    for authority, name, expected in cases:
        _, destination = started(authority)
        destination.profile(Profile(name=name))
        assert destination.name == expected


def test_a_late_profile_relabels_endpoints_that_keep_their_estimates() -> None:
    site, destination = started()
    destination.update(EndpointUpdate(add=tuple(pods(1))))
    site.hand.advance(0.0)
    (endpoint,) = destination.endpoints.values()
    endpoint.ewma.estimate = 5.0
    destination.profile(Profile(name="web.ns.svc.cluster.local"))
    destination.update(EndpointUpdate(add=tuple(pods(1)), labels=(("service", "web"),)))
    assert list(destination.endpoints.values()) == [endpoint]
    assert endpoint.ewma.estimate == 5.0
    site.get()
    assert site.total("request_total", authority="web.ns.svc.cluster.local:80", dst_service="web") == 1


def test_a_destination_in_use_is_not_idle() -> None:
    site = Site(backend=lambda send: (60.0, Response(200)))
    site.knows(*pods(1))
    running = site.hand.start(site.outbound())
    assert site.proxy.next_expiry() == 5.0
    site.hand.advance(59.0)
    site.proxy.sweep()
    assert site.released == []
    site.hand.advance(1.0)
    assert running.response is not None
    site.proxy.sweep()
    assert site.released == []
    assert site.proxy.next_expiry() == 65.0
    site.hand.advance(5.0)
    site.proxy.sweep()
    assert site.released == site.resolved
    assert site.proxy.next_expiry() == float("inf")


def test_the_same_authority_at_another_address_is_another_destination() -> None:
    site = Site()
    site.knows(*pods(1))
    for address in ("10.96.0.1", "10.96.0.2", "10.96.0.1"):
        site.hand.run(site.proxy.outbound(Request("GET", "web:80", "/"), (address, 80)))
    assert [destination.target[0] for destination in site.resolved] == ["10.96.0.1", "10.96.0.2"]


def test_a_rule_taken_back_opens_every_gate() -> None:
    site = Site(backend=lambda send: (0.0, Response(500)))
    site.knows(*pods(1))
    site.get()
    destination = site.resolved[0]
    destination.accrue(FailureAccrual(max_failures=1))
    site.get()
    assert not destination.ready
    destination.accrue(None)
    assert destination.ready
    assert site.get().status == 500


def test_a_probe_that_could_not_be_sent_gives_its_permit_back() -> None:
    dead = [False]

    def backend(send: Send) -> tuple[float, Response]:
        return 0.0, fail("refused") if dead[0] else Response(500 if site.hand.now < 1 else 200)

    site = Site(backend=backend)
    site.knows(*pods(1, hint="h2"))
    site.get()
    destination = site.resolved[0]
    destination.accrue(FailureAccrual(max_failures=1, jitter=0.0))
    assert site.get().status == 500
    site.hand.advance(1.0)
    dead[0] = True
    assert site.get().status == 502  # the connection was thought to stand: a failed probe, shut until 3 s
    site.hand.advance(2.0)
    assert site.get().status == 504  # nothing could be sent in three seconds
    dead[0] = False
    site.hand.advance(4.0)
    assert site.get().status == 200
    assert destination.ready


def test_what_is_ready_and_gone_again_before_its_turn_leaves_the_others_waiting() -> None:
    site, destination = started()
    second = site.hand.start(site.outbound())
    site.hand.advance(1.0)
    destination.update(EndpointUpdate(add=tuple(pods(1))))
    destination.update(EndpointUpdate(remove=(("10.0.0.1", 8080),)))
    site.hand.advance(2.9)
    assert second.response is None
    site.hand.advance(0.2)
    assert second.response is not None
    assert second.response.status == 504


def test_a_client_without_a_name_matches_no_identity() -> None:
    any_identity = Authentication(tls=True, identified=True, suffixes=("",))
    assert any_identity.accepts(Peer("10.0.0.1", "a.b"))
    assert not any_identity.accepts(Peer("10.0.0.1", ""))
    assert not any_identity.accepts(Peer("10.0.0.1", "spiffe://a/b"))
    assert not any_identity.accepts(Peer("10.0.0.1"))
