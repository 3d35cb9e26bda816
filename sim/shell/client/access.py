"""Asking the simulated API server: every question runs the simulation until its answer is there."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from mesh.cli.kube import KubeError
from sim.cluster.api import ApiError

if TYPE_CHECKING:
    import simpy

    from sim.cluster.api import ApiServer
    from sim.cluster.cluster import Cluster
    from sim.engine import Engine

__all__ = ["Access"]

T = TypeVar("T")
OPERATOR = "system:admin"
PATIENCE = 60.0  # seconds an API server gives a request. Source: kube-apiserver --request-timeout, 1m0s


class Access:
    """Somebody's access to a cluster.

    Args:
        cluster: the simulated cluster.
        user: who asks.

    Every method raises :class:`~mesh.cli.kube.KubeError`.
    """

    def __init__(self, cluster: "Cluster", user: str = OPERATOR) -> None:
        self.cluster = cluster
        self.api: ApiServer = cluster.api
        self.engine: Engine = cluster.engine
        self.user = user

    @staticmethod
    def asked(ask: Callable[[], T]) -> T:
        """The answer of an instant call."""
        try:
            return ask()
        except ApiError as refusal:
            raise _kube_error(refusal) from None

    def run(self, steps: "Generator[simpy.Event, Any, Any]", patience: float = PATIENCE) -> Any:
        """Run a generator as a process until it ends; time passes for everything else too."""

        def guarded() -> "Generator[simpy.Event, Any, tuple[Any, ApiError | KubeError | None]]":
            # simpy makes a new exception of a failed process's; as a value it stays what it is.
            try:
                return (yield from steps), None
            except (ApiError, KubeError) as refusal:
                return None, refusal

        process = self.engine.process(guarded())
        try:
            value, refusal = self.engine.run_process(process, self.engine.now + patience)
        except TimeoutError:
            raise KubeError("Timeout", f"the request did not finish within {patience:.0f} s", 504) from None
        if isinstance(refusal, ApiError):
            raise _kube_error(refusal) from None
        if refusal is not None:
            raise refusal
        return value

    def wait(self, done: Callable[[], bool], limit: float, step: float = 0.5) -> bool:
        """Let time pass until ``done()`` or for ``limit`` seconds; whether it was done."""
        end = self.engine.now + limit
        while not done():
            if self.engine.now >= end:
                return False
            self.engine.run_until(min(end, self.engine.now + step))
        return True


def _kube_error(refusal: ApiError) -> KubeError:
    return KubeError(refusal.reason, refusal.message, refusal.code)
