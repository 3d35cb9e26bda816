"""What the figures are about: kinds of resources, names of resources, who owns a pod."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "KINDS",
    "STAT_ALL",
    "Kind",
    "Owners",
    "PodCount",
    "Resource",
    "ResourceError",
    "count_pods",
    "kind_named",
    "parse_resource",
    "parse_resources",
    "selects",
]

Obj = dict[str, Any]
CONTROL_PLANE_LABEL = "linkerd.io/control-plane-ns"


class ResourceError(ValueError):
    """A resource that was asked for does not exist as a kind, or cannot be asked for so."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource that has figures.

    Attributes:
        name: singular, as in JSON output.
        short: the prefix of names when several kinds are shown.
        key: what the Kubernetes client calls it; empty when it is known from metrics alone.
        label: its label in Prometheus; ``dst_`` + label names it as a destination.
        owner: whether it owns pods, so that it can be meshed.
    """

    name: str
    plural: str
    short: str
    key: str
    label: str
    owner: bool = True
    aliases: tuple[str, ...] = ()


KINDS: tuple[Kind, ...] = (
    Kind("authority", "authorities", "au", "", "authority", owner=False),
    Kind("cronjob", "cronjobs", "cj", "cronjobs.batch", "cronjob"),
    Kind("daemonset", "daemonsets", "ds", "daemonsets.apps", "daemonset"),
    Kind("deployment", "deployments", "deploy", "deployments.apps", "deployment", aliases=("deploys",)),
    Kind("job", "jobs", "job", "jobs.batch", "k8s_job"),
    Kind("namespace", "namespaces", "ns", "namespaces", "namespace"),
    Kind("pod", "pods", "po", "pods", "pod"),
    Kind("replicaset", "replicasets", "rs", "replicasets.apps", "replicaset"),
    Kind(
        "replicationcontroller",
        "replicationcontrollers",
        "rc",
        "replicationcontrollers",
        "replicationcontroller",
    ),
    Kind("service", "services", "svc", "services", "service", owner=False),
    Kind("statefulset", "statefulsets", "sts", "statefulsets.apps", "statefulset"),
)
# what `all` stands for, in the order in which the tables are printed
STAT_ALL = ("daemonset", "statefulset", "job", "deployment", "replicationcontroller", "pod", "service")
_OWNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob")


def kind_named(word: str) -> Kind:
    """The kind a user means by ``po``, ``Pods`` or ``deployment``.

    Raises:
        ResourceError: no such kind; says which one may be meant.
    """
    wanted = word.lower()
    names: dict[str, Kind] = {}
    for kind in KINDS:
        for name in (kind.name, kind.plural, kind.short, *kind.aliases):
            names[name] = kind
    found = names.get(wanted) or names.get(wanted.partition(".")[0])
    if found is not None:
        return found
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; try one of {', '.join(k.name for k in KINDS)}"
    raise ResourceError(f"there is no kind of resource called {word!r}{hint}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind, or one object of it. An empty ``namespace`` means all, an empty ``name`` every object."""

    kind: str
    namespace: str = ""
    name: str = ""

    @property
    def of(self) -> Kind:
        """The kind's description."""
        return kind_named(self.kind)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else self.kind


def parse_resource(text: str, namespace: str) -> Resource:
    """``deploy/web`` or ``deploy`` in a namespace (empty: all).

    Raises:
        ResourceError: not of that form, or no such kind.
    """
    word, slash, name = text.partition("/")
    if not word or (slash and not name) or "/" in name:
        raise ResourceError(f"{text!r} does not name a resource: write KIND or KIND/NAME")
    kind = kind_named(word)
    if kind.name == "namespace":
        namespace = ""
    return Resource(kind.name, namespace, name)


def parse_resources(words: Sequence[str], namespace: str) -> list[Resource]:
    """What a command line names: ``deploy``, ``deploy/web po/x``, ``deploy web``, ``po deploy``, ``all``.

    Raises:
        ResourceError: nothing was named, or something that is not a resource.
    """
    parts = [part for word in words for part in word.split(",") if part]
    if not parts:
        raise ResourceError("name a resource: KIND, KIND/NAME or all")
    if "all" in parts:
        if len(parts) > 1:
            raise ResourceError("'all' cannot be combined with other resources")
        return [Resource(name, namespace) for name in STAT_ALL]
    first = parse_resource(parts[0], namespace)
    if len(parts) > 1 and not first.name and not any(_is_kind(part) for part in parts[1:]):
        return [Resource(first.kind, first.namespace, name) for name in parts[1:]]
    return list(dict.fromkeys(parse_resource(part, namespace) for part in parts))


def _is_kind(part: str) -> bool:
    """Whether a word after the first is a kind (or KIND/NAME) and not a name."""
    try:
        kind_named(part.partition("/")[0])
    except ResourceError:
        return "/" in part
    return True


# -- pods and their owners --------------------------------------------------------------------------------


def _owner(obj: Obj) -> tuple[str, str]:
    """Kind and name of the controlling owner, empty without one."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return reference["kind"], reference["name"]
    return "", ""


class Owners:
    """Answers which objects a pod belongs to, from the objects that pods' owner references name.

    Args:
        objects: ReplicaSets and Jobs (others have no owners that matter).
    """

    def __init__(self, objects: Iterable[Obj]) -> None:
        self._parents: dict[tuple[str, str, str], tuple[str, str]] = {}
        for obj in objects:
            metadata = obj["metadata"]
            key = (metadata.get("namespace", ""), obj.get("kind", ""), metadata["name"])
            self._parents[key] = _owner(obj)

    def of(self, pod: Obj) -> dict[str, str]:
        """Kind (lower case) → name of everything above the pod, with the pod and its namespace."""
        metadata = pod["metadata"]
        namespace = metadata.get("namespace", "")
        found = {"pod": metadata["name"], "namespace": namespace}
        kind, name = _owner(pod)
        while kind in _OWNING:
            found[kind.lower()] = name
            kind, name = self._parents.get((namespace, kind, name), ("", ""))
        return found

    def root(self, pod: Obj) -> tuple[str, str]:
        """Kind (lower case) and name of the topmost owner; the pod itself when nobody owns it."""
        found = self.of(pod)
        found.pop("namespace")
        return list(found.items())[-1]


@dataclass(frozen=True, slots=True)
class PodCount:
    """How many pods an object has: meshed ones, pending or running ones, failed ones."""

    meshed: int = 0
    running: int = 0
    failed: int = 0


def count_pods(pods: Iterable[Obj], control_plane: str) -> PodCount:
    """Count pods as the MESHED column does.

    *Source:* reference on `viz stat`: y is Pending or Running and not terminating, Failed apart, Succeeded
    left out; x carries the label of this control plane.
    """
    meshed = running = failed = 0
    for pod in pods:
        phase = pod.get("status", {}).get("phase", "Pending")
        if phase == "Failed":
            failed += 1
        elif phase in ("Pending", "Running") and not pod["metadata"].get("deletionTimestamp"):
            running += 1
            labels = pod["metadata"].get("labels") or {}
            meshed += labels.get(CONTROL_PLANE_LABEL) == control_plane
    return PodCount(meshed, running, failed)


def selects(selector: Mapping[str, str] | None, pod: Obj) -> bool:
    """Whether a Service's selector picks the pod; an empty selector picks nothing."""
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(k) == v for k, v in (selector or {}).items())
