"""The volumes of a pod as ``kubectl describe`` shows them."""

from types import MappingProxyType

from sim.shell.kubectl.call import Obj

__all__ = ["volume_lines"]

# What each kind of volume is called, and the fields shown of it.
VOLUMES: MappingProxyType[str, tuple[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "emptyDir": (
            "EmptyDir (a temporary directory that shares a pod's lifetime)",
            (("Medium", "medium"), ("SizeLimit", "sizeLimit")),
        ),
        "configMap": (
            "ConfigMap (a volume populated by a ConfigMap)",
            (("Name", "name"), ("Optional", "optional")),
        ),
        "secret": (
            "Secret (a volume populated by a Secret)",
            (("SecretName", "secretName"), ("Optional", "optional")),
        ),
        "hostPath": ("HostPath (bare host directory volume)", (("Path", "path"), ("HostPathType", "type"))),
        "projected": ("Projected (a volume that contains injected data from multiple sources)", ()),
        "persistentVolumeClaim": (
            "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
            (("ClaimName", "claimName"), ("ReadOnly", "readOnly")),
        ),
    }
)


def volume_lines(spec: Obj, indent: str = "") -> list[str]:
    """The volumes of a pod."""
    volumes = spec.get("volumes") or []
    if not volumes:
        return [f"{indent}Volumes:\t<none>"]
    lines = [f"{indent}Volumes:"]
    for volume in volumes:
        lines.append(f"{indent}  {volume['name']}:")
        kind = next((name for name in volume if name != "name"), "emptyDir")
        about, fields = VOLUMES.get(kind, (kind, ()))
        body = volume.get(kind) or {}
        lines.append(f"{indent}    Type:\t{about}")
        for title, field in fields:
            value = body.get(field, False if field in ("optional", "readOnly") else "")
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            lines.append(f"{indent}    {title}:\t{shown or ('<unset>' if field == 'sizeLimit' else '')}")
        lines += _projected(body, indent) if kind == "projected" else []
    return lines


def _projected(body: Obj, indent: str) -> list[str]:
    lines = []
    for source in body.get("sources") or []:
        if "serviceAccountToken" in source:
            seconds = source["serviceAccountToken"].get("expirationSeconds", 3600)
            lines.append(f"{indent}    TokenExpirationSeconds:\t{seconds}")
        elif "configMap" in source:
            lines.append(f"{indent}    ConfigMapName:\t{source['configMap'].get('name', '')}")
        elif "secret" in source:
            lines.append(f"{indent}    SecretName:\t{source['secret'].get('name', '')}")
        elif "downwardAPI" in source:
            lines.append(f"{indent}    DownwardAPI:\ttrue")
    return lines
