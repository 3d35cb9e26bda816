"""Whom Prometheus scrapes: what Kubernetes discovery says of pods, and relabelling by rules.

*Source:* Prometheus' documentation of ``kubernetes_sd_config`` (role ``pod``) and ``relabel_config``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["pod_targets", "relabel", "seconds"]

Obj = dict[str, Any]
META = "__meta_kubernetes_"
POD_LABEL = META + "pod_label_"


def seconds(text: str) -> float:
    """Seconds of a Prometheus duration: ``10s``, ``1m``, ``1h30m``, ``500ms``.

    Raises:
        ValueError: not a duration, or zero.
    """
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    sizes = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
    total = sum(int(number) * sizes[unit] for number, unit in parts)
    if not total or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a valid duration string: {text!r}")
    return total


# -- discovery and relabelling ----------------------------------------------------------------------------


def _clean(name: str) -> str:
    """A Kubernetes label's name as a Prometheus label's."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def pod_targets(pod: Obj) -> Iterator[dict[str, str]]:
    """What Kubernetes discovery (role ``pod``) says of each declared port of a pod that has an address."""
    metadata, status = pod["metadata"], pod.get("status", {})
    ip = status.get("podIP")
    if not ip:
        return
    common = {
        f"{META}namespace": metadata["namespace"],
        f"{META}pod_name": metadata["name"],
        f"{META}pod_ip": ip,
        f"{META}pod_phase": status.get("phase", ""),
        f"{META}pod_node_name": pod["spec"].get("nodeName", ""),
    }
    for key, value in (metadata.get("labels") or {}).items():
        common[POD_LABEL + _clean(key)] = value
    spec = pod["spec"]
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        for port in container.get("ports") or ():
            yield {
                **common,
                f"{META}pod_container_name": container["name"],
                f"{META}pod_container_port_name": port.get("name", ""),
                f"{META}pod_container_port_number": str(port["containerPort"]),
                "__address__": f"{ip}:{port['containerPort']}",
            }


def relabel(labels: Mapping[str, str], rules: Sequence[Obj]) -> dict[str, str] | None:
    """The labels after all rules, None when the target is dropped; empty labels vanish.

    Raises:
        ValueError: an action that is not known.
    """
    made = dict(labels)
    for rule in rules:
        regex = re.compile(str(rule.get("regex", "(.*)")))
        source = str(rule.get("separator", ";")).join(
            made.get(name, "") for name in rule.get("source_labels") or ()
        )
        action = rule.get("action", "replace")
        if action in ("keep", "drop"):
            if (regex.fullmatch(source) is not None) == (action == "drop"):
                return None
        elif action == "replace":
            found = regex.fullmatch(source)
            if found is not None:
                made[rule["target_label"]] = _expand(found, str(rule.get("replacement", "$1")))
        elif action == "labelmap":
            for name, value in list(made.items()):
                found = regex.fullmatch(name)
                if found is not None:
                    made[_expand(found, str(rule.get("replacement", "$1")))] = value
        elif action in ("labeldrop", "labelkeep"):
            dropped = action == "labeldrop"
            made = {k: v for k, v in made.items() if (regex.fullmatch(k) is None) == dropped}
        else:
            raise ValueError(f"unknown relabel action {action!r}")
    return {name: value for name, value in made.items() if value}


def _expand(found: re.Match[str], replacement: str) -> str:
    """Go's ``$1`` and ``${1}`` filled in."""
    return re.sub(r"\$(?:(\d+)|\{(\d+)\})", lambda m: found.group(int(m[1] or m[2])) or "", replacement)
