"""What emoji and voting have in common: a gRPC port, a metrics port, and counting what they answered."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from mesh.messages import Peer, Request, Response
from sim.cluster.program import Container
from sim.programs.http import serve
from sim.programs.task import Handled
from sim.programs.world import World

__all__ = ["GrpcService", "unimplemented"]


def unimplemented(request: Request) -> Response:
    """What a gRPC server answers to a method it does not have; plain HTTP it does not understand at all."""
    if not request.grpc:
        return Response(0, error="reset")
    service, _, method = request.path.lstrip("/").partition("/")
    return Response(200, grpc_status=12, grpc_message=f"unknown method {method} for service {service}")


class GrpcService(ABC):
    """A Go gRPC server: a goroutine a request, no limits, SIGTERM not handled.

    *Source:* emojivoto-emoji-svc/cmd/server.go: only SIGINT and SIGQUIT are trapped, and the image's shell
    is process 1, so the pod uses its whole grace period.
    """

    name = ""  # of the gRPC service

    def __init__(self, container: Container, world: World) -> None:
        self.container = container
        self.world = world
        self.handled: dict[tuple[str, str], int] = {}

    def start(self) -> None:
        """Listen, or exit when the environment is incomplete."""
        env = self.container.env
        if not env.get("GRPC_PORT"):
            self.container.log(
                "GRPC_PORT (currently [] ) environment variable must me set to run the server."
            )
            self.container.exit(1)
            return
        faults = self.world.faults
        serve(self.container, int(env["GRPC_PORT"]), self.handle, faults=faults)
        self.container.log(f"Starting grpc server on GRPC_PORT=[{env['GRPC_PORT']}]")
        if env.get("PROM_PORT"):
            serve(self.container, int(env["PROM_PORT"]), self.metrics)
            self.container.log(f"Starting prom metrics on PROM_PORT=[{env['PROM_PORT']}]")

    def terminate(self) -> None:  # noqa: B027 - that is what it does
        """SIGTERM is not handled."""

    def stopped(self) -> None:  # noqa: B027
        """Nothing outlives the container."""

    @abstractmethod
    def handle(self, request: Request, peer: Peer) -> Handled:
        """Answer one call."""

    def count(self, method: str, code: str) -> None:
        """Count an answered call for ``grpc_server_handled_total``."""
        key = (method, code)
        self.handled[key] = self.handled.get(key, 0) + 1

    def families(self) -> Iterable[tuple[str, tuple[str, ...], dict[tuple[str, ...], int]]]:
        """Counter families: name without ``_total``, label names, values."""
        labelled: dict[tuple[str, ...], int] = {}
        for (method, code), n in self.handled.items():
            labelled["unary", self.name, method, code] = n
        yield "grpc_server_handled", ("grpc_type", "grpc_service", "grpc_method", "grpc_code"), labelled

    def metrics(self, request: Request, peer: Peer) -> Response:
        """The Prometheus page."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily

        collected = []
        for name, labels, values in self.families():
            family = CounterMetricFamily(name, f"{name} of {self.name}", labels=labels)
            for key, value in sorted(values.items()):
                family.add_metric(key, value)
            collected.append(family)

        class Families:
            def collect(self) -> Iterable[CounterMetricFamily]:
                return collected

        registry = CollectorRegistry()
        registry.register(Families())
        return Response(200, body=generate_latest(registry).decode())
