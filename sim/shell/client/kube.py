"""The operator's access to the cluster: every call runs the simulation until its answer is there."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Literal

from mesh.cli.kube import Obj
from sim.cluster.api.objects import clone
from sim.shell.client.discovery import Discovery
from sim.shell.client.pods import Pods

if TYPE_CHECKING:
    import simpy

    from sim.cluster.api import Watch, WatchEvent

__all__ = ["Client", "PatchKind"]

PatchKind = Literal["strategic", "merge", "json"]


class Client(Pods, Discovery):
    """Implements :class:`mesh.cli.kube.KubeClient` over the simulated cluster, and what kubectl needs.

    Every method raises :class:`~mesh.cli.kube.KubeError`. Objects returned are copies.
    """

    # -- reading ----------------------------------------------------------------------------------

    def version(self) -> Obj:
        """The ``/version`` document."""
        major, minor = self.api.version.lstrip("v").split(".")[:2]
        return {
            "major": major,
            "minor": minor,
            "gitVersion": self.api.version,
            "platform": "linux/amd64",
        }

    def acting_as(self, user: str) -> "Client":
        """The same cluster as another user sees it (``kubectl --as``)."""
        return Client(self.cluster, user)

    def get(self, resource: str, name: str, namespace: str | None = None) -> Obj:
        """One object."""
        self._authorize("get", resource, namespace, name)
        found: Obj = clone(self.asked(lambda: self.api.get(resource, name, namespace)))
        return found

    def list(
        self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        """All objects that match, sorted by namespace and name."""
        self._authorize("list", resource, namespace)
        return [
            clone(one)
            for one in self.asked(lambda: self.api.list(resource, namespace, labels=labels, fields=fields))
        ]

    def watch(self, resource: str, fn: "Callable[[WatchEvent], None]", *, initial: bool = False) -> "Watch":
        """Call ``fn`` at each change while simulated time passes; ``stop()`` what is returned."""
        self._authorize("watch", resource, None)
        return self.asked(lambda: self.api.watch(resource, fn, initial=initial))

    # -- writing ----------------------------------------------------------------------------------

    def create(self, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Create an object."""
        return self._written(self.api.create(clone(obj), user=self.user, dry_run=dry_run))

    def update(self, obj: Obj, *, subresource: str = "") -> Obj:
        """Replace an object; its resourceVersion, if it has one, must be the current one."""
        return self._written(self.api.update(clone(obj), user=self.user, subresource=subresource))

    def patch(
        self,
        resource: str,
        name: str,
        namespace: str | None,
        patch: Any,
        kind: PatchKind = "strategic",
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Obj:
        """Patch an object; ``kind`` is ``strategic``, ``merge`` or ``json``."""
        write = self.api.patch(
            resource,
            name,
            namespace,
            clone(patch),
            kind,
            user=self.user,
            subresource=subresource,
            dry_run=dry_run,
        )
        return self._written(write)

    def delete(
        self,
        resource: str,
        name: str,
        namespace: str | None = None,
        *,
        grace: float | None = None,
        propagation: str = "Background",
    ) -> Obj:
        """Delete an object: pods that run and namespaces go through their termination first."""
        gone = self.asked(
            lambda: self.api.delete(
                resource, name, namespace, grace=grace, propagation=propagation, user=self.user
            )
        )
        deleted: Obj = clone(gone)
        return deleted

    def _authorize(self, verb: str, resource: str, namespace: str | None, name: str | None = None) -> None:
        """Reads of the API server itself are not checked: it trusts its own components."""
        self.asked(lambda: self.api.authorize(self.user, verb, self.api.resource(resource), namespace, name))

    def _written(self, write: "Generator[simpy.Event, Any, Obj]") -> Obj:
        written: Obj = clone(self.run(write))
        return written
