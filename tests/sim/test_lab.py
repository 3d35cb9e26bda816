"""Results: columns, summaries, exports, trails; and the command line around them."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sim.engine import Tables
from sim.engine.tables import Outcome, Packed
from sim.lab import results, trail


@pytest.fixture
def tables() -> Tables:
    """Three requests of one trace: the second and third caused by the first."""
    made = Tables()
    bot = made.edges.number(("deploy/bot", "web-svc.shop", "/buy"))
    stock = made.edges.number(("deploy/web", "stock-svc.shop", "/Take"))
    link = made.links.number(("bot-1", "web-1"))
    made.requests.append(1, 10.0, 0.5, bot, 500, 255, Outcome.APP_ERROR, 1)
    made.requests.append(1, 10.1, 0.2, stock, 200, 2, Outcome.APP_ERROR, 3)
    made.requests.append(2, 20.0, 0.1, bot, 200, 255, Outcome.OK, 1)
    made.attempts.append(1, 10.0, 0.5, link, 500, 2 * 1 + 1, Outcome.APP_ERROR)
    return made


def test_columns_are_the_contract(tables: Tables) -> None:
    frame = results.requests(tables, run=7)
    assert list(frame.columns) == [
        *("run", "trace", "start_s", "src", "dst", "route", "status", "grpc_status", "outcome", "success"),
        *("latency_ms", "tries"),
    ]
    first = frame.iloc[0]
    assert (first["run"], first["src"], first["dst"], first["outcome"]) == (
        7,
        "deploy/bot",
        "web-svc.shop",
        "app_error",
    )
    assert pd.isna(first["grpc_status"])
    assert frame.iloc[1]["grpc_status"] == 2
    assert frame.iloc[1]["latency_ms"] == pytest.approx(200.0, rel=1e-6)
    attempts = results.attempts(tables)
    assert attempts.iloc[0][["try", "tls", "src_pod", "dst_pod"]].tolist() == [1, True, "bot-1", "web-1"]


def test_empty_tables_have_the_same_columns() -> None:
    empty = Tables()
    assert len(results.requests(empty)) == 0
    assert len(results.attempts(empty)) == 0
    assert list(results.summary(results.requests(empty), 10.0).columns)[:4] == ["run", "src", "dst", "route"]


def test_a_summary_counts_rates_and_retries(tables: Tables) -> None:
    rows = results.summary(results.requests(tables), 10.0, 10.0, 30.0)
    bot = rows[rows["src"] == "deploy/bot"]
    assert bot["window_start_s"].tolist() == [10.0, 20.0]
    assert bot["rps"].tolist() == [0.1, 0.1]
    assert bot["success_rate"].tolist() == [0.0, 1.0]
    assert rows[rows["src"] == "deploy/web"]["retries"].tolist() == [2]


def test_tables_are_written_and_read_back(tables: Tables, tmp_path: Path) -> None:
    frame = results.requests(tables)
    paths = results.write(tmp_path / "new", {"requests": frame})
    assert [path.name for path in paths] == ["requests.csv", "requests.parquet"]
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), frame)
    assert len(pd.read_csv(paths[0])) == 3


def test_the_trail_of_a_failure(tables: Tables) -> None:
    rows = trail.last_failure(tables)
    assert [row.hop for row in rows] == ["bot → web-svc", "web → stock-svc", "web-svc → bot"]
    assert rows[1].wire.startswith("HTTP 200, grpc-status 2 (Unknown)")
    assert rows[-1].verdict == "failure"
    assert trail.last_failure(Tables()) == []


def test_packed_rows_survive_their_chunks() -> None:
    packed = Packed("<Id", [("n", "<u4"), ("x", "<f8")])
    for n in range(20_000):
        packed.append(n, n / 2)
    array = packed.array()
    assert len(packed) == len(array) == 20_000
    assert (array["n"] == range(20_000)).all()
    assert packed.nbytes() == 20_000 * 12
    with pytest.raises(ValueError, match="does not pack"):
        Packed("<I", [("x", "<f8")])


def command(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sim.cli", *words], input=stdin, capture_output=True, text=True, check=False
    )


def test_sh_prints_a_transcript_and_its_status(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: shell}\n"
        "spec: {containers: [{name: sh, image: busybox}]}\n",
        encoding="utf-8",
    )
    script = "kubectl apply -f pod.yaml\nsleep 20\nkubectl get po shell -o name > names\ncat names\n"
    done = command("sh", "-", "--mount", str(tmp_path), "--out", str(tmp_path / "out"), stdin=script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("$ kubectl apply -f pod.yaml\npod/shell created\n$ sleep 20\n")
    assert (tmp_path / "out/files/names").read_text(encoding="utf-8") == "pod/shell\n"
    assert (tmp_path / "out/pods.csv").is_file()


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (("sh", "-"), "kubectl gte po\n", 'unknown command "gte"'),
        (("sh", "-", "--edition", "stable-9"), "", "edition"),
        (("sh", "-", "--mount", "/nowhere"), "", "/nowhere"),
        (("sh", "/nowhere.sh"), "", "nowhere.sh"),
        (("run", "01-the-tutoral"), "", "did you mean 01-the-tutorial"),
        (("run", "1", "--set", "clster.nodes=2"), "", "cluster"),
        (("run", "1", "--set", "horizon"), "", "expected PATH=VALUE"),
        (("run", "1", "-o", "xml"), "", "expected table or json"),
        (("rnu",), "", "rnu"),
        (("run", "1", "--sede", "3"), "", "--sede"),
        (("lesson", "play", "1", "--lang", "fr"), "", "expected one of en, ja"),
    ],
)
def test_mistakes_are_one_line_and_status_1(words: tuple[str, ...], stdin: str, message: str) -> None:
    done = command(*words, stdin=stdin)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_run_prints_a_summary_or_json() -> None:
    done = command("run", "1", "-o", "json", "--set", "timeline=[]", "--set", "warmup=0s")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_version_and_scenarios_are_listed() -> None:
    assert "stable-2.8.1" in command("version").stdout
    assert "01-the-tutorial" in command("scenarios").stdout
