"""kubectl in front of an API server alone: a shell, files, a clock, no controllers and no nodes."""

from types import SimpleNamespace
from typing import Any

from mesh.cli.console import Result
from mesh.yaml import load_all
from sim.shell.client import Client
from tests.sim.api_harness import ApiBench
from tests.sim.shell_host import BareHost

Obj = dict[str, Any]


class KubectlBench(BareHost):
    """``bench.sh("kubectl get po")`` against an API server; its namespace ``shop`` is the current one."""

    def __init__(self, version: str = "v1.32.4", edition: str = "edge") -> None:
        super().__init__()
        self.edition = edition
        self.api_bench = ApiBench(version)
        self.api = self.api_bench.api
        self.engine = self.api_bench.engine
        self.cluster = SimpleNamespace(api=self.api, engine=self.engine, kubelets={})
        self.client: Any = Client(self.cluster)  # type: ignore[arg-type]  # nothing here reaches a pod
        self.out("kubectl config set-context --current --namespace=shop")

    def kubectl(self, line: str, stdin: str = "") -> Result:
        """Run one command with this standard input."""
        if not stdin:
            return self.sh(f"kubectl {line}")
        self.files.write("stdin.txt", stdin)
        return self.sh(f"kubectl {line} < stdin.txt")

    def apply(self, text: str) -> str:
        """Apply a manifest that must be accepted; what kubectl printed."""
        result = self.kubectl("apply -f -", text)
        assert result.status == 0, result
        return result.stdout

    def error(self, line: str, stdin: str = "") -> str:
        """The error line of a command that must fail: one line, status 1, nothing changed."""
        before = self.api.resource_version
        result = self.kubectl(line, stdin)
        assert result.status == 1, result
        assert result.stderr.count("\n") == 1, result
        assert self.api.resource_version == before, "a failed command changed something"
        return result.stderr.rstrip("\n")

    def get(self, resource: str, name: str, namespace: str = "shop") -> Obj:
        """A stored object."""
        return self.api.get(resource, name, namespace)

    def wait(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.engine.run_until(self.engine.now + seconds)


def document(text: str) -> Any:
    """The one document of a YAML text."""
    (found,) = load_all(text)
    return found


MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels:
    app: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: example/web:v1
        env:
        - name: A
          value: "1"
        - name: B
          value: "2"
        ports:
        - containerPort: 8080
          name: http
      - name: side
        image: example/side:v1
---
apiVersion: v1
kind: Service
metadata:
  name: web-svc
  namespace: shop
spec:
  selector:
    app: web
  ports:
  - name: http
    port: 80
    targetPort: 8080
"""
