"""Gateway API's resource types, which edge needs and can bring along (``--set installGatewayAPI=true``).

*Source:* names, versions and scopes of Gateway API 1.2. *Differs:* the schemas leave ``spec`` open.
"""

from mesh.cli.manifests.objects import Obj, object_of

__all__ = ["GATEWAY_GROUP", "gateway_definitions"]

GATEWAY_GROUP = "gateway.networking.k8s.io"
# kind, plural, versions served (the first is stored)
TYPES = (
    ("GRPCRoute", "grpcroutes", ("v1",)),
    ("HTTPRoute", "httproutes", ("v1", "v1beta1")),
    ("TCPRoute", "tcproutes", ("v1alpha2",)),
    ("TLSRoute", "tlsroutes", ("v1alpha2",)),
)
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def gateway_definitions(created_by: str) -> list[Obj]:
    """The route types' CRDs."""
    return [_definition(kind, plural, versions, created_by) for kind, plural, versions in TYPES]


def _definition(kind: str, plural: str, versions: tuple[str, ...], created_by: str) -> Obj:
    schema = {
        "type": "object",
        "properties": {"spec": OPEN, "status": OPEN},
        "required": ["spec"],
    }
    served = [
        {
            "name": version,
            "served": True,
            "storage": version == versions[0],
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
        for version in versions
    ]
    metadata = {
        "name": f"{plural}.{GATEWAY_GROUP}",
        "annotations": {
            "linkerd.io/created-by": created_by,
            "gateway.networking.k8s.io/bundle-version": "v1.2.1",
            "gateway.networking.k8s.io/channel": "experimental",
        },
    }
    spec = {
        "group": GATEWAY_GROUP,
        "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "categories": ["gateway-api"]},
        "versions": served,
    }
    return object_of("apiextensions.k8s.io/v1", "CustomResourceDefinition", metadata, spec=spec)
