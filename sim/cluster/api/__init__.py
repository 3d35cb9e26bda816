"""The Kubernetes API of the simulated cluster: objects, rules for changing them, and watches.

Knows no controller, no node and no mesh.
"""

from sim.cluster.api.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Internal,
    Invalid,
    NoMatch,
    NotAllowed,
    NotFound,
    UnknownResource,
    UnsupportedMediaType,
)
from sim.cluster.api.objects import Obj, clone
from sim.cluster.api.resources import Resource
from sim.cluster.api.server import ApiServer
from sim.cluster.api.store import Watch, WatchEvent
from sim.cluster.api.writes import Write

__all__ = [
    "AlreadyExists",
    "ApiError",
    "ApiServer",
    "BadRequest",
    "Conflict",
    "Expired",
    "Forbidden",
    "Internal",
    "Invalid",
    "NoMatch",
    "NotAllowed",
    "NotFound",
    "Obj",
    "Resource",
    "UnknownResource",
    "UnsupportedMediaType",
    "Watch",
    "WatchEvent",
    "Write",
    "clone",
]
