"""Categories linkerd-extension-checks, linkerd-viz and linkerd-viz-data-plane of edge."""

import base64
from collections.abc import Callable
from dataclasses import replace

from mesh.cli.checks.api import api_service, self_check
from mesh.cli.checks.dataplane import metrics_present, namespace_exists
from mesh.cli.checks.existence import require_names
from mesh.cli.checks.identity import parse_pem, secret_text, soon_problem
from mesh.cli.checks.model import Check, CheckContext, CheckError, Finding, Skip, listing
from mesh.cli.checks.pods import proxy_of, ready, require_running, running
from mesh.cli.checks.versions import proxy_checks
from mesh.cli.kube import KubeError, Obj
from mesh.cli.manifests.settings import Settings, chart_values, proxy_values
from mesh.cli.manifests.viz import WEBHOOK_SERVICES, viz_documents
from mesh.control.certificates import Pair
from mesh.control.verification import verify

__all__ = ["EXTENSIONS", "VIZ", "VIZ_DATA_PLANE"]

EXTENSION = "linkerd.io/extension"
RBAC = "rbac.authorization.k8s.io"
METRICS_API = "metrics-api"
PROMETHEUS_PORT = 9090
SCRAPE_POLICY = "prometheus-scrape"  # the AuthorizationPolicy that `linkerd viz allow-scrapes` makes
DEFAULT_POLICY = "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY"


def _extensions(context: CheckContext) -> None:
    """No two namespaces claim the same extension."""
    names: dict[str, list[str]] = {}
    for namespace in context.list("namespaces", labels=EXTENSION):
        metadata = namespace["metadata"]
        names.setdefault(metadata["labels"][EXTENSION], []).append(metadata["name"])
    double = [
        f'label "{EXTENSION}={name}" is applied to more than one namespace: {", ".join(sorted(found))}'
        for name, found in sorted(names.items())
        if len(found) > 1
    ]
    if double:
        raise listing("some extensions have invalid configuration", double)


def viz_namespace(context: CheckContext) -> str:
    """Where the extension is.

    Raises:
        CheckError: nowhere.
    """
    found = context.list("namespaces", labels=f"{EXTENSION}=viz")
    if not found:
        raise CheckError(
            "could not find the linkerd-viz extension: no namespace is labelled linkerd.io/extension=viz"
        )
    return str(found[0]["metadata"]["name"])


def _namespace(context: CheckContext) -> None:
    if context.lenient_viz and not context.list("namespaces", labels=f"{EXTENSION}=viz"):
        raise Skip
    viz_namespace(context)


def _installed(
    run: Callable[[CheckContext, str], list[Finding] | None],
) -> Callable[[CheckContext], list[Finding] | None]:
    """A check that does not apply where the extension is not installed."""

    def wrapped(context: CheckContext) -> list[Finding] | None:
        try:
            namespace = viz_namespace(context)
        except CheckError:
            if context.lenient_viz:
                raise Skip from None
            raise
        return run(context, namespace)

    return wrapped


def _client(context: CheckContext, namespace: str) -> None:
    """The API server answers."""
    try:
        context.kube.version()
    except KubeError as error:
        raise CheckError(error.message) from None


def _expected(context: CheckContext, namespace: str, kind: str) -> set[str]:
    """Names of the extension's objects of a kind, taken from the manifests themselves."""
    edition, core = context.console.edition, context.namespace
    values = chart_values(edition)
    nothing = Pair("", "")
    settings = Settings(
        edition,
        core,
        values,
        proxy_values(edition, core, values),
        nothing,
        dict.fromkeys(WEBHOOK_SERVICES, nothing),
        0,
        namespace,
    )
    return {
        item["metadata"]["name"]
        for _, objects in viz_documents(settings)
        for item in objects
        if item["kind"] == kind
    }


def _exist(kind: str) -> Callable[[CheckContext, str], None]:
    def run(context: CheckContext, namespace: str) -> None:
        found = context.list(f"{kind.lower()}s.{RBAC}", labels=f"{EXTENSION}=viz")
        require_names(f"{kind}s", _expected(context, namespace, kind), found)

    return run


def _tap_certificate(context: CheckContext, namespace: str) -> tuple[str, str]:
    """Tap's certificate and the bundle in its APIService.

    Raises:
        CheckError: one of them is missing.
    """
    service = context.get("apiservices.apiregistration.k8s.io", "v1alpha1.tap.linkerd.io")
    try:
        bundle = base64.b64decode((service.get("spec") or {}).get("caBundle", "")).decode()
    except ValueError:
        raise CheckError("v1alpha1.tap.linkerd.io has no valid caBundle") from None
    return secret_text(context.get("secrets", "tap-k8s-tls", namespace), "tls.crt"), bundle


def _tap_valid(context: CheckContext, namespace: str) -> None:
    pem, bundle = _tap_certificate(context, namespace)
    problem = verify(pem, "", bundle, f"tap.{namespace}.svc", context.console.now())
    if problem:
        raise CheckError(f"certificate of tap: {problem}")


def _tap_lasting(context: CheckContext, namespace: str) -> None:
    problem = soon_problem(
        parse_pem(_tap_certificate(context, namespace)[0], "tap")[0], context.console.now()
    )
    if problem:
        raise CheckError(f"certificate {problem}")


def _tap_running(context: CheckContext, namespace: str) -> None:
    api_service(context)


def _pods(context: CheckContext, namespace: str) -> list[Obj]:
    found = context.list("pods", namespace, labels=f"{EXTENSION}=viz")
    return [pod for pod in found if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]


def _injected(context: CheckContext, namespace: str) -> None:
    for pod in _pods(context, namespace):
        if proxy_of(pod) is None:
            raise CheckError(f"could not find proxy container for {pod['metadata']['name']} pod")


def _running(context: CheckContext, namespace: str) -> None:
    deployments = [workload.name for workload in context.console.edition.viz if workload.name != "prometheus"]
    require_running(_pods(context, namespace), deployments)


def _proxied(context: CheckContext) -> list[Obj]:
    return [pod for pod in _pods(context, viz_namespace(context)) if proxy_of(pod)]


def _prometheus(context: CheckContext, namespace: str) -> None:
    """A Prometheus of the extension runs and answers."""
    pods = [
        pod for pod in _pods(context, namespace) if pod["metadata"]["labels"].get("component") == "prometheus"
    ]
    if not any(running(pod) for pod in pods):
        raise CheckError("missing Prometheus: no pod with the label component=prometheus is running")
    pod = next(pod for pod in pods if running(pod))
    context.ask(namespace, pod["metadata"]["name"], PROMETHEUS_PORT, "GET", "/-/ready")


def _api_pod(context: CheckContext, namespace: str) -> str:
    """A running pod of the metrics API.

    Raises:
        CheckError: there is none.
    """
    for pod in _pods(context, namespace):
        if pod["metadata"]["labels"].get("component") == METRICS_API and ready(pod):
            return str(pod["metadata"]["name"])
    raise CheckError(f'No running pods for "{METRICS_API}"')


def _self_check(context: CheckContext, namespace: str) -> None:
    """What the API found wrong, in one line; stable-2.8.1 had a line for each finding."""
    found = self_check(context, namespace, _api_pod(context, namespace))
    problems = [finding.error for finding in found if finding.error]
    if problems:
        raise CheckError("\n".join(problems))


def _data_plane_namespace(context: CheckContext, namespace: str) -> None:
    namespace_exists(context)


def _scrapable(context: CheckContext, namespace: str) -> None:
    """No proxy denies by default what no policy of its namespace lets Prometheus do.

    *Source:* linkerd2 viz/pkg/healthcheck, checkPromAuthorized, which looks at what proxies run with,
    not at annotations.
    """
    place = context.data_plane_namespace
    names = [place] if place else [one["metadata"]["name"] for one in context.list("namespaces")]
    denied = []
    for name in names:
        policies = context.list("authorizationpolicies.policy.linkerd.io", name)
        if any(policy["metadata"]["name"] == SCRAPE_POLICY for policy in policies):
            continue
        for pod in context.list("pods", name):
            env = (proxy_of(pod) or {}).get("env") or ()
            if any(one["name"] == DEFAULT_POLICY and one.get("value") == "deny" for one in env):
                denied.append(pod["metadata"]["name"] if place else f"{name}/{pod['metadata']['name']}")
    if denied:
        raise listing("prometheus may not be authorized to scrape the following pods:", denied)


def _metrics(context: CheckContext, namespace: str) -> None:
    metrics_present(context, namespace, _api_pod(context, namespace))


def _lenient(check: Check) -> Check:
    """The check as a warning, left out where the extension is not installed."""
    return replace(
        check, run=_installed(lambda context, _: check.run(context)), fatal=False, warning=True, retry=False
    )


PROXIES = proxy_checks(
    _proxied,
    (
        "viz extension proxies are healthy",
        "viz extension proxies are up-to-date",
        "viz extension proxies and cli versions match",
    ),
    ("l5d-viz-proxy-healthy", "l5d-viz-proxy-cp-version", "l5d-viz-proxy-cli-version"),
)
EXTENSIONS = (
    Check("namespace configuration for extensions", "l5d-extension-namespaces", _extensions, warning=True),
)
VIZ = (
    Check("linkerd-viz Namespace exists", "l5d-viz-ns-exists", _namespace, fatal=True),
    Check("can initialize the client", "l5d-viz-existence-client", _installed(_client), fatal=True),
    Check(
        "linkerd-viz ClusterRoles exist", "l5d-viz-cr-exists", _installed(_exist("ClusterRole")), fatal=True
    ),
    Check(
        "linkerd-viz ClusterRoleBindings exist",
        "l5d-viz-crb-exists",
        _installed(_exist("ClusterRoleBinding")),
        fatal=True,
    ),
    Check("tap API server has valid cert", "l5d-tap-cert-valid", _installed(_tap_valid), fatal=True),
    Check(
        "tap API server cert is valid for at least 60 days",
        "l5d-tap-cert-not-expiring-soon",
        _installed(_tap_lasting),
        warning=True,
    ),
    Check("tap API service is running", "l5d-tap-api", _installed(_tap_running), warning=True, retry=True),
    Check("linkerd-viz pods are injected", "l5d-viz-pods-injection", _installed(_injected), warning=True),
    Check(
        "viz extension pods are running",
        "l5d-viz-pods-running",
        _installed(_running),
        warning=True,
        retry=True,
    ),
    *(_lenient(check) for check in PROXIES),
    Check(
        "prometheus is installed and configured correctly",
        "l5d-viz-prometheus",
        _installed(_prometheus),
        warning=True,
    ),
    Check("viz extension self-check", "l5d-viz-metrics-api", _installed(_self_check), fatal=True, retry=True),
)
VIZ_DATA_PLANE = (
    Check(
        "data plane namespace exists", "l5d-data-plane-exists", _installed(_data_plane_namespace), fatal=True
    ),
    Check(
        "prometheus is authorized to scrape data plane pods",
        "l5d-viz-data-plane-prom-authz",
        _installed(_scrapable),
        warning=True,
    ),
    Check(
        "data plane proxy metrics are present in Prometheus",
        "l5d-data-plane-prom",
        _installed(_metrics),
        warning=True,
        retry=True,
    ),
)
