"""Labels and pod templates as ``kubectl describe`` shows them; a tab ends a cell, two spaces indent."""

from sim.shell.kubectl.call import Obj
from sim.shell.kubectl.describe.containers import container_lines
from sim.shell.kubectl.describe.volumes import volume_lines

__all__ = ["labels_lines", "mapping_lines", "template_lines", "toleration_lines"]

WIDEST = 140  # longest annotation shown on its own line in full
HIDDEN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration",)


def labels_lines(title: str, labels: Obj | None, indent: str = "") -> list[str]:
    """``Labels:  a=b`` with one label a line."""
    texts = [f"{key}={value}" for key, value in sorted((labels or {}).items())] or ["<none>"]
    return [f"{indent}{title}:\t{texts[0]}", *(f"{indent}\t{text}" for text in texts[1:])]


def mapping_lines(title: str, annotations: Obj | None, indent: str = "") -> list[str]:
    """``Annotations:  a: b`` with one a line; long values on a line of their own, cut short."""
    shown = {key: value for key, value in (annotations or {}).items() if key not in HIDDEN_ANNOTATIONS}
    if not shown:
        return [f"{indent}{title}:\t<none>"]
    lines = []
    for index, (key, value) in enumerate(sorted(shown.items())):
        start = f"{indent}{title}:" if not index else indent
        text = str(value).rstrip("\n")
        if len(key) + len(text) + 2 <= WIDEST and "\n" not in text:
            lines.append(f"{start}\t{key}: {text}")
            continue
        lines.append(f"{start}\t{key}:")
        lines += [
            f"{indent}\t  {part[: WIDEST - 2]}{'...' if len(part) > WIDEST - 2 else ''}"
            for part in text.split("\n")
        ]
    return lines


def template_lines(template: Obj, indent: str = "") -> list[str]:
    """A pod template: labels, containers, volumes."""
    meta, spec = template.get("metadata", {}), template.get("spec", {})
    lines = labels_lines("Labels", meta.get("labels"), indent)
    if meta.get("annotations"):
        lines += mapping_lines("Annotations", meta["annotations"], indent)
    if spec.get("serviceAccountName"):
        lines.append(f"{indent}Service Account:\t{spec['serviceAccountName']}")
    if spec.get("initContainers"):
        lines.append(f"{indent}Init Containers:")
        for container in spec["initContainers"]:
            lines += container_lines(container, None, indent)
    lines.append(f"{indent}Containers:")
    for container in spec.get("containers") or []:
        lines += container_lines(container, None, indent)
    lines += volume_lines(spec, indent)
    lines.append(f"{indent}Node-Selectors:\t{_pairs(spec.get('nodeSelector'))}")
    return lines + toleration_lines(spec.get("tolerations") or [], indent)


def toleration_lines(tolerations: list[Obj], indent: str = "") -> list[str]:
    """``Tolerations:  node.kubernetes.io/not-ready:NoExecute op=Exists for 300s``, one a line."""
    texts = []
    for one in tolerations:
        text = str(one.get("key", ""))
        text += f"={one['value']}" if one.get("value") else ""
        text += f":{one['effect']}" if one.get("effect") else ""
        text += " op=Exists" if one.get("operator") == "Exists" else ""
        text += f" for {one['tolerationSeconds']}s" if one.get("tolerationSeconds") is not None else ""
        texts.append(text.strip())
    texts = sorted(texts) or ["<none>"]
    return [f"{indent}Tolerations:\t{texts[0]}", *(f"{indent}\t{text}" for text in texts[1:])]


def _pairs(values: Obj | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or "<none>"
