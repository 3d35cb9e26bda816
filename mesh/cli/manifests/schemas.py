"""The shapes of the custom resources, as OpenAPI schemas that the API server enforces.

*Source:* charts/linkerd-crds of edge-26.8.3 and the CRDs of stable-2.8.1. *Differs:* descriptions and
patterns are left out; conditions of ServiceProfile routes may nest without end and are left open.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["SCHEMAS"]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
SWITCH: Schema = {"type": "boolean"}
OPEN: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
INT_OR_TEXT: Schema = {"x-kubernetes-int-or-string": True}


def record(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object with these fields."""
    found: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        found["required"] = list(required)
    return found


def many(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def one_of(*values: str) -> Schema:
    """A text that is one of these."""
    return {"type": "string", "enum": list(values)}


def between(low: int, high: int) -> Schema:
    """A whole number in a range."""
    return {"type": "integer", "minimum": low, "maximum": high}


def spec(properties: Mapping[str, Schema], *required: str, status: bool = False) -> Schema:
    """A whole resource with this ``spec``."""
    fields: dict[str, Schema] = {
        "apiVersion": TEXT,
        "kind": TEXT,
        "metadata": {"type": "object"},
        "spec": record(properties, *required),
    }
    if status:
        fields["status"] = OPEN
    return record(fields, "spec")


SELECTOR = record(
    {
        "matchLabels": {"type": "object", "additionalProperties": TEXT},
        "matchExpressions": many(
            record({"key": TEXT, "operator": TEXT, "values": many(TEXT)}, "key", "operator")
        ),
    }
)
REFERENCE = record({"group": TEXT, "kind": TEXT, "name": TEXT, "namespace": TEXT}, "kind", "name")
PARENT = record(
    {"group": TEXT, "kind": TEXT, "namespace": TEXT, "name": TEXT, "sectionName": TEXT, "port": INTEGER},
    "name",
)
NETWORKS = many(record({"cidr": TEXT, "except": many(TEXT)}, "cidr"))
PORT = between(1, 65535)
STATUS_RANGE = record({"min": between(100, 599), "max": between(100, 599)})
RATE = record({"requestsPerSecond": {"type": "integer", "format": "int64"}}, "requestsPerSecond")

SERVICE_PROFILE = spec(
    {
        "dstOverrides": many(record({"authority": TEXT, "weight": INT_OR_TEXT}, "authority", "weight")),
        "opaquePorts": many(TEXT),
        "retryBudget": record(
            {"minRetriesPerSecond": INTEGER, "retryRatio": NUMBER, "ttl": TEXT},
            "minRetriesPerSecond",
            "retryRatio",
            "ttl",
        ),
        "routes": many(
            record(
                {
                    "condition": OPEN,
                    "isRetryable": SWITCH,
                    "name": TEXT,
                    "responseClasses": many(
                        record(
                            {
                                "condition": {**OPEN, "properties": {"status": STATUS_RANGE}},
                                "isFailure": SWITCH,
                            }
                        )
                    ),
                    "timeout": TEXT,
                },
                "condition",
                "name",
            )
        ),
    }
)
TRAFFIC_SPLIT = spec(
    {
        "service": TEXT,
        "backends": many(record({"service": TEXT, "weight": INT_OR_TEXT}, "service", "weight")),
    },
    "service",
    "backends",
)
SERVER = spec(
    {
        "accessPolicy": TEXT,
        "podSelector": SELECTOR,
        "externalWorkloadSelector": SELECTOR,
        "port": INT_OR_TEXT,
        "proxyProtocol": one_of("unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"),
    },
    "port",
)
SERVER_AUTHORIZATION = spec(
    {
        "client": record(
            {
                "networks": NETWORKS,
                "unauthenticated": SWITCH,
                "meshTLS": record(
                    {
                        "unauthenticatedTLS": SWITCH,
                        "identities": many(TEXT),
                        "serviceAccounts": many(record({"name": TEXT, "namespace": TEXT}, "name")),
                    }
                ),
            }
        ),
        "server": record({"name": TEXT, "selector": SELECTOR}),
    },
    "client",
    "server",
)
AUTHORIZATION_POLICY = spec(
    {"targetRef": REFERENCE, "requiredAuthenticationRefs": many(REFERENCE)},
    "targetRef",
    "requiredAuthenticationRefs",
)
MESH_TLS = spec({"identities": many(TEXT), "identityRefs": many({**REFERENCE, "required": ["kind"]})})
NETWORK_AUTHENTICATION = spec({"networks": NETWORKS}, "networks")
EGRESS_NETWORK = spec(
    {"networks": NETWORKS, "trafficPolicy": one_of("Allow", "Deny")}, "trafficPolicy", status=True
)
RATE_LIMIT = spec(
    {
        "targetRef": REFERENCE,
        "total": RATE,
        "identity": RATE,
        "overrides": many(
            record(
                {"requestsPerSecond": {"type": "integer", "format": "int64"}, "clientRefs": many(REFERENCE)},
                "clientRefs",
                "requestsPerSecond",
            )
        ),
    },
    "targetRef",
    status=True,
)
EXTERNAL_WORKLOAD = spec(
    {
        "meshTLS": record({"identity": TEXT, "serverName": TEXT}, "identity", "serverName"),
        "ports": many(record({"name": TEXT, "port": PORT, "protocol": TEXT}, "port")),
        "workloadIPs": many(record({"ip": TEXT})),
    },
    "meshTLS",
    status=True,
)
MATCH = record(
    {
        "path": record({"type": one_of("Exact", "PathPrefix", "RegularExpression"), "value": TEXT}),
        "headers": many(record({"type": TEXT, "name": TEXT, "value": TEXT}, "name", "value")),
        "queryParams": many(record({"type": TEXT, "name": TEXT, "value": TEXT}, "name", "value")),
        "method": TEXT,
    }
)
FILTER = {**OPEN, "properties": {"type": TEXT}, "required": ["type"]}
BACKEND = record(
    {
        "group": TEXT,
        "kind": TEXT,
        "name": TEXT,
        "namespace": TEXT,
        "port": PORT,
        "weight": between(0, 1_000_000),
        "filters": many(FILTER),
    },
    "name",
)
HTTP_ROUTE = spec(
    {
        "hostnames": many(TEXT),
        "parentRefs": many(PARENT),
        "rules": many(
            record(
                {
                    "matches": many(MATCH),
                    "filters": many(FILTER),
                    "backendRefs": many(BACKEND),
                    "timeouts": record({"request": TEXT, "backendRequest": TEXT}),
                }
            )
        ),
    },
    status=True,
)

SCHEMAS: Mapping[str, Schema] = {
    "authorizationpolicies": AUTHORIZATION_POLICY,
    "egressnetworks": EGRESS_NETWORK,
    "externalworkloads": EXTERNAL_WORKLOAD,
    "httplocalratelimitpolicies": RATE_LIMIT,
    "httproutes": HTTP_ROUTE,
    "meshtlsauthentications": MESH_TLS,
    "networkauthentications": NETWORK_AUTHENTICATION,
    "serverauthorizations": SERVER_AUTHORIZATION,
    "servers": SERVER,
    "serviceprofiles": SERVICE_PROFILE,
    "trafficsplits": TRAFFIC_SPLIT,
}
