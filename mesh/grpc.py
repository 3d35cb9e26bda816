"""gRPC status codes: their names, and which of them are failures."""

__all__ = ["CODES", "FAILURES", "code_name"]

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

# Unknown, DeadlineExceeded, PermissionDenied, Internal, Unavailable, DataLoss.
# Source: linkerd2-proxy proxy/client-policy/src/grpc.rs; the documentation's list omits Unknown.
FAILURES = frozenset({2, 4, 7, 13, 14, 15})


def code_name(code: int) -> str:
    """The name of a code; its number as text when it has none."""
    return CODES[code] if 0 <= code < len(CODES) else str(code)
