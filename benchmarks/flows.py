"""What one request through two proxies costs in CPU, without a network: the flows alone, driven by hand.

Three meshed endpoints, P2C over peak EWMA, every metric. Prints one JSON object; ``times_bare_simpy`` is the
ratio to one request of bare simpy (six chained Timeouts) in the same run.

Usage: python benchmarks/flows.py [--requests 20000]
"""

import argparse
import json
from contextlib import suppress
from random import Random
from time import process_time

from throughput import yardstick

from mesh.messages import Address, EndpointUpdate, Peer, Profile, Request, Response
from mesh.proxy.config import ProxyConfig
from mesh.proxy.destination import Destination
from mesh.proxy.proxy import Proxy

NAME = "emoji-svc.emojivoto.svc.cluster.local"


def discover(destination: Destination) -> None:
    """Answer for the control plane."""
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    bare = 1.0 / max(yardstick() for _ in range(3))
    flows = min(cost(options.requests) for _ in range(5))
    report = {"microseconds_a_request": round(flows * 1e6, 2), "times_bare_simpy": round(flows / bare, 2)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
