"""Seconds of wall time for a simulated hour of meshed emojivoto, at 2, 50 and 200 requests a second.

The load is the application's own bot (a closed loop of two requests a second each), scaled. Prints one JSON
object; every figure is also given as a share of the time bare simpy needs for as many requests (six chained
Timeouts each), which is what stays comparable between machines.

Usage: python benchmarks/replay.py [--minutes 10]
"""

import argparse
import json
import time

from throughput import yardstick

from sim.shell.sandbox import Sandbox

LOADS = {2: 1, 50: 25, 200: 100}  # requests a second: bots
INSTALL = (
    "linkerd install | kubectl apply -f -",
    "linkerd check",
    "curl -sL https://run.linkerd.io/emojivoto.yml | kubectl apply -f -",
    "kubectl get -n emojivoto deploy -o yaml | linkerd inject - | kubectl apply -f -",
    "kubectl -n emojivoto rollout status deploy/web",
)


def replay(bots: int, minutes: float) -> tuple[float, int]:
    """Wall seconds for that many simulated minutes, and the bots' requests in them."""
    sandbox = Sandbox(edition="stable-2.8.1")
    for line in (*INSTALL, f"kubectl -n emojivoto scale deploy/vote-bot --replicas={bots}", "sleep 120"):
        result = sandbox.sh(line)
        if result.status:
            raise SystemExit(f"{line}: {result.stderr or result.stdout}")
    source = sandbox.world.source("emojivoto/deploy/vote-bot")
    first, begin = source.n, time.perf_counter()
    sandbox.advance(60.0 * minutes)
    return time.perf_counter() - begin, 2 * (source.n - first)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="simulated; the figures are scaled to an hour"
    )
    options = parser.parse_args()
    report: dict[str, dict[str, float]] = {}
    for rps, bots in LOADS.items():
        bare = yardstick()
        took, requests = replay(bots, options.minutes)
        hour = took * 60.0 / options.minutes
        report[f"{rps}_rps"] = {
            "seconds_per_simulated_hour": round(hour, 2),
            "requests_per_simulated_second": round(requests / (60.0 * options.minutes), 1),
            "times_bare_simpy": round(took / (requests / bare), 1),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
