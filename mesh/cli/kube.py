"""The small Kubernetes client that ``linkerd`` needs; the sandbox and real clusters implement it."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

__all__ = ["KubeClient", "KubeError", "Obj", "Reply"]

Obj: TypeAlias = dict[str, Any]


class KubeError(Exception):
    """The API server's answer was not what was asked for.

    Attributes:
        reason: the Status reason: NotFound, Forbidden, AlreadyExists, Invalid, … or ``Unreachable``.
        message: the Status message, as kubectl prints it.
        code: HTTP status; 0 when nothing answered.
    """

    def __init__(self, reason: str, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """What a pod answered.

    Attributes:
        status: HTTP status, 0 when nothing answered.
        body: text, or a JSON-like value.
        error: empty, or why nothing answered.
    """

    status: int
    body: Any = None
    error: str = ""


class KubeClient(Protocol):
    """A Kubernetes API, synchronous. Resources are named ``pods`` or ``deployments.apps``.

    Every method raises :class:`KubeError`; objects are plain JSON values and belong to the caller.
    """

    def version(self) -> Obj:
        """The ``/version`` document; ``gitVersion`` is what people call the version."""
        ...

    def get(self, resource: str, name: str, namespace: str | None = None) -> Obj:
        """One object."""
        ...

    def list(
        self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        """All objects that match, in all namespaces when ``namespace`` is None."""
        ...

    def create(self, obj: Obj) -> Obj:
        """Create an object (also the review kinds, whose answer is in the result's status)."""
        ...

    def request(
        self,
        namespace: str,
        pod: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        timeout: float = 30.0,
    ) -> Reply:
        """An HTTP request to a port of a pod, through a port-forward."""
        ...
