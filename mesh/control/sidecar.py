"""The containers and volumes that make a pod a member of the mesh, in both editions' forms.

*Source:* charts/partials/templates of edge-26.8.3 and stable-2.8.1. Keys are in alphabetical order, as
Helm's toPrettyJson leaves them.
"""

from typing import Any, TypeAlias

from mesh.control import labels
from mesh.control.injection.environment import END_ENTITY_PATH, TOKEN_PATH, edge_env, stable_env
from mesh.control.values import STABLE, ProxyValues

__all__ = ["debug_container", "init_container", "proxy_container", "validator_container", "volumes"]

Obj: TypeAlias = dict[str, Any]

TOKEN_AUDIENCE = "identity.l5d.io"  # noqa: S105 - an audience
TOKEN_LIFETIME_S = 86_400


def proxy_container(values: ProxyValues) -> Obj:
    """The container ``linkerd-proxy``."""
    container: Obj = {
        "env": stable_env(values) if values.edition == STABLE else edge_env(values),
        "image": values.image,
        "imagePullPolicy": values.pull_policy,
    }
    lifecycle = _lifecycle(values)
    if lifecycle:
        container["lifecycle"] = lifecycle
    container["livenessProbe"] = _probe("/live", values, 10)
    container["name"] = labels.PROXY_CONTAINER
    container["ports"] = [
        {"containerPort": values.inbound_port, "name": "linkerd-proxy"},
        {"containerPort": values.admin_port, "name": "linkerd-admin"},
    ]
    container["readinessProbe"] = _probe("/ready", values, 2)
    resources = _resources(values)
    if resources:
        container["resources"] = resources
    if values.native:
        container["restartPolicy"] = "Always"
    container["securityContext"] = _security(values)
    if values.native and values.await_proxy:
        container["startupProbe"] = {
            "failureThreshold": 120,
            "httpGet": {"path": "/ready", "port": values.admin_port},
            "periodSeconds": 1,
        }
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    mounts = _mounts(values)
    if mounts:
        container["volumeMounts"] = mounts
    return container


def init_container(values: ProxyValues) -> Obj:
    """The init container ``linkerd-init``, which redirects the pod's traffic to the proxy."""
    return _stable_init(values) if values.edition == STABLE else _edge_init(values)


def validator_container(values: ProxyValues) -> Obj:
    """With the CNI plugin: the init container that checks that the plugin redirected the pod's traffic."""
    return {
        "args": [
            "--log-format",
            "plain",
            "--log-level",
            "debug",
            "--connect-addr",
            "1.1.1.1:20001",
            "--listen-addr",
            f"0.0.0.0:{values.outbound_port}",
            "--timeout",
            "10s",
        ],
        "command": ["/usr/lib/linkerd/linkerd2-network-validator"],
        "image": values.image,
        "imagePullPolicy": values.pull_policy,
        "name": labels.VALIDATOR_CONTAINER,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsGroup": 65534,
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def debug_container(values: ProxyValues) -> Obj:
    """The container ``linkerd-debug``."""
    return {
        "image": f"{values.debug_image}:{values.debug_version or values.version}",
        "imagePullPolicy": values.debug_pull_policy or values.pull_policy,
        "name": labels.DEBUG_CONTAINER,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def volumes(values: ProxyValues) -> list[Obj]:
    """The volumes that the containers mount, in the order in which the injector adds them."""
    found: list[Obj] = []
    if values.edition != STABLE and not values.cni:
        found.append({"emptyDir": {}, "name": labels.XTABLES_VOLUME})
    if not values.disable_identity:
        found.append({"emptyDir": {"medium": "Memory"}, "name": labels.END_ENTITY_VOLUME})
    if values.edition != STABLE and values.token_projection:
        token = {
            "audience": TOKEN_AUDIENCE,
            "expirationSeconds": TOKEN_LIFETIME_S,
            "path": labels.TOKEN_VOLUME,
        }
        found.append(
            {"name": labels.TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
        )
    return found


def _probe(path: str, values: ProxyValues, delay_s: int) -> Obj:
    probe: Obj = {"httpGet": {"path": path, "port": values.admin_port}, "initialDelaySeconds": delay_s}
    if values.edition != STABLE:
        probe["timeoutSeconds"] = 1
    return probe


def _lifecycle(values: ProxyValues) -> Obj:
    """Hooks of a proxy that is an ordinary container: hold back the application, outlive its requests."""
    lifecycle: Obj = {}
    if values.edition == STABLE:
        if values.wait_before_exit_s:
            command = ["/bin/bash", "-c", f"sleep {values.wait_before_exit_s}"]
            lifecycle["preStop"] = {"exec": {"command": command}}
        return lifecycle
    if values.native:
        return lifecycle
    if values.await_proxy:
        command = ["/usr/lib/linkerd/linkerd-await", "--timeout=2m", f"--port={values.admin_port}"]
        lifecycle["postStart"] = {"exec": {"command": command}}
    if values.wait_before_exit_s:
        lifecycle["preStop"] = {"exec": {"command": ["/bin/sleep", str(values.wait_before_exit_s)]}}
    return lifecycle


def _resources(values: ProxyValues) -> Obj:
    """Limits and requests that are set; empty when none is."""
    named = (
        ("limits", "cpu", values.cpu_limit),
        ("limits", "ephemeral-storage", values.ephemeral_storage_limit),
        ("limits", "memory", values.memory_limit),
        ("requests", "cpu", values.cpu_request),
        ("requests", "ephemeral-storage", values.ephemeral_storage_request),
        ("requests", "memory", values.memory_request),
    )
    resources: Obj = {}
    for group, name, quantity in named:
        if quantity:
            resources.setdefault(group, {})[name] = quantity
    return resources


def _security(values: ProxyValues) -> Obj:
    """The proxy runs as a user of its own, by which the redirection knows its traffic."""
    security: Obj = {"allowPrivilegeEscalation": False}
    capabilities = {
        name: list(found)
        for name, found in (("add", values.added_capabilities), ("drop", values.dropped_capabilities))
        if found
    }
    if capabilities:
        security["capabilities"] = capabilities
    security["readOnlyRootFilesystem"] = True
    if values.edition == STABLE:
        return {**security, "runAsUser": values.uid}
    if values.gid >= 0:
        security["runAsGroup"] = values.gid
    security["runAsNonRoot"] = True
    security["runAsUser"] = values.uid
    security["seccompProfile"] = {"type": "RuntimeDefault"}
    return security


def _mounts(values: ProxyValues) -> list[Obj]:
    mounts: list[Obj] = []
    if not values.disable_identity:
        mounts.append({"mountPath": END_ENTITY_PATH, "name": labels.END_ENTITY_VOLUME})
    if values.edition != STABLE and values.token_projection:
        mounts.append({"mountPath": TOKEN_PATH, "name": labels.TOKEN_VOLUME})
    elif values.account_mount is not None:
        mount = values.account_mount
        mounts.append({"mountPath": mount.path, "name": mount.name, "readOnly": mount.read_only})
    return mounts


def _stable_init(values: ProxyValues) -> Obj:
    skip_outbound = values.skip_outbound_ports
    if values.component.startswith("linkerd-"):  # the control plane reaches the API server unproxied
        skip_outbound = f"443,{skip_outbound}" if skip_outbound else "443"
    container: Obj = {
        "args": _redirection(values, skip_outbound),
        "image": f"{values.init_image}:{values.init_version}",
        "imagePullPolicy": values.pull_policy,
        "name": labels.INIT_CONTAINER,
        "resources": {
            "limits": {"cpu": "100m", "memory": "50Mi"},
            "requests": {"cpu": "10m", "memory": "10Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {
                "add": ["NET_ADMIN", "NET_RAW", *values.added_capabilities],
                **({"drop": list(values.dropped_capabilities)} if values.dropped_capabilities else {}),
            },
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if values.account_mount is not None:
        mount = values.account_mount
        container["volumeMounts"] = [
            {"mountPath": mount.path, "name": mount.name, "readOnly": mount.read_only}
        ]
    return container


def _edge_init(values: ProxyValues) -> Obj:
    privileged = values.close_wait_timeout_s > 0  # the conntrack setting is the kernel's: it takes root
    args = ["--firewall-bin-path", "iptables-nft", "--firewall-save-bin-path", "iptables-nft-save"]
    args += ["--ipv6=false", *_redirection(values, values.skip_outbound_ports)]
    user = {"runAsNonRoot": False, "runAsUser": 0}
    if not privileged:
        user = {"runAsGroup": 65534, "runAsNonRoot": True, "runAsUser": 65534}
    return {
        "args": args,
        "command": ["/usr/lib/linkerd/linkerd2-proxy-init"],
        "image": f"{values.init_image}:{values.init_version or values.proxy_version or values.version}",
        "imagePullPolicy": values.pull_policy,
        "name": labels.INIT_CONTAINER,
        "securityContext": {
            "allowPrivilegeEscalation": privileged,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]},
            "privileged": privileged,
            "readOnlyRootFilesystem": True,
            **user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"mountPath": "/run", "name": labels.XTABLES_VOLUME}],
    }


def _redirection(values: ProxyValues, skip_outbound: str) -> list[str]:
    """The arguments both init programs share; the proxy's own ports are never redirected."""
    skip_inbound = f"{values.control_port},{values.admin_port}"
    if values.skip_inbound_ports:
        skip_inbound += f",{values.skip_inbound_ports}"
    args = [
        "--incoming-proxy-port",
        str(values.inbound_port),
        "--outgoing-proxy-port",
        str(values.outbound_port),
    ]
    args += ["--proxy-uid", str(values.uid)]
    if values.gid >= 0:
        args += ["--proxy-gid", str(values.gid)]
    args += ["--inbound-ports-to-ignore", skip_inbound]
    if skip_outbound:
        args += ["--outbound-ports-to-ignore", skip_outbound]
    if values.close_wait_timeout_s:
        args += ["--timeout-close-wait-secs", str(values.close_wait_timeout_s)]
    if values.skip_subnets:
        args += ["--subnets-to-ignore", values.skip_subnets]
    return args
