"""The kubeconfig: clusters, users, contexts, and which context and namespace are current.

It is an ordinary file of the sandbox, ``.kube/config``, written when something in it is changed; before that
there is one context that leads to the sandbox's cluster.
"""

from dataclasses import dataclass
from typing import Any

from mesh.yaml import YamlError, dump, load_all
from sim.shell.context import Context
from sim.shell.kubectl.call import Failure, Obj

__all__ = ["DEFAULT_PATH", "Where", "current", "entry", "load", "save", "server_address"]

DEFAULT_PATH = ".kube/config"
NAME = "meshdojo"


@dataclass(frozen=True, slots=True)
class Where:
    """The context in use."""

    context: str
    namespace: str


def load(context: Context, path: str = "") -> Obj:
    """The kubeconfig at ``path``, at ``$KUBECONFIG``, or the sandbox's own.

    Raises:
        Failure: the file that was asked for is not there, or is no kubeconfig.
    """
    asked = path or context.environ.get("KUBECONFIG", "")
    if not asked and not context.files.exists(DEFAULT_PATH):
        return _initial()
    name = asked or DEFAULT_PATH
    try:
        documents = load_all(context.read(name), name=name)
    except (OSError, YamlError) as error:
        line = str(error)
        raise Failure(line if line.startswith("error:") else f"error: {line}") from None
    if (
        len(documents) != 1
        or not isinstance(documents[0], dict)
        or documents[0].get("kind", "Config") != "Config"
    ):
        raise Failure(f"error: {name} is not a kubeconfig")
    return dict(documents[0])


def save(context: Context, config: Obj, path: str = "") -> None:
    """Write the kubeconfig.

    Raises:
        OSError: the file cannot be written.
    """
    context.files.write(
        path or context.environ.get("KUBECONFIG", "") or DEFAULT_PATH, dump(config, sort=True)
    )


def _initial() -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": "https://10.0.0.1:6443"}}],
        "users": [{"name": "admin", "user": {}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": "admin"}}],
        "current-context": NAME,
        "preferences": {},
    }


def entry(config: Obj, name: str) -> Any:
    """The context of that name in a kubeconfig, or None."""
    for one in config.get("contexts") or []:
        if isinstance(one, dict) and one.get("name") == name:
            return one
    return None


def current(context: Context, path: str = "", name: str = "") -> Where:
    """The context in use: ``name``, or the kubeconfig's current one.

    Raises:
        Failure: there is no such context.
    """
    config = load(context, path)
    wanted = name or str(config.get("current-context") or "")
    found = entry(config, wanted)
    if found is None:
        raise Failure(
            f'error: context "{wanted}" does not exist' if wanted else "error: current-context is not set"
        )
    inside = found.get("context") or {}
    return Where(wanted, str(inside.get("namespace") or "default"))


def server_address(context: Context, path: str = "", name: str = "") -> str:
    """The API server's URL in the context in use.

    Raises:
        Failure: there is no such context.
    """
    config = load(context, path)
    where = current(context, path, name)
    found = entry(config, where.context)
    cluster = (found.get("context") or {}).get("cluster")
    for one in config.get("clusters") or []:
        if isinstance(one, dict) and one.get("name") == cluster:
            return str((one.get("cluster") or {}).get("server", ""))
    return ""
