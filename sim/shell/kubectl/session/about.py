"""``kubectl version``, ``api-resources``, ``api-versions`` and ``cluster-info``."""

from typing import TYPE_CHECKING

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from mesh.yaml import dump
from sim.shell.context import Context
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import OUTPUT
from sim.shell.kubectl.printing.layout import rows
from sim.shell.kubectl.printing.output import json_text

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource

__all__ = ["API_RESOURCES", "API_VERSIONS", "CLUSTER_INFO", "VERSION", "client_version"]

# kubectl beside each edition of linkerd. Source: the tutorial; others use the one of the server's version.
CLIENTS = {"stable-2.8.1": "v1.16.6-beta.0"}
LINES_SINCE = 28  # minor version from which `kubectl version` prints short lines by itself
KUSTOMIZE = (("v5.6.0", 33), ("v5.5.0", 32), ("v5.4.2", 31), ("v5.0.4", 28), ("v4.5.7", 25))


def client_version(context: Context) -> str:
    """The version of this sandbox's kubectl: that of the edition's days."""
    found = CLIENTS.get(context.host.edition)
    if found:
        return found
    return str(context.client.version()["gitVersion"]).partition("-")[0].partition("+")[0]


def version(call: Call) -> None:
    """Print both versions, each really asked for."""
    form = call["output"]
    if form not in ("", "json", "yaml"):
        raise Failure("error: --output must be 'yaml' or 'json'")
    client = _client_info(call)
    server: Obj | None = None
    problem = ""
    if not call["client"]:
        try:
            server = call.client.version()
        except KubeError as error:
            problem = error.message
    if form:
        document: Obj = {"clientVersion": client}
        kustomize = _kustomize(call)
        if kustomize:
            document["kustomizeVersion"] = kustomize
        if server is not None:
            document["serverVersion"] = server
        call.write(json_text(document) if form == "json" else dump(document, sort=True))
    elif call["short"] or call.client_minor() >= LINES_SINCE:
        _lines(call, server)
    else:
        call.print(f"Client Version: {_info(client)}")
        if server is not None:
            call.print(f"Server Version: {_info(server)}")
    if problem:
        call.fail(f"error: {problem}")


def _lines(call: Call, server: Obj | None) -> None:
    if call["short"] and call.client_minor() >= LINES_SINCE:
        call.warn("Flag --short has been deprecated: the short form is the only one now")
    call.print(f"Client Version: {call.client_version}")
    kustomize = _kustomize(call)
    if kustomize:
        call.print(f"Kustomize Version: {kustomize}")
    if server is not None:
        call.print(f"Server Version: {server['gitVersion']}")


def _kustomize(call: Call) -> str:
    """The version of the kustomize inside this kubectl; old ones do not say."""
    return next((name for name, minor in KUSTOMIZE if call.client_minor() >= minor), "")


def _client_info(call: Call) -> Obj:
    plus = "+" if "-" in call.client_version else ""
    return {
        "gitVersion": call.client_version,
        "major": "1",
        "minor": f"{call.client_minor()}{plus}",
        "platform": "linux/amd64",
    }


def _info(version: Obj) -> str:
    """A version document as old clients print it."""
    names = (("Major", "major"), ("Minor", "minor"), ("GitVersion", "gitVersion"), ("Platform", "platform"))
    return "version.Info{" + ", ".join(f'{name}:"{version.get(key, "")}"' for name, key in names) + "}"


def api_resources(call: Call) -> None:
    """List the kinds the server knows."""
    form = call["output"]
    if form not in ("", "wide", "name"):
        raise Failure(f"error: --output {form} is not available; use wide or name")
    found = [resource for resource in call.client.resources() if _asked_for(call, resource)]
    if call["sort-by"] not in ("", "name", "kind"):
        raise Failure("error: --sort-by accepts only name or kind")
    by_kind = call["sort-by"] == "kind"
    found.sort(key=lambda r: (r.kind if by_kind else r.group, r.plural))
    if form == "name":
        call.print("\n".join(resource.key for resource in found))
        return
    old = call.client_minor() < 20
    third = "APIGROUP" if old else "APIVERSION"
    lines = [["NAME", "SHORTNAMES", third, "NAMESPACED", "KIND"]]
    if form == "wide":
        lines[0] += ["VERBS"] if old else ["VERBS", "CATEGORIES"]
    for resource in found:
        group = resource.group if old else resource.api_version
        line = [
            resource.plural,
            ",".join(resource.short_names),
            group,
            str(resource.namespaced).lower(),
            resource.kind,
        ]
        if form == "wide":
            verbs = ",".join(resource.verbs)
            line += [f"[{verbs.replace(',', ' ')}]"] if old else [verbs, ",".join(resource.categories)]
        lines.append(line)
    call.print(rows(lines[1:] if call["no-headers"] else lines))


def _asked_for(call: Call, resource: "Resource") -> bool:
    if call.given("namespaced") and resource.namespaced != call["namespaced"]:
        return False
    if call.given("api-group") and resource.group != call["api-group"]:
        return False
    wanted = [word for text in call["categories"] for word in text.split(",")]
    if wanted and not set(wanted) & set(resource.categories):
        return False
    return set(call["verbs"]) <= set(resource.verbs)


def api_versions(call: Call) -> None:
    """List the groups and versions the server serves."""
    found = {
        f"{resource.group}/{version}" if resource.group else version
        for resource in call.client.resources()
        for version in resource.versions
    }
    call.print("\n".join(sorted(found)))


def cluster_info(call: Call) -> None:
    """Say where the API server and DNS are."""
    from sim.shell.kubectl.session.kubeconfig import server_address

    address = server_address(call.context, call["kubeconfig"], call["context"])
    call.client.version()
    word = "Kubernetes master" if call.client_minor() < 20 else "Kubernetes control plane"
    call.print(f"{word} is running at {address}")
    for name, namespace in (("kube-dns", "kube-system"), ("metrics-server", "kube-system")):
        try:
            service = call.client.get("services", name, namespace)
        except KubeError:
            continue  # an add-on this cluster does not have is not listed
        shown = "CoreDNS" if name == "kube-dns" else "Metrics-server"
        port = ((service["spec"].get("ports") or [{}])[0]).get("name") or ""
        path = f"{name}:{port}" if port else name
        call.print(f"{shown} is running at {address}/api/v1/namespaces/{namespace}/services/{path}/proxy")


VERSION = Verb(
    usage="version [--client] [--output=json|yaml]",
    about="Print the versions of this kubectl and of the API server.",
    run=version,
    words=(0, 0),
    flags=(
        Flag("client", kind="bool", help="Only this kubectl's version; do not ask the server"),
        Flag("short", kind="bool", help="Only the version numbers"),
        Flag("output", "o", help="json or yaml"),
    ),
    examples="kubectl version --short",
)
API_RESOURCES = Verb(
    usage="api-resources [flags]",
    about="List the kinds of objects the server knows, with their short names.",
    run=api_resources,
    words=(0, 0),
    flags=(
        OUTPUT,
        Flag(
            "namespaced", kind="bool", default=True, help="Only kinds that live in namespaces, or that do not"
        ),
        Flag("api-group", help="Only kinds of this group"),
        Flag("categories", kind="list", help="Only kinds of these categories"),
        Flag("verbs", kind="list", help="Only kinds with these verbs"),
        Flag("no-headers", kind="bool", help="Leave out the first line"),
        Flag("sort-by", help="name or kind"),
        Flag("cached", kind="bool", help="Accepted", hidden=True),
    ),
    examples="kubectl api-resources --api-group=policy.linkerd.io",
)
API_VERSIONS = Verb(
    "api-versions", "List the API groups and versions the server serves.", api_versions, words=(0, 0)
)
CLUSTER_INFO = Verb("cluster-info", "Say where the cluster's API server is.", cluster_info, words=(0, 0))
