"""How many requests a second of wall time: bare simpy, our engine unmeshed, our engine fully meshed.

Prints one JSON object with medians of runs taken in turn, so that a machine whose speed drifts slows all
alike. Read the ratios, not the figures.

- ``bare_simpy_callbacks_rps``: the yardstick. 100,000 requests of exactly six chained Timeout callbacks.
- ``unmeshed_rps``: an open-loop generator calls web, which calls emoji, then voting: three edges, stations at
  utilisation 0.5, on a running cluster.
- ``meshed_rps``: the same with linkerd installed and every pod injected: mutual TLS, all request metrics,
  scrapes every 10 s, probes, a running control plane. Attempt rows are kept and counted.

Usage: python benchmarks/throughput.py [--rounds 3] [--requests 20000]
"""

import argparse
import json
import statistics
import time

import simpy

from sim.scenario.loader import from_data
from sim.shell.sandbox import Sandbox

RATE = 400.0  # requests a second, simulated

SCENARIO = {
    "title": "throughput",
    "edition": "edge",
    "cluster": {"cpu": 8.0},
    "apps": {
        "chain": {
            "services": {
                "web": {
                    "workers": 4,
                    "routes": {"/": [{"work": "5ms"}, {"call": "emoji"}, {"call": "voting"}]},
                },
                "emoji": {"workers": 2, "protocol": "grpc", "routes": {"/": [{"work": "2500us"}]}},
                "voting": {"workers": 2, "protocol": "grpc", "routes": {"/": [{"work": "2500us"}]}},
            }
        }
    },
    "load": {"generator": {"target": "web.chain:80", "rps": RATE, "namespace": "chain"}},
}
MESH = (
    "kubectl apply -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml",
    "linkerd install --crds | kubectl apply -f -",
    "linkerd install | kubectl apply -f -",
    "linkerd check",
    "linkerd viz install | kubectl apply -f -",
    "linkerd check",
    "kubectl annotate namespace chain linkerd.io/inject=enabled",
    "kubectl -n chain rollout restart deploy",
    "kubectl -n chain rollout status deploy/web",
)


def yardstick(requests: int = 100_000) -> float:
    """Requests a second of bare simpy: six Timeouts a request, each created by the callback of the last."""
    env = simpy.Environment()

    def start() -> None:
        left = 6

        def fired(_: simpy.Event) -> None:
            nonlocal left
            left -= 1
            if left:
                env.timeout(1.0).callbacks.append(fired)

        env.timeout(1.0).callbacks.append(fired)

    for _ in range(requests):
        start()
    begin = time.perf_counter()
    env.run()
    return requests / (time.perf_counter() - begin)


def prepared(meshed: bool) -> Sandbox:
    """A running chain under load, at rest after its start."""
    sandbox = Sandbox(scenario=from_data(dict(SCENARIO), "benchmark"))
    if meshed:
        for line in MESH:
            result = sandbox.sh(line)
            if result.status:
                raise SystemExit(f"{line}: {result.stderr or result.stdout}")
    sandbox.advance(60.0)
    return sandbox


def measured(sandbox: Sandbox, requests: int) -> tuple[float, dict[str, float]]:
    """Requests a second of wall time over the next ``requests`` simulated ones, and what was kept of them."""
    tables, source = sandbox.tables, sandbox.world.source("chain/deploy/generator")
    first, rows = source.n, (len(tables.requests), len(tables.attempts))
    begin = time.perf_counter()
    sandbox.advance(requests / RATE)
    took = time.perf_counter() - begin
    sent = source.n - first
    kept = (len(tables.requests) - rows[0], len(tables.attempts) - rows[1])
    size = kept[0] * tables.requests.dtype.itemsize + kept[1] * tables.attempts.dtype.itemsize
    return sent / took, {
        "request_rows": kept[0] / sent,
        "attempt_rows": kept[1] / sent,
        "bytes_per_request": size / sent,
    }


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    plain, mesh = prepared(meshed=False), prepared(meshed=True)
    bare: list[float] = []
    unmeshed: list[float] = []
    meshed: list[float] = []
    kept: dict[str, float] = {}
    for _ in range(options.rounds):
        bare.append(yardstick())
        unmeshed.append(measured(plain, options.requests)[0])
        rate, kept = measured(mesh, options.requests)
        meshed.append(rate)
    medians = [statistics.median(values) for values in (bare, unmeshed, meshed)]
    report = {
        "bare_simpy_callbacks_rps": round(medians[0]),
        "unmeshed_rps": round(medians[1]),
        "meshed_rps": round(medians[2]),
        "unmeshed_share": round(medians[1] / medians[0], 4),
        "meshed_share": round(medians[2] / medians[0], 4),
        **{name: round(value, 2) for name, value in kept.items()},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
