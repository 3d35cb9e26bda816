"""What an installation is made from: edition, namespaces, chart values, certificates."""

import datetime
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mesh.cli.manifests.objects import Naming, Obj
from mesh.control.certificates import Pair, make_self_signed
from mesh.control.config import from_config
from mesh.control.values import ProxyValues, defaults
from mesh.editions import Edition
from mesh.yaml import dump

__all__ = ["CERTIFICATE_LIFETIME_S", "Settings", "chart_values", "proxy_values"]

CERTIFICATE_LIFETIME_S = 365 * 86_400.0
PLACEHOLDER = re.compile(r"{(\w+)}")
COMPONENT = "linkerd.io/control-plane-component"
CONTROL_PLANE_NS = "linkerd.io/control-plane-ns"
HA_CONTROLLER = {"cpu": {"request": "100m"}, "memory": {"request": "50Mi", "limit": "250Mi"}}
HA_IDENTITY = {"cpu": {"request": "100m"}, "memory": {"request": "10Mi", "limit": "250Mi"}}
HEARTBEAT_DELAY_MIN = 10  # the daily heartbeat is due this long after the time of day of the installation


@dataclass(frozen=True)
class Settings:
    """Everything the manifests depend on.

    Attributes:
        values: the chart's values, flags applied; what edge keeps in ``linkerd-config``.
        proxy: the values that concern sidecars, of which the control plane's own are made.
        issuer: certificate and key that sign workload certificates.
        webhooks: certificate and key by name of the service that shows it.
        now: Unix seconds of the installation.
    """

    edition: Edition
    namespace: str
    values: Mapping[str, Any]
    proxy: ProxyValues
    issuer: Pair
    webhooks: Mapping[str, Pair]
    now: float
    viz_namespace: str = ""

    @property
    def ha(self) -> bool:
        """Three replicas, resource requests, webhooks that must answer."""
        return bool(self.values.get("highAvailability"))

    @property
    def domain(self) -> str:
        """The cluster's DNS domain."""
        return str(self.values["clusterDomain"])

    @property
    def failure_policy(self) -> str:
        """What the API server does when a webhook does not answer."""
        return str(self.values["webhookFailurePolicy"])

    @property
    def created_by(self) -> str:
        """Value of the annotation ``linkerd.io/created-by``."""
        return f"linkerd/cli {self.edition.version}"

    def naming(self, component: str) -> Naming:
        """Names and labels of a control-plane component's objects."""
        labels = {COMPONENT: component, CONTROL_PLANE_NS: self.namespace}
        return Naming(self.namespace, labels, self.created_by)

    def fill(self, text: str) -> str:
        """The text with the placeholders of :class:`mesh.editions.Part` filled in."""
        issuer, proxy = self.values["identity"]["issuer"], self.values["proxy"]
        words = {
            "ns": self.namespace,
            "viz": self.viz_namespace,
            "domain": self.domain,
            "trust": self.values["identityTrustDomain"],
            "lifetime": issuer["issuanceLifetime"],
            "skew": issuer["clockSkewAllowance"],
            "networks": self.values["clusterNetworks"],
            "opaque": proxy["opaquePorts"],
            "policy": proxy["defaultInboundPolicy"],
            "log": self.values["controllerLogLevel"],
        }
        return PLACEHOLDER.sub(lambda match: str(words[match[1]]), text)

    def heartbeat_schedule(self) -> str:
        """Cron schedule of the daily heartbeat: ten minutes after the time of installation, UTC."""
        due = datetime.datetime.fromtimestamp(self.now, datetime.UTC)
        due += datetime.timedelta(minutes=HEARTBEAT_DELAY_MIN)
        return f"{due.minute} {due.hour} * * *"


def chart_values(edition: Edition, *, ha: bool = False) -> Obj:
    """The chart's default values; edge's names are used for both editions."""
    sidecar = defaults(edition)
    replicas = 3 if ha else 1
    resources: Obj = {"controllerResources": HA_CONTROLLER, "identityResources": HA_IDENTITY} if ha else {}
    return {
        "clusterDomain": "cluster.local",
        "clusterNetworks": ",".join(edition.cluster_networks),
        "cniEnabled": False,
        "controllerImage": f"{edition.registry}/controller",
        "controllerLogLevel": "info",
        "controllerReplicas": replicas,
        "controllerUID": edition.controller_uid,
        "debugContainer": {
            "image": {"name": edition.debug_image, "pullPolicy": "", "version": edition.version}
        },
        "disableHeartBeat": False,
        "disableIPv6": True,
        "enableEndpointSlices": True,
        "enableH2Upgrade": True,
        "enablePodDisruptionBudget": ha,
        "highAvailability": ha,
        "identity": _identity_chart(),
        "identityTrustAnchorsPEM": "",
        "identityTrustDomain": "cluster.local",
        "imagePullPolicy": "IfNotPresent",
        "linkerdVersion": edition.version,
        "prometheusUrl": "",
        "proxy": _proxy_chart(edition, sidecar, ha=ha),
        "proxyInit": {
            "closeWaitTimeoutSecs": 0,
            "ignoreInboundPorts": sidecar.skip_inbound_ports,
            "ignoreOutboundPorts": sidecar.skip_outbound_ports,
            "image": {"name": edition.init_image, "version": edition.init_version},
            "kubeAPIServerPorts": "443,6443",
            "skipSubnets": "",
        },
        **resources,
        "webhookFailurePolicy": "Fail" if ha else "Ignore",
    }


def _identity_chart() -> Obj:
    """The chart's values under ``identity``."""
    issuer = {
        "clockSkewAllowance": "20s",
        "issuanceLifetime": "24h0m0s",
        "scheme": "linkerd.io/tls",
        "tls": {"crtPEM": ""},
    }
    return {"externalCA": False, "issuer": issuer, "serviceAccountTokenProjection": True}


def _proxy_chart(edition: Edition, sidecar: ProxyValues, *, ha: bool) -> Obj:
    """The chart's values under ``proxy``."""
    none = {"limit": "", "request": ""}
    resources = {"cpu": dict(none), "ephemeral-storage": dict(none), "memory": dict(none)}
    if ha:
        resources["cpu"] = {"limit": "" if edition.viz_prefix else "1", "request": "100m"}
        resources["memory"] = {"limit": "250Mi", "request": "20Mi"}
    return {
        "accessLog": "",
        "await": sidecar.await_proxy,
        "defaultInboundPolicy": sidecar.default_inbound_policy,
        "disableInboundProtocolDetectTimeout": False,
        "disableOutboundProtocolDetectTimeout": False,
        "enableExternalProfiles": False,
        "enableShutdownEndpoint": False,
        "gid": -1,
        "image": {
            "name": edition.proxy_image,
            "pullPolicy": "IfNotPresent",
            "version": edition.proxy_version,
        },
        "inboundConnectTimeout": sidecar.inbound_connect_timeout,
        "inboundDiscoveryCacheUnusedTimeout": sidecar.inbound_discovery_idle,
        "isGateway": False,
        "isIngress": False,
        "logFormat": "plain",
        "logHTTPHeaders": "off",
        "logLevel": sidecar.log_level,
        "nativeSidecar": edition.native_sidecar,
        "opaquePorts": ",".join(edition.opaque_ports),
        "outboundConnectTimeout": sidecar.outbound_connect_timeout,
        "outboundDiscoveryCacheUnusedTimeout": sidecar.outbound_discovery_idle,
        "ports": {"admin": 4191, "control": 4190, "inbound": 4143, "outbound": 4140},
        "requireIdentityOnInboundPorts": "",
        "resources": resources,
        "shutdownGracePeriod": "",
        "uid": 2102,
        "waitBeforeExitSeconds": 0,
    }


def proxy_values(edition: Edition, namespace: str, values: Mapping[str, Any]) -> ProxyValues:
    """What the control plane's own sidecars are made from.

    Raises:
        ConfigError: a value has the wrong form.
    """
    base = from_config({"data": {"values": dump(dict(values))}})
    if edition.viz_prefix:
        return replace(base, namespace=namespace)
    # 2.8.1's form of the same settings; what that edition does not know keeps its own default.
    own = defaults(edition)
    kept = {
        name: getattr(own, name)
        for name in (
            "edition",
            "native",
            "opaque_ports",
            "default_inbound_policy",
            "await_proxy",
            "token_projection",
        )
    }
    return replace(base, namespace=namespace, **kept)


def webhook_pairs(names: Mapping[str, str], rng: random.Random, now: float) -> dict[str, Pair]:
    """A self-signed certificate for each service: ``names`` maps service to namespace."""
    return {
        service: make_self_signed([f"{service}.{namespace}.svc"], rng, now, CERTIFICATE_LIFETIME_S)
        for service, namespace in names.items()
    }
