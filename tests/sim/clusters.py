"""A whole small cluster for tests: everything is real but the programs."""

from collections.abc import Callable
from typing import Any

from mesh.messages import Peer, Request, Response
from sim.cluster.api import ApiServer
from sim.cluster.controllers import start_all
from sim.cluster.net import Network
from sim.cluster.node import Kubelet, Node, Scheduler
from sim.cluster.program import Container, Images
from sim.engine import Engine, Tables
from sim.programs.http import Caller, serve

Obj = dict[str, Any]


class Sleeper:
    """Runs until killed; ignores SIGTERM, like a shell that is process 1."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def start(self) -> None:
        self.container.log("started")

    def terminate(self) -> None:
        self.container.log("SIGTERM")

    def stopped(self) -> None:
        self.container.log("stopped")


class Polite(Sleeper):
    """Ends at once when asked to."""

    def terminate(self) -> None:
        self.container.exit(0)


class Task(Sleeper):
    """Works for ``SECONDS`` and exits with ``CODE``."""

    def start(self) -> None:
        super().start()
        self.container.engine.process(self.work())

    def work(self) -> Any:
        yield self.container.engine.timeout(float(self.container.env.get("SECONDS", "1")))
        if self.container.alive:
            self.container.exit(int(self.container.env.get("CODE", "0")))


class Web(Polite):
    """Serves HTTP on 8080: the statuses in ``answers``, changeable while it runs."""

    answers: dict[str, int]

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.answers = {"/": 200}

    def start(self) -> None:
        super().start()
        serve(self.container, 8080, self.handle)

    def handle(self, request: Request, peer: Peer) -> Response:
        return Response(self.answers.get(request.path, self.answers["/"]))


class Lab:
    """A cluster of a few nodes with the images sleeper, polite, task and web."""

    def __init__(
        self,
        nodes: int = 3,
        *,
        seed: int = 1,
        version: str = "v1.32.4",
        cpu: float = 4.0,
        control: bool = True,
    ) -> None:
        self.engine = Engine(seed)
        self.tables = Tables()
        self.api = ApiServer(self.engine, version=version, tables=self.tables)
        self.network = Network(self.engine)
        self.http = Caller(self.engine)
        self.programs: dict[tuple[str, str, str], Any] = {}
        self.images = Images()
        for name, kind in {"sleeper": Sleeper, "polite": Polite, "task": Task, "web": Web}.items():
            self.images.add(name, self.remembering(kind))
        self.kubelets: dict[str, Kubelet] = {}
        if control:
            start_all(self.api, self.engine, self.network, self.tables, metrics=self.metrics)
        for index in range(nodes):
            node = Node(self.engine, f"node-{index}", index=index, zone=f"zone-{index % 2}", cpu=cpu)
            made = Kubelet(self.api, self.engine, node, self.network, self.images, self.http, self.tables)
            self.kubelets[node.name] = made
            made.start()
        Scheduler(self.api, self.engine).start()

    def remembering(self, kind: Callable[[Container], Any]) -> Callable[[Container], Any]:
        def make(container: Container) -> Any:
            program = kind(container)
            self.programs[container.pod.namespace, container.pod.name, container.name] = program
            return program

        return make

    def metrics(self, namespace: str, pod: str) -> float | None:
        for kubelet in self.kubelets.values():
            used = kubelet.cpu_usage(namespace, pod, 60.0)
            if used is not None:
                return used
        return None

    # -- doing ------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def create(self, obj: Obj) -> Obj:
        process = self.engine.process(self.api.create(obj))
        return self.engine.run_process(process, self.engine.now + 30.0)

    def patch(self, resource: str, name: str, patch: Obj, namespace: str = "default") -> Obj:
        steps = self.api.patch(resource, name, namespace, patch, "strategic")
        return self.engine.run_process(self.engine.process(steps), self.engine.now + 30.0)

    def scale(self, name: str, replicas: int) -> None:
        self.patch("deployments.apps", name, {"spec": {"replicas": replicas}})

    # -- looking ----------------------------------------------------------------------------------------

    def pods(self, namespace: str = "default", labels: str = "") -> list[Obj]:
        return self.api.list("pods", namespace, labels=labels)

    def pod(self, name: str, namespace: str = "default") -> Obj:
        return self.api.get("pods", name, namespace)

    def kubelet(self, pod: Obj) -> Kubelet:
        return self.kubelets[pod["spec"]["nodeName"]]

    def program(self, pod: str, container: str = "main", namespace: str = "default") -> Any:
        return self.programs[namespace, pod, container]

    def idles(self, seconds: float) -> bool:
        """Whether nothing happens but the nodes' five-minute heartbeats and what looks at them."""
        steps = self.engine.steps
        self.run(seconds)
        return self.engine.steps - steps <= 8 * len(self.kubelets) * (seconds // 300 + 1)

    def reasons(self, kind: str = "Pod") -> list[str]:
        return [e["reason"] for e in self.api.list("events") if e["involvedObject"]["kind"] == kind]

    def messages(self, reason: str) -> list[str]:
        return [e["message"] for e in self.api.list("events") if e["reason"] == reason]


def container(image: str = "sleeper:v1", name: str = "main", **more: Any) -> Obj:
    return {"name": name, "image": image, **more}


def pod(name: str = "p", *containers: Obj, **spec: Any) -> Obj:
    body = {"containers": list(containers) or [container()], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": body,
    }


def deployment(name: str = "web", replicas: int = 1, image: str = "polite:v1", **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container(image)]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }


def ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def state(pod: Obj, index: int = 0, key: str = "containerStatuses") -> Obj:
    return pod["status"][key][index]
