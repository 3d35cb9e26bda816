"""Programs on a network without Kubernetes: containers made by hand."""

from typing import Any

from mesh.messages import Request, Response
from sim.cluster.net import Network, NetworkSpec
from sim.cluster.program import Container, PodRuntime
from sim.engine import Engine, Station
from sim.programs.http import Client
from sim.programs.world import World

INFINITY = float("inf")


class Bench:
    """An engine, a network of three hosts, and containers on it."""

    def __init__(self, seed: int = 1, spec: NetworkSpec | None = None) -> None:
        self.engine = Engine(seed)
        self.network = Network(self.engine, spec)
        for index in range(3):
            self.network.add_host(f"node-{index}", "zone-a")
        self.world = World(self.engine)
        self.exits: list[tuple[str, int]] = []
        self._last = 0

    def container(
        self,
        name: str,
        *,
        env: dict[str, str] | None = None,
        image: str = "image:v11",
        command: tuple[str, ...] = (),
        args: tuple[str, ...] = (),
        namespace: str = "emojivoto",
        workers: float = INFINITY,
        pod: PodRuntime | None = None,
        user: int = 0,
        spec: dict[str, Any] | None = None,
    ) -> Container:
        """A running container, in a pod of its own unless given one."""
        if pod is None:
            self._last += 1
            ip, host = f"10.4.0.{self._last}", f"node-{self._last % 3}"
            net = self.network.namespace(ip, host, f"{name}-pod", namespace)
            pod = PodRuntime(
                f"{name}-pod",
                namespace,
                f"uid-{name}",
                ip,
                host,
                "default",
                {},
                {},
                {},
                net,
                f"deploy/{name}",
            )
        return Container(
            engine=self.engine,
            api=None,  # type: ignore[arg-type]
            pod=pod,
            name=name,
            image=image,
            spec=spec or {},
            env=env or {},
            command=list(command),
            args=list(args),
            user=user,
            cpu=Station(self.engine, workers),
            restart=0,
            exit=lambda code: self.exits.append((name, code)),
            read=lambda path: "",
            tables=self.world.tables,
        )

    def service(self, name: str, ip: str, port: int, *pods: tuple[Container, int]) -> None:
        """A service address with a name, on those containers' pods."""
        self.network.dns.set_name(f"{name}.emojivoto.svc.cluster.local", [ip])
        self.network.program_service(ip, port, [(c.pod.ip, target) for c, target in pods])

    def ask(self, client: Client, request: Request, timeout: float = INFINITY) -> Response:
        """One request, run to its answer."""
        answers: list[Response] = []
        client.call(request, answers.append, timeout)
        while not answers:
            before = self.engine.now
            self.engine.run_until(before + 0.01)
            assert self.engine.now < 3600, "no answer within an hour"
        return answers[0]
