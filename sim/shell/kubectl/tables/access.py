"""Rows of RBAC objects."""

from sim.shell.kubectl.tables.table import Kind, Obj, View, columns

__all__ = ["BINDING", "CREATED"]


def _created(obj: Obj, view: View) -> list[str]:
    return [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp") or "<unknown>"]


def _binding(obj: Obj, view: View) -> list[str]:
    role = obj.get("roleRef", {})
    subjects: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or []:
        name = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        subjects.setdefault(subject.get("kind", ""), []).append(name)
    return [
        obj["metadata"]["name"],
        f"{role.get('kind', '')}/{role.get('name', '')}",
        view.age(obj),
        ", ".join(subjects["User"]),
        ", ".join(subjects["Group"]),
        ", ".join(subjects["ServiceAccount"]),
    ]


CREATED = Kind(columns("NAME|CREATED AT"), _created)
BINDING = Kind(columns("NAME|ROLE|AGE", "USERS|GROUPS|SERVICEACCOUNTS"), _binding)
