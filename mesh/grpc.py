"""gRPC status codes: their names, and which of them are failures."""

__all__ = ["CODES", "FAILURES", "code_label", "code_name"]

# By number. Source: the gRPC specification, doc/statuscodes.md; spelled as Go prints them.
CODES = (
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)

# The same in the specification's own spelling.
LABELS = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

# Unknown, DeadlineExceeded, PermissionDenied, Internal, Unavailable, DataLoss.
# Source: linkerd2-proxy proxy/client-policy/src/grpc.rs; the documentation's list omits Unknown.
FAILURES = frozenset({2, 4, 7, 13, 14, 15})


def code_name(code: int) -> str:
    """The name of a code; its number as text when it has none."""
    return CODES[code] if 0 <= code < len(CODES) else str(code)


def code_label(code: int | None) -> str:
    """The name of a code as the proxy's newer metrics print it; no code, or none that exists, is unknown."""
    return LABELS[code] if code is not None and 0 <= code < len(LABELS) else "UNKNOWN"
