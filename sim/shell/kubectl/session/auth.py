"""``kubectl auth``: what one is allowed to do, asked of the API server."""

from types import MappingProxyType
from typing import Any

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import ALL_NAMESPACES
from sim.shell.kubectl.printing.layout import align, rows

__all__ = ["AUTH"]

GROUP = "authorization.k8s.io/v1"


def can_i(call: Call) -> None:
    """Print yes or no; the status is 1 for no."""
    if call["list"]:
        if call.args:
            raise Failure("error: list option must be specified with no arguments")
        _list(call)
        return
    if len(call.args) not in (2, 3):
        raise Failure("error: you must specify two arguments: verb resource or verb resource/resourceName.")
    verb, word = call.args[0], call.args[1]
    attributes: Obj = {"resourceAttributes": _attributes(call, verb, word)}
    if word.startswith("/"):
        attributes = {"nonResourceAttributes": {"path": word, "verb": verb}}
    made = call.client.create(
        {"apiVersion": GROUP, "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": attributes}
    )
    status = made.get("status", {})
    allowed = bool(status.get("allowed"))
    if not call["quiet"]:
        reason = status.get("reason", "")
        call.print("yes" if allowed else f"no - {reason}" if reason else "no")
    call.status = 0 if allowed else 1


def _attributes(call: Call, verb: str, word: str) -> Obj:
    kind, slash, name = word.partition("/")
    if slash and len(call.args) == 3:
        raise Failure("error: the name is given twice")
    name = name or (call.args[2] if len(call.args) == 3 else "")
    found: Obj = {
        "verb": verb,
        "group": "",
        "resource": kind,
        "name": name,
        "subresource": call["subresource"],
    }
    try:
        resource = call.client.resource(kind)
    except KubeError:
        if kind != "*":
            call.warn(f"Warning: the server doesn't have a resource type '{kind}'")
        return {**found, "namespace": call.namespace}
    found |= {"group": resource.group, "resource": resource.plural}
    if not resource.namespaced:
        if call.named:
            call.warn(f"Warning: resource '{resource.plural}' is not namespace scoped")
        return {**found, "namespace": ""}
    return {**found, "namespace": "" if call["all-namespaces"] else call.namespace}


def _list(call: Call) -> None:
    review = {
        "apiVersion": GROUP,
        "kind": "SelfSubjectRulesReview",
        "metadata": {},
        "spec": {"namespace": call.namespace},
    }
    status = call.client.create(review).get("status", {})
    lines = ["Resources\tNon-Resource URLs\tResource Names\tVerbs"]
    for rule in status.get("resourceRules") or []:
        groups = rule.get("apiGroups") or [""]
        for resource in rule.get("resources") or []:
            name = resource if groups == [""] else f"{resource}.{groups[0]}"
            lines.append(f"{name}\t[]\t{_words(rule.get('resourceNames'))}\t{_words(rule.get('verbs'))}")
    lines += [
        f"\t{_words(rule.get('nonResourceURLs'))}\t[]\t{_words(rule.get('verbs'))}"
        for rule in status.get("nonResourceRules") or []
    ]
    call.print(align("\n".join(lines), minimum=6, padding=3))


def _words(values: Any) -> str:
    return "[" + " ".join(values or []) + "]"


def whoami(call: Call) -> None:
    """Print the user the server takes this kubectl for."""
    try:
        made = call.client.create(
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
        )
    except KubeError as error:
        if "no matches" in error.message:
            raise Failure("error: the selfsubjectreviews API is not enabled in the cluster") from None
        raise
    info = made.get("status", {}).get("userInfo", {})
    lines = [["ATTRIBUTE", "VALUE"], ["Username", info.get("username", "")]]
    if info.get("groups"):
        lines.append(["Groups", _words(info["groups"])])
    call.print(rows(lines))


AUTH = Verb(
    usage="auth (can-i | whoami) [flags]",
    about="Ask the API server what one is allowed to do. --as asks for somebody else.",
    verbs=MappingProxyType(
        {
            "can-i": Verb(
                "auth can-i VERB (TYPE | TYPE/NAME | URL) [flags]",
                "Say whether an action is allowed",
                can_i,
                (
                    ALL_NAMESPACES,
                    Flag("list", kind="bool", help="List everything that is allowed"),
                    Flag("quiet", "q", kind="bool", help="Only the exit status"),
                    Flag("subresource", help="A part of the resource, such as log or status"),
                    Flag("no-headers", kind="bool", help="Accepted", hidden=True),
                ),
                examples="""
kubectl auth can-i create deployments -n emojivoto
kubectl auth can-i list pods --as=system:serviceaccount:linkerd:linkerd-destination -A
""",
            ),
            "whoami": Verb("auth whoami", "Say who one is", whoami, words=(0, 0)),
        }
    ),
)
