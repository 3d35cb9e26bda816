"""The objects that policy is made of, by kind, and how they select one another."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

__all__ = ["Change", "Obj", "Objects", "meta", "selects", "spec"]

Obj: TypeAlias = dict[str, Any]
DELETED = "DELETED"


class Change(Protocol):
    """One watch event: ``type`` is ADDED, MODIFIED or DELETED."""

    @property
    def type(self) -> str: ...

    @property
    def object(self) -> Obj: ...


def meta(obj: Obj) -> Obj:
    """Its metadata."""
    found: Obj = obj.get("metadata") or {}
    return found


def spec(obj: Obj) -> Obj:
    """Its spec."""
    found: Obj = obj.get("spec") or {}
    return found


def age_order(obj: Obj) -> tuple[str, str, str]:
    """Oldest first, then by name."""
    found = meta(obj)
    return found.get("creationTimestamp") or "", found.get("namespace", ""), found.get("name", "")


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes an object with these labels; an empty one takes everything."""
    for key, value in ((selector or {}).get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_meets(each, labels) for each in (selector or {}).get("matchExpressions") or ())


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression.get("key", ""), expression.get("values") or ()
    operators: dict[str, Callable[[], bool]] = {
        "In": lambda: labels.get(key) in values,
        "NotIn": lambda: labels.get(key) not in values,
        "Exists": lambda: key in labels,
        "DoesNotExist": lambda: key not in labels,
    }
    return operators.get(expression.get("operator", ""), lambda: False)()


class Objects:
    """Current objects by kind. HTTPRoutes of both groups are one kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[tuple[str, str, str], Obj]] = {}
        self._service_at: dict[str, tuple[str, str]] = {}

    def apply(self, change: Change) -> bool:
        """Take in one change; whether anything changed that policy may depend on."""
        obj = change.object
        kind = obj.get("kind", "")
        found = self._kinds.setdefault(kind, {})
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        key = (meta(obj).get("namespace", ""), meta(obj).get("name", ""), group)
        before = found.get(key)
        if kind == "Service":
            self._place(key[:2], before, None if change.type == DELETED else obj)
        if change.type == DELETED:
            found.pop(key, None)
            return before is not None
        found[key] = obj
        return before is None or _essence(before) != _essence(obj)

    def _place(self, key: tuple[str, str], before: Obj | None, after: Obj | None) -> None:
        for obj, store in ((before, False), (after, True)):
            ip = spec(obj).get("clusterIP") if obj is not None else None
            if ip and ip != "None":
                if store:
                    self._service_at[ip] = key
                else:
                    self._service_at.pop(ip, None)

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        """The object of that name; the first of those groups that have one."""
        found = self._kinds.get(kind, {})
        return next((obj for key, obj in found.items() if key[:2] == (namespace, name)), None)

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Obj]:
        """Those of a kind, oldest first."""
        found = self._kinds.get(kind, {})
        yield from sorted(
            (obj for key, obj in found.items() if namespace is None or key[0] == namespace), key=age_order
        )

    def service_at(self, ip: str) -> Obj | None:
        """The service with that cluster IP."""
        key = self._service_at.get(ip)
        return self.get("Service", *key) if key is not None else None


def _essence(obj: Obj) -> tuple[Any, ...]:
    """What policy depends on: not the status, nor who wrote it when."""
    found = meta(obj)
    return found.get("labels"), found.get("annotations"), obj.get("spec")
