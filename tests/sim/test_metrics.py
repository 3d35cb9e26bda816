"""CPU accounts seen through kubectl top and the autoscaler, under load on a declared service."""

import pytest

from sim.scenario.loader import from_data
from sim.shell.sandbox import Sandbox

BUSY = {
    "title": "busy",
    "cluster": {"nodes": 2, "cpu": 2.0},
    "apps": {"shop": {"services": {"front": {"cpu": "200m", "routes": {"/": [{"work": "20ms"}]}}}}},
    "load": {"buyers": {"target": "front.shop:80", "rps": 20, "namespace": "shop"}},
}


@pytest.fixture
def box() -> Sandbox:
    made = Sandbox(scenario=from_data(dict(BUSY), "test"))
    made.shell.reraise = True
    made.advance(120.0)
    return made


def millicores(text: str) -> int:
    return int(text.removesuffix("m"))


def test_top_shows_what_the_load_costs(box: Sandbox) -> None:
    rows = [line.split() for line in box.sh("kubectl top po -n shop").stdout.splitlines()[1:]]
    cpu = {name.partition("-")[0]: millicores(used) for name, used, _ in rows}
    # 20 requests a second of 20 ms each are 0.4 cores; 30 s hold 600 requests, so four deviations are 0.07.
    assert 330 <= cpu["front"] <= 470
    nodes = [line.split() for line in box.sh("kubectl top nodes").stdout.splitlines()[1:]]
    assert sum(millicores(row[1]) for row in nodes) >= cpu["front"] + 2 * 50


def test_the_autoscaler_follows_the_same_account(box: Sandbox) -> None:
    assert box.sh("kubectl -n shop autoscale deploy/front --min=1 --max=5 --cpu-percent=80").status == 0
    box.advance(180.0)
    # 0.4 cores against 80 % of 0.2 each: 2.5, so three replicas.
    assert box.sh("kubectl -n shop get deploy front -o jsonpath='{.spec.replicas}'").stdout == "3"
    ready = box.sh("kubectl -n shop get deploy front -o jsonpath='{.status.readyReplicas}'").stdout
    assert ready == "3"


def test_a_cpu_limit_slows_and_a_full_node_is_shared_by_requests(box: Sandbox) -> None:
    source = box.world.source("shop/deploy/buyers")
    container = '{"name":"front","resources":{"limits":{"cpu":"300m"}}}'
    limit = f'{{"spec":{{"template":{{"spec":{{"containers":[{container}]}}}}}}}}'
    assert box.sh(f"kubectl -n shop patch deploy front -p '{limit}'").status == 0
    box.advance(60.0)
    first, sent = len(box.tables.requests), source.n
    box.advance(120.0)
    served = len(box.tables.requests) - first
    # 0.3 cores serve 15 requests a second of the 20 that arrive: the rest queue for ever.
    assert source.n - sent == pytest.approx(2400, rel=0.1)
    assert served == pytest.approx(1800, rel=0.1)


def test_memory_is_the_images(box: Sandbox) -> None:
    """What an image takes is said where it is published; the cluster knows no image by name."""
    box.cluster.images.add("front", lambda _: pytest.fail("it runs already"), memory=123)
    rows = [line.split() for line in box.sh("kubectl top po -n shop").stdout.splitlines()[1:]]
    shown = {name.partition("-")[0]: memory for name, _, memory in rows}
    assert shown["front"] == "123Mi"
    assert shown["buyers"] == "8Mi"
