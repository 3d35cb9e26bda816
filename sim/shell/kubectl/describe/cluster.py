"""``kubectl describe`` of namespaces, ConfigMaps, Secrets and service accounts."""

import base64
import binascii

from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines

__all__ = ["describe_account", "describe_configmap", "describe_namespace", "describe_secret"]


def describe_namespace(call: Call, obj: Obj) -> list[str]:
    """A namespace, its quotas and limits."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines.append(f"Status:\t{obj.get('status', {}).get('phase', 'Active')}")
    for word, title in (("resourcequotas", "resource quota"), ("limitranges", "LimitRange resource")):
        found = call.client.list(word, meta["name"])
        names = ", ".join(one["metadata"]["name"] for one in found)
        lines += ["", f"{title[0].upper()}{title[1:]}: {names}" if names else f"No {title}."]
    return lines


def describe_configmap(call: Call, obj: Obj) -> list[str]:
    """A ConfigMap with its texts."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines += ["", "Data", "===="]
    for key, text in sorted((obj.get("data") or {}).items()):
        # A tab in somebody's text is no column.
        lines += [f"{key}:", "----", *text.rstrip("\n").replace("\t", "        ").split("\n"), ""]
    lines += ["", "BinaryData", "===="]
    for key, text in sorted((obj.get("binaryData") or {}).items()):
        lines.append(f"{key}: {_size(text)} bytes")
    return [*lines, "", *event_lines(call, obj)]


def _size(text: str) -> int:
    try:
        return len(base64.b64decode(text))
    except (binascii.Error, ValueError):
        return len(text)


def describe_secret(call: Call, obj: Obj) -> list[str]:
    """A Secret: the sizes of what it holds, not the contents."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines += ["", f"Type:\t{obj.get('type', 'Opaque')}", "", "Data", "===="]
    return lines + [f"{key}:\t{_size(text)} bytes" for key, text in sorted((obj.get("data") or {}).items())]


def describe_account(call: Call, obj: Obj) -> list[str]:
    """A ServiceAccount."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    for title, field in (("Image pull secrets", "imagePullSecrets"), ("Mountable secrets", "secrets")):
        names = [one.get("name", "") for one in obj.get(field) or []] or ["<none>"]
        lines += [f"{title}:\t{names[0]}", *(f"\t{name}" for name in names[1:])]
    tokens = _tokens(call, obj) or ["<none>"]
    lines += [f"Tokens:\t{tokens[0]}", *(f"\t{name}" for name in tokens[1:])]
    return lines + event_lines(call, obj)


def _tokens(call: Call, account: Obj) -> list[str]:
    """Secrets that hold a token of the account; clusters since 1.24 make none."""
    found = call.client.list("secrets", account["metadata"]["namespace"])
    return [
        one["metadata"]["name"]
        for one in found
        if one.get("type") == "kubernetes.io/service-account-token"
        and (one["metadata"].get("annotations") or {}).get("kubernetes.io/service-account.name")
        == account["metadata"]["name"]
    ]
