"""Declared services: each kind of step, and the draws that belong to requests."""

from typing import Any

import pytest
from pydantic import ValidationError

from mesh.messages import Request, Response
from sim.cluster.net import NetworkSpec
from sim.engine.tables import Outcome
from sim.programs.declared import DeclaredService, manifests
from sim.programs.faults import Rule
from sim.programs.http import Client
from sim.programs.load import LoadGenerator
from sim.scenario.app import App
from sim.scenario.units import parse_duration
from tests.sim.harness import Bench

INSTANT = NetworkSpec(host=0.0, zone=0.0, between_zones=0.0, jitter=0.0)


class Shop:
    """A declared app on a bench with an instant network."""

    def __init__(self, services: dict[str, Any], seed: int = 1) -> None:
        self.app = App.model_validate({"services": services})
        self.bench = Bench(seed, INSTANT)
        for index, name in enumerate(self.app.services):
            container = self.bench.container(name)
            self.bench.service(name, f"10.96.1.{index}", self.app.services[name].port, (container, 80))
            DeclaredService(container, self.bench.world, self.app, name).start()
        self.client = Client(self.bench.container("browser"))

    def get(self, path: str = "/", service: str = "front") -> tuple[Response, float]:
        start = self.bench.engine.now
        done: list[tuple[Response, float]] = []
        self.client.call(
            Request("GET", f"{service}:80", path), lambda r: done.append((r, self.bench.engine.now - start))
        )
        self.bench.engine.run_until(start + 100)
        return done[0]


CONSTANT = {"mean": "10ms", "distribution": "constant"}


@pytest.mark.parametrize(
    ("steps", "seconds", "status"),
    [
        ([{"work": CONSTANT}], 0.01, 200),
        ([{"pause": "250ms"}], 0.25, 200),
        ([{"work": CONSTANT}, {"pause": "1s"}], 1.01, 200),
        ([{"loop": {"times": 5, "steps": [{"work": CONSTANT}]}}], 0.05, 200),
        ([{"parallel": [[{"pause": "1s"}], [{"pause": "2s"}]]}], 2.0, 200),
        ([{"choice": [{"share": 1.0, "steps": [{"pause": "3s"}]}]}], 3.0, 200),
        ([{"choice": [{"share": 0.0, "steps": [{"pause": "3s"}]}]}], 0.0, 200),
        ([{"pause": "1s"}, {"fail": {"rate": 1.0, "status": 503}}, {"pause": "1s"}], 1.0, 503),
        ([{"call": "back"}], 0.5, 200),
        ([{"call": {"service": "back", "route": "/broken"}}], 0.0, 500),
        ([{"call": {"service": "back", "route": "/broken", "on_error": "ignore"}}], 0.0, 200),
        ([{"call": {"service": "back", "timeout": "100ms"}}], 0.1, 504),
        ([{"parallel": [[{"call": "back"}], [{"call": {"service": "back", "route": "/broken"}}]]}], 0.5, 500),
    ],
)
def test_steps(steps: list[Any], seconds: float, status: int) -> None:
    back = {"protocol": "grpc", "routes": {"/": [{"pause": "500ms"}], "/broken": [{"fail": {}}]}}
    response, took = Shop({"front": {"routes": {"/": steps}}, "back": back}).get()
    assert response.status == status
    assert took == pytest.approx(seconds, abs=1e-6)


def test_workers_queue_and_unknown_routes_are_404() -> None:
    shop = Shop({"front": {"workers": 1, "routes": {"/a": [{"work": CONSTANT}]}}})
    times: list[float] = []
    for _ in range(3):
        shop.client.call(Request("GET", "front:80", "/a"), lambda _: times.append(shop.bench.engine.now))
    shop.bench.engine.run_until(1.0)
    assert times == pytest.approx([0.01, 0.02, 0.03])
    assert shop.get("/nope")[0].status == 404


def test_a_fault_rule_takes_the_place_of_the_declared_failure() -> None:
    shop = Shop({"front": {"routes": {"/": [{"fail": {"rate": 1.0}}]}}})
    assert shop.get()[0].status == 500
    shop.bench.world.faults.add(Rule(workload="emojivoto/deploy/front", rate=0.0))
    assert shop.get()[0].status == 200


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({"a": {"routes": {"/": [{"work": "5"}]}}}, "expected a duration such as 250ms"),
        ({"a": {"routes": {"/": [{}]}}}, "this has none"),
        ({"a": {"routes": {"/": [{"work": "5ms", "pause": "1s"}]}}}, "this has work, pause"),
        ({"a": {"routes": {"/": [{"call": "b"}]}}}, "calls 'b', which is not a service"),
        ({"a": {"replicas": -1}}, "greater than or equal to 0"),
        ({"a": {"replics": 2}}, "Extra inputs are not permitted"),
        (
            {
                "a": {
                    "routes": {"/": [{"choice": [{"share": 0.7, "steps": []}, {"share": 0.7, "steps": []}]}]}
                }
            },
            "more than 1",
        ),
        ({"A_": {}}, "should match pattern"),
    ],
)
def test_impossible_apps_are_refused(services: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        App.model_validate({"services": services})


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("10s", 10), ("1.5m", 90), ("1h", 3600), (0, 0), ("2d", 172800)]
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


def test_manifests_bind_services_to_images() -> None:
    app = App.model_validate({"services": {"front": {"image": "shop-front", "replicas": 2, "cpu": "100m"}}})
    namespace, deployment, service = manifests("shop", app)
    assert namespace["metadata"]["name"] == "shop"
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "shop-front"
    assert container["resources"] == {"requests": {"cpu": "100m"}}
    assert deployment["spec"]["replicas"] == 2
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 80}]


def arrivals(
    *, latency: str, seed: int = 3, rps: float | None = 20, users: int | None = None
) -> list[tuple[float, bool]]:
    """Arrival times and demands of a load on a service with that latency in front of its work."""
    shop = Shop(
        {"front": {"routes": {"/": [{"pause": latency}, {"work": "5ms"}, {"fail": {"rate": 0.3}}]}}}, seed
    )
    env = {"TARGET": "front.emojivoto:80"}
    env |= {"RPS": str(rps)} if rps else {"USERS": str(users), "THINK": "1s"}
    source = shop.bench.container("load", env=env)
    LoadGenerator(source, shop.bench.world).start()
    shop.bench.engine.run_until(60.0)
    rows = shop.bench.world.tables.requests.array()
    rows = rows[rows["trace"].argsort(kind="stable")]
    return [(float(row["start_s"]), row["outcome"] == Outcome.OK) for row in rows]


def test_open_loop_arrivals_and_outcomes_do_not_depend_on_latency() -> None:
    fast, slow = arrivals(latency="1ms"), arrivals(latency="800ms")
    assert len(slow) > 1000
    assert fast[: len(slow)] == slow
    assert arrivals(latency="1ms", seed=4)[:20] != fast[:20]


def test_a_closed_loop_slows_down_with_its_answers() -> None:
    fast, slow = arrivals(latency="1ms", rps=None, users=5), arrivals(latency="1s", rps=None, users=5)
    assert len(fast) == pytest.approx(5 * 60 / 1.01, rel=0.05)
    assert len(slow) == pytest.approx(5 * 60 / 2.01, rel=0.05)
