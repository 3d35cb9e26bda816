"""Categories kubernetes-api, kubernetes-version and gateway-api-crd."""

import re

from mesh.cli.checks.model import Check, CheckContext, CheckError
from mesh.cli.kube import KubeError
from mesh.cli.manifests.gateway import GATEWAY_GROUP

__all__ = ["API", "GATEWAY", "VERSION", "parse_version"]

NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
ROUTES = (f"grpcroutes.{GATEWAY_GROUP}", f"httproutes.{GATEWAY_GROUP}")


def parse_version(text: str) -> tuple[int, int, int]:
    """1, 15, 12 of ``v1.15.12-gke.20``.

    Raises:
        CheckError: not a version.
    """
    match = NUMBERS.match(text)
    if match is None:
        raise CheckError(f'"{text}" is not a version')
    return int(match[1]), int(match[2]), int(match[3] or 0)


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(str(part) for part in version)


def _initialize(context: CheckContext) -> None:
    """Something answers where the API server should be."""
    try:
        context.kube.version()
    except KubeError as error:
        if error.code == 0:
            raise CheckError(f"error configuring Kubernetes API client: {error.message}") from None


def _query(context: CheckContext) -> None:
    """The API server says which version it is."""
    _server(context)


def _server(context: CheckContext) -> str:
    try:
        return str(context.kube.version()["gitVersion"])
    except KubeError as error:
        raise CheckError(error.message) from None


def _kubernetes(context: CheckContext) -> None:
    found, least = parse_version(_server(context)), context.console.edition.minimum_kubernetes
    if found < least:
        raise CheckError(
            f"Kubernetes is on version [{_dotted(found)}], but version [{_dotted(least)}] or more recent is "
            "required"
        )


def _kubectl(context: CheckContext) -> None:
    """The kubectl beside this command, which is no part of the cluster."""
    found, least = parse_version(context.console.kubectl_version), context.console.edition.minimum_kubectl
    if least is not None and found < least:
        raise CheckError(
            f"kubectl is on version [{_dotted(found)}], but version [{_dotted(least)}] or more recent is "
            "required"
        )


def _gateway(context: CheckContext) -> None:
    found = {crd["metadata"]["name"] for crd in context.list(CRDS)}
    missing = [name for name in ROUTES if name not in found]
    if missing:
        raise CheckError("missing Gateway API CRDs: " + ", ".join(missing))


API = (
    Check("can initialize the client", "k8s-api", _initialize, fatal=True),
    Check("can query the Kubernetes API", "k8s-api", _query, fatal=True),
)
VERSION = (
    Check("is running the minimum Kubernetes API version", "k8s-version", _kubernetes),
    Check("is running the minimum kubectl version", "kubectl-version", _kubectl),
)
GATEWAY = (Check("Gateway API CRDs are installed", "gateway-api-crd", _gateway, fatal=True),)
