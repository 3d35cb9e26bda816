"""The ConfigMaps that remember how the control plane was installed.

*Source:* linkerd-config of stable-2.8.1 (keys global, proxy, install: protobuf as JSON) and of edge (key
values: the chart's values).
"""

import json
from typing import Any

from mesh.cli.flags import duration
from mesh.cli.manifests.objects import Obj, config_map
from mesh.cli.manifests.settings import Settings
from mesh.yaml import dump

__all__ = ["addons_config", "edge_config", "grafana_config", "stable_config"]


def stable_config(settings: Settings, flags: list[tuple[str, str]]) -> Obj:
    """``linkerd-config`` of 2.8.1; ``flags`` are the ones given to ``install``."""
    install = {
        "cliVersion": settings.edition.version,
        "flags": [{"name": name, "value": value} for name, value in flags],
    }
    data = {"global": _global(settings), "proxy": _proxy(settings), "install": install}
    return config_map(
        settings.naming("controller"),
        "linkerd-config",
        {key: json.dumps(value, separators=(",", ":")) for key, value in data.items()},
    )


def _global(settings: Settings) -> dict[str, Any]:
    issuer = settings.values["identity"]["issuer"]
    return {
        "linkerdNamespace": settings.namespace,
        "cniEnabled": bool(settings.values["cniEnabled"]),
        "version": settings.edition.version,
        "identityContext": {
            "trustDomain": settings.values["identityTrustDomain"],
            "trustAnchorsPem": settings.values["identityTrustAnchorsPEM"],
            "issuanceLifetime": f"{duration(issuer['issuanceLifetime']):g}s",
            "clockSkewAllowance": f"{duration(issuer['clockSkewAllowance']):g}s",
            "scheme": issuer["scheme"],
        },
        "autoInjectContext": None,
        "omitWebhookSideEffects": False,
        "clusterDomain": settings.domain,
    }


def _proxy(settings: Settings) -> dict[str, Any]:
    values = settings.proxy
    resource = {
        "requestCpu": values.cpu_request,
        "limitCpu": values.cpu_limit,
        "requestMemory": values.memory_request,
        "limitMemory": values.memory_limit,
    }
    return {
        "proxyImage": {"imageName": values.proxy_image, "pullPolicy": values.pull_policy},
        "proxyInitImage": {"imageName": values.init_image, "pullPolicy": values.pull_policy},
        "controlPort": {"port": values.control_port},
        "ignoreInboundPorts": _ports(values.skip_inbound_ports),
        "ignoreOutboundPorts": _ports(values.skip_outbound_ports),
        "inboundPort": {"port": values.inbound_port},
        "adminPort": {"port": values.admin_port},
        "outboundPort": {"port": values.outbound_port},
        "resource": resource,
        "proxyUid": str(values.uid),
        "logLevel": {"level": values.log_level},
        "disableExternalProfiles": not values.external_profiles,
        "proxyVersion": values.proxy_version,
        "proxyInitImageVersion": values.init_version,
        "debugImage": {"imageName": values.debug_image, "pullPolicy": values.pull_policy},
        "debugImageVersion": values.debug_version or values.version,
    }


def _ports(text: str) -> list[dict[str, str]]:
    return [{"portRange": port.strip()} for port in text.split(",") if port.strip()]


def edge_config(settings: Settings) -> Obj:
    """``linkerd-config`` of edge; private keys are left out."""
    return config_map(
        settings.naming("controller"),
        "linkerd-config",
        {"linkerd-crds-chart-version": settings.edition.version, "values": dump(dict(settings.values))},
    )


def addons_config(settings: Settings) -> Obj:
    """``linkerd-config-addons`` of 2.8.1: which add-ons are on."""
    values = {
        "grafana": {"enabled": True, "name": "linkerd-grafana"},
        "prometheus": {"enabled": True, "name": "linkerd-prometheus"},
        "tracing": {"enabled": False},
    }
    found = config_map(settings.naming("controller"), "linkerd-config-addons", {"values": dump(values)})
    del found["metadata"]["labels"]["linkerd.io/control-plane-component"]
    return found


def grafana_config(settings: Settings) -> Obj:
    """Grafana's own settings, and Prometheus as the place its figures come from."""
    ini = (
        "instance_name = linkerd-grafana\n\n"
        "[server]\nroot_url = %(protocol)s://%(domain)s:/grafana/\n\n"
        "[auth]\ndisable_login_form = true\n\n"
        "[auth.anonymous]\nenabled = true\norg_role = Editor\n\n"
        "[auth.basic]\nenabled = false\n\n"
        "[analytics]\ncheck_for_updates = false\n\n"
        "[panels]\ndisable_sanitize_html = true\n"
    )
    source = {
        "name": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "orgId": 1,
        "url": settings.fill("http://linkerd-prometheus.{ns}.svc.{domain}:9090"),
        "isDefault": True,
        "jsonData": {"timeInterval": "5s"},
        "version": 1,
        "editable": True,
    }
    provider = {
        "name": "default",
        "orgId": 1,
        "folder": "",
        "type": "file",
        "disableDeletion": True,
        "editable": True,
        "options": {"path": "/var/lib/grafana/dashboards", "homeDashboardId": "linkerd-top-line"},
    }
    data = {
        "grafana.ini": ini,
        "datasources.yaml": dump({"apiVersion": 1, "datasources": [source]}),
        "dashboards.yaml": dump({"apiVersion": 1, "providers": [provider]}),
    }
    return config_map(settings.naming("grafana"), "linkerd-grafana-config", data)
