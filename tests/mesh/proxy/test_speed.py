"""What a proxied request costs: the simulation's budget depends on it."""

from contextlib import suppress
from random import Random
from time import process_time

import pytest

from mesh.messages import Address, EndpointUpdate, Peer, Profile, Request, Response
from mesh.proxy.config import ProxyConfig
from mesh.proxy.destination import Destination
from mesh.proxy.proxy import Proxy

BUDGET = 14e-6  # seconds of CPU for an outbound and an inbound flow together, on an idle core
NAME = "emoji-svc.emojivoto.svc.cluster.local"


def discover(destination: Destination) -> None:
    destination.profile(Profile(name=NAME))
    pods = [Address(f"10.0.0.{n}", 8080, identity="emoji", hint="h2") for n in (1, 2, 3)]
    destination.update(EndpointUpdate(add=tuple(pods), labels=(("service", "emoji-svc"),)))


def cost(requests: int) -> float:
    """CPU seconds for one request through both proxies."""
    now = [0.0]
    client = Proxy(ProxyConfig(), lambda: now[0], Random(1), discover, lambda destination: None)
    server = Proxy(ProxyConfig(), lambda: now[0], Random(2), discover, lambda destination: None)
    peer, response, target = Peer("10.0.0.9", "web"), Response(200, grpc_status=0), ("10.96.0.1", 8080)
    asked = [Request("POST", "emoji-svc.emojivoto:8080", "/ListAll", grpc=True) for _ in range(requests)]
    start = process_time()
    for request in asked:
        outer = client.outbound(request, target)
        effect = outer.send(None)
        inner = server.inbound(effect.request, peer, effect.endpoint.port)
        inner.send(None)
        now[0] += 0.003
        for flow in (inner, outer):
            with suppress(StopIteration):
                flow.send(response)
    return (process_time() - start) / requests


@pytest.mark.slow
def test_a_request_through_two_proxies_stays_within_its_budget() -> None:
    assert min(cost(20_000) for _ in range(5)) < BUDGET
