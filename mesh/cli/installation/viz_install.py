"""``linkerd viz install``: prints the manifests of the metrics extension."""

from typing import Any

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, Parsed
from mesh.cli.installation.chart import apply_set
from mesh.cli.installation.install import render
from mesh.cli.kube import KubeError
from mesh.cli.manifests.settings import Settings, chart_values, proxy_values, webhook_pairs
from mesh.cli.manifests.viz import WEBHOOK_SERVICES, viz_documents
from mesh.cli.verb import Verb, fail
from mesh.control.certificates import Pair

__all__ = ["VIZ_INSTALL", "viz_settings"]

NOT_INSTALLED = (
    "Error: viz needs a Linkerd control plane, and there is none in the {namespace} namespace: run `linkerd "
    "install | kubectl apply -f -` first, or use the --ignore-cluster flag to print the manifests anyway"
)
PRESENT = (
    "Error: the viz extension is already installed in the {namespace} namespace: use the --ignore-cluster "
    "flag to print the manifests anyway"
)


def viz_settings(console: Console, values: dict[str, Any]) -> Settings:
    """What the extension's manifests depend on; its own certificates are made now."""
    edition, now = console.edition, console.now()
    namespaces = dict.fromkeys(WEBHOOK_SERVICES, edition.viz_namespace)
    return Settings(
        edition=edition,
        namespace=console.namespace,
        values=values,
        proxy=proxy_values(edition, console.namespace, values),
        issuer=Pair("", ""),
        webhooks=webhook_pairs(namespaces, console.rng, now),
        now=now,
        viz_namespace=edition.viz_namespace,
    )


def _viz_install(parsed: Parsed, console: Console) -> Result:
    if not parsed["ignore-cluster"]:
        problem = _refusal(console)
        if problem:
            return fail(problem)
    values = apply_set(chart_values(console.edition, ha=parsed["ha"]), parsed["set"])
    return Result(stdout=render(viz_documents(viz_settings(console, values))))


def _refusal(console: Console) -> str:
    """Why the extension must not be installed now; empty when it may.

    Raises:
        KubeError: the cluster cannot be asked.
    """
    try:
        console.kube.get("configmaps", "linkerd-config", console.namespace)
    except KubeError as error:
        if error.reason != "NotFound":
            raise
        return NOT_INSTALLED.format(namespace=console.namespace)
    found = console.kube.list("namespaces", labels="linkerd.io/extension=viz")
    return PRESENT.format(namespace=found[0]["metadata"]["name"]) if found else ""


VIZ_INSTALL = Verb(
    name="install",
    run=_viz_install,
    flags=(
        Flag("ha", kind="bool", help="Install viz extension in High Availability mode"),
        Flag("ignore-cluster", kind="bool", help="Ignore the current cluster when printing"),
        Flag("set", kind="array", help="Set a value of the chart: key=value (may be repeated)"),
    ),
    summary="Output Kubernetes resources to install linkerd-viz extension",
    about="Print Kubernetes manifests of the metrics extension: metrics API, tap, dashboard, Prometheus.",
    example="""  # Install the extension, then see who talks to whom
  {cmd} | kubectl apply -f -
  linkerd viz stat -n emojivoto deploy
""",
)
