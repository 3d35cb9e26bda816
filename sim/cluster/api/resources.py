"""Which resources the API serves: the built-in ones of a cluster's version, and those CRDs add."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.cluster.api.errors import NoMatch, UnknownResource, did_you_mean

__all__ = ["Registry", "Resource", "cluster_minor", "version_rank"]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API.

    Attributes:
        version: the preferred one, in which objects are stored and returned.
        versions: all that are served, preferred first.
        subresources: ``status``, ``scale``, …
        custom: made by a CustomResourceDefinition.
        stored: False for reviews, which are answered and forgotten.
        key: ``pods`` or ``deployments.apps``.
        api_version: ``v1`` or ``apps/v1``.
    """

    group: str
    version: str
    versions: tuple[str, ...]
    plural: str
    singular: str
    kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    custom: bool = False
    stored: bool = True
    key: str = field(init=False)
    api_version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.plural}.{self.group}" if self.group else self.plural)
        object.__setattr__(
            self, "api_version", f"{self.group}/{self.version}" if self.group else self.version
        )

    @property
    def has_status(self) -> bool:
        """Whether status is written through a subresource only."""
        return "status" in self.subresources

    @property
    def verbs(self) -> tuple[str, ...]:
        """What discovery lists."""
        if not self.stored:
            return ("create",)
        if self.group == "metrics.k8s.io":
            return ("get", "list")
        return ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Row(NamedTuple):
    """A line of the table below; versions are ``v1`` or ``v1@FIRST-LAST`` by minor version of the cluster."""

    group: str
    versions: str
    plural: str
    kind: str
    short: str = ""
    categories: str = ""
    scope: str = "Namespaced"
    subresources: str = "status"


CLUSTER = "Cluster"
RBAC, ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
AUTHZ, AUTHN, NETWORK = "authorization.k8s.io", "authentication.k8s.io", "networking.k8s.io"

# Source: the API lists of Kubernetes 1.12 to 1.33 and its deprecation guide (first and last minor).
TABLE = (
    Row("", "v1", "pods", "Pod", "po", "all"),
    Row("", "v1", "services", "Service", "svc", "all"),
    Row(
        "", "v1", "replicationcontrollers", "ReplicationController", "rc", "all", subresources="status scale"
    ),
    Row(
        "apps",
        "v1 v1beta2@-15 v1beta1@-15",
        "deployments",
        "Deployment",
        "deploy",
        "all",
        subresources="status scale",
    ),
    Row("apps", "v1 v1beta2@-15", "replicasets", "ReplicaSet", "rs", "all", subresources="status scale"),
    Row("apps", "v1 v1beta2@-15", "daemonsets", "DaemonSet", "ds", "all"),
    Row(
        "apps",
        "v1 v1beta2@-15 v1beta1@-15",
        "statefulsets",
        "StatefulSet",
        "sts",
        "all",
        subresources="status scale",
    ),
    Row("apps", "v1 v1beta2@-15", "controllerrevisions", "ControllerRevision", subresources=""),
    Row("batch", "v1", "jobs", "Job", "", "all"),
    Row("batch", "v1@21- v1beta1@-24", "cronjobs", "CronJob", "cj", "all"),
    Row(
        "autoscaling",
        "v2@23- v1 v2beta2@12-25 v2beta1@-24",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "hpa",
        "all",
    ),
    Row("", "v1", "namespaces", "Namespace", "ns", scope=CLUSTER),
    Row("", "v1", "nodes", "Node", "no", scope=CLUSTER),
    Row("", "v1", "configmaps", "ConfigMap", "cm", subresources=""),
    Row("", "v1", "secrets", "Secret", subresources=""),
    Row("", "v1", "serviceaccounts", "ServiceAccount", "sa", subresources=""),
    Row("", "v1", "endpoints", "Endpoints", "ep", subresources=""),
    Row("", "v1", "events", "Event", "ev", subresources=""),
    Row("", "v1", "resourcequotas", "ResourceQuota", "quota"),
    Row("", "v1", "limitranges", "LimitRange", "limits", subresources=""),
    Row("", "v1", "persistentvolumes", "PersistentVolume", "pv", scope=CLUSTER),
    Row("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc"),
    Row("discovery.k8s.io", "v1@21- v1beta1@17-24", "endpointslices", "EndpointSlice", subresources=""),
    Row(RBAC, "v1 v1beta1@-21", "roles", "Role", subresources=""),
    Row(RBAC, "v1 v1beta1@-21", "rolebindings", "RoleBinding", subresources=""),
    Row(RBAC, "v1 v1beta1@-21", "clusterroles", "ClusterRole", scope=CLUSTER, subresources=""),
    Row(RBAC, "v1 v1beta1@-21", "clusterrolebindings", "ClusterRoleBinding", scope=CLUSTER, subresources=""),
    Row(
        ADMISSION,
        "v1@16- v1beta1@-21",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "",
        "api-extensions",
        CLUSTER,
        "",
    ),
    Row(
        ADMISSION,
        "v1@16- v1beta1@-21",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "",
        "api-extensions",
        CLUSTER,
        "",
    ),
    Row(
        "apiextensions.k8s.io",
        "v1@16- v1beta1@-21",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd crds",
        "api-extensions",
        CLUSTER,
    ),
    Row(
        "apiregistration.k8s.io", "v1 v1beta1@-21", "apiservices", "APIService", "", "api-extensions", CLUSTER
    ),
    Row("policy", "v1@21- v1beta1@-24", "poddisruptionbudgets", "PodDisruptionBudget", "pdb"),
    Row("policy", "v1beta1@-24", "podsecuritypolicies", "PodSecurityPolicy", "psp", "", CLUSTER, ""),
    Row(NETWORK, "v1", "networkpolicies", "NetworkPolicy", "netpol", subresources=""),
    Row(NETWORK, "v1@19- v1beta1@14-21", "ingresses", "Ingress", "ing"),
    Row(NETWORK, "v1@19-", "ingressclasses", "IngressClass", scope=CLUSTER, subresources=""),
    Row("coordination.k8s.io", "v1@14- v1beta1@-21", "leases", "Lease", subresources=""),
    Row("scheduling.k8s.io", "v1@14- v1beta1@-21", "priorityclasses", "PriorityClass", "pc", "", CLUSTER, ""),
    Row("storage.k8s.io", "v1 v1beta1@-21", "storageclasses", "StorageClass", "sc", "", CLUSTER, ""),
    Row("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", subresources=""),
    Row("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", scope=CLUSTER, subresources=""),
)

REVIEWS = (
    Row(AUTHZ, "v1 v1beta1@-21", "selfsubjectaccessreviews", "SelfSubjectAccessReview", scope=CLUSTER),
    Row(AUTHZ, "v1 v1beta1@-21", "selfsubjectrulesreviews", "SelfSubjectRulesReview", scope=CLUSTER),
    Row(AUTHZ, "v1 v1beta1@-21", "subjectaccessreviews", "SubjectAccessReview", scope=CLUSTER),
    Row(AUTHZ, "v1 v1beta1@-21", "localsubjectaccessreviews", "LocalSubjectAccessReview"),
    Row(AUTHN, "v1 v1beta1@-21", "tokenreviews", "TokenReview", scope=CLUSTER),
    Row(AUTHN, "v1@28-", "selfsubjectreviews", "SelfSubjectReview", scope=CLUSTER),
)

# Kinds once served under another group too: (apiVersion, kind, key, last minor).
FORMERLY = (
    ("extensions/v1beta1", "Deployment", "deployments.apps", 15),
    ("extensions/v1beta1", "DaemonSet", "daemonsets.apps", 15),
    ("extensions/v1beta1", "ReplicaSet", "replicasets.apps", 15),
    ("extensions/v1beta1", "NetworkPolicy", "networkpolicies.networking.k8s.io", 15),
    ("extensions/v1beta1", "PodSecurityPolicy", "podsecuritypolicies.policy", 15),
    ("extensions/v1beta1", "Ingress", "ingresses.networking.k8s.io", 21),
)

VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")


def cluster_minor(version: str) -> int:
    """15 of ``v1.15.12-gke.20``.

    Raises:
        ValueError: not a Kubernetes version.
    """
    match = re.match(r"^v?1\.(\d+)(\.|\+|-|$)", version)
    if match is None:
        raise ValueError(f'"{version}" is not a Kubernetes version; write it like v1.32.4')
    return int(match[1])


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key: v2 before v1 before v1beta3 before v1beta1 before v1alpha1 before anything else."""
    match = VERSION.match(version)
    if match is None:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stage, -int(match[1]), -int(match[3] or 0), "")


def _served(text: str, minor: int) -> tuple[str, ...]:
    """The versions of ``v1@16- v1beta1@-21`` that a cluster of that minor serves."""
    found = []
    for word in text.split():
        version, _, span = word.partition("@")
        first, _, last = span.partition("-")
        if int(first or 0) <= minor <= int(last or 999):
            found.append(version)
    return tuple(found)


class Registry:
    """The resources served now, and every word people call them by.

    Args:
        minor: minor version of the cluster; it decides which built-in versions exist.
    """

    def __init__(self, minor: int) -> None:
        self.minor = minor
        self._by_key: dict[str, Resource] = {}
        self._words: dict[str, Resource] = {}
        self._kinds: dict[tuple[str, str], Resource] = {}
        for row in TABLE + REVIEWS:
            versions = _served(row.versions, minor)
            if versions:
                self._by_key |= {made.key: made for made in [_resource(row, versions)]}
        self._index()

    def add(self, resource: Resource) -> None:
        """Serve a custom resource, or its new definition."""
        self._by_key[resource.key] = resource
        self._index()

    def remove(self, key: str) -> None:
        """Stop serving a custom resource."""
        del self._by_key[key]
        self._index()

    def all(self) -> list[Resource]:
        """Every resource served, built-in ones first."""
        return list(self._by_key.values())

    def _index(self) -> None:
        """Words to resources; the first resource to claim a word keeps it (``pods`` is core's)."""
        self._words, self._kinds = {}, {}
        for resource in self._by_key.values():
            for word in _words(resource):
                self._words.setdefault(word, resource)
            for version in resource.versions:
                prefix = f"{resource.group}/" if resource.group else ""
                self._kinds[prefix + version, resource.kind] = resource
        for api_version, kind, key, last in FORMERLY:
            if self.minor <= last and key in self._by_key:
                self._kinds[api_version, kind] = self._by_key[key]

    def find(self, word: str) -> Resource:
        """The resource people mean by ``po``, ``pods``, ``Pod``, ``pods.v1.``, ``deployments.apps``….

        Raises:
            UnknownResource: nothing is called that.
        """
        found = self._by_key.get(word) or self._words.get(word.lower())
        if found is None:
            hint = did_you_mean(word.lower(), self._words)
            raise UnknownResource(f'the server doesn\'t have a resource type "{word}"{hint}')
        return found

    def for_kind(self, api_version: str, kind: str) -> Resource:
        """The resource whose objects carry that apiVersion and kind.

        Raises:
            NoMatch: none, with a hint when the kind or the version is nearly right.
        """
        found = self._kinds.get((api_version, kind))
        if found is None:
            raise NoMatch(
                f'no matches for kind "{kind}" in version "{api_version}"{self._hint(api_version, kind)}'
            )
        return found

    def _hint(self, api_version: str, kind: str) -> str:
        elsewhere = sorted(version for version, known in self._kinds if known == kind)
        if elsewhere:
            return f" (this cluster serves {kind} as {' and '.join(elsewhere)})"
        return did_you_mean(kind, (known for version, known in self._kinds if version == api_version))


def _resource(row: Row, versions: tuple[str, ...]) -> Resource:
    return Resource(
        group=row.group,
        version=versions[0],
        versions=versions,
        plural=row.plural,
        singular=row.kind.lower(),
        kind=row.kind,
        short_names=tuple(row.short.split()),
        categories=tuple(row.categories.split()),
        namespaced=row.scope != CLUSTER,
        subresources=tuple(row.subresources.split()),
        stored=row not in REVIEWS,
    )


def _words(resource: Resource) -> Iterable[str]:
    """Everything a resource is called: with and without its group, and with a version between."""
    names = [resource.plural, resource.singular, *resource.short_names, resource.kind.lower()]
    for name in dict.fromkeys(names):
        yield name
        if resource.group:
            yield f"{name}.{resource.group}"
        for version in resource.versions:
            yield f"{name}.{version}.{resource.group}"
