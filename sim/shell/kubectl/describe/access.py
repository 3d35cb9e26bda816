"""``kubectl describe`` of roles and their bindings."""

from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines

__all__ = ["describe_binding", "describe_role"]


def _head(obj: Obj) -> list[str]:
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    return lines + mapping_lines("Annotations", meta.get("annotations"))


def describe_role(call: Call, obj: Obj) -> list[str]:
    """A Role or ClusterRole: one line a resource, with everything that may be done to it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for rule in obj.get("rules") or []:
        verbs, names = rule.get("verbs") or [], _words(rule.get("resourceNames"))
        for group in rule.get("apiGroups") or [""]:
            for resource in rule.get("resources") or []:
                plain, slash, sub = resource.partition("/")
                title = f"{plain}.{group}{slash}{sub}" if group else resource
                found.setdefault((title, "[]", names), []).extend(verbs)
        for url in rule.get("nonResourceURLs") or []:
            found.setdefault(("", f"[{url}]", "[]"), []).extend(verbs)
    lines = [*_head(obj), "PolicyRule:", "  Resources\tNon-Resource URLs\tResource Names\tVerbs"]
    lines.append("  ---------\t-----------------\t--------------\t-----")
    for (resource, url, names), verbs in sorted(found.items()):
        lines.append(f"  {resource}\t{url}\t{names}\t{_words(list(dict.fromkeys(verbs)))}")
    return lines


def _words(values: list[str] | None) -> str:
    return "[" + " ".join(values or []) + "]"


def describe_binding(call: Call, obj: Obj) -> list[str]:
    """A RoleBinding or ClusterRoleBinding: the role, and who has it."""
    role = obj.get("roleRef", {})
    lines = [*_head(obj), "Role:", f"  Kind:\t{role.get('kind', '')}", f"  Name:\t{role.get('name', '')}"]
    lines += ["Subjects:", "  Kind\tName\tNamespace", "  ----\t----\t---------"]
    for one in obj.get("subjects") or []:
        lines.append(f"  {one.get('kind', '')}\t{one.get('name', '')}\t{one.get('namespace', '')}")
    return lines
