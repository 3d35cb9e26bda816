"""emojivoto hop by hop, against the facts of its source."""

import json
from collections import Counter

import pytest

from mesh.messages import Request, Response
from sim.cluster.program import Container, Images
from sim.engine.tables import Outcome
from sim.programs.emojivoto import register
from sim.programs.emojivoto.catalog import load_catalog, method_of
from sim.programs.faults import Rule
from sim.programs.http import Client
from tests.sim.harness import Bench

GRPC = {"GRPC_PORT": "8080", "PROM_PORT": "8801"}
WEB = {
    "WEB_PORT": "8080",
    "EMOJISVC_HOST": "emoji-svc.emojivoto:8080",
    "VOTINGSVC_HOST": "voting-svc.emojivoto:8080",
    "INDEX_BUNDLE": "dist/index_bundle.js",
}


class Emojivoto:
    """The application on a bench, without a mesh."""

    def __init__(
        self, *, seed: int = 1, voting: dict[str, str] | None = None, votings: int = 1, tag: str = "v11"
    ) -> None:
        self.bench = bench = Bench(seed)
        self.images = Images()
        register(self.images, bench.world)
        self.emoji = self.start("emoji", "emojivoto-emoji-svc", GRPC)
        self.votings = [
            self.start(f"voting-{i}", f"emojivoto-voting-svc:{tag}", {**GRPC, **(voting or {})})
            for i in range(votings)
        ]
        self.web = self.start("web", "emojivoto-web", WEB)
        bench.service("emoji-svc", "10.96.0.1", 8080, (self.emoji, 8080))
        bench.service("voting-svc", "10.96.0.2", 8080, *((c, 8080) for c in self.votings))
        bench.service("web-svc", "10.96.0.3", 80, (self.web, 8080))
        self.client = Client(bench.container("browser"))

    def start(self, name: str, image: str, env: dict[str, str], command: tuple[str, ...] = ()) -> Container:
        reference = f"docker.l5d.io/buoyantio/{image}" + ("" if ":" in image else ":v11")
        container = self.bench.container(name, env=env, image=reference, command=command)
        found = self.images.find(reference)
        assert found is not None
        found.factory(container).start()
        return container

    def bot(self, env: dict[str, str] | None = None) -> Container:
        return self.start(
            "vote-bot",
            "emojivoto-web",
            {"WEB_HOST": "web-svc.emojivoto:80", **(env or {})},
            ("emojivoto-vote-bot",),
        )

    def get(self, path: str) -> Response:
        return self.bench.ask(self.client, Request("GET", "web-svc.emojivoto:80", path))


def test_99_emoji_and_100_vote_calls() -> None:
    catalog = load_catalog()
    assert len(catalog.emoji) == 99
    assert len(catalog.by_method) == 100
    assert catalog.by_method["VoteRelaxed"] == ":relaxed:"
    assert len(catalog.listing.encode()) == 4513


@pytest.mark.parametrize(
    ("shortcode", "method"),
    [
        (":100:", "Vote100"),
        (":cat2:", "VoteCat2"),
        (":jack_o_lantern:", "VoteJackOLantern"),
        (":stuck_out_tongue_winking_eye:", "VoteStuckOutTongueWinkingEye"),
    ],
)
def test_method_names(shortcode: str, method: str) -> None:
    assert method_of(shortcode) == method


def test_the_doughnut_fails_on_purpose_and_is_a_500_on_the_wire() -> None:
    app = Emojivoto()
    response = app.get("/api/vote?choice=:doughnut:")
    assert response.status == 500
    assert response.body == '{"error":"rpc error: code = Unknown desc = ERROR"}\n'
    assert response.size == 51
    assert app.get("/api/vote?choice=:joy:").status == 200
    assert app.get("/api/vote?choice=:joy:").body is None


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/api/vote", 400, "Emoji choice [] is mandatory"),
        ("/api/vote?choice=:nope:", 400, "Choosen emoji shortcode [:nope:] doesnt exist"),
        ("/api/vote?choice=joy", 400, "Choosen emoji shortcode [joy] doesnt exist"),
        ("/api/nope", 200, "<!doctype html>"),
        ("/leaderboard", 200, "<!doctype html>"),
        ("/dist/nope.js", 404, "404 page not found"),
    ],
)
def test_paths(path: str, status: int, text: str) -> None:
    response = Emojivoto().get(path)
    assert response.status == status
    assert text in response.body


def test_the_leaderboard_sorts_votes_as_strings_and_costs_n_plus_one_calls() -> None:
    app = Emojivoto()
    for choice in (":joy:", ":pizza:", ":pizza:", ":taco:"):
        app.get(f"/api/vote?choice={choice}")
    before = len(app.bench.world.tables.requests)
    rows = json.loads(app.get("/api/leaderboard").body)
    assert rows[0] == {"shortcode": ":pizza:", "unicode": "🍕", "votes": "2"}
    assert {row["votes"] for row in rows[1:]} == {"1"}
    assert len(app.bench.world.tables.requests) - before == 1 + 3


def test_each_replica_has_its_own_tally_and_a_restart_loses_it() -> None:
    app = Emojivoto(votings=2)
    for _ in range(10):
        app.get("/api/vote?choice=:joy:")
    # web's gRPC client keeps one connection, so one replica has all votes.
    assert json.loads(app.get("/api/leaderboard").body)[0]["votes"] == "10"
    links = Counter(app.bench.world.tables.links.keys)
    assert sum(1 for src, dst in links if src == "web-pod" and dst.startswith("voting")) == 1


@pytest.mark.parametrize(
    ("env", "tag", "fails"),
    [
        ({}, "v11", 1.0),
        ({}, "v12", 0.0),
        ({"FAILURE_RATE": "0"}, "v11", 0.0),
        ({"FAILURE_RATE": "x"}, "v11", 0.0),
    ],
)
def test_failure_rate(env: dict[str, str], tag: str, fails: float) -> None:
    app = Emojivoto(voting=env, tag=tag)
    statuses = [app.get("/api/vote?choice=:doughnut:").status for _ in range(10)]
    assert statuses.count(500) / 10 == fails


def test_half_the_doughnuts_fail_at_failure_rate_half() -> None:
    app = Emojivoto(voting={"FAILURE_RATE": "0.5"})
    failed = sum(app.get("/api/vote?choice=:doughnut:").status == 500 for _ in range(400))
    assert 160 < failed < 240


def test_artificial_delay_delays_counted_votes_only() -> None:
    app = Emojivoto(voting={"ARTIFICIAL_DELAY": "2s"})
    start = app.bench.engine.now
    app.get("/api/vote?choice=:joy:")
    assert app.bench.engine.now - start >= 2.0
    start = app.bench.engine.now
    app.get("/api/vote?choice=:doughnut:")
    assert app.bench.engine.now - start < 0.1


def test_fault_rules_override_the_program() -> None:
    app = Emojivoto()
    faults = app.bench.world.faults
    number = faults.add(Rule(workload="emojivoto/deploy/voting-0", route="VoteDoughnut", rate=0.0))
    assert app.get("/api/vote?choice=:doughnut:").status == 200
    faults.add(Rule(workload="emojivoto/deploy/voting-0", route="VoteDoughnut", rate=1.0))
    assert len(faults.rules) == 1, "same workload and route: replaced"
    assert "fault injected" in app.get("/api/vote?choice=:doughnut:").body
    faults.add(Rule(workload="emojivoto/deploy/web", route="/api/list", rate=1.0, status=503))
    assert app.get("/api/list").status == 503
    faults.add(Rule(workload="emojivoto/deploy/emoji", delay=1.5))
    start = app.bench.engine.now
    app.get("/api/vote?choice=:joy:")
    assert app.bench.engine.now - start >= 1.5
    faults.clear()
    assert not faults.remove(number)
    assert app.get("/api/vote?choice=:doughnut:").status == 500


def test_the_bot_votes_once_a_second_and_forces_the_doughnut() -> None:
    app = Emojivoto()
    bot = app.bot()
    app.bench.engine.run_until(2000.0)
    votes = [line for _, line in bot.logs if line.startswith("✔ Voting for ")]
    assert 1985 <= len(votes) <= 2000
    doughnuts = sum(line.endswith(":doughnut:") for line in votes) / len(votes)
    # 0.15 + 0.85 / 99 = 0.1586; four standard errors of 2000 votes are 0.033.
    assert abs(doughnuts - 0.1586) < 0.033
    rows = app.bench.world.tables.requests.array()
    edges = app.bench.world.tables.edges.keys
    votes_made = rows[[edges[e][2] == "/api/vote" for e in rows["edge"]]]
    failed = (votes_made["outcome"] == Outcome.APP_ERROR).mean()
    assert failed == pytest.approx(doughnuts, abs=1e-9)


def test_an_emoji_outage_halves_the_bot_and_stops_its_votes() -> None:
    app = Emojivoto()
    app.bot()
    app.bench.network.drop(app.emoji.pod.net)
    app.bench.service("emoji-svc", "10.96.0.1", 8080)
    app.bench.engine.run_until(100.0)
    routes = Counter(
        app.bench.world.tables.edges.keys[e][2] for e in app.bench.world.tables.requests.array()["edge"]
    )
    assert routes["/api/list"] > 90
    assert routes["/api/vote"] == 0


def test_the_bots_choices_belong_to_its_number_not_to_its_pod() -> None:
    one = Emojivoto(seed=5)
    bot = one.bot()
    one.bench.engine.run_until(60.0)
    two = Emojivoto(seed=5, voting={"ARTIFICIAL_DELAY": "100ms"})
    first = two.bot()
    two.bench.engine.run_until(30.0)
    first.alive = False
    second = two.start(
        "vote-bot-2", "emojivoto-web", {"WEB_HOST": "web-svc.emojivoto:80"}, ("emojivoto-vote-bot",)
    )
    two.bench.engine.run_until(60.0)
    del second
    choices = [line for _, line in bot.logs]
    # The second pod is another workload here, so only the first half may be compared.
    halves = [line for _, line in first.logs]
    assert halves == choices[: len(halves)]
    assert len(halves) > 20


def test_time_to_live_and_missing_environment_end_the_program() -> None:
    app = Emojivoto()
    app.bot({"TTL": "10", "REQUEST_RATE": "2"})
    app.bench.engine.run_until(20.0)
    assert app.bench.exits == [("vote-bot", 0)]
    app.start("broken", "emojivoto-web", {"WEB_PORT": "8080"})
    assert app.bench.exits[-1] == ("broken", 1)


def test_app_metrics_page() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    app = Emojivoto()
    app.get("/api/vote?choice=:joy:")
    app.get("/api/vote?choice=:doughnut:")
    page = app.bench.ask(app.client, Request("GET", f"{app.votings[0].pod.ip}:8801", "/metrics"))
    samples = {
        (s.name, s.labels.get("grpc_method"), s.labels.get("grpc_code"), s.labels.get("emoji")): s.value
        for family in text_string_to_metric_families(page.body)
        for s in family.samples
    }
    assert samples["grpc_server_handled_total", "VoteDoughnut", "Unknown", None] == 1
    assert samples["grpc_server_handled_total", "VoteJoy", "OK", None] == 1
    assert samples["emojivoto_votes_total", None, None, ":joy:"] == 1
