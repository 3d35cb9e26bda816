"""Categories pre-kubernetes-setup and pre-kubernetes-capability: may Linkerd be installed here?"""

import datetime
from collections.abc import Callable

from mesh.cli.checks.model import Check, CheckContext, CheckError, Skip
from mesh.cli.kube import KubeError

__all__ = ["CAPABILITY", "CLOCK_SKEW_S", "SETUP"]

# Source: Linkerd's AllowedClockSkew, the nodes' heartbeat interval (5 min) and 10 s of the certificates' own.
CLOCK_SKEW_S = 310.0
RBAC = "rbac.authorization.k8s.io"
CLUSTER_WIDE = (
    ("", "namespaces"),
    (RBAC, "clusterroles"),
    (RBAC, "clusterrolebindings"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
)
AUTHENTICATION = "extension-apiserver-authentication"
CLIENT_CA = "requestheader-client-ca-file"


def _namespace_free(context: CheckContext) -> None:
    try:
        context.kube.get("namespaces", context.namespace)
    except KubeError as error:
        if error.reason == "NotFound":
            return
        raise CheckError(error.message) from None
    raise CheckError(f'The "{context.namespace}" namespace already exists')


def _cluster_wide(context: CheckContext) -> None:
    for group, resource in CLUSTER_WIDE:
        refusal = context.may("create", group, resource)
        if refusal:
            raise CheckError(refusal)


def _may(verb: str, group: str, resource: str) -> Callable[[CheckContext], None]:
    """A check of one right in the control plane's namespace."""

    def run(context: CheckContext) -> None:
        refusal = context.may(verb, group, resource, context.namespace)
        if refusal:
            raise CheckError(refusal)

    return run


def _authentication(context: CheckContext) -> None:
    data = context.get("configmaps", AUTHENTICATION, "kube-system").get("data") or {}
    if CLIENT_CA not in data:
        raise CheckError(f"--{CLIENT_CA} is not configured")


def _clock_skew(context: CheckContext) -> None:
    """When nodes last said they are ready, on their own clocks, against this machine's."""
    skewed = []
    for node in context.list("nodes"):
        for condition in (node.get("status") or {}).get("conditions") or ():
            if condition["type"] != "Ready":
                continue
            stamp = datetime.datetime.fromisoformat(condition["lastHeartbeatTime"].replace("Z", "+00:00"))
            if abs(context.console.now() - stamp.timestamp()) > CLOCK_SKEW_S:
                skewed.append(node["metadata"]["name"])
    if skewed:
        raise CheckError(f"clock skew detected for node(s): {', '.join(skewed)}")


def _capability(name: str) -> Callable[[CheckContext], None]:
    """A check that some PodSecurityPolicy lets pods have a capability; without policies all pods may."""

    def run(context: CheckContext) -> None:
        if context.cni:
            raise Skip
        policies = context.list("podsecuritypolicies.policy")
        for policy in policies:
            allowed = (policy.get("spec") or {}).get("allowedCapabilities") or []
            if name not in allowed and "*" not in allowed:
                continue
            if not context.may("use", "policy", "podsecuritypolicies", name=policy["metadata"]["name"]):
                return
        if policies:
            raise CheckError(
                f"found {len(policies)} PodSecurityPolicies, but none provide {name}, proxy injection will "
                "fail if the PSP admission controller is running"
            )

    return run


SETUP = (
    Check("control plane namespace does not already exist", "pre-ns", _namespace_free),
    Check("can create non-namespaced resources", "pre-k8s-cluster-k8s", _cluster_wide),
    Check("can create ServiceAccounts", "pre-k8s", _may("create", "", "serviceaccounts")),
    Check("can create Services", "pre-k8s", _may("create", "", "services")),
    Check("can create Deployments", "pre-k8s", _may("create", "apps", "deployments")),
    Check("can create CronJobs", "pre-k8s", _may("create", "batch", "cronjobs")),
    Check("can create ConfigMaps", "pre-k8s", _may("create", "", "configmaps")),
    Check("can create Secrets", "pre-k8s", _may("create", "", "secrets")),
    Check("can read Secrets", "pre-k8s", _may("get", "", "secrets")),
    Check("can read extension-apiserver-authentication configmap", "pre-k8s", _authentication),
    Check("no clock skew detected", "pre-k8s-clock-skew", _clock_skew, warning=True),
)
CAPABILITY = (
    Check("has NET_ADMIN capability", "pre-k8s-cluster-net-admin", _capability("NET_ADMIN"), warning=True),
    Check("has NET_RAW capability", "pre-k8s-cluster-net-raw", _capability("NET_RAW"), warning=True),
)
