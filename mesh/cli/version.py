"""``linkerd version``: of this command, of the control plane, of the proxies."""

from collections import Counter

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, Parsed
from mesh.cli.kube import KubeError, Obj
from mesh.cli.verb import Verb
from mesh.yaml import YamlError, load_all

__all__ = ["VERSION", "proxy_versions", "server_version"]

UNAVAILABLE = "unavailable"
CONTROL_PLANE_NS = "linkerd.io/control-plane-ns"


def server_version(console: Console) -> str:
    """The version of the running control plane, asked of the cluster; ``unavailable`` without one.

    stable-2.8.1 asks the public API; edge reads what the ConfigMap ``linkerd-config`` says was installed.
    """
    try:
        if not console.edition.viz_prefix:
            return _ask_controller(console)
        config = console.kube.get("configmaps", "linkerd-config", console.namespace)
        documents = load_all((config.get("data") or {}).get("values", ""), name="linkerd-config")
    except (KubeError, YamlError):
        return UNAVAILABLE
    values = documents[0] if documents and isinstance(documents[0], dict) else {}
    return str(values.get("linkerdVersion") or UNAVAILABLE)


def _ask_controller(console: Console) -> str:
    """What a running pod of linkerd-controller answers.

    Raises:
        KubeError: the pods cannot be listed.
    """
    label = "linkerd.io/control-plane-component=controller"
    for pod in console.kube.list("pods", console.namespace, labels=label):
        if pod.get("status", {}).get("phase") != "Running":
            continue
        reply = console.kube.request(
            console.namespace, pod["metadata"]["name"], 8085, "POST", "/api/v1/Version"
        )
        if reply.status == 200 and isinstance(reply.body, dict):
            return str(reply.body.get("releaseVersion", UNAVAILABLE))
    return UNAVAILABLE


def proxy_versions(console: Console, namespace: str | None) -> Counter[str]:
    """How many meshed pods run each version of the proxy.

    Raises:
        KubeError: the pods cannot be listed.
    """
    label = f"{CONTROL_PLANE_NS}={console.namespace}"
    return Counter(proxy_version(pod) for pod in console.kube.list("pods", namespace, labels=label))


def proxy_version(pod: Obj) -> str:
    """The tag of a pod's proxy image; empty without a proxy."""
    spec = pod.get("spec", {})
    for container in [*spec.get("containers", []), *spec.get("initContainers", [])]:
        if container["name"] == "linkerd-proxy":
            return str(container["image"]).rpartition(":")[2]
    return ""


def _version(parsed: Parsed, console: Console) -> Result:
    short, lines = parsed["short"], []
    version = console.edition.version
    lines.append(version if short else f"Client version: {version}")
    if not parsed["client"]:
        server = server_version(console)
        lines.append(server if short else f"Server version: {server}")
        if parsed["proxy"]:
            lines += _proxies(proxy_versions(console, parsed["namespace"] or None), short)
    return Result(stdout="\n".join(lines) + "\n")


def _proxies(counts: Counter[str], short: bool) -> list[str]:
    named = sorted((version, number) for version, number in counts.items() if version)
    if not named:
        return [UNAVAILABLE if short else f"Proxy versions: {UNAVAILABLE}"]
    rows = [f"{version} ({number} pods)" for version, number in named]
    return rows if short else ["Proxy versions:", *(f"\t{row}" for row in rows)]


VERSION = Verb(
    name="version",
    run=_version,
    flags=(
        Flag("short", kind="bool", help="Print the version number(s) only, with no additional output"),
        Flag("client", kind="bool", help="Print the client version only"),
        Flag("proxy", kind="bool", help="Print data-plane versions"),
        Flag("namespace", "n", help="Namespace to use for --proxy versions (default: all namespaces)"),
    ),
    summary="Print the client and server version information",
    about="Print the version of this command and of the control plane that the cluster runs.",
    example="""  # Before the control plane is installed the server version is "unavailable"
  {cmd}

  # How many pods run which version of the proxy?
  {cmd} --proxy
""",
)
