"""Containers and pod templates as ``kubectl describe`` shows them; a tab ends a cell, two spaces indent."""

from typing import Any

from sim.shell.kubectl.call import Obj
from sim.shell.kubectl.printing.layout import long_date

__all__ = ["container_lines", "labels_lines", "mapping_lines", "template_lines", "volume_lines"]

WIDEST = 140  # longest annotation shown on its own line in full
HIDDEN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration",)


def labels_lines(title: str, labels: Obj | None, indent: str = "") -> list[str]:
    """``Labels:  a=b`` with one label a line."""
    texts = [f"{key}={value}" for key, value in sorted((labels or {}).items())] or ["<none>"]
    return [f"{indent}{title}:\t{texts[0]}", *(f"{indent}\t{text}" for text in texts[1:])]


def mapping_lines(title: str, annotations: Obj | None, indent: str = "") -> list[str]:
    """``Annotations:  a: b`` with one a line; long values on a line of their own, cut short."""
    shown = {key: value for key, value in (annotations or {}).items() if key not in HIDDEN_ANNOTATIONS}
    if not shown:
        return [f"{indent}{title}:\t<none>"]
    lines = []
    for index, (key, value) in enumerate(sorted(shown.items())):
        start = f"{indent}{title}:" if not index else indent
        text = str(value).rstrip("\n")
        if len(key) + len(text) + 2 <= WIDEST and "\n" not in text:
            lines.append(f"{start}\t{key}: {text}")
            continue
        lines.append(f"{start}\t{key}:")
        lines += [
            f"{indent}\t  {part[: WIDEST - 2]}{'...' if len(part) > WIDEST - 2 else ''}"
            for part in text.split("\n")
        ]
    return lines


def template_lines(template: Obj, indent: str = "") -> list[str]:
    """A pod template: labels, containers, volumes."""
    meta, spec = template.get("metadata", {}), template.get("spec", {})
    lines = labels_lines("Labels", meta.get("labels"), indent)
    if meta.get("annotations"):
        lines += mapping_lines("Annotations", meta["annotations"], indent)
    if spec.get("serviceAccountName"):
        lines.append(f"{indent}Service Account:\t{spec['serviceAccountName']}")
    if spec.get("initContainers"):
        lines.append(f"{indent}Init Containers:")
        for container in spec["initContainers"]:
            lines += container_lines(container, None, indent)
    lines.append(f"{indent}Containers:")
    for container in spec.get("containers") or []:
        lines += container_lines(container, None, indent)
    lines += volume_lines(spec, indent)
    lines.append(f"{indent}Node-Selectors:\t{_pairs(spec.get('nodeSelector'))}")
    return lines


def _pairs(values: Obj | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or "<none>"


def container_lines(container: Obj, status: Obj | None, indent: str = "") -> list[str]:
    """One container; with its status when it belongs to a pod."""
    pad = indent + "    "
    lines = [f"{indent}  {container['name']}:"]
    if status is not None:
        lines.append(f"{pad}Container ID:\t{status.get('containerID', '')}")
    lines.append(f"{pad}Image:\t{container.get('image', '')}")
    if status is not None:
        lines.append(f"{pad}Image ID:\t{status.get('imageID', '')}")
    ports = container.get("ports") or []
    word = "Port" if len(ports) < 2 else "Ports"
    lines.append(f"{pad}{word}:\t{_ports(ports, 'containerPort') or '<none>'}")
    lines.append(f"{pad}Host {word}:\t{_ports(ports, 'hostPort') or '<none>'}")
    for title, field in (("Command", "command"), ("Args", "args")):
        if container.get(field):
            lines.append(f"{pad}{title}:")
            lines += [f"{pad}  {line}" for text in container[field] for line in str(text).split("\n")]
    if status is not None:
        lines += _state_lines("State", status.get("state") or {}, pad)
        if status.get("lastState"):
            lines += _state_lines("Last State", status["lastState"], pad)
        lines.append(f"{pad}Ready:\t{bool(status.get('ready'))}")
        lines.append(f"{pad}Restart Count:\t{status.get('restartCount', 0)}")
    lines += _resource_lines(container.get("resources") or {}, pad)
    for title, field in (
        ("Liveness", "livenessProbe"),
        ("Readiness", "readinessProbe"),
        ("Startup", "startupProbe"),
    ):
        if container.get(field):
            lines.append(f"{pad}{title}:\t{probe_text(container[field])}")
    lines += _environment_lines(container, pad)
    lines += _mount_lines(container, pad)
    return lines


def _ports(ports: list[Obj], field: str) -> str:
    return ", ".join(f"{port.get(field, 0)}/{port.get('protocol', 'TCP')}" for port in ports)


def _state_lines(title: str, state: Obj, pad: str) -> list[str]:
    if "running" in state:
        return [f"{pad}{title}:\tRunning", f"{pad}  Started:\t{_date(state['running'].get('startedAt'))}"]
    if "terminated" in state:
        ended = state["terminated"]
        lines = [f"{pad}{title}:\tTerminated"]
        lines += [f"{pad}  Reason:\t{ended['reason']}"] if ended.get("reason") else []
        lines += [f"{pad}  Message:\t{ended['message']}"] if ended.get("message") else []
        lines.append(f"{pad}  Exit Code:\t{ended.get('exitCode', 0)}")
        lines += [
            f"{pad}  Started:\t{_date(ended.get('startedAt'))}",
            f"{pad}  Finished:\t{_date(ended.get('finishedAt'))}",
        ]
        return lines
    waiting = state.get("waiting") or {}
    lines = [f"{pad}{title}:\tWaiting"]
    return lines + ([f"{pad}  Reason:\t{waiting['reason']}"] if waiting.get("reason") else [])


def _date(timestamp: str | None) -> str:
    return long_date(timestamp) if timestamp else "<unknown>"


def _resource_lines(resources: Obj, pad: str) -> list[str]:
    lines = []
    for title, field in (("Limits", "limits"), ("Requests", "requests")):
        if resources.get(field):
            lines.append(f"{pad}{title}:")
            lines += [f"{pad}  {name}:\t{amount}" for name, amount in sorted(resources[field].items())]
    return lines


def probe_text(probe: Obj) -> str:
    """``http-get http://:8080/ready delay=0s timeout=1s period=10s #success=1 #failure=3``."""
    how = "unknown"
    if "httpGet" in probe:
        get = probe["httpGet"]
        scheme = get.get("scheme", "HTTP").lower()
        how = f"http-get {scheme}://{get.get('host', '')}:{get.get('port', '')}{get.get('path') or '/'}"
    elif "exec" in probe:
        how = f"exec [{' '.join(probe['exec'].get('command') or [])}]"
    elif "tcpSocket" in probe:
        how = f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket'].get('port', '')}"
    elif "grpc" in probe:
        how = f"grpc <pod>:{probe['grpc'].get('port', '')} {probe['grpc'].get('service') or ''}".rstrip()
    return (
        f"{how} delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 1)}s "
        f"period={probe.get('periodSeconds', 10)}s #success={probe.get('successThreshold', 1)} "
        f"#failure={probe.get('failureThreshold', 3)}"
    )


def _environment_lines(container: Obj, pad: str) -> list[str]:
    lines = []
    for source in container.get("envFrom") or []:
        kind, ref = (
            ("ConfigMap", source["configMapRef"])
            if "configMapRef" in source
            else ("Secret", source.get("secretRef", {}))
        )
        prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
        lines.append(f"{pad}  {ref.get('name', '')}\t{kind}{prefix}\tOptional: {_optional(ref)}")
    if lines:
        lines.insert(0, f"{pad}Environment Variables from:")
    env = container.get("env") or []
    if not env:
        return [*lines, f"{pad}Environment:\t<none>"]
    lines.append(f"{pad}Environment:")
    for variable in env:
        texts = _value(variable).split("\n")
        lines.append(f"{pad}  {variable['name']}:\t{texts[0]}")
        lines += [f"{pad}  \t{text}" for text in texts[1:]]
    return lines


def _value(variable: Obj) -> str:
    """What an environment variable holds, or where it comes from."""
    source: Any = variable.get("valueFrom")
    if not source:
        return str(variable.get("value", ""))
    if "fieldRef" in source:
        return f" ({source['fieldRef'].get('apiVersion', 'v1')}:{source['fieldRef'].get('fieldPath', '')})"
    if "resourceFieldRef" in source:
        ref = source["resourceFieldRef"]
        return f"{ref.get('divisor') or 0} ({ref.get('resource', '')})"
    for field, kind in (("configMapKeyRef", "config map"), ("secretKeyRef", "secret")):
        if field in source:
            ref = source[field]
            key, name = ref.get("key", ""), ref.get("name", "")
            return f"<set to the key '{key}' of {kind} '{name}'>  Optional: {_optional(ref)}"
    return ""


def _optional(ref: Obj) -> str:
    return str(bool(ref.get("optional"))).lower()


def _mount_lines(container: Obj, pad: str) -> list[str]:
    mounts = container.get("volumeMounts") or []
    if not mounts:
        return [f"{pad}Mounts:\t<none>"]
    lines = [f"{pad}Mounts:"]
    for mount in sorted(mounts, key=lambda one: str(one.get("mountPath", ""))):
        flags = "ro" if mount.get("readOnly") else "rw"
        sub = f',path="{mount["subPath"]}"' if mount.get("subPath") else ""
        lines.append(f"{pad}  {mount.get('mountPath', '')} from {mount.get('name', '')} ({flags}{sub})")
    return lines


# What each kind of volume is called, and the fields shown of it.
VOLUMES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
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
