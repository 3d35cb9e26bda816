"""Routes and retries of ServiceProfiles in a running cluster: what callers see, and what is really sent."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from sim.engine.tables import Outcome
from sim.programs.task import Hop
from sim.shell.sandbox import Sandbox

EMOJIVOTO = "curl -sL https://run.linkerd.io/emojivoto.yml | linkerd inject - | kubectl apply -f -"
DOUGHNUT = ("deploy/web", "voting-svc.emojivoto", "/emojivoto.v1.VotingService/VoteDoughnut")
VOTING = """
apiVersion: linkerd.io/v1alpha2
kind: ServiceProfile
metadata:
  name: voting-svc.emojivoto.svc.cluster.local
  namespace: emojivoto
spec:
  routes:
  - name: VoteDoughnut
    isRetryable: {retryable}
    condition:
      method: POST
      pathRegex: /emojivoto\\.v1\\.VotingService/VoteDoughnut
  - name: VotePoop
    condition:
      method: POST
      pathRegex: /emojivoto\\.v1\\.VotingService/VotePoop
"""
BUDGET = "  retryBudget: {{retryRatio: {ratio}, minRetriesPerSecond: {minimum}, ttl: 10s}}\n"
WEB = """
apiVersion: linkerd.io/v1alpha2
kind: ServiceProfile
metadata:
  name: web-svc.emojivoto.svc.cluster.local
  namespace: emojivoto
spec:
  routes:
  - name: GET /api/vote
    condition: {method: GET, pathRegex: /api/vote}
"""


def do(sandbox: Sandbox, line: str) -> str:
    """Run a line that must succeed; what it printed."""
    result = sandbox.sh(line)
    assert result.status == 0, f"{line}: {result.stderr}"
    return result.stdout


def apply(sandbox: Sandbox, text: str) -> None:
    do(sandbox, f"kubectl apply -f - <<'EOF'\n{text}EOF")


def emojivoto(rate: str = "0.5", votes: str = "10") -> Sandbox:
    """The meshed application, with a doughnut that fails in that many cases."""
    sandbox = Sandbox(edition="stable-2.8.1")
    do(sandbox, "linkerd install | kubectl apply -f -")
    do(sandbox, "sleep 60")
    do(sandbox, EMOJIVOTO)
    do(sandbox, f"kubectl set env -n emojivoto deploy/voting FAILURE_RATE={rate}")
    do(sandbox, f"kubectl set env -n emojivoto deploy/vote-bot REQUEST_RATE={votes}")
    do(sandbox, "sleep 60")
    return sandbox


def table(text: str) -> dict[str, list[str]]:
    """Rows of ``routes`` by route, without its title and header."""
    title, header, *lines = text.strip().splitlines()
    assert title == "==> deployment/web <=="
    assert header.startswith("ROUTE")
    rows = [line.rsplit(maxsplit=len(header.split()) - 1) for line in lines]
    return {row[0].strip(): row[1:] for row in rows}


def percent(text: str) -> float:
    return float(text.removesuffix("%"))


@pytest.fixture(scope="module")
def retried() -> Sandbox:
    """A doughnut that fails half of the time is sent again, by a budget that nobody wrote down."""
    sandbox = emojivoto()
    apply(sandbox, VOTING.format(retryable="true") + "---" + WEB)
    do(sandbox, "sleep 120")
    return sandbox


def test_a_servers_routes_with_the_default_one(retried: Sandbox) -> None:
    rows = table(do(retried, "linkerd routes -n emojivoto deploy/web"))
    assert list(rows) == ["GET /api/vote", "[DEFAULT]"]
    vote, rest = rows["GET /api/vote"], rows["[DEFAULT]"]  # /api/list is in no route
    assert vote[0] == rest[0] == "web-svc"
    assert percent(vote[1]) == 100.0
    assert float(vote[2].removesuffix("rps")) == pytest.approx(float(rest[2].removesuffix("rps")), abs=0.2)


def test_effective_success_rises_to_all_while_half_fails(retried: Sandbox) -> None:
    rows = table(do(retried, "linkerd routes -n emojivoto deploy/web --to svc/voting-svc -o wide"))
    assert list(rows) == ["VoteDoughnut", "VotePoop", "[DEFAULT]"]
    service, effective, effective_rps, actual, actual_rps, *_ = rows["VoteDoughnut"]
    assert service == "voting-svc"
    assert percent(effective) == 100.0
    assert 35.0 < percent(actual) < 65.0
    tries = float(actual_rps.removesuffix("rps")) / float(effective_rps.removesuffix("rps"))
    assert 1.5 < tries < 2.7
    for route in ("VotePoop", "[DEFAULT]"):
        _, effective, effective_rps, actual, actual_rps, *_ = rows[route]
        assert (effective, effective_rps) == (actual, actual_rps)
    short = table(do(retried, "linkerd routes -n emojivoto deploy/web --to svc/voting-svc"))
    assert short["VoteDoughnut"][1] == "100.00%"
    assert len(short["VoteDoughnut"]) == 6


def of_edge(sandbox: Sandbox, edge: tuple[str, str, str], since: float) -> Any:
    rows = sandbox.tables.requests.array()
    return rows[(rows["edge"] == sandbox.tables.edges.keys.index(edge)) & (rows["start_s"] >= since)]


def tries_of(sandbox: Sandbox, trace: int) -> list[tuple[int, bool]]:
    """(try, good) of web's attempts at voting for a logical request, in order.

    A pod that cannot be reached is known by its address only.
    """
    names = sandbox.tables.links.keys
    rows = sandbox.tables.attempts.array()
    return [
        (int(row["try_tls"]) // 2, int(row["why"]) == Outcome.OK)
        for row in rows[rows["trace"] == trace]
        if names[row["link"]][0].startswith("web-") and not names[row["link"]][1].startswith("emoji-")
    ]


def test_each_try_is_a_row_and_the_request_is_one(retried: Sandbox) -> None:
    requests = of_edge(retried, DOUGHNUT, retried.engine.now - 100.0)
    assert len(requests) > 20
    assert Counter(requests["outcome"].tolist()) == {Outcome.OK: len(requests)}
    counts = []
    for row in requests:
        tries = tries_of(retried, int(row["trace"]))
        assert [number for number, _ in tries] == list(range(1, int(row["tries"]) + 1))
        assert [good for _, good in tries] == [False] * (len(tries) - 1) + [True]
        counts.append(len(tries))
    assert max(counts) > 2
    assert np.mean(counts) == pytest.approx(2.0, abs=0.6)


def test_first_tries_are_those_of_a_run_without_retries(retried: Sandbox) -> None:
    """Common random numbers: a retry draws anew and changes no draw of anybody else."""
    plain = emojivoto()
    apply(plain, VOTING.format(retryable="false") + "---" + WEB)
    do(plain, "sleep 120")
    since = plain.engine.now - 100.0
    found = {int(row["trace"]): int(row["outcome"]) for row in of_edge(plain, DOUGHNUT, since)}
    shared = 0
    for row in of_edge(retried, DOUGHNUT, since):
        if int(row["trace"]) in found:
            shared += 1
            first = tries_of(retried, int(row["trace"]))[0]
            assert first == (1, found[int(row["trace"])] == Outcome.OK)
    assert shared > 20
    rows = table(do(plain, "linkerd routes -n emojivoto deploy/web --to svc/voting-svc -o wide"))
    assert rows["VoteDoughnut"][1] == rows["VoteDoughnut"][3]  # nothing is sent again


def test_a_budget_bounds_what_is_sent_again() -> None:
    """A doughnut that always fails earns nothing: what is sent again is the minimum, one a second."""
    sandbox = emojivoto("1")
    apply(sandbox, VOTING.format(retryable="true") + BUDGET.format(ratio="0.2", minimum=1))
    do(sandbox, "sleep 150")
    requests = of_edge(sandbox, DOUGHNUT, sandbox.engine.now - 100.0)
    assert Counter(requests["outcome"].tolist()) == {Outcome.APP_ERROR: len(requests)}
    again = int(requests["tries"].sum()) - len(requests)
    assert 80 <= again <= 130
    apply(sandbox, VOTING.format(retryable="true") + BUDGET.format(ratio="0", minimum=0))
    do(sandbox, "sleep 20")
    requests = of_edge(sandbox, DOUGHNUT, sandbox.engine.now - 15.0)
    assert set(requests["tries"].tolist()) == {1}


def test_a_profile_taken_back_ends_retries_and_route_figures() -> None:
    sandbox = emojivoto()
    apply(sandbox, VOTING.format(retryable="true") + "---" + WEB)
    do(sandbox, "sleep 60")
    do(sandbox, "kubectl delete serviceprofiles -n emojivoto --all")
    do(sandbox, "sleep 90")
    requests = of_edge(sandbox, DOUGHNUT, sandbox.engine.now - 80.0)
    assert set(requests["tries"].tolist()) == {1}
    assert Outcome.APP_ERROR in set(requests["outcome"].tolist())
    rows = table(do(sandbox, "linkerd routes -n emojivoto deploy/web"))
    assert rows == {"[DEFAULT]": ["web-svc", "-", "-", "-", "-", "-"]}


def test_edge_retries_by_profile_as_well() -> None:
    sandbox = Sandbox(edition="edge")
    release = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
    for line in (
        f"kubectl apply -f {release}",
        "linkerd install --crds | kubectl apply -f -",
        "linkerd install | kubectl apply -f -",
        "sleep 60",
        "linkerd viz install | kubectl apply -f -",
        EMOJIVOTO,
        "kubectl set env -n emojivoto deploy/voting FAILURE_RATE=0.5",
        "kubectl set env -n emojivoto deploy/vote-bot REQUEST_RATE=10",
        "sleep 60",
    ):
        do(sandbox, line)
    apply(sandbox, VOTING.format(retryable="true") + "---" + WEB)
    do(sandbox, "sleep 120")
    rows = table(do(sandbox, "linkerd viz routes -n emojivoto deploy/web --to svc/voting-svc -o wide"))
    assert percent(rows["VoteDoughnut"][1]) == 100.0
    assert 35.0 < percent(rows["VoteDoughnut"][3]) < 65.0
    served = table(do(sandbox, "linkerd viz routes -n emojivoto deploy/web"))
    assert percent(served["GET /api/vote"][1]) == 100.0


def test_tries_add_up_when_connections_fail() -> None:
    """Attempts that reached nobody are tries as well: rows and numbers agree through a pod's death."""
    sandbox = emojivoto("0.3")
    apply(sandbox, VOTING.format(retryable="true"))
    do(sandbox, "kubectl scale -n emojivoto deploy/voting --replicas=2")
    do(sandbox, "sleep 60")
    since = sandbox.engine.now
    name = sandbox.api.list("pods", "emojivoto", labels="app=voting-svc")[0]["metadata"]["name"]
    do(sandbox, f"fault kill {name} -n emojivoto")
    do(sandbox, "sleep 60")
    rows, edges = sandbox.tables.requests.array(), sandbox.tables.edges.keys
    voting = [
        row
        for row in rows[rows["start_s"] >= since]
        if edges[row["edge"]][:2] == DOUGHNUT[:2] and row["outcome"] == Outcome.OK
    ]
    assert len(voting) > 100
    assert any(":" in there and here.startswith("web-") for here, there in sandbox.tables.links.keys)
    for row in voting:
        numbers = [number for number, _ in tries_of(sandbox, int(row["trace"]))]
        assert numbers == list(range(1, int(row["tries"]) + 1))


def test_an_attempt_that_reached_nobody_costs_no_draw() -> None:
    hop = Hop(1, 12345)
    hop.tries = 1
    first = hop.draw_key()
    hop.tries, hop.lost = 2, 1
    assert hop.draw_key() == first == 12345
    hop.tries = 3
    assert hop.draw_key() != first
