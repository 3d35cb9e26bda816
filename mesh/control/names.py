"""Names in the mesh: identities of service accounts, host names of services and of their pods."""

import ipaddress
import re
from dataclasses import dataclass

__all__ = ["Target", "TargetError", "identity_name", "is_dns_label", "parse_target", "service_fqdn"]

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
DEFAULT_PORT = 80


class TargetError(ValueError):
    """A path that names no service; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names.

    Attributes:
        instance: a pod of a headless service, by host name; empty for the service.
        ip: set instead of service and namespace when the path is an address.
    """

    service: str
    namespace: str
    port: int
    instance: str = ""
    ip: str = ""


def is_dns_label(text: str) -> bool:
    """Whether ``text`` may be the name of a namespace or service account."""
    return bool(LABEL.match(text))


def identity_name(
    account: str, namespace: str, control_plane: str = "linkerd", trust_domain: str = "cluster.local"
) -> str:
    """The mesh identity of a service account."""
    return f"{account}.{namespace}.serviceaccount.identity.{control_plane}.{trust_domain}"


def service_fqdn(service: str, namespace: str, domain: str = "cluster.local") -> str:
    """``web-svc.emojivoto.svc.cluster.local``; also the name of its ServiceProfile."""
    return f"{service}.{namespace}.svc.{domain}"


def parse_target(path: str, domain: str = "cluster.local") -> Target:
    """The service, pod or address in ``host[:port]``; the port is 80 when missing.

    Raises:
        TargetError: no such shape.
    """
    host, port = _split(path)
    try:
        return Target("", "", port, ip=str(ipaddress.ip_address(host.strip("[]"))))
    except ValueError:
        pass  # not an address: a name then
    host = host.rstrip(".").lower()
    suffix = f".svc.{domain.rstrip('.')}"
    parts = host.removesuffix(suffix).split(".") if host.endswith(suffix) else []
    if not all(is_dns_label(part) for part in parts):
        parts = []
    match parts:
        case [service, namespace]:
            return Target(service, namespace, port)
        case [instance, service, namespace]:
            return Target(service, namespace, port, instance)
        case _:
            raise TargetError(f"not a service: {host}")


def _split(path: str) -> tuple[str, int]:
    host, colon, text = path.rpartition(":")
    if not colon or "]" in text or (":" in host and not host.startswith("[")):
        host, text = path, ""
    if not host:
        raise TargetError(f"no host in {path!r}")
    if not text:
        if colon and path.endswith(":"):
            raise TargetError(f"no port in {path!r}")
        return host, DEFAULT_PORT
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise TargetError(f"invalid port {text}")
    return host, int(text)
