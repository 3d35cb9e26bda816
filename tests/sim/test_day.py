"""A day and more of simulated time: certificates renew, nothing grows, nobody notices."""

from typing import Any

import pytest

from sim.engine.tables import Outcome
from sim.shell.sandbox import Sandbox
from tests.sim.walk import meshed

HOUR = 3600.0


@pytest.mark.slow
def test_certificates_renew_and_no_request_pays_for_it() -> None:
    box = Sandbox(edition="stable-2.8.1")
    meshed(box)
    box.advance(36 * HOUR)
    refreshed = {
        pod: program.proxy.registry.total("identity_cert_refresh_count") for pod, program in proxies(box)
    }
    assert len(refreshed) == 13
    # 70 % of 24 h are 16.8 h: the second and third certificates came by hour 34.
    assert set(refreshed.values()) == {3.0}
    rows = box.tables.requests.array()
    late = rows[rows["start_s"] > 2 * HOUR]
    routes = [box.tables.edges.keys[edge][2] for edge in late["edge"]]
    failed = {route for route, outcome in zip(routes, late["outcome"], strict=True) if outcome != Outcome.OK}
    assert failed == {"/api/vote", "/emojivoto.v1.VotingService/VoteDoughnut"}, "only the doughnut fails"
    assert len(box.engine._lane) < 500
    assert len(box.api.list("events")) < 500


def proxies(box: Sandbox) -> list[tuple[str, Any]]:
    """Every running proxy by its pod."""
    found = []
    for kubelet in box.cluster.kubelets.values():
        for namespace, pod in kubelet.workers:
            runner = kubelet.runner(namespace, pod, "linkerd-proxy")
            if runner is not None and runner.program is not None:
                found.append((pod, runner.program))
    return found
