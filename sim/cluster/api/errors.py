"""What the API server answers instead of an object: Status reasons, codes and the texts kubectl prints."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.cluster.api.resources import Resource

__all__ = [
    "AlreadyExists",
    "ApiError",
    "BadRequest",
    "Conflict",
    "Expired",
    "Forbidden",
    "Internal",
    "Invalid",
    "NoMatch",
    "NotAllowed",
    "NotFound",
    "UnknownResource",
    "UnsupportedMediaType",
    "already_exists",
    "did_you_mean",
    "invalid",
    "modified",
    "not_found",
]


class ApiError(Exception):
    """A request was refused.

    Attributes:
        message: one line, as kubectl prints it.
        reason: machine-readable (``NotFound``).
        code: the HTTP status.
    """

    reason = "InternalError"
    code = 500

    def __init__(
        self,
        message: str,
        reason: str | None = None,
        code: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        # simpy raises a failed process's error as a copy made from its args, so they hold everything.
        super().__init__(message, reason, code, details)
        self.message = message
        self.reason = reason or type(self).reason
        self.code = code or type(self).code
        self.details = details or {}

    def __str__(self) -> str:
        return self.message

    @property
    def status(self) -> dict[str, Any]:
        """The Status object sent to clients."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


class BadRequest(ApiError):
    """The request makes no sense."""

    reason, code = "BadRequest", 400


class Forbidden(ApiError):
    """Not allowed to this user, or not now."""

    reason, code = "Forbidden", 403


class NotFound(ApiError):
    """No such object, kind or path."""

    reason, code = "NotFound", 404


class NotAllowed(ApiError):
    """The resource does not support this verb."""

    reason, code = "MethodNotAllowed", 405


class AlreadyExists(ApiError):
    """The name is taken."""

    reason, code = "AlreadyExists", 409


class Conflict(ApiError):
    """The object changed since it was read."""

    reason, code = "Conflict", 409


class Expired(ApiError):
    """The resourceVersion asked for is no longer remembered."""

    reason, code = "Expired", 410


class UnsupportedMediaType(ApiError):
    """This kind of patch is not offered for this resource."""

    reason, code = "UnsupportedMediaType", 415


class Invalid(ApiError):
    """The object breaks a rule of its kind."""

    reason, code = "Invalid", 422


class Internal(ApiError):
    """Something the API server depends on failed."""


class UnknownResource(NotFound):
    """A word that names no resource."""


class NoMatch(NotFound):
    """An apiVersion and kind that no resource has."""


def did_you_mean(word: str, known: "Iterable[str]") -> str:
    """`` (did you mean "pods"?)``, or nothing when no known word is close."""
    close = get_close_matches(word, sorted(set(known)), n=1, cutoff=0.7)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _details(resource: "Resource", name: str) -> dict[str, Any]:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def not_found(resource: "Resource", name: str) -> NotFound:
    """``pods "x" not found``."""
    return NotFound(f'{resource.key} "{name}" not found', details=_details(resource, name))


def already_exists(resource: "Resource", name: str) -> AlreadyExists:
    """``pods "x" already exists``."""
    return AlreadyExists(f'{resource.key} "{name}" already exists', details=_details(resource, name))


def modified(resource: "Resource", name: str) -> Conflict:
    """The optimistic lock failed."""
    return Conflict(
        f'Operation cannot be fulfilled on {resource.key} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again",
        details=_details(resource, name),
    )


def invalid(resource: "Resource", name: str, problems: list[tuple[str, str, str]]) -> Invalid:
    """``Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be …``.

    Args:
        problems: (field, text, reason) each; reason ``FieldValueInvalid``, ``FieldValueRequired``, ….
    """
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    texts = [f"{field}: {text}" for field, text, _ in problems]
    body = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    causes = [{"reason": reason, "message": text, "field": field} for field, text, reason in problems]
    details = {"name": name, "group": resource.group, "kind": resource.kind, "causes": causes}
    return Invalid(f'{kind} "{name}" is invalid: {body}', details=details)
