"""Objects from ``-f``: files, folders, URLs and standard input; all of it is read before anything is done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mesh.cli.kube import KubeError
from mesh.yaml import YamlError, load_all
from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.targets import Found

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource
    from sim.shell.client import PatchKind

__all__ = ["Source", "given_namespace", "live", "load", "read"]

ENDINGS = (".yaml", ".yml", ".json")


@dataclass(slots=True)
class Source:
    """An object as somebody wrote it: where it stood, and the resource it belongs to."""

    resource: "Resource"
    obj: Obj
    origin: str

    @property
    def name(self) -> str:
        """The object's name; empty when the server is to make one."""
        return str(self.obj["metadata"].get("name") or "")

    @property
    def namespace(self) -> str | None:
        """The object's namespace; None for objects of the cluster."""
        return self.obj["metadata"].get("namespace") if self.resource.namespaced else None

    @property
    def patch_kind(self) -> "PatchKind":
        """The kind of patch its kind takes: custom resources know no strategic one."""
        return "merge" if self.resource.custom else "strategic"

    @property
    def label(self) -> str:
        """``deployment.apps/web``."""
        return Found(self.resource, self.obj).label


def read(call: Call) -> list[tuple[Obj, str]]:
    """Every object of the ``-f`` arguments, Lists unpacked, with where it stood (``STDIN`` for ``-``).

    Raises:
        Failure: nothing given, a file that is not there, or text that is not objects.
    """
    if call.flag("kustomize"):
        raise Failure("error: kustomizations are not supported here; use -f with plain manifests")
    names = call.flag("filename") or []
    if not names:
        raise Failure("error: must specify one of -f and -k")
    if names.count("-") > 1:
        raise Failure("error: standard input cannot be used for multiple arguments")
    found: list[tuple[Obj, str]] = []
    for name in names:
        for path in _paths(call, name):
            found += _objects(call, path)
    return found


def _paths(call: Call, name: str) -> list[str]:
    """The files of a ``-f`` argument: itself, or what a folder holds."""
    if name == "-" or name.startswith(("https://", "http://")):
        return [name]
    if call.context.files.exists(name):
        return [name]
    try:
        inside = call.context.files.listdir(name)
    except OSError:
        inside = []
    if not inside:
        raise Failure(f'error: the path "{name}" does not exist')
    base = name.rstrip("/")
    found: list[str] = []
    for part in inside:
        path = f"{base}/{part}"
        if call.context.files.exists(path):
            found += [path] if path.endswith(ENDINGS) else []
        elif call["recursive"]:
            found += _paths(call, path)
    if not found:
        raise Failure(f"error: error reading [{name}]: recognized file extensions are [.json .yaml .yml]")
    return found


def _objects(call: Call, path: str) -> list[tuple[Obj, str]]:
    origin = "STDIN" if path == "-" else path
    try:
        text = call.stdin if path == "-" else call.context.read(path)
        documents = load_all(text, name=origin)
    except YamlError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"error: {error}") from None
    return [(obj, origin) for document in documents for obj in _unpacked(document, origin)]


def _unpacked(document: Any, origin: str) -> Iterator[Obj]:
    """The document itself, or the items of a List, checked for what every object has."""
    _check(document, origin)
    kind = str(document["kind"])
    if kind.endswith("List") and isinstance(document.get("items", []), list) and "items" in document:
        for item in document["items"]:
            yield from _unpacked(item, origin)
    else:
        yield document


def _check(document: Any, origin: str) -> None:
    if not isinstance(document, dict):
        shown = "".join(str(document).split("\n"))[:40]
        raise Failure(
            f'error: error parsing {origin}: expected an object with apiVersion and kind, found "{shown}"'
        )
    missing = [name for name in ("apiVersion", "kind") if not document.get(name)]
    wrong = [name for name in ("apiVersion", "kind") if not isinstance(document.get(name, ""), str)]
    if missing:
        problems = ", ".join(f"{name} not set" for name in missing)
        raise Failure(
            f'error: error validating "{origin}": error validating data: {problems}{_seen(document)}'
        )
    if wrong:
        raise Failure(
            f'error: error validating "{origin}": error validating data: {wrong[0]} must be a string'
        )
    meta = document.get("metadata", {})
    if meta is not None and not isinstance(meta, dict):
        raise Failure(
            f'error: error validating "{origin}": error validating data: metadata must be an object'
        )


def _seen(document: Obj) -> str:
    """Something to find a document without a kind by."""
    meta = document.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    if name:
        return f' in the object named "{name}"'
    keys = ", ".join(map(str, list(document)[:3]))
    return f" in the document that begins with {keys}" if keys else ""


def load(call: Call, *, need_names: bool = True) -> list[Source]:
    """The objects of ``-f``, each with its resource and namespace; nothing was sent to the server yet.

    Raises:
        Failure: as :func:`read`; or a kind the server does not know and no object of the files defines.
    """
    raw = read(call)
    if not raw:
        return []
    coming = {_defined(obj) for obj, _ in raw}
    found: list[Source] = []
    for obj, origin in raw:
        source = _mapped(call, obj, origin, coming)
        if source is not None:
            if need_names and not source.name:
                raise Failure(
                    f'error: error when reading "{origin}": {obj["kind"]}: resource name may not be empty'
                )
            found.append(source)
    return found


def _defined(obj: Obj) -> tuple[str, str]:
    """(group, kind) that a CustomResourceDefinition brings; empty texts for anything else."""
    spec = obj.get("spec")
    if obj["kind"] != "CustomResourceDefinition" or not isinstance(spec, dict):
        return "", ""
    names = spec.get("names")
    return str(spec.get("group", "")), str(names.get("kind", "")) if isinstance(names, dict) else ""


def _mapped(call: Call, obj: Obj, origin: str, coming: set[tuple[str, str]]) -> Source | None:
    """The object with its resource; None, and the call failed, when its kind is only about to be defined."""
    meta = obj["metadata"] = dict(obj.get("metadata") or {})
    try:
        resource = call.client.resource_for(obj["apiVersion"], obj["kind"])
    except KubeError as error:
        line = (
            f'error: resource mapping not found for name: "{meta.get("name") or ""}" namespace: '
            f'"{meta.get("namespace") or ""}" from "{origin}": {error.message}; '
            "ensure CRDs are installed first"
        )
        if (obj["apiVersion"].rpartition("/")[0], obj["kind"]) not in coming:
            raise Failure(line) from None
        call.fail(line)
        return None
    given_namespace(call, resource, meta)
    return Source(resource, obj, origin)


def given_namespace(call: Call, resource: "Resource", meta: Obj) -> None:
    """Put an object without a namespace into the current one.

    Raises:
        Failure: the object names another namespace than ``-n``.
    """
    if not resource.namespaced:
        meta.pop("namespace", None)
        return
    own = meta.get("namespace")
    if own and call.named and own != call.namespace:
        raise Failure(
            f'error: the namespace from the provided object "{own}" does not match the namespace '
            f"\"{call.namespace}\". You must pass '--namespace={own}' to perform this operation."
        )
    if not own:
        meta["namespace"] = call.namespace


def live(call: Call, sources: Iterable[Source]) -> Iterator[Found]:
    """What the cluster holds under the names in files; what is missing fails the call with a line."""
    for source in sources:
        try:
            yield Found(source.resource, call.client.get(source.resource.key, source.name, source.namespace))
        except KubeError as error:
            call.refused(error, f'error when reading "{source.origin}"' if error.reason != "NotFound" else "")
