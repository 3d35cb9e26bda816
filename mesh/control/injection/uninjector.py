"""Takes the proxy out of a manifest again, and the marks that injection left.

*Source:* pkg/inject/uninject.go. ``config.linkerd.io/*`` stays, and so does ``linkerd.io/inject: disabled``.
"""

import copy
from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.injection.workload import Workload

__all__ = ["uninject"]

Obj: TypeAlias = dict[str, Any]

CONTAINERS = frozenset((labels.INIT_CONTAINER, labels.PROXY_CONTAINER, labels.VALIDATOR_CONTAINER))
VOLUMES = frozenset((labels.END_ENTITY_VOLUME, labels.TOKEN_VOLUME, labels.XTABLES_VOLUME))


def uninject(obj: Obj, *, keep_control_plane: bool = True) -> tuple[Obj, bool]:
    """``obj`` without proxy, and whether anything was taken out; ``obj`` itself is left as it is.

    Args:
        keep_control_plane: leave control-plane pods alone; False takes their containers but not their marks
            (before they are injected anew).
    """
    workload = Workload.of(obj)
    if workload.template is None and workload.kind not in ("namespace", "service"):
        return obj, False
    if workload.is_control_plane and keep_control_plane:
        return obj, False
    result = copy.deepcopy(obj)
    workload = Workload.of(result)
    changed = False
    if workload.template is not None:
        spec = workload.pod_spec
        changed |= _without(spec, "initContainers", CONTAINERS)
        changed |= _without(spec, "containers", CONTAINERS)
        _without(spec, "volumes", VOLUMES)
    if not workload.is_control_plane:
        changed |= _clean(result)
        if workload.template is not None and workload.template is not result:
            changed |= _clean(workload.template)
    return result, changed


def _without(spec: Obj, key: str, names: frozenset[str]) -> bool:
    """Drop the entries of a list that have one of ``names``; an emptied list goes too."""
    entries = spec.get(key)
    if not isinstance(entries, list):
        return False
    kept = [entry for entry in entries if not (isinstance(entry, dict) and entry.get("name") in names)]
    if len(kept) == len(entries):
        return False
    if kept:
        spec[key] = kept
    else:
        del spec[key]
    return True


def _clean(obj: Obj) -> bool:
    """Drop labels and annotations of the mesh; true when an annotation went."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return False
    dropped = _drop(metadata, "annotations")
    _drop(metadata, "labels")
    if not metadata and "metadata" in obj:
        obj["metadata"] = {}
    return dropped


def _drop(metadata: Obj, part: str) -> bool:
    entries = metadata.get(part)
    if not isinstance(entries, dict):
        return False
    kept = {
        key: value
        for key, value in entries.items()
        if not key.startswith(labels.PREFIX)
        or (part == "annotations" and key == labels.INJECT and value == labels.DISABLED)
    }
    if len(kept) == len(entries):
        return False
    if kept:
        metadata[part] = kept
    else:
        del metadata[part]
    return True
