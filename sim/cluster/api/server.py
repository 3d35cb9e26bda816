"""The API server: what controllers, kubelets, programs and people talk to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.cluster.api.access.rbac import ADMIN, Access, Rbac
from sim.cluster.api.access.reviews import Reviews
from sim.cluster.api.admission import Admission
from sim.cluster.api.aggregation import Aggregator
from sim.cluster.api.bootstrap import ROOT_CA, populate
from sim.cluster.api.crds import CRD, Definitions
from sim.cluster.api.deletion import Deleter
from sim.cluster.api.errors import BadRequest, Forbidden, not_found
from sim.cluster.api.events import EventRecorder
from sim.cluster.api.objects import Obj, clone
from sim.cluster.api.resources import Registry, Resource, cluster_minor
from sim.cluster.api.schema.allocation import ServiceAllocator
from sim.cluster.api.schema.fieldcheck import FieldChecker
from sim.cluster.api.schema.fields import Schema
from sim.cluster.api.selectors import selection
from sim.cluster.api.store import Store, Watch, WatchEvent
from sim.cluster.api.writes import Write, Writer
from sim.engine import Engine, Tables

if TYPE_CHECKING:
    from sim.cluster.net import NetNs
    from sim.cluster.program import HttpCaller

__all__ = ["ApiServer"]

Word = str | Resource
# Inside the class `list` is the method.
Objects = list[Obj]
Events = list[WatchEvent]
Resources = list[Resource]
DUAL_STACK_SINCE = 20  # minor version from which Services carry clusterIPs


class ApiServer:
    """The objects of a cluster, and the rules for reading and writing them.

    Reads return the stored objects themselves: never change one, change a
    :func:`~sim.cluster.api.objects.clone`. ``resource`` arguments are a key (``deployments.apps``) or any
    word :meth:`resource` understands.

    Args:
        engine: the clock; streams for uids, names and addresses come from it.
        version: the cluster's gitVersion; it decides which API versions are served.

    Attributes:
        http, netns: how webhooks are called and from where; without them calling one fails.
        tables: where events are also noted, if given.
        pod_security_policies: whether the PodSecurityPolicy admission plugin is on; off by default, as in
            Kubernetes.

    Raises:
        ValueError: ``version`` is not a Kubernetes version.
    """

    def __init__(self, engine: Engine, *, version: str = "v1.32.4", tables: Tables | None = None) -> None:
        self.engine = engine
        self.version = version
        self.minor = cluster_minor(version)
        self.tables = tables
        self.http: HttpCaller | None = None
        self.netns: NetNs | None = None
        self.pod_security_policies = False
        self.root_ca = ROOT_CA
        self.registry = Registry(self.minor)
        self.schema = Schema()
        self.store = Store(engine)
        self.rbac = Rbac(self)
        self.reviews = Reviews(self)
        self.definitions = Definitions(self)
        self.validator = FieldChecker(self.schema, self.definitions)
        self.services = ServiceAllocator(
            engine.stream("api", "services"), dual=self.minor >= DUAL_STACK_SINCE
        )
        self.admission = Admission(self)
        self.deleter = Deleter(self)
        self.writer = Writer(self)
        self.recorder = EventRecorder(self)
        self._computed: dict[str, Callable[[], list[Obj]]] = {}
        populate(self)
        Aggregator(self).start()

    # -- discovery ------------------------------------------------------------------------------------------

    @property
    def resource_version(self) -> int:
        """The number of the last write."""
        return self.store.resource_version

    def resource(self, word: Word) -> Resource:
        """The resource called ``po``, ``pods``, ``Pod``, ``deployments.apps``….

        Raises:
            UnknownResource: none is, with a hint when one nearly is.
        """
        return self.registry.find(word) if isinstance(word, str) else word

    def resource_for(self, api_version: str, kind: str) -> Resource:
        """The resource whose objects carry that apiVersion and kind.

        Raises:
            NoMatch: none.
        """
        return self.registry.for_kind(api_version, kind)

    def resources(self) -> Resources:
        """Every resource served."""
        return self.registry.all()

    # -- reads ----------------------------------------------------------------------------------------------

    def get(self, resource: Word, name: str, namespace: str | None = None) -> Obj:
        """One object; ``namespace`` defaults to ``default`` for namespaced resources.

        Raises:
            NotFound: it is not there.
        """
        found = self.resource(resource)
        obj = self.find(found, name, namespace)
        if obj is None:
            raise not_found(found, name)
        return obj

    def find(self, resource: Word, name: str, namespace: str | None = None) -> Obj | None:
        """One object or None."""
        found = self.registry.find(resource) if isinstance(resource, str) else resource
        scope = (namespace or "default") if found.namespaced else ""
        if found.key in self._computed:
            rows = self.list(found, scope or None)
            return next((obj for obj in rows if obj["metadata"]["name"] == name), None)
        return self.store.find(found, name, scope)

    def list(
        self, resource: Word, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> Objects:
        """Objects that both selectors select, of all namespaces when none is given, by namespace and name.

        Raises:
            BadRequest: a selector cannot be parsed.
        """
        found = self.resource(resource)
        selects = selection(found, labels, fields)
        scope = namespace if found.namespaced else None
        compute = self._computed.get(found.key)
        if compute is None:
            return self.store.list(found, scope, selects)
        rows = [obj for obj in compute() if scope is None or obj["metadata"].get("namespace") == scope]
        return [obj for obj in rows if selects is None or selects(obj)]

    def namespace(self, name: str) -> Obj | None:
        """The Namespace object or None."""
        return self.store.find(self.registry.find("namespaces"), name)

    def compute(self, resource: Word, rows: Callable[[], Objects]) -> None:
        """Answer reads of a resource (such as ``pods.metrics.k8s.io``) by calling ``rows`` each time."""
        self._computed[self.resource(resource).key] = rows

    def owned(self, uid: str) -> Objects:
        """Every object with an ownerReference to ``uid``."""
        return self.store.owned(uid)

    # -- writes ---------------------------------------------------------------------------------------------

    def create(self, obj: Obj, *, user: str = ADMIN, dry_run: bool = False) -> Write:
        """Generator: admit and store a new object, and return it. Reviews come back answered.

        Raises:
            ApiError: AlreadyExists, BadRequest, Forbidden, Invalid, NoMatch, NotFound (no such namespace), or
                what a webhook answered.
        """
        return self.writer.create(obj, user, dry_run)

    def update(self, obj: Obj, *, user: str = ADMIN, subresource: str = "", resource: Word = "") -> Write:
        """Generator: replace an object, or with ``subresource`` its ``status`` or ``scale``.

        For ``scale``, ``obj`` is a Scale and ``resource`` says of what.

        Raises:
            ApiError: Conflict when the resourceVersion given is stale, NotFound, Invalid, ….
        """
        if subresource == "scale":
            if not resource:
                raise BadRequest("a Scale says nothing about its resource: pass resource=")
            meta = obj.get("metadata") or {}
            patch = {"spec": obj.get("spec")}
            if meta.get("resourceVersion"):
                patch["metadata"] = {"resourceVersion": meta["resourceVersion"]}
            name, namespace = meta.get("name", ""), meta.get("namespace")
            return self.patch(resource, name, namespace, patch, "merge", user=user, subresource="scale")
        return self.writer.update(obj, user, subresource)

    def patch(
        self,
        resource: Word,
        name: str,
        namespace: str | None,
        patch: Any,
        kind: str,
        *,
        user: str = ADMIN,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Write:
        """Generator: apply a ``strategic``, ``merge`` or ``json`` patch and return the new state.

        Raises:
            ApiError: NotFound, Conflict, Invalid, BadRequest, UnsupportedMediaType (custom, strategic).
        """
        return self.writer.patch(
            self.resource(resource), name, namespace, patch, kind, user, subresource, dry_run
        )

    def create_now(self, obj: Obj) -> Obj:
        """Store a component's object at once: defaults and namespace rules, no webhooks, no validation."""
        return self.writer.create_now(obj)

    def replace_now(self, obj: Obj) -> Obj:
        """Store a component's change of spec or metadata at once; status stays (see :meth:`set_status`).

        Raises:
            Conflict: ``obj`` carries a stale resourceVersion or uid.
            NotFound: it is not there.
        """
        return self.writer.replace_now(obj)

    def set_status(self, resource: Word, name: str, namespace: str | None, status: Obj) -> Obj:
        """Store a status; the same one again stores nothing and keeps the resourceVersion.

        Raises:
            NotFound: it is not there.
        """
        found = self.resource(resource)
        old = self.store.find(found, name, (namespace or "default") if found.namespaced else "")
        if old is None:
            raise not_found(found, name)
        if old.get("status") == status:
            return old
        return self.store.set_status(found, old, clone(status))

    def delete(
        self,
        resource: Word,
        name: str,
        namespace: str | None = None,
        *,
        grace: float | None = None,
        propagation: str = "Background",
        user: str = ADMIN,
        dry_run: bool = False,
    ) -> Obj:
        """Delete and return the last state; pods on a node, namespaces, what has finalizers only begin to go.

        Raises:
            ApiError: NotFound, Forbidden, BadRequest.
        """
        found = self.resource(resource)
        self.authorize(user, "delete", found, namespace, name)
        old = self.get(found, name, namespace)
        return old if dry_run else self.deleter.delete(found, old, grace, propagation)

    def remove(self, resource: Word, name: str, namespace: str | None = None) -> None:
        """Finish a deletion in two phases (kubelet, namespace controller). Finalizers still hold the object.

        Raises:
            NotFound: it is gone already.
        """
        found = self.resource(resource)
        self.deleter.remove(found, self.get(found, name, namespace))

    def forget(self, resource: Resource, old: Obj) -> Obj:
        """Take an object out of the store, with all that hangs on it here."""
        meta = old["metadata"]
        self.store.remove(resource, meta["name"], meta.get("namespace", ""))
        if resource.key == "services":
            self.services.release(old)
        elif resource.key == CRD:
            self.definitions.withdraw(old)
        return old

    def after_write(self, resource: Resource, obj: Obj) -> None:
        """What a stored object changes in the server itself."""
        if resource.key == CRD:
            self.definitions.register(obj)

    # -- watches --------------------------------------------------------------------------------------------

    def watch(
        self,
        resource: Word,
        fn: Callable[[WatchEvent], None],
        *,
        initial: bool = True,
        labels: str = "",
        fields: str = "",
    ) -> Watch:
        """Call ``fn`` at every change; first, if ``initial``, with ADDED for what exists.

        A write made inside ``fn`` is delivered to all watchers after the change being delivered.
        """
        found = self.resource(resource)
        return self.store.watch(found, fn, initial=initial, selects=selection(found, labels, fields))

    def history(self, resource: Word, since: int, *, labels: str = "", fields: str = "") -> Events:
        """Changes after resourceVersion ``since``.

        Raises:
            Expired: they are no longer all remembered.
        """
        found = self.resource(resource)
        return self.store.history(found, since, selection(found, labels, fields))

    # -- events and permissions ---------------------------------------------------------------------------

    def event(self, obj: Obj, type_: str, reason: str, message: str, *, component: str) -> None:
        """Record an Event about ``obj``; the same again raises its count."""
        self.recorder.record(obj, type_, reason, message, component)

    def allowed(
        self,
        user: str,
        verb: str,
        resource: Word,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str = "",
    ) -> bool:
        """Whether ``user`` may; ``system:admin`` and the cluster's own components may everything."""
        if user == ADMIN:
            return True
        found = self.resource(resource)
        access = Access(verb, found.group, found.plural, subresource, namespace or "", name or "")
        return self.rbac.allows(user, access)

    def authorize(
        self,
        user: str,
        verb: str,
        resource: Resource,
        namespace: str | None,
        name: str | None = None,
        subresource: str = "",
    ) -> None:
        """Check that ``user`` may.

        Raises:
            Forbidden: not.
        """
        if user == ADMIN or self.allowed(user, verb, resource, namespace, name, subresource):
            return
        what = f"{resource.plural}/{subresource}" if subresource else resource.plural
        where = (
            f' in the namespace "{namespace}"'
            if resource.namespaced and namespace
            else " at the cluster scope"
        )
        about = f'{resource.key} "{name}"' if name else resource.key
        raise Forbidden(
            f'{about} is forbidden: User "{user}" cannot {verb} resource "{what}" '
            f'in API group "{resource.group}"{where}'
        )
