"""What the API serves, and checks that kubectl makes before it sends anything."""

from typing import TYPE_CHECKING, Any

from mesh.cli.kube import Obj
from sim.cluster.api.selectors import selection
from sim.shell.client.access import Access

if TYPE_CHECKING:
    from sim.cluster.api import Resource
    from sim.cluster.api.schema.fields import Schema

__all__ = ["Discovery"]


class Discovery(Access):
    """Kinds, schemas and selectors of the cluster's API."""

    def resource(self, word: str) -> "Resource":
        """The resource a word names."""
        return self.asked(lambda: self.api.resource(word))

    def resources(self) -> "list[Resource]":
        """Every resource served."""
        return self.asked(self.api.resources)

    def resource_for(self, api_version: str, kind: str) -> "Resource":
        """The resource whose objects carry that apiVersion and kind."""
        return self.asked(lambda: self.api.resource_for(api_version, kind))

    @property
    def schema(self) -> "Schema":
        """The fields of the built-in kinds and their merge keys."""
        return self.api.schema

    def check_fields(self, obj: Obj) -> None:
        """Find fields that the object's kind does not have, and values of the wrong type."""

        def check() -> None:
            resource = self.api.resource_for(str(obj.get("apiVersion")), str(obj.get("kind")))
            self.api.validator.check_fields(resource, obj)

        self.asked(check)

    def selects(self, labels: str, obj: Obj, resource: str = "pods", fields: str = "") -> bool:
        """Whether both selectors select the object."""
        chosen: Any = self.asked(lambda: selection(self.api.resource(resource), labels, fields))
        return chosen is None or bool(chosen(obj))
