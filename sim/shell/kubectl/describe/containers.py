"""A container as ``kubectl describe`` shows it; a tab ends a cell, spaces indent."""

from typing import Any

from sim.shell.kubectl.call import Obj
from sim.shell.kubectl.printing.layout import long_date

__all__ = ["container_lines"]


def container_lines(
    container: Obj, status: Obj | None, indent: str = "", pod: Obj | None = None
) -> list[str]:
    """One container; with its status when it belongs to a pod that has started.

    Args:
        indent: of the template it belongs to; kubectl then moves names by one space, not by two.
        pod: the pod it belongs to, from which environment variables may take their values.
    """
    pad = "    "
    lines = [f"   {container['name']}:" if indent else f"  {container['name']}:"]
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
        lines += _status_lines(status, pad)
    lines += _resource_lines(container.get("resources") or {}, pad)
    for title, field in (
        ("Liveness", "livenessProbe"),
        ("Readiness", "readinessProbe"),
        ("Startup", "startupProbe"),
    ):
        if container.get(field):
            lines.append(f"{pad}{title}:\t{probe_text(container[field])}")
    lines += _environment_lines(container, pad, pod)
    lines += _mount_lines(container, pad)
    return lines


def _status_lines(status: Obj, pad: str) -> list[str]:
    """What became of it: state, the state before, readiness, restarts."""
    lines = _state_lines("State", status.get("state") or {}, pad)
    if status.get("lastState"):
        lines += _state_lines("Last State", status["lastState"], pad)
    lines.append(f"{pad}Ready:\t{bool(status.get('ready'))}")
    return [*lines, f"{pad}Restart Count:\t{status.get('restartCount', 0)}"]


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


def _environment_lines(container: Obj, pad: str, pod: Obj | None) -> list[str]:
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
        texts = _value(variable, pod).split("\n")
        lines.append(f"{pad}  {variable['name']}:\t{texts[0]}")
        lines += [f"{pad}  \t{text}" for text in texts[1:]]
    return lines


def _value(variable: Obj, pod: Obj | None) -> str:
    """What an environment variable holds, or where it comes from."""
    source: Any = variable.get("valueFrom")
    if not source:
        return str(variable.get("value", ""))
    if "fieldRef" in source:
        path = source["fieldRef"].get("fieldPath", "")
        return f"{_from_metadata(path, pod)} ({source['fieldRef'].get('apiVersion', 'v1')}:{path})"
    if "resourceFieldRef" in source:
        ref = source["resourceFieldRef"]
        return f"{ref.get('divisor') or 0} ({ref.get('resource', '')})"
    for field, kind in (("configMapKeyRef", "config map"), ("secretKeyRef", "secret")):
        if field in source:
            ref = source[field]
            key, name = ref.get("key", ""), ref.get("name", "")
            return f"<set to the key '{key}' of {kind} '{name}'>  Optional: {_optional(ref)}"
    return ""


def _from_metadata(path: str, pod: Obj | None) -> str:
    """The value of ``metadata.name`` and the like; kubectl resolves no other fields."""
    part, _, name = path.partition(".")
    found = pod["metadata"].get(name) if pod is not None and part == "metadata" else None
    return found if isinstance(found, str) else ""


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
