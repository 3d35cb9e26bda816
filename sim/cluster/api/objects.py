"""Kubernetes objects as plain JSON values: accessors, fast copies, owners, names and hashes."""

import json
import random
import uuid
from typing import Any, TypeAlias

__all__ = [
    "ALPHABET",
    "Obj",
    "clone",
    "controller_of",
    "generated_name",
    "is_owned_by",
    "labels",
    "make_uid",
    "metadata_name",
    "namespace",
    "owner_reference",
    "random_suffix",
    "reference",
    "template_hash",
]

Obj: TypeAlias = dict[str, Any]

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels and none of 0 1 3: names never spell a word
MAX_GENERATED_BASE = 58  # a generated name is at most 63 characters, 5 of them the suffix


def clone(value: Any) -> Any:
    """A deep copy of a JSON value; what is not a dict or list is shared."""
    kind = type(value)
    if kind is dict:
        return {k: clone(v) if type(v) is dict or type(v) is list else v for k, v in value.items()}
    if kind is list:
        return [clone(v) if type(v) is dict or type(v) is list else v for v in value]
    return value


def metadata_name(obj: Obj) -> str:
    """The object's name, empty when it has none yet."""
    return str((obj.get("metadata") or {}).get("name") or "")


def namespace(obj: Obj) -> str:
    """The object's namespace, empty for objects of the cluster."""
    return str((obj.get("metadata") or {}).get("namespace") or "")


def labels(obj: Obj) -> dict[str, str]:
    """The object's labels; do not change what is returned."""
    return (obj.get("metadata") or {}).get("labels") or {}


def owner_reference(owner: Obj, *, controller: bool = True) -> Obj:
    """An ownerReferences entry that points to ``owner`` (a stored object: it needs a uid)."""
    entry = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    if controller:
        entry |= {"controller": True, "blockOwnerDeletion": True}
    return entry


def controller_of(obj: Obj) -> Obj | None:
    """The ownerReferences entry of the object's controller, or None."""
    for entry in (obj.get("metadata") or {}).get("ownerReferences") or ():
        if entry.get("controller"):
            return dict(entry)
    return None


def is_owned_by(obj: Obj, uid: str) -> bool:
    """Whether an ownerReference carries ``uid``."""
    return any(entry.get("uid") == uid for entry in (obj.get("metadata") or {}).get("ownerReferences") or ())


def reference(obj: Obj) -> Obj:
    """An ObjectReference, as Events and bindings carry."""
    meta = obj.get("metadata") or {}
    entry = {
        "apiVersion": obj.get("apiVersion", ""),
        "kind": obj.get("kind", ""),
        "name": meta.get("name", ""),
    }
    for field in ("namespace", "uid", "resourceVersion"):
        if meta.get(field):
            entry[field] = meta[field]
    return entry


def random_suffix(rng: random.Random, length: int = 5) -> str:
    """``4mzkg``: what Kubernetes appends to generateName."""
    return "".join(rng.choice(ALPHABET) for _ in range(length))


def generated_name(base: str, rng: random.Random) -> str:
    """``web-79db6f4548-4mzkg`` of ``web-79db6f4548-``."""
    return base[:MAX_GENERATED_BASE] + random_suffix(rng)


def make_uid(rng: random.Random) -> str:
    """A version 4 UUID from ``rng``."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def template_hash(template: Obj) -> str:
    """``79db6f4548``: the pod-template-hash of a pod template.

    Taken over the template without its pod-template-hash label and creationTimestamp, so that the template
    of a ReplicaSet hashes as its Deployment's and ``rollout undo`` finds the old ReplicaSet.

    *Source:* Kubernetes' form, a 32-bit FNV-1a hash in decimal, its digits mapped into the name alphabet.
    *Differs:* the bytes hashed are canonical JSON, not Go's dump of the struct, so the values differ from a
    real cluster's.
    """
    meta = dict(template.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    meta["labels"] = {k: v for k, v in (meta.get("labels") or {}).items() if k != "pod-template-hash"}
    text = json.dumps({**template, "metadata": meta}, sort_keys=True, separators=(",", ":"))
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(value))
