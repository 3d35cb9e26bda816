"""ConfigMaps and Secrets made from words and files."""

import base64
import re

from sim.shell.kubectl.call import Call, Failure, Obj

__all__ = ["configmap", "secret", "tls_secret"]

KEY = re.compile(r"[-._a-zA-Z0-9]+\Z")


def _held(call: Call) -> dict[str, str]:
    """Keys and texts of ``--from-literal``, ``--from-file`` and ``--from-env-file``."""
    held: dict[str, str] = {}
    for text in call["from-literal"]:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Failure(f"error: invalid literal source {text}, expected key=value")
        _hold(held, key, value)
    for text in call["from-file"]:
        key, equals, name = text.rpartition("=")
        for path in _paths(call, name, single=bool(equals)):
            _hold(held, key if equals else path.rpartition("/")[2], _read(call, path))
    for name in call["from-env-file"]:
        for line in _read(call, name).splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                key, equals, value = line.strip().partition("=")
                _hold(held, key, value if equals else call.context.environ.get(key, ""))
    return held


def _hold(held: dict[str, str], key: str, value: str) -> None:
    if not KEY.match(key):
        raise Failure(f'error: "{key}" is not a valid key name: letters, digits, "-", "_" and "." only')
    if key in held:
        raise Failure(f"error: cannot add key {key}, another key by that name already exists")
    held[key] = value


def _paths(call: Call, name: str, *, single: bool) -> list[str]:
    """A file, or the files of a folder."""
    files = call.context.files
    if single or name == "-" or files.exists(name) or not files.listdir(name):
        return [name]
    inside = [f"{name.rstrip('/')}/{part}" for part in files.listdir(name)]
    return [path for path in inside if files.exists(path)]


def _read(call: Call, name: str) -> str:
    try:
        return call.context.read(name)
    except OSError as error:
        raise Failure(f"error: error reading {error}") from None


def configmap(call: Call, name: str) -> Obj:
    """A ConfigMap."""
    made: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    held = _held(call)
    return {**made, "data": held} if held else made


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(call: Call, name: str) -> Obj:
    """An Opaque Secret."""
    made: Obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    held = {key: _encoded(text) for key, text in _held(call).items()}
    if held:
        made["data"] = held
    return {**made, "type": call["type"]} if call["type"] else made


def tls_secret(call: Call, name: str) -> Obj:
    """A Secret with a certificate and its key."""
    missing = [f'"{flag}"' for flag in ("cert", "key") if not call[flag]]
    if missing:
        raise Failure(f"error: required flag(s) {', '.join(missing)} not set")
    data = {"tls.crt": _encoded(_read(call, call["cert"])), "tls.key": _encoded(_read(call, call["key"]))}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": data,
        "type": "kubernetes.io/tls",
    }
