"""Which objects words mean: ``pods``, ``po web-1 web-2``, ``deploy/web po/x``, ``po,svc``, ``all``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource

__all__ = ["Found", "Wanted", "fetch", "find", "namespace_of", "resource_of", "wanted"]

MIXED = (
    "error: there is no need to specify a resource type as a separate argument when passing arguments in "
    "resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of "
    "'kubectl get resource resource/<resource_name>'"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource and the one name wanted of it; all of them when ``name`` is empty."""

    resource: "Resource"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that was asked for, and its resource."""

    resource: "Resource"
    obj: Obj

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.obj["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        """The object's namespace; None for objects of the cluster."""
        return self.obj["metadata"].get("namespace") or None

    @property
    def label(self) -> str:
        """``deployment.apps/web``, as kubectl names an object in what it did."""
        return f"{short_type(self.resource)}/{self.name}"


def short_type(resource: "Resource") -> str:
    """``deployment.apps``, ``pod``: the type in an object's printed name."""
    return f"{resource.singular}.{resource.group}" if resource.group else resource.singular


def resource_of(call: Call, word: str) -> "Resource":
    """The resource a word names.

    Raises:
        Failure: none does.
    """
    try:
        return call.client.resource(word)
    except KubeError as error:
        raise Failure(f"error: {error.message}") from None


def namespace_of(call: Call, resource: "Resource") -> str | None:
    """Where to look for objects of a resource: None for all namespaces and for those of the cluster."""
    if not resource.namespaced or call.flag("all-namespaces", False):
        return None
    return call.namespace


def wanted(call: Call, words: list[str], *, verb: str = "get") -> list[Wanted]:
    """What the words ask for.

    Raises:
        Failure: an unknown type, a type twice over, or names where none may be.
    """
    if not words:
        raise Failure(
            f"error: You must specify the type of resource to {verb}. "
            'Use "kubectl api-resources" for a complete list of supported resources.'
        )
    if any("/" in word for word in words):
        found = [_pair(call, word) for word in words]
    else:
        resources = _types(call, words[0])
        if len(resources) > 1 and len(words) > 1 and "," not in words[0]:
            raise Failure(f'error: "{words[0]}" is several types of resource; a name needs one')
        names = words[1:]
        found = (
            [Wanted(r, name) for r in resources for name in names]
            if names
            else [Wanted(r) for r in resources]
        )
    _check_names(call, found)
    return found


def _pair(call: Call, word: str) -> Wanted:
    kind, slash, name = word.partition("/")
    if not slash:
        raise Failure(MIXED)
    if not kind or not name or "/" in name:
        raise Failure(f"error: arguments in resource/name form must have a single resource and name: {word}")
    return Wanted(resource_of(call, kind), name)


def _types(call: Call, text: str) -> "list[Resource]":
    """The resources of ``po,svc`` or of a category such as ``all``."""
    found: list[Resource] = []
    for word in filter(None, text.split(",")):
        category = [r for r in call.client.resources() if word.lower() in r.categories]
        found += category or [resource_of(call, word)]
    unique = {resource.key: resource for resource in found}
    if not unique:
        raise Failure("error: You must specify the type of resource, such as pods or deployments")
    return list(unique.values())


def _check_names(call: Call, found: list[Wanted]) -> None:
    if not any(target.name for target in found):
        return
    if call.flag("selector") or call.flag("field-selector"):
        raise Failure("error: name cannot be provided when a selector is specified")
    if call.flag("all-namespaces", False):
        raise Failure("error: a resource cannot be retrieved by name across all namespaces")


def fetch(call: Call, targets: Iterable[Wanted]) -> Iterator[Found]:
    """The objects wanted; one that cannot be read fails the call with a line and the rest go on."""
    for target in targets:
        namespace = namespace_of(call, target.resource)
        try:
            if target.name:
                yield Found(target.resource, call.client.get(target.resource.key, target.name, namespace))
            else:
                labels, fields = call.flag("selector") or "", call.flag("field-selector") or ""
                for obj in call.client.list(target.resource.key, namespace, labels=labels, fields=fields):
                    yield Found(target.resource, obj)
        except KubeError as error:
            call.refused(error)


def find(call: Call, words: list[str], *, verb: str) -> list[Found]:
    """The objects the words and selectors ask for, or those named in files when ``-f`` is given.

    Raises:
        Failure: nothing is asked for, or the files cannot be read.
    """
    if call.flag("filename"):
        from sim.shell.kubectl.sources import live, load

        if words:
            raise Failure(
                "error: when paths, URLs, or stdin is provided as resource input, no words may follow"
            )
        return list(live(call, load(call)))
    targets = wanted(call, words, verb=verb)
    selecting = call.flag("selector") or call.flag("field-selector") or call.flag("all", False)
    if not selecting and not all(target.name for target in targets):
        raise Failure(
            f"error: resource(s) were provided, but no name was specified; {verb} needs names, -l or --all"
        )
    return list(fetch(call, targets))
