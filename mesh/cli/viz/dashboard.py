"""``linkerd dashboard``: where the dashboard is, once it answers."""

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.kube import KubeError
from mesh.cli.verb import Verb
from mesh.cli.viz.api import running_pod, viz_namespace

__all__ = ["DASHBOARD"]

WEB_PORT = 8084
RETRY = 1.0  # seconds between looks at a web pod that does not answer yet


def _dashboard(parsed: Parsed, console: Console) -> Result:
    """Wait for the web pod, forward a local port to it if that is possible here, print the addresses."""
    if not 0 < parsed["port"] < 65_536:
        raise FlagError(f"--port: {parsed['port']} is not a port")
    namespace = viz_namespace(console)
    pod = _wait(console, namespace, "web" if console.edition.viz_prefix else "linkerd-web", parsed["wait"])
    if console.forward is not None:
        console.forward(namespace, pod, parsed["port"], WEB_PORT)
    url = f"http://{parsed['address']}:{parsed['port']}"
    lines = ["Linkerd dashboard available at:", url]
    grafana = console.kube.request(namespace, pod, WEB_PORT, "GET", "/grafana/api/health")
    if grafana.status == 200:
        lines += ["Grafana dashboard available at:", f"{url}/grafana"]
    if parsed["show"] != "url":
        name = "Grafana" if parsed["show"] == "grafana" else "Linkerd"
        lines.append(f"Opening {name} dashboard in the default browser")
    return Result(stdout="\n".join(lines) + "\n")


def _wait(console: Console, namespace: str, deployment: str, patience: float) -> str:
    """The name of a web pod that answers.

    Raises:
        KubeError: none did in time.
    """
    until = console.now() + patience
    while True:
        try:
            pod = running_pod(console, namespace, deployment)
            reply = console.kube.request(namespace, pod, WEB_PORT, "GET", "/api/version")
            if reply.status == 200:
                return pod
            what = reply.error or f"HTTP {reply.status}"
            error = KubeError("Unreachable", f"pod {namespace}/{pod} does not answer: {what}")
        except KubeError as missing:
            error = missing
        if error.reason == "NotFound" or console.now() + RETRY > until:
            raise error
        console.sleep(RETRY)


DASHBOARD = Verb(
    name="dashboard",
    run=_dashboard,
    flags=(
        Flag("address", default="localhost", help="The address at which to serve requests"),
        Flag("port", "p", kind="int", default=50750, help="The local port on which to serve requests"),
        Flag(
            "show",
            default="linkerd",
            choices=("linkerd", "grafana", "url"),
            help="Open a dashboard in a browser or show URLs in the CLI (linkerd, grafana, url)",
        ),
        Flag("wait", kind="duration", default=300.0, help="How long to wait for the dashboard to answer"),
    ),
    summary="Open the Linkerd dashboard in a web browser",
    about="Forward a local port to the dashboard's pod and say where to look.",
    example="""  # In the background, as the tutorial does
  {cmd} &
""",
)
