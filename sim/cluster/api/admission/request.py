"""What admission is asked about."""

from dataclasses import dataclass

from sim.cluster.api.objects import Obj
from sim.cluster.api.resources import Resource

__all__ = ["Request"]


@dataclass
class Request:
    """A write on its way to the store.

    Attributes:
        operation: ``CREATE`` or ``UPDATE``.
        object: what will be stored; admission replaces it as it changes it.
        old: what is stored now, None for CREATE.
    """

    operation: str
    resource: Resource
    object: Obj
    old: Obj | None
    user: str
    dry_run: bool
